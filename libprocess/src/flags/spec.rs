//! What is known about one flag before any command line is read.

/// What kind of value a flag takes; chooses how it is completed and shown in help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `--name` or `--no-name`.
    Boolean,
    /// A number.
    Number,
    /// Any text.
    Text,
    /// A path, which is completed as one, and for which `file://` is not replaced by the content.
    Path,
    /// A duration such as `10secs`.
    Duration,
    /// A size such as `4KB`.
    Bytes,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

/// What a declaration may add to a flag; all of it is optional.
#[derive(Clone, Copy, Debug)]
pub struct Extra {
    /// Other names, as good as the first.
    pub names: &'static [&'static str],
    /// Other names that still work but warn.
    pub deprecated_names: &'static [&'static str],
    /// Set when the flag itself is deprecated: what to use instead.
    pub deprecated: Option<&'static str>,
    /// Words that the value may be; shown in help, completed, and enforced.
    pub choices: &'static [&'static str],
}

impl Extra {
    /// Nothing added.
    pub const NONE: Self =
        Self { names: &[], deprecated_names: &[], deprecated: None, choices: &[] };
}

/// Everything that is known about one flag.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The name, without dashes: `work_dir`.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// The value when none is given, as it would be written on the command line.
    pub default: Option<&'static str>,
    /// Whether there is neither a default nor a way to do without.
    pub required: bool,
    /// The help text, its lines as declared.
    pub help: &'static [&'static str],
    /// Further names and notes.
    pub extra: Extra,
}

impl Spec {
    /// Whether `name` is one of the flag's names.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name
            || self.extra.names.contains(&name)
            || self.extra.deprecated_names.contains(&name)
    }

    /// Whether the flag is a boolean.
    pub fn is_boolean(&self) -> bool {
        self.kind == Kind::Boolean
    }

    /// The help text as one paragraph per blank line, without the blanks of doc comments.
    pub fn help_lines(&self) -> impl Iterator<Item = &'static str> {
        self.help.iter().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
    }

    /// The first sentence or line of the help, for completion menus.
    pub fn summary(&self) -> String {
        let text: Vec<_> = self.help_lines().take_while(|line| !line.is_empty()).collect();
        let text = text.join(" ");
        match text.find(". ") {
            Some(end) => text[..end].to_owned(),
            None => text.trim_end_matches('.').to_owned(),
        }
    }
}

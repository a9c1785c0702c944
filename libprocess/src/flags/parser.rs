//! From a command line and an environment to one raw value per flag.
//!
//! Only names are resolved here; values become types in [`Loaded::take`], which the generated
//! [`FlagSet`](super::FlagSet) calls for each field.

use super::spec::{Kind, Spec};
use super::value::FlagValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

/// The largest file that a `file://` value may name.
const FILE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// What is wrong with a command line. The texts are those of Mesos.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// There is no such flag.
    #[error("Failed to load unknown flag '{name}'{}", via.as_ref().map_or(String::new(),
        |via| format!(" via '{via}'")))]
    Unknown {
        /// The name.
        name: String,
        /// The name as it was written, when that was `no-name`.
        via: Option<String>,
        /// A known name that looks like it.
        similar: Option<&'static str>,
    },
    /// A flag was given twice under one name.
    #[error("Duplicate flag '{name}' on command line")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A flag was given under two of its names.
    #[error("Flag '{name}' is already loaded via name '{loaded_name}'")]
    AlreadyLoaded {
        /// The flag.
        name: &'static str,
        /// The name that came first.
        loaded_name: String,
    },
    /// `--no-name` for a flag that is no boolean.
    #[error("Failed to load non-boolean flag '{name}' via '{via}'")]
    NotBoolean {
        /// The flag.
        name: String,
        /// The name as it was written.
        via: String,
    },
    /// `--name` without a value, for a flag that is no boolean.
    #[error("Failed to load non-boolean flag '{name}': Missing value")]
    MissingValue {
        /// The flag.
        name: String,
    },
    /// `--no-name=value`.
    #[error("Failed to load boolean flag '{name}' via '{via}' with value '{value}'")]
    NegatedWithValue {
        /// The flag.
        name: String,
        /// The name as it was written.
        via: String,
        /// The value.
        value: String,
    },
    /// The value is wrong.
    #[error("Failed to load flag '{name}': Failed to load value '{value}': {reason}")]
    Value {
        /// The flag.
        name: &'static str,
        /// The value as it was written.
        value: String,
        /// What is wrong with it.
        reason: String,
        /// What the flag takes.
        kind: Kind,
    },
    /// A flag without a default is missing.
    #[error("Flag '{name}' is required, but it was not provided")]
    Required {
        /// The flag.
        name: &'static str,
    },
}

impl FlagError {
    /// What the user can do about it, as a sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { similar: Some(similar), .. } => {
                format!("Did you mean '--{similar}'? '--help' lists all flags.")
            }
            Self::Unknown { .. } => "'--help' lists all flags.".to_owned(),
            Self::Duplicate { name } => format!("Give '--{name}' once."),
            Self::AlreadyLoaded { name, .. } => format!("Use only '--{name}'."),
            Self::NotBoolean { name, .. } | Self::MissingValue { name } => {
                format!("Write it as '--{name}=VALUE', with the equals sign.")
            }
            Self::NegatedWithValue { name, .. } => {
                format!("Write '--{name}' or '--no-{name}'.")
            }
            Self::Value { name, kind, .. } => match kind {
                Kind::Boolean => format!("Write '--{name}' or '--no-{name}'."),
                Kind::Number => format!("Give a number, for example '--{name}=5'."),
                Kind::Duration => format!(
                    "Give a number and a unit (ns, us, ms, secs, mins, hrs, days, weeks), \
                     for example '--{name}=10secs'."
                ),
                Kind::Bytes => format!(
                    "Give a whole number and a unit (B, KB, MB, GB, TB), \
                     for example '--{name}=512MB'."
                ),
                Kind::Choice(choices) => format!("Choose one of: {}.", choices.join(", ")),
                Kind::Text | Kind::Path => format!("'--help' explains '--{name}'."),
            },
            Self::Required { name } => {
                format!("Add '--{name}=VALUE', or set it in the environment.")
            }
        }
    }
}

/// One raw value per flag.
#[derive(Debug, Default)]
pub struct Loaded {
    values: BTreeMap<&'static str, String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Arguments that are no flags.
    pub positional: Vec<String>,
}

impl Loaded {
    /// The typed value of one flag: given, or default, or absent.
    ///
    /// # Errors
    /// [`FlagError::Value`] or [`FlagError::Required`].
    pub fn take<T: FlagValue>(&self, spec: &Spec) -> Result<T, FlagError> {
        match self.values.get(spec.name).map(String::as_str).or(spec.default) {
            Some(text) => read_value(spec, text),
            None => T::absent().ok_or(FlagError::Required { name: spec.name }),
        }
    }
}

fn read_value<T: FlagValue>(spec: &Spec, text: &str) -> Result<T, FlagError> {
    let wrong = |reason| FlagError::Value {
        name: spec.name,
        value: text.to_owned(),
        reason,
        kind: if spec.extra.choices.is_empty() {
            spec.kind
        } else {
            Kind::Choice(spec.extra.choices)
        },
    };
    let content = match text.strip_prefix("file://") {
        Some(path) if spec.kind != Kind::Path => Some(read_file(path).map_err(wrong)?),
        _ => None,
    };
    let value = content.as_deref().unwrap_or(text);
    if !spec.extra.choices.is_empty() && !spec.extra.choices.contains(&value) {
        return Err(wrong(format!("Expecting one of {}", spec.extra.choices.join(", "))));
    }
    T::read(value).map_err(wrong)
}

/// The content of the file that stands for a value, without the line break at its end.
fn read_file(path: &str) -> Result<String, String> {
    let explain = |error: std::io::Error| format!("Error reading file '{path}': {error}");
    let mut content = String::new();
    let file = File::open(path).map_err(explain)?;
    file.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut content).map_err(explain)?;
    if content.len() as u64 > FILE_LIMIT_BYTES {
        return Err(format!("Error reading file '{path}': longer than {FILE_LIMIT_BYTES} bytes"));
    }
    content.truncate(content.trim_end_matches(['\n', '\r']).len());
    Ok(content)
}

/// Whether the command line holds `--name` for a boolean flag of the set.
pub fn asks_for(specs: &[Spec], arguments: &[String], name: &str) -> bool {
    let declared = name == "help" || specs.iter().any(|spec| spec.name == name);
    declared
        && arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
            argument.strip_prefix("--").is_some_and(|rest| {
                rest == name || rest.strip_prefix(name).is_some_and(|rest| rest == "=true")
            })
        })
}

/// Reads names; see the module.
///
/// # Errors
/// Anything but wrong values.
pub fn load(
    specs: &[Spec],
    prefix: &str,
    arguments: Vec<String>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, FlagError> {
    let mut loaded = Loaded::default();
    let mut given = BTreeMap::new();
    read_arguments(arguments, &mut given, &mut loaded.positional)?;
    let mut names: BTreeMap<&'static str, String> = BTreeMap::new();
    for (written, value) in given {
        let (name, negated) = match written.strip_prefix("no-") {
            Some(name) => (name, true),
            None => (written.as_str(), false),
        };
        let spec = find(specs, name).ok_or_else(|| unknown(specs, name, negated, &written))?;
        if let Some(loaded_name) = names.insert(spec.name, written.clone()) {
            return Err(FlagError::AlreadyLoaded { name: spec.name, loaded_name });
        }
        let value = raw_value(spec, name, &written, negated, value)?;
        warn(spec, name, &mut loaded.warnings);
        loaded.values.insert(spec.name, value);
    }
    read_environment(specs, prefix, environment, &mut loaded);
    Ok(loaded)
}

fn read_arguments(
    arguments: Vec<String>,
    given: &mut BTreeMap<String, Option<String>>,
    positional: &mut Vec<String>,
) -> Result<(), FlagError> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            positional.extend(arguments);
            break;
        }
        let Some(flag) = argument.strip_prefix("--") else {
            positional.push(argument);
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let name = name.to_ascii_lowercase();
        let opposite = match name.strip_prefix("no-") {
            Some(positive) => positive.to_owned(),
            None => format!("no-{name}"),
        };
        if given.contains_key(&name) || given.contains_key(&opposite) {
            return Err(FlagError::Duplicate { name });
        }
        given.insert(name, value);
    }
    Ok(())
}

fn raw_value(
    spec: &Spec,
    name: &str,
    written: &str,
    negated: bool,
    value: Option<String>,
) -> Result<String, FlagError> {
    let name = name.to_owned();
    let via = written.to_owned();
    match (spec.is_boolean(), negated, value) {
        (false, true, _) => Err(FlagError::NotBoolean { name, via }),
        (false, false, None) => Err(FlagError::MissingValue { name }),
        (false, false, Some(value)) => Ok(value),
        (true, negated, None) => Ok((!negated).to_string()),
        (true, negated, Some(value)) if value.is_empty() => Ok((!negated).to_string()),
        (true, true, Some(value)) => Err(FlagError::NegatedWithValue { name, via, value }),
        (true, false, Some(value)) => Ok(value),
    }
}

/// Variables never override the command line, and unknown ones belong to somebody else.
fn read_environment(
    specs: &[Spec],
    prefix: &str,
    environment: impl IntoIterator<Item = (String, String)>,
    loaded: &mut Loaded,
) {
    // Sorted, so that of two names of one flag the same one wins every time.
    let variables: BTreeMap<String, String> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_ascii_lowercase(), value)))
        .collect();
    for (name, value) in variables {
        let Some(spec) = find(specs, &name) else { continue };
        if loaded.values.contains_key(spec.name) {
            continue;
        }
        warn(spec, &name, &mut loaded.warnings);
        let value = if spec.is_boolean() && value.is_empty() { "true".to_owned() } else { value };
        loaded.values.insert(spec.name, value);
    }
}

fn find<'a>(specs: &'a [Spec], name: &str) -> Option<&'a Spec> {
    specs.iter().find(|spec| spec.answers_to(name))
}

fn warn(spec: &Spec, name: &str, warnings: &mut Vec<String>) {
    if spec.extra.deprecated_names.contains(&name) {
        warnings
            .push(format!("Loaded deprecated flag '{name}', please use '{}' instead", spec.name));
    }
    if let Some(advice) = spec.extra.deprecated {
        warnings.push(format!("Loaded deprecated flag '{name}': {advice}"));
    }
}

fn unknown(specs: &[Spec], name: &str, negated: bool, written: &str) -> FlagError {
    let similar = specs
        .iter()
        .map(|spec| (distance(name, spec.name), spec.name))
        .min()
        .filter(|(distance, known)| *distance <= 1 + known.len() / 5)
        .map(|(_, known)| known);
    let via = negated.then(|| written.to_owned());
    FlagError::Unknown { name: name.to_owned(), via, similar }
}

/// How many letters must change to turn one word into the other. Dashes count as underscores,
/// since that is the most common slip.
fn distance(left: &str, right: &str) -> usize {
    let letters = |text: &str| text.replace('-', "_").chars().take(64).collect::<Vec<_>>();
    let (left, right) = (letters(left), letters(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substitute = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

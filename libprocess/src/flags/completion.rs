//! Completion scripts for shells, written from the flag tables.

use super::spec::{Kind, Spec};
use std::fmt::Write as _;
use std::str::FromStr;

/// A shell for which a script can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

impl FromStr for Shell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "fish" => Ok(Self::Fish),
            _ => Err(format!("unknown shell '{text}', choose one of bash, zsh, fish")),
        }
    }
}

/// A subcommand as completion sees it.
#[derive(Clone, Debug)]
pub struct Command {
    /// What the user types.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its flags.
    pub flags: Vec<Spec>,
}

/// A script that completes `program`, its subcommands and their flags.
pub fn script(shell: Shell, program: &str, commands: &[Command]) -> String {
    match shell {
        Shell::Bash => bash(program, commands),
        Shell::Zsh => zsh(program, commands),
        Shell::Fish => fish(program, commands),
    }
}

/// How a flag is typed: `--quiet` and `--no-quiet`, or `--port=`.
fn spellings(spec: &Spec) -> Vec<String> {
    if spec.is_boolean() {
        vec![format!("--{}", spec.name), format!("--no-{}", spec.name)]
    } else {
        vec![format!("--{}=", spec.name)]
    }
}

fn bash(program: &str, commands: &[Command]) -> String {
    let function = format!("_{}", program.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let names: Vec<&str> = commands.iter().map(|command| command.name).collect();
    let mut text = format!(
        "# Completion of {program} for bash. Load it with: source <({program} completion bash)\n\
         {function}() {{\n\
         \x20   local current=\"${{COMP_WORDS[COMP_CWORD]}}\" flags=\"\"\n\
         \x20   if [ \"$COMP_CWORD\" -eq 1 ]; then\n\
         \x20       COMPREPLY=($(compgen -W \"{}\" -- \"$current\"))\n\
         \x20       return\n\
         \x20   fi\n\
         \x20   case \"${{COMP_WORDS[1]}}\" in\n",
        names.join(" ")
    );
    for command in commands {
        let flags: Vec<String> = command.flags.iter().flat_map(spellings).collect();
        let _ = writeln!(text, "        {}) flags=\"{}\" ;;", command.name, flags.join(" "));
    }
    let _ = write!(
        text,
        "    esac\n\
         \x20   case \"$current\" in\n\
         \x20       -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n\
         \x20           [[ \"${{COMPREPLY[0]}}\" == *= ]] && compopt -o nospace ;;\n\
         \x20       *) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n\
         \x20   esac\n\
         }}\n\
         complete -F {function} {program}\n"
    );
    text
}

fn zsh(program: &str, commands: &[Command]) -> String {
    let mut text = format!("#compdef {program}\n\n_arguments -C '1: :->command' '*:: :->rest'\n");
    text.push_str("case $state in\n    command)\n        local -a commands=(\n");
    for command in commands {
        let about = quote_zsh(command.about);
        let _ = writeln!(text, "            '{}:{about}'", command.name);
    }
    text.push_str("        )\n        _describe command commands ;;\n    rest)\n");
    text.push_str("        case $words[1] in\n");
    for command in commands {
        let _ = writeln!(text, "            {}) _arguments \\", command.name);
        for spec in &command.flags {
            let summary = quote_zsh(&spec.summary());
            let action = match spec.kind {
                Kind::Path => ":file:_files".to_owned(),
                Kind::Choice(choices) => format!(":value:({})", choices.join(" ")),
                _ if !spec.extra.choices.is_empty() => {
                    format!(":value:({})", spec.extra.choices.join(" "))
                }
                Kind::Boolean => String::new(),
                _ => ":value:".to_owned(),
            };
            for spelling in spellings(spec) {
                let dash = if spelling.ends_with('=') { "-" } else { "" };
                let name = spelling.trim_end_matches('=');
                let equals = if dash.is_empty() { "" } else { "=-" };
                let _ = writeln!(text, "                '{name}{equals}[{summary}]{action}' \\");
            }
        }
        text.push_str("                '*:file:_files' ;;\n");
    }
    text.push_str("        esac ;;\nesac\n");
    text
}

fn quote_zsh(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\'', "'\\''")
        .replace('[', "\\[")
        .replace(']', "\\]")
        .replace(':', "\\:")
}

fn fish(program: &str, commands: &[Command]) -> String {
    let mut text = format!("# Completion of {program} for fish.\n");
    for command in commands {
        let about = quote_fish(command.about);
        let _ = writeln!(
            text,
            "complete -c {program} -n __fish_use_subcommand -f -a {} -d '{about}'",
            command.name
        );
        for spec in &command.flags {
            let summary = quote_fish(&spec.summary());
            let seen = format!("-n '__fish_seen_subcommand_from {}'", command.name);
            let takes = if spec.is_boolean() { "" } else { " -r" };
            let name = spec.name;
            let _ = writeln!(text, "complete -c {program} {seen} -l {name}{takes} -d '{summary}'");
            if spec.is_boolean() {
                let _ = writeln!(text, "complete -c {program} {seen} -l no-{name}");
            }
        }
    }
    text
}

fn quote_fish(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

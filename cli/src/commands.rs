//! The table of commands, and the names under which the binary acts as one of them.

use std::process::ExitCode;

use libprocess::flags::{FlagSet, Invocation, Parsed, Spec};

use crate::error::CliError;
use crate::output::{complain, warn};
use crate::{completion, daemon, execute, help, local, run, status};

/// The prefix of environment variables that stand for flags.
pub const ENVIRONMENT_PREFIX: &str = "MESOS_";

/// One command.
pub struct Command {
    /// What the user types after `mesos`.
    pub name: &'static str,
    /// What follows it, for help.
    pub arguments: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its flags.
    pub specs: fn() -> Vec<Spec>,
    /// Runs it with what follows its name.
    run: fn(Invoked) -> Result<ExitCode, CliError>,
}

/// A command as it was called.
pub struct Invoked {
    /// How the user called it, for messages: `mesos run`, or `mesos-master`.
    pub program: String,
    /// What followed.
    pub arguments: Vec<String>,
}

/// Every command, in the order of help.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "local",
        arguments: "[--agents=3] [-- COMMAND...]",
        about: "Runs a master and agents on this machine, for a command or until Ctrl-C.",
        specs: local::Flags::specs,
        run: local::main,
    },
    Command {
        name: "run",
        arguments: "[--cpus=1] [--mem=128] -- COMMAND...",
        about: "Runs a command on the cluster, with its output here and its exit code.",
        specs: run::Flags::specs,
        run: run::main,
    },
    Command {
        name: "status",
        arguments: "",
        about: "Shows the leading master, its agents, frameworks, tasks and resources.",
        specs: status::Flags::specs,
        run: status::main,
    },
    Command {
        name: "execute",
        arguments: "--name=NAME --command=COMMAND",
        about: "Runs one task and prints its updates, as mesos-execute does.",
        specs: execute::Flags::specs,
        run: execute::main,
    },
    Command {
        name: "master",
        arguments: "--work_dir=DIRECTORY",
        about: "Runs a master.",
        specs: master::Flags::specs,
        run: daemon::master_main,
    },
    Command {
        name: "agent",
        arguments: "--master=HOST:PORT --work_dir=DIRECTORY",
        about: "Runs an agent.",
        specs: slave::Flags::specs,
        run: daemon::agent_main,
    },
    Command {
        name: "completion",
        arguments: "bash|zsh|fish",
        about: "Prints a script that completes commands and flags in a shell.",
        specs: Vec::new,
        run: completion::main,
    },
    Command {
        name: "version",
        arguments: "",
        about: "Prints the version.",
        specs: Vec::new,
        run: help::version_main,
    },
    Command {
        name: "help",
        arguments: "[COMMAND]",
        about: "Explains the commands, or one of them.",
        specs: Vec::new,
        run: help::main,
    },
];

/// The command of this name; some have two.
pub fn find(name: &str) -> Option<&'static Command> {
    let name = if name == "slave" { "agent" } else { name };
    COMMANDS.iter().find(|command| command.name == name)
}

/// Runs what `program` (the name under which the binary was called) and its arguments say.
pub fn dispatch(program: &str, mut arguments: Vec<String>) -> ExitCode {
    let called = program.rsplit('/').next().unwrap_or_default();
    if let Some(command) = called.strip_prefix("mesos-").and_then(find) {
        return finish(command, Invoked { program: called.to_owned(), arguments });
    }
    if arguments.is_empty() {
        help::print_commands();
        return ExitCode::FAILURE;
    }
    let name = arguments.remove(0);
    let name = match name.as_str() {
        "--help" | "-h" => "help",
        "--version" | "-V" => "version",
        name => name,
    };
    match find(name) {
        Some(command) => finish(command, Invoked { program: format!("mesos {name}"), arguments }),
        None => {
            let error = CliError::UnknownCommand { name: name.to_owned() };
            complain("mesos", &error);
            ExitCode::FAILURE
        }
    }
}

fn finish(command: &Command, invoked: Invoked) -> ExitCode {
    let program = invoked.program.clone();
    (command.run)(invoked).unwrap_or_else(|error| {
        complain(&program, &error);
        error.exit_code()
    })
}

/// Reads the flags of a command. None when only help or the version was wanted, and was printed.
pub fn parse<T: FlagSet>(invoked: &Invoked) -> Result<Option<Parsed<T>>, CliError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    match T::parse(ENVIRONMENT_PREFIX, invoked.arguments.iter().cloned(), environment)? {
        Invocation::Help => {
            print!("{}", T::usage(&invoked.program));
            Ok(None)
        }
        Invocation::Version => {
            help::print_version();
            Ok(None)
        }
        Invocation::Run(parsed) => {
            for warning in &parsed.warnings {
                warn(&invoked.program, warning);
            }
            Ok(Some(*parsed))
        }
    }
}

/// Refuses arguments that a command has no use for.
pub fn no_arguments(positional: &[String]) -> Result<(), CliError> {
    match positional {
        [] => Ok(()),
        [first, ..] => Err(CliError::Argument { argument: first.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for command in COMMANDS {
            assert_eq!(find(command.name).map(|found| found.about), Some(command.about));
        }
        assert_eq!(find("slave").map(|command| command.name), Some("agent"));
        assert!(find("executor").is_none(), "it is dispatched before the table");
        assert!(find("nothing").is_none());
    }
}

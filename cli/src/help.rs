//! `mesos help` and `mesos version`.

use std::process::ExitCode;

use crate::VERSION;
use crate::commands::{self, COMMANDS, ENVIRONMENT_PREFIX, Invoked};
use crate::error::CliError;

/// Explains the commands, or one of them.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    match &invoked.arguments[..] {
        [] => print_commands(),
        [name] => {
            let command = commands::find(name)
                .ok_or_else(|| CliError::UnknownCommand { name: name.clone() })?;
            println!("{}\n", command.about);
            let program = format!("mesos {} {}", command.name, command.arguments);
            let program = program.trim_end();
            let specs = (command.specs)();
            if specs.is_empty() {
                println!("Usage: {program}");
            } else {
                let usage = libprocess::flags::usage::usage(&format!("mesos {name}"), &specs);
                println!("Usage: {program}\n");
                print!("{}", usage.split_once("\n\n").map_or(usage.as_str(), |(_, flags)| flags));
                println!("\nA flag may also be set in the environment: {ENVIRONMENT_PREFIX}NAME.");
            }
        }
        [_, extra, ..] => return Err(CliError::Argument { argument: extra.clone() }),
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the commands.
pub fn print_commands() {
    println!("Usage: mesos COMMAND [--flag=value ...]\n");
    for command in COMMANDS {
        println!("  {:12}{}", command.name, command.about);
    }
    println!("\n'mesos help COMMAND' explains one of them.");
}

/// Prints the version.
pub fn version_main(invoked: Invoked) -> Result<ExitCode, CliError> {
    commands::no_arguments(&invoked.arguments)?;
    print_version();
    Ok(ExitCode::SUCCESS)
}

/// Prints the product's version and the level of Mesos's API.
pub fn print_version() {
    println!("mesos {VERSION} (Mesos API {})", master::MESOS_VERSION);
}

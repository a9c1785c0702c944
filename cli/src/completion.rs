//! `mesos completion`: scripts that complete commands and flags, made from the flag tables.

use std::process::ExitCode;

use libprocess::flags::completion::{self, Shell};

use crate::commands::{COMMANDS, Invoked};
use crate::error::CliError;

/// Prints the script for one shell.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let shell = match &invoked.arguments[..] {
        [shell] => shell.parse::<Shell>().ok(),
        _ => None,
    };
    let Some(shell) = shell else {
        let given = invoked.arguments.join(" ");
        if given.is_empty() || given == "--help" {
            println!("Usage: mesos completion bash|zsh|fish\n");
            println!("For bash, for example: source <(mesos completion bash)");
            return Ok(ExitCode::SUCCESS);
        }
        return Err(CliError::Argument { argument: given });
    };
    let commands: Vec<completion::Command> = COMMANDS
        .iter()
        .map(|command| completion::Command {
            name: command.name,
            about: command.about,
            flags: (command.specs)(),
        })
        .collect();
    print!("{}", completion::script(shell, "mesos", &commands));
    Ok(ExitCode::SUCCESS)
}

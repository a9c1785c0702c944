//! `mesos completion`: scripts that complete commands and flags, made from the flag tables.

use std::process::ExitCode;

use libprocess::flags::completion::{self, Shell};

use crate::commands::{COMMANDS, Invoked};
use crate::error::CliError;

/// Prints the script for one shell.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let shell: Shell = match &invoked.arguments[..] {
        [shell] if shell != "--help" => shell.parse().map_err(CliError::Shell)?,
        [_, extra, ..] => return Err(CliError::Argument { argument: extra.clone() }),
        _ => {
            println!("Usage: mesos completion bash|zsh|fish\n");
            println!("For bash, for example: source <(mesos completion bash)");
            return Ok(ExitCode::SUCCESS);
        }
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

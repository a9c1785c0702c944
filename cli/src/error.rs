//! How commands fail: what, with which value, why, and what to do next.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use libprocess::flags::FlagError;
use mesos_framework::DriverError;

/// The exit code of `mesos run` when the command did not run to its end, so that it had no exit
/// code of its own.
pub const NOT_RUN: u8 = 125;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is no such command.
    #[error("there is no command '{name}'")]
    UnknownCommand {
        /// What was typed.
        name: String,
    },
    /// The flags are wrong.
    #[error(transparent)]
    Flags(#[from] FlagError),
    /// An argument that means nothing here.
    #[error("unexpected argument '{argument}'")]
    Argument {
        /// The argument.
        argument: String,
    },
    /// There is no completion for this shell.
    #[error("{0}")]
    Shell(String),
    /// The command needs something to run, and was not given it.
    #[error("no command was given")]
    NoCommand,
    /// A flag that cannot be used as it is.
    #[error("cannot use --{flag}={value}: {reason}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The conversation with the master failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A master does not answer as it should.
    #[error("cannot get {path} from {master}: {reason}")]
    Master {
        /// Its `host:port`.
        master: String,
        /// What was asked for.
        path: &'static str,
        /// What happened.
        reason: String,
    },
    /// A daemon cannot be started.
    #[error("cannot start {what}: {reason}")]
    Start {
        /// Which.
        what: String,
        /// Why not, with causes.
        reason: String,
    },
    /// A daemon had to end.
    #[error("{program} had to end: {reason}")]
    Ended {
        /// Which.
        program: String,
        /// Why.
        reason: String,
    },
    /// A program cannot be started.
    #[error("cannot run '{program}': {source}")]
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// A file or directory cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system refuses something that always works.
    #[error("cannot {what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl CliError {
    /// What the user can do about it, as a sentence.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownCommand { .. } => "'mesos help' lists the commands.".to_owned(),
            Self::Flags(error) => error.hint(),
            Self::Argument { argument } if argument.starts_with('-') => {
                "Flags are written as --name=value; '--help' lists them.".to_owned()
            }
            Self::Argument { .. } => "'--help' explains what the command takes.".to_owned(),
            Self::Shell(_) => "For bash, for example: source <(mesos completion bash)".to_owned(),
            Self::NoCommand => "Put it after '--', for example: -- echo hello".to_owned(),
            Self::Driver(DriverError::Unreachable { .. } | DriverError::Master { .. })
            | Self::Master { .. } => {
                "Start a cluster with 'mesos local', or name its master with --master=HOST:PORT \
                 or MESOS_MASTER."
                    .to_owned()
            }
            Self::Start { reason, .. } if reason.contains("in use") => {
                "Another program listens there; choose another with --port=PORT.".to_owned()
            }
            Self::Spawn { .. } => "Check the name and its permissions.".to_owned(),
            Self::Value { flag, .. } => format!("'--help' explains '--{flag}'."),
            Self::Driver(_)
            | Self::Start { .. }
            | Self::Ended { .. }
            | Self::Path { .. }
            | Self::System { .. } => {
                return None;
            }
        })
    }

    /// What the program exits with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Driver(_) => ExitCode::from(NOT_RUN),
            _ => ExitCode::FAILURE,
        }
    }
}

/// An error and what caused it in the end; what lies between says how the code is made.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let last = cause.to_string();
    // Some errors quote their cause already.
    if text.contains(&last) { text } else { format!("{text}: {last}") }
}

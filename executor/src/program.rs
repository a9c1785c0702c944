//! Which executor this program is, by the name that it was started under or its first argument.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use crate::{CommandExecutor, DefaultExecutor, log, run};

/// The executors that are our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Runs one command (row EX-01).
    Command,
    /// Runs task groups (row EX-05).
    Default,
}

impl Program {
    /// The program's own name, also what it can be started under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "mesos-executor",
            Self::Default => "mesos-default-executor",
        }
    }

    /// The executor that a command line asks for: `mesos-default-executor`, or
    /// `mesos default-executor`. None if it asks for something else.
    pub fn of(name: Option<&OsStr>, first: Option<&OsStr>) -> Option<Self> {
        let name = Path::new(name?).file_name()?.to_str()?;
        let all = [Self::Command, Self::Default];
        if name.starts_with("mesos-") {
            return all.into_iter().find(|program| program.name() == name);
        }
        let first = first?.to_str()?;
        all.into_iter().find(|program| program.name().strip_prefix("mesos-") == Some(first))
    }

    /// The executor that the command line of this process asks for.
    pub fn of_this_process() -> Option<Self> {
        let mut arguments = std::env::args_os();
        let (name, first) = (arguments.next(), arguments.next());
        Self::of(name.as_deref(), first.as_deref())
    }

    /// Runs it. It returns only to say that it could not: otherwise the process ends with the
    /// executor.
    pub fn main(self) -> ExitCode {
        log::to_stderr();
        let ended = match self {
            Self::Command => run(CommandExecutor::default()),
            Self::Default => {
                let token = std::env::var("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").ok();
                run(DefaultExecutor::new(token))
            }
        };
        let Err(error) = ended;
        eprintln!("{}: {error}", self.name());
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_choose() {
        let of = |name: &str, first: Option<&str>| {
            Program::of(Some(name.as_ref()), first.map(str::as_ref))
        };
        assert_eq!(of("mesos", Some("executor")), Some(Program::Command));
        assert_eq!(of("/usr/bin/mesos", Some("default-executor")), Some(Program::Default));
        assert_eq!(of("/x/mesos-default-executor", None), Some(Program::Default));
        assert_eq!(of("mesos-executor", Some("--launcher_dir=/x")), Some(Program::Command));
        assert_eq!(of("mesos-execute", Some("executor")), None, "that is what it executes");
        assert_eq!(of("mesos", Some("master")), None);
        assert_eq!(of("mesos", None), None);
        assert_eq!(Program::of(None, None), None);
    }
}

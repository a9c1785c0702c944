//! The command that a local cluster is run for.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::CliError;

/// Starts the command with `MESOS_MASTER` set and this binary on its `PATH`.
pub fn start(command: &[String], master: SocketAddr) -> Result<Child, CliError> {
    let [program, arguments @ ..] = command else { return Err(CliError::NoCommand) };
    Command::new(program)
        .args(arguments)
        .env("MESOS_MASTER", master.to_string())
        .env("PATH", path_with_mesos())
        .spawn()
        .map_err(|source| CliError::Spawn { program: program.clone(), source })
}

/// `PATH` with the directory of this binary in front.
fn path_with_mesos() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let all = own.into_iter().chain(std::env::split_paths(&path));
    // A directory with a colon in its name cannot be on the path.
    std::env::join_paths(all).unwrap_or(path)
}

/// Passes a signal on to the command.
pub fn signal(child: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(child) {
        // It may have ended already.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The exit code that a shell would give.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    u8::try_from(code).unwrap_or(1)
}

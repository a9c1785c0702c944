//! The process of a task: how it is started, waited for and killed.
//!
//! The executor is a process of its own with one task, and this file relies on it: every child of
//! this process belongs to the task, or to one of its checks, and ends with it.

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use libprocess::subprocess::{self, Child, Command, Stdio};
use mesos::executor_info::CommandInfo;
use mesos::task::TaskInfo;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Why a task has no process. The text goes to the framework.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The task says nothing to run.
    #[error("Command of task '{0}' has no value")]
    Empty(String),
    /// The system refused.
    #[error("Failed to run the command: {}", chain(.0))]
    Spawn(#[source] subprocess::SpawnError),
}

/// An error with what is behind it.
pub(crate) fn chain(error: &subprocess::SpawnError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A process that runs a task.
#[derive(Debug)]
pub struct TaskProcess(Child);

/// How a task ended; prints as Mesos says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(i32);

/// Starts the command of `task` in `directory`, as the leader of a new session. It must be called
/// on a thread that lives as long as the program: the task is killed when that thread ends.
///
/// # Errors
/// See [`SpawnError`].
pub fn spawn(task: &TaskInfo, directory: &Path) -> Result<TaskProcess, SpawnError> {
    become_reaper();
    let empty = || SpawnError::Empty(task.task_id.to_string());
    let info = task.command.as_deref().ok_or_else(empty)?;
    let command = command(info).ok_or_else(empty)?;
    let child = command
        .env(std::env::vars_os().chain(variables(info)).chain([role(task)]))
        .directory(directory)
        .stdout(Stdio::Inherit)
        .stderr(Stdio::Inherit)
        .new_session()
        .parent_death_signal(Signal::SIGKILL)
        .spawn();
    child.map(TaskProcess).map_err(SpawnError::Spawn)
}

/// The variable that tells a task in which role it runs: it has resources of one role only.
fn role(task: &TaskInfo) -> (OsString, OsString) {
    let info = task.resources.first().and_then(|resource| resource.allocation_info.as_ref());
    let role = info.and_then(|info| info.role.as_deref()).unwrap_or_default();
    ("MESOS_ALLOCATION_ROLE".into(), role.into())
}

/// The variables that a command asks for; secrets are none that the executor sees.
pub(crate) fn variables(info: &CommandInfo) -> impl Iterator<Item = (OsString, OsString)> {
    info.environment.iter().flat_map(|all| &all.variables).filter_map(|variable| {
        Some((OsString::from(&variable.name), OsString::from(variable.value.as_ref()?)))
    })
}

/// What a command runs, if it says so.
pub(crate) fn command(info: &CommandInfo) -> Option<Command> {
    let value = info.value.as_deref().filter(|value| !value.is_empty())?;
    if info.shell {
        return Some(Command::new("/bin/sh").argv0("sh").args(["-c", value]));
    }
    let command = Command::new(value);
    Some(match info.arguments.split_first() {
        Some((name, rest)) => command.argv0(name).args(rest),
        None => command,
    })
}

impl TaskProcess {
    /// Its pid, which is also that of its session and process group.
    pub fn pid(&self) -> i32 {
        self.0.pid()
    }

    /// How it ends.
    pub fn exit(self) -> impl Future<Output = Exit> + Send + 'static {
        let ended = self.0.wait();
        async move {
            match ended.await {
                Ok(status) => Exit(status.into_raw()),
                Err(error) => {
                    tracing::error!("cannot wait for the task's process: {error}");
                    Exit(1 << 8)
                }
            }
        }
    }
}

impl Exit {
    /// An end, as `waitpid` gives it.
    pub fn from_raw(status: i32) -> Self {
        Self(status)
    }

    /// Whether it ended well.
    pub fn success(self) -> bool {
        self.0 == 0
    }

    /// What it exited with, if it did.
    pub fn code(self) -> Option<i32> {
        ExitStatus::from_raw(self.0).code()
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        ExitStatus::from_raw(self.0).signal()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exited with status {code}"),
            (None, Some(signal)) => {
                write!(f, "terminated with signal {}", signal_name(signal))?;
                let dumped = ExitStatus::from_raw(self.0).core_dumped();
                if dumped { f.write_str(" (core dumped)") } else { Ok(()) }
            }
            (None, None) => write!(f, "has unknown status {}", self.0),
        }
    }
}

/// What the C library calls a signal, such as `Terminated`.
fn signal_name(signal: i32) -> String {
    // SAFETY: for every number `strsignal` returns a string that stays valid until the next call
    // on this thread; it is copied at once.
    let name = unsafe {
        let text = nix::libc::strsignal(signal);
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    name.unwrap_or_else(|| signal.to_string())
}

/// Makes this process the parent of every orphan below it, once and for all.
fn become_reaper() {
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!("orphans of the task will not be killed: {error}");
    }
}

/// Sends a signal to the task and to everything below it.
pub fn signal_tree(leader: i32, signal: Signal) {
    let leader = Pid::from_raw(leader);
    // The group may be gone while some of its descendants, in other groups, are not.
    let _ = nix::sys::signal::killpg(leader, signal);
    for pid in descendants(Pid::this()) {
        if nix::unistd::getpgid(Some(pid)) != Ok(leader) {
            let _ = kill(pid, signal);
        }
    }
}

/// Kills what a task has left behind; it must have been waited for.
pub fn kill_orphans() {
    // Each round kills a whole level; what forks faster than this can be killed is given up on.
    for _ in 0..100 {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Err(_) => return,
            Ok(WaitStatus::StillAlive) => {
                let orphans = descendants(Pid::this());
                for pid in &orphans {
                    let _ = kill(*pid, Signal::SIGKILL);
                }
                if let Some(first) = children(Pid::this()).first() {
                    let _ = waitpid(*first, None);
                }
            }
            Ok(_) => {}
        }
    }
    tracing::error!("the task has left processes behind that cannot be killed");
}

fn children(pid: Pid) -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let list = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        found.extend(pids.map(Pid::from_raw));
    }
    found
}

/// Everything below a process, parents before their children.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = children(root);
    let mut next = 0;
    while next < found.len() {
        let below = children(found[next]);
        found.extend(below);
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_prints_as_mesos_says_it() {
        assert_eq!(Exit(0).to_string(), "exited with status 0");
        assert_eq!(Exit(3 << 8).to_string(), "exited with status 3");
        assert_eq!(Exit(15).to_string(), "terminated with signal Terminated");
        assert_eq!(Exit(9).to_string(), "terminated with signal Killed");
        assert_eq!(
            Exit(11 | 128).to_string(),
            "terminated with signal Segmentation fault (core dumped)"
        );
    }
}

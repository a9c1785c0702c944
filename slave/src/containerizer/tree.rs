//! Finding every process of a container, and killing them.
//!
//! Three traces lead to them: descent from the leader, the leader's process group, and the
//! environment variable that names their sandbox, which also those inherit that have left both.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpid};

/// Every executor has this variable, and whatever it starts inherits it.
pub const MARKER: &str = "MESOS_DIRECTORY";

/// How often a container is searched for survivors: what forks while it is being killed is found
/// by the next round.
const ROUNDS: usize = 10;

/// The children of a process, of all of its threads.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

/// Everything below a process, parents before their children.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut found = children(root);
    let mut next = 0;
    while next < found.len() {
        let below = children(found[next]);
        found.extend(below);
        next += 1;
    }
    found
}

/// A process with the sandbox that its environment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The process.
    pub pid: u32,
    /// The sandbox.
    pub directory: PathBuf,
}

/// Every process whose environment names a sandbox below `root`, this program excepted.
pub fn marked_below(root: &Path) -> Vec<Marked> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let own = getpid().as_raw() as u32;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != own)
        .filter_map(|pid| {
            let directory = marker(pid)?;
            directory.starts_with(root).then_some(Marked { pid, directory })
        })
        .collect()
}

fn marker(pid: u32) -> Option<PathBuf> {
    // Other users' processes cannot be read, and cannot be killed either.
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = environment
        .split(|octet| *octet == 0)
        .find_map(|entry| entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(value)))
}

/// The one among the processes of a container whose parent is not one of them.
pub fn leader(container: &[Marked]) -> Option<u32> {
    let is_child = |pid| container.iter().any(|other| children(other.pid).contains(&pid));
    container.iter().map(|marked| marked.pid).find(|pid| !is_child(*pid))
}

/// Kills a container whose leader lives: the leader last, so that it is there to descend from.
pub fn kill_container(leader: u32, directory: &Path) {
    // A leader that is stopped starts nothing while its descendants are collected.
    signal(leader, Signal::SIGSTOP);
    for pid in descendants(leader) {
        signal(pid, Signal::SIGKILL);
    }
    signal(leader, Signal::SIGKILL);
    kill_remains(leader, directory);
}

/// Kills what is left of a container whose leader is dead.
pub fn kill_remains(leader: u32, directory: &Path) {
    kill_group(leader);
    kill_marked(directory);
}

/// Kills what is left of the leader's process group. Cheap where there is nothing.
pub fn kill_group(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().filter(|group| *group > 1) {
        // There may be nobody left in it.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

/// Kills every process whose environment names `directory`.
pub fn kill_marked(directory: &Path) {
    for _ in 0..ROUNDS {
        let mut living = marked_below(directory);
        living.retain(|marked| super::forked::start_time(marked.pid).is_some());
        if living.is_empty() {
            return;
        }
        for marked in living {
            signal(marked.pid, Signal::SIGKILL);
        }
        std::thread::yield_now();
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 1) {
        // It may have ended meanwhile.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    #[test]
    fn a_container_is_killed_with_those_who_left_its_group() {
        let dir = tempfile::tempdir().unwrap();
        let mut leader = Command::new("/bin/sh")
            .args(["-c", "setsid sleep 1000 & sleep 1000 & touch ready; wait"])
            .current_dir(dir.path())
            .env(MARKER, dir.path())
            .process_group(0)
            .spawn()
            .unwrap();
        while !dir.path().join("ready").exists() || marked_below(dir.path()).len() < 3 {
            std::thread::yield_now();
        }
        assert_eq!(super::leader(&marked_below(dir.path())), Some(leader.id()));
        kill_container(leader.id(), dir.path());
        leader.wait().unwrap();
        kill_remains(leader.id(), dir.path());
        let alive = |marked: &Marked| super::super::forked::start_time(marked.pid).is_some();
        assert!(!marked_below(dir.path()).iter().any(alive));
    }
}

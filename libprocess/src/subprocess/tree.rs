//! Processes and what they have started, found in `/proc`.
//!
//! To end a tree, its members are stopped one after the other until no new ones appear: a stopped
//! process starts no others. Then all get the signal, and all continue, so that they can act on it.
//! The tree of a root holds its descendants, and everything in the sessions and process groups
//! that members lead, or that the root led before it ended: so also those whose parents are gone.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io;

/// How often a tree is searched for newcomers. Each round stops what it finds, so a tree that still
/// grows after so many is not growing by forks of its own members.
const ROUNDS: usize = 32;

/// One process, as `/proc` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its pid.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it started, in clock ticks since the machine did: with the pid, this names one process
    /// for good.
    pub start_ticks: u64,
    /// Whether it has ended and waits to be reaped.
    pub zombie: bool,
    /// The name of its program, at most 15 bytes.
    pub name: String,
}

/// Every process that can be seen.
///
/// # Errors
/// When there is no `/proc`.
pub fn processes() -> io::Result<Vec<ProcessInfo>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            // One that has ended since is left out.
            found.extend(find(pid));
        }
    }
    Ok(found)
}

/// The process with this pid.
pub fn find(pid: i32) -> Option<ProcessInfo> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads a line such as `12 (name) S 1 12 12 …`, in which the name may hold anything.
fn parse(stat: &str) -> Option<ProcessInfo> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(ProcessInfo {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

/// The pids of the tree of `root`, which need not live any more.
///
/// # Errors
/// When there is no `/proc`.
pub fn members(root: i32) -> io::Result<BTreeSet<i32>> {
    Ok(grow(root, &BTreeSet::new(), &processes()?))
}

/// Adds to the known members of a tree those that belong to it too.
fn grow(root: i32, known: &BTreeSet<i32>, processes: &[ProcessInfo]) -> BTreeSet<i32> {
    let mut tree = known.clone();
    loop {
        let before = tree.len();
        for process in processes {
            let belongs = process.pid == root
                || [process.parent, process.group, process.session]
                    .iter()
                    .any(|id| *id == root || tree.contains(id));
            // Children of the first process of all are everybody's orphans.
            if belongs && process.pid > 1 && !process.zombie {
                tree.insert(process.pid);
            }
        }
        if tree.len() == before {
            return tree;
        }
    }
}

/// Sends `signal` to a process and to everything that it has started; see the module. Gives the
/// pids that got it. This process is never among them.
///
/// # Errors
/// When there is no `/proc`, or when `root` is this process, the first of all, or no pid.
pub fn kill_tree(root: i32, signal: Signal) -> io::Result<Vec<i32>> {
    let own = std::process::id();
    if root <= 1 || u32::try_from(root) == Ok(own) {
        let message = format!("{root} is not the root of a tree that may be killed");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut tree = grow(root, &stopped, &processes()?);
        tree.retain(|pid| u32::try_from(*pid) != Ok(own));
        let fresh: Vec<i32> = tree.difference(&stopped).copied().collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            send(pid, Signal::SIGSTOP);
            stopped.insert(pid);
        }
    }
    let reached: Vec<i32> = stopped.iter().copied().filter(|pid| send(*pid, signal)).collect();
    for pid in &stopped {
        send(*pid, Signal::SIGCONT);
    }
    Ok(reached)
}

/// Whether the signal was sent. A process that has gone, or that is not ours, is no error here.
fn send(pid: i32, signal: Signal) -> bool {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) => true,
        Err(Errno::ESRCH) => false,
        Err(error) => {
            tracing::warn!("cannot send {signal} to process {pid}: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, group: i32, session: i32) -> ProcessInfo {
        let name = String::new();
        ProcessInfo { pid, parent, group, session, start_ticks: 0, zombie: false, name }
    }

    #[test]
    fn names_may_hold_anything() {
        let line = "42 (a) b (c) S 1 42 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 6 7";
        let found = parse(line).unwrap();
        assert_eq!((found.pid, found.parent, found.group, found.session), (42, 1, 42, 7));
        assert_eq!(found.name, "a) b (c");
        assert_eq!(found.start_ticks, 12345);
        assert_eq!(parse("42 (x) S"), None);
        assert_eq!(parse("garbage"), None);
    }

    #[test]
    fn this_process_is_found() {
        let own = find(std::process::id() as i32).unwrap();
        assert!(processes().unwrap().iter().any(|p| p.pid == own.pid));
        assert!(!own.zombie);
    }

    #[test]
    fn a_tree_holds_descendants_sessions_and_groups() {
        let all = [
            process(1, 0, 1, 1),
            process(10, 1, 10, 10),
            process(11, 10, 10, 10),
            process(12, 11, 12, 10),
            // Orphans of the session, and of a group that a member leads.
            process(13, 1, 99, 10),
            process(14, 1, 12, 98),
            // Somebody else's.
            process(20, 1, 20, 20),
        ];
        let tree = grow(10, &BTreeSet::new(), &all);
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
        let without_root: Vec<_> = all.iter().filter(|p| p.pid != 10).cloned().collect();
        let tree = grow(10, &BTreeSet::new(), &without_root);
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), [11, 12, 13, 14]);
    }

    #[test]
    fn some_roots_are_refused() {
        for root in [-1, 0, 1, std::process::id() as i32] {
            assert!(kill_tree(root, Signal::SIGKILL).is_err(), "{root}");
        }
    }
}

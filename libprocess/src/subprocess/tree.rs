//! Processes and what they have started, found in `/proc`.
//!
//! To end a tree, its members are stopped one after the other until no new ones appear: a stopped
//! process starts no others. Then all get the signal, and all continue, so that they can act on it.
//! The tree of a root holds its descendants, and everything in the sessions and process groups
//! that members lead, or that the root led before it ended: so also those whose parents are gone.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid, getsid};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

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
    let children = Children::new()?;
    Ok(grow(root, BTreeSet::new(), &memberships()?, |pid| children.of(pid)))
}

/// The group and the session of a process.
#[derive(Clone, Copy, Debug)]
struct Membership {
    pid: i32,
    group: i32,
    session: i32,
}

/// The groups and sessions of all processes. Asking for them is many times as fast as reading the
/// files of all processes, and trees are killed as often as tasks end.
fn memberships() -> io::Result<Vec<Membership>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let id = Some(Pid::from_raw(pid));
        // One that has ended since is left out.
        if let (Ok(group), Ok(session)) = (getpgid(id), getsid(id)) {
            found.push(Membership { pid, group: group.as_raw(), session: session.as_raw() });
        }
    }
    Ok(found)
}

/// Who started whom.
enum Children {
    /// Asked of the system, which keeps it per process.
    Asked,
    /// Found by reading the files of all processes, where the system does not say.
    Found(BTreeMap<i32, Vec<i32>>),
}

impl Children {
    fn new() -> io::Result<Self> {
        let own = std::process::id();
        if Path::new(&format!("/proc/{own}/task/{own}/children")).exists() {
            return Ok(Self::Asked);
        }
        Self::found()
    }

    fn found() -> io::Result<Self> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for process in processes()? {
            children.entry(process.parent).or_default().push(process.pid);
        }
        Ok(Self::Found(children))
    }

    fn of(&self, pid: i32) -> Vec<i32> {
        match self {
            Self::Found(children) => children.get(&pid).cloned().unwrap_or_default(),
            Self::Asked => {
                // Each thread has its own children.
                let threads = fs::read_dir(format!("/proc/{pid}/task"));
                let texts =
                    threads.into_iter().flatten().flatten().filter_map(|thread| {
                        fs::read_to_string(thread.path().join("children")).ok()
                    });
                texts
                    .flat_map(|text| {
                        let pids = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
                        pids.collect::<Vec<i32>>()
                    })
                    .collect()
            }
        }
    }
}

/// Adds to the known members of a tree those that belong to it too.
fn grow(
    root: i32,
    known: BTreeSet<i32>,
    memberships: &[Membership],
    children: impl Fn(i32) -> Vec<i32>,
) -> BTreeSet<i32> {
    let mut tree = BTreeSet::new();
    let mut fresh: Vec<i32> = known.into_iter().chain([root]).collect();
    while !fresh.is_empty() {
        let mut next = Vec::new();
        for pid in fresh {
            tree.insert(pid);
            next.extend(children(pid));
        }
        let belongs = |process: &&Membership| {
            tree.contains(&process.group) || tree.contains(&process.session)
        };
        next.extend(memberships.iter().filter(belongs).map(|process| process.pid));
        next.retain(|pid| *pid > 1 && !tree.contains(pid));
        fresh = next;
    }
    // The root stands for its session even when it has gone; it is no member then.
    if !memberships.iter().any(|process| process.pid == root) {
        tree.remove(&root);
    }
    tree
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
        let children = Children::new()?;
        let mut tree = grow(root, stopped.clone(), &memberships()?, |pid| children.of(pid));
        // What has ended needs no signal; it is for its parent to reap.
        tree.retain(|pid| u32::try_from(*pid) != Ok(own) && !has_ended(*pid));
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

fn has_ended(pid: i32) -> bool {
    find(pid).is_none_or(|process| process.zombie)
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
        let ids = [
            (10, 10, 10),
            (11, 10, 10),
            (12, 12, 10),
            // Orphans of the session, and of a group that a member leads.
            (13, 99, 10),
            (14, 12, 98),
            // In a session of its own, but started by a member.
            (15, 15, 15),
            // Somebody else's.
            (20, 20, 20),
        ];
        let all = ids.map(|(pid, group, session)| Membership { pid, group, session });
        let children = |pid| match pid {
            10 => vec![11],
            11 => vec![12, 15],
            _ => vec![],
        };
        let tree = grow(10, BTreeSet::new(), &all, children);
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13, 14, 15]);
        let tree = grow(10, BTreeSet::new(), &all[1..], |_| vec![]);
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), [11, 12, 13, 14]);
    }

    #[test]
    fn both_ways_to_find_children_agree() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id() as i32;
        let own = std::process::id() as i32;
        assert!(Children::new().unwrap().of(own).contains(&pid));
        assert!(Children::found().unwrap().of(own).contains(&pid));
        assert_eq!(kill_tree(pid, Signal::SIGKILL).unwrap(), [pid]);
        child.wait().unwrap();
    }

    #[test]
    fn some_roots_are_refused() {
        for root in [-1, 0, 1, std::process::id() as i32] {
            assert!(kill_tree(root, Signal::SIGKILL).is_err(), "{root}");
        }
    }
}

//! All processes that a local cluster has started, however they were started.
//!
//! The program makes itself the reaper of its orphans, so that even a task whose executor was
//! killed, and which left its session, stays below it in the tree of processes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

/// How often the tree is looked at while it empties.
const POLL: Duration = Duration::from_millis(10);

/// How long killed processes may take to vanish; longer only if the kernel holds them.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Makes orphans below this program its children.
pub fn adopt_orphans() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Ends all processes below this one: asks them first, and kills what is left after `grace`.
pub fn end(grace: Duration) {
    let deadline = Instant::now() + grace;
    let mut asked = Vec::new();
    while Instant::now() < deadline {
        let below = descendants();
        if below.is_empty() {
            return;
        }
        for pid in below {
            if !asked.contains(&pid) {
                // It may be gone by now, which is as good.
                let _ = kill(pid, Signal::SIGTERM);
                asked.push(pid);
            }
        }
        std::thread::sleep(POLL);
    }
    kill_all();
}

/// Kills all processes below this one, and those that they start meanwhile.
pub fn kill_all() {
    let deadline = Instant::now() + LAST_WAIT;
    loop {
        let below = descendants();
        if below.is_empty() || Instant::now() > deadline {
            return;
        }
        for pid in below {
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(POLL);
    }
}

/// The living processes below this one. Dead children are reaped.
fn descendants() -> Vec<Pid> {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in processes() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut next = vec![getpid().as_raw()];
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(below.iter().copied().map(Pid::from_raw));
        next.extend(below);
    }
    found
}

/// Every process but zombies, with its parent.
fn processes() -> Vec<(i32, i32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parent_of_living(&stat)?))
        })
        .collect()
}

/// The parent in `pid (name) state parent ...`; the name may hold anything.
fn parent_of_living(stat: &str) -> Option<i32> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z" && state != "X").then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_found_behind_odd_names() {
        assert_eq!(parent_of_living("12 (a b) c) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent_of_living("12 (x) Z 7 12"), None);
        assert_eq!(parent_of_living("nonsense"), None);
    }
}

//! `cgroups/pids`: a bound for the number of processes and threads, so that a container that forks
//! without end takes none of its neighbours'.
//!
//! Mesos makes the cgroups and sets nothing, since no resource says how many. That would leave
//! a fork bomb all the pids of the machine, so this sets what systemd gives a service: 15 % of what
//! there is. Forks beyond it fail; nobody is killed.

use std::fs;

use super::controller::Controller;
use super::node::Node;
use crate::isolators::{Container, IsolatorError};

/// The file with the bound.
const MAX: &str = "pids.max";
/// The part of the machine's pids that one container may have, in percent.
const PERCENT: u64 = 15;

/// The controller `pids`.
#[derive(Debug)]
pub struct Pids {
    most: u64,
}

impl Pids {
    /// Looks up how many pids the machine has.
    pub fn new() -> Self {
        let read = |path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let bounds = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
        let all = bounds.into_iter().filter_map(read).min().unwrap_or(32_768);
        Self { most: (all * PERCENT / 100).max(1) }
    }
}

impl Default for Pids {
    fn default() -> Self {
        Self::new()
    }
}

impl Controller for Pids {
    fn name(&self) -> &'static str {
        "pids"
    }

    fn prepare(&mut self, _: &Container, node: &Node) -> Result<(), IsolatorError> {
        node.write(MAX, self.most.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::v1::{create, kill};
    use super::*;
    use crate::isolators::testing::{Fork, container, eventually, own_cgroup, v1};

    #[test]
    fn a_container_has_a_part_of_the_pids() {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path());
        fs::write(node.file(MAX), "max\n").unwrap();
        Pids::new().prepare(&container("c", "cpus:1"), &node).unwrap();
        let most = node.number(MAX).unwrap();
        assert!(most > 1 && most < 4_194_304, "{most}");
    }

    #[test]
    fn a_fork_bomb_ends_at_its_bound() {
        let Some(mount) = v1("pids", "the bound of processes") else { return };
        let root = own_cgroup(&mount);
        let node = create(&mount, &root.relative().join("c")).unwrap();
        Pids { most: 20 }.prepare(&container("c", "cpus:1"), &node).unwrap();
        let bomb = "bomb() { bomb & bomb; }; bomb 2> /dev/null; while :; do sleep 1; done";
        let mut fork = Fork::waiting(bomb);
        node.assign(fork.pid()).unwrap();
        fork.go();
        eventually("forks fail", || {
            node.table("pids.events").unwrap().get("max").copied().unwrap_or_default() > 10
        });
        assert!(node.number("pids.current").unwrap() <= 20);
        // Everybody else's forks are fine.
        drop(Fork::sleeping());
        kill(&node).unwrap();
        fork.signal();
        node.remove().unwrap();
    }
}

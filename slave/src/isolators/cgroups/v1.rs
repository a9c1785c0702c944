//! What is special to version 1: a hierarchy per controller, and the freezer.

use std::path::Path;

use super::node::Node;
use crate::isolators::IsolatorError;

/// The controller that stops everything in a cgroup, so that it can be killed.
pub const FREEZER: &str = "freezer";

const STATE: &str = "freezer.state";

/// Settings without which a cgroup of the controller `cpuset` takes no process. They are empty at
/// birth, and are those of the cgroup above then.
const CPUSET: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// Makes the cgroup at `path` below the mount of a hierarchy, and those above it.
///
/// # Errors
/// The kernel refuses.
pub fn create(mount: &Path, path: &Path) -> Result<Node, IsolatorError> {
    let mut node = Node::new(mount);
    for part in path {
        let above = node;
        node = above.child(part);
        if !node.exists() {
            node.make()?;
            inherit(&above, &node)?;
        }
    }
    Ok(node)
}

fn inherit(above: &Node, node: &Node) -> Result<(), IsolatorError> {
    for name in CPUSET {
        if node.has(name) && node.read(name)?.is_empty() {
            node.write(name, above.read(name)?)?;
        }
    }
    // Newer kernels know nothing else.
    let hierarchical = "memory.use_hierarchy";
    if node.has(hierarchical) && node.number(hierarchical)? == 0 {
        node.write(hierarchical, "1")?;
    }
    Ok(())
}

/// Kills everything in a cgroup. In the freezer's hierarchy nothing escapes by forking meanwhile.
///
/// # Errors
/// Something lives on.
pub fn kill(node: &Node) -> Result<(), IsolatorError> {
    if node.all_processes().is_empty() {
        return Ok(());
    }
    if node.has(STATE) {
        node.write(STATE, "FROZEN")?;
        for pid in node.all_processes() {
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            // It may have ended before all was frozen.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        node.write(STATE, "THAWED")?;
    }
    node.kill_one_by_one();
    if node.wait_until_empty() {
        return Ok(());
    }
    Err(IsolatorError::Refused(format!("processes in '{}' do not end", node.path().display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, own_cgroup, v1};

    #[test]
    fn what_the_kernel_leaves_empty_is_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let (above, node) = (Node::new(folder.path()), Node::new(folder.path().join("x")));
        node.make().unwrap();
        for name in CPUSET {
            std::fs::write(above.file(name), "0-3\n").unwrap();
            std::fs::write(node.file(name), "\n").unwrap();
        }
        std::fs::write(node.file("memory.use_hierarchy"), "0\n").unwrap();
        inherit(&above, &node).unwrap();
        assert_eq!(node.read("cpuset.cpus").unwrap(), "0-3");
        assert_eq!(node.read("cpuset.mems").unwrap(), "0-3");
        assert_eq!(node.number("memory.use_hierarchy").unwrap(), 1);
    }

    #[test]
    fn everything_in_the_freezer_dies() {
        let Some(mount) = v1(FREEZER, "killing by the freezer") else { return };
        let root = own_cgroup(&mount);
        let node = create(&mount, &root.relative().join("a/b")).unwrap();
        let forks = [Fork::sleeping(), Fork::sleeping()];
        for fork in &forks {
            node.assign(fork.pid()).unwrap();
        }
        let top = Node::new(mount.join(root.relative()));
        assert_eq!(top.all_processes().len(), 2);
        kill(&top).unwrap();
        for fork in forks {
            assert_eq!(fork.signal(), Some(9));
        }
        top.remove().unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn a_cpuset_takes_processes_at_once() {
        let Some(mount) = v1("cpuset", "cgroups of the controller cpuset") else { return };
        let root = own_cgroup(&mount);
        let node = create(&mount, &root.relative().join("a")).unwrap();
        let fork = Fork::sleeping();
        node.assign(fork.pid()).unwrap();
        assert_eq!(node.pids(super::super::node::PROCESSES).unwrap(), [fork.pid()]);
        kill(&node).unwrap();
        assert_eq!(fork.signal(), Some(9));
    }
}

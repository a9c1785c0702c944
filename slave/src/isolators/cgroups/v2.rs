//! What is special to version 2: one hierarchy, in which controllers are switched on from the top
//! down, and processes are in leaves alone.
//!
//! ```text
//! <mount>/<cgroups_root>/<container>              the limits
//!                                  /leaf          its processes
//!                                  /mesos/<nested>/leaf
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use super::node::Node;
use crate::isolators::IsolatorError;

/// The cgroup with the processes of a container.
pub const LEAF: &str = "leaf";

/// The controllers that cgroups below have.
const BELOW: &str = "cgroup.subtree_control";
/// The controllers that can be switched on for those.
const AVAILABLE: &str = "cgroup.controllers";
/// Kills everything in a cgroup and below.
const KILL: &str = "cgroup.kill";
/// Says, among others, whether there is a process in a cgroup or below.
pub const EVENTS: &str = "cgroup.events";

/// Makes the cgroup at `path` below the mount, and those above it, and switches controllers on for
/// it, but for its own children: `leaf` is there for that.
///
/// # Errors
/// The kernel refuses, or has no such controller.
pub fn create(
    mount: &Path,
    path: &Path,
    controllers: &BTreeSet<&str>,
) -> Result<Node, IsolatorError> {
    let mut node = Node::new(mount);
    for part in path {
        enable(&node, controllers)?;
        node = node.child(part);
        node.make()?;
    }
    node.child(LEAF).make()?;
    Ok(node)
}

/// Switches controllers on for the cgroups right below one.
fn enable(node: &Node, controllers: &BTreeSet<&str>) -> Result<(), IsolatorError> {
    let on = node.read(BELOW)?;
    let on: BTreeSet<&str> = on.split_whitespace().collect();
    if controllers.is_subset(&on) {
        return Ok(());
    }
    let available = node.read(AVAILABLE)?;
    let available: BTreeSet<&str> = available.split_whitespace().collect();
    if let Some(missing) = controllers.difference(&available).next() {
        return Err(IsolatorError::Refused(format!(
            "the controller '{missing}' is not available in the cgroup '{}'",
            node.path().display()
        )));
    }
    let wanted = controllers.difference(&on).map(|name| format!("+{name}"));
    node.write(BELOW, wanted.collect::<Vec<_>>().join(" "))
}

/// Where the processes of a container are.
pub fn leaf(node: &Node) -> Node {
    node.child(LEAF)
}

/// Kills everything in a cgroup and below it.
///
/// # Errors
/// Something lives on.
pub fn kill(node: &Node) -> Result<(), IsolatorError> {
    if node.has(KILL) {
        node.write(KILL, "1")?;
    } else {
        // Kernels before 5.14.
        node.kill_one_by_one();
    }
    if node.wait_until_empty() {
        return Ok(());
    }
    Err(IsolatorError::Refused(format!("processes in '{}' do not end", node.path().display())))
}

/// Whether there is a process in a cgroup or below it.
///
/// # Errors
/// It does not exist.
pub fn is_populated(node: &Node) -> Result<bool, IsolatorError> {
    Ok(node.table(EVENTS)?.get("populated") == Some(&1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, own_cgroup, v2};
    use std::fs;

    /// A cgroup as the kernel shows it.
    fn fixture(node: &Node, controllers: &str) {
        fs::create_dir_all(node.path()).unwrap();
        fs::write(node.file(AVAILABLE), controllers).unwrap();
        fs::write(node.file(BELOW), "").unwrap();
    }

    #[test]
    fn controllers_are_switched_on_from_the_top_down() {
        let folder = tempfile::tempdir().unwrap();
        let (mount, path) = (folder.path(), Path::new("mesos/c1"));
        fixture(&Node::new(mount), "cpuset cpu io memory pids\n");
        fixture(&Node::new(mount.join("mesos")), "cpu memory\n");
        let wanted = BTreeSet::from(["cpu", "memory"]);
        let node = create(mount, path, &wanted).unwrap();
        assert_eq!(node.path(), mount.join("mesos/c1"));
        assert!(leaf(&node).exists());
        for above in [mount.to_owned(), mount.join("mesos")] {
            assert_eq!(Node::new(above).read(BELOW).unwrap(), "+cpu +memory");
        }
        assert!(!node.has(BELOW), "a container's own is left alone");
    }

    #[test]
    fn a_missing_controller_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fixture(&Node::new(folder.path()), "hugetlb\n");
        let error = create(folder.path(), "mesos".as_ref(), &BTreeSet::from(["memory"]));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("the controller 'memory' is not available in"), "{error}");
    }

    #[test]
    fn what_is_on_is_not_switched_on_again() {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path());
        fixture(&node, "");
        fs::write(node.file(BELOW), "cpu memory\n").unwrap();
        enable(&node, &BTreeSet::from(["memory"])).unwrap();
        assert_eq!(node.read(BELOW).unwrap(), "cpu memory");
    }

    #[test]
    fn everything_in_a_cgroup_dies() {
        let Some(mount) = v2("killing by cgroup.kill") else { return };
        let root = own_cgroup(&mount);
        let node = create(&mount, &root.relative().join("a"), &BTreeSet::new()).unwrap();
        let nested = root.relative().join("a/mesos/b");
        let nested = create(&mount, &nested, &BTreeSet::new()).unwrap();
        let forks = [Fork::sleeping(), Fork::sleeping()];
        assert!(!is_populated(&node).unwrap());
        leaf(&node).assign(forks[0].pid()).unwrap();
        leaf(&nested).assign(forks[1].pid()).unwrap();
        assert!(is_populated(&node).unwrap());
        kill(&node).unwrap();
        for fork in forks {
            assert_eq!(fork.signal(), Some(9));
        }
        node.remove().unwrap();
        assert!(!node.exists());
    }
}

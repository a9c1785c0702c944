//! What one controller does for containers, and which controllers there are.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mesos::container::ContainerStatus;
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;

use super::mounts::Version;
use super::node::Node;
use crate::isolators::{Container, IsolatorError};

/// A controller of the kernel's, such as `memory`. Nodes are cgroups of containers, as
/// [`super::hierarchy`] places them.
pub trait Controller: Debug + Send {
    /// Its name for the kernel.
    fn name(&self) -> &'static str;

    /// Takes a container of the last run back.
    ///
    /// # Errors
    /// The agent cannot go on.
    fn recover(&mut self, id: &ContainerId, node: &Node) -> Result<(), IsolatorError> {
        let _ = (id, node);
        Ok(())
    }

    /// Makes a new cgroup ready. An update follows.
    ///
    /// # Errors
    /// The container cannot be made.
    fn prepare(&mut self, container: &Container, node: &Node) -> Result<(), IsolatorError> {
        let _ = (container, node);
        Ok(())
    }

    /// Sees to the first process, before it is moved there.
    ///
    /// # Errors
    /// The container cannot be made.
    fn isolate(&mut self, id: &ContainerId, node: &Node, pid: u32) -> Result<(), IsolatorError> {
        let _ = (id, node, pid);
        Ok(())
    }

    /// Changes the limits.
    ///
    /// # Errors
    /// They are not in force.
    fn update(
        &mut self,
        id: &ContainerId,
        node: &Node,
        resources: &Resources,
        limits: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        let _ = (id, node, resources, limits);
        Ok(())
    }

    /// Adds what it knows of what is used.
    ///
    /// # Errors
    /// That cannot be found out.
    fn usage(
        &mut self,
        id: &ContainerId,
        node: &Node,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        let _ = (id, node, into);
        Ok(())
    }

    /// Adds what it knows of how a container is.
    fn status(&mut self, id: &ContainerId, node: &Node, into: &mut ContainerStatus) {
        let _ = (id, node, into);
    }

    /// Forgets a container, whose cgroup goes away next.
    fn cleanup(&mut self, id: &ContainerId) {
        let _ = id;
    }
}

/// The isolators `cgroups/…` and the controllers that they are made of, in version 1. In version 2
/// what `cpuacct` counted is in `cpu`, and `blkio` is called `io`; `devices` is not there.
const TABLE: &[(&str, &[&str])] = &[
    ("blkio", &["blkio"]),
    ("cpu", &["cpu", "cpuacct"]),
    ("cpuset", &["cpuset"]),
    ("devices", &["devices"]),
    ("hugetlb", &["hugetlb"]),
    ("mem", &["memory"]),
    ("net_cls", &["net_cls"]),
    ("net_prio", &["net_prio"]),
    ("perf_event", &["perf_event"]),
    ("pids", &["pids"]),
];

/// Those for which there is more to do than to be there.
const UNFINISHED: &[&str] = &["net_cls", "perf_event"];

/// The controllers of the isolator with this name behind `cgroups/`.
pub fn of_isolator(name: &str, version: Version) -> Option<Vec<&'static str>> {
    let (_, names) = TABLE.iter().find(|(isolator, _)| *isolator == name)?;
    Some(match version {
        Version::V1 => names.to_vec(),
        Version::V2 => names.iter().filter(|name| **name != "cpuacct").map(in_v2).collect(),
    })
}

fn in_v2(name: &&'static str) -> &'static str {
    if *name == "blkio" { "io" } else { name }
}

/// All controllers that we know, for `cgroups/all`.
pub fn all(version: Version) -> Vec<&'static str> {
    let names = TABLE.iter().filter_map(|(name, _)| of_isolator(name, version)).flatten();
    names.filter(|name| !UNFINISHED.contains(name)).collect()
}

/// Whether asking for it by name is refused.
pub fn is_unfinished(name: &str) -> bool {
    UNFINISHED.contains(&name)
}

/// A controller that containers are only members of: what it counts and limits is for whoever
/// looks after the machine (row IS-08).
#[derive(Debug)]
pub struct Member(pub &'static str);

impl Controller for Member {
    fn name(&self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolators_are_made_of_controllers() {
        let v1 = |name| of_isolator(name, Version::V1);
        let v2 = |name| of_isolator(name, Version::V2);
        assert_eq!(v1("cpu").unwrap(), ["cpu", "cpuacct"]);
        assert_eq!(v2("cpu").unwrap(), ["cpu"]);
        assert_eq!(v1("blkio").unwrap(), ["blkio"]);
        assert_eq!(v2("blkio").unwrap(), ["io"]);
        assert_eq!(v1("nonsense"), None);
        assert!(all(Version::V1).contains(&"cpuacct"));
        assert!(!all(Version::V1).contains(&"net_cls"));
    }
}

//! The cgroups of containers in one hierarchy, of either version.
//!
//! ```text
//! <mount>/<cgroups_root>/<container>[/mesos/<nested>…]
//! ```
//!
//! The layout is Mesos's, so that an agent finds what another one has made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesos::ids::ContainerId;

use super::mounts::Version;
use super::node::Node;
use super::{v1, v2};
use crate::isolators::IsolatorError;

/// The folder that divides a container's cgroup from those of containers in it.
pub const SEPARATOR: &str = "mesos";

/// Folders below the root that are no containers: the agent's own, and what has processes.
const OTHERS: [&str; 4] = ["slave", "agent", v2::LEAF, SEPARATOR];

/// Where a container's cgroup is below the mount of any hierarchy.
///
/// # Errors
/// The id is no name of a folder.
pub fn path(root: &str, id: &ContainerId) -> Result<PathBuf, IsolatorError> {
    let mut path = match &id.parent {
        None => PathBuf::from(root),
        Some(parent) => self::path(root, parent)?.join(SEPARATOR),
    };
    let value = id.value.as_str();
    if value.is_empty() || value.contains(['/', '\0']) || value == "." || value == ".." {
        return Err(IsolatorError::Refused(format!("'{value}' cannot be the name of a cgroup")));
    }
    path.push(value);
    Ok(path)
}

/// One hierarchy, and the part of it that is ours.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    version: Version,
    mount: PathBuf,
    root: String,
    controllers: BTreeSet<&'static str>,
}

impl Hierarchy {
    /// The hierarchy mounted there. `root` is `--cgroups_root`; in version 2 `controllers` are
    /// switched on.
    ///
    /// # Errors
    /// The root's cgroup cannot be made.
    pub fn new(
        version: Version,
        mount: impl Into<PathBuf>,
        root: &str,
        controllers: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, IsolatorError> {
        let made = Self {
            version,
            mount: mount.into(),
            root: root.to_owned(),
            controllers: controllers.into_iter().collect(),
        };
        match version {
            Version::V1 => v1::create(&made.mount, Path::new(root))?,
            Version::V2 => v2::create(&made.mount, Path::new(root), &made.controllers)?,
        };
        Ok(made)
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it is mounted.
    pub fn mount(&self) -> &Path {
        &self.mount
    }

    /// The cgroup above those of all containers.
    pub fn root(&self) -> Node {
        Node::new(self.mount.join(&self.root))
    }

    /// The cgroup of a container, which need not exist.
    ///
    /// # Errors
    /// The id is no name of a folder.
    pub fn node(&self, id: &ContainerId) -> Result<Node, IsolatorError> {
        Ok(Node::new(self.mount.join(path(&self.root, id)?)))
    }

    /// Makes the cgroup of a container.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn create(&self, id: &ContainerId) -> Result<Node, IsolatorError> {
        let path = path(&self.root, id)?;
        match self.version {
            Version::V1 => v1::create(&self.mount, &path),
            Version::V2 => v2::create(&self.mount, &path, &self.controllers),
        }
    }

    /// The cgroup that a container's processes are in.
    pub fn of_processes(&self, node: &Node) -> Node {
        match self.version {
            Version::V1 => node.clone(),
            Version::V2 => v2::leaf(node),
        }
    }

    /// Kills everything in a cgroup.
    ///
    /// # Errors
    /// Something lives on.
    pub fn kill(&self, node: &Node) -> Result<(), IsolatorError> {
        match self.version {
            Version::V1 => v1::kill(node),
            Version::V2 => v2::kill(node),
        }
    }

    /// Kills what is left in the cgroup of a container, and removes it. There need not be one.
    ///
    /// # Errors
    /// Something is left.
    pub fn destroy(&self, id: &ContainerId) -> Result<(), IsolatorError> {
        let node = self.node(id)?;
        if !node.exists() {
            return Ok(());
        }
        if !node.all_processes().is_empty() {
            self.kill(&node)?;
        }
        node.remove()
    }

    /// The containers that have a cgroup, the outer before the inner.
    pub fn containers(&self) -> Vec<ContainerId> {
        let mut found = Vec::new();
        collect(&self.root(), None, &mut found);
        found
    }
}

fn collect(node: &Node, parent: Option<&ContainerId>, found: &mut Vec<ContainerId>) {
    for child in node.children() {
        let name = child.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.is_empty() || OTHERS.contains(&name) {
            continue;
        }
        let parent = parent.cloned().map(Box::new);
        let id = ContainerId { value: name.to_owned(), parent };
        found.push(id.clone());
        let below = child.child(SEPARATOR);
        if below.exists() {
            collect(&below, Some(&id), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(parent: ContainerId, value: &str) -> ContainerId {
        ContainerId { value: value.to_owned(), parent: Some(Box::new(parent)) }
    }

    #[test]
    fn the_layout_is_mesos_s() {
        let id = nested(nested(ContainerId::root("a"), "b"), "c");
        assert_eq!(path("mesos", &id).unwrap(), Path::new("mesos/a/mesos/b/mesos/c"));
        assert_eq!(path("x/y", &ContainerId::root("a")).unwrap(), Path::new("x/y/a"));
        for value in ["", ".", "..", "a/b", "a\0"] {
            assert!(path("mesos", &ContainerId::root(value)).is_err(), "{value:?}");
        }
    }

    #[test]
    fn containers_are_found_by_their_cgroups() {
        let folder = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy::new(Version::V1, folder.path(), "mesos", []).unwrap();
        let inner = nested(ContainerId::root("a"), "b");
        hierarchy.create(&inner).unwrap();
        hierarchy.create(&ContainerId::root("c")).unwrap();
        for other in ["mesos/slave", "mesos/a/theirs", "other"] {
            std::fs::create_dir_all(folder.path().join(other)).unwrap();
        }
        let expected = [ContainerId::root("a"), inner, ContainerId::root("c")];
        assert_eq!(hierarchy.containers(), expected);
        hierarchy.destroy(&ContainerId::root("a")).unwrap();
        assert_eq!(hierarchy.containers(), [ContainerId::root("c")]);
        hierarchy.destroy(&ContainerId::root("a")).unwrap();
    }
}

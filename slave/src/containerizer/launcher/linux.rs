//! `--launcher=linux`: a cgroup for every container, from which nothing escapes (row CT-04).
//!
//! In version 1 of cgroups it is one of the freezer's, so that a container can be stopped and then
//! killed; in version 2 the kernel kills a whole cgroup at once. Sessions of their own and the
//! marks in the environment are there as well: the leader of a container whose agent died between
//! its birth and the pid's being written is found by them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use libprocess::subprocess::Command;
use mesos::ids::ContainerId;
use slave_core::effect::RecoverContainer;

use super::posix::Posix;
use super::{Kill, Launcher, Target};
use crate::containerizer::LaunchError;
use crate::isolators::IsolatorError;
use crate::isolators::cgroups::hierarchy::Hierarchy;
use crate::isolators::cgroups::mounts::{Mounts, Version};
use crate::isolators::cgroups::v1::FREEZER;

/// See the module.
#[derive(Debug)]
pub struct Linux {
    hierarchy: Hierarchy,
    posix: Posix,
}

impl Linux {
    /// A launcher of containers whose sandboxes are below `work_dir`; `mount` is
    /// `--cgroups_hierarchy`, `root` is `--cgroups_root`.
    ///
    /// # Errors
    /// There are no cgroups, or they are not ours to make.
    pub fn new(
        work_dir: impl Into<PathBuf>,
        mount: &Path,
        root: &str,
    ) -> Result<Self, IsolatorError> {
        if !nix::unistd::geteuid().is_root() {
            let text = "The 'linux' launcher requires root privileges; use --launcher=posix";
            return Err(IsolatorError::Refused(text.to_owned()));
        }
        let mounts = Mounts::read()?;
        let version = mounts.version(mount);
        let place = match version {
            Version::V1 => mounts.v1.get(FREEZER).cloned(),
            Version::V2 => mounts.v2.clone(),
        };
        let place = place.ok_or_else(|| {
            let text = "The 'linux' launcher needs the freezer of cgroups, which is not mounted; \
                        use --launcher=posix";
            IsolatorError::Refused(text.to_owned())
        })?;
        let hierarchy = Hierarchy::new(version, place, root, [])?;
        Ok(Self { hierarchy, posix: Posix::new(work_dir) })
    }
}

impl Launcher for Linux {
    fn equip(&mut self, id: &ContainerId, command: Command) -> Result<Command, LaunchError> {
        let node = self.hierarchy.create(id)?;
        let node = self.hierarchy.of_processes(&node);
        let command = self.posix.equip(id, command)?;
        Ok(command.parent_hook("move it to its cgroup", move |pid| {
            let moved = node.assign(pid.cast_unsigned());
            moved.map_err(|error| std::io::Error::other(error.to_string()))
        }))
    }

    fn waits(&self) -> bool {
        true
    }

    fn recover(&mut self, known: &[RecoverContainer]) -> Vec<Option<u32>> {
        let leaders = self.posix.recover(known);
        let ours: HashSet<&ContainerId> = known.iter().map(|one| &one.container).collect();
        // The inner before the outer.
        for id in self.hierarchy.containers().iter().rev().filter(|id| !ours.contains(id)) {
            tracing::warn!("destroying the unknown container {id}");
            self.clean_up(id);
        }
        leaders
    }

    fn kill(&self, target: Target) -> Option<Kill> {
        let node = match self.hierarchy.node(&target.container) {
            Ok(node) if node.exists() => node,
            // It is of an agent with another launcher.
            _ => return self.posix.kill(target),
        };
        if node.all_processes().is_empty() {
            return None;
        }
        let hierarchy = self.hierarchy.clone();
        Some(Box::new(move || {
            if let Err(error) = hierarchy.kill(&node) {
                tracing::error!("cannot kill container {}: {error}", target.container);
            }
        }))
    }

    fn clean_up(&mut self, id: &ContainerId) {
        if let Err(error) = self.hierarchy.destroy(id) {
            tracing::error!("cannot remove the cgroup of container {id}: {error}");
        }
    }
}

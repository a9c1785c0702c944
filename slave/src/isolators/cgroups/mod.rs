//! `cgroups/…`: limits and counters of the kernel's (rows IS-02 to IS-09, CT-15).
//!
//! ```text
//!   prepare: a cgroup per hierarchy, its limits ──▶ isolate: the first process moves there
//!   cleanup: what is left is killed ──▶ the cgroups go
//! ```
//!
//! One isolator stands for all names with `cgroups/`, since in version 2, and where controllers
//! are mounted together, they share the cgroups that it makes. A nested container is in its
//! parent's cgroups, unless `share_cgroups` is false; a session always is.
//!
//! Reading order: this, [`node`] (a cgroup), [`mounts`] (where they are), [`v1`], [`v2`],
//! [`hierarchy`] (those of containers), [`controller`] (what there is to control), [`cpu`],
//! [`memory`] with [`watcher`], [`pids`], [`devices`], [`blkio`].

pub mod blkio;
pub mod controller;
pub mod cpu;
pub mod devices;
pub mod hierarchy;
pub mod memory;
pub mod mounts;
pub mod node;
pub mod pids;
pub mod v1;
pub mod v2;
pub mod watcher;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mesos::container::{ContainerStatus, DeviceWhitelist};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use nix::unistd::{Gid, Uid, chown};

use self::controller::{Controller, Member};
use self::hierarchy::Hierarchy;
use self::mounts::{Mounts, Version};
use super::{Class, Container, Isolator, IsolatorError, Limited, Preparation, Recovered};

/// What the operator decides about cgroups.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--cgroups_hierarchy`: where they are mounted.
    pub hierarchy: PathBuf,
    /// `--cgroups_root`: the cgroup above all containers.
    pub root: String,
    /// `--cgroups_enable_cfs`: a container gets no more processors than it was promised.
    pub cfs: bool,
    /// `--cgroups_limit_swap`: limits of memory hold for memory and swap together.
    pub limit_swap: bool,
    /// `--cgroups_cpu_enable_pids_and_tids_count`: processes and threads are counted.
    pub count: bool,
    /// `--revocable_cpu_low_priority`: processors that may be taken back count for little.
    pub revocable_low_priority: bool,
    /// `--allowed_devices`: what may be used beside the defaults.
    pub devices: Option<DeviceWhitelist>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hierarchy: "/sys/fs/cgroup".into(),
            root: "mesos".to_owned(),
            cfs: false,
            limit_swap: false,
            count: false,
            revocable_low_priority: true,
            devices: None,
        }
    }
}

/// The isolator.
#[derive(Debug)]
pub struct Cgroups {
    groups: Vec<Group>,
    /// The containers that have cgroups of their own, and in which hierarchies.
    containers: BTreeMap<ContainerId, BTreeSet<usize>>,
}

/// A hierarchy, and the controllers in it that we use.
#[derive(Debug)]
struct Group {
    hierarchy: Hierarchy,
    controllers: Vec<Box<dyn Controller>>,
}

impl Cgroups {
    /// Makes the isolator for these names, each without `cgroups/`.
    ///
    /// # Errors
    /// A name is unknown, or the kernel has no such controller.
    pub fn new(
        names: &[&str],
        settings: &Settings,
        limited: &Limited,
    ) -> Result<Self, IsolatorError> {
        Self::with_mounts(names, settings, limited, &Mounts::read()?)
    }

    fn with_mounts(
        names: &[&str],
        settings: &Settings,
        limited: &Limited,
        mounts: &Mounts,
    ) -> Result<Self, IsolatorError> {
        let version = mounts.version(&settings.hierarchy);
        let wanted = wanted(names, version, mounts)?;
        let mut places: BTreeMap<PathBuf, Vec<&'static str>> = BTreeMap::new();
        for name in wanted {
            places.entry(place(name, version, mounts)?).or_default().push(name);
        }
        let mut groups = Vec::new();
        for (mount, names) in places {
            let on = names.iter().copied().filter(|_| version == Version::V2);
            let hierarchy = Hierarchy::new(version, mount, &settings.root, on)?;
            let make = |name| {
                let made = make(name, settings, &hierarchy, limited);
                made.map_err(|error| {
                    let text = format!("Failed to create subsystem '{name}': {error}");
                    IsolatorError::Refused(text)
                })
            };
            let controllers = names.into_iter().map(make).collect::<Result<_, _>>()?;
            groups.push(Group { hierarchy, controllers });
        }
        Ok(Self { groups, containers: BTreeMap::new() })
    }

    /// The container in whose cgroups this one is: itself, or one above it.
    fn owner(&self, id: &ContainerId) -> Option<ContainerId> {
        let mut id = id;
        loop {
            if self.containers.contains_key(id) {
                return Some(id.clone());
            }
            id = id.parent.as_deref()?;
        }
    }

    /// Does something with each controller that has to do with a container.
    fn each(
        &mut self,
        id: &ContainerId,
        mut act: impl FnMut(&mut dyn Controller, &node::Node) -> Result<(), IsolatorError>,
    ) -> Result<(), IsolatorError> {
        let Some(own) = self.containers.get(id) else { return Err(unknown(id)) };
        let mut result = Ok(());
        for index in own {
            let Some(group) = self.groups.get_mut(*index) else { continue };
            let node = group.hierarchy.node(id)?;
            for controller in &mut group.controllers {
                let done = act(controller.as_mut(), &node);
                result = result.and(done);
            }
        }
        result
    }

    fn adopt(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        let mut own = BTreeSet::new();
        for (index, group) in self.groups.iter().enumerate() {
            // The isolator of the last run may have had fewer controllers.
            if group.hierarchy.node(id)?.exists() {
                own.insert(index);
            }
        }
        if own.is_empty() && id.parent.is_some() {
            // It is in those of the one above.
            return Ok(());
        }
        self.containers.insert(id.clone(), own);
        self.each(id, |controller, node| controller.recover(id, node))
    }
}

fn unknown(id: &ContainerId) -> IsolatorError {
    IsolatorError::Refused(format!("Unknown container {id}"))
}

/// The controllers for these names.
fn wanted(
    names: &[&str],
    version: Version,
    mounts: &Mounts,
) -> Result<BTreeSet<&'static str>, IsolatorError> {
    if names.contains(&"all") {
        let there = mounts.controllers(version);
        let all: BTreeSet<&str> =
            controller::all(version).into_iter().filter(|name| there.contains(*name)).collect();
        if all.is_empty() {
            let text = "No subsystems are enabled by the kernel";
            return Err(IsolatorError::Refused(text.to_owned()));
        }
        return Ok(all);
    }
    let mut wanted = BTreeSet::new();
    for name in names {
        let controllers = controller::of_isolator(name, version)
            .filter(|names| !names.iter().any(|name| controller::is_unfinished(name)));
        let Some(controllers) = controllers else {
            let text = format!("Unknown or unsupported isolator 'cgroups/{name}'");
            return Err(IsolatorError::Refused(text));
        };
        wanted.extend(controllers);
    }
    Ok(wanted)
}

/// The mount of a controller.
fn place(name: &str, version: Version, mounts: &Mounts) -> Result<PathBuf, IsolatorError> {
    let found = match version {
        Version::V1 => mounts.v1.get(name).cloned(),
        Version::V2 => mounts.v2.clone().filter(|_| mounts.controllers(version).contains(name)),
    };
    found.ok_or_else(|| {
        let why = match version {
            Version::V1 => "it is not mounted, or not enabled by the kernel",
            Version::V2 => "the kernel does not offer it in version 2 of cgroups",
        };
        let text = format!("Failed to prepare hierarchy for the subsystem '{name}': {why}");
        IsolatorError::Refused(text)
    })
}

fn make(
    name: &'static str,
    settings: &Settings,
    hierarchy: &Hierarchy,
    limited: &Limited,
) -> Result<Box<dyn Controller>, IsolatorError> {
    let version = hierarchy.version();
    Ok(match name {
        "cpu" => Box::new(cpu::Cpu {
            version,
            cfs: settings.cfs,
            revocable_low_priority: settings.revocable_low_priority,
            count: settings.count,
        }),
        "cpuacct" => Box::new(cpu::Accounting { count: settings.count }),
        "memory" => {
            let (root, swap) = (hierarchy.root(), settings.limit_swap);
            Box::new(memory::Memory::new(version, &root, swap, limited.clone())?)
        }
        "pids" => Box::new(pids::Pids::new()),
        "devices" => Box::new(devices::Devices::new(settings.devices.as_ref())?),
        "blkio" | "io" => Box::new(blkio::Blkio { version }),
        other => Box::new(Member(other)),
    })
}

/// Whether a container below another one is in that one's cgroups.
fn shares(container: &Container) -> bool {
    let info = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
    let shares = info.and_then(|info| info.share_cgroups).unwrap_or(true);
    container.id.parent.is_some() && (shares || container.class == Class::Session)
}

impl Isolator for Cgroups {
    fn name(&self) -> &'static str {
        "cgroups"
    }

    fn handles(&self, _: Class) -> bool {
        // Whoever is below another one has to be moved to its cgroups.
        true
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        for container in known {
            self.adopt(&container.id)?;
        }
        for index in 0..self.groups.len() {
            let hierarchy = self.groups[index].hierarchy.clone();
            // The inner before the outer.
            for id in hierarchy.containers().into_iter().rev() {
                if known.iter().any(|one| one.id == id) {
                    continue;
                }
                tracing::info!("destroying the cgroup of the unknown container {id}");
                if let Err(error) = hierarchy.destroy(&id) {
                    tracing::warn!("cannot destroy the cgroup of {id}: {error}");
                }
            }
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let id = &container.id;
        if shares(container) {
            return Ok(Preparation::default());
        }
        if self.containers.contains_key(id) {
            let text = "Container has already been prepared";
            return Err(IsolatorError::Refused(text.to_owned()));
        }
        self.containers.insert(id.clone(), BTreeSet::new());
        for index in 0..self.groups.len() {
            let hierarchy = &self.groups[index].hierarchy;
            let node = hierarchy.node(id)?;
            // In version 2 it may be the launcher's.
            if hierarchy.version() == Version::V1 && node.exists() {
                let text = format!("The cgroup at '{}' already exists", node.path().display());
                return Err(IsolatorError::Refused(text));
            }
            hierarchy.create(id)?;
            if let Some(own) = self.containers.get_mut(id) {
                own.insert(index);
            }
            if let Some(user) = &container.user {
                // So that it can make cgroups below; the limits are in files that stay ours.
                let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
                chown(node.path(), Some(uid), Some(gid)).map_err(|errno| IsolatorError::Io {
                    what: "chown the cgroup at",
                    path: node.path().to_owned(),
                    source: errno.into(),
                })?;
            }
        }
        self.each(id, |controller, node| controller.prepare(container, node))?;
        self.update(id, &container.resources, &container.limits)?;
        Ok(Preparation::default())
    }

    fn isolate(&mut self, id: &ContainerId, pid: u32) -> Result<(), IsolatorError> {
        let owner = self.owner(id).ok_or_else(|| unknown(id))?;
        if owner == *id {
            self.each(id, |controller, node| controller.isolate(id, node, pid))?;
        }
        let own = self.containers.get(&owner).cloned().unwrap_or_default();
        for index in own {
            let hierarchy = &self.groups[index].hierarchy;
            hierarchy.of_processes(&hierarchy.node(&owner)?).assign(pid)?;
        }
        Ok(())
    }

    fn update(
        &mut self,
        id: &ContainerId,
        resources: &Resources,
        limits: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        self.each(id, |controller, node| controller.update(id, node, resources, limits))
    }

    fn usage(
        &mut self,
        id: &ContainerId,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        self.each(id, |controller, node| controller.usage(id, node, into))
    }

    fn status(&mut self, id: &ContainerId, into: &mut ContainerStatus) {
        let Some(owner) = self.owner(id) else { return };
        // It never fails.
        let _ = self.each(&owner, |controller, node| {
            controller.status(&owner, node, into);
            Ok(())
        });
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        let Some(own) = self.containers.remove(id) else { return Ok(()) };
        let mut result = Ok(());
        for index in own {
            let Some(group) = self.groups.get_mut(index) else { continue };
            for controller in &mut group.controllers {
                controller.cleanup(id);
            }
            result = result.and(group.hierarchy.destroy(id));
        }
        result
    }
}

#[cfg(test)]
mod tests;

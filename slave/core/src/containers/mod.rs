//! Containers that are not executors': nested below another one, or standing alone (rows CT-09 to
//! CT-11).
//!
//! ```text
//!             LAUNCH                 launched
//!   (none) ────────────▶ STARTING ────────────▶ RUNNING
//!     ▲                     │ kill, parent ends    │ its process ends, its parent or its session
//!     │                     ▼                      ▼ is ended
//!     ├── launch failed ─ DESTROYING ◀─────────────┘
//!     │                     │ its children have ended, and then its processes
//!     │                     ▼
//!     └── REMOVING ◀────  ENDED        WAIT is answered, now and later
//!          REMOVE, or its root has ended
//! ```
//!
//! A container ends after everything below it. That holds for executors' containers too, which
//! have a life of their own in [`crate::executor`]: their end is held back here for as long as
//! something lives below them.
//!
//! Reading order: this file (what is known of containers), [`call`] (the contract with the shell),
//! [`calls`] (what is asked of containers), [`launch`] (how one is made), [`end`] (who ends when),
//! [`recovery`].

pub mod call;
mod calls;
mod end;
mod launch;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use imbl::OrdMap;
use mesos::ids::ContainerId;
use mesos::task::TaskStatus;

use self::call::{ContainerRequest, ContainerSpec};
use self::end::RootEnd;
use crate::agent::Agent;
use crate::checkpoint::RecoveredContainer;
use crate::event::{ContainerTermination, LaunchedContainer};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerState {
    /// It is being made.
    Starting,
    /// It runs.
    Running,
    /// It ends: first what is below it, then itself.
    Destroying,
    /// It has ended, and how is remembered.
    Ended,
    /// Its traces are being removed.
    Removing,
}

/// A container that is not an executor's.
#[derive(Debug, Clone)]
pub struct Container {
    /// What it was made from.
    pub spec: Arc<ContainerSpec>,
    /// Where it is in its life.
    pub state: ContainerState,
    /// The process that leads it, once it runs.
    pub pid: Option<u32>,
    /// How its leading process ended; the container itself ends once its children have, too.
    pub termination: Option<ContainerTermination>,
    /// Whether it never came to run.
    failed: bool,
}

impl Container {
    /// Whether it has not ended yet.
    pub fn is_live(&self) -> bool {
        use ContainerState::{Destroying, Running, Starting};
        matches!(self.state, Starting | Running | Destroying)
    }
}

/// All containers that are not executors', and who waits for which.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    known: OrdMap<ContainerId, Arc<Container>>,
    /// What lies directly below a container, ended ones included.
    children: BTreeMap<ContainerId, BTreeSet<ContainerId>>,
    /// Who launched a container that has not come to run.
    launches: BTreeMap<ContainerId, ContainerRequest>,
    /// Who waits for the end of a container.
    waiters: BTreeMap<ContainerId, Vec<ContainerRequest>>,
    /// Which containers live only as long as the connection that launched them.
    sessions: BTreeMap<ContainerRequest, ContainerId>,
    /// Which containers' traces are being removed.
    removals: BTreeMap<ContainerId, Removal>,
    /// Executors' containers that have ended, but for what is below them.
    ending: BTreeMap<ContainerId, RootEnd>,
    /// Executors' containers that are to be destroyed once nothing lives below them.
    doomed: BTreeSet<ContainerId>,
    /// Roots that have traces on the disk of what was below them.
    roots: BTreeSet<ContainerId>,
    /// What the checkpoints of the last run held, until it is made use of.
    recovered: Vec<RecoveredContainer>,
}

/// A removal under way.
#[derive(Debug, Default)]
struct Removal {
    /// Who asked for it.
    requests: Vec<ContainerRequest>,
    /// What is still there.
    paths: BTreeSet<PathBuf>,
    /// What went wrong first.
    error: Option<String>,
}

impl Containers {
    /// All that is known, for whoever renders it.
    pub(crate) fn known(&self) -> &OrdMap<ContainerId, Arc<Container>> {
        &self.known
    }

    fn get(&self, id: &ContainerId) -> Option<&Container> {
        self.known.get(id).map(Arc::as_ref)
    }

    fn get_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        self.known.get_mut(id).map(Arc::make_mut)
    }

    fn insert(&mut self, container: Container) {
        let id = container.spec.container.clone();
        self.roots.insert(root_of(&id).clone());
        if let Some(parent) = &id.parent {
            self.children.entry((**parent).clone()).or_default().insert(id.clone());
        }
        self.known.insert(id, Arc::new(container));
    }

    /// What lives directly below a container.
    fn live_children(&self, id: &ContainerId) -> Vec<ContainerId> {
        let children = self.children.get(id).into_iter().flatten();
        children.filter(|child| self.get(child).is_some_and(Container::is_live)).cloned().collect()
    }

    fn has_live_children(&self, id: &ContainerId) -> bool {
        let mut children = self.children.get(id).into_iter().flatten();
        children.any(|child| self.get(child).is_some_and(Container::is_live))
    }

    /// Forgets a container with everything below it. Nothing of it lives any more.
    fn forget(&mut self, id: &ContainerId) {
        // What hangs below an id that grows with every step down is a tree: this ends.
        for child in self.children.remove(id).unwrap_or_default() {
            self.forget(&child);
        }
        self.known.remove(id);
        if let Some(parent) = &id.parent
            && let Some(siblings) = self.children.get_mut(parent)
        {
            siblings.remove(id);
            if siblings.is_empty() {
                self.children.remove(parent);
            }
        }
    }
}

impl Agent {
    /// What the container runs as that a task says to be in, if it is one that runs below its
    /// executor's.
    pub(crate) fn nested_container(&self, status: &TaskStatus) -> Option<LaunchedContainer> {
        let id = status.container_status.as_ref()?.container_id.as_ref()?;
        let container = self.contained.get(id).filter(|container| container.is_live())?;
        let launched = |pid| LaunchedContainer { pid: Some(pid), network_infos: Vec::new() };
        container.pid.map(launched)
    }
}

/// The container at the root of the tree that this one is in.
pub fn root_of(id: &ContainerId) -> &ContainerId {
    let mut root = id;
    while let Some(parent) = &root.parent {
        root = parent;
    }
    root
}

/// How many containers there are from the root down to this one.
fn depth_of(id: &ContainerId) -> usize {
    std::iter::successors(Some(id), |one| one.parent.as_deref()).count()
}

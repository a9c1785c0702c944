//! What an agent knows, frozen, for whoever renders it (rows OI-01, AA-01).
//!
//! Taking a snapshot copies a few pointers: the agent keeps its frameworks, executors and tasks in
//! persistent maps, and copies on its next change only what it changes.

use std::sync::Arc;
use std::time::Duration;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::{ContainerId, FrameworkId};
use mesos::resources::Resources;
use mesos::time::Time;

use crate::agent::AgentState;
use crate::containers::Container;
use crate::event::Leader;
use crate::executor::Executor;
use crate::framework::Framework;

/// The state of an agent after a step.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where the agent is in its life. `/state` answers 503 while it recovers.
    pub state: AgentState,
    /// What it says of itself, with its id once it has one.
    pub info: Arc<AgentInfo>,
    /// When it started.
    pub started: Time,
    /// The leading master that it knows of.
    pub leader: Option<Arc<Leader>>,
    /// Its frameworks.
    pub frameworks: OrdMap<FrameworkId, Arc<Framework>>,
    /// The last frameworks that are over, oldest first.
    pub completed_frameworks: Vector<Arc<Framework>>,
    /// Its containers that are not executors'.
    pub containers: OrdMap<ContainerId, Arc<Container>>,
    /// How long recovery took, once it is over.
    pub recovery_time: Option<Duration>,
    /// How many directories wait to be collected.
    pub gc_pending: usize,
    /// The largest age of a dead sandbox, as full as the disk is.
    pub gc_max_age: Duration,
}

impl Snapshot {
    /// Every executor that is not completed, by framework and id.
    pub fn executors(&self) -> impl Iterator<Item = &Executor> {
        let frameworks = self.frameworks.values();
        frameworks.flat_map(|framework| framework.executors.values()).map(Arc::as_ref)
    }

    /// Whether there is a container with this id that has not ended, an executor's or another.
    pub fn has_container(&self, id: &ContainerId) -> bool {
        match self.containers.get(id) {
            Some(container) => container.is_live(),
            None => self.executors().any(|one| one.is_live() && one.container == *id),
        }
    }

    /// What is in use: by executors whose containers live, and by their tasks that are not over.
    pub fn allocated(&self) -> Resources {
        self.executors().map(Executor::allocated).sum()
    }
}

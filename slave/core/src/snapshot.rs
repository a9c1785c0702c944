//! What an agent knows, frozen, for whoever renders it (rows OI-01, AA-01).
//!
//! Taking a snapshot copies a few pointers: the agent keeps its frameworks, executors and tasks in
//! persistent maps, and copies on its next change only what it changes.

use std::sync::Arc;
use std::time::Duration;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::FrameworkId;
use mesos::time::Time;

use crate::agent::AgentState;
use crate::event::Leader;
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
    /// How long recovery took, once it is over.
    pub recovery_time: Option<Duration>,
    /// How many directories wait to be collected.
    pub gc_pending: usize,
    /// The largest age of a dead sandbox, as full as the disk is.
    pub gc_max_age: Duration,
}

//! An agent, as the master knows it.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use mesos::agent::{AgentCapabilityType, AgentInfo};
use mesos::executor_info::ExecutorInfo;
use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::operation::Uuid;
use mesos::time::Time;

use crate::event::AgentPid;

/// An agent that is registered. It is in use while it is connected and active.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// What it says of itself.
    pub info: Arc<AgentInfo>,
    /// Where it is.
    pub pid: AgentPid,
    /// Its release.
    pub version: String,
    /// What it can do.
    pub capabilities: BTreeSet<AgentCapabilityType>,
    /// When it first registered with this master.
    pub registered: Time,
    /// When it last came back.
    pub reregistered: Option<Time>,
    /// Whether the link to it is up, as far as is known.
    pub connected: bool,
    /// Whether its resources are offered. A disconnected agent is inactive too.
    pub active: bool,
    /// Whether an operator has taken it out of use (row AG-12).
    pub deactivated: bool,
    /// The version of its resources, against which it checks operations.
    pub resource_version: Option<Uuid>,
    /// Its tasks, by framework; the tasks themselves are with their frameworks.
    pub tasks: OrdMap<FrameworkId, OrdSet<TaskId>>,
    /// Its executors, by framework, except those that run a single command.
    pub executors: OrdMap<FrameworkId, OrdMap<ExecutorId, Arc<ExecutorInfo>>>,
    /// The offers that are out for it.
    pub offers: OrdSet<OfferId>,
}

//! An agent, as the master knows it.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use mesos::agent::{AgentCapability, AgentCapabilityType, AgentInfo};
use mesos::executor_info::ExecutorInfo;
use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::maintenance::InverseOfferStatus;
use mesos::offer::Unavailability;
use mesos::operation::Uuid;
use mesos::resources::Resources;
use mesos::time::Time;
use mesos::v1;

use crate::event::AgentPid;
use crate::maintenance::MachineKey;

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
    /// All that it has, with its dynamic reservations and volumes.
    pub total: Resources,
    /// What of it is offered.
    pub offered: Resources,
    /// What of it is in use, by framework: by tasks that are not over, and by their executors.
    pub used: OrdMap<FrameworkId, Resources>,
    /// Its tasks, by framework; the tasks themselves are with their frameworks.
    pub tasks: OrdMap<FrameworkId, OrdSet<TaskId>>,
    /// Those of them that their schedulers want to end, by framework: an agent that comes back
    /// with one of them is told again (row SC-12).
    pub killed_tasks: OrdMap<FrameworkId, OrdSet<TaskId>>,
    /// Its executors, by framework, except those that run a single command.
    pub executors: OrdMap<FrameworkId, OrdMap<ExecutorId, Arc<ExecutorInfo>>>,
    /// The offers that are out for it.
    pub offers: OrdSet<OfferId>,
    /// When its machine will be away, if that is known.
    pub unavailability: Option<Unavailability>,
    /// The inverse offers that are out for it.
    pub inverse_offers: OrdSet<OfferId>,
    /// What frameworks have last answered to inverse offers, since the present unavailability was
    /// scheduled (row MT-05).
    pub inverse_answers: OrdMap<FrameworkId, InverseOfferStatus>,
}

impl Agent {
    /// Whether the master knows this executor to be on the agent.
    pub fn has_executor(&self, framework: &FrameworkId, executor: &ExecutorId) -> bool {
        self.executors.get(framework).is_some_and(|of| of.contains_key(executor))
    }

    /// The machine that it runs on (row MT-06).
    pub fn machine(&self) -> MachineKey {
        MachineKey::of_agent(&self.info.hostname, self.pid.ip())
    }

    /// What of the agent is in use, by whatever framework.
    pub fn used_in_total(&self) -> Resources {
        self.used.values().sum()
    }

    /// The agent as `GET_AGENTS` and `AGENT_ADDED` show it.
    pub fn to_v1(&self) -> v1::master::Agent {
        let capabilities = self.capabilities.iter();
        v1::master::Agent {
            agent_info: (*self.info).clone(),
            active: self.active,
            deactivated: Some(self.deactivated),
            version: self.version.clone(),
            pid: Some(self.pid.as_str().to_owned()),
            registered_time: Some(self.registered.into()),
            reregistered_time: self.reregistered.map(Into::into),
            total_resources: self.total.to_endpoint_vec(),
            allocated_resources: self.used_in_total().to_endpoint_vec(),
            offered_resources: self.offered.to_endpoint_vec(),
            capabilities: capabilities.map(|c| AgentCapability { r#type: Some(*c) }).collect(),
            ..v1::master::Agent::default()
        }
    }
}

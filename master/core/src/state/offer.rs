//! An offer that is out.

use std::sync::Arc;

use mesos::framework::FrameworkCapabilityType::{MultiRole, ReservationRefinement};
use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::master_info::{Address, Url};
use mesos::offer;
use mesos::resource::AllocationInfo;
use mesos::resources::Resources;
use mesos::time::Time;

use crate::event::TimerId;
use crate::state::{Agent, Framework};

/// An offer that a framework has not answered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Who may answer it.
    pub framework: FrameworkId,
    /// The agent whose resources are offered.
    pub agent: AgentId,
    /// The role that they are offered to.
    pub role: Arc<str>,
    /// The resources, allocated to the role.
    pub resources: Resources,
    /// When it was made.
    pub made: Time,
    /// The timer that ends it, if offers end.
    pub(crate) timer: Option<TimerId>,
}

impl Offer {
    /// The offer as its framework is shown it, which depends on what the framework can deal with
    /// (`wire.md` 10).
    pub fn to_v1(&self, framework: &Framework, agent: &Agent) -> offer::Offer {
        let is_multi_role = framework.can(MultiRole);
        let allocation = AllocationInfo { role: Some(self.role.to_string()) };
        let executors = agent.executors.get(&framework.id);
        let refined = framework.can(ReservationRefinement);
        offer::Offer {
            id: self.id.clone(),
            framework_id: framework.id.clone(),
            agent_id: agent.id.clone(),
            hostname: agent.info.hostname.clone(),
            url: Some(Box::new(url(agent))),
            domain: agent.info.domain.clone(),
            resources: self.resources.to_offer_vec(is_multi_role, refined),
            attributes: agent.info.attributes.clone(),
            executor_ids: executors.map(|of| of.keys().cloned().collect()).unwrap_or_default(),
            unavailability: agent.unavailability.clone(),
            allocation_info: is_multi_role.then_some(allocation),
        }
    }
}

/// Where the agent answers HTTP.
pub(super) fn url(agent: &Agent) -> Url {
    Url {
        scheme: "http".to_owned(),
        address: Address {
            hostname: Some(agent.info.hostname.clone()),
            ip: Some(agent.pid.ip().to_owned()),
            port: agent.pid.port().into(),
        },
        path: Some(format!("/{}", agent.pid.process())),
        ..Url::default()
    }
}

//! An inverse offer that is out.

use std::sync::Arc;

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::offer::{self, Unavailability};
use mesos::time::Time;

use super::Agent;
use super::offer::url;
use crate::event::TimerId;
use crate::snapshot::Snapshot;

/// A request to let go of an agent, which a framework has not answered.
#[derive(Debug, Clone)]
pub struct InverseOffer {
    /// Its id; no offer has the same.
    pub id: OfferId,
    /// Who may answer it.
    pub framework: FrameworkId,
    /// The agent whose machine goes away.
    pub agent: AgentId,
    /// When it does.
    pub unavailability: Unavailability,
    /// When the inverse offer was made.
    pub made: Time,
    /// The timer that ends it, if offers end.
    pub(crate) timer: Option<TimerId>,
}

impl InverseOffer {
    /// The inverse offer as its framework is shown it.
    pub fn to_v1(&self, agent: &Agent) -> offer::InverseOffer {
        offer::InverseOffer {
            id: self.id.clone(),
            url: Some(Box::new(url(agent))),
            framework_id: self.framework.clone(),
            agent_id: Some(self.agent.clone()),
            unavailability: self.unavailability.clone(),
            resources: Vec::new(),
        }
    }
}

impl Snapshot {
    pub(crate) fn add_inverse_offer(&mut self, offer: InverseOffer) {
        if let Some(agent) = self.agent_mut(&offer.agent) {
            agent.inverse_offers.insert(offer.id.clone());
        }
        if let Some(framework) = self.framework_mut(&offer.framework) {
            framework.inverse_offers.insert(offer.id.clone());
        }
        self.inverse_offers.insert(offer.id.clone(), Arc::new(offer));
    }

    pub(crate) fn remove_inverse_offer(&mut self, id: &OfferId) -> Option<Arc<InverseOffer>> {
        let offer = self.inverse_offers.remove(id)?;
        if let Some(agent) = self.agent_mut(&offer.agent) {
            agent.inverse_offers.remove(id);
        }
        if let Some(framework) = self.framework_mut(&offer.framework) {
            framework.inverse_offers.remove(id);
        }
        Some(offer)
    }
}

//! Writes to the registry that are under way, and what waits for them.

use std::collections::BTreeMap;

use mesos::agent::MachineId;
use mesos::ids::AgentId;
use mesos::internal::{RegisterAgent, ReregisterAgent};
use mesos::time::TimeInfo;

use crate::effect::{Effect, Effects};
use crate::event::{AgentPid, RequestId, StoreId};
use crate::registry::Operation;

/// What happens once a write is durable.
#[derive(Debug)]
pub(crate) enum Then {
    /// The master leads.
    Lead,
    /// The agent is admitted under this id.
    Admit { pid: AgentPid, id: AgentId, message: Box<RegisterAgent> },
    /// The agent that was not registered is back.
    Readmit { pid: AgentPid, id: AgentId, message: Box<ReregisterAgent> },
    /// The registered agent is back with another description.
    Update { pid: AgentPid, id: AgentId, message: Box<ReregisterAgent> },
    /// The agent is unreachable since then; why.
    MarkUnreachable { id: AgentId, since: TimeInfo, why: String },
    /// The agent was removed; the updates of its tasks wait.
    Remove(Box<crate::membership::Removal>),
    /// The agent is gone; the operator waits.
    MarkGone { id: AgentId, since: TimeInfo, request: RequestId },
    /// Machines go away or come back, or are scheduled to; the operator waits. The machines that
    /// are down now, and the agents that were removed with them.
    Maintain { request: RequestId, down: Vec<MachineId>, leaving: Vec<AgentId> },
    /// Roles have other weights; the operator waits.
    Weigh { request: RequestId, weights: BTreeMap<String, f64> },
    /// Nothing.
    Nothing,
}

/// Writes to the registry that are under way.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    next: u64,
    pending: BTreeMap<StoreId, (Vec<Operation>, Then)>,
}

impl Registrar {
    /// Asks for a write.
    pub fn store(&mut self, operations: Vec<Operation>, then: Then, out: &mut Effects) {
        let store = StoreId(self.next);
        self.next += 1;
        self.pending.insert(store, (operations.clone(), then));
        out.push(Effect::Store { store, operations });
    }

    /// Takes a write that is done.
    pub fn stored(&mut self, store: StoreId) -> Option<(Vec<Operation>, Then)> {
        self.pending.remove(&store)
    }
}

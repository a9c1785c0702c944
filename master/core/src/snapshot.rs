//! A picture of the master at one moment, for everything that only reads.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::master_info::MasterInfo;
use mesos::time::Time;

use crate::registry::Registry;
use crate::state::{Agent, Framework, InverseOffer, Offer, OperationCounts};

/// A picture of the master at one moment. Taking one costs a few pointers; it never changes, and
/// may be read on any thread.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// This master, once it leads.
    pub info: Option<Arc<MasterInfo>>,
    /// When it began to lead.
    pub elected: Option<Time>,
    /// Whether it leads and its registry is at hand.
    pub recovered: bool,
    /// What the registry holds.
    pub registry: Registry,
    /// The agents that are registered.
    pub agents: OrdMap<AgentId, Arc<Agent>>,
    /// The agents of the registry that have not come back since this master leads.
    pub recovered_agents: OrdMap<AgentId, Arc<AgentInfo>>,
    /// The frameworks that are not over.
    pub frameworks: OrdMap<FrameworkId, Arc<Framework>>,
    /// The last frameworks that are over, oldest first.
    pub completed_frameworks: Vector<Arc<Framework>>,
    /// The offers that are out.
    pub offers: OrdMap<OfferId, Arc<Offer>>,
    /// The inverse offers that are out.
    pub inverse_offers: OrdMap<OfferId, Arc<InverseOffer>>,
    /// How many operations there were.
    pub operations: Arc<OperationCounts>,
}

//! A framework, as the master knows it.
//!
//! ```text
//!   a re-registering agent runs its tasks       SUBSCRIBE
//!      │                                           │
//!      ▼               SUBSCRIBE                   ▼     connection closed
//!   Recovered ─────────────────────────────────▶ Active ───────────────────▶ Disconnected
//!      │                                         │   ▲        SUBSCRIBE         │
//!      │                                         │   └──────────────────────────┤
//!      │ teardown by an operator                 │ TEARDOWN                     │ failover
//!      ▼                                         ▼                              ▼ timeout
//!   completed ◀─────────────────────────────────────────────────────────────────
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use mesos::executor_info::ExecutorInfo;
use mesos::framework::{FrameworkCapabilityType, FrameworkInfo, OfferConstraints};
use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::resources::{Quantities, Resources};
use mesos::task::Task;
use mesos::time::Time;
use mesos::v1;

use crate::allocator::{Constraints, FrameworkTraits};
use crate::event::ConnectionId;
use crate::state::Options;
use crate::validation::framework::roles_of;

/// Where a framework is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameworkState {
    /// Known only through agents that run its tasks (row MA-16).
    Recovered,
    /// Its scheduler is away (row FW-05).
    Disconnected,
    /// Its scheduler is there and gets offers.
    Active,
}

/// A scheduler's stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The connection that it runs over.
    pub connection: ConnectionId,
    /// The id that the scheduler's calls must carry (row SC-02).
    pub id: Arc<str>,
}

/// A framework.
#[derive(Debug, Clone)]
pub struct Framework {
    /// Its id.
    pub id: FrameworkId,
    /// What it says of itself, with its id.
    pub info: Arc<FrameworkInfo>,
    /// The roles that it is in.
    pub roles: Arc<BTreeSet<String>>,
    /// Which agents it wants offers from, by role, as it said it (row AL-25).
    pub offer_constraints: Option<Arc<OfferConstraints>>,
    /// The same, ready to be asked.
    pub(crate) constraints: Arc<Constraints>,
    /// The roles in which it wants no offers (row AL-11).
    pub suppressed_roles: Arc<BTreeSet<String>>,
    /// What it can deal with.
    pub capabilities: Arc<BTreeSet<FrameworkCapabilityType>>,
    /// Where it is in its life.
    pub state: FrameworkState,
    /// The stream to its scheduler, while that is there.
    pub stream: Option<Stream>,
    /// Who its scheduler has proved to be.
    pub principal: Option<String>,
    /// When it first subscribed to this master, or was first heard of.
    pub registered: Time,
    /// When it last subscribed again.
    pub reregistered: Option<Time>,
    /// When it was removed.
    pub unregistered: Option<Time>,
    /// What it uses, by agent: its tasks that are not over, and their executors. Sums over agents
    /// cannot be subtracted from, since ports of one agent are like those of another.
    pub used: OrdMap<AgentId, Resources>,
    /// What it is offered, by agent.
    pub offered: OrdMap<AgentId, Resources>,
    /// Its tasks, until their terminal updates are acknowledged.
    pub tasks: OrdMap<TaskId, Arc<Task>>,
    /// The last tasks that are over, oldest first.
    pub completed_tasks: Vector<Arc<Task>>,
    /// The last tasks on agents that have become unreachable.
    pub unreachable_tasks: OrdMap<TaskId, Arc<Task>>,
    /// The same, oldest first: the oldest makes room when there are too many (row FW-15).
    pub(crate) unreachable_order: Vector<TaskId>,
    /// Its executors, by agent, except those that run a single command.
    pub executors: OrdMap<AgentId, OrdMap<ExecutorId, Arc<ExecutorInfo>>>,
    /// The offers that it has not answered.
    pub offers: OrdSet<OfferId>,
    /// The inverse offers that it has not answered.
    pub inverse_offers: OrdSet<OfferId>,
    /// The agents that know of it, because it has launched something on them: they are told when
    /// it changes and when it ends.
    pub agents: OrdSet<AgentId>,
    /// What is counted of it.
    pub counts: super::FrameworkCounts,
}

impl Framework {
    /// A framework without a scheduler. `info` holds its id.
    pub fn new(id: FrameworkId, info: FrameworkInfo, now: Time) -> Self {
        let mut framework = Self {
            id,
            info: Arc::default(),
            roles: Arc::default(),
            offer_constraints: None,
            constraints: Arc::default(),
            suppressed_roles: Arc::default(),
            capabilities: Arc::default(),
            state: FrameworkState::Recovered,
            stream: None,
            principal: None,
            registered: now,
            reregistered: None,
            unregistered: None,
            used: OrdMap::new(),
            offered: OrdMap::new(),
            tasks: OrdMap::new(),
            completed_tasks: Vector::new(),
            unreachable_tasks: OrdMap::new(),
            unreachable_order: Vector::new(),
            executors: OrdMap::new(),
            offers: OrdSet::new(),
            inverse_offers: OrdSet::new(),
            agents: OrdSet::new(),
            counts: super::FrameworkCounts::default(),
        };
        framework.set_info(info);
        framework
    }

    /// Whether its scheduler is there.
    pub fn is_connected(&self) -> bool {
        self.state == FrameworkState::Active
    }

    /// Whether it has said that it can deal with this.
    pub fn can(&self, capability: FrameworkCapabilityType) -> bool {
        self.capabilities.contains(&capability)
    }

    /// What it uses, wherever.
    pub fn used_in_total(&self) -> Resources {
        self.used.values().sum()
    }

    /// What it is offered, wherever.
    pub fn offered_in_total(&self) -> Resources {
        self.offered.values().sum()
    }

    /// The framework as `GET_FRAMEWORKS` and `FRAMEWORK_ADDED` show it, without its offers.
    pub fn to_v1(&self) -> v1::master::Framework {
        v1::master::Framework {
            framework_info: (*self.info).clone(),
            // Mesos shows the constraints also where there are none.
            offer_constraints: Some(self.offer_constraints.as_deref().cloned().unwrap_or_default()),
            active: self.state == FrameworkState::Active,
            connected: self.is_connected(),
            recovered: self.state == FrameworkState::Recovered,
            registered_time: Some(self.registered.into()),
            reregistered_time: Some(self.reregistered.unwrap_or(self.registered).into()),
            unregistered_time: self.unregistered.map(Into::into),
            allocated_resources: self.used_in_total().to_endpoint_vec(),
            offered_resources: self.offered_in_total().to_endpoint_vec(),
            ..v1::master::Framework::default()
        }
    }

    /// Takes over a description, which holds the framework's id.
    pub(crate) fn set_info(&mut self, info: FrameworkInfo) {
        self.roles = Arc::new(roles_of(&info));
        let capabilities = info.capabilities.iter().filter_map(|capability| capability.r#type);
        self.capabilities = Arc::new(capabilities.collect());
        self.info = Arc::new(info);
    }

    /// Takes over what a scheduler says besides.
    pub(crate) fn set_options(&mut self, options: Options) {
        self.suppressed_roles = Arc::new(options.suppressed);
        self.offer_constraints = options.offer_constraints.map(Arc::new);
        self.constraints = Arc::new(options.constraints);
    }

    /// What the allocator needs to know.
    pub(crate) fn traits(&self) -> FrameworkTraits {
        let min_allocatable = self.info.offer_filters.iter().filter_map(|(role, filters)| {
            let rule = filters.min_allocatable_resources.as_ref()?;
            let sets = rule.quantities.iter().map(|set| Quantities::from(&set.quantities));
            Some((role.clone(), sets.collect()))
        });
        FrameworkTraits {
            roles: self.roles.clone(),
            suppressed: self.suppressed_roles.clone(),
            constraints: self.constraints.clone(),
            capabilities: self.capabilities.clone(),
            min_allocatable: min_allocatable.collect(),
        }
    }
}

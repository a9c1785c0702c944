//! A framework, as the master knows it.
//!
//! ```text
//!   re-registered agent tells of it          SUBSCRIBE
//!      │                                        │
//!      ▼            SUBSCRIBE                   ▼       connection closed
//!   Recovered ──────────────────────────────▶ Active ──────────────────────▶ Disconnected
//!      │                                        │  ▲        SUBSCRIBE           │
//!      │                                        │  └────────────────────────────┤
//!      │ teardown by operator                   │ TEARDOWN                      │ failover
//!      ▼                                        ▼                               ▼ timeout
//!   completed ◀──────────────────────────────────────────────────────────────────
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use mesos::executor_info::ExecutorInfo;
use mesos::framework::{FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::task::Task;
use mesos::time::Time;

use crate::event::ConnectionId;

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
    /// Its tasks, until their terminal updates are acknowledged.
    pub tasks: OrdMap<TaskId, Arc<Task>>,
    /// The last tasks that are over, oldest first.
    pub completed_tasks: Vector<Arc<Task>>,
    /// The last tasks on agents that have become unreachable.
    pub unreachable_tasks: OrdMap<TaskId, Arc<Task>>,
    /// Its executors, by agent, except those that run a single command.
    pub executors: OrdMap<AgentId, OrdMap<ExecutorId, Arc<ExecutorInfo>>>,
    /// The offers that it has not answered.
    pub offers: OrdSet<OfferId>,
}

impl Framework {
    /// Whether its scheduler is there.
    pub fn is_connected(&self) -> bool {
        self.state == FrameworkState::Active
    }

    /// Whether it has said that it can deal with this.
    pub fn can(&self, capability: FrameworkCapabilityType) -> bool {
        self.capabilities.contains(&capability)
    }
}

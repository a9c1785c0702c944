//! The agent itself: its states, and who handles which event.
//!
//! ```text
//!                  Recovered, executors are back or given up
//!   RECOVERING ──────────────────────────────────────────────▶ DISCONNECTED ◀──┐
//!       │                                        (re-)registered │             │ master lost,
//!       │                                                        ▼             │ no pings
//!       │                                                     RUNNING ─────────┘
//!       │ cleanup                                                │ shutdown
//!       ▼                                                        ▼
//!   TERMINATING ◀────────────────────────────────────────────────┘
//!       │ the last executor is gone
//!       ▼
//!     (exit)
//! ```

use std::sync::Arc;
use std::time::Duration;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::FrameworkId;
use mesos::time::Time;

use crate::config::Config;
use crate::effect::{Effect, Effects};
use crate::event::{Event, Leader};
use crate::framework::Framework;
use crate::snapshot::Snapshot;

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// It looks for what the last run left behind.
    Recovering,
    /// It has no master, or has not registered with the one it knows.
    Disconnected,
    /// It is registered.
    Running,
    /// It kills everything and leaves.
    Terminating,
}

/// An agent.
#[derive(Debug)]
pub struct Agent {
    state: AgentState,
    info: Arc<AgentInfo>,
    started: Option<Time>,
    leader: Option<Arc<Leader>>,
    frameworks: OrdMap<FrameworkId, Arc<Framework>>,
    completed_frameworks: Vector<Arc<Framework>>,
    recovery_time: Option<Duration>,
    gc_max_age: Duration,
}

impl Agent {
    /// An agent that has not done anything yet. All its randomness comes from the seed, which
    /// differs from one start to the next.
    pub fn new(config: Config, _seed: u64) -> Self {
        Self {
            state: AgentState::Recovering,
            info: Arc::new(config.info.clone()),
            started: None,
            leader: None,
            frameworks: OrdMap::new(),
            completed_frameworks: Vector::new(),
            recovery_time: None,
            gc_max_age: config.gc_delay,
        }
    }

    /// Takes one event in, and puts what follows from it out.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Effects) {
        self.started.get_or_insert(now);
        match event {
            Event::Recovered(_) => {
                self.state = AgentState::Disconnected;
                self.recovery_time = Some(Duration::ZERO);
                out.push(Effect::DetectMaster);
            }
            Event::MasterDetected { master } => self.leader = master.map(Arc::new),
            _ => {}
        }
    }

    /// What the agent knows now. It costs a few pointers.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state,
            info: self.info.clone(),
            started: self.started.unwrap_or_default(),
            leader: self.leader.clone(),
            frameworks: self.frameworks.clone(),
            completed_frameworks: self.completed_frameworks.clone(),
            recovery_time: self.recovery_time,
            gc_pending: 0,
            gc_max_age: self.gc_max_age,
        }
    }
}

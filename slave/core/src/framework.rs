//! A framework, as far as it runs on this agent.
//!
//! ```text
//!            first task                 shutdown
//!   (none) ─────────────▶ RUNNING ────────────────▶ TERMINATING
//!                            │                           │
//!                            └── last executor removed ──┴──▶ (completed)
//! ```

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::framework::FrameworkInfo;
use mesos::ids::{ExecutorId, FrameworkId};

use crate::executor::Executor;

/// Where a framework is in its life on this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameworkState {
    /// It launches tasks.
    Running,
    /// Its executors are being shut down.
    Terminating,
}

/// A framework with its executors.
#[derive(Debug, Clone)]
pub struct Framework {
    /// Its id.
    pub id: FrameworkId,
    /// What it says of itself.
    pub info: Arc<FrameworkInfo>,
    /// Where it is in its life.
    pub state: FrameworkState,
    /// Its executors that are not completed.
    pub executors: OrdMap<ExecutorId, Arc<Executor>>,
    /// The last executors that are over, oldest first.
    pub completed_executors: Vector<Arc<Executor>>,
}

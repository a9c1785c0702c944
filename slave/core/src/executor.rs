//! An executor: one run of a program that runs tasks.
//!
//! ```text
//!             launched            registers, or comes back
//!   (none) ─────────────▶ REGISTERING ─────────────────────▶ RUNNING
//!                              │  timeout, shutdown,             │  shutdown, update
//!                              │  kill of its last task          │  of resources failed
//!                              ▼                                 ▼
//!                         TERMINATING ◀──────────────────────────┘
//!                              │ the container is gone (from every state)
//!                              ▼
//!                         TERMINATED ── every update acknowledged ──▶ (completed)
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::executor_info::ExecutorInfo;
use mesos::ids::{ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::task::{Task, TaskInfo};

use crate::effect::ExecutorKind;
use crate::event::LaunchedContainer;
use crate::ids::ExecutorPid;

/// Where an executor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExecutorState {
    /// It was launched, or outlived the last agent, and has not reported yet.
    Registering,
    /// It takes tasks.
    Running,
    /// It was asked to end.
    Terminating,
    /// Its container is gone; updates of its tasks wait for acknowledgement.
    Terminated,
}

/// One run of an executor, with its tasks.
#[derive(Debug, Clone)]
pub struct Executor {
    /// Its id, unique in its framework.
    pub id: ExecutorId,
    /// Its framework.
    pub framework_id: FrameworkId,
    /// What the framework, or the agent on its behalf, says of it.
    pub info: Arc<ExecutorInfo>,
    /// Which program it is.
    pub kind: ExecutorKind,
    /// Its container.
    pub container: ContainerId,
    /// Its sandbox.
    pub directory: PathBuf,
    /// Whether it is checkpointed.
    pub checkpoint: bool,
    /// Where it is in its life.
    pub state: ExecutorState,
    /// How to reach it, while it is connected.
    pub pid: Option<ExecutorPid>,
    /// What its container runs as, once it runs.
    pub launched: Option<LaunchedContainer>,
    /// Tasks that it has not been given, in the order of their launch.
    pub queued: Vector<Queued>,
    /// Tasks that it has been given and that are not over.
    pub launched_tasks: OrdMap<TaskId, Arc<Task>>,
    /// Tasks that are over, with updates that nobody has acknowledged.
    pub terminated_tasks: OrdMap<TaskId, Arc<Task>>,
    /// The last tasks that are over, oldest first.
    pub completed_tasks: Vector<Arc<Task>>,
}

/// Tasks that wait for their executor.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The tasks: one, or a whole group.
    pub tasks: Arc<Vec<TaskInfo>>,
    /// Whether they are a group.
    pub group: bool,
}

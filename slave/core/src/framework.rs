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
use mesos::executor_info::ExecutorInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{ExecutorId, FrameworkId, TaskId};
use mesos::task::TaskInfo;

use crate::effect::ExecutorKind;
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
    /// Launches that wait for a directory to be removed, in order.
    pub pending: Vector<Arc<Launch>>,
    /// The last executors that are over, oldest first.
    pub completed_executors: Vector<Arc<Executor>>,

    /// Whether its description is on disk, or on its way there.
    pub(crate) written: bool,
}

/// Tasks to be launched on one executor.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The executor that the tasks are for.
    pub executor: ExecutorInfo,
    /// Which program the executor is.
    pub kind: ExecutorKind,
    /// The tasks: one, or a whole group.
    pub tasks: Vec<TaskInfo>,
    /// Whether they are a group.
    pub group: bool,
    /// Whether the master holds a new executor to be needed (row SL-13).
    pub launch_executor: Option<bool>,
}

impl Framework {
    pub(crate) fn new(id: FrameworkId, info: FrameworkInfo) -> Self {
        Self {
            id,
            info: Arc::new(info),
            state: FrameworkState::Running,
            executors: OrdMap::new(),
            pending: Vector::new(),
            completed_executors: Vector::new(),
            written: false,
        }
    }

    /// Whether it has the task, in whichever state that is not completed.
    pub fn has_task(&self, task: &TaskId) -> bool {
        self.executor_of(task).is_some() || self.pending.iter().any(|launch| launch.contains(task))
    }

    /// The executor that has the task.
    pub fn executor_of(&self, task: &TaskId) -> Option<&Arc<Executor>> {
        // Command tasks, which are most, have executors of their own name.
        let namesake = self.executors.get(&ExecutorId::new(task.as_str()));
        namesake
            .filter(|executor| executor.has_task(task))
            .or_else(|| self.executors.values().find(|executor| executor.has_task(task)))
    }
}

impl Launch {
    /// Whether this task is one of its tasks.
    pub fn contains(&self, task: &TaskId) -> bool {
        self.tasks.iter().any(|info| info.task_id == *task)
    }
}

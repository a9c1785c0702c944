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

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::executor_info::ExecutorInfo;
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::task::{KillPolicy, Task, TaskInfo, TaskState, TaskStatus};

use crate::checkpoint::RunId;
use crate::effect::{ExecutorKind, Limits};
use crate::event::{ContainerTermination, LaunchedContainer};
use crate::ids::ExecutorPid;
use crate::task::{new_task, record};

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

    /// Whether the shell was asked to make the container.
    pub(crate) container_asked: bool,
    /// What its container was last allowed to use; unknown after a restart of the agent.
    pub(crate) granted: Option<(Resources, Limits)>,
    /// What its tasks wait for: its container, of whose launch nobody has heard, changes of its
    /// resources that are not in force, and its pid that is not on disk.
    pub(crate) gates: u32,
    /// Why the agent ends it, for the updates of its tasks.
    pub(crate) doom: Option<ContainerTermination>,
    /// Kills that it was told of, to be told again if it comes back.
    pub(crate) kills: BTreeMap<TaskId, Option<KillPolicy>>,
    /// Whether it was ever given a task.
    pub(crate) used: bool,
}

/// Tasks that wait for their executor.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The tasks: one, or a whole group.
    pub tasks: Arc<Vec<TaskInfo>>,
    /// Whether they are a group.
    pub group: bool,
    /// Whether they are on disk, if they are checkpointed.
    pub(crate) durable: bool,
}

/// Why a status was not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum StatusError {
    #[error("task {0} is unknown to its executor")]
    UnknownTask(TaskId),
    #[error("task {0} is over and cannot become {1}")]
    AlreadyOver(TaskId, TaskState),
}

impl Queued {
    /// Whether this task is one of them.
    pub fn contains(&self, task: &TaskId) -> bool {
        self.tasks.iter().any(|info| info.task_id == *task)
    }
}

impl Executor {
    /// Whether the container has not ended yet.
    pub fn is_live(&self) -> bool {
        self.state != ExecutorState::Terminated
    }

    /// What it and its tasks that are not over may use.
    pub fn allocated(&self) -> Resources {
        if !self.is_live() {
            return Resources::new();
        }
        let queued = self.queued.iter().flat_map(|queued| queued.tasks.iter());
        let queued = queued.flat_map(|task| &task.resources);
        let launched = self.launched_tasks.values().flat_map(|task| &task.resources);
        self.info.resources.iter().chain(queued).chain(launched).cloned().collect()
    }

    /// What it and its tasks that are not over may use beyond that. Where one of the tasks has a
    /// limit, the others count with what they are promised, and so does the executor.
    pub fn limits(&self) -> Limits {
        if !self.is_live() {
            return Limits::new();
        }
        let queued = self.queued.iter().flat_map(|queued| queued.tasks.iter());
        let queued = queued.map(|task| (&task.limits, &task.resources));
        let launched = self.launched_tasks.values().map(|task| (&task.limits, &task.resources));
        let tasks: Vec<_> = queued.chain(launched).collect();
        let promised = |resources: &[Resource], name: &str| -> f64 {
            let of_name = resources.iter().filter(|resource| resource.name == name);
            of_name.filter_map(|resource| Some(resource.scalar.as_ref()?.value)).sum()
        };
        let total = |name: &&str| -> f64 {
            let tasks = tasks.iter().map(|(limits, resources)| {
                limits.get(*name).map_or_else(|| promised(resources, name), |limit| limit.value)
            });
            promised(&self.info.resources, name) + tasks.sum::<f64>()
        };
        let is_limited = |name: &&&str| tasks.iter().any(|(limits, _)| limits.contains_key(**name));
        let limited = ["cpus", "mem"].iter().filter(is_limited);
        limited.map(|name| ((*name).to_owned(), total(name))).collect()
    }

    /// Whether it can be told anything.
    pub fn is_connected(&self) -> bool {
        self.state == ExecutorState::Running && self.pid.is_some()
    }

    /// Whether it has the task, in whichever state.
    pub fn has_task(&self, task: &TaskId) -> bool {
        self.queued.iter().any(|queued| queued.contains(task))
            || self.launched_tasks.contains_key(task)
            || self.terminated_tasks.contains_key(task)
    }

    /// Whether it had the task, and the task is completed and remembered.
    pub(crate) fn has_completed(&self, task: &TaskId) -> bool {
        self.completed_tasks.iter().any(|known| known.task_id == *task)
    }

    /// Whether tasks wait for it, or it runs some, or updates of some are not acknowledged.
    pub(crate) fn has_incomplete_tasks(&self) -> bool {
        self.has_live_tasks() || !self.terminated_tasks.is_empty()
    }

    /// Whether tasks wait for it, or it runs some.
    pub(crate) fn has_live_tasks(&self) -> bool {
        !self.queued.is_empty() || !self.launched_tasks.is_empty()
    }

    /// Whether it was never given a task, and none is left that it could be given.
    pub(crate) fn is_needless(&self) -> bool {
        !self.used && !self.has_live_tasks()
    }

    /// A task that it was given, to be changed.
    pub(crate) fn task_mut(&mut self, task: &TaskId) -> Option<&mut Task> {
        match self.launched_tasks.get_mut(task) {
            Some(found) => Some(Arc::make_mut(found)),
            None => self.terminated_tasks.get_mut(task).map(Arc::make_mut),
        }
    }

    /// Takes tasks out of the queue: one, or its whole group.
    pub(crate) fn unqueue(&mut self, task: &TaskId) -> Option<Queued> {
        let index = self.queued.iter().position(|queued| queued.contains(task))?;
        Some(self.queued.remove(index))
    }

    /// Keeps a task that the executor was given, or that ended before it could be.
    pub(crate) fn adopt(&mut self, info: &TaskInfo) {
        let task = new_task(info, &self.framework_id, &self.info, self.kind);
        self.launched_tasks.insert(task.task_id.clone(), Arc::new(task));
    }

    /// Takes a status of one of its tasks in. Says whether the task ended with it.
    pub(crate) fn record(&mut self, status: &TaskStatus) -> Result<bool, StatusError> {
        let id = &status.task_id;
        let over = status.state.is_terminal();
        if let Some(task) = self.launched_tasks.get_mut(id) {
            record(Arc::make_mut(task), status);
            if over && let Some(task) = self.launched_tasks.remove(id) {
                self.kills.remove(id);
                self.terminated_tasks.insert(id.clone(), task);
            }
            return Ok(over);
        }
        let Some(task) = self.terminated_tasks.get_mut(id) else {
            return Err(StatusError::UnknownTask(id.clone()));
        };
        if !over {
            return Err(StatusError::AlreadyOver(id.clone(), status.state));
        }
        record(Arc::make_mut(task), status);
        Ok(false)
    }

    /// Remembers a task whose last update was acknowledged, and forgets the oldest beyond `max`.
    pub(crate) fn complete(&mut self, task: &TaskId, max: usize) {
        if let Some(task) = self.terminated_tasks.remove(task) {
            push_bounded(&mut self.completed_tasks, task, max);
        }
    }

    /// The run that its checkpoints belong to.
    pub(crate) fn run(&self, agent: &AgentId) -> RunId {
        RunId {
            agent: agent.clone(),
            framework: self.framework_id.clone(),
            executor: self.id.clone(),
            container: self.container.clone(),
        }
    }
}

/// Appends to a history, and forgets its oldest entries beyond `max`.
pub(crate) fn push_bounded<T: Clone>(history: &mut Vector<T>, entry: T, max: usize) {
    history.push_back(entry);
    while history.len() > max {
        history.pop_front();
    }
}

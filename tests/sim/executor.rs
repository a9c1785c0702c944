//! A simulated executor: it runs tasks for a while, reports, and waits for acknowledgements.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::framework::FrameworkInfo;
use mesos::ids::{ContainerId, ExecutorId as Name, FrameworkId, TaskId};
use mesos::internal::{
    AgentToExecutor, ExecutorToAgent, RegisterExecutor, ReregisterExecutor, StatusUpdate,
};
use mesos::task::{StatusSource, TaskInfo, TaskState, TaskStatus};
use slave_core::effect::{ExecutorKind, LaunchSpec};
use slave_core::ids::ExecutorPid;

use crate::agent_host::executor_pid;
use crate::network::{Endpoint, brief};
use crate::world::{Action, Message, World};

/// A process of an executor: a number that is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutorId(pub u64);

impl ExecutorId {
    /// How the agent reaches this process.
    pub fn pid(self) -> ExecutorPid {
        executor_pid(0, self.0)
    }

    /// The process that is reached so.
    pub fn from_pid(pid: &ExecutorPid) -> Option<Self> {
        pid.as_str().strip_prefix("executor(")?.split(')').next()?.parse().ok().map(ExecutorId)
    }
}

/// What an executor means to do.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Report to the agent.
    Register,
    /// Subscribe at the agent, unless that has been done.
    Subscribe,
    /// Let a task reach its next state.
    Advance { task: TaskId },
    /// Give the agent up.
    GiveUp { lost: u64 },
}

/// One executor process.
#[derive(Debug)]
pub struct Executor {
    pub id: ExecutorId,
    pub agent: usize,
    pub container: ContainerId,
    /// Which life of the agent watches the container.
    pub watcher: u64,
    /// Whether the container goes on when its agent dies.
    pub outlives_agent: bool,
    pub framework: FrameworkId,
    pub name: Name,
    /// Whether it speaks the executor API.
    http: bool,
    /// How often it has subscribed.
    pub attempt: u64,
    kind: ExecutorKind,
    tasks: BTreeMap<TaskId, Task>,
    pub unacknowledged: Vec<StatusUpdate>,
    /// How often the agent was lost.
    lost: u64,
    pub connected: bool,
    registered: bool,
}

#[derive(Debug)]
struct Task {
    info: TaskInfo,
    state: TaskState,
}

impl Executor {
    /// Whether this life of the agent learns of the end of the container.
    pub fn watched_by(&self, incarnation: u64) -> bool {
        self.watcher == incarnation
    }

    /// The tasks of which the agent may not have heard.
    pub fn unheard_tasks(&self) -> Vec<TaskInfo> {
        let unheard = |task: &&Task| {
            self.unacknowledged.iter().any(|u| u.status.task_id == task.info.task_id)
        };
        self.tasks.values().filter(unheard).map(|task| task.info.clone()).collect()
    }

    /// The tasks that are not over.
    pub fn live_tasks(&self) -> usize {
        self.tasks.values().filter(|task| !task.state.is_terminal()).count()
    }
}

impl World {
    /// A container is made for an executor.
    pub fn create_executor(&mut self, id: ExecutorId, agent: usize, life: u64, spec: LaunchSpec) {
        let http = self.rng.bool();
        let executor = Executor {
            id,
            agent,
            container: spec.container,
            watcher: life,
            outlives_agent: spec.forked_pid_path.is_some(),
            framework: spec.framework_id,
            name: spec.executor.executor_id,
            http,
            attempt: 0,
            kind: spec.kind,
            tasks: BTreeMap::new(),
            unacknowledged: Vec::new(),
            lost: 0,
            connected: !http,
            registered: false,
        };
        self.executors.insert(id, executor);
    }

    /// The process starts.
    pub fn start_executor(&mut self, id: ExecutorId) {
        // A few never report, and the agent must notice.
        if !self.faults.over && self.chance(20) {
            return;
        }
        let wait = self.millis(1..2_000);
        self.after(wait, Action::Executor { executor: id, plan: Plan::Register });
    }

    /// An executor does what it planned.
    pub fn executor_plan(&mut self, id: ExecutorId, plan: Plan) {
        let Some(executor) = self.executors.get_mut(&id) else { return };
        match plan {
            Plan::Subscribe => self.subscribe_executor(id),
            Plan::Register if executor.http => self.subscribe_executor(id),
            Plan::Register => {
                let message = RegisterExecutor {
                    framework_id: executor.framework.clone(),
                    executor_id: executor.name.clone(),
                };
                let agent = Endpoint::Agent(executor.agent);
                self.link(Endpoint::Executor(id), agent);
                self.send_to_agent(id, message.into());
            }
            Plan::Advance { task } => self.advance_task(id, &task),
            Plan::GiveUp { lost } => {
                if executor.lost == lost && !executor.connected {
                    self.note(|| format!("executor {} gives its agent up", id.0));
                    self.executor_ends(id, Some(1));
                }
            }
        }
    }

    fn send_to_agent(&mut self, id: ExecutorId, message: ExecutorToAgent) {
        let agent = Endpoint::Agent(self.executors[&id].agent);
        self.send(Endpoint::Executor(id), agent, Message::ExecutorToAgent(message));
    }

    /// An executor loses its agent.
    pub fn executor_loses_agent(&mut self, id: ExecutorId) {
        let Some(executor) = self.executors.get_mut(&id) else { return };
        executor.connected = false;
        executor.lost += 1;
        let lost = executor.lost;
        let patience = if executor.outlives_agent && executor.registered {
            Duration::from_secs(15 * 60)
        } else {
            Duration::ZERO
        };
        let http = executor.http;
        self.after(patience, Action::Executor { executor: id, plan: Plan::GiveUp { lost } });
        if http {
            let wait = self.millis(0..500);
            self.after(wait, Action::Executor { executor: id, plan: Plan::Subscribe });
        }
    }

    /// A message reaches an executor.
    pub fn executor_receives(&mut self, id: ExecutorId, message: AgentToExecutor) {
        if !self.executors.contains_key(&id) {
            return;
        }
        self.note(|| {
            format!(
                "agent → executor {}: {}",
                id.0,
                brief(&Message::AgentToExecutor(message.clone()))
            )
        });
        match message {
            AgentToExecutor::ExecutorRegistered(_) | AgentToExecutor::ExecutorReregistered(_) => {
                if let Some(executor) = self.executors.get_mut(&id) {
                    executor.registered = true;
                    executor.connected = true;
                }
            }
            AgentToExecutor::ReconnectExecutor(_) => self.reconnect_executor(id),
            AgentToExecutor::RunTask(run) => self.run_task(id, run.framework, run.task),
            AgentToExecutor::RunTaskGroup(run) => {
                for task in run.task_group.tasks {
                    self.run_task(id, run.framework.clone(), task);
                }
            }
            AgentToExecutor::KillTask(kill) => self.end_task(id, &kill.task_id, TaskState::Killed),
            AgentToExecutor::StatusUpdateAcknowledgement(ack) => {
                let Some(executor) = self.executors.get_mut(&id) else { return };
                executor.unacknowledged.retain(|update| update.uuid.as_ref() != Some(&ack.uuid));
                self.leave_if_done(id);
            }
            AgentToExecutor::FrameworkToExecutor(_) => {}
            AgentToExecutor::ShutdownExecutor(_) => self.executor_ends(id, Some(0)),
        }
    }

    fn reconnect_executor(&mut self, id: ExecutorId) {
        let executor = &self.executors[&id];
        let message = ReregisterExecutor {
            executor_id: executor.name.clone(),
            framework_id: executor.framework.clone(),
            tasks: executor.unheard_tasks(),
            updates: executor.unacknowledged.clone(),
        };
        let agent = Endpoint::Agent(executor.agent);
        self.link(Endpoint::Executor(id), agent);
        self.send_to_agent(id, message.into());
    }

    fn run_task(&mut self, id: ExecutorId, framework: FrameworkInfo, info: TaskInfo) {
        let Some(executor) = self.executors.get_mut(&id) else { return };
        let task = info.task_id.clone();
        let key = (executor.framework.clone(), task.clone());
        executor.tasks.insert(task.clone(), Task { info, state: TaskState::Staging });
        let started = self.history.started.entry(key).or_default();
        *started += 1;
        if *started > 1 {
            let what = format!("{task} of {} is started {started} times", framework.name);
            self.violate("tasks_run_once", what);
        }
        self.report(id, &task, TaskState::Starting);
        let wait = self.millis(1..100);
        self.after(wait, Action::Executor { executor: id, plan: Plan::Advance { task } });
    }

    fn advance_task(&mut self, id: ExecutorId, task: &TaskId) {
        let Some(executor) = self.executors.get_mut(&id) else { return };
        let Some(state) = executor.tasks.get(task).map(|task| task.state) else { return };
        match state {
            TaskState::Starting => {
                self.report(id, task, TaskState::Running);
                // Some tasks are over at once, some outlast every fault but a reboot.
                let wait =
                    if self.rng.bool() { self.millis(0..500) } else { self.millis(0..300_000) };
                let plan = Plan::Advance { task: task.clone() };
                self.after(wait, Action::Executor { executor: id, plan });
            }
            TaskState::Running => {
                let end = if self.chance(100) { TaskState::Failed } else { TaskState::Finished };
                self.end_task(id, task, end);
            }
            _ => {}
        }
    }

    fn end_task(&mut self, id: ExecutorId, task: &TaskId, end: TaskState) {
        let Some(executor) = self.executors.get(&id) else { return };
        if executor.tasks.get(task).is_some_and(|task| !task.state.is_terminal()) {
            self.report(id, task, end);
        }
    }

    fn report(&mut self, id: ExecutorId, task: &TaskId, state: TaskState) {
        let mut uuid = self.rng.u128(..).to_be_bytes();
        uuid[6] = (uuid[6] & 0x0f) | 0x40;
        let uuid = Bytes::from(&uuid[..]);
        let timestamp = self.now.as_secs_f64();
        let Some(executor) = self.executors.get_mut(&id) else { return };
        if let Some(task) = executor.tasks.get_mut(task) {
            task.state = state;
        }
        let update = StatusUpdate {
            framework_id: executor.framework.clone(),
            executor_id: Some(executor.name.clone()),
            agent_id: None,
            status: TaskStatus {
                task_id: task.clone(),
                state,
                source: Some(StatusSource::Executor),
                executor_id: Some(executor.name.clone()),
                timestamp: Some(timestamp),
                uuid: Some(uuid.clone()),
                ..TaskStatus::default()
            },
            timestamp,
            uuid: Some(uuid),
            latest_state: None,
        };
        executor.unacknowledged.push(update.clone());
        match (executor.connected, executor.http) {
            (false, _) => {}
            (true, true) => self.call_update(id, update),
            (true, false) => self.send_to_agent(id, update.into()),
        }
    }

    /// A command executor leaves once its task is over and everybody knows.
    fn leave_if_done(&mut self, id: ExecutorId) {
        let executor = &self.executors[&id];
        let done = executor.kind == ExecutorKind::Command
            && !executor.tasks.is_empty()
            && executor.live_tasks() == 0
            && executor.unacknowledged.is_empty();
        if done {
            self.executor_ends(id, Some(0));
        }
    }
}

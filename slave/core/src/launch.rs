//! From a task that the master sends to a task that an executor has (rows SL-12, SL-13, SL-20).
//!
//! ```text
//!   RunTask ──▶ pending ──▶ queued ──────────────────────────────▶ launched
//!                 │            │ its executor is registered,
//!                 │            │ its description is on disk,
//!                 │            │ its container may use its resources
//!                 └ a directory that it needs is being removed
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::framework::FrameworkInfo;
use mesos::ids::{ContainerId, FrameworkId, TaskId};
use mesos::internal::{ExitedExecutor, RunTask, RunTaskGroup};
use mesos::task::{Reason, TaskGroupInfo, TaskInfo, TaskState};

use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::checkpoint::{Checkpoint, ExecutorRecord};
use crate::command_executor::executor_for;
use crate::effect::{Effect, ExecutorKind, LaunchSpec};
use crate::environment::environment;
use crate::executor::{Executor, ExecutorState, Queued};
use crate::framework::{Framework, FrameworkState, Launch};
use crate::paths::{IdError, check_id};
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::task::{dropped, new_task, random_uuid_text};

impl Agent {
    pub(crate) fn run_task(&mut self, io: &mut Step<'_>, message: RunTask) {
        let RunTask { framework, task, launch_executor, .. } = message;
        let (executor, kind) = match &task.executor {
            Some(executor) => ((**executor).clone(), kind_of(executor)),
            None => (executor_for(&task, &framework), ExecutorKind::Command),
        };
        let launch = Launch { executor, kind, tasks: vec![task], group: false, launch_executor };
        self.admit(io, framework, launch);
    }

    pub(crate) fn run_task_group(&mut self, io: &mut Step<'_>, message: RunTaskGroup) {
        let RunTaskGroup { framework, executor, task_group, launch_executor, .. } = message;
        let kind = kind_of(&executor);
        let tasks = task_group.tasks;
        let launch = Launch { executor, kind, tasks, group: true, launch_executor };
        self.admit(io, framework, launch);
    }

    /// Takes a launch in, or says why not.
    fn admit(&mut self, io: &mut Step<'_>, info: FrameworkInfo, mut launch: Launch) {
        if self.state != AgentState::Running {
            io.warn(format!("ignoring a launch: the agent is {:?}", self.state));
            return;
        }
        let id = info.id.clone().unwrap_or_default();
        launch.executor.framework_id = Some(id.clone());
        if let Err(error) = check_ids(&id, &launch) {
            io.warn(format!("dropping a launch of framework {id}: {error}"));
            let message = format!("Invalid id: {error}");
            return self.drop_launch(io, &info, &launch, Reason::TaskInvalid, &message);
        }
        if self.frameworks.get(&id).is_some_and(|f| f.state == FrameworkState::Terminating) {
            io.warn(format!("ignoring a launch: framework {id} is terminating"));
            return;
        }
        if !self.frameworks.contains_key(&id) {
            self.meet_framework(&id, info);
        }
        let executor = launch.executor.executor_id.clone();
        let key = ExecutorKey { framework: id, executor };
        if self.is_removing_directories_of(&key) {
            if let Some(framework) = self.framework_mut(&key.framework) {
                framework.pending.push_back(Arc::new(launch));
            }
            return;
        }
        self.start(io, &key, launch);
    }

    /// Makes a place for a framework, with the history that it has here.
    fn meet_framework(&mut self, id: &FrameworkId, info: FrameworkInfo) {
        let mut framework = Framework::new(id.clone(), info);
        if let Some(index) = self.completed_frameworks.iter().position(|known| known.id == *id) {
            let known = self.completed_frameworks.remove(index);
            framework.completed_executors = known.completed_executors.clone();
        }
        self.frameworks.insert(id.clone(), Arc::new(framework));
    }

    /// Goes on with launches whose directories have been removed.
    pub(crate) fn start_pending(&mut self, io: &mut Step<'_>) {
        let waiting: Vec<FrameworkId> = self
            .frameworks
            .iter()
            .filter(|(_, framework)| !framework.pending.is_empty())
            .map(|(id, _)| id.clone())
            .collect();
        for id in waiting {
            let Some(framework) = self.framework_mut(&id) else { continue };
            for launch in std::mem::take(&mut framework.pending) {
                let executor = launch.executor.executor_id.clone();
                let key = ExecutorKey { framework: id.clone(), executor };
                if !self.is_removing_directories_of(&key) {
                    self.start(io, &key, Arc::unwrap_or_clone(launch));
                } else if let Some(framework) = self.framework_mut(&id) {
                    framework.pending.push_back(launch);
                }
            }
        }
    }

    /// Gives a launch to its executor, which is made if need be.
    fn start(&mut self, io: &mut Step<'_>, key: &ExecutorKey, launch: Launch) {
        self.keep_directories_of(key);
        let state = self.executor(key).map(|executor| executor.state);
        if let Some((reason, message)) = refusal(state, &launch) {
            let Some(framework) = self.frameworks.get(&key.framework) else { return };
            let info = FrameworkInfo::clone(&framework.info);
            self.drop_launch(io, &info, &launch, reason, message);
            self.remove_framework_if_idle(io, &key.framework);
            return;
        }
        if state.is_none() {
            self.make_executor(io, key, &launch);
        }
        self.queue(io, key, launch.tasks, launch.group);
        match state {
            None => self.write_executor(io, key),
            Some(_) => self.fit_container(io, key),
        }
        self.deliver(io, key);
    }

    fn make_executor(&mut self, io: &mut Step<'_>, key: &ExecutorKey, launch: &Launch) {
        let container = ContainerId::root(random_uuid_text(&mut self.rng));
        let agent = self.id();
        let paths = self.paths.clone();
        let Some(framework) = self.framework_mut(&key.framework) else { return };
        let mut executor = Executor {
            id: key.executor.clone(),
            framework_id: key.framework.clone(),
            info: Arc::new(launch.executor.clone()),
            kind: launch.kind,
            container: container.clone(),
            directory: Default::default(),
            checkpoint: framework.info.checkpoint,
            state: ExecutorState::Registering,
            pid: None,
            launched: None,
            queued: Vector::new(),
            launched_tasks: OrdMap::new(),
            terminated_tasks: OrdMap::new(),
            completed_tasks: Vector::new(),
            container_asked: false,
            granted: None,
            gates: 0,
            doom: None,
            kills: BTreeMap::new(),
            used: false,
        };
        executor.directory = paths.sandbox(&executor.run(&agent));
        framework.executors.insert(key.executor.clone(), Arc::new(executor));
        self.containers.insert(container.clone(), key.clone());
        io.info(format!("launching executor {} in container {container}", key.executor));
    }

    /// Writes a new executor down, if it is checkpointed, and then launches it.
    fn write_executor(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let agent = self.id();
        let Some(framework) = self.frameworks.get_mut(&key.framework) else { return };
        let Some(executor) = framework.executors.get(&key.executor).cloned() else { return };
        if !executor.checkpoint {
            return self.launch_container(io, &executor.container);
        }
        if !framework.written {
            let framework = Arc::make_mut(framework);
            framework.written = true;
            let info = (*framework.info).clone();
            let what = Checkpoint::Framework { agent: agent.clone(), info };
            self.writes.write(io, what, Then::Nothing);
        }
        let record = ExecutorRecord { info: (*executor.info).clone(), kind: executor.kind };
        let what = Checkpoint::Executor { run: executor.run(&agent), record: Box::new(record) };
        self.writes.write(io, what, Then::Launch(executor.container.clone()));
        // The tasks follow: a task without an executor could not be recovered.
        self.write_queued(io, key);
    }

    /// Puts tasks at the end of an executor's queue.
    fn queue(&mut self, io: &mut Step<'_>, key: &ExecutorKey, tasks: Vec<TaskInfo>, group: bool) {
        let Some(executor) = self.executor_mut(key) else { return };
        let durable = !executor.checkpoint;
        let known = executor.container_asked || !executor.queued.is_empty();
        executor.queued.push_back(Queued { tasks: Arc::new(tasks), group, durable });
        if !durable && known {
            self.write_queued(io, key);
        }
    }

    /// Writes the last of an executor's queue down.
    fn write_queued(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let agent = self.id();
        let Some(executor) = self.executor(key) else { return };
        let Some(queued) = executor.queued.last().filter(|queued| !queued.durable) else { return };
        let run = executor.run(&agent);
        let tasks: Vec<_> = queued
            .tasks
            .iter()
            .map(|info| new_task(info, &executor.framework_id, &executor.info, executor.kind))
            .collect();
        let last = tasks.len().saturating_sub(1);
        for (index, task) in tasks.into_iter().enumerate() {
            // Writes are done in order: the last one speaks for the group.
            let then = match index == last {
                true => Then::Deliver(run.container.clone(), task.task_id.clone()),
                false => Then::Nothing,
            };
            let what = Checkpoint::Task { run: run.clone(), task: Box::new(task) };
            self.writes.write(io, what, then);
        }
    }

    /// Asks for a container, once nothing that must be on disk first is missing.
    pub(crate) fn launch_container(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        let Some(key) = self.key_of(container) else { return };
        let agent = self.id();
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let Some(executor) = framework.executors.get(&key.executor) else { return };
        if executor.state != ExecutorState::Registering || executor.container_asked {
            return;
        }
        let command = executor.info.command.as_deref().cloned().unwrap_or_default();
        let user = command.user.clone().unwrap_or_else(|| framework.info.user.clone());
        let run = executor.run(&agent);
        let task = executor.queued.front().and_then(|queued| queued.tasks.first());
        let (resources, limits) = (executor.allocated(), executor.limits());
        let spec = LaunchSpec {
            container: container.clone(),
            framework_id: key.framework.clone(),
            executor: (*executor.info).clone(),
            kind: executor.kind,
            environment: environment(&self.config, agent.as_str(), executor, &command),
            task: task.filter(|_| executor.kind == ExecutorKind::Command).cloned(),
            command,
            user: (self.config.switch_user && !user.is_empty()).then_some(user),
            directory: executor.directory.clone(),
            resources: resources.clone(),
            limits: limits.clone(),
            forked_pid_path: executor.checkpoint.then(|| self.paths.forked_pid(&run)),
        };
        if let Some(executor) = self.executor_mut(&key) {
            executor.container_asked = true;
            // An executor may be quicker than the news of its container; what it says of its tasks
            // names the container's process, which must be known by then.
            executor.gates += 1;
            executor.granted = Some((resources, limits));
        }
        io.push(Effect::LaunchContainer(Box::new(spec)));
        let timeout = self.config.executor_registration_timeout;
        self.timers.set(io, Timer::ExecutorRegistration(container.clone()), timeout);
    }

    pub(crate) fn delivery_written(
        &mut self,
        io: &mut Step<'_>,
        container: &ContainerId,
        task: &TaskId,
    ) {
        let Some(key) = self.key_of(container) else { return };
        let Some(executor) = self.executor_mut(&key) else { return };
        if let Some(queued) = executor.queued.iter_mut().find(|queued| queued.contains(task)) {
            queued.durable = true;
        }
        self.deliver(io, &key);
    }

    /// Changes what a container may use, if its tasks have changed.
    pub(crate) fn fit_container(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let Some(executor) = self.executor_mut(key) else { return };
        // Until it registers the container keeps what it was made with.
        let grant = (executor.allocated(), executor.limits());
        if executor.state != ExecutorState::Running || executor.granted.as_ref() == Some(&grant) {
            return;
        }
        let (resources, limits) = grant.clone();
        executor.granted = Some(grant);
        executor.gates += 1;
        let container = executor.container.clone();
        io.push(Effect::UpdateContainer { container, resources, limits });
    }

    /// Gives an executor the tasks that wait for it, in order.
    pub(crate) fn deliver(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let Some(framework) = self.framework_mut(&key.framework) else { return };
        let info = framework.info.clone();
        let Some(executor) = framework.executors.get_mut(&key.executor) else { return };
        let ready = executor.state == ExecutorState::Running && executor.gates == 0;
        let Some(pid) = executor.pid.clone().filter(|_| ready) else { return };
        while executor.queued.front().is_some_and(|queued| queued.durable) {
            let executor = Arc::make_mut(executor);
            let Some(queued) = executor.queued.pop_front() else { return };
            executor.used = true;
            for task in queued.tasks.iter() {
                executor.adopt(task);
            }
            let tasks = Arc::unwrap_or_clone(queued.tasks);
            if queued.group {
                let message = RunTaskGroup {
                    framework: (*info).clone(),
                    executor: (*executor.info).clone(),
                    task_group: TaskGroupInfo { tasks },
                    ..RunTaskGroup::default()
                };
                io.tell(&pid, message);
                continue;
            }
            for task in tasks {
                let framework = (*info).clone();
                io.tell(&pid, RunTask { framework, task, ..RunTask::default() });
            }
        }
    }

    /// Tells the framework that tasks will not run.
    fn drop_launch(
        &mut self,
        io: &mut Step<'_>,
        framework: &FrameworkInfo,
        launch: &Launch,
        reason: Reason,
        message: &str,
    ) {
        let id = framework.id.clone().unwrap_or_default();
        self.end_undelivered(io, &id, &launch.tasks, dropped(framework), reason, message);
        if launch.launch_executor == Some(true) {
            let key = ExecutorKey { framework: id, executor: launch.executor.executor_id.clone() };
            self.disown_executor(io, &key, launch.kind);
        }
    }

    /// Reports the end of tasks that no executor has.
    pub(crate) fn end_undelivered(
        &mut self,
        io: &mut Step<'_>,
        framework: &FrameworkId,
        tasks: &[TaskInfo],
        state: TaskState,
        reason: Reason,
        message: &str,
    ) {
        for task in tasks {
            let mut update = self.new_update(io, framework, &task.task_id, state);
            update.status.reason = Some(reason);
            update.status.message = Some(message.to_string());
            self.submit(io, update, None, false);
        }
    }

    /// Tells the master, which accounts for an executor that was to be made, that there is none.
    pub(crate) fn disown_executor(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        kind: ExecutorKind,
    ) {
        // Of executors that agents make up the master does not know. One that is over may be kept
        // for what its tasks have to report; the master counts a new one nevertheless.
        let lives = self.executor(key).is_some_and(Executor::is_live);
        if kind != ExecutorKind::Command && !lives {
            self.send_exited_executor(io, key, -1);
        }
    }

    pub(crate) fn send_exited_executor(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        status: i32,
    ) {
        let Some(leader) = self.registration.leader.clone() else { return };
        if !matches!(self.state, AgentState::Running | AgentState::Terminating) {
            // The master learns of it when the agent registers and does not name the executor.
            return;
        }
        let message = ExitedExecutor {
            agent_id: self.id(),
            framework_id: key.framework.clone(),
            executor_id: key.executor.clone(),
            status,
        };
        io.push(Effect::Send { to: leader.pid.clone(), message: message.into() });
    }
}

/// Why a launch does not go on, with an executor in this state or none; in Mesos's words.
fn refusal(state: Option<ExecutorState>, launch: &Launch) -> Option<(Reason, &'static str)> {
    let ended = |message| Some((Reason::ExecutorTerminated, message));
    match (state, launch.launch_executor) {
        (Some(_), Some(_)) if launch.kind == ExecutorKind::Command => {
            let message = "Cannot reuse an already existing executor for a command task";
            Some((Reason::TaskInvalid, message))
        }
        (None, Some(false)) => ended("No executor is expected to launch and there is none running"),
        (Some(_), Some(true)) => ended("Master wants to launch executor, but one already exists"),
        (Some(ExecutorState::Terminating), _) => ended("Executor terminating"),
        (Some(ExecutorState::Terminated), _) => ended("Executor terminated"),
        (None | Some(ExecutorState::Registering | ExecutorState::Running), _) => None,
    }
}

fn kind_of(executor: &ExecutorInfo) -> ExecutorKind {
    match executor.r#type {
        Some(ExecutorInfoType::Default) => ExecutorKind::Default,
        _ => ExecutorKind::Custom,
    }
}

/// Every id becomes the name of a directory.
fn check_ids(framework: &FrameworkId, launch: &Launch) -> Result<(), IdError> {
    check_id(framework.as_str())?;
    check_id(launch.executor.executor_id.as_str())?;
    launch.tasks.iter().try_for_each(|task| check_id(task.task_id.as_str()))
}

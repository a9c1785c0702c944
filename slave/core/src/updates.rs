//! Status updates: from executors, and of the agent's own making (rows SU-01 to SU-09).

use mesos::bytes::Bytes;
use mesos::container::{ContainerStatus, IpAddress, IpProtocol, NetworkInfo};
use mesos::ids::{ExecutorId, FrameworkId, TaskId};
use mesos::internal::{StatusUpdate, StatusUpdateAcknowledgement};
use mesos::task::{StatusSource, TaskState, TaskStatus};

use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::checkpoint::{Checkpoint, UpdateRecord};
use crate::effect::Effect;
use crate::executor::Executor;
use crate::framework::FrameworkState;
use crate::ids::ExecutorPid;
use crate::metrics::Counter;
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::streams::{Acknowledged, Submitted};
use crate::task::{counter, random_uuid_octets};

impl Agent {
    /// Takes an update of an executor in.
    pub(crate) fn executor_update(
        &mut self,
        io: &mut Step<'_>,
        from: &ExecutorPid,
        update: StatusUpdate,
    ) {
        let Some(key) = self.peers.get(from).cloned() else {
            return refuse(io, &update, "its sender is not a registered executor");
        };
        self.take_message(io, &key, update);
    }

    /// Takes an update in that came as a message: whose it is and when it was made stand beside
    /// its status there, and belong into it.
    pub(crate) fn take_message(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        mut update: StatusUpdate,
    ) {
        update.executor_id = Some(key.executor.clone());
        update.status.timestamp.get_or_insert(update.timestamp);
        self.take_update(io, key, update);
    }

    /// Takes an update of a known executor in, which is told once it need not be kept.
    pub(crate) fn take_update(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        mut update: StatusUpdate,
    ) {
        let agent_id = self.id();
        let ip = self.config.ip.clone();
        let Some(framework) = self.frameworks.get(&key.framework) else {
            return refuse(io, &update, "its framework is unknown");
        };
        if framework.state == FrameworkState::Terminating {
            return refuse(io, &update, "its framework is terminating");
        }
        if update.framework_id != key.framework {
            return refuse(io, &update, "it belongs to another framework");
        }
        if update.status.state == TaskState::Staging {
            return refuse(io, &update, "executors must not send TASK_STAGING");
        }
        let Some(uuid) = update.uuid.clone().or(update.status.uuid.clone()) else {
            return refuse(io, &update, "it has no uuid");
        };
        update.uuid = Some(uuid.clone());
        update.status.uuid = Some(uuid.clone());
        // Frameworks see the id of an executor in its updates only if it puts it there.
        if update.executor_id.replace(key.executor.clone()).is_some() {
            update.status.executor_id = Some(key.executor.clone());
        }
        update.agent_id = Some(agent_id.clone());
        update.status.agent_id = Some(agent_id);
        update.status.source = Some(StatusSource::Executor);

        let nested = self.nested_pid(&update.status);
        let Some(executor) = self.executor_mut(key) else {
            return refuse(io, &update, "its executor is unknown");
        };
        executor.used = true;
        fill_container_status(&mut update.status, executor, nested, &ip);
        let task = update.status.task_id.clone();
        let had_task = executor.has_task(&task) || executor.has_completed(&task);
        if self.streams.knows(&key.framework, &task, &uuid) {
            // A repetition says nothing new of the task.
            return self.submit(io, update, Some(key), true);
        }
        if let Err(error) = self.note(io, key, &update.status) {
            if had_task {
                // The end of the task is known: the executor may forget what came after it.
                self.confirm(io, &key.framework, &task, uuid, Some(&key.executor));
            }
            return refuse(io, &update, &error);
        }
        io.count(Counter::ValidStatusUpdates);
        self.submit(io, update, Some(key), true);
    }

    /// Notes a status of a task, and gives back what the task had if it is over.
    pub(crate) fn note(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        status: &TaskStatus,
    ) -> Result<(), String> {
        let Some(executor) = self.executor_mut(key) else {
            return Err("its executor is unknown".to_string());
        };
        let over = executor.record(status).map_err(|error| error.to_string())?;
        if over {
            if let Some(counter) = counter(status.state) {
                io.count(counter);
            }
            self.fit_container(io, key);
        }
        Ok(())
    }

    /// An update of the agent's own making, about a task of one of its executors or of none.
    pub(crate) fn new_update(
        &mut self,
        io: &Step<'_>,
        framework: &FrameworkId,
        task: &TaskId,
        state: TaskState,
    ) -> StatusUpdate {
        let uuid = random_uuid_octets(&mut self.rng);
        let timestamp = io.now.as_secs_f64();
        let status = TaskStatus {
            task_id: task.clone(),
            state,
            source: Some(StatusSource::Agent),
            agent_id: Some(self.id()),
            timestamp: Some(timestamp),
            uuid: Some(uuid.clone()),
            ..TaskStatus::default()
        };
        StatusUpdate {
            framework_id: framework.clone(),
            executor_id: None,
            agent_id: Some(self.id()),
            status,
            timestamp,
            uuid: Some(uuid),
            latest_state: None,
        }
    }

    /// Notes an update of the agent's own making about a task that an executor has, and sends it.
    pub(crate) fn report(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        mut update: StatusUpdate,
    ) {
        update.executor_id = Some(key.executor.clone());
        update.status.executor_id = Some(key.executor.clone());
        let ip = self.config.ip.clone();
        let nested = self.nested_pid(&update.status);
        if let Some(executor) = self.executor(key) {
            fill_container_status(&mut update.status, executor, nested, &ip);
        }
        if let Err(error) = self.note(io, key, &update.status) {
            return refuse(io, &update, &error);
        }
        io.count(Counter::ValidStatusUpdates);
        self.submit(io, update, Some(key), false);
    }

    /// Puts an update into the stream of its task: written first, then forwarded, then repeated
    /// until it is acknowledged. `confirm` is whether its executor sent it and waits to hear.
    pub(crate) fn submit(
        &mut self,
        io: &mut Step<'_>,
        update: StatusUpdate,
        key: Option<&ExecutorKey>,
        confirm: bool,
    ) {
        let (framework, task) = (update.framework_id.clone(), update.status.task_id.clone());
        let Some(uuid) = update.uuid.clone() else { return };
        let agent = self.id();
        let run = key.and_then(|key| self.executor(key)).filter(|executor| executor.checkpoint);
        let run = run.map(|executor| executor.run(&agent));
        let executor = key.map(|key| key.executor.clone());
        let sender = executor.clone().filter(|_| confirm);
        match self.streams.submit(update.clone(), executor, run) {
            Submitted::New(Some(run)) => {
                let record = UpdateRecord::Update(Box::new(update));
                let what = Checkpoint::Update { run, task: task.clone(), record };
                let then = Then::Forward { framework, task, uuid, executor: sender };
                self.writes.write(io, what, then);
            }
            Submitted::New(None) => {
                self.update_written(io, &framework, &task, uuid, sender.as_ref());
            }
            Submitted::Duplicate { durable: true } => {
                self.confirm(io, &framework, &task, uuid, sender.as_ref());
            }
            // It is confirmed once it is written.
            Submitted::Duplicate { durable: false } => {}
            Submitted::Full => refuse(io, &update, "too many wait for acknowledgement"),
        }
    }

    /// Goes on with an update that is on disk, or need not be.
    pub(crate) fn update_written(
        &mut self,
        io: &mut Step<'_>,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: Bytes,
        executor: Option<&ExecutorId>,
    ) {
        self.streams.written(framework, task, &uuid);
        self.confirm(io, framework, task, uuid, executor);
        if !self.timers.is_set(&Timer::Update(framework.clone(), task.clone())) {
            self.forward(io, framework, task);
        }
    }

    /// Tells an executor that it need not keep an update, however it is reached by now: it may have
    /// come back since it sent the update.
    fn confirm(
        &mut self,
        io: &mut Step<'_>,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: Bytes,
        executor: Option<&ExecutorId>,
    ) {
        let Some(executor) = executor.cloned() else { return };
        let key = ExecutorKey { framework: framework.clone(), executor };
        let Some(pid) = self.executor(&key).and_then(|executor| executor.pid.clone()) else {
            return;
        };
        if self.peers.contains_key(&pid) {
            let message = StatusUpdateAcknowledgement {
                agent_id: self.id(),
                framework_id: framework.clone(),
                task_id: task.clone(),
                uuid,
            };
            io.tell(&pid, message);
        }
    }

    /// Sends the head of a stream to the master, if it may be sent, and sets the time to repeat it.
    pub(crate) fn forward(&mut self, io: &mut Step<'_>, framework: &FrameworkId, task: &TaskId) {
        if self.state != AgentState::Running {
            return;
        }
        let Some(leader) = self.registration.leader.clone() else { return };
        let Some((mut update, retry)) = self.streams.due(framework, task) else { return };
        update.latest_state = Some(update.status.state);
        if let Some(executor) = update.executor_id.clone() {
            let key = ExecutorKey { framework: framework.clone(), executor };
            if let Some(known) = self.executor_mut(&key).and_then(|e| e.task_mut(task)) {
                update.latest_state = Some(known.state);
                known.status_update_state = Some(update.status.state);
                known.status_update_uuid = update.uuid.clone();
            }
        }
        // The id of an executor that keeps it to itself is the agent's to know.
        update.executor_id = update.status.executor_id.clone();
        io.push(Effect::Send { to: leader.pid.clone(), message: update.into() });
        self.timers.set(io, Timer::Update(framework.clone(), task.clone()), retry);
    }

    /// The process that leads the container that a status names, if that is a nested one that runs.
    fn nested_pid(&self, status: &TaskStatus) -> Option<u32> {
        let id = status.container_status.as_ref()?.container_id.as_ref()?;
        self.contained.get(id).filter(|container| container.is_live())?.pid
    }

    /// Takes the framework's acknowledgement in.
    pub(crate) fn update_acknowledged(
        &mut self,
        io: &mut Step<'_>,
        message: StatusUpdateAcknowledgement,
    ) {
        let StatusUpdateAcknowledgement { framework_id: framework, task_id: task, uuid, .. } =
            message;
        match self.streams.acknowledge(&framework, &task, &uuid) {
            Acknowledged::Head(run) => {
                self.timers.cancel(io, &Timer::Update(framework.clone(), task.clone()));
                match run {
                    Some(run) => {
                        let record = UpdateRecord::Acknowledged(uuid.clone());
                        let what = Checkpoint::Update { run, task: task.clone(), record };
                        self.writes.write(io, what, Then::Advance { framework, task, uuid });
                    }
                    None => self.advance(io, &framework, &task, &uuid),
                }
            }
            Acknowledged::Duplicate => {}
            Acknowledged::Unexpected | Acknowledged::UnknownTask => {
                io.warn(format!("ignoring an unexpected acknowledgement for task {task}"));
            }
        }
    }

    /// Goes on after an update whose acknowledgement is on disk, or need not be.
    pub(crate) fn advance(
        &mut self,
        io: &mut Step<'_>,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
    ) {
        let Some(advanced) = self.streams.advance(framework, task, uuid) else { return };
        if !advanced.closed {
            self.forward(io, framework, task);
            return;
        }
        if let Some(executor) = advanced.executor {
            let key = ExecutorKey { framework: framework.clone(), executor };
            let max = self.config.max_completed_tasks_per_executor;
            if let Some(executor) = self.executor_mut(&key) {
                executor.complete(task, max);
            }
            self.remove_executor_if_done(io, &key);
        }
        self.remove_framework_if_idle(io, framework);
    }

    /// Stops sending updates until the agent is registered again.
    pub(crate) fn pause_updates(&mut self, io: &mut Step<'_>) {
        self.streams.pause();
        for (framework, task) in self.streams.keys() {
            self.timers.cancel(io, &Timer::Update(framework, task));
        }
    }

    /// Sends the head of every stream.
    pub(crate) fn resume_updates(&mut self, io: &mut Step<'_>) {
        self.streams.resume();
        for (framework, task) in self.streams.keys() {
            self.forward(io, &framework, &task);
        }
    }

    /// Forgets all updates of a framework.
    pub(crate) fn forget_updates(&mut self, io: &mut Step<'_>, framework: &FrameworkId) {
        for task in self.streams.forget(framework) {
            self.timers.cancel(io, &Timer::Update(framework.clone(), task));
        }
    }
}

fn refuse(io: &mut Step<'_>, update: &StatusUpdate, why: &str) {
    io.count(Counter::InvalidStatusUpdates);
    let (state, task) = (update.status.state, &update.status.task_id);
    io.warn(format!("ignoring status update {state} for task {task}: {why}"));
}

/// Says in which container a task is and how it is reached, where its executor did not. `nested`
/// is the process of the task's own container, where it has one that runs: such a container shares
/// the network of its executor.
fn fill_container_status(
    status: &mut TaskStatus,
    executor: &Executor,
    nested: Option<u32>,
    ip: &str,
) {
    let mut known: ContainerStatus = status.container_status.take().map(|s| *s).unwrap_or_default();
    let id = known.container_id.get_or_insert_with(|| executor.container.clone());
    let launched = executor.launched.as_ref();
    let is_own = *id == executor.container;
    if is_own || nested.is_some() {
        let pid = if is_own { launched.and_then(|launched| launched.pid) } else { nested };
        known.executor_pid = known.executor_pid.or(pid);
        if known.network_infos.is_empty() {
            known.network_infos = match launched {
                Some(launched) if !launched.network_infos.is_empty() => {
                    launched.network_infos.clone()
                }
                _ => vec![host_network(ip)],
            };
        }
    }
    status.container_status = Some(Box::new(known));
}

/// The network of a container that shares the agent's.
fn host_network(ip: &str) -> NetworkInfo {
    let protocol = if ip.contains(':') { IpProtocol::IPv6 } else { IpProtocol::IPv4 };
    let address = IpAddress { protocol, ip_address: Some(ip.to_string()) };
    NetworkInfo { ip_addresses: vec![address], ..NetworkInfo::default() }
}

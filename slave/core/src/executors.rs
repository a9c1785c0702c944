//! What executors say, and what is relayed to them (rows RC-03, SL-15, SL-18).

use mesos::agent::AgentInfo;
use mesos::bytes::Bytes;
use mesos::ids::{ContainerId, TaskId};
use mesos::internal::{
    ExecutorReregistered, ExecutorToAgent, ExecutorToFramework, FrameworkToExecutor, KillTask,
    RegisterExecutor, ReregisterExecutor, ShutdownExecutor,
};
use mesos::task::{Reason, TaskState};

use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::checkpoint::Checkpoint;
use crate::effect::Effect;
use crate::environment::duration_text;
use crate::event::ContainerTermination;
use crate::executor::{Executor, ExecutorState};
use crate::framework::FrameworkState;
use crate::ids::ExecutorPid;
use crate::metrics::Counter;
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::task::{dropped, gone};

impl Agent {
    pub(crate) fn executor_message(
        &mut self,
        io: &mut Step<'_>,
        from: ExecutorPid,
        message: ExecutorToAgent,
    ) {
        match message {
            ExecutorToAgent::RegisterExecutor(message) => {
                self.register_executor(io, from, message);
            }
            ExecutorToAgent::ReregisterExecutor(message) => {
                self.reregister_executor(io, from, message);
            }
            ExecutorToAgent::StatusUpdate(update) => self.executor_update(io, &from, update),
            ExecutorToAgent::ExecutorToFramework(message) => {
                self.executor_message_to_framework(io, &from, message);
            }
        }
    }

    fn register_executor(
        &mut self,
        io: &mut Step<'_>,
        from: ExecutorPid,
        message: RegisterExecutor,
    ) {
        let RegisterExecutor { framework_id: framework, executor_id: executor } = message;
        let key = ExecutorKey { framework, executor };
        let again = self.peers.get(&from) == Some(&key);
        let expected = self.executor(&key).is_some_and(|executor| {
            executor.state == ExecutorState::Registering && executor.container_asked
        });
        if !self.takes_executors_of(&key) || self.state == AgentState::Recovering {
            return self.turn_away(io, &from, &key);
        }
        if !expected && !again {
            return self.turn_away(io, &from, &key);
        }
        if expected {
            self.connect(io, &key, from.clone());
        }
        self.welcome(io, &key, &from);
        self.fit_container(io, &key);
        self.deliver(io, &key);
    }

    /// Takes an executor back: after a restart of the agent, or after its connection broke.
    fn reregister_executor(
        &mut self,
        io: &mut Step<'_>,
        from: ExecutorPid,
        message: ReregisterExecutor,
    ) {
        let key = ExecutorKey {
            framework: message.framework_id.clone(),
            executor: message.executor_id.clone(),
        };
        let recovering = self.state == AgentState::Recovering;
        let expected = self.executor(&key).is_some_and(|executor| match executor.state {
            ExecutorState::Registering => recovering && !self.cleaning_up,
            ExecutorState::Running => true,
            ExecutorState::Terminating | ExecutorState::Terminated => false,
        });
        if !expected || !self.takes_executors_of(&key) {
            return self.turn_away(io, &from, &key);
        }
        self.connect(io, &key, from.clone());
        let answer =
            ExecutorReregistered { agent_id: self.id(), agent_info: AgentInfo::clone(&self.info) };
        io.tell(&from, answer);
        for update in message.updates {
            self.take_message(io, &key, update);
        }
        let Some(executor) = self.executor_mut(&key) else { return };
        for task in &message.tasks {
            let id = &task.task_id;
            let known = executor.has_task(id) || executor.has_completed(id);
            if !known {
                executor.adopt(task);
            }
        }
        let has = |id: &TaskId| message.tasks.iter().any(|task| task.task_id == *id);
        self.drop_undelivered(io, &key, has);
        self.resume_executor(io, &key, &from);
    }

    /// Goes on with an executor that has come back, or ends one that nobody needs any more.
    pub(crate) fn resume_executor(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        pid: &ExecutorPid,
    ) {
        if self.executor(key).is_some_and(Executor::is_needless) {
            io.info(format!("executor {} has nothing to do", key.executor));
            self.end_executor(io, key);
        } else {
            self.repeat_kills(io, key, pid);
            self.fit_container(io, key);
            self.deliver(io, key);
        }
        self.finish_recovery_if_all_are_back(io);
    }

    /// Whether executors of this framework may talk to the agent at all.
    pub(crate) fn takes_executors_of(&self, key: &ExecutorKey) -> bool {
        let framework = self.frameworks.get(&key.framework);
        self.state != AgentState::Terminating
            && framework.is_some_and(|framework| framework.state == FrameworkState::Running)
    }

    pub(crate) fn turn_away(&self, io: &mut Step<'_>, from: &ExecutorPid, key: &ExecutorKey) {
        io.warn(format!("shutting down executor {} at {from}: it is not expected", key.executor));
        io.tell(from, ShutdownExecutor { executor_id: None, framework_id: None });
        io.hang_up(from);
    }

    /// Notes how an executor is reached.
    pub(crate) fn connect(&mut self, io: &mut Step<'_>, key: &ExecutorKey, pid: ExecutorPid) {
        let agent = self.id();
        let Some(executor) = self.executor_mut(key) else { return };
        let old = executor.pid.replace(pid.clone());
        executor.state = ExecutorState::Running;
        let container = executor.container.clone();
        // An executor over HTTP finds the next agent by itself.
        let found_by_pid = executor.checkpoint && pid.stream().is_none();
        let run = found_by_pid.then(|| executor.run(&agent));
        if run.is_some() {
            // A task must not reach an executor that the next agent could not find.
            executor.gates += 1;
        }
        if let Some(old) = old.filter(|old| self.peers.remove(old).is_some() && *old != pid) {
            io.hang_up(&old);
        }
        self.peers.insert(pid.clone(), key.clone());
        match pid.stream() {
            Some(_) => self.plan_heartbeat(io, &container),
            None => io.push(Effect::LinkExecutor(pid.clone())),
        }
        if let Some(run) = run {
            let then = Then::OpenGate(container.clone());
            self.writes.write(io, Checkpoint::ExecutorPid { run, pid }, then);
        }
        self.timers.cancel(io, &Timer::ExecutorRegistration(container.clone()));
        self.timers.cancel(io, &Timer::ExecutorReconnect(container));
    }

    /// Reports the end of tasks that were on their way when the connection broke.
    pub(crate) fn drop_undelivered(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        has: impl Fn(&TaskId) -> bool,
    ) {
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let state = dropped(&framework.info);
        let Some(executor) = framework.executors.get(&key.executor) else { return };
        let lost: Vec<TaskId> = executor
            .launched_tasks
            .values()
            .filter(|task| task.state == TaskState::Staging && !has(&task.task_id))
            .map(|task| task.task_id.clone())
            .collect();
        for task in lost {
            let mut update = self.new_update(io, &key.framework, &task, state);
            update.status.reason = Some(Reason::AgentRestarted);
            update.status.message = Some("Task launched during agent restart".to_string());
            self.report(io, key, update);
        }
        if let Some(executor) = self.executor_mut(key) {
            executor.used |= !executor.launched_tasks.is_empty();
        }
    }

    fn repeat_kills(&mut self, io: &mut Step<'_>, key: &ExecutorKey, pid: &ExecutorPid) {
        let Some(executor) = self.executor(key) else { return };
        for (task, policy) in &executor.kills {
            let message = KillTask {
                framework_id: key.framework.clone(),
                task_id: task.clone(),
                kill_policy: policy.clone(),
            };
            io.tell(pid, message);
        }
    }

    /// A connection broke. The executor may come back as long as its container lives.
    pub(crate) fn executor_exited(&mut self, io: &mut Step<'_>, pid: &ExecutorPid) {
        let Some(key) = self.peers.remove(pid) else { return };
        let (long, short) =
            (self.config.recovery_timeout, self.config.executor_registration_timeout);
        let Some(executor) = self.executor_mut(&key) else { return };
        if executor.pid.as_ref() != Some(pid) {
            return;
        }
        executor.pid = None;
        if executor.state == ExecutorState::Running {
            let patience = if executor.checkpoint { long } else { short };
            let timer = Timer::ExecutorReconnect(executor.container.clone());
            self.timers.set(io, timer, patience);
        }
    }

    pub(crate) fn reconnect_timed_out(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        let Some(key) = self.key_of(container) else { return };
        let long = self.executor(&key).is_some_and(|executor| executor.checkpoint);
        let timeout = match long {
            true => self.config.recovery_timeout,
            false => self.config.executor_registration_timeout,
        };
        self.give_up_return(io, &key, timeout);
    }

    /// Ends an executor that did not come back.
    pub(crate) fn give_up_return(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        timeout: std::time::Duration,
    ) {
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let message = format!("Executor did not reregister within {}", duration_text(timeout));
        let doom = ContainerTermination {
            state: Some(gone(&framework.info)),
            reason: Some(Reason::ExecutorReregistrationTimeout),
            message: Some(message),
            ..ContainerTermination::default()
        };
        self.destroy_executor(io, key, doom);
    }

    pub(crate) fn registration_timed_out(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        let Some(key) = self.key_of(container) else { return };
        let waiting = |executor: &Executor| executor.state == ExecutorState::Registering;
        if !self.executor(&key).is_some_and(waiting) {
            return;
        }
        let timeout = duration_text(self.config.executor_registration_timeout);
        let doom = ContainerTermination {
            state: Some(TaskState::Failed),
            reason: Some(Reason::ExecutorRegistrationTimeout),
            message: Some(format!("Executor did not register within {timeout}")),
            ..ContainerTermination::default()
        };
        self.destroy_executor(io, &key, doom);
    }

    fn executor_message_to_framework(
        &mut self,
        io: &mut Step<'_>,
        from: &ExecutorPid,
        message: ExecutorToFramework,
    ) {
        match self.peers.get(from).cloned() {
            Some(key) => self.relay_to_framework(io, &key, message.data),
            None => io.count(Counter::InvalidFrameworkMessages),
        }
    }

    /// Relays octets from an executor to its framework, through the master.
    pub(crate) fn relay_to_framework(&mut self, io: &mut Step<'_>, key: &ExecutorKey, data: Bytes) {
        let leader = self.registration.leader.clone().filter(|_| self.takes_executors_of(key));
        let (Some(leader), AgentState::Running) = (leader, self.state) else {
            io.count(Counter::InvalidFrameworkMessages);
            return;
        };
        io.count(Counter::ValidFrameworkMessages);
        let message = ExecutorToFramework {
            agent_id: self.id(),
            framework_id: key.framework.clone(),
            executor_id: key.executor.clone(),
            data,
        };
        io.push(Effect::Send { to: leader.pid.clone(), message: message.into() });
    }

    /// Relays octets from a framework to one of its executors.
    pub(crate) fn framework_message(&mut self, io: &mut Step<'_>, message: FrameworkToExecutor) {
        let key = ExecutorKey {
            framework: message.framework_id.clone(),
            executor: message.executor_id.clone(),
        };
        let executor = self.executor(&key).filter(|executor| executor.is_connected());
        let pid = executor.and_then(|executor| executor.pid.clone());
        match pid {
            Some(pid) if self.state == AgentState::Running => {
                io.count(Counter::ValidFrameworkMessages);
                io.tell(&pid, message);
            }
            _ => io.count(Counter::InvalidFrameworkMessages),
        }
    }
}

//! How executors and frameworks end (rows SL-16, SL-17, SL-19, SL-21, CT-17).

use std::sync::Arc;

use mesos::ids::{ContainerId, FrameworkId, TaskId};
use mesos::internal::{ShutdownExecutor, ShutdownFramework, UpdateFramework};
use mesos::task::{Reason, TaskResourceLimitation, TaskState};

use crate::agent::{Agent, AgentState, ExecutorKey, Exit};
use crate::checkpoint::Checkpoint;
use crate::effect::ExecutorKind;
use crate::environment::grace_period;
use crate::event::{ContainerTermination, LaunchedContainer};
use crate::executor::{ExecutorState, push_bounded};
use crate::framework::{Framework, FrameworkState};
use crate::metrics::Counter;
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::task::gone;

impl Agent {
    pub(crate) fn container_launched(
        &mut self,
        io: &mut Step<'_>,
        container: &ContainerId,
        result: Result<LaunchedContainer, String>,
    ) {
        let Some(key) = self.key_of(container) else { return };
        match result {
            Ok(launched) => {
                if let Some(executor) = self.executor_mut(&key) {
                    executor.launched = Some(launched);
                }
                self.open_gate(io, container);
            }
            Err(error) => {
                io.count(Counter::ContainerLaunchErrors);
                io.error(format!("failed to launch container {container}: {error}"));
                let termination = ContainerTermination {
                    state: Some(TaskState::Failed),
                    reason: Some(Reason::ContainerLaunchFailed),
                    message: Some(format!("Failed to launch container: {error}")),
                    ..ContainerTermination::default()
                };
                // Why the agent ended it meanwhile, if it did, is the better reason.
                let doom = self.executor(&key).and_then(|executor| executor.doom.clone());
                self.executor_ended(io, &key, doom.unwrap_or(termination));
            }
        }
    }

    pub(crate) fn container_updated(
        &mut self,
        io: &mut Step<'_>,
        container: &ContainerId,
        result: Result<(), String>,
    ) {
        let Some(key) = self.key_of(container) else { return };
        let Err(error) = result else { return self.open_gate(io, container) };
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let doom = ContainerTermination {
            state: Some(gone(&framework.info)),
            reason: Some(Reason::ContainerUpdateFailed),
            message: Some(format!("Failed to update resources for container: {error}")),
            ..ContainerTermination::default()
        };
        self.destroy_executor(io, &key, doom);
    }

    /// One thing fewer that the tasks of an executor wait for.
    pub(crate) fn open_gate(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        let Some(key) = self.key_of(container) else { return };
        if let Some(executor) = self.executor_mut(&key) {
            executor.gates = executor.gates.saturating_sub(1);
        }
        self.deliver(io, &key);
    }

    pub(crate) fn shutdown_executor(&mut self, io: &mut Step<'_>, message: ShutdownExecutor) {
        let (Some(framework), Some(executor)) = (message.framework_id, message.executor_id) else {
            return;
        };
        self.end_executor(io, &ExecutorKey { framework, executor });
    }

    /// Asks an executor to end, and sees to it that it does.
    pub(crate) fn end_executor(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let Some(executor) = self.executor(key) else { return };
        if !matches!(executor.state, ExecutorState::Registering | ExecutorState::Running) {
            return;
        }
        let grace = grace_period(&self.config, executor);
        let (container, pid) = (executor.container.clone(), executor.pid.clone());
        let asked = executor.container_asked;
        if let Some(executor) = self.executor_mut(key) {
            executor.state = ExecutorState::Terminating;
        }
        self.cancel_executor_timers(io, &container);
        if !asked {
            return self.executor_ended(io, key, ContainerTermination::default());
        }
        if let Some(pid) = pid {
            io.tell(&pid, ShutdownExecutor { executor_id: None, framework_id: None });
        }
        self.timers.set(io, Timer::ExecutorShutdown(container), grace);
    }

    /// Ends an executor at once, for this reason.
    pub(crate) fn destroy_executor(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        doom: ContainerTermination,
    ) {
        let Some(executor) = self.executor_mut(key) else { return };
        if executor.state == ExecutorState::Terminated {
            return;
        }
        executor.state = ExecutorState::Terminating;
        executor.doom.get_or_insert(doom);
        let (container, asked) = (executor.container.clone(), executor.container_asked);
        self.cancel_executor_timers(io, &container);
        match asked {
            true => self.destroy_container(io, &container),
            false => self.executor_ended(io, key, ContainerTermination::default()),
        }
    }

    fn cancel_executor_timers(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        self.timers.cancel(io, &Timer::ExecutorRegistration(container.clone()));
        self.timers.cancel(io, &Timer::ExecutorReconnect(container.clone()));
        self.timers.cancel(io, &Timer::ExecutorShutdown(container.clone()));
        self.timers.cancel(io, &Timer::ExecutorHeartbeat(container.clone()));
    }

    pub(crate) fn shutdown_timed_out(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        if self.containers.contains_key(container) {
            io.info(format!("container {container} did not end by itself"));
            self.destroy_container(io, container);
        }
    }

    pub(crate) fn container_terminated(
        &mut self,
        io: &mut Step<'_>,
        container: &ContainerId,
        termination: ContainerTermination,
    ) {
        let Some(key) = self.key_of(container) else { return };
        self.executor_ended(io, &key, termination);
    }

    /// An executor's container is gone, or was never made.
    pub(crate) fn executor_ended(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        termination: ContainerTermination,
    ) {
        let Some(executor) = self.executor_mut(key) else { return };
        executor.state = ExecutorState::Terminated;
        executor.kills.clear();
        let pid = executor.pid.take();
        let (container, kind) = (executor.container.clone(), executor.kind);
        if let Some(pid) = pid {
            self.peers.remove(&pid);
            io.hang_up(&pid);
        }
        self.containers.remove(&container);
        self.cancel_executor_timers(io, &container);
        io.count(Counter::ExecutorsTerminated);
        io.info(format!("executor {} ended: {}", key.executor, ending(&termination)));
        self.end_tasks(io, key, &termination);
        if kind != ExecutorKind::Command {
            self.send_exited_executor(io, key, termination.status.unwrap_or(-1));
        }
        self.remove_executor_if_done(io, key);
        self.remove_framework_if_idle(io, &key.framework);
        if self.state == AgentState::Recovering {
            self.finish_recovery_if_all_are_back(io);
        }
    }

    /// Ends every task that ended with its executor.
    fn end_tasks(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        termination: &ContainerTermination,
    ) {
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let terminating = is_terminating(framework);
        let Some(executor) = self.executor_mut(key) else { return };
        for queued in std::mem::take(&mut executor.queued) {
            for task in queued.tasks.iter() {
                executor.adopt(task);
            }
        }
        let verdict = verdict(termination, executor.doom.as_ref());
        let live: Vec<TaskId> = executor.launched_tasks.keys().cloned().collect();
        for task in live {
            let mut update = self.new_update(io, &key.framework, &task, verdict.state);
            update.status.reason = Some(verdict.reason);
            update.status.message = Some(verdict.message.clone());
            update.status.limitation = verdict.limitation.clone();
            if terminating {
                // Nobody is there to acknowledge it: the framework is over.
                update.status.state = TaskState::Killed;
                if let Some(executor) = self.executor_mut(key) {
                    // The task is live, so its status is taken.
                    let _ = executor.record(&update.status);
                }
            } else {
                self.report(io, key, update);
            }
        }
    }

    /// Forgets an executor that has ended, once nothing of its tasks is left to report.
    pub(crate) fn remove_executor_if_done(&mut self, io: &mut Step<'_>, key: &ExecutorKey) {
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let Some(executor) = framework.executors.get(&key.executor) else { return };
        let over = self.state == AgentState::Terminating || is_terminating(framework);
        if executor.is_live() || (executor.has_incomplete_tasks() && !over) {
            return;
        }
        let run = executor.run(&self.id());
        if executor.checkpoint {
            self.writes.write(io, Checkpoint::RunCompleted(run.clone()), Then::Nothing);
        }
        self.collect_run(io, &run);
        let max_tasks = self.config.max_completed_tasks_per_executor;
        let max_executors = self.config.max_completed_executors_per_framework;
        let Some(framework) = self.framework_mut(&key.framework) else { return };
        let Some(mut executor) = framework.executors.remove(&key.executor) else { return };
        let over = Arc::make_mut(&mut executor);
        let left: Vec<TaskId> = over.terminated_tasks.keys().cloned().collect();
        for task in left {
            over.complete(&task, max_tasks);
        }
        push_bounded(&mut framework.completed_executors, executor, max_executors);
    }

    pub(crate) fn shutdown_framework(&mut self, io: &mut Step<'_>, message: ShutdownFramework) {
        if self.state != AgentState::Running {
            io.warn(format!("ignoring a framework's shutdown: the agent is {:?}", self.state));
            return;
        }
        self.end_framework(io, &message.framework_id);
    }

    /// Ends all executors of a framework, and every report on its tasks.
    pub(crate) fn end_framework(&mut self, io: &mut Step<'_>, id: &FrameworkId) {
        let Some(framework) = self.framework_mut(id) else { return };
        if framework.state == FrameworkState::Running {
            io.info(format!("shutting down framework {id}"));
        }
        framework.state = FrameworkState::Terminating;
        framework.pending.clear();
        let executors: Vec<_> = framework.executors.keys().cloned().collect();
        self.forget_updates(io, id);
        for executor in executors {
            let key = ExecutorKey { framework: id.clone(), executor };
            self.end_executor(io, &key);
            self.remove_executor_if_done(io, &key);
        }
        self.remove_framework_if_idle(io, id);
    }

    pub(crate) fn update_framework(&mut self, io: &mut Step<'_>, message: UpdateFramework) {
        if self.state != AgentState::Running {
            return;
        }
        let agent = self.id();
        let Some(framework) = self.framework_mut(&message.framework_id) else { return };
        let Some(mut info) = message.framework_info else { return };
        info.id = Some(message.framework_id);
        // Whether a framework checkpoints is settled when it first runs here.
        info.checkpoint = framework.info.checkpoint;
        framework.info = Arc::new(info.clone());
        if framework.written {
            self.writes.write(io, Checkpoint::Framework { agent, info }, Then::Nothing);
        }
    }

    /// Forgets a framework that has nothing here any more.
    pub(crate) fn remove_framework_if_idle(&mut self, io: &mut Step<'_>, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let busy = !framework.executors.is_empty() || !framework.pending.is_empty();
        if busy || (!is_terminating(framework) && self.streams.any_waiting(id)) {
            return;
        }
        self.forget_updates(io, id);
        self.collect_framework(io, id);
        if let Some(framework) = self.frameworks.remove(id) {
            let max = self.config.max_completed_frameworks;
            push_bounded(&mut self.completed_frameworks, framework, max);
        }
        self.leave_when_empty(io);
    }

    /// Kills everything and leaves the cluster (rows SL-08, SL-09).
    pub(crate) fn shutdown(&mut self, io: &mut Step<'_>, why: Option<String>) {
        if self.state == AgentState::Terminating {
            return;
        }
        io.info(format!("shutting down: {}", why.as_deref().unwrap_or("the master said so")));
        self.state = AgentState::Terminating;
        for timer in [Timer::Register, Timer::Ping, Timer::Reregistration] {
            self.timers.cancel(io, &timer);
        }
        // The next start is a new agent.
        self.writes.write(io, Checkpoint::ForgetAgent, Then::Nothing);
        let frameworks: Vec<FrameworkId> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            self.end_framework(io, &framework);
        }
        self.leave_when_empty(io);
    }

    /// Leaves, if that is what the agent is about, once nothing runs any more.
    pub(crate) fn leave_when_empty(&mut self, io: &mut Step<'_>) {
        if !self.frameworks.is_empty() || self.exit != Exit::No {
            return;
        }
        if self.state == AgentState::Terminating {
            self.exit = Exit::Soon;
        } else if self.cleaning_up {
            self.writes.write(io, Checkpoint::ForgetAgent, Then::Nothing);
            self.exit = Exit::Soon;
        }
    }
}

fn is_terminating(framework: &Framework) -> bool {
    framework.state == FrameworkState::Terminating
}

/// How a container ended, in words.
fn ending(termination: &ContainerTermination) -> String {
    let status = match termination.status {
        None => "with an unknown status".to_string(),
        // The low seven bits of a wait status are the signal, the next octet the exit code.
        Some(status) if status & 0x7f == 0 => format!("with status {}", (status >> 8) & 0xff),
        Some(status) => format!("on signal {}", status & 0x7f),
    };
    match &termination.message {
        Some(message) => format!("{status}: {message}"),
        None => status,
    }
}

/// What the updates of an executor's tasks say.
struct Verdict {
    state: TaskState,
    reason: Reason,
    message: String,
    limitation: Option<TaskResourceLimitation>,
}

/// Puts together what the containerizer says and why the agent ended the executor, if it did. Tasks
/// whose executor just ended have failed, as in Mesos.
fn verdict(termination: &ContainerTermination, doom: Option<&ContainerTermination>) -> Verdict {
    let state = termination.state.or(doom.and_then(|doom| doom.state));
    let reason = termination.reason.or(doom.and_then(|doom| doom.reason));
    let mut messages: Vec<String> = Vec::new();
    for message in [doom.and_then(|doom| doom.message.clone()), termination.message.clone()] {
        messages.extend(message.filter(|message| !messages.contains(message)));
    }
    let limited = &termination.limited_resources;
    Verdict {
        state: state.unwrap_or(TaskState::Failed),
        reason: reason.unwrap_or(Reason::ExecutorTerminated),
        message: match messages.is_empty() {
            true => "Executor terminated".to_string(),
            false => messages.join("; "),
        },
        limitation: (!limited.is_empty())
            .then(|| TaskResourceLimitation { resources: limited.clone() }),
    }
}

//! Kills of tasks, wherever they are (rows SL-14, KP-01).

use mesos::ids::TaskId;
use mesos::internal::KillTask;
use mesos::task::{Reason, TaskState};

use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::executor::{Executor, ExecutorState};
use crate::framework::FrameworkState;
use crate::step::Step;
use crate::task::dropped;

impl Agent {
    pub(crate) fn kill_task(&mut self, io: &mut Step<'_>, message: KillTask) {
        let task = message.task_id.clone();
        let Some(framework) = self.frameworks.get(&message.framework_id) else {
            io.warn(format!("ignoring kill of task {task}: its framework is unknown"));
            return;
        };
        if self.state != AgentState::Running || framework.state == FrameworkState::Terminating {
            io.warn(format!("ignoring kill of task {task}: the agent is {:?}", self.state));
            return;
        }
        if framework.pending.iter().any(|launch| launch.contains(&task)) {
            return self.kill_pending(io, &message);
        }
        let Some(executor) = framework.executor_of(&task) else {
            return self.kill_unknown(io, &message);
        };
        let key =
            ExecutorKey { framework: message.framework_id.clone(), executor: executor.id.clone() };
        match executor.state {
            ExecutorState::Terminating | ExecutorState::Terminated => {
                // The end of the executor is the end of the task.
                io.warn(format!("ignoring kill of task {task}: its executor is ending"));
            }
            ExecutorState::Registering | ExecutorState::Running
                if executor.queued.iter().any(|queued| queued.contains(&task)) =>
            {
                self.kill_queued(io, &key, &task);
            }
            ExecutorState::Registering | ExecutorState::Running => {
                self.kill_delivered(io, &key, message);
            }
        }
    }

    /// Of a task that the agent does not know, the master is told that it does not run.
    fn kill_unknown(&mut self, io: &mut Step<'_>, message: &KillTask) {
        let (id, task) = (&message.framework_id, &message.task_id);
        io.warn(format!("no executor has task {task}, which is to be killed"));
        if self.streams.is_ending(id, task) {
            return;
        }
        let Some(framework) = self.frameworks.get(id) else { return };
        let state = dropped(&framework.info);
        let mut update = self.new_update(io, id, task, state);
        update.status.reason = Some(Reason::ExecutorTerminated);
        update.status.message = Some("Cannot find executor".to_string());
        self.submit(io, update, None, false);
    }

    fn kill_pending(&mut self, io: &mut Step<'_>, message: &KillTask) {
        let Some(framework) = self.framework_mut(&message.framework_id) else { return };
        let wanted = |launch: &_| crate::framework::Launch::contains(launch, &message.task_id);
        let Some(index) = framework.pending.iter().position(|launch| wanted(launch)) else {
            return;
        };
        let launch = framework.pending.remove(index);
        let id = message.framework_id.clone();
        let reason = Reason::TaskKilledDuringLaunch;
        let text = killed_text(launch.group);
        self.end_undelivered(io, &id, &launch.tasks, TaskState::Killed, reason, text);
        let key = ExecutorKey { framework: id, executor: launch.executor.executor_id.clone() };
        if launch.launch_executor == Some(true) {
            self.disown_executor(io, &key, launch.kind);
        }
        self.remove_framework_if_idle(io, &key.framework);
    }

    /// Kills a task, and its whole group, that the executor has not been given.
    fn kill_queued(&mut self, io: &mut Step<'_>, key: &ExecutorKey, task: &TaskId) {
        let Some(queued) = self.executor_mut(key).and_then(|executor| executor.unqueue(task))
        else {
            return;
        };
        for task in queued.tasks.iter() {
            if let Some(executor) = self.executor_mut(key) {
                executor.adopt(task);
            }
            let state = TaskState::Killed;
            let mut update = self.new_update(io, &key.framework, &task.task_id, state);
            update.status.reason = Some(Reason::TaskKilledDuringLaunch);
            update.status.message = Some(killed_text(queued.group).to_string());
            self.report(io, key, update);
        }
        if self.executor(key).is_some_and(Executor::is_needless) {
            // It was made for tasks that nobody wants any more.
            self.end_executor(io, key);
        }
    }

    fn kill_delivered(&mut self, io: &mut Step<'_>, key: &ExecutorKey, message: KillTask) {
        let Some(executor) = self.executor_mut(key) else { return };
        if executor.launched_tasks.contains_key(&message.task_id) {
            executor.kills.insert(message.task_id.clone(), message.kill_policy.clone());
        }
        if let Some(pid) = executor.pid.clone().filter(|_| executor.is_connected()) {
            io.tell(&pid, message);
        }
    }
}

fn killed_text(group: bool) -> &'static str {
    if group {
        "A task within the task group was killed before delivery to the executor"
    } else {
        "Killed before delivery to the executor"
    }
}

//! What becomes of tasks: updates on their way to frameworks (rows SC-06, SU-07, TS-01 to TS-16).
//!
//! ```text
//!              ┌──────────────▶ STARTING ──▶ RUNNING ──▶ KILLING ──┐
//!   STAGING ───┤                                                    ├──▶ FINISHED, FAILED, KILLED,
//!              └────────────────────────────────────────────────────┘    ERROR, LOST, DROPPED…
//!                                                                              │ acknowledged
//!   agent unreachable: UNREACHABLE (or LOST) ◀──▶ back: what it was            ▼
//!                                                                          remembered for a while
//! ```
//!
//! An update carries the state that the framework hears of now, and the latest one that the agent
//! knows: the task's resources come free with the latter.

use mesos::ids::{AgentId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::{ExecutorToFramework, ExitedExecutor, StatusUpdate};
use mesos::task::{Reason, StatusSource, Task, TaskState, TaskStatus};
use mesos::time::Time;
use mesos::v1::master::{self, TaskUpdatedEvent};
use mesos::v1::scheduler::{self, EventType};

use crate::allocator::Recovery;
use crate::context::Context;
use crate::master::Master;

impl Master {
    /// An agent tells what became of a task.
    pub(crate) fn status_update(&mut self, cx: &mut Context<'_>, update: StatusUpdate) {
        cx.count("master/messages_status_update");
        let agent_id = update.agent_id.clone().unwrap_or_default();
        if !self.state.agents.contains_key(&agent_id) {
            cx.count("master/invalid_status_updates");
            let kind = if self.removed.contains(&agent_id) { "removed" } else { "unknown" };
            return cx.debug(|| format!("Ignoring status update from {kind} agent {agent_id}"));
        }
        let is_known = self
            .state
            .task(&update.framework_id, &update.status.task_id)
            .is_some_and(|task| task.agent_id == agent_id);
        let is_heard = self.forward(cx, update.clone());
        if is_known {
            self.apply_update(cx, &update);
        }
        let is_valid = is_known && is_heard;
        cx.count(match is_valid {
            true => "master/valid_status_updates",
            false => "master/invalid_status_updates",
        });
    }

    /// Sends an update to its framework. Returns whether its scheduler is there; if it is not,
    /// the agent will try again.
    pub(crate) fn forward(&mut self, cx: &mut Context<'_>, update: StatusUpdate) -> bool {
        let framework = self.state.frameworks.get(&update.framework_id);
        let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) else {
            return false;
        };
        let mut status = update.status;
        status.timestamp = Some(update.timestamp);
        status.uuid = update.uuid;
        if update.agent_id.is_some() {
            status.agent_id = update.agent_id;
        }
        if update.executor_id.is_some() {
            status.executor_id = update.executor_id;
        }
        cx.event(stream.connection, EventType::Update, |event| {
            event.update = Some(scheduler::UpdateEvent { status });
        });
        true
    }

    /// Takes note of what became of a task, and frees what it held if it is over.
    pub(crate) fn apply_update(&mut self, cx: &mut Context<'_>, update: &StatusUpdate) {
        let (framework_id, task_id) = (&update.framework_id, &update.status.task_id);
        let Some(task) = self.state.task(framework_id, task_id) else { return };
        let agent_id = task.agent_id.clone();
        let was_over = task.state.is_terminal();
        let reached = update.latest_state.unwrap_or(update.status.state);
        let is_news = task.statuses.last().is_none_or(|last| last.state != update.status.state);
        let freed = self.state.change_task(framework_id, task_id, |task| {
            record(task, update, reached);
        });
        self.allocator.recover(framework_id, &agent_id, &freed, Recovery::AtOnce, cx.now);
        if !was_over && reached.is_terminal() {
            count_end(cx, reached, &update.status);
            self.state.count(framework_id, |counts| counts.ended(reached));
        }
        if is_news && self.listening > 0 {
            let state = self.state.task(framework_id, task_id).map_or(reached, |task| task.state);
            let mut status = update.status.clone();
            status.timestamp = Some(update.timestamp);
            status.agent_id = update.agent_id.clone().or(status.agent_id);
            status.executor_id = update.executor_id.clone().or(status.executor_id);
            status.uuid = update.uuid.clone();
            let framework_id = framework_id.clone();
            self.publish(cx, master::EventType::TaskUpdated, |event| {
                event.task_updated = Some(TaskUpdatedEvent { framework_id, status, state });
            });
        }
    }

    /// Removes a task, which its framework remembers for a while.
    pub(crate) fn remove_task(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        id: &TaskId,
        is_unreachable: bool,
    ) {
        let Some(task) = self.state.task(framework, id) else { return };
        let agent = task.agent_id.clone();
        let freed = self.state.remove_task(framework, id, is_unreachable, self.memory());
        self.allocator.recover(framework, &agent, &freed, Recovery::AtOnce, cx.now);
    }

    /// A scheduler has taken note of an update (row SU-04).
    pub(crate) fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        body: scheduler::Acknowledge,
    ) {
        cx.count("master/messages_status_update_acknowledgement");
        let Some(agent) = self.state.agents.get(&body.agent_id).filter(|a| a.connected) else {
            cx.count("master/invalid_status_update_acknowledgements");
            return;
        };
        let pid = agent.pid.clone();
        if let Some(task) = self.state.task(framework, &body.task_id)
            && task.agent_id == body.agent_id
        {
            let Some(state) = task.status_update_state else {
                cx.count("master/invalid_status_update_acknowledgements");
                return;
            };
            let is_last = state.is_terminal() && task.status_update_uuid == Some(body.uuid.clone());
            if is_last {
                self.remove_task(cx, framework, &body.task_id, false);
            }
        }
        cx.count("master/valid_status_update_acknowledgements");
        let acknowledgement = mesos::internal::StatusUpdateAcknowledgement {
            agent_id: body.agent_id,
            framework_id: framework.clone(),
            task_id: body.task_id,
            uuid: body.uuid,
        };
        cx.send(&pid, acknowledgement);
    }

    /// An executor is no more (row AG-19).
    pub(crate) fn exited_executor(&mut self, cx: &mut Context<'_>, message: ExitedExecutor) {
        cx.count("master/messages_exited_executor");
        let ExitedExecutor { agent_id, framework_id, executor_id, status } = message;
        let Some(agent) = self.state.agents.get(&agent_id) else { return };
        if !agent.has_executor(&framework_id, &executor_id) {
            // A command executor: its framework has never heard of it.
            return;
        }
        self.drop_executor(cx, &agent_id, &framework_id, &executor_id);
        let framework = self.state.frameworks.get(&framework_id);
        if let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) {
            cx.event(stream.connection, EventType::Failure, |event| {
                event.failure = Some(scheduler::Failure {
                    agent_id: Some(agent_id),
                    executor_id: Some(executor_id),
                    status: Some(status),
                });
            });
        }
    }

    /// Removes an executor and frees what it held.
    pub(crate) fn drop_executor(
        &mut self,
        cx: &mut Context<'_>,
        agent: &AgentId,
        framework: &FrameworkId,
        executor: &ExecutorId,
    ) {
        let freed = self.state.remove_executor(agent, framework, executor);
        self.allocator.recover(framework, agent, &freed, Recovery::AtOnce, cx.now);
    }

    /// An executor says something to its scheduler (row SL-18).
    pub(crate) fn executor_to_framework(
        &mut self,
        cx: &mut Context<'_>,
        message: ExecutorToFramework,
    ) {
        cx.count("master/messages_executor_to_framework");
        let ExecutorToFramework { agent_id, framework_id, executor_id, data } = message;
        let framework = self.state.frameworks.get(&framework_id);
        let stream = framework.and_then(|framework| framework.stream.as_ref());
        let Some(stream) = stream.filter(|_| self.state.agents.contains_key(&agent_id)) else {
            return cx.count("master/invalid_executor_to_framework_messages");
        };
        cx.count("master/valid_executor_to_framework_messages");
        cx.event(stream.connection, EventType::Message, |event| {
            event.message = Some(scheduler::MessageEvent { agent_id, executor_id, data });
        });
    }

    /// The link to an agent is broken: executors of frameworks that do not checkpoint die with
    /// their agent, so that their tasks count as lost (row AG-06).
    pub(crate) fn abandon_what_dies_with_the_agent(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        use mesos::framework::FrameworkCapabilityType::PartitionAware;
        let Some(agent) = self.state.agents.get(id).cloned() else { return };
        let mut frameworks: Vec<&FrameworkId> = agent.tasks.keys().collect();
        frameworks.extend(agent.executors.keys());
        frameworks.sort();
        frameworks.dedup();
        for framework_id in frameworks {
            let Some(framework) = self.state.frameworks.get(framework_id).cloned() else {
                continue;
            };
            if framework.info.checkpoint {
                continue;
            }
            let aware = framework.can(PartitionAware);
            let state = if aware { TaskState::Gone } else { TaskState::Lost };
            for task_id in agent.tasks.get(framework_id).into_iter().flatten() {
                let Some(task) = framework.tasks.get(task_id) else { continue };
                let reason = Reason::AgentDisconnected;
                let message = format!("Agent {} disconnected", agent.info.hostname);
                let update = master_update(cx.now, task, state, reason, message);
                self.apply_update(cx, &update);
                self.remove_task(cx, framework_id, task_id, false);
                self.forward(cx, update);
            }
            if let Some(executors) = agent.executors.get(framework_id) {
                for executor in executors.keys() {
                    self.drop_executor(cx, id, framework_id, executor);
                }
            }
        }
    }
}

/// An update that the master makes: nobody acknowledges it (row SU-09).
pub(crate) fn master_update(
    now: Time,
    task: &Task,
    state: TaskState,
    reason: Reason,
    message: String,
) -> StatusUpdate {
    let status = TaskStatus {
        task_id: task.task_id.clone(),
        state,
        source: Some(StatusSource::Master),
        reason: Some(reason),
        message: Some(message),
        timestamp: Some(now.as_secs_f64()),
        ..TaskStatus::default()
    };
    StatusUpdate {
        framework_id: task.framework_id.clone(),
        executor_id: task.executor_id.clone(),
        agent_id: Some(task.agent_id.clone()),
        status,
        timestamp: now.as_secs_f64(),
        uuid: None,
        latest_state: None,
    }
}

/// Writes an update into its task.
fn record(task: &mut Task, update: &StatusUpdate, reached: TaskState) {
    if !task.state.is_terminal() {
        task.state = reached;
    }
    if update.uuid.is_some() {
        task.status_update_state = Some(update.status.state);
        task.status_update_uuid = update.uuid.clone();
    }
    // Only the last status of each state is kept, without its data, which may be large.
    if task.statuses.last().is_some_and(|last| last.state == update.status.state) {
        task.statuses.pop();
    }
    let mut status = TaskStatus { data: None, ..update.status.clone() };
    status.timestamp = Some(update.timestamp);
    status.uuid = update.uuid.clone();
    task.statuses.push(status);
}

/// Counts the end of a task (row MM-06).
pub(crate) fn count_end(cx: &mut Context<'_>, state: TaskState, status: &TaskStatus) {
    let counter = match state {
        TaskState::Finished => "master/tasks_finished",
        TaskState::Failed => "master/tasks_failed",
        TaskState::Killed => "master/tasks_killed",
        TaskState::Error => "master/tasks_error",
        TaskState::Lost => "master/tasks_lost",
        TaskState::Dropped => "master/tasks_dropped",
        TaskState::Gone => "master/tasks_gone",
        TaskState::GoneByOperator => "master/tasks_gone_by_operator",
        _ => return,
    };
    cx.count(counter);
    if let (Some(source), Some(reason)) = (status.source, status.reason) {
        // Mesos's metrics still call the agent a slave.
        let source = source.as_str().to_lowercase().replace("agent", "slave");
        let reason = reason.as_str().to_lowercase().replace("agent", "slave");
        let state = state.as_str().to_lowercase();
        cx.count_named(format!("master/{state}/{source}/{reason}"));
    }
}

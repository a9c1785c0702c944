//! What schedulers ask about tasks and executors that run: kill, reconcile, messages (rows SC-08,
//! SC-12 to SC-16).

use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos::internal::UpdateOperationStatus;
use mesos::internal::{FrameworkToExecutor, KillTask, ShutdownExecutor, StatusUpdate};
use mesos::operation::OperationState;
use mesos::task::{Reason, StatusSource, Task, TaskState, TaskStatus};
use mesos::time::TimeInfo;
use mesos::v1::scheduler::{Kill, MessageCall, Reconcile, ReconcileOperations, Shutdown};

use crate::context::Context;
use crate::master::Master;
use crate::state::Framework;

impl Master {
    /// A scheduler wants a task to end.
    pub(super) fn kill(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: Kill) {
        cx.count("master/messages_kill_task");
        let Some(task) = self.state.task(id, &body.task_id) else {
            // Its scheduler should know better: tell it.
            return self.reconcile_task(cx, id, &body.task_id, body.agent_id.as_ref());
        };
        if body.agent_id.as_ref().is_some_and(|agent| *agent != task.agent_id) {
            return cx.warn(format!(
                "Cannot kill task {} of framework {id}: it is on agent {}, not where the call says",
                body.task_id, task.agent_id
            ));
        }
        let Some(agent) = self.state.agents.get(&task.agent_id).filter(|a| a.connected) else {
            return cx.warn(format!(
                "Cannot kill task {} of framework {id}: its agent is disconnected; the scheduler \
                 should try again",
                body.task_id
            ));
        };
        let pid = agent.pid.clone();
        let Kill { task_id, kill_policy, .. } = body;
        cx.send(&pid, KillTask { framework_id: id.clone(), task_id, kill_policy });
    }

    /// A scheduler wants to know what became of tasks: of those it names, or of all it has.
    pub(super) fn reconcile(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: Reconcile) {
        cx.count("master/messages_reconcile_tasks");
        if !body.tasks.is_empty() {
            for task in body.tasks {
                self.reconcile_task(cx, id, &task.task_id, task.agent_id.as_ref());
            }
            return;
        }
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let tasks: Vec<_> = framework.tasks.values().cloned().collect();
        for task in tasks {
            let update = latest(cx, &task);
            self.forward(cx, update);
        }
    }

    /// Tells a scheduler what is known of one task; nothing while nobody can tell.
    fn reconcile_task(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        task: &TaskId,
        agent: Option<&AgentId>,
    ) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let update = match framework.tasks.get(task) {
            Some(task) => latest(cx, task),
            None => match self.verdict(framework, task, agent) {
                Some(verdict) => verdict.update(cx, framework, task, agent),
                None => return,
            },
        };
        self.forward(cx, update);
    }

    /// What to say of a task that the framework has not.
    fn verdict(
        &self,
        framework: &Framework,
        task: &TaskId,
        agent: Option<&AgentId>,
    ) -> Option<Verdict> {
        let registry = &self.state.registry;
        let unreachable = framework.unreachable_tasks.get(task).map(|task| task.agent_id.clone());
        if let Some(lost) =
            agent.cloned().or(unreachable).and_then(|id| registry.unreachable.get(&id))
        {
            return Some(Verdict {
                state: TaskState::Unreachable,
                message: "Reconciliation: Task is unreachable",
                since: Some(lost.timestamp.clone()),
            });
        }
        let unknown = Verdict {
            state: TaskState::Unknown,
            message: "Reconciliation: Task is unknown",
            since: None,
        };
        let Some(agent) = agent else {
            // It may be on an agent that has not come back yet.
            let any_missing = !self.state.recovered_agents.is_empty();
            return (!any_missing).then_some(unknown);
        };
        if self.state.recovered_agents.contains_key(agent) || self.in_transition.contains(agent) {
            return None;
        }
        Some(if self.state.agents.contains_key(agent) {
            let message = "Reconciliation: Task is unknown to the agent";
            Verdict { state: TaskState::Gone, message, since: None }
        } else if registry.gone.contains_key(agent) {
            let message = "Reconciliation: Task is gone";
            Verdict { state: TaskState::GoneByOperator, message, since: None }
        } else {
            unknown
        })
    }

    /// A scheduler wants to know what became of operations. None are carried out yet, so that all
    /// are unknown.
    pub(super) fn reconcile_operations(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        body: ReconcileOperations,
    ) {
        cx.count("master/messages_reconcile_operations");
        for operation in body.operations {
            let message = "Reconciliation: Operation is unknown".to_owned();
            let state = OperationState::Unknown;
            let agent = operation.agent_id;
            self.tell_of_operation(cx, id, agent, &operation.operation_id, state, message);
        }
    }

    /// An agent tells what became of an operation that this master never asked for.
    pub(crate) fn update_operation_status(
        &mut self,
        cx: &mut Context<'_>,
        message: &UpdateOperationStatus,
    ) {
        cx.count("master/messages_operation_status_update");
        cx.count("master/invalid_operation_status_updates");
        let agent = message.agent_id.clone().unwrap_or_default();
        cx.debug(|| format!("Ignoring the status of an unknown operation on agent {agent}"));
    }

    /// A scheduler says something to an executor.
    pub(super) fn framework_to_executor(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        body: MessageCall,
    ) {
        cx.count("master/messages_framework_to_executor");
        let MessageCall { agent_id, executor_id, data } = body;
        let Some(agent) = self.state.agents.get(&agent_id).filter(|agent| agent.connected) else {
            return cx.count("master/invalid_framework_to_executor_messages");
        };
        cx.count("master/valid_framework_to_executor_messages");
        let framework_id = id.clone();
        let pid = agent.pid.clone();
        cx.send(&pid, FrameworkToExecutor { agent_id, framework_id, executor_id, data });
    }

    /// A scheduler wants an executor to end.
    pub(super) fn shutdown_executor(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        body: Shutdown,
    ) {
        let agent = self.state.agents.get(&body.agent_id).filter(|agent| agent.connected);
        let Some(agent) = agent else {
            return cx.warn(format!(
                "Cannot shut down executor {} of framework {id}: agent {} is not connected",
                body.executor_id, body.agent_id
            ));
        };
        let message = ShutdownExecutor {
            executor_id: Some(body.executor_id),
            framework_id: Some(id.clone()),
        };
        let pid = agent.pid.clone();
        cx.send(&pid, message);
    }
}

/// What to say of a task that a framework asks about and does not have.
struct Verdict {
    state: TaskState,
    message: &'static str,
    since: Option<TimeInfo>,
}

impl Verdict {
    fn update(
        self,
        cx: &Context<'_>,
        framework: &Framework,
        task: &TaskId,
        agent: Option<&AgentId>,
    ) -> StatusUpdate {
        let is_aware = framework.can(PartitionAware);
        let status = TaskStatus {
            task_id: task.clone(),
            state: if is_aware { self.state } else { TaskState::Lost },
            source: Some(StatusSource::Master),
            reason: Some(Reason::Reconciliation),
            message: Some(self.message.to_owned()),
            unreachable_time: self.since,
            ..TaskStatus::default()
        };
        StatusUpdate {
            framework_id: framework.id.clone(),
            agent_id: agent.cloned(),
            status,
            timestamp: cx.now.as_secs_f64(),
            ..StatusUpdate::default()
        }
    }
}

/// What is known of a task, without what its executor wrote (row TS-16).
fn latest(cx: &Context<'_>, task: &Task) -> StatusUpdate {
    let last = task.statuses.last();
    let status = TaskStatus {
        task_id: task.task_id.clone(),
        state: task.status_update_state.unwrap_or(task.state),
        source: Some(StatusSource::Master),
        reason: Some(Reason::Reconciliation),
        message: Some("Reconciliation: Latest task state".to_owned()),
        healthy: last.and_then(|status| status.healthy),
        check_status: last.and_then(|status| status.check_status.clone()),
        container_status: last.and_then(|status| status.container_status.clone()),
        ..TaskStatus::default()
    };
    StatusUpdate {
        framework_id: task.framework_id.clone(),
        executor_id: task.executor_id.clone(),
        agent_id: Some(task.agent_id.clone()),
        status,
        timestamp: cx.now.as_secs_f64(),
        uuid: None,
        latest_state: None,
    }
}

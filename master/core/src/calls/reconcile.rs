//! Schedulers ask what became of tasks and operations (rows SC-14 to SC-16).
//!
//! | where a task that the framework does not have is said to be | what is said |
//! |---|---|
//! | on an agent that has not come back since this master leads | nothing yet |
//! | nowhere in particular, and there is such an agent | nothing yet |
//! | on an agent that is registered, connected or not | TASK_GONE |
//! | on one that is unreachable | TASK_UNREACHABLE |
//! | on one that is gone | TASK_GONE_BY_OPERATOR |
//! | on one that is being removed | nothing yet |
//! | nowhere in particular, or on an agent that nobody knows | TASK_UNKNOWN |
//!
//! A framework that is not partition-aware hears TASK_LOST instead. While an agent becomes
//! unreachable or gone it still counts as registered, until that is durable.

use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos::internal::StatusUpdate;
use mesos::operation::{OperationState, OperationStatus};
use mesos::task::{Reason, StatusSource, Task, TaskState, TaskStatus};
use mesos::time::TimeInfo;
use mesos::v1::scheduler::{Reconcile, ReconcileOperation, ReconcileOperations};

use crate::context::Context;
use crate::master::Master;
use crate::state::Framework;

impl Master {
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
    pub(super) fn reconcile_task(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        task: &TaskId,
        agent: Option<&AgentId>,
    ) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let update = match framework.tasks.get(task) {
            Some(task) => latest(cx, task),
            None => match self.verdict(agent) {
                Some(verdict) => verdict.update(cx, framework, task, agent),
                None => {
                    cx.debug(|| format!("Nobody can tell yet what became of task {task} of {id}"));
                    return;
                }
            },
        };
        self.forward(cx, update);
    }

    /// What to say of a task that its framework does not have.
    fn verdict(&self, agent: Option<&AgentId>) -> Option<Verdict> {
        let state = &self.state;
        let says = |state, message| Some(Verdict { state, message, since: None });
        let unknown = || says(TaskState::Unknown, "Reconciliation: Task is unknown");
        let Some(agent) = agent else {
            // It may be on an agent that has not come back yet.
            return if state.recovered_agents.is_empty() { unknown() } else { None };
        };
        if state.recovered_agents.contains_key(agent) {
            None
        } else if state.agents.contains_key(agent) {
            says(TaskState::Gone, "Reconciliation: Task is unknown to the agent")
        } else if let Some(lost) = state.registry.unreachable.get(agent) {
            Some(Verdict {
                state: TaskState::Unreachable,
                message: "Reconciliation: Task is unreachable",
                since: Some(lost.timestamp.clone()),
            })
        } else if state.registry.gone.contains_key(agent) {
            says(TaskState::GoneByOperator, "Reconciliation: Task is gone")
        } else if self.in_transition.contains(agent) {
            None
        } else {
            unknown()
        }
    }

    /// A scheduler wants to know what became of operations. None are carried out yet, so that it
    /// has none, and none of those that it names is known.
    pub(super) fn reconcile_operations(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        body: ReconcileOperations,
    ) {
        cx.count("master/messages_reconcile_operations");
        for operation in body.operations {
            let status = self.status_of_unknown(operation);
            self.tell_of_operation(cx, id, status);
        }
    }

    /// What to say of an operation that its framework does not have. Mesos asks the agent about
    /// those of resource providers; there are no such here.
    fn status_of_unknown(&self, operation: ReconcileOperation) -> OperationStatus {
        let state = &self.state;
        let (verdict, message) = match &operation.agent_id {
            Some(agent) if state.recovered_agents.contains_key(agent) => (
                OperationState::Recovering,
                "Reconciliation: Agent is recovered but has not re-registered",
            ),
            Some(agent) if state.agents.contains_key(agent) => {
                (OperationState::Unknown, "Reconciliation: Operation is unknown")
            }
            Some(agent) if state.registry.unreachable.contains_key(agent) => {
                (OperationState::Unreachable, "Reconciliation: Agent is unreachable")
            }
            Some(agent) if state.registry.gone.contains_key(agent) => {
                (OperationState::GoneByOperator, "Reconciliation: Agent marked gone by operator")
            }
            Some(_) => {
                (OperationState::Unknown, "Reconciliation: Both operation and agent are unknown")
            }
            None => (
                OperationState::Unknown,
                "Reconciliation: Operation is unknown and no 'agent_id' was provided",
            ),
        };
        OperationStatus {
            operation_id: Some(operation.operation_id),
            state: verdict,
            message: Some(message.to_owned()),
            agent_id: operation.agent_id,
            resource_provider_id: operation.resource_provider_id,
            ..OperationStatus::default()
        }
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

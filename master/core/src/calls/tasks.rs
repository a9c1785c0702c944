//! What schedulers ask of tasks and executors that run: kill, shut down, messages (rows SC-08,
//! SC-12, SC-13).

use mesos::ids::FrameworkId;
use mesos::internal::UpdateOperationStatus;
use mesos::internal::{FrameworkToExecutor, KillTask, ShutdownExecutor};
use mesos::v1::scheduler::{Kill, MessageCall, Shutdown};

use crate::context::Context;
use crate::master::Master;

impl Master {
    /// A scheduler wants a task to end.
    pub(super) fn kill(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: Kill) {
        cx.count("master/messages_kill_task");
        let Some(task) = self.state.task(id, &body.task_id) else {
            // Its scheduler should know better: tell it.
            return self.reconcile_task(cx, id, &body.task_id, body.agent_id.as_ref());
        };
        let agent_id = task.agent_id.clone();
        if body.agent_id.as_ref().is_some_and(|agent| *agent != agent_id) {
            return cx.warn(format!(
                "Cannot kill task {} of framework {id}: it is on agent {agent_id}, not where the \
                 call says",
                body.task_id
            ));
        }
        let Some(agent) = self.state.agent_mut(&agent_id) else { return };
        // The agent may be away, though nobody knows yet: it is told again when it comes back.
        agent.killed_tasks.entry(id.clone()).or_default().insert(body.task_id.clone());
        if !agent.connected {
            return cx.warn(format!(
                "Cannot kill task {} of framework {id} yet: its agent {agent_id} is disconnected",
                body.task_id
            ));
        }
        let pid = agent.pid.clone();
        let Kill { task_id, kill_policy, .. } = body;
        cx.send(&pid, KillTask { framework_id: id.clone(), task_id, kill_policy });
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

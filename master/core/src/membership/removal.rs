//! An agent is lost: what ran on it, what was offered of it, and who is told (rows AG-07, AG-10).

use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos::internal::{StatusUpdate, UnregisterAgent};
use mesos::task::{Reason, TaskState};
use mesos::time::TimeInfo;
use mesos::v1::master::{AgentRemovedEvent, EventType};
use mesos::v1::scheduler;

use crate::context::Context;
use crate::event::AgentPid;
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::Operation;
use crate::updates::master_update;

/// What agents of machines that go away are told, and what is said of their tasks.
pub(crate) const MACHINE_DOWN: &str = "Operator initiated 'Machine DOWN'";

/// Why an agent that can never come back is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It said that it leaves.
    Unregistered,
    /// Another agent has its address now.
    Replaced,
    /// Its machine goes away (row MT-04).
    MachineDown,
}

/// What frameworks are told once a removal is durable.
#[derive(Debug)]
pub(crate) struct Removal {
    agent: AgentId,
    cause: Cause,
    updates: Vec<StatusUpdate>,
}

impl Master {
    /// An agent leaves for good.
    pub(crate) fn unregister_agent(
        &mut self,
        cx: &mut Context<'_>,
        from: &AgentPid,
        message: &UnregisterAgent,
    ) {
        cx.count("master/messages_unregister_slave");
        let id = &message.agent_id;
        if self.pids.get(from) != Some(id) {
            return cx
                .warn(format!("Ignoring that {from} unregisters agent {id}, which it is not"));
        }
        self.remove_agent(cx, id, Cause::Unregistered);
    }

    /// Removes an agent at once, and lets frameworks know when that is durable.
    pub(crate) fn remove_agent(&mut self, cx: &mut Context<'_>, id: &AgentId, cause: Cause) {
        if !self.state.agents.contains_key(id) || !self.in_transition.insert(id.clone()) {
            return;
        }
        let message = match cause {
            Cause::Unregistered => "the agent unregistered",
            Cause::Replaced => "a new agent registered at the same address",
            Cause::MachineDown => MACHINE_DOWN,
        };
        cx.info(format!("Removing agent {id}: {message}"));
        let updates = self.forget_removed(cx, id, message);
        let removal = Removal { agent: id.clone(), cause, updates };
        let operation = Operation::RemoveAgent { id: id.clone() };
        self.registrar.store(vec![operation], Then::Remove(Box::new(removal)), cx.out);
    }

    /// A removal is durable.
    pub(crate) fn removed(&mut self, cx: &mut Context<'_>, removal: Removal) {
        self.in_transition.remove(&removal.agent);
        cx.count("master/slave_removals");
        match removal.cause {
            Cause::Unregistered => cx.count("master/slave_removals/reason_unregistered"),
            Cause::Replaced => cx.count("master/slave_removals/reason_registered"),
            // Mesos has no counter of its own for these.
            Cause::MachineDown => {}
        }
        self.tell_of_loss(cx, &removal.agent, removal.updates);
    }

    /// An agent whose machine goes away leaves, and that is durable already.
    pub(crate) fn removed_for_maintenance(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        if !self.state.agents.contains_key(id) {
            return;
        }
        cx.info(format!("Removing agent {id}: {MACHINE_DOWN}"));
        cx.count("master/slave_removals");
        let updates = self.forget_removed(cx, id, MACHINE_DOWN);
        self.tell_of_loss(cx, id, updates);
    }

    /// Takes an agent that can never come back out of the state. Returns what its frameworks are
    /// to be told.
    fn forget_removed(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        why: &str,
    ) -> Vec<StatusUpdate> {
        let host = self.state.agents.get(id).map_or("", |agent| &agent.info.hostname);
        let verdict = Verdict {
            aware: TaskState::Lost,
            reason: Reason::AgentRemoved,
            message: format!("Agent {host} removed: {why}"),
            unreachable_since: None,
        };
        let updates = self.forget_agent(cx, id, &verdict);
        self.remember_removed(id);
        updates
    }

    /// It is durable that an agent is unreachable.
    pub(crate) fn marked_unreachable(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        since: &TimeInfo,
        why: &str,
    ) {
        self.in_transition.remove(id);
        self.state.recovered_agents.remove(id);
        cx.count("master/slave_unreachable_completed");
        cx.count("master/slave_removals");
        cx.count("master/slave_removals/reason_unhealthy");
        let verdict = Verdict {
            aware: TaskState::Unreachable,
            reason: Reason::AgentRemoved,
            message: why.to_owned(),
            unreachable_since: Some(since.clone()),
        };
        let updates = self.forget_agent(cx, id, &verdict);
        self.tell_of_loss(cx, id, updates);
    }

    /// Takes an agent and all that runs on it out of the state. Returns what its frameworks are
    /// to be told.
    pub(super) fn forget_agent(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        verdict: &Verdict,
    ) -> Vec<StatusUpdate> {
        let Some(agent) = self.state.agents.get(id).cloned() else { return Vec::new() };
        self.end_watch(cx, id);
        self.rescind_offers_of_agent(cx, id);
        self.rescind_inverse_offers_of_agent(cx, id);
        let mut updates = Vec::new();
        for (framework, tasks) in &agent.tasks {
            for task in tasks {
                updates.extend(self.lose_task(cx, framework, task, verdict));
            }
        }
        for (framework, executors) in &agent.executors {
            for executor in executors.keys() {
                self.drop_executor(cx, id, framework, executor);
            }
        }
        self.allocator.remove_agent(id);
        self.state.agents.remove(id);
        if self.pids.get(&agent.pid) == Some(id) {
            self.pids.remove(&agent.pid);
        }
        self.publish(cx, EventType::AgentRemoved, |event| {
            event.agent_removed = Some(AgentRemovedEvent { agent_id: id.clone() });
        });
        updates
    }

    /// Ends a task whose agent is lost.
    fn lose_task(
        &mut self,
        cx: &mut Context<'_>,
        framework_id: &FrameworkId,
        task_id: &TaskId,
        verdict: &Verdict,
    ) -> Option<StatusUpdate> {
        let framework = self.state.frameworks.get(framework_id)?;
        let task = framework.tasks.get(task_id)?;
        let is_aware = framework.can(PartitionAware);
        let (state, reason) = verdict.for_framework(is_aware);
        let mut update = master_update(cx.now, task, state, reason, verdict.message.clone());
        update.status.unreachable_time = verdict.unreachable_since.clone();
        let is_over = task.state.is_terminal();
        self.apply_update(cx, &update);
        let may_return = verdict.unreachable_since.is_some() && !is_over;
        self.remove_task(cx, framework_id, task_id, may_return);
        Some(update)
    }

    /// Tells frameworks what became of their tasks, and all of them that an agent is lost.
    pub(super) fn tell_of_loss(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        updates: Vec<StatusUpdate>,
    ) {
        for update in updates {
            self.forward(cx, update);
        }
        let failure =
            scheduler::Failure { agent_id: Some(id.clone()), executor_id: None, status: None };
        for framework in self.state.frameworks.values() {
            if let Some(stream) = &framework.stream {
                cx.event(stream.connection, scheduler::EventType::Failure, |event| {
                    event.failure = Some(failure.clone());
                });
            }
        }
    }

    pub(super) fn remember_removed(&mut self, id: &AgentId) {
        if self.removed.insert(id.clone()) {
            self.removed_order.push_back(id.clone());
        }
        while self.removed_order.len() > self.config.max_removed_agents {
            if let Some(oldest) = self.removed_order.pop_front() {
                self.removed.remove(&oldest);
            }
        }
    }
}

/// What becomes of the tasks of a lost agent.
pub(super) struct Verdict {
    /// Their state, for frameworks that can tell it from TASK_LOST (row TS-08).
    pub aware: TaskState,
    pub reason: Reason,
    pub message: String,
    /// Since when they cannot be reached, if they may come back.
    pub unreachable_since: Option<TimeInfo>,
}

impl Verdict {
    /// What a framework is told, which may know no state but TASK_LOST.
    pub fn for_framework(&self, is_aware: bool) -> (TaskState, Reason) {
        if is_aware { (self.aware, self.reason) } else { (TaskState::Lost, Reason::AgentRemoved) }
    }
}

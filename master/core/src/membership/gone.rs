//! Agents that never come back, because an operator says so or because they were lost long ago
//! (rows AG-11, MA-17).

use std::time::Duration;

use imbl::OrdMap;
use mesos::framework::FrameworkCapabilityType::PartitionAware;
use mesos::ids::AgentId;
use mesos::internal::ShutdownAgent;
use mesos::task::{Reason, TaskState};
use mesos::time::{Time, TimeInfo};

use super::removal::Verdict;
use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::{LostAgent, Operation};
use crate::timers::Timer;
use crate::updates::master_update;

impl Master {
    /// An operator says that an agent is gone for good.
    pub(crate) fn mark_agent_gone(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        id: &AgentId,
    ) {
        let registry = &self.state.registry;
        if registry.gone.contains_key(id) {
            return cx.respond(request, Response::ok());
        }
        if !registry.agents.contains_key(id) && !registry.unreachable.contains_key(id) {
            return cx.respond(request, Response::not_found(format!("Agent '{id}' not found")));
        }
        if !self.in_transition.insert(id.clone()) {
            let why = format!("Agent {id} is currently changing its state; try again");
            return cx.respond(request, Response::unavailable(why));
        }
        let since = TimeInfo::from(cx.now);
        let operation = Operation::MarkGone { id: id.clone(), timestamp: since.clone() };
        let then = Then::MarkGone { id: id.clone(), since, request };
        self.registrar.store(vec![operation], then, cx.out);
    }

    /// It is durable that an agent is gone.
    pub(crate) fn marked_gone(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        _since: &TimeInfo,
        request: RequestId,
    ) {
        self.in_transition.remove(id);
        self.state.recovered_agents.remove(id);
        let pid = self.state.agents.get(id).map(|agent| agent.pid.clone());
        let verdict = Verdict {
            aware: TaskState::GoneByOperator,
            reason: Reason::AgentRemovedByOperator,
            message: "Agent has been marked gone".to_owned(),
            unreachable_since: None,
        };
        let updates = self.forget_agent(cx, id, &verdict);
        self.give_up_lost_tasks(cx, id, &verdict);
        if let Some(pid) = pid {
            cx.count("master/slave_removals");
            let message = Some("Agent has been marked gone".to_owned());
            cx.send(&pid, ShutdownAgent { message });
            self.tell_of_loss(cx, id, updates);
        }
        cx.respond(request, Response::ok());
    }

    /// What ran on an unreachable agent that an operator says is gone will not come back.
    fn give_up_lost_tasks(&mut self, cx: &mut Context<'_>, id: &AgentId, verdict: &Verdict) {
        let mut updates = Vec::new();
        for framework in self.state.frameworks.values() {
            let (state, reason) = verdict.for_framework(framework.can(PartitionAware));
            for task in framework.unreachable_tasks.values().filter(|t| t.agent_id == *id) {
                let message = verdict.message.clone();
                updates.push(master_update(cx.now, task, state, reason, message));
            }
        }
        for update in updates {
            self.end_lost_task(cx, &update);
            self.forward(cx, update);
        }
    }

    /// Forgets agents that were lost long ago, or that are too many. Their ids become unknown.
    pub(crate) fn collect_registry(&mut self, cx: &mut Context<'_>) {
        let config = self.config.clone();
        cx.set_timer(&mut self.timers, Timer::RegistryGc, config.registry_gc_interval);
        let (age, count) = (config.registry_max_agent_age, config.registry_max_agent_count);
        let unreachable = superfluous(&self.state.registry.unreachable, cx.now, age, count);
        let gone = superfluous(&self.state.registry.gone, cx.now, age, count);
        // What is being changed is not forgotten under the change.
        let unreachable: Vec<AgentId> =
            unreachable.into_iter().filter(|id| !self.in_transition.contains(id)).collect();
        if !unreachable.is_empty() || !gone.is_empty() {
            let operation = Operation::Prune { unreachable, gone };
            self.registrar.store(vec![operation], Then::Nothing, cx.out);
        }
    }
}

/// Which of these agents were lost more than `age` ago, or are the oldest of more than `count`.
fn superfluous(
    agents: &OrdMap<AgentId, LostAgent>,
    now: Time,
    age: Duration,
    count: usize,
) -> Vec<AgentId> {
    let mut by_age: Vec<(i64, &AgentId)> =
        agents.iter().map(|(id, agent)| (agent.timestamp.nanoseconds, id)).collect();
    by_age.sort_unstable();
    let surplus = by_age.len().saturating_sub(count);
    let now = TimeInfo::from(now).nanoseconds;
    let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    let is_old = |at: i64| now.saturating_sub(at) > age;
    let superfluous = by_age.iter().enumerate().filter(|(i, (at, _))| *i < surplus || is_old(*at));
    superfluous.map(|(_, (_, id))| (*id).clone()).collect()
}

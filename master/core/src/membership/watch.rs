//! Is the agent there? Pings, broken links, and agents that stay away (rows AG-04 to AG-06).

use mesos::ids::AgentId;
use mesos::internal::PingAgent;
use mesos::time::TimeInfo;

use crate::context::Context;
use crate::event::{AgentPid, TimerId};
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::Operation;
use crate::timers::Timer;

/// How one registered agent is watched.
#[derive(Debug)]
pub(crate) struct Watch {
    /// When the next ping is due.
    ping: TimerId,
    /// How many pings in a row went unanswered.
    missed: u32,
    /// Whether the last ping was answered.
    answered: bool,
    /// When a disconnected agent counts as lost.
    return_by: Option<TimerId>,
}

impl Master {
    pub(super) fn begin_watch(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let interval = self.config.agent_ping_timeout;
        let ping = cx.set_timer(&mut self.timers, Timer::Ping(id.clone()), interval);
        let watch = Watch { ping, missed: 0, answered: true, return_by: None };
        self.watches.insert(id.clone(), watch);
    }

    pub(super) fn end_watch(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        if let Some(watch) = self.watches.remove(id) {
            cx.cancel_timer(&mut self.timers, Some(watch.ping));
            cx.cancel_timer(&mut self.timers, watch.return_by);
        }
    }

    /// An agent has answered.
    pub(crate) fn pong(&mut self, from: &AgentPid) {
        let watch = self.pids.get(from).and_then(|id| self.watches.get_mut(id));
        if let Some(watch) = watch {
            watch.answered = true;
            watch.missed = 0;
        }
    }

    /// The time for the next ping has come, and so has the deadline of the last one.
    pub(crate) fn ping_due(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let (interval, limit) =
            (self.config.agent_ping_timeout, self.config.max_agent_ping_timeouts);
        let Some(agent) = self.state.agents.get(id) else { return };
        let (pid, connected) = (agent.pid.clone(), agent.connected);
        let Some(watch) = self.watches.get_mut(id) else { return };
        if !watch.answered {
            watch.missed += 1;
        }
        let is_lost = watch.missed >= limit;
        watch.answered = false;
        watch.ping = cx.set_timer(&mut self.timers, Timer::Ping(id.clone()), interval);
        cx.send(&pid, PingAgent { connected });
        if is_lost {
            self.mark_unreachable(cx, id, "health check timed out");
        }
    }

    /// The link to an agent is broken: it gets nothing to do until it comes back.
    pub(crate) fn agent_exited(&mut self, cx: &mut Context<'_>, pid: &AgentPid) {
        let Some(id) = self.pids.get(pid).cloned() else { return };
        let is_connected = self.state.agents.get(&id).is_some_and(|agent| agent.connected);
        if !is_connected {
            return;
        }
        cx.info(format!("Agent {id} at {pid} disconnected"));
        if let Some(agent) = self.state.agent_mut(&id) {
            agent.connected = false;
            agent.active = false;
        }
        self.allocator.deactivate_agent(&id);
        self.rescind_offers_of_agent(cx, &id);
        self.rescind_inverse_offers_of_agent(cx, &id);
        self.abandon_what_dies_with_the_agent(cx, &id);
        let what = Timer::AgentReregistration(id.clone());
        let timer = cx.set_timer(&mut self.timers, what, self.config.agent_reregister_timeout);
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.return_by = Some(timer);
        }
    }

    /// A disconnected agent is back.
    pub(super) fn reconnected(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        if let Some(watch) = self.watches.get_mut(id) {
            watch.answered = true;
            watch.missed = 0;
            let timer = watch.return_by.take();
            cx.cancel_timer(&mut self.timers, timer);
        }
    }

    /// A disconnected agent has stayed away for too long.
    pub(crate) fn agent_did_not_return(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let why = format!(
            "agent did not re-register within {} seconds after disconnecting",
            self.config.agent_reregister_timeout.as_secs_f64()
        );
        self.mark_unreachable(cx, id, &why);
    }

    /// The agents of the registry have had their time to come back; those that did not are lost
    /// (rows MA-14, MA-15).
    pub(crate) fn end_recovery(&mut self, cx: &mut Context<'_>) {
        let lost: Vec<AgentId> = self.state.recovered_agents.keys().cloned().collect();
        let known = self.state.registry.agents.len().max(1);
        let share = lost.len() as f64 / known as f64;
        let limit = self.config.recovery_agent_removal_limit;
        if share > limit {
            let reason = format!(
                "{} of {known} agents did not re-register after the failover, which is more than \
                 the limit of {}%",
                lost.len(),
                limit * 100.0
            );
            return self.abort(cx, reason);
        }
        for id in lost {
            cx.count("master/recovery_slave_removals");
            self.mark_unreachable(cx, &id, "agent did not re-register after master failover");
        }
    }

    /// Begins to count an agent as unreachable: registered, or recovered and not come back.
    pub(super) fn mark_unreachable(&mut self, cx: &mut Context<'_>, id: &AgentId, why: &str) {
        let is_known =
            self.state.agents.contains_key(id) || self.state.recovered_agents.contains_key(id);
        if !is_known || !self.in_transition.insert(id.clone()) {
            return;
        }
        cx.count("master/slave_unreachable_scheduled");
        cx.warn(format!("Marking agent {id} unreachable: {why}"));
        let since = TimeInfo::from(cx.now);
        let operation = Operation::MarkUnreachable { id: id.clone(), timestamp: since.clone() };
        let then = Then::MarkUnreachable { id: id.clone(), since, why: why.to_owned() };
        self.registrar.store(vec![operation], then, cx.out);
    }
}

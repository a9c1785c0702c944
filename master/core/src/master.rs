//! The master: one event in, effects out.
//!
//! ```text
//!              Elected              Stored                  Deposed, or a write fails
//!   Standby ───────────▶ Recovering ───────▶ Leading ───────────────────────────────▶ Over
//! ```
//!
//! This file takes events apart and hands them to the files that decide. Every step ends with an
//! allocation if somebody might want what the step has made available.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::internal::AgentToMaster;
use mesos::master_info::MasterInfo;
use mesos::time::Time;
use mesos::v1;

use crate::allocator::Allocator;
use crate::config::Config;
use crate::context::Context;
use crate::effect::{Effect, Effects, Measure, Response};
use crate::event::{AgentPid, ConnectionId, Event, StoreId, TimerId};
use crate::maintenance::Maintenance;
use crate::membership::Watch;
use crate::registrar::{Registrar, Then};
use crate::registry::{Operation, Registry};
use crate::snapshot::Snapshot;
use crate::state::Memory;
use crate::timers::{Timer, Timers};

/// Where a master is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It does not lead.
    Standby,
    /// It leads, but the registry does not know yet.
    Recovering,
    /// It leads.
    Leading,
    /// It has given up.
    Over,
}

/// A master, without its process.
pub struct Master {
    pub(crate) config: Arc<Config>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) state: Snapshot,
    pub(crate) allocator: Allocator,
    pub(crate) timers: Timers,
    pub(crate) registrar: Registrar,
    /// What operators have decided about machines, as it will be once all writes are durable.
    pub(crate) planned: Maintenance,
    pub(crate) phase: Phase,
    /// Prefixes all ids that this master gives out.
    pub(crate) id: Arc<str>,
    /// Which framework's stream a connection is.
    pub(crate) connections: BTreeMap<ConnectionId, FrameworkId>,
    /// The failover timer or the heartbeat timer of each framework.
    pub(crate) framework_timers: BTreeMap<FrameworkId, TimerId>,
    /// Which registered agent is where.
    pub(crate) pids: BTreeMap<AgentPid, AgentId>,
    /// How each registered agent is watched.
    pub(crate) watches: BTreeMap<AgentId, Watch>,
    /// Where agents are whose admission is being written.
    pub(crate) registering: BTreeSet<AgentPid>,
    /// Agents of whom something is being written: what they say must wait.
    pub(crate) in_transition: BTreeSet<AgentId>,
    /// Agents that were removed, oldest first: what they say is stale (row AG-20).
    pub(crate) removed: BTreeSet<AgentId>,
    pub(crate) removed_order: VecDeque<AgentId>,
    /// Frameworks that are over: their ids may not be used again (row FW-06).
    pub(crate) completed: BTreeSet<FrameworkId>,
    /// Whether a timer will go on with an allocation.
    pub(crate) is_continuing_allocation: bool,
    pub(crate) next_framework: u64,
    pub(crate) next_agent: u64,
    pub(crate) next_offer: u64,
    /// How many operators listen.
    pub(crate) listening: usize,
    /// Measures passes of the allocator; no decision depends on it.
    pub(crate) stopwatch: Option<Stopwatch>,
    /// What the stopwatch showed when the step began.
    pub(crate) step_began: Duration,
    /// What it showed when the pass of the allocator that is due became so.
    pub(crate) due_since: Option<Duration>,
}

/// Shows how much time has passed since a moment that does not matter.
pub type Stopwatch = fn() -> Duration;

impl Master {
    /// A master that does not lead yet. `seed` decides all that is left to chance.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            allocator: Allocator::new(&config),
            config: Arc::new(config),
            rng: fastrand::Rng::with_seed(seed),
            state: Snapshot::default(),
            timers: Timers::default(),
            registrar: Registrar::default(),
            planned: Maintenance::default(),
            phase: Phase::Standby,
            id: Arc::from(""),
            connections: BTreeMap::new(),
            framework_timers: BTreeMap::new(),
            pids: BTreeMap::new(),
            watches: BTreeMap::new(),
            registering: BTreeSet::new(),
            in_transition: BTreeSet::new(),
            removed: BTreeSet::new(),
            removed_order: VecDeque::new(),
            completed: BTreeSet::new(),
            is_continuing_allocation: false,
            next_framework: 0,
            next_agent: 0,
            next_offer: 0,
            listening: 0,
            stopwatch: None,
            step_began: Duration::ZERO,
            due_since: None,
        }
    }

    /// Has passes of the allocator measured. Without it, a master measures nothing, so that the
    /// same events have the same effects.
    pub fn measure_with(&mut self, stopwatch: Stopwatch) {
        self.stopwatch = Some(stopwatch);
    }

    /// Takes note of one event and appends what is to be done to `out`.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Effects) {
        self.step_began = self.elapsed();
        let begin = out.len();
        self.take(&mut Context { now, out }, event);
        self.count_events(&out[begin..]);
    }

    fn take(&mut self, cx: &mut Context<'_>, event: Event) {
        match (self.phase, event) {
            (Phase::Over, event) => refuse(cx, event, "Master is shutting down"),
            (_, Event::Deposed) => self.abort(cx, "lost leadership".to_owned()),
            (_, Event::OperatorsListening { count }) => self.listening = count,
            (Phase::Standby, Event::Elected { registry, info }) => self.elected(cx, registry, info),
            (Phase::Standby, event) => refuse(cx, event, "No leader elected"),
            (_, Event::Stored { store, result }) => self.stored(cx, store, result),
            (Phase::Recovering, event) => refuse(cx, event, "Master has not finished recovery"),
            (Phase::Leading, event) => self.lead(cx, event),
        }
        if self.phase == Phase::Leading && self.allocator.is_due() {
            self.due_since.get_or_insert(self.step_began);
            if !self.is_continuing_allocation {
                self.allocate(cx);
            }
        }
    }

    /// Counts what schedulers are sent.
    fn count_events(&mut self, effects: &[Effect]) {
        for effect in effects {
            let Effect::SendEvent { connection, event } = effect else { continue };
            let Some(id) = self.connections.get(connection) else { continue };
            if let Some(framework) = self.state.framework_mut(id) {
                framework.counts.told(event);
            }
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.stopwatch.map_or(Duration::ZERO, |read| read())
    }

    /// Records how long something took, if somebody wants to know.
    pub(crate) fn measure(&self, cx: &mut Context<'_>, what: Measure, took: Duration) {
        if self.stopwatch.is_some() {
            cx.out.push(Effect::Measure { what, took });
        }
    }

    /// A picture of the state, which later steps do not change.
    pub fn snapshot(&self) -> Snapshot {
        self.state.clone()
    }

    /// The allocator, for its metrics.
    pub fn allocator(&self) -> &Allocator {
        &self.allocator
    }

    /// How many operators listen.
    pub fn listening(&self) -> usize {
        self.listening
    }

    fn lead(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            Event::AgentMessage { from, message } => self.agent_message(cx, from, message),
            Event::AgentExited { pid } => self.agent_exited(cx, &pid),
            Event::Subscribe { connection, request, stream_id, principal, call } => {
                self.subscribe(cx, connection, request, stream_id, principal, call);
            }
            Event::FrameworkCall { request, stream_id, principal, call } => {
                self.framework_call(cx, request, stream_id.as_deref(), principal.as_deref(), call);
            }
            Event::ConnectionClosed { connection } => self.connection_closed(cx, connection),
            Event::OperatorCall { request, call, .. } => self.operator_call(cx, request, call),
            Event::TimerFired { timer } => {
                if let Some(what) = self.timers.fired(timer) {
                    self.timer_fired(cx, what);
                }
            }
            Event::Elected { .. }
            | Event::Deposed
            | Event::OperatorsListening { .. }
            | Event::Stored { .. } => {}
        }
    }

    fn agent_message(&mut self, cx: &mut Context<'_>, from: AgentPid, message: AgentToMaster) {
        match message {
            AgentToMaster::RegisterAgent(message) => self.register_agent(cx, from, message),
            AgentToMaster::ReregisterAgent(message) => self.reregister_agent(cx, from, message),
            AgentToMaster::UnregisterAgent(message) => self.unregister_agent(cx, &from, &message),
            AgentToMaster::StatusUpdate(update) => self.status_update(cx, update),
            AgentToMaster::ExitedExecutor(message) => self.exited_executor(cx, message),
            AgentToMaster::ExecutorToFramework(message) => self.executor_to_framework(cx, message),
            AgentToMaster::UpdateAgent(message) => self.update_agent(cx, message),
            AgentToMaster::UpdateOperationStatus(message) => {
                self.update_operation_status(cx, &message);
            }
            AgentToMaster::PongAgent(_) => self.pong(&from),
        }
    }

    fn timer_fired(&mut self, cx: &mut Context<'_>, what: Timer) {
        match what {
            Timer::Batch => {
                self.allocator.begin_batch(cx.now);
                let interval = self.config.allocation_interval;
                cx.set_timer(&mut self.timers, Timer::Batch, interval);
                if !self.is_continuing_allocation {
                    // Also when nothing is due: whoever watches the runs sees that they go on.
                    self.allocate(cx);
                }
            }
            Timer::ContinueAllocation => self.is_continuing_allocation = false,
            Timer::Ping(agent) => self.ping_due(cx, &agent),
            Timer::AgentReregistration(agent) => self.agent_did_not_return(cx, &agent),
            Timer::Recovery => self.end_recovery(cx),
            Timer::Failover(framework) => self.failover_timed_out(cx, &framework),
            Timer::Heartbeat(framework) => self.heartbeat(cx, &framework),
            Timer::OfferTimeout(offer) => self.offer_timed_out(cx, &offer),
            Timer::InverseOfferTimeout(offer) => self.inverse_offer_timed_out(cx, &offer),
            Timer::RegistryGc => self.collect_registry(cx),
        }
    }

    fn elected(&mut self, cx: &mut Context<'_>, registry: Registry, info: MasterInfo) {
        self.phase = Phase::Recovering;
        self.id = info.id.as_str().into();
        self.state.elected = Some(cx.now);
        self.state.info = Some(Arc::new(info.clone()));
        let agents = registry.agents.iter().map(|(id, agent)| (id.clone(), agent.info.clone()));
        self.state.recovered_agents = agents.collect();
        self.planned = registry.maintenance.as_deref().cloned().unwrap_or_default();
        self.state.registry = registry;
        let mut operations = vec![Operation::UpdateMaster { info: Box::new(info) }];
        operations.extend(self.initial_weights());
        self.registrar.store(operations, Then::Lead, cx.out);
    }

    fn stored(&mut self, cx: &mut Context<'_>, store: StoreId, result: Result<(), String>) {
        if let Err(why) = result {
            return self.abort(cx, format!("failed to update the registry: {why}"));
        }
        let Some((operations, then)) = self.registrar.stored(store) else { return };
        for operation in &operations {
            if let Err(why) = self.state.registry.apply(operation) {
                return self.abort(cx, format!("the registry refused {operation:?}: {why}"));
            }
        }
        match then {
            Then::Lead => self.begin_to_lead(cx),
            Then::Admit { pid, id, message } => self.admitted(cx, pid, id, *message),
            Then::Readmit { pid, id, message } => self.readmitted(cx, pid, id, *message),
            Then::Update { pid, id, message } => self.agent_returned(cx, pid, id, *message),
            Then::MarkUnreachable { id, since, why } => {
                self.marked_unreachable(cx, &id, &since, &why);
            }
            Then::Remove(removal) => self.removed(cx, *removal),
            Then::MarkGone { id, since, request } => self.marked_gone(cx, &id, &since, request),
            Then::Maintain { request, down, leaving } => {
                self.maintained(cx, request, &down, leaving);
            }
            Then::Weigh { request, weights } => self.weighed(cx, request, &weights),
            Then::Nothing => {}
        }
    }

    fn begin_to_lead(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Leading;
        self.state.recovered = true;
        self.recover_weights();
        let config = self.config.clone();
        cx.info(format!("Leading with {} agents to recover", self.state.recovered_agents.len()));
        cx.set_timer(&mut self.timers, Timer::Batch, config.allocation_interval);
        cx.set_timer(&mut self.timers, Timer::RegistryGc, config.registry_gc_interval);
        if !self.state.recovered_agents.is_empty() {
            cx.set_timer(&mut self.timers, Timer::Recovery, config.agent_reregister_timeout);
        }
    }

    /// Gives up: the process ends, and another master takes over.
    pub(crate) fn abort(&mut self, cx: &mut Context<'_>, reason: String) {
        self.phase = Phase::Over;
        cx.out.push(Effect::Abort { reason });
    }

    /// Tells the operators who listen.
    pub(crate) fn publish(
        &self,
        cx: &mut Context<'_>,
        kind: v1::master::EventType,
        fill: impl FnOnce(&mut v1::master::Event),
    ) {
        if self.listening > 0 {
            let mut event = v1::master::Event { r#type: Some(kind), ..Default::default() };
            fill(&mut event);
            cx.out.push(Effect::Publish { event: Box::new(event) });
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory {
            completed: self.config.max_completed_tasks_per_framework,
            unreachable: self.config.max_unreachable_tasks_per_framework,
        }
    }

    pub(crate) fn new_framework_id(&mut self) -> FrameworkId {
        let id = format!("{}-{:04}", self.id, self.next_framework);
        self.next_framework += 1;
        id.into()
    }

    pub(crate) fn new_agent_id(&mut self) -> AgentId {
        let id = format!("{}-S{}", self.id, self.next_agent);
        self.next_agent += 1;
        id.into()
    }

    pub(crate) fn new_offer_id(&mut self) -> OfferId {
        let id = format!("{}-O{}", self.id, self.next_offer);
        self.next_offer += 1;
        id.into()
    }

    /// A random UUID in its usual form.
    pub(crate) fn new_uuid(&mut self) -> String {
        let bits = self.rng.u128(..) & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
        let hex = format!("{bits:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}

/// Answers a request that this master cannot serve now.
fn refuse(cx: &mut Context<'_>, event: Event, why: &str) {
    match event {
        Event::Subscribe { request, .. }
        | Event::FrameworkCall { request, .. }
        | Event::OperatorCall { request, .. } => cx.respond(request, Response::unavailable(why)),
        Event::AgentMessage { .. } => cx.count("master/dropped_messages"),
        _ => {}
    }
}

//! The machine that the master runs on: its core, its registry, its timers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use master_core::config::Config;
use master_core::effect::{Effect, Response};
use master_core::event::{AgentPid, ConnectionId, Event, RequestId, StoreId, TimerId};
use master_core::registry::{Operation, Registry};
use master_core::{Master, snapshot::Snapshot};
use mesos::internal::MasterToAgent;
use mesos::master_info::MasterInfo;

use crate::network::{Endpoint, brief};
use crate::world::{Action, Message, World};

/// The master, alive or not, and what survives it.
pub struct MasterHost {
    /// The core, while the process lives.
    pub core: Option<Master>,
    /// How often it was started.
    pub incarnation: u64,
    /// What is on disk.
    pub registry: Registry,
    /// Writes that are under way, in order.
    stores: VecDeque<(StoreId, Vec<Operation>)>,
    cancelled: BTreeSet<TimerId>,
    /// Requests that wait for their answer.
    pub requests: BTreeMap<RequestId, Endpoint>,
    /// Open streams, by connection.
    pub streams: BTreeMap<ConnectionId, usize>,
}

impl MasterHost {
    /// A machine on which no master has run yet.
    pub fn new() -> Self {
        Self {
            core: None,
            incarnation: 0,
            registry: Registry::default(),
            stores: VecDeque::new(),
            cancelled: BTreeSet::new(),
            requests: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Whether any write is under way.
    pub fn is_writing(&self) -> bool {
        !self.stores.is_empty()
    }

    /// What the master shows, while it lives.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.core.as_ref().map(Master::snapshot)
    }
}

/// The address of an agent, the same in every life.
pub fn agent_pid(agent: usize) -> String {
    format!("slave(1)@10.0.0.{}:5051", agent + 1)
}

fn agent_of(pid: &AgentPid) -> Option<usize> {
    pid.ip().rsplit('.').next()?.parse::<usize>().ok()?.checked_sub(1)
}

impl World {
    /// Starts the master, which leads at once: it is the only one.
    pub fn start_master(&mut self) {
        if self.master.core.is_some() {
            return;
        }
        self.master.incarnation += 1;
        let incarnation = self.master.incarnation;
        self.note(|| format!("master {incarnation} starts"));
        let info = MasterInfo {
            id: format!("M{incarnation}"),
            ip: u32::from_le_bytes([10, 0, 0, 100]),
            port: 5050,
            pid: Some("master@10.0.0.100:5050".to_owned()),
            hostname: Some("10.0.0.100".to_owned()),
            version: Some("1.11.0".to_owned()),
            ..MasterInfo::default()
        };
        let config = Config { root_submissions: true, ..Config::default() };
        let seed = self.rng.u64(..);
        self.master.core = Some(Master::new(config, seed));
        let registry = self.master.registry.clone();
        self.master_step(Event::Elected { registry, info });
        for agent in 0..self.agents.len() {
            self.announce_master(agent);
        }
    }

    /// Kills the master at this instant.
    pub fn kill_master(&mut self) {
        if self.master.core.take().is_none() {
            return;
        }
        self.note(|| "master is killed".to_owned());
        // Of the writes that are under way, some prefix has reached the disk.
        let reached = self.rng.usize(0..=self.master.stores.len());
        for _ in 0..reached {
            self.apply_oldest_store();
        }
        self.master.stores.clear();
        self.master.cancelled.clear();
        self.master.requests.clear();
        let streams = std::mem::take(&mut self.master.streams);
        self.break_all(Endpoint::Master);
        for (connection, scheduler) in streams {
            let wait = self.millis(1..50);
            self.after(
                wait,
                Action::Scheduler {
                    scheduler,
                    plan: crate::scheduler::Plan::Disconnected { connection },
                },
            );
        }
        for agent in 0..self.agents.len() {
            self.announce_master(agent);
        }
    }

    fn apply_oldest_store(&mut self) -> Option<StoreId> {
        let (store, operations) = self.master.stores.pop_front()?;
        for operation in &operations {
            if let Err(error) = self.master.registry.apply(operation) {
                self.violate("registry_operations_apply", format!("{operation:?}: {error}"));
            }
        }
        Some(store)
    }

    /// A write of the registry is done.
    pub fn stored(&mut self, incarnation: u64, store: StoreId) {
        if self.incarnation(&Endpoint::Master) != Some(incarnation) {
            return;
        }
        let oldest = self.apply_oldest_store();
        debug_assert_eq!(oldest, Some(store));
        self.master_step(Event::Stored { store, result: Ok(()) });
    }

    /// A timer of the master's core runs out.
    pub fn master_timer(&mut self, incarnation: u64, timer: TimerId) {
        let current = self.incarnation(&Endpoint::Master) == Some(incarnation);
        if current && !self.master.cancelled.remove(&timer) {
            self.master_step(Event::TimerFired { timer });
        }
    }

    /// The master learns that a link is broken.
    pub fn master_loses(&mut self, peer: Endpoint) {
        if let Endpoint::Agent(agent) = peer {
            self.master_step(Event::AgentExited { pid: AgentPid::new(agent_pid(agent)) });
        }
    }

    /// A stream to the master breaks at the scheduler's end or on the way.
    pub fn close_stream(&mut self, connection: ConnectionId) {
        if self.master.streams.remove(&connection).is_some() && self.master.core.is_some() {
            self.master_step(Event::ConnectionClosed { connection });
        }
    }

    /// A message reaches the master.
    pub fn master_receives(&mut self, from: Endpoint, message: Message) {
        if self.master.core.is_none() {
            return;
        }
        self.note(|| format!("{from} → master: {}", brief(&message)));
        let event = match message {
            Message::AgentToMaster(message) => {
                let Endpoint::Agent(agent) = from else { return };
                Event::AgentMessage { from: AgentPid::new(agent_pid(agent)), message }
            }
            Message::Subscribe { request, connection, call } => {
                let Endpoint::Scheduler(scheduler) = from else { return };
                self.master.requests.insert(request, from);
                self.master.streams.insert(connection, scheduler);
                Event::Subscribe { connection, request, stream_id: None, principal: None, call }
            }
            Message::Call { request, stream, call } => {
                self.master.requests.insert(request, from);
                Event::FrameworkCall { request, stream_id: stream, principal: None, call }
            }
            Message::Closed { connection } => return self.close_stream(connection),
            other => unreachable!("{other:?} for the master"),
        };
        self.master_step(event);
    }

    /// One step of the core, and its effects.
    pub fn master_step(&mut self, event: Event) {
        let Some(core) = self.master.core.as_mut() else { return };
        let mut effects = Vec::new();
        core.step(self.now, event, &mut effects);
        for effect in effects {
            if self.master.core.is_none() {
                return;
            }
            self.master_effect(effect);
        }
    }

    fn master_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.master_sends(&to, *message),
            Effect::Link { pid } => {
                if let Some(agent) = agent_of(&pid) {
                    self.link(Endpoint::Master, Endpoint::Agent(agent));
                }
            }
            Effect::SendEvent { connection, event } => {
                if let Some(&scheduler) = self.master.streams.get(&connection) {
                    let message = Message::Event { connection, event: *event };
                    self.send_on_stream(scheduler, message);
                }
            }
            Effect::CloseConnection { connection } => {
                if let Some(scheduler) = self.master.streams.remove(&connection) {
                    self.send_on_stream(scheduler, Message::Closed { connection });
                }
            }
            Effect::Respond { request, response } => self.respond(request, response),
            Effect::Store { store, operations } => {
                self.master.stores.push_back((store, operations));
                let wait = self.store_delay();
                let incarnation = self.master.incarnation;
                self.after(wait, Action::Stored { incarnation, store });
            }
            Effect::SetTimer { timer, after } => {
                let incarnation = self.master.incarnation;
                self.after(after, Action::MasterTimer { incarnation, timer });
            }
            Effect::CancelTimer { timer } => {
                self.master.cancelled.insert(timer);
            }
            Effect::Log { text, .. } => self.note(|| format!("master: {text}")),
            Effect::Abort { reason } => {
                self.note(|| format!("master aborts: {reason}"));
                self.violate("master_never_aborts", reason);
            }
            Effect::Count { .. } | Effect::Measure { .. } | Effect::Publish { .. } => {}
        }
    }

    /// Writes are done in order; their times must not cross.
    fn store_delay(&mut self) -> Duration {
        Duration::from_millis(5 * self.master.stores.len() as u64)
    }

    fn master_sends(&mut self, to: &AgentPid, message: MasterToAgent) {
        let admitted = match &message {
            MasterToAgent::AgentRegistered(message) => Some(&message.agent_id),
            MasterToAgent::AgentReregistered(message) => Some(&message.agent_id),
            _ => None,
        };
        if let Some(id) = admitted
            && !self.master.registry.agents.contains_key(id)
        {
            let what = format!("{id} is told that it is registered, and the registry lacks it");
            self.violate("registered_agents_are_in_the_registry", what);
        }
        if let Some(agent) = agent_of(to) {
            let message = Message::MasterToAgent(message);
            self.send(Endpoint::Master, Endpoint::Agent(agent), message);
        }
    }

    fn send_on_stream(&mut self, scheduler: usize, message: Message) {
        self.send(Endpoint::Master, Endpoint::Scheduler(scheduler), message);
    }

    fn respond(&mut self, request: RequestId, response: Response) {
        match self.master.requests.remove(&request) {
            Some(Endpoint::Scheduler(scheduler)) => {
                self.send_on_stream(scheduler, Message::Response { request, response });
            }
            Some(Endpoint::Operator) => self.operator_hears(&response),
            _ => self.violate(
                "requests_are_answered_once",
                format!("{request:?} is answered {} and nobody waits", response.status),
            ),
        }
    }
}

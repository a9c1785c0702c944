//! A world around a master core: agents, schedulers, a clock and a registry, all of it under the
//! test's control.
//!
//! Events go in by methods named for what happens; what comes out is sorted by who gets it. Time
//! passes only in [`World::advance`], which fires the timers that are due, in order. Writes to the
//! registry succeed at once, unless the test holds them back.

// Each test binary uses its part of this.
#![allow(dead_code)]

pub mod bend;
pub mod maintenance;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use master_core::effect::{Effect, Effects, Response};
use master_core::event::{AgentPid, ConnectionId, Event, RequestId, StoreId, TimerId};
use master_core::registry::{Operation, Registry};
use master_core::{Config, Master, Snapshot};
use mesos::agent::{AgentCapability, AgentInfo};
use mesos::executor_info::CommandInfo;
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::internal::{
    AgentToMaster, MasterToAgent, PongAgent, RegisterAgent, ReregisterAgent, StatusUpdate,
};
use mesos::master_info::MasterInfo;
use mesos::offer::{Filters, Offer};
use mesos::operation::{Launch, OfferOperation, OfferOperationType};
use mesos::resources::Resources;
use mesos::task::{Task, TaskInfo, TaskState, TaskStatus};
use mesos::time::Time;
use mesos::v1;
use mesos::v1::scheduler::{Accept, Acknowledge, Call, CallType, Decline, EventType, Subscribe};

/// Everything around a master.
pub struct World {
    pub master: Master,
    pub now: Time,
    pub registry: Registry,
    /// Writes wait here while the test holds them back.
    pub held_stores: Option<Vec<(StoreId, Vec<Operation>)>>,
    timers: BTreeMap<TimerId, Time>,
    sent: BTreeMap<AgentPid, Vec<MasterToAgent>>,
    events: BTreeMap<ConnectionId, Vec<v1::scheduler::Event>>,
    responses: BTreeMap<RequestId, Response>,
    pub closed: BTreeSet<ConnectionId>,
    pub counters: BTreeMap<String, u64>,
    pub published: Vec<v1::master::Event>,
    pub aborted: Option<String>,
    /// Every effect so far, as text, if the test wants to compare.
    pub trace: Option<Vec<String>>,
    pub answers_pings: bool,
    /// The last number that a connection, request or agent was given.
    pub number: u64,
}

/// A scheduler that is subscribed.
#[derive(Debug, Clone)]
pub struct Scheduler {
    pub connection: ConnectionId,
    pub stream: String,
    pub id: FrameworkId,
}

/// An agent, from the outside.
#[derive(Debug, Clone)]
pub struct AgentHandle {
    pub pid: AgentPid,
    pub id: AgentId,
    pub info: AgentInfo,
}

impl World {
    /// A master with default settings that leads an empty cluster.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// A master that leads an empty cluster.
    pub fn with(config: Config) -> Self {
        let mut world = Self::standby(config, 7);
        world.elect("M", Registry::default());
        world
    }

    /// A master that does not lead.
    pub fn standby(config: Config, seed: u64) -> Self {
        Self {
            master: Master::new(config, seed),
            now: Time::from_nanos(1_700_000_000_000_000_000),
            registry: Registry::default(),
            held_stores: None,
            timers: BTreeMap::new(),
            sent: BTreeMap::new(),
            events: BTreeMap::new(),
            responses: BTreeMap::new(),
            closed: BTreeSet::new(),
            counters: BTreeMap::new(),
            published: Vec::new(),
            aborted: None,
            trace: None,
            answers_pings: true,
            number: 0,
        }
    }

    /// The master is elected and finds this registry.
    pub fn elect(&mut self, id: &str, registry: Registry) {
        self.registry = registry.clone();
        let info = MasterInfo { id: id.to_owned(), ..MasterInfo::default() };
        self.event(Event::Elected { registry, info });
    }

    /// Another master, after this one has died: same registry, same clock, empty memory.
    pub fn failover(self, config: Config) -> Self {
        let mut world = Self::standby(config, 8);
        world.now = self.now;
        world.number = self.number;
        world.trace = self.trace;
        world.counters = self.counters;
        world.answers_pings = self.answers_pings;
        let id = format!("M{}", self.number);
        world.elect(&id, self.registry);
        world
    }

    /// One event, and all that follows from it at once.
    pub fn event(&mut self, event: Event) {
        let mut effects = Effects::new();
        self.master.step(self.now, event, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{effect:?}"));
        }
        match effect {
            Effect::Send { to, message } => {
                let is_ping = matches!(*message, MasterToAgent::PingAgent(_));
                self.sent.entry(to.clone()).or_default().push(*message);
                if is_ping && self.answers_pings {
                    self.agent_says(&to, PongAgent {});
                }
            }
            Effect::SendEvent { connection, event } => {
                assert!(!self.closed.contains(&connection), "event on a closed stream: {event:?}");
                self.events.entry(connection).or_default().push(*event);
            }
            Effect::CloseConnection { connection } => {
                self.closed.insert(connection);
            }
            Effect::Respond { request, response } => {
                let old = self.responses.insert(request, response);
                assert_eq!(old, None, "a request was answered twice");
            }
            Effect::Store { store, operations } => match &mut self.held_stores {
                Some(held) => held.push((store, operations)),
                None => self.store(store, &operations),
            },
            Effect::SetTimer { timer, after } => {
                self.timers.insert(timer, self.now + after);
            }
            Effect::CancelTimer { timer } => {
                self.timers.remove(&timer);
            }
            Effect::Count { counter, by } => {
                *self.counters.entry(counter.0.into_owned()).or_default() += by;
            }
            Effect::Publish { event } => self.published.push(*event),
            Effect::Abort { reason } => self.aborted = Some(reason),
            Effect::Link { .. } | Effect::Measure { .. } | Effect::Log { .. } => {}
        }
    }

    fn store(&mut self, store: StoreId, operations: &[Operation]) {
        for operation in operations {
            self.registry.apply(operation).expect("the core asks only for what can be");
        }
        self.event(Event::Stored { store, result: Ok(()) });
    }

    /// Writes that were held back are done now, and so are later ones.
    pub fn release_stores(&mut self) {
        for (store, operations) in self.held_stores.take().into_iter().flatten() {
            self.store(store, &operations);
        }
    }

    /// Time passes; timers fire in order.
    pub fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some((timer, at)) =
            self.timers.iter().map(|(timer, at)| (*timer, *at)).min_by_key(|(id, at)| (*at, *id))
            && at <= end
        {
            self.timers.remove(&timer);
            self.now = self.now.max(at);
            self.event(Event::TimerFired { timer });
        }
        self.now = end;
    }

    /// Time passes, in seconds.
    pub fn advance_secs(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// Time leaps, as if the process had been stopped: timers that were due meanwhile fire once.
    pub fn leap(&mut self, span: Duration) {
        self.now = self.now + span;
        let due = self.timers.iter().filter(|(_, at)| **at <= self.now);
        let due: Vec<TimerId> = due.map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            self.event(Event::TimerFired { timer });
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        self.master.snapshot()
    }

    pub fn count(&self, counter: &str) -> u64 {
        self.counters.get(counter).copied().unwrap_or(0)
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    // Agents.

    /// An agent registers with these resources at an address of its own.
    pub fn agent(&mut self, resources: &str) -> AgentHandle {
        let number = self.next_number();
        self.agent_at(&format!("slave(1)@10.0.0.{number}:5051"), resources)
    }

    pub fn agent_at(&mut self, pid: &str, resources: &str) -> AgentHandle {
        let pid = AgentPid::new(pid);
        let info = agent_info(&pid, resources);
        self.agent_says(&pid, registration(&info));
        let id = self.received(&pid).into_iter().find_map(|message| match message {
            MasterToAgent::AgentRegistered(message) => Some(message.agent_id),
            _ => None,
        });
        let id = id.expect("the agent is registered");
        let info = AgentInfo { id: Some(id.clone()), ..info };
        AgentHandle { pid, id, info }
    }

    pub fn agent_says(&mut self, pid: &AgentPid, message: impl Into<AgentToMaster>) {
        self.event(Event::AgentMessage { from: pid.clone(), message: message.into() });
    }

    /// An agent comes back, with the frameworks and tasks that it has.
    pub fn reregister(
        &mut self,
        agent: &AgentHandle,
        frameworks: Vec<FrameworkInfo>,
        tasks: Vec<Task>,
    ) {
        let message = ReregisterAgent {
            agent: agent.info.clone(),
            frameworks,
            tasks,
            version: "1.11.0".to_owned(),
            agent_capabilities: AgentCapability::ours(),
            ..ReregisterAgent::default()
        };
        self.agent_says(&agent.pid, message);
    }

    /// What the master has told an agent since the last time it was asked.
    pub fn received(&mut self, pid: &AgentPid) -> Vec<MasterToAgent> {
        self.sent.remove(pid).unwrap_or_default()
    }

    /// The tasks that an agent was told to run.
    pub fn launched(&mut self, agent: &AgentHandle) -> Vec<TaskInfo> {
        let runs = self.received(&agent.pid).into_iter().flat_map(|message| match message {
            MasterToAgent::RunTask(message) => vec![message.task],
            MasterToAgent::RunTaskGroup(message) => message.task_group.tasks,
            _ => Vec::new(),
        });
        runs.collect()
    }

    /// The agent reports a state of a task; the uuid is made of the two.
    pub fn update(&mut self, agent: &AgentHandle, who: &Scheduler, task: &str, state: TaskState) {
        self.agent_says(&agent.pid, update(agent, who, task, state));
    }

    /// A task finishes, and its scheduler acknowledges that.
    pub fn finish(&mut self, agent: &AgentHandle, who: &Scheduler, task: &str) {
        self.update(agent, who, task, TaskState::Finished);
        self.acknowledge(who, agent, task, TaskState::Finished);
    }

    // Schedulers.

    /// A framework subscribes and is let in.
    pub fn subscribe(&mut self, info: FrameworkInfo) -> Scheduler {
        let (connection, response) = self.try_subscribe(info);
        let stream = response.stream_id.expect("the subscription is accepted");
        let first = self.events[&connection].first().expect("there is a first event");
        let id = first.subscribed.as_ref().expect("it is SUBSCRIBED").framework_id.clone();
        Scheduler { connection, stream, id }
    }

    pub fn try_subscribe(&mut self, info: FrameworkInfo) -> (ConnectionId, Response) {
        let call = Call {
            framework_id: info.id.clone(),
            r#type: Some(CallType::Subscribe),
            subscribe: Some(Subscribe { framework_info: info, ..Subscribe::default() }),
            ..Call::default()
        };
        self.try_subscribe_with(call)
    }

    pub fn try_subscribe_with(&mut self, call: Call) -> (ConnectionId, Response) {
        self.try_subscribe_as(None, call)
    }

    /// A scheduler that has proved to be somebody subscribes.
    pub fn try_subscribe_as(
        &mut self,
        principal: Option<&str>,
        call: Call,
    ) -> (ConnectionId, Response) {
        let connection = ConnectionId(self.next_number());
        let request = RequestId(self.next_number());
        let principal = principal.map(str::to_owned);
        self.event(Event::Subscribe { connection, request, stream_id: None, principal, call });
        (connection, self.response(request))
    }

    /// The answer to a request.
    pub fn response(&mut self, request: RequestId) -> Response {
        self.responses.remove(&request).expect("the request is answered")
    }

    /// A call with the right id and stream id.
    pub fn call(
        &mut self,
        who: &Scheduler,
        kind: CallType,
        body: impl FnOnce(&mut Call),
    ) -> Response {
        let mut call =
            Call { framework_id: Some(who.id.clone()), r#type: Some(kind), ..Call::default() };
        body(&mut call);
        self.raw_call(Some(&who.stream), call)
    }

    pub fn raw_call(&mut self, stream_id: Option<&str>, call: Call) -> Response {
        let request = RequestId(self.next_number());
        let stream_id = stream_id.map(str::to_owned);
        self.event(Event::FrameworkCall { request, stream_id, principal: None, call });
        self.response(request)
    }

    pub fn operator(&mut self, call: v1::master::Call) -> Response {
        let request = RequestId(self.next_number());
        self.event(Event::OperatorCall { request, principal: None, call });
        self.response(request)
    }

    pub fn disconnect(&mut self, who: &Scheduler) {
        self.event(Event::ConnectionClosed { connection: who.connection });
    }

    /// What a scheduler was told since the last time it was asked.
    pub fn events(&mut self, who: &Scheduler) -> Vec<v1::scheduler::Event> {
        self.events_on(who.connection)
    }

    pub fn events_on(&mut self, connection: ConnectionId) -> Vec<v1::scheduler::Event> {
        self.events.remove(&connection).unwrap_or_default()
    }

    /// The offers among them; other events are dropped.
    pub fn offers(&mut self, who: &Scheduler) -> Vec<Offer> {
        let offers = self.events(who).into_iter().filter_map(|event| event.offers);
        offers.flat_map(|event| event.offers).collect()
    }

    /// The statuses among them; other events are dropped.
    pub fn statuses(&mut self, who: &Scheduler) -> Vec<TaskStatus> {
        let updates = self.events(who).into_iter().filter_map(|event| event.update);
        updates.map(|update| update.status).collect()
    }

    pub fn accept(
        &mut self,
        who: &Scheduler,
        offers: &[&Offer],
        tasks: Vec<TaskInfo>,
        refuse_seconds: f64,
    ) {
        let operation = OfferOperation {
            r#type: Some(OfferOperationType::Launch),
            launch: Some(Launch { task_infos: tasks }),
            ..OfferOperation::default()
        };
        let ids = offers.iter().map(|offer| offer.id.clone()).collect();
        self.accept_ids(who, ids, vec![operation], refuse_seconds);
    }

    pub fn accept_ids(
        &mut self,
        who: &Scheduler,
        offer_ids: Vec<OfferId>,
        operations: Vec<OfferOperation>,
        refuse_seconds: f64,
    ) {
        let filters = Some(Filters { refuse_seconds });
        let response = self.call(who, CallType::Accept, |call| {
            call.accept = Some(Accept { offer_ids, operations, filters });
        });
        assert_eq!(response, Response::accepted());
    }

    pub fn decline(&mut self, who: &Scheduler, offers: &[Offer], refuse_seconds: f64) {
        let offer_ids = offers.iter().map(|offer| offer.id.clone()).collect();
        let filters = Some(Filters { refuse_seconds });
        let response = self.call(who, CallType::Decline, |call| {
            call.decline = Some(Decline { offer_ids, filters });
        });
        assert_eq!(response, Response::accepted());
    }

    pub fn acknowledge(
        &mut self,
        who: &Scheduler,
        agent: &AgentHandle,
        task: &str,
        state: TaskState,
    ) {
        let body = Acknowledge {
            agent_id: agent.id.clone(),
            task_id: task.into(),
            uuid: uuid(task, state),
        };
        self.call(who, CallType::Acknowledge, |call| call.acknowledge = Some(body));
    }
}

/// The kinds of some events.
pub fn kinds(events: &[v1::scheduler::Event]) -> Vec<EventType> {
    events.iter().filter_map(|event| event.r#type).collect()
}

pub fn agent_info(pid: &AgentPid, resources: &str) -> AgentInfo {
    AgentInfo {
        hostname: pid.ip().to_owned(),
        resources: Resources::parse(resources, "*").expect("test resources are valid").to_vec(),
        ..AgentInfo::default()
    }
}

pub fn registration(info: &AgentInfo) -> RegisterAgent {
    RegisterAgent {
        agent: info.clone(),
        version: "1.11.0".to_owned(),
        agent_capabilities: AgentCapability::ours(),
        ..RegisterAgent::default()
    }
}

/// A framework of today in one role.
pub fn framework(role: &str) -> FrameworkInfo {
    use FrameworkCapabilityType::{KillingState, MultiRole, PartitionAware, ReservationRefinement};
    let capabilities = [MultiRole, ReservationRefinement, PartitionAware, KillingState];
    FrameworkInfo {
        user: "root".to_owned(),
        name: "test".to_owned(),
        roles: vec![role.to_owned()],
        capabilities: capabilities.map(|c| FrameworkCapability { r#type: Some(c) }).to_vec(),
        failover_timeout: 60.0,
        checkpoint: true,
        ..FrameworkInfo::default()
    }
}

/// A framework of old: one role, no capabilities.
pub fn plain_framework() -> FrameworkInfo {
    FrameworkInfo { user: "root".to_owned(), name: "plain".to_owned(), ..FrameworkInfo::default() }
}

/// A command task on the agent of an offer.
pub fn task(id: &str, offer: &Offer, resources: &str) -> TaskInfo {
    TaskInfo {
        name: id.to_owned(),
        task_id: id.into(),
        agent_id: offer.agent_id.clone(),
        resources: Resources::parse(resources, "*").expect("test resources are valid").to_vec(),
        command: Some(Box::new(CommandInfo {
            value: Some("true".to_owned()),
            ..CommandInfo::default()
        })),
        ..TaskInfo::default()
    }
}

pub fn update(agent: &AgentHandle, who: &Scheduler, task: &str, state: TaskState) -> StatusUpdate {
    StatusUpdate {
        framework_id: who.id.clone(),
        executor_id: Some(task.into()),
        agent_id: Some(agent.id.clone()),
        status: TaskStatus { task_id: task.into(), state, ..TaskStatus::default() },
        timestamp: 1.0,
        uuid: Some(uuid(task, state)),
        latest_state: Some(state),
    }
}

/// Sixteen octets made of a task and its state.
pub fn uuid(task: &str, state: TaskState) -> mesos::bytes::Bytes {
    let text = format!("{task}{state:?}................");
    mesos::bytes::Bytes::from(&text.as_bytes()[..16])
}

/// What an offer holds, in Mesos's form, without the role.
pub fn amount(offer: &Offer) -> Resources {
    let mut resources = Resources::from(&offer.resources);
    resources.unallocate();
    resources
}

pub fn parse(resources: &str) -> Resources {
    Resources::parse(resources, "*").expect("test resources are valid")
}

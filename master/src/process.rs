//! The master as an actor.
//!
//! ```text
//!              announced: leads        registry fetched          announced: another, or nobody
//!   candidate ───────────────▶ fetching ──────────────▶ leading ─────────────────────▶ ended
//!       │                          │ fetch fails or times out    │ the core aborts       ▲
//!       └─ standby: redirects      └─────────────────────────────┴───────────────────────┘
//! ```
//!
//! Everything that happens becomes an event for the core, and its effects are performed here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use libprocess::{Context, LinkMode, Process, Timer, Upid};
use master_core::effect::{Effects, LogLevel};
use master_core::event::{AgentPid, StoreId, TimerId};
use master_core::registry::{Operation, Registry};
use master_core::{Effect, Event, Master};
use mesos::internal::AgentToMaster;
use mesos::master_info::MasterInfo;
use mesos::time::Time;

use crate::Config;
use crate::election::{Election, Leader};
use crate::http::readers::Readers;
use crate::http::requests::Requests;
use crate::http::streams::Streams;
use crate::http::subscribers::Subscribers;
use crate::metrics::MasterMetrics;
use crate::registry::{Batch, Landed, Registrar, Store, StoreError};
use crate::start::End;

/// Where the master is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It does not lead.
    Candidate,
    /// It leads, and its registry is being read.
    Fetching,
    /// The core leads.
    Leading,
    /// It is over.
    Ended,
}

/// The master's process.
pub(crate) struct MasterProcess {
    pub(crate) config: Arc<Config>,
    /// This master.
    pub(crate) info: MasterInfo,
    /// When the process started.
    pub(crate) started: Time,
    pub(crate) phase: Phase,
    pub(crate) leader: Leader,
    pub(crate) core: Master,
    pub(crate) requests: Requests,
    pub(crate) streams: Streams,
    pub(crate) subscribers: Subscribers,
    pub(crate) readers: Readers,
    pub(crate) metrics: MasterMetrics,
    election: Box<dyn Election>,
    /// Until it is given to the registrar.
    store: Option<Box<dyn Store>>,
    registrar: Option<Registrar>,
    /// The guard of the read or write that is under way.
    deadline: Option<Timer>,
    timers: HashMap<TimerId, Timer>,
    /// Kept between steps, for its memory.
    effects: Effects,
    end: Arc<End>,
}

/// What a process is made of.
pub(crate) struct Parts {
    pub config: Config,
    pub info: MasterInfo,
    pub store: Box<dyn Store>,
    pub election: Box<dyn Election>,
    pub metrics: MasterMetrics,
    pub end: Arc<End>,
}

impl MasterProcess {
    pub fn new(parts: Parts) -> Self {
        let seed = parts.config.seed.unwrap_or_else(random_seed);
        let mut core = Master::new(parts.config.core.clone(), seed);
        core.measure_with(crate::metrics::stopwatch);
        let subscribers = Subscribers::new(
            parts.config.stream_limit_bytes,
            parts.config.max_operator_event_stream_subscribers,
        );
        Self {
            core,
            subscribers,
            requests: Requests::default(),
            streams: Streams::new(parts.config.stream_limit_bytes),
            readers: Readers::default(),
            config: Arc::new(parts.config),
            info: parts.info,
            started: Time::EPOCH,
            phase: Phase::Candidate,
            leader: None,
            metrics: parts.metrics,
            election: parts.election,
            store: Some(parts.store),
            registrar: None,
            deadline: None,
            timers: HashMap::new(),
            effects: Effects::new(),
            end: parts.end,
        }
    }

    /// Lets the core take one event, and performs what it wants done.
    pub(crate) fn step(&mut self, context: &mut Context<Self>, event: Event) {
        let mut effects = std::mem::take(&mut self.effects);
        self.core.step(time(context), event, &mut effects);
        for effect in effects.drain(..) {
            self.perform(context, effect);
        }
        self.effects = effects;
    }

    fn perform(&mut self, context: &mut Context<Self>, effect: Effect) {
        match effect {
            Effect::Send { to, message } => match to.as_str().parse::<Upid>() {
                Ok(upid) => context.send(&upid, message.name(), *message),
                Err(error) => tracing::warn!("cannot send to an agent: {error}"),
            },
            Effect::Link { pid } => match pid.as_str().parse::<Upid>() {
                Ok(upid) => context.link(&upid, LinkMode::Reconnect),
                // The agent came by this address, so this is a fault of ours. It counts as gone.
                Err(error) => {
                    tracing::warn!("cannot link to an agent: {error}");
                    let gone = move |process: &mut Self, context: &mut Context<Self>| {
                        process.step(context, Event::AgentExited { pid });
                    };
                    context.dispatch(&context.pid().clone(), gone);
                }
            },
            Effect::SendEvent { connection, event } => self.streams.send(connection, &event),
            Effect::CloseConnection { connection } => self.streams.close(connection),
            Effect::Respond { request, response } => self.respond(context, request, response),
            Effect::Store { store, operations } => self.store(context, store, operations),
            Effect::SetTimer { timer, after } => self.set_timer(context, timer, after),
            Effect::CancelTimer { timer } => {
                if let Some(timer) = self.timers.remove(&timer) {
                    context.cancel(timer);
                }
            }
            Effect::Count { counter, by } => self.metrics.count(&counter, by),
            Effect::Measure { what, took } => self.metrics.measured(what, took),
            Effect::Publish { event } => self.publish(context, &event),
            Effect::Log { level, text } => match level {
                LogLevel::Debug => tracing::debug!("{text}"),
                LogLevel::Info => tracing::info!("{text}"),
                LogLevel::Warn => tracing::warn!("{text}"),
            },
            Effect::Abort { reason } => self.abort(context, reason),
        }
    }

    fn set_timer(&mut self, context: &mut Context<Self>, timer: TimerId, after: Duration) {
        let set = context.delay(after, move |process, context| {
            process.timers.remove(&timer);
            process.step(context, Event::TimerFired { timer });
        });
        self.timers.insert(timer, set);
    }

    /// The election has news.
    pub(crate) fn announced(&mut self, context: &mut Context<Self>, leader: Leader) {
        let leads = leader.as_ref().is_some_and(|leader| leader.id == self.info.id);
        self.leader = leader;
        match self.phase {
            Phase::Candidate if leads => self.fetch(context),
            Phase::Fetching | Phase::Leading if !leads => {
                self.step(context, Event::Deposed);
                self.abort(context, "lost leadership".to_owned());
            }
            _ => {}
        }
    }

    fn fetch(&mut self, context: &mut Context<Self>) {
        let Some(mut store) = self.store.take() else { return };
        tracing::info!("elected as the leading master, reading the registry");
        self.phase = Phase::Fetching;
        self.watch(context, "fetch", self.config.registry_fetch_timeout);
        let stopwatch = self.metrics.state_fetch();
        let fetch = move || {
            let registry = store.fetch();
            drop(stopwatch);
            (store, registry)
        };
        context.block_then(fetch, |process, context, (store, registry)| {
            process.fetched(context, store, registry);
        });
    }

    fn fetched(
        &mut self,
        context: &mut Context<Self>,
        store: Box<dyn Store>,
        registry: Result<Registry, StoreError>,
    ) {
        self.unwatch(context);
        if self.phase != Phase::Fetching {
            return;
        }
        match registry {
            Ok(registry) => {
                self.registrar = Some(Registrar::new(store));
                self.phase = Phase::Leading;
                let info = self.info.clone();
                self.step(context, Event::Elected { registry, info });
            }
            Err(error) => self.abort(context, format!("failed to recover registry: {error}")),
        }
    }

    fn store(&mut self, context: &mut Context<Self>, id: StoreId, operations: Vec<Operation>) {
        let Some(registrar) = &mut self.registrar else { return };
        let batch = registrar.push(id, operations);
        self.write(context, batch);
    }

    fn write(&mut self, context: &mut Context<Self>, batch: Option<Batch>) {
        if let Some(registrar) = &self.registrar {
            self.metrics.registrar(registrar.queued(), registrar.size_bytes());
        }
        let Some(batch) = batch else { return };
        self.watch(context, "store", self.config.registry_store_timeout);
        context.block_then(move || batch.write(), Self::landed);
    }

    fn landed(&mut self, context: &mut Context<Self>, landed: Landed) {
        self.unwatch(context);
        self.metrics.state_stored(landed.took);
        let Some(registrar) = &mut self.registrar else { return };
        let (outcomes, next) = registrar.landed(landed);
        self.write(context, next);
        for (store, result) in outcomes {
            self.step(context, Event::Stored { store, result });
        }
    }

    /// Ends the master unless the registry is read or written in time (row MA-12).
    fn watch(&mut self, context: &mut Context<Self>, what: &'static str, limit: Duration) {
        let timer = context.delay(limit, move |process, context| {
            let limit = libprocess::units::format_duration(limit);
            process.abort(context, format!("failed to {what} registry within {limit}"));
        });
        self.deadline = Some(timer);
    }

    fn unwatch(&mut self, context: &mut Context<Self>) {
        if let Some(timer) = self.deadline.take() {
            context.cancel(timer);
        }
    }

    /// Ends this master: going on would break a promise.
    pub(crate) fn abort(&mut self, context: &mut Context<Self>, reason: String) {
        if self.phase != Phase::Ended {
            tracing::error!("the master ends: {reason}");
            self.phase = Phase::Ended;
            self.end.set(Some(reason));
            context.terminate();
        }
    }
}

impl Process for MasterProcess {
    fn initialize(&mut self, context: &mut Context<Self>) {
        self.started = time(context);
        let per_framework = self.config.per_framework_metrics;
        let (node, pid) = (context.node().clone(), context.pid().clone());
        self.metrics.publish_state(node, pid, per_framework);
        for name in AgentToMaster::NAMES {
            context.install(name, |process: &mut Self, context, from, message: AgentToMaster| {
                let from = AgentPid::new(from.to_string());
                process.step(context, Event::AgentMessage { from, message });
            });
        }
        crate::http::install(context);
        let news = Announcer { node: context.node().clone(), pid: context.pid().clone() };
        self.election.enter(&self.info, Box::new(move |leader| news.announce(leader)));
    }

    fn finalize(&mut self, _context: &mut Context<Self>) {
        self.election.withdraw();
        self.streams.close_all();
        self.subscribers.close_all();
        self.end.set(None);
    }

    fn exited(&mut self, context: &mut Context<Self>, peer: &Upid) {
        self.step(context, Event::AgentExited { pid: AgentPid::new(peer.to_string()) });
    }
}

/// Carries news of the election to the process.
struct Announcer {
    node: libprocess::Node,
    pid: libprocess::Pid<MasterProcess>,
}

impl Announcer {
    fn announce(&self, leader: Leader) {
        self.node.dispatch(&self.pid, move |process, context| process.announced(context, leader));
    }
}

/// What the node's clock shows, in the core's terms.
pub(crate) fn time(context: &Context<MasterProcess>) -> Time {
    Time::from_nanos(context.now().as_nanos())
}

fn random_seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

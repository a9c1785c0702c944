//! The agent itself: its states, and who handles which event.
//!
//! ```text
//!                  Recovered, executors are back or given up
//!   RECOVERING ──────────────────────────────────────────────▶ DISCONNECTED ◀──┐
//!       │                                        (re-)registered │             │ master lost,
//!       │                                                        ▼             │ no pings
//!       │                                                     RUNNING ─────────┘
//!       │ cleanup                                                │ shutdown
//!       ▼                                                        ▼
//!   TERMINATING ◀────────────────────────────────────────────────┘
//!       │ the last executor is gone
//!       ▼
//!     (exit)
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId};
use mesos::internal::MasterToAgent;
use mesos::time::Time;

use crate::config::Config;
use crate::containers::Containers;
use crate::effect::{Effect, Effects};
use crate::event::{Event, Signal};
use crate::executor::Executor;
use crate::framework::Framework;
use crate::gc::Collector;
use crate::ids::{ExecutorPid, MasterPid, TimerId, WriteId};
use crate::paths::Paths;
use crate::pending::{Then, Timer, Timers, Writes};
use crate::registration::Registration;
use crate::snapshot::Snapshot;
use crate::step::Step;
use crate::streams::Streams;

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// It looks for what the last run left behind.
    Recovering,
    /// It has no master, or has not registered with the one it knows.
    Disconnected,
    /// It is registered.
    Running,
    /// It kills everything and leaves.
    Terminating,
}

/// Names one executor on the agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExecutorKey {
    pub(crate) framework: FrameworkId,
    pub(crate) executor: ExecutorId,
}

/// An agent. Each of the modules after this one adds the handlers of its events.
#[derive(Debug)]
pub struct Agent {
    pub(crate) config: Config,
    pub(crate) paths: Paths,
    pub(crate) rng: fastrand::Rng,
    pub(crate) state: AgentState,
    pub(crate) info: Arc<AgentInfo>,
    pub(crate) started: Option<Time>,
    pub(crate) registration: Registration,
    pub(crate) frameworks: OrdMap<FrameworkId, Arc<Framework>>,
    pub(crate) completed_frameworks: Vector<Arc<Framework>>,
    /// Whose the containers are that have not ended.
    pub(crate) containers: BTreeMap<ContainerId, ExecutorKey>,
    /// The containers that are not executors'.
    pub(crate) contained: Containers,
    /// Whose the connections are.
    pub(crate) peers: BTreeMap<ExecutorPid, ExecutorKey>,
    pub(crate) streams: Streams,
    pub(crate) timers: Timers,
    pub(crate) writes: Writes,
    pub(crate) collector: Collector,
    pub(crate) gc_max_age: Duration,
    pub(crate) recovery_time: Option<Duration>,
    /// Whether it recovers only to clean up.
    pub(crate) cleaning_up: bool,
    /// Whether `Exit` has been asked for, or is to be once all writes are done.
    pub(crate) exit: Exit,
}

/// How far an agent is with leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It stays.
    No,
    /// It leaves once all writes are done.
    Soon,
    /// It has left.
    Done,
}

impl Agent {
    /// An agent that has not done anything yet. All its randomness comes from the seed, which
    /// differs from one start to the next.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            paths: Paths::new(config.work_dir.clone()),
            rng: fastrand::Rng::with_seed(seed),
            state: AgentState::Recovering,
            info: Arc::new(config.info.clone()),
            started: None,
            registration: Registration::default(),
            frameworks: OrdMap::new(),
            completed_frameworks: Vector::new(),
            containers: BTreeMap::new(),
            contained: Containers::default(),
            peers: BTreeMap::new(),
            streams: Streams::default(),
            timers: Timers::default(),
            writes: Writes::default(),
            collector: Collector::default(),
            gc_max_age: config.gc_delay,
            recovery_time: None,
            cleaning_up: false,
            exit: Exit::No,
            config,
        }
    }

    /// Takes one event in, and puts what follows from it out.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Effects) {
        if self.exit == Exit::Done {
            return;
        }
        self.started.get_or_insert(now);
        let io = &mut Step { now, out };
        match event {
            Event::Recovered(state) => self.recovered(io, state),
            Event::MasterDetected { master } => self.master_detected(io, master),
            Event::MasterMessage { from, message } => self.master_message(io, &from, message),
            Event::MasterExited { master } => self.master_exited(io, &master),
            Event::ExecutorMessage { from, message } => self.executor_message(io, from, message),
            Event::ExecutorCall { request, call } => self.executor_call(io, request, *call),
            Event::ExecutorExited { executor } => self.executor_exited(io, &executor),
            Event::ContainerLaunched { container, result } => {
                self.any_container_launched(io, &container, result);
            }
            Event::ContainerUpdated { container, result } => {
                self.container_updated(io, &container, result);
            }
            Event::ContainerTerminated { container, termination } => {
                self.any_container_terminated(io, &container, termination);
            }
            Event::Checkpointed { id, result } => self.checkpointed(io, id, result),
            Event::TimerFired { timer } => self.timer_fired(io, timer),
            Event::DiskUsage(usage) => self.disk_usage(io, usage),
            Event::PathRemoved { path, result } => self.path_removed(io, &path, result),
            Event::Container(event) => self.container_event(io, event),
            Event::Signal(signal) => self.signal(io, signal),
        }
        self.leave_if_done(io);
    }

    /// What the agent knows now. It costs a few pointers.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state,
            info: self.info.clone(),
            started: self.started.unwrap_or_default(),
            leader: self.registration.leader.clone(),
            frameworks: self.frameworks.clone(),
            completed_frameworks: self.completed_frameworks.clone(),
            containers: self.contained.known().clone(),
            recovery_time: self.recovery_time,
            gc_pending: self.collector.pending(),
            gc_max_age: self.gc_max_age,
        }
    }

    fn master_message(&mut self, io: &mut Step<'_>, from: &MasterPid, message: MasterToAgent) {
        let leads = self.registration.leader.as_ref().is_some_and(|leader| leader.pid == *from);
        if !leads {
            io.warn(format!("ignoring {} from {from}, which does not lead", message.name()));
            return;
        }
        match message {
            MasterToAgent::AgentRegistered(message) => self.registered(io, message),
            MasterToAgent::AgentReregistered(message) => self.reregistered(io, message),
            MasterToAgent::RunTask(message) => self.run_task(io, message),
            MasterToAgent::RunTaskGroup(message) => self.run_task_group(io, message),
            MasterToAgent::KillTask(message) => self.kill_task(io, message),
            MasterToAgent::StatusUpdateAcknowledgement(message) => {
                self.update_acknowledged(io, message);
            }
            MasterToAgent::ShutdownFramework(message) => self.shutdown_framework(io, message),
            MasterToAgent::ShutdownExecutor(message) => self.shutdown_executor(io, message),
            MasterToAgent::UpdateFramework(message) => self.update_framework(io, message),
            MasterToAgent::FrameworkToExecutor(message) => self.framework_message(io, message),
            MasterToAgent::PingAgent(message) => self.pinged(io, message.connected),
            MasterToAgent::ShutdownAgent(message) => self.shutdown(io, message.message),
            message @ (MasterToAgent::ApplyOperation(_)
            | MasterToAgent::AcknowledgeOperationStatus(_)
            | MasterToAgent::DrainAgent(_)) => {
                io.warn(format!("ignoring {}: not supported by this agent", message.name()));
            }
        }
    }

    fn checkpointed(&mut self, io: &mut Step<'_>, id: WriteId, result: Result<(), String>) {
        let Some(then) = self.writes.done(id) else { return };
        if let Err(error) = result {
            // What cannot be written cannot be promised. The next start recovers what is there.
            self.leave(io, Some(format!("failed to write a checkpoint: {error}")));
            return;
        }
        match then {
            Then::Nothing => {}
            Then::Launch(container) => self.launch_container(io, &container),
            Then::Deliver(container, task) => self.delivery_written(io, &container, &task),
            Then::OpenGate(container) => self.open_gate(io, &container),
            Then::Forward { framework, task, uuid, executor } => {
                self.update_written(io, &framework, &task, uuid, executor.as_ref());
            }
            Then::Advance { framework, task, uuid } => {
                self.advance(io, &framework, &task, &uuid);
            }
        }
    }

    fn timer_fired(&mut self, io: &mut Step<'_>, timer: TimerId) {
        match self.timers.fired(timer) {
            None => {}
            Some(Timer::Register) => self.register(io),
            Some(Timer::Ping) => self.ping_timed_out(io),
            Some(Timer::ExecutorRegistration(container)) => {
                self.registration_timed_out(io, &container);
            }
            Some(Timer::ExecutorShutdown(container)) => self.shutdown_timed_out(io, &container),
            Some(Timer::ExecutorReconnect(container)) => self.reconnect_timed_out(io, &container),
            Some(Timer::ExecutorHeartbeat(container)) => self.heartbeat(io, &container),
            Some(Timer::Reregistration) => self.reregistration_timed_out(io),
            Some(Timer::Update(framework, task)) => self.forward(io, &framework, &task),
            Some(Timer::Collect) => self.collect(io),
            Some(Timer::WatchDisk) => self.watch_disk(io),
        }
    }

    fn signal(&mut self, io: &mut Step<'_>, signal: Signal) {
        match signal {
            Signal::Unregister => {
                self.unregister(io);
                self.shutdown(io, Some("SIGUSR1".to_string()));
            }
            Signal::Terminate => self.leave(io, None),
        }
    }

    /// Ends the process at once. Executors of frameworks that checkpoint live on.
    pub(crate) fn leave(&mut self, io: &mut Step<'_>, error: Option<String>) {
        if self.exit != Exit::Done {
            self.exit = Exit::Done;
            io.push(Effect::Exit { error });
        }
    }

    fn leave_if_done(&mut self, io: &mut Step<'_>) {
        if self.exit == Exit::Soon && self.writes.are_done() {
            self.leave(io, None);
        }
    }

    /// The agent's id; empty before the first registration, when nothing can run yet.
    pub(crate) fn id(&self) -> AgentId {
        self.info.id.clone().unwrap_or_default()
    }

    pub(crate) fn framework_mut(&mut self, id: &FrameworkId) -> Option<&mut Framework> {
        self.frameworks.get_mut(id).map(Arc::make_mut)
    }

    pub(crate) fn executor(&self, key: &ExecutorKey) -> Option<&Executor> {
        let framework = self.frameworks.get(&key.framework)?;
        framework.executors.get(&key.executor).map(Arc::as_ref)
    }

    pub(crate) fn executor_mut(&mut self, key: &ExecutorKey) -> Option<&mut Executor> {
        let framework = self.framework_mut(&key.framework)?;
        framework.executors.get_mut(&key.executor).map(Arc::make_mut)
    }

    /// The executor whose container this is, unless it has ended.
    pub(crate) fn key_of(&self, container: &ContainerId) -> Option<ExecutorKey> {
        self.containers.get(container).cloned()
    }
}

//! The driver: an executor's conversation with its agent (rows EX-07, RC-03).
//!
//! ```text
//!                 ExecutorRegistered            agent gone, checkpointing
//!   REGISTERING ─────────────────────▶ CONNECTED ───────────────────────▶ DISCONNECTED
//!        │                               │   ▲                                  │  ▲
//!        │ agent gone                    │   │ ExecutorReregistered             │  │ agent gone
//!        │                               │   │        ReconnectExecutor from a  ▼  │
//!        │                               │   └─────────────────── REREGISTERING ───┘
//!        │                               │                        new agent │
//!        │                               │ ShutdownExecutor, or agent gone  │ recovery
//!        ▼                               ▼ without checkpointing            │ timeout
//!   SHUTTING DOWN ◀─────────────────────────────────────────────────────────┘
//!        │ the executor says `stop`, or the grace period is over
//!        ▼
//!      (end)
//! ```
//!
//! Every update is kept until the agent has acknowledged it, and told to the next agent if it has
//! not: no update is lost while the executor lives.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libprocess::{Context, LinkMode, Node, NodeError, Pid, Process, Time, Timer, Upid};
use mesos::bytes::Bytes;
use mesos::framework::FrameworkInfo;
use mesos::ids::{ContainerId, TaskId};
use mesos::internal::{
    AgentToExecutor, ExecutorRegistered, ExecutorToAgent, ExecutorToFramework, ReconnectExecutor,
    RegisterExecutor, ReregisterExecutor, StatusUpdate, StatusUpdateAcknowledgement,
};
use mesos::task::{KillPolicy, Reason, StatusSource, TaskGroupInfo, TaskInfo, TaskStatus};

use crate::environment::Environment;

/// What an executor does with what its agent asks for. Calls come one at a time.
pub trait Executor: Sized + Send + 'static {
    /// The agent knows the executor; tasks follow.
    fn registered(&mut self, _driver: &mut Driver<'_, Self>) {}

    /// A restarted agent knows the executor again.
    fn reregistered(&mut self, _driver: &mut Driver<'_, Self>) {}

    /// The agent is gone; tasks go on, and the next agent will ask for the executor.
    fn disconnected(&mut self, _driver: &mut Driver<'_, Self>) {}

    /// Run a task.
    fn launch(&mut self, driver: &mut Driver<'_, Self>, task: TaskInfo);

    /// Run tasks that belong together. Who knows no groups runs them one after the other.
    fn launch_group(&mut self, driver: &mut Driver<'_, Self>, group: TaskGroupInfo) {
        for task in group.tasks {
            self.launch(driver, task);
        }
    }

    /// Kill a task. The policy, if there is one, overrides the task's own.
    fn kill(&mut self, driver: &mut Driver<'_, Self>, task: &TaskId, policy: Option<KillPolicy>);

    /// The agent has taken an update over.
    fn acknowledged(&mut self, _driver: &mut Driver<'_, Self>, _task: &TaskId, _uuid: &Bytes) {}

    /// Octets from the framework.
    fn message(&mut self, _driver: &mut Driver<'_, Self>, _data: Bytes) {}

    /// End every task, then [`Driver::stop`]. Who takes longer than the grace period is stopped.
    fn shutdown(&mut self, driver: &mut Driver<'_, Self>);
}

/// Where the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverState {
    /// The agent has not answered yet.
    Registering,
    /// The agent listens.
    Connected,
    /// The agent is gone, and the next one is waited for.
    Disconnected,
    /// The next agent has asked for the executor, and knows now what the last one did not.
    Reregistering,
    /// The executor ends its tasks.
    ShuttingDown,
}

/// What the driver remembers of the conversation.
#[derive(Debug)]
struct Session {
    environment: Environment,
    state: DriverState,
    /// The agent that is spoken to: another one after a restart.
    agent: Upid,
    /// Whether the link to the agent is broken.
    orphaned: bool,
    framework: Option<FrameworkInfo>,
    container: Option<ContainerId>,
    /// What the agent has not acknowledged, in order.
    updates: Vec<StatusUpdate>,
    /// How many of them, from the first, have been sent.
    sent: usize,
    /// Tasks of which the agent has not acknowledged any update.
    tasks: BTreeMap<TaskId, TaskInfo>,
    recovery: Option<Timer>,
    /// Set at the end, when the agent has acknowledged everything: nothing is on its way then.
    told: Arc<AtomicBool>,
}

/// The process that converses on behalf of an executor.
pub struct DriverProcess<E> {
    session: Session,
    executor: E,
}

/// What an executor can do, handed to each of its calls.
pub struct Driver<'a, E: Executor> {
    session: &'a mut Session,
    context: &'a mut Context<DriverProcess<E>>,
}

/// Starts an executor on a node. It registers at once; its end is the end of the process.
///
/// # Errors
/// The node is shut down.
pub fn spawn<E: Executor>(
    node: &Node,
    environment: Environment,
    executor: E,
) -> Result<Pid<DriverProcess<E>>, NodeError> {
    spawn_told(node, environment, executor, Arc::default())
}

/// As [`spawn`]; `told` becomes true when the executor stops and the agent has acknowledged
/// everything.
pub(crate) fn spawn_told<E: Executor>(
    node: &Node,
    environment: Environment,
    executor: E,
    told: Arc<AtomicBool>,
) -> Result<Pid<DriverProcess<E>>, NodeError> {
    let agent = environment.agent.clone();
    let session = Session {
        environment,
        state: DriverState::Registering,
        agent,
        orphaned: false,
        framework: None,
        container: None,
        updates: Vec::new(),
        sent: 0,
        tasks: BTreeMap::new(),
        recovery: None,
        told,
    };
    Ok(node.spawn_unique("executor", DriverProcess { session, executor }))
}

impl Session {
    /// Keeps an update for the next agent. Checks go on while there is none: of their results only
    /// the last is kept, so that what waits stays small.
    fn keep(&mut self, update: StatusUpdate) {
        let checked = |update: &StatusUpdate| {
            let reasons = [Reason::TaskCheckStatusUpdated, Reason::TaskHealthCheckStatusUpdated];
            update.status.reason.is_some_and(|reason| reasons.contains(&reason))
        };
        let unsent = self.updates.iter_mut().skip(self.sent);
        let last = unsent.rev().find(|last| last.status.task_id == update.status.task_id);
        if let Some(last) = last
            && checked(last)
            && checked(&update)
            && last.status.state == update.status.state
        {
            *last = update;
            return;
        }
        self.updates.push(update);
    }
}

impl<E: Executor> Driver<'_, E> {
    /// What the agent told the executor at its start.
    pub fn environment(&self) -> &Environment {
        &self.session.environment
    }

    /// The framework, once the agent has answered.
    pub fn framework(&self) -> Option<&FrameworkInfo> {
        self.session.framework.as_ref()
    }

    /// The container that the executor runs in, once the agent has answered.
    pub fn container(&self) -> Option<&ContainerId> {
        self.session.container.as_ref()
    }

    /// The agent that is spoken to: another one after a restart.
    pub fn agent(&self) -> &Upid {
        &self.session.agent
    }

    /// How many updates the agent has not taken over.
    pub fn unacknowledged(&self) -> usize {
        self.session.updates.len()
    }

    /// Where this executor can be reached.
    pub fn address(&self) -> SocketAddr {
        self.context.upid().address()
    }

    /// Where the conversation is.
    pub fn state(&self) -> DriverState {
        self.session.state
    }

    /// Whether there is no agent to talk to at present.
    pub fn is_orphaned(&self) -> bool {
        self.session.orphaned
    }

    /// What the node's clock shows.
    pub fn now(&self) -> Time {
        self.context.now()
    }

    /// Tells the agent what became of a task. The rest of the status is filled in. Answers with
    /// the uuid that [`Executor::acknowledged`] will name.
    pub fn update(&mut self, mut status: TaskStatus) -> Bytes {
        let uuid = Bytes::random_uuid();
        let timestamp = self.now().as_secs_f64();
        let environment = &self.session.environment;
        status.timestamp = Some(timestamp);
        status.uuid = Some(uuid.clone());
        status.source = Some(StatusSource::Executor);
        status.executor_id = Some(environment.executor_id.clone());
        status.agent_id = Some(environment.agent_id.clone());
        let update = StatusUpdate {
            framework_id: environment.framework_id.clone(),
            executor_id: status.executor_id.clone(),
            agent_id: status.agent_id.clone(),
            latest_state: Some(status.state),
            status,
            timestamp,
            uuid: Some(uuid.clone()),
        };
        if self.session.state != DriverState::Disconnected {
            self.session.updates.push(update.clone());
            self.session.sent = self.session.updates.len();
            self.send(update.into());
        } else {
            // The next agent gets it with `ReregisterExecutor`.
            self.session.keep(update);
        }
        uuid
    }

    /// Sends octets to the framework: at most once.
    pub fn message(&mut self, data: Bytes) {
        let environment = &self.session.environment;
        let message = ExecutorToFramework {
            agent_id: environment.agent_id.clone(),
            framework_id: environment.framework_id.clone(),
            executor_id: environment.executor_id.clone(),
            data,
        };
        self.send(message.into());
    }

    /// Ends the executor. Updates that nobody has acknowledged are lost.
    pub fn stop(&mut self) {
        let connected = self.session.state == DriverState::Connected;
        self.session.told.store(connected && self.unacknowledged() == 0, Ordering::Release);
        self.context.terminate();
    }

    /// Calls `f` after this time.
    pub fn delay(
        &mut self,
        delay: Duration,
        f: impl FnOnce(&mut E, &mut Driver<'_, E>) + Send + 'static,
    ) -> Timer {
        self.context.delay(delay, |process, context| process.with(context, f))
    }

    /// Makes a timer not happen.
    pub fn cancel(&mut self, timer: Timer) {
        self.context.cancel(timer);
    }

    /// Calls `f` with what comes out of `future`.
    pub fn await_then<T: Send + 'static>(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
        f: impl FnOnce(&mut E, &mut Driver<'_, E>, T) + Send + 'static,
    ) {
        self.context.await_then(future, |process, context, value| {
            process.with(context, |executor, driver| f(executor, driver, value));
        });
    }

    fn send(&self, message: ExecutorToAgent) {
        self.context.send(&self.session.agent, message.name(), message);
    }

    fn cancel_recovery(&mut self) {
        if let Some(timer) = self.session.recovery.take() {
            self.context.cancel(timer);
        }
    }
}

impl<E: Executor> Process for DriverProcess<E> {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in AgentToExecutor::NAMES {
            context.install(name, Self::receive);
        }
        context.link(&self.session.agent, LinkMode::Reuse);
        let register = RegisterExecutor {
            framework_id: self.session.environment.framework_id.clone(),
            executor_id: self.session.environment.executor_id.clone(),
        };
        self.with(context, |_, driver| driver.send(register.into()));
    }

    fn exited(&mut self, context: &mut Context<Self>, peer: &Upid) {
        // An agent that came back has a new link; the end of the old one says nothing.
        if *peer != self.session.agent {
            return;
        }
        self.session.orphaned = true;
        let survives = self.session.environment.checkpoint;
        match self.session.state {
            DriverState::Connected if survives => self.await_agent(context),
            // The timer of the first loss goes on.
            DriverState::Reregistering => self.session.state = DriverState::Disconnected,
            DriverState::Disconnected | DriverState::ShuttingDown => {}
            DriverState::Registering | DriverState::Connected => {
                tracing::warn!("the agent {peer} is gone: shutting down");
                self.shut_down(context);
            }
        }
    }
}

impl<E: Executor> DriverProcess<E> {
    fn with<R>(
        &mut self,
        context: &mut Context<Self>,
        f: impl FnOnce(&mut E, &mut Driver<'_, E>) -> R,
    ) -> R {
        f(&mut self.executor, &mut Driver { session: &mut self.session, context })
    }

    fn receive(&mut self, context: &mut Context<Self>, from: &Upid, message: AgentToExecutor) {
        // Anybody can send; only the agent is listened to. A new agent introduces itself with
        // `ReconnectExecutor`.
        let reconnects = matches!(message, AgentToExecutor::ReconnectExecutor(_));
        if *from != self.session.agent && !reconnects {
            tracing::warn!("ignored {} from {from}, which is not the agent", message.name());
            return;
        }
        match message {
            AgentToExecutor::ExecutorRegistered(message) => self.registered(context, message),
            AgentToExecutor::ExecutorReregistered(_) => self.reregistered(context),
            AgentToExecutor::ReconnectExecutor(message) => self.reconnect(context, from, message),
            AgentToExecutor::RunTask(message) => self.run(context, message.task),
            AgentToExecutor::RunTaskGroup(message) => self.run_group(context, message.task_group),
            AgentToExecutor::KillTask(message) => self.with(context, |executor, driver| {
                executor.kill(driver, &message.task_id, message.kill_policy);
            }),
            AgentToExecutor::StatusUpdateAcknowledgement(message) => {
                self.acknowledge(context, &message);
            }
            AgentToExecutor::FrameworkToExecutor(message) => {
                self.with(context, |executor, driver| executor.message(driver, message.data));
            }
            AgentToExecutor::ShutdownExecutor(_) => self.shut_down(context),
        }
    }

    fn registered(&mut self, context: &mut Context<Self>, message: ExecutorRegistered) {
        if self.session.state != DriverState::Registering {
            return;
        }
        self.session.state = DriverState::Connected;
        self.session.framework = Some(message.framework_info);
        self.session.container = message.container_id;
        self.with(context, E::registered);
    }

    fn reregistered(&mut self, context: &mut Context<Self>) {
        if self.session.state != DriverState::Reregistering {
            return;
        }
        self.session.state = DriverState::Connected;
        self.with(context, |executor, driver| {
            driver.cancel_recovery();
            executor.reregistered(driver);
        });
    }

    fn reconnect(&mut self, context: &mut Context<Self>, from: &Upid, message: ReconnectExecutor) {
        let session = &mut self.session;
        let expected = &session.environment;
        if message.agent_id != expected.agent_id || !expected.checkpoint {
            tracing::warn!("ignored {from}, which asks on behalf of agent {}", message.agent_id);
            return;
        }
        if matches!(session.state, DriverState::ShuttingDown | DriverState::Registering) {
            return;
        }
        // The new agent may be there before the end of the old one is noticed.
        if session.state == DriverState::Connected {
            self.await_agent(context);
        }
        let session = &mut self.session;
        session.agent = from.clone();
        session.orphaned = false;
        session.state = DriverState::Reregistering;
        context.link(from, LinkMode::Reconnect);
        let reregister = ReregisterExecutor {
            executor_id: session.environment.executor_id.clone(),
            framework_id: session.environment.framework_id.clone(),
            tasks: session.tasks.values().cloned().collect(),
            updates: session.updates.clone(),
        };
        session.sent = session.updates.len();
        self.with(context, |_, driver| driver.send(reregister.into()));
    }

    fn run(&mut self, context: &mut Context<Self>, task: TaskInfo) {
        self.session.tasks.insert(task.task_id.clone(), task.clone());
        self.with(context, |executor, driver| executor.launch(driver, task));
    }

    fn run_group(&mut self, context: &mut Context<Self>, group: TaskGroupInfo) {
        let tasks = group.tasks.iter().map(|task| (task.task_id.clone(), task.clone()));
        self.session.tasks.extend(tasks);
        self.with(context, |executor, driver| executor.launch_group(driver, group));
    }

    fn acknowledge(&mut self, context: &mut Context<Self>, ack: &StatusUpdateAcknowledgement) {
        let session = &mut self.session;
        let known = |update: &StatusUpdate| update.uuid.as_ref() == Some(&ack.uuid);
        if let Some(index) = session.updates.iter().position(known) {
            session.updates.remove(index);
            session.sent -= usize::from(index < session.sent);
        }
        session.tasks.remove(&ack.task_id);
        self.with(context, |executor, driver| {
            executor.acknowledged(driver, &ack.task_id, &ack.uuid);
        });
    }

    fn await_agent(&mut self, context: &mut Context<Self>) {
        self.session.state = DriverState::Disconnected;
        let timeout = self.session.environment.recovery_timeout;
        self.with(context, |executor, driver| {
            driver.cancel_recovery();
            executor.disconnected(driver);
        });
        let timer = context.delay(timeout, |process: &mut Self, context| {
            process.session.recovery = None;
            let waiting = [DriverState::Disconnected, DriverState::Reregistering];
            if waiting.contains(&process.session.state) {
                tracing::warn!("no agent came back in time: shutting down");
                process.shut_down(context);
            }
        });
        self.session.recovery = Some(timer);
    }

    fn shut_down(&mut self, context: &mut Context<Self>) {
        if self.session.state == DriverState::ShuttingDown {
            return;
        }
        self.session.state = DriverState::ShuttingDown;
        let grace = self.session.environment.shutdown_grace_period;
        context.delay(grace, |_, context| context.terminate());
        self.with(context, |executor, driver| {
            driver.cancel_recovery();
            executor.shutdown(driver);
        });
    }
}

//! The handle through which a framework acts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::offer::{Filters, Offer};
use mesos::operation::{Launch, OfferOperation, OfferOperationType};
use mesos::task::{KillPolicy, TaskInfo, TaskStatus};
use mesos::v1::scheduler::{
    Accept, AcceptInverseOffers, Acknowledge, Call, CallType, Decline, DeclineInverseOffers, Event,
    Kill, MessageCall, Reconcile, ReconcileTask, Revive, Shutdown, Suppress,
};
use tokio::sync::watch;

use crate::error::SandboxError;
use crate::queue::Queue;
use crate::sandbox::Sandbox;
use crate::transport::Http;

/// How many agents' addresses are remembered for [`Driver::sandbox`].
const AGENTS: usize = 65_536;

/// What reaches the thread on which the scheduler is called.
#[derive(Debug)]
pub(crate) enum Incoming {
    Event(Box<Event>),
    Disconnected,
    Refused {
        call: Box<Call>,
        status: u16,
        reason: String,
    },
    /// The session is over; its result says why.
    Over,
}

/// How a driver that was asked to end does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Tasks live on until the failover timeout.
    Stop,
    /// The framework is removed and its tasks are killed.
    Teardown,
}

/// What the driver's handles, the callbacks' thread and the session share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Calls to send: open while subscribed.
    pub(crate) calls: Queue<Call>,
    /// What to tell the scheduler: open until the framework ends the driver.
    pub(crate) events: Queue<Incoming>,
    pub(crate) explicit_acknowledgements: bool,
    /// Becomes true when no callback will run any more.
    pub(crate) callbacks_over: watch::Sender<bool>,
    /// The session's runtime and client, once it runs.
    pub(crate) session: OnceLock<(tokio::runtime::Handle, Http)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) framework_id: Option<FrameworkId>,
    /// The roles that were suppressed, to be said again after a reconnection.
    pub(crate) suppressed: BTreeSet<String>,
    pub(crate) finish: Option<Finish>,
    /// `host:port` of the agents that were seen in offers.
    agents: BTreeMap<AgentId, String>,
}

impl Shared {
    pub(crate) fn new(capacity: usize, explicit_acknowledgements: bool) -> Self {
        Self {
            explicit_acknowledgements,
            calls: Queue::new(capacity, false),
            events: Queue::new(capacity, true),
            callbacks_over: watch::Sender::new(false),
            session: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment or one insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remember_agents(&self, offers: &[Offer]) {
        let mut state = self.state();
        for offer in offers {
            let Some(url) = &offer.url else { continue };
            let address = &url.address;
            // The address rather than the name: names may mean nothing on this machine.
            let Some(host) = address.ip.as_ref().or(address.hostname.as_ref()) else { continue };
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            state.agents.insert(offer.agent_id.clone(), format!("{host}:{}", address.port));
            if state.agents.len() > AGENTS {
                state.agents.pop_first();
            }
        }
    }
}

/// Acts for a framework; cheap to clone, and usable from any thread.
///
/// Calls are queued and sent in order. They block while the queue is full. While the driver is not
/// subscribed they are dropped, as Mesos does: what was offered is void then, tasks are
/// reconciled later, and updates come again until they are acknowledged.
#[derive(Debug, Clone)]
pub struct Driver {
    pub(crate) shared: Arc<Shared>,
}

impl Driver {
    /// The framework's id, once a master has given it.
    pub fn framework_id(&self) -> Option<FrameworkId> {
        self.shared.state().framework_id.clone()
    }

    /// Launches tasks on an offer, and declines it when there are none. What the tasks do not use
    /// is offered again, to this framework too.
    pub fn launch(&self, offer: &Offer, tasks: Vec<TaskInfo>) {
        if tasks.is_empty() {
            return self.decline(&offer.id);
        }
        let launch = OfferOperation {
            r#type: Some(OfferOperationType::Launch),
            launch: Some(Launch { task_infos: tasks }),
            ..OfferOperation::default()
        };
        let filters = Filters { refuse_seconds: 0.0 };
        self.accept(vec![offer.id.clone()], vec![launch], Some(filters));
    }

    /// Accepts offers of one agent with operations. Without filters, what is not used is not
    /// offered again to this framework for five seconds.
    pub fn accept(
        &self,
        offers: Vec<OfferId>,
        operations: Vec<OfferOperation>,
        filters: Option<Filters>,
    ) {
        self.call(Call {
            accept: Some(Accept { offer_ids: offers, operations, filters }),
            ..kind(CallType::Accept)
        });
    }

    /// Declines an offer; its resources are not offered again to this framework for five seconds.
    pub fn decline(&self, offer: &OfferId) {
        self.decline_with(vec![offer.clone()], None);
    }

    /// Declines offers, with a filter of the framework's choice.
    pub fn decline_with(&self, offers: Vec<OfferId>, filters: Option<Filters>) {
        self.call(Call {
            decline: Some(Decline { offer_ids: offers, filters }),
            ..kind(CallType::Decline)
        });
    }

    /// Answers inverse offers: their agents may go away. They are not asked for again for five
    /// seconds, or as long as the filters say.
    pub fn accept_inverse(&self, offers: Vec<OfferId>, filters: Option<Filters>) {
        let body = AcceptInverseOffers { inverse_offer_ids: offers, filters };
        self.call(Call {
            accept_inverse_offers: Some(body),
            ..kind(CallType::AcceptInverseOffers)
        });
    }

    /// Answers inverse offers: their agents are still needed. Operators see it; nothing more
    /// comes of it.
    pub fn decline_inverse(&self, offers: Vec<OfferId>, filters: Option<Filters>) {
        let body = DeclineInverseOffers { inverse_offer_ids: offers, filters };
        self.call(Call {
            decline_inverse_offers: Some(body),
            ..kind(CallType::DeclineInverseOffers)
        });
    }

    /// Asks for offers again: ends suppression and filters, for all roles or for those named.
    pub fn revive(&self, roles: &[String]) {
        {
            let mut state = self.shared.state();
            match roles {
                [] => state.suppressed.clear(),
                some => state.suppressed.retain(|role| !some.contains(role)),
            }
        }
        let revive = Revive { roles: roles.to_vec() };
        self.call(Call { revive: Some(revive), ..kind(CallType::Revive) });
    }

    /// Asks for no more offers until [`Driver::revive`], for these roles; the framework's roles
    /// must be named for the driver to suppress them again after a reconnection.
    pub fn suppress(&self, roles: &[String]) {
        self.shared.state().suppressed.extend(roles.iter().cloned());
        let suppress = Suppress { roles: roles.to_vec() };
        self.call(Call { suppress: Some(suppress), ..kind(CallType::Suppress) });
    }

    /// Kills a task, with the kill policy that it was launched with.
    pub fn kill(&self, task: &TaskId, agent: Option<&AgentId>) {
        self.kill_with(task, agent, None);
    }

    /// Kills a task with a kill policy.
    pub fn kill_with(&self, task: &TaskId, agent: Option<&AgentId>, policy: Option<KillPolicy>) {
        let kill = Kill { task_id: task.clone(), agent_id: agent.cloned(), kill_policy: policy };
        self.call(Call { kill: Some(kill), ..kind(CallType::Kill) });
    }

    /// Asks for the latest state of these tasks; of all tasks that the master knows when there are
    /// none. Answers come as updates.
    pub fn reconcile<'a>(
        &self,
        tasks: impl IntoIterator<Item = (&'a TaskId, Option<&'a AgentId>)>,
    ) {
        let tasks = tasks
            .into_iter()
            .map(|(task, agent)| ReconcileTask { task_id: task.clone(), agent_id: agent.cloned() })
            .collect();
        let reconcile = Reconcile { tasks };
        self.call(Call { reconcile: Some(reconcile), ..kind(CallType::Reconcile) });
    }

    /// Acknowledges an update, where acknowledgements are explicit. Updates without `uuid` need
    /// none, and nothing is sent for them.
    pub fn acknowledge(&self, status: &TaskStatus) {
        if let Some(call) = acknowledgement(status) {
            self.call(call);
        }
    }

    /// The acknowledgement that is due once the scheduler has seen an update.
    pub(crate) fn implicit_acknowledgement(&self, status: &TaskStatus) -> Option<Call> {
        if self.shared.explicit_acknowledgements { None } else { acknowledgement(status) }
    }

    /// Sends octets to an executor: best effort, at most once.
    pub fn message(&self, agent: &AgentId, executor: &ExecutorId, data: &[u8]) {
        let message = MessageCall {
            agent_id: agent.clone(),
            executor_id: executor.clone(),
            data: data.into(),
        };
        self.call(Call { message: Some(message), ..kind(CallType::Message) });
    }

    /// Shuts an executor down, and kills its tasks.
    pub fn shutdown(&self, agent: &AgentId, executor: &ExecutorId) {
        let shutdown = Shutdown { executor_id: executor.clone(), agent_id: agent.clone() };
        self.call(Call { shutdown: Some(shutdown), ..kind(CallType::Shutdown) });
    }

    /// Sends any call; the framework id is filled in. False when it is dropped, because the
    /// driver is not subscribed.
    pub fn call(&self, call: Call) -> bool {
        self.shared.calls.push_blocking(call)
    }

    /// Ends the driver and leaves the framework's tasks running until its failover timeout. Calls
    /// that were made are sent first; callbacks that were not made are not made any more.
    pub fn stop(&self) {
        self.finish(Finish::Stop);
    }

    /// Removes the framework, kills its tasks, and ends the driver.
    pub fn teardown(&self) {
        self.finish(Finish::Teardown);
    }

    fn finish(&self, finish: Finish) {
        self.shared.state().finish.get_or_insert(finish);
        self.shared.events.close();
    }

    /// The sandbox of the task that an update is about.
    ///
    /// # Errors
    /// When no offer of the task's agent was seen, or the driver has not run yet.
    pub fn sandbox(&self, status: &TaskStatus) -> Result<Sandbox, SandboxError> {
        // The executor of a command task has the task's id.
        let executor = match &status.executor_id {
            Some(executor) => executor.as_str(),
            None => status.task_id.as_str(),
        };
        let agent = status.agent_id.clone().unwrap_or_default();
        let state = self.shared.state();
        let (Some(framework), Some((runtime, http))) =
            (&state.framework_id, self.shared.session.get())
        else {
            return Err(SandboxError::NotRunning);
        };
        let Some(address) = state.agents.get(&agent) else {
            return Err(SandboxError::UnknownAgent { agent: agent.to_string() });
        };
        Ok(Sandbox::new(runtime.clone(), http.clone(), address, framework.as_str(), executor))
    }
}

/// A call of this kind without a body.
fn kind(kind: CallType) -> Call {
    Call { r#type: Some(kind), ..Call::default() }
}

/// The acknowledgement of an update, unless it wants none.
fn acknowledgement(status: &TaskStatus) -> Option<Call> {
    let (agent_id, uuid) = (status.agent_id.clone()?, status.uuid.clone()?);
    let task_id = status.task_id.clone();
    Some(Call {
        acknowledge: Some(Acknowledge { agent_id, task_id, uuid }),
        ..kind(CallType::Acknowledge)
    })
}

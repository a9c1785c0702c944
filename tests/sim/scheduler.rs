//! A simulated scheduler: it launches its tasks one way or another, acknowledges, kills, loses its
//! connection, reconciles, and is content when every task has come to an end.

use std::collections::BTreeMap;
use std::time::Duration;

use master_core::effect::Response;
use master_core::event::{ConnectionId, RequestId};
use mesos::executor_info::CommandInfo;
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos::offer::{Filters, InverseOffer, Offer};
use mesos::operation::{Launch, OfferOperation, OfferOperationType};
use mesos::task::{TaskInfo, TaskState, TaskStatus};
use mesos::v1::scheduler::{
    Accept, AcceptInverseOffers, Acknowledge, Call, CallType, Decline, DeclineInverseOffers, Event,
    EventType, Kill, Reconcile, ReconcileTask, Subscribe,
};

use crate::agent_host::scalar;
use crate::network::{Endpoint, brief};
use crate::world::{Action, Message, World};

/// What a scheduler means to do.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Open a stream, if none is open.
    Connect { attempt: u64 },
    /// The stream is found broken.
    Disconnected { connection: ConnectionId },
    /// Ask for the state of all tasks that are not over.
    Reconcile { connection: ConnectionId },
    /// Kill a task.
    Kill { task: TaskId },
    /// Acknowledge an update.
    Acknowledge { connection: ConnectionId, acknowledge: Acknowledge },
}

/// A task as its scheduler sees it.
#[derive(Debug, Clone)]
pub struct Task {
    pub agent: AgentId,
    pub state: TaskState,
    /// Whether its end was acknowledged, or needs no acknowledgement.
    pub settled: bool,
    /// The terminal state that its executor or agent reported, which is the last that they do.
    pub ended: Option<TaskState>,
}

/// One scheduler.
#[derive(Debug)]
pub struct Scheduler {
    pub info: FrameworkInfo,
    pub id: Option<FrameworkId>,
    pub tasks: BTreeMap<TaskId, Task>,
    /// How many tasks it wants to run in all.
    pub wanted: usize,
    /// The stream that is open or being opened.
    pub connection: Option<ConnectionId>,
    pub subscribed: bool,
    stream: Option<String>,
    pending: Option<RequestId>,
    attempts: u64,
}

impl Scheduler {
    /// A scheduler with its own habits.
    pub fn draw(index: usize, rng: &mut fastrand::Rng) -> Self {
        let mut capabilities = Vec::new();
        if rng.bool() {
            capabilities.push(FrameworkCapability {
                r#type: Some(FrameworkCapabilityType::PartitionAware),
            });
        }
        let info = FrameworkInfo {
            user: "nobody".to_owned(),
            name: format!("framework {index}"),
            failover_timeout: 100_000.0,
            checkpoint: rng.bool(),
            role: Some(["*", "a", "b"][rng.usize(0..3)].to_owned()),
            capabilities,
            ..FrameworkInfo::default()
        };
        Self {
            info,
            id: None,
            tasks: BTreeMap::new(),
            wanted: rng.usize(1..12),
            connection: None,
            subscribed: false,
            stream: None,
            pending: None,
            attempts: 0,
        }
    }

    /// Whether everything it wanted has come to an end.
    pub fn content(&self) -> bool {
        self.tasks.len() >= self.wanted && self.tasks.values().all(|task| task.settled)
    }
}

impl World {
    /// A scheduler does what it planned.
    pub fn scheduler_plan(&mut self, index: usize, plan: Plan) {
        match plan {
            Plan::Connect { attempt } => {
                if self.schedulers[index].attempts == attempt {
                    self.subscribe(index);
                }
            }
            Plan::Disconnected { connection } => self.scheduler_disconnected(index, connection),
            Plan::Reconcile { connection } => self.reconcile(index, connection),
            Plan::Kill { task } => self.kill(index, task),
            Plan::Acknowledge { connection, acknowledge } => {
                if self.schedulers[index].connection == Some(connection) {
                    let mut call = self.call(index, CallType::Acknowledge);
                    call.acknowledge = Some(acknowledge);
                    self.send_call(index, call);
                }
            }
        }
    }

    fn retry(&mut self, index: usize) {
        let scheduler = &mut self.schedulers[index];
        scheduler.attempts += 1;
        scheduler.connection = None;
        scheduler.pending = None;
        scheduler.subscribed = false;
        scheduler.stream = None;
        let attempt = scheduler.attempts;
        let wait = self.millis(100..5_000);
        let plan = Plan::Connect { attempt };
        self.after(wait, Action::Scheduler { scheduler: index, plan });
    }

    fn subscribe(&mut self, index: usize) {
        let connection = ConnectionId(self.number());
        let request = RequestId(self.number());
        let scheduler = &mut self.schedulers[index];
        scheduler.connection = Some(connection);
        scheduler.pending = Some(request);
        scheduler.attempts += 1;
        let attempt = scheduler.attempts;
        let mut info = scheduler.info.clone();
        info.id = scheduler.id.clone();
        let subscribe = Subscribe { framework_info: info, ..Subscribe::default() };
        let call = Call {
            framework_id: scheduler.id.clone(),
            r#type: Some(CallType::Subscribe),
            subscribe: Some(subscribe),
            ..Call::default()
        };
        let message = Message::Subscribe { request, connection, call };
        self.send(Endpoint::Scheduler(index), Endpoint::Master, message);
        // Whoever hears nothing tries again.
        let plan = Plan::Connect { attempt };
        self.after(Duration::from_secs(20), Action::Scheduler { scheduler: index, plan });
    }

    /// A scheduler's stream is no more.
    pub fn scheduler_disconnected(&mut self, index: usize, connection: ConnectionId) {
        if self.schedulers[index].connection == Some(connection) {
            self.note(|| format!("scheduler {index} is disconnected"));
            self.retry(index);
        }
    }

    /// A message reaches a scheduler.
    pub fn scheduler_receives(&mut self, index: usize, message: Message) {
        match message {
            Message::Response { request, response } => self.response(index, request, &response),
            Message::Event { connection, event } => {
                if self.schedulers[index].connection == Some(connection) {
                    self.event(index, connection, event);
                }
            }
            Message::Closed { connection } => self.scheduler_disconnected(index, connection),
            other => unreachable!("{other:?} for a scheduler"),
        }
    }

    fn response(&mut self, index: usize, request: RequestId, response: &Response) {
        let scheduler = &mut self.schedulers[index];
        if scheduler.pending == Some(request) {
            scheduler.pending = None;
            match &response.stream_id {
                Some(stream) => scheduler.stream = Some(stream.clone()),
                None => self.retry(index),
            }
        }
        let status = response.status;
        if ![200, 202, 503].contains(&status) {
            self.note(|| format!("master → scheduler {index}: {status} {}", response.body));
        }
    }

    fn event(&mut self, index: usize, connection: ConnectionId, event: Event) {
        let kind = event.r#type.unwrap_or_default();
        if kind != EventType::Heartbeat {
            let message = Message::Event { connection, event: event.clone() };
            self.note(|| format!("master → scheduler {index}: {}", brief(&message)));
        }
        if let Some(subscribed) = event.subscribed {
            self.subscribed(index, connection, subscribed.framework_id);
        }
        for offer in event.offers.into_iter().flat_map(|offers| offers.offers) {
            self.offered(index, offer);
        }
        for offer in event.inverse_offers.into_iter().flat_map(|offers| offers.inverse_offers) {
            self.asked(index, offer);
        }
        if let Some(update) = event.update {
            self.updated(index, connection, update.status);
        }
        if let Some(error) = event.error {
            self.violate("schedulers_get_no_errors", error.message);
        }
    }

    fn subscribed(&mut self, index: usize, connection: ConnectionId, id: FrameworkId) {
        let scheduler = &mut self.schedulers[index];
        if scheduler.id.as_ref().is_some_and(|known| *known != id) {
            let what = format!("scheduler {index} was {:?} and becomes {id}", scheduler.id);
            self.violate("framework_ids_last", what);
        }
        let scheduler = &mut self.schedulers[index];
        scheduler.id = Some(id);
        scheduler.subscribed = true;
        // The retry that was planned when the stream was asked for is not needed.
        scheduler.attempts += 1;
        self.reconcile(index, connection);
    }

    fn call(&self, index: usize, kind: CallType) -> Call {
        let framework_id = self.schedulers[index].id.clone();
        Call { framework_id, r#type: Some(kind), ..Call::default() }
    }

    fn send_call(&mut self, index: usize, call: Call) {
        let stream = self.schedulers[index].stream.clone();
        let request = RequestId(self.number());
        let message = Message::Call { request, stream, call };
        self.send(Endpoint::Scheduler(index), Endpoint::Master, message);
    }

    fn offered(&mut self, index: usize, offer: Offer) {
        let scheduler = &self.schedulers[index];
        let room = scheduler.wanted.saturating_sub(scheduler.tasks.len());
        if room == 0 || self.chance(200) {
            let mut call = self.call(index, CallType::Decline);
            let refuse_seconds = self.rng.u32(0..10).into();
            call.decline = Some(Decline {
                offer_ids: vec![offer.id],
                filters: Some(Filters { refuse_seconds }),
            });
            return self.send_call(index, call);
        }
        let amount = |name: &str| {
            let of_name = offer.resources.iter().filter(|resource| resource.name == name);
            of_name.filter_map(|resource| resource.scalar.as_ref()).map(|s| s.value).sum::<f64>()
        };
        let fits = ((amount("cpus") / 0.5) as usize).min((amount("mem") / 128.0) as usize);
        let count = self.rng.usize(1..=3).min(room).min(fits);
        let tasks = (0..count).map(|_| self.make_task(index, &offer)).collect();
        let mut call = self.call(index, CallType::Accept);
        call.accept = Some(Accept {
            offer_ids: vec![offer.id],
            operations: vec![OfferOperation {
                r#type: Some(OfferOperationType::Launch),
                launch: Some(Launch { task_infos: tasks }),
                ..OfferOperation::default()
            }],
            filters: Some(Filters { refuse_seconds: 1.0 }),
        });
        self.send_call(index, call);
    }

    /// Somebody wants a machine back. Some schedulers answer.
    fn asked(&mut self, index: usize, offer: InverseOffer) {
        let inverse_offer_ids = vec![offer.id];
        let filters = Some(Filters { refuse_seconds: self.rng.u32(0..100).into() });
        match self.rng.u8(0..3) {
            0 => {}
            1 => {
                let mut call = self.call(index, CallType::AcceptInverseOffers);
                let body = AcceptInverseOffers { inverse_offer_ids, filters };
                call.accept_inverse_offers = Some(body);
                self.send_call(index, call);
            }
            _ => {
                let mut call = self.call(index, CallType::DeclineInverseOffers);
                let body = DeclineInverseOffers { inverse_offer_ids, filters };
                call.decline_inverse_offers = Some(body);
                self.send_call(index, call);
            }
        }
    }

    fn make_task(&mut self, index: usize, offer: &Offer) -> TaskInfo {
        let id = TaskId::new(format!("task-{}", self.number()));
        let agent = offer.agent_id.clone();
        let task =
            Task { agent: agent.clone(), state: TaskState::Staging, settled: false, ended: None };
        self.schedulers[index].tasks.insert(id.clone(), task);
        if self.chance(150) {
            let wait = self.millis(0..60_000);
            let plan = Plan::Kill { task: id.clone() };
            self.after(wait, Action::Scheduler { scheduler: index, plan });
        }
        TaskInfo {
            name: id.to_string(),
            task_id: id,
            agent_id: agent,
            resources: vec![scalar("cpus", 0.5), scalar("mem", 128.0)],
            command: Some(Box::new(CommandInfo {
                value: Some("sleep 1".to_owned()),
                ..CommandInfo::default()
            })),
            ..TaskInfo::default()
        }
    }

    fn updated(&mut self, index: usize, connection: ConnectionId, status: TaskStatus) {
        let aware = self.schedulers[index]
            .info
            .capabilities
            .iter()
            .any(|c| c.r#type == Some(FrameworkCapabilityType::PartitionAware));
        let text = format!("scheduler {index}: {} is {}", status.task_id, status.state);
        self.note(|| text);
        let over = ends(status.state, aware);
        if let Some(task) = self.schedulers[index].tasks.get_mut(&status.task_id) {
            // What the master says by itself may run ahead of the updates of the task, which
            // carry uuids and come in order.
            let reported = status.uuid.is_some();
            let ended = task.ended;
            if reported && status.state.is_terminal() {
                task.ended = Some(status.state);
            }
            task.state = status.state;
            task.settled = over;
            if let Some(ended) = ended.filter(|_| reported && !status.state.is_terminal()) {
                let what = format!("{} was {ended} and is {}", status.task_id, status.state);
                self.violate("nothing_follows_a_terminal_update", what);
            }
        }
        let (Some(uuid), Some(agent_id)) = (status.uuid, status.agent_id) else { return };
        // A scheduler may be slow, or die before it acknowledges; then the update comes again.
        if self.chance(30) && !self.faults.over {
            return;
        }
        let acknowledge = Acknowledge { agent_id, task_id: status.task_id, uuid };
        let wait = if self.chance(100) { self.millis(0..10_000) } else { Duration::ZERO };
        let plan = Plan::Acknowledge { connection, acknowledge };
        self.after(wait, Action::Scheduler { scheduler: index, plan });
    }

    fn kill(&mut self, index: usize, task: TaskId) {
        let Some(known) = self.schedulers[index].tasks.get(&task) else { return };
        if known.settled || !self.schedulers[index].subscribed {
            return;
        }
        let agent_id = Some(known.agent.clone());
        let mut call = self.call(index, CallType::Kill);
        call.kill = Some(Kill { task_id: task, agent_id, ..Kill::default() });
        self.send_call(index, call);
    }

    /// Mesos asks schedulers to do this from time to time, since updates that are not
    /// acknowledged may be lost.
    fn reconcile(&mut self, index: usize, connection: ConnectionId) {
        if self.schedulers[index].connection != Some(connection) {
            return;
        }
        let tasks: Vec<ReconcileTask> = self.schedulers[index]
            .tasks
            .iter()
            .filter(|(_, task)| !task.settled)
            .map(|(id, task)| ReconcileTask {
                task_id: id.clone(),
                agent_id: Some(task.agent.clone()),
            })
            .collect();
        if !tasks.is_empty() {
            let mut call = self.call(index, CallType::Reconcile);
            call.reconcile = Some(Reconcile { tasks });
            self.send_call(index, call);
        }
        let wait = self.millis(20_000..60_000);
        let plan = Plan::Reconcile { connection };
        self.after(wait, Action::Scheduler { scheduler: index, plan });
    }
}

/// Whether a scheduler stops waiting for a task in this state.
fn ends(state: TaskState, partition_aware: bool) -> bool {
    // Whoever is not told of partitions is told LOST, and has to take it for the end.
    state.is_terminal() || (partition_aware && state == TaskState::Unknown)
}

//! A million status updates through one master, from agents of which all are in this program. Each
//! task's updates come one after the other, each after the acknowledgement of the one before, as
//! real agents send them; the framework sees that none is lost, comes twice or too early.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use libprocess::{Context, Node, NodeConfig, Process, Upid};
use mesos_framework::mesos::agent::{AgentCapability, AgentCapabilityType, AgentInfo};
use mesos_framework::mesos::executor_info::CommandInfo;
use mesos_framework::mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos_framework::mesos::internal::{
    AgentToMaster, MasterToAgent, PongAgent, RegisterAgent, StatusUpdate,
    StatusUpdateAcknowledgement,
};
use mesos_framework::mesos::offer::{Filters, Offer};
use mesos_framework::mesos::operation::{Launch, OfferOperation, OfferOperationType};
use mesos_framework::mesos::resources::Resources;
use mesos_framework::mesos::task::{TaskInfo, TaskState, TaskStatus};
use mesos_framework::mesos::v1::scheduler::{Accept, Acknowledge, Call, CallType, Event};

use crate::daemons::Cluster;
use crate::raw::{Connection, Media, Subscription, framework};
use crate::report::{Report, thousands};
use crate::tasks::kilobytes;

const AGENTS: usize = 100;
const TASKS_PER_AGENT: usize = 10;
const TASKS: usize = AGENTS * TASKS_PER_AGENT;
const UPDATES_PER_TASK: u64 = 1_000;
const UPDATES: u64 = TASKS as u64 * UPDATES_PER_TASK;
/// How many calls may be unanswered.
const AHEAD: usize = 16;
/// An update without an acknowledgement for so long is sent again.
const RETRY: Duration = Duration::from_secs(10);

/// Adds this file's rows.
pub fn run(report: &mut Report) {
    let what = format!("{} status updates, {AGENTS} agents", thousands(UPDATES as f64));
    if !report.wants(&what) {
        return;
    }
    let cluster = Cluster::start(0);
    let pid = cluster.master.as_ref().expect("it runs").pid();
    let resident = || kilobytes(&format!("/proc/{pid}/status"), "VmRSS:") / 1024.0;
    let node = Node::start(NodeConfig::default()).expect("a node starts");
    let master = Upid::new("master", cluster.address().parse().expect("an address"));
    for number in 0..AGENTS {
        let agent = Agent { master: master.clone(), ..Agent::default() };
        node.spawn(&format!("slave({number})"), agent).expect("a process starts");
    }
    let mut listener = Listener::open(&cluster);
    listener.launch_all();
    let before = resident();
    let begin = Instant::now();
    listener.listen();
    let rate = UPDATES as f64 / begin.elapsed().as_secs_f64();
    let text = format!(
        "{}/s, {} repeated, none lost or out of order; master: {before:.0} MB before, {:.0} MB \
         after",
        thousands(rate),
        listener.repeated,
        resident()
    );
    report.text(&what, text, "none lost or out of order");
    drop(listener);
    node.shutdown();
}

/// An agent whose tasks have much to tell.
struct Agent {
    master: Upid,
    id: AgentId,
    /// The number of each task's update that is under way, and since when.
    tasks: HashMap<TaskId, (u64, Instant)>,
    framework: FrameworkId,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            master: Upid::nobody(),
            id: AgentId::default(),
            tasks: HashMap::new(),
            framework: FrameworkId::default(),
        }
    }
}

impl Process for Agent {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in MasterToAgent::NAMES {
            context.install(name, Self::hear);
        }
        let all = AgentCapabilityType::ALL.iter().skip(1);
        let resources = Resources::parse("cpus:16;mem:16384", "*").expect("they are resources");
        let message = RegisterAgent {
            agent: AgentInfo {
                hostname: "127.0.0.1".to_owned(),
                port: i32::from(context.pid().upid().address().port()),
                resources: resources.to_vec(),
                ..AgentInfo::default()
            },
            version: "1.11.0".to_owned(),
            agent_capabilities: all.map(|kind| AgentCapability { r#type: Some(*kind) }).collect(),
            ..RegisterAgent::default()
        };
        self.say(context, message);
        context.delay(RETRY, Self::retry);
    }
}

impl Agent {
    fn say(&self, context: &mut Context<Self>, message: impl Into<AgentToMaster>) {
        let message = message.into();
        context.send(&self.master, message.name(), message);
    }

    fn hear(&mut self, context: &mut Context<Self>, _: &Upid, message: MasterToAgent) {
        match message {
            MasterToAgent::PingAgent(_) => self.say(context, PongAgent {}),
            MasterToAgent::AgentRegistered(registered) => self.id = registered.agent_id,
            MasterToAgent::RunTask(run) => {
                self.framework = run.framework.id.unwrap_or_default();
                self.update(context, run.task.task_id, 0);
            }
            MasterToAgent::StatusUpdateAcknowledgement(message) => {
                let StatusUpdateAcknowledgement { task_id, uuid, .. } = message;
                let number = number(&uuid);
                let current = self.tasks.get(&task_id).map(|(number, _)| *number);
                assert_eq!(current, Some(number), "{task_id} is acknowledged out of order");
                match number + 1 {
                    UPDATES_PER_TASK => drop(self.tasks.remove(&task_id)),
                    next => self.update(context, task_id, next),
                }
            }
            _ => {}
        }
    }

    fn update(&mut self, context: &mut Context<Self>, task: TaskId, number: u64) {
        let is_last = number + 1 == UPDATES_PER_TASK;
        let state = if is_last { TaskState::Finished } else { TaskState::Running };
        let uuid = u128::from(number).to_be_bytes().to_vec();
        self.tasks.insert(task.clone(), (number, Instant::now()));
        let message = StatusUpdate {
            framework_id: self.framework.clone(),
            agent_id: Some(self.id.clone()),
            status: TaskStatus {
                task_id: task,
                state,
                agent_id: Some(self.id.clone()),
                timestamp: Some(1.5),
                uuid: Some(uuid.clone().into()),
                ..TaskStatus::default()
            },
            timestamp: 1.5,
            uuid: Some(uuid.into()),
            latest_state: Some(state),
            ..StatusUpdate::default()
        };
        self.say(context, message);
    }

    fn retry(&mut self, context: &mut Context<Self>) {
        let late = self.tasks.iter().filter(|(_, (_, since))| since.elapsed() > RETRY);
        let late: Vec<(TaskId, u64)> = late.map(|(task, (n, _))| (task.clone(), *n)).collect();
        for (task, number) in late {
            self.update(context, task, number);
        }
        context.delay(RETRY, Self::retry);
    }
}

/// The number of an update, which is its uuid.
fn number(uuid: &[u8]) -> u64 {
    uuid[8..].iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// The framework: one connection to hear by, one to speak by, whose answers a thread reads.
struct Listener {
    events: Subscription,
    calls: Connection,
    answers: Receiver<u16>,
    /// How many calls are on their way.
    unanswered: usize,
    /// The number of the update that each task is to tell next.
    next: HashMap<TaskId, u64>,
    repeated: u64,
    /// Updates that came while tasks were still being launched.
    early: Vec<Event>,
}

impl Listener {
    fn open(cluster: &Cluster) -> Self {
        let address = cluster.address();
        let events = Subscription::open(&address, framework("updates", "bench"), Media::Msgpack);
        let calls = Connection::open(&address);
        let mut reader = Connection::open(&address);
        reader.stream = calls.stream.try_clone().expect("a socket can be shared");
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            // Ends with the master.
            while let Ok((status, _)) = reader.head() {
                if sender.send(status).is_err() {
                    return;
                }
            }
        });
        let (next, early) = (HashMap::new(), Vec::new());
        Self { events, calls, answers, unanswered: 0, next, repeated: 0, early }
    }

    fn say(&mut self, call: &Call) {
        self.calls.send(&self.events.request(call)).expect("the master reads");
        self.unanswered += 1;
        while let Some(status) = match self.unanswered > AHEAD {
            true => Some(self.answers.recv().expect("calls are answered")),
            false => self.answers.try_recv().ok(),
        } {
            self.unanswered -= 1;
            assert_eq!(status, 202, "a call is taken");
        }
    }

    /// Launches tasks on every agent; each is offered whole.
    fn launch_all(&mut self) {
        let mut launched = 0;
        while launched < TASKS {
            let event = self.events.next_event().expect("the stream goes on");
            let Some(offers) = event.offers else {
                self.early.push(event);
                continue;
            };
            for offer in offers.offers {
                launched += TASKS_PER_AGENT;
                self.launch(&offer);
            }
        }
        assert_eq!(launched, TASKS);
    }

    fn launch(&mut self, offer: &Offer) {
        let mut each = Resources::parse("cpus:1;mem:64", "*").expect("they are resources");
        each.allocate("bench");
        let task = |number: usize| TaskInfo {
            name: "told".to_owned(),
            task_id: format!("{}-{number}", offer.agent_id.as_str()).as_str().into(),
            agent_id: offer.agent_id.clone(),
            resources: each.to_vec(),
            command: Some(Box::new(CommandInfo {
                value: Some("true".to_owned()),
                ..CommandInfo::default()
            })),
            ..TaskInfo::default()
        };
        let mut call = self.events.call(CallType::Accept);
        call.accept = Some(Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![OfferOperation {
                r#type: Some(OfferOperationType::Launch),
                launch: Some(Launch { task_infos: (0..TASKS_PER_AGENT).map(task).collect() }),
                ..OfferOperation::default()
            }],
            filters: Some(Filters { refuse_seconds: 100_000.0 }),
        });
        self.say(&call);
    }

    /// Hears every update of every task, in order, and acknowledges each.
    fn listen(&mut self) {
        let mut heard = 0;
        let mut early = std::mem::take(&mut self.early).into_iter();
        while heard < UPDATES {
            let event = early.next().or_else(|| self.events.next_event());
            let Some(update) = event.expect("the stream goes on").update else { continue };
            let status = update.status;
            let uuid = status.uuid.expect("agents' updates have one");
            let next = self.next.entry(status.task_id.clone()).or_default();
            match number(&uuid) {
                number if number == *next => *next += 1,
                // Sent again, as its acknowledgement was late; it is acknowledged again.
                number if number + 1 == *next => {
                    self.repeated += 1;
                    continue;
                }
                number => panic!("{} tells {number}, and {next} was next", status.task_id),
            }
            heard += 1;
            let mut call = self.events.call(CallType::Acknowledge);
            call.acknowledge = Some(Acknowledge {
                agent_id: status.agent_id.expect("updates name their agent"),
                task_id: status.task_id,
                uuid,
            });
            self.say(&call);
        }
        assert!(self.next.values().all(|next| *next == UPDATES_PER_TASK));
        assert_eq!(self.next.len(), TASKS);
    }
}

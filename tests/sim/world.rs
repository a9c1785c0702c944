//! The world: its time, what happens next, and who is in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use master_core::event::{ConnectionId, RequestId, StoreId};
use mesos::ids::{FrameworkId, TaskId};
use mesos::internal::{AgentToExecutor, AgentToMaster, ExecutorToAgent, MasterToAgent};
use mesos::time::Time;
use mesos::v1;
use slave_core::ids::WriteId;

use crate::agent_host::AgentHost;
use crate::executor::ExecutorId;
use crate::faults::{Fault, Faults};
use crate::invariants;
use crate::master_host::MasterHost;
use crate::network::{Endpoint, Network};
use crate::scheduler::Scheduler;

/// Something that will happen.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)]
pub enum Action {
    /// A message arrives, if the connection that carries it still stands.
    Arrive { from: Endpoint, to: Endpoint, connection: u64, message: Message },
    /// An endpoint learns that its link to another is broken.
    Exited { linker: Endpoint, peer: Endpoint, incarnation: u64 },
    /// A timer of the master's core runs out.
    MasterTimer { incarnation: u64, timer: master_core::event::TimerId },
    /// A write of the registry is done.
    Stored { incarnation: u64, store: StoreId },
    /// A timer of an agent's core runs out.
    AgentTimer { agent: usize, incarnation: u64, timer: slave_core::ids::TimerId },
    /// A write of an agent is done.
    Checkpointed { agent: usize, incarnation: u64, write: WriteId },
    /// A container has been made, or could not be.
    ContainerMade { agent: usize, incarnation: u64, executor: ExecutorId },
    /// An agent's core is told of something.
    AgentHears { agent: usize, incarnation: u64, event: Box<slave_core::Event> },
    /// An agent that was stopped starts again.
    StartAgent { agent: usize },
    /// The master starts again.
    StartMaster,
    /// An executor does what it planned.
    Executor { executor: ExecutorId, plan: crate::executor::Plan },
    /// A scheduler does what it planned.
    Scheduler { scheduler: usize, plan: crate::scheduler::Plan },
    /// The operator does something.
    Operator,
    /// Something goes wrong.
    Fault(Fault),
}

/// What travels between endpoints.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)]
pub enum Message {
    AgentToMaster(AgentToMaster),
    MasterToAgent(MasterToAgent),
    ExecutorToAgent(ExecutorToAgent),
    AgentToExecutor(AgentToExecutor),
    ExecutorCall { attempt: u64, call: v1::executor::Call },
    ExecutorEvent { attempt: u64, event: v1::executor::Event },
    Call { request: RequestId, stream: Option<String>, call: v1::scheduler::Call },
    Subscribe { request: RequestId, connection: ConnectionId, call: v1::scheduler::Call },
    Response { request: RequestId, response: master_core::effect::Response },
    Event { connection: ConnectionId, event: v1::scheduler::Event },
    Closed { connection: ConnectionId },
}

/// Why a run failed.
#[derive(Debug)]
pub struct Failure {
    /// Which invariant, or that the world did not settle.
    pub what: String,
    /// The last things that happened.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        write!(f, "{}", self.what)
    }
}

struct Scheduled {
    at: Time,
    order: u64,
    action: Action,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What has happened so far, as far as invariants ask for it.
#[derive(Debug, Default)]
pub struct History {
    /// How often each task was started by an executor.
    pub started: BTreeMap<(FrameworkId, TaskId), u32>,
    /// What went wrong where it was seen, to be reported by the invariant of that name.
    pub violations: Vec<(&'static str, String)>,
    /// How many steps there were.
    pub steps: u64,
}

/// One cluster with everything around it.
pub struct World {
    pub now: Time,
    pub rng: fastrand::Rng,
    pub master: MasterHost,
    pub agents: Vec<AgentHost>,
    pub executors: BTreeMap<ExecutorId, crate::executor::Executor>,
    pub schedulers: Vec<Scheduler>,
    pub network: Network,
    pub faults: Faults,
    pub history: History,
    queue: BinaryHeap<Reverse<Scheduled>>,
    order: u64,
    numbers: u64,
    trace: VecDeque<String>,
    hasher: DefaultHasher,
    verbose: bool,
}

impl World {
    /// The world of this seed, with everything about to start.
    pub fn new(seed: u64, verbose: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let faults = Faults::draw(&mut rng);
        let agents = rng.usize(1..=4);
        let schedulers = rng.usize(1..=3);
        let mut world = Self {
            // An epoch of zero would hide mistakes with unset times.
            now: Time::from_nanos(1_700_000_000_000_000_000),
            master: MasterHost::new(),
            agents: (0..agents).map(AgentHost::new).collect(),
            executors: BTreeMap::new(),
            schedulers: Vec::new(),
            network: Network::default(),
            faults,
            history: History::default(),
            queue: BinaryHeap::new(),
            order: 0,
            numbers: 0,
            trace: VecDeque::new(),
            hasher: DefaultHasher::new(),
            verbose,
            rng,
        };
        for index in 0..schedulers {
            let scheduler = Scheduler::draw(index, &mut world.rng);
            world.schedulers.push(scheduler);
            let wait = world.millis(0..5_000);
            world.after(
                wait,
                Action::Scheduler {
                    scheduler: index,
                    plan: crate::scheduler::Plan::Connect { attempt: 0 },
                },
            );
        }
        for agent in 0..agents {
            let wait = world.millis(0..5_000);
            world.after(wait, Action::StartAgent { agent });
        }
        world.after(Duration::ZERO, Action::StartMaster);
        world.hire_operator();
        world.plan_fault();
        world
    }

    /// A number that nobody else has.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A random span.
    pub fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }

    /// True this often, in thousandths.
    pub fn chance(&mut self, thousandths: u32) -> bool {
        self.rng.u32(0..1000) < thousandths
    }

    /// Lets something happen after this time.
    pub fn after(&mut self, wait: Duration, action: Action) {
        let at = self.now + wait;
        self.at(at, action);
    }

    /// Lets something happen at this time.
    pub fn at(&mut self, at: Time, action: Action) {
        self.order += 1;
        self.queue.push(Reverse(Scheduled { at, order: self.order, action }));
    }

    /// Notes what happens, for the fingerprint and for people.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>10.3} {}", self.now.as_secs_f64() - 1_700_000_000.0, line());
        line.hash(&mut self.hasher);
        if self.verbose {
            println!("{line}");
        }
        if self.trace.len() == 120 {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// A digest of everything that was noted.
    pub fn fingerprint(&self) -> u64 {
        self.hasher.finish()
    }

    /// Something that may not be has been seen.
    pub fn violate(&mut self, invariant: &'static str, what: String) {
        self.history.violations.push((invariant, what));
    }

    /// Runs for this long.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Failure> {
        let end = self.now + span;
        while self.queue.peek().is_some_and(|Reverse(next)| next.at <= end) {
            self.step()?;
        }
        self.now = end;
        Ok(())
    }

    /// Ends all faults: whoever is down starts, whatever is cut is joined.
    pub fn heal(&mut self) {
        self.note(|| "-- heal --".to_owned());
        self.faults.over = true;
        self.join_all();
    }

    /// Runs until everything has come to its end.
    pub fn run_until_settled(&mut self, limit: Duration) -> Result<(), Failure> {
        let end = self.now + limit;
        while self.now < end {
            if invariants::settled(self).is_ok() {
                return Ok(());
            }
            let second = self.now + Duration::from_secs(1);
            while self.queue.peek().is_some_and(|Reverse(next)| next.at <= second) {
                self.step()?;
            }
            self.now = second;
        }
        let why = invariants::settled(self).err().unwrap_or_default();
        Err(self.failure(format!("progress: not settled {limit:?} after the last fault: {why}")))
    }

    fn failure(&self, what: String) -> Failure {
        Failure { what, trace: self.trace.iter().cloned().collect() }
    }

    fn step(&mut self) -> Result<(), Failure> {
        let Some(Reverse(next)) = self.queue.pop() else { return Ok(()) };
        self.now = next.at;
        self.history.steps += 1;
        self.perform(next.action);
        invariants::check(self).map_err(|what| self.failure(what))
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Arrive { from, to, connection, message } => {
                if self.network.gets_through(&from, &to, connection) {
                    self.deliver(from, to, message);
                }
            }
            Action::Exited { linker, peer, incarnation } => self.exited(linker, peer, incarnation),
            Action::MasterTimer { incarnation, timer } => self.master_timer(incarnation, timer),
            Action::Stored { incarnation, store } => self.stored(incarnation, store),
            Action::AgentTimer { agent, incarnation, timer } => {
                self.agent_timer(agent, incarnation, timer);
            }
            Action::Checkpointed { agent, incarnation, write } => {
                self.checkpointed(agent, incarnation, write);
            }
            Action::ContainerMade { agent, incarnation, executor } => {
                self.container_made(agent, incarnation, executor);
            }
            Action::AgentHears { agent, incarnation, event } => {
                if self.incarnation(&Endpoint::Agent(agent)) == Some(incarnation) {
                    self.agent_step(agent, *event);
                }
            }
            Action::StartAgent { agent } => self.start_agent(agent),
            Action::StartMaster => self.start_master(),
            Action::Executor { executor, plan } => self.executor_plan(executor, plan),
            Action::Scheduler { scheduler, plan } => self.scheduler_plan(scheduler, plan),
            Action::Operator => self.operator_acts(),
            Action::Fault(fault) => {
                if !self.faults.over {
                    self.strike(fault);
                    if let Fault::Strike(_) = fault {
                        self.plan_fault();
                    }
                }
            }
        }
    }

    fn deliver(&mut self, from: Endpoint, to: Endpoint, message: Message) {
        match (to, message) {
            (Endpoint::Master, message) => self.master_receives(from, message),
            (Endpoint::Agent(agent), message) => self.agent_receives(agent, from, message),
            (Endpoint::Executor(executor), Message::AgentToExecutor(message)) => {
                self.executor_receives(executor, message);
            }
            (Endpoint::Executor(executor), Message::ExecutorEvent { attempt, event }) => {
                self.executor_hears(executor, attempt, event);
            }
            (Endpoint::Scheduler(scheduler), message) => {
                self.scheduler_receives(scheduler, message);
            }
            (to, message) => unreachable!("{message:?} for {to:?}"),
        }
    }

    fn exited(&mut self, linker: Endpoint, peer: Endpoint, incarnation: u64) {
        if self.incarnation(&linker) != Some(incarnation) {
            return;
        }
        self.note(|| format!("{linker} learns that its link to {peer} is broken"));
        match linker {
            Endpoint::Master => self.master_loses(peer),
            Endpoint::Agent(agent) => self.agent_loses(agent, peer),
            Endpoint::Executor(executor) => self.executor_loses_agent(executor),
            Endpoint::Scheduler(_) | Endpoint::Operator => {}
        }
    }

    /// Which life of this endpoint this is, if it is alive.
    pub fn incarnation(&self, endpoint: &Endpoint) -> Option<u64> {
        match endpoint {
            Endpoint::Master => self.master.core.as_ref().map(|_| self.master.incarnation),
            Endpoint::Agent(agent) => {
                let agent = &self.agents[*agent];
                agent.core.as_ref().map(|_| agent.incarnation)
            }
            Endpoint::Executor(executor) => self.executors.get(executor).map(|_| executor.0),
            Endpoint::Scheduler(_) | Endpoint::Operator => Some(0),
        }
    }
}

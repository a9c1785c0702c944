//! The `mesos` containerizer: containers made of a launcher, isolators and the system.
//!
//! Which step follows which is decided by [`slave_core::lifecycle`]; here each is carried out. One
//! thread takes the orders and watches the processes, children and adopted ones alike, through
//! their pidfds: an exit is noticed at once, and nothing polls. What takes long (killing, with some
//! launchers) happens on other threads.
//!
//! Containers below executors' and those that stand alone are started by way of
//! [`super::init`], which writes down how they ended, and cleans up.
//!
//! A container of a framework without checkpoints dies with the agent: our own executors see to
//! that themselves, and clean up; others are killed by the system when that thread ends. One of a
//! framework with checkpoints is found again by the next agent, by the pid on disk or by its
//! environment.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use libprocess::subprocess::{self, Child};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use nix::errno::Errno;
use slave_core::containers::call::{ContainerEvent, ContainerRequest, ContainerSpec};
use slave_core::effect::{ExecutorKind, LaunchSpec, Limits, RecoverContainer};
use slave_core::event::{ContainerTermination, Event, LaunchedContainer};
use slave_core::lifecycle::{ContainerStep, Deed, Lifecycle};
use slave_core::paths::Paths;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::birth::{self, Prepared};
use super::contained::Output;
use super::isolation::Isolation;
use super::launcher::{Launcher, Target};
use super::program::BuiltIn;
use super::{Containerizer, Report, runtime};
use crate::fetcher::{self, Fetcher, FetcherConfig, Stats};
use crate::isolators::{Class, Limitation};

/// The containerizer of `--containerizers=mesos`.
#[derive(Debug)]
pub struct Mesos {
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
    outputs: Outputs,
}

/// What sessions write, until it is fetched.
type Outputs = Arc<Mutex<HashMap<ContainerId, Output>>>;

/// How to run what is our own.
#[derive(Debug, Clone)]
pub struct Programs {
    /// How to run the executors that are our own.
    pub executor: BuiltIn,
    /// How to run the first process of a container that is not an executor's.
    pub init: BuiltIn,
}

/// What a containerizer is made of.
#[derive(Debug)]
pub struct Parts {
    /// How to run what is our own.
    pub programs: Programs,
    /// Where things lie.
    pub paths: Paths,
    /// How containers are born and killed.
    pub launcher: Box<dyn Launcher>,
    /// Who isolates them.
    pub isolation: Isolation,
    /// Where isolators tell of containers that ran into a limit.
    pub limitations: UnboundedReceiver<Limitation>,
    /// How files are fetched, and what counts that.
    pub fetcher: (FetcherConfig, Arc<Stats>),
}

#[derive(Debug)]
enum Order {
    Launch(Wanted),
    Recover(Vec<RecoverContainer>),
    Update(ContainerId, Resources, Limits),
    Destroy(ContainerId),
    Signal(ContainerId, i32, ContainerRequest),
}

/// A container that is to be made.
#[derive(Debug)]
pub enum Wanted {
    /// An executor's.
    Executor(Box<LaunchSpec>),
    /// Another's.
    Contained(Box<ContainerSpec>),
}

impl Wanted {
    fn id(&self) -> &ContainerId {
        match self {
            Self::Executor(spec) => &spec.container,
            Self::Contained(spec) => &spec.container,
        }
    }
}

impl Mesos {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread or no descriptors to give, or the cache of the fetcher cannot be
    /// emptied.
    pub fn start(parts: Parts, report: Report) -> io::Result<Self> {
        let (orders, incoming) = mpsc::unbounded_channel();
        let (steps, taken) = mpsc::unbounded_channel();
        let fetched = steps.clone();
        let told: fetcher::Report = Arc::new(move |container, result| {
            let step = ContainerStep::Fetched(result.map_err(|error| error.to_string()));
            // Without a containerizer nobody waits for it.
            let _ = fetched.send((container.clone(), step));
        });
        let (config, stats) = parts.fetcher.clone();
        let fetcher = Fetcher::start(config, stats, told).map_err(io::Error::other)?;
        let outputs = Outputs::default();
        let kept = outputs.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("containers".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || {
                let hands = Hands {
                    parts,
                    fetcher,
                    report,
                    steps,
                    outputs: kept,
                    lifecycle: Lifecycle::default(),
                    containers: HashMap::new(),
                };
                runtime.block_on(hands.run(incoming, taken));
            })?;
        Ok(Self { orders: Some(orders), thread: Some(thread), outputs })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends only once the orders are closed, by `drop`.
            let _ = orders.send(order);
        }
    }
}

impl Containerizer for Mesos {
    fn launch(&self, spec: LaunchSpec) {
        self.order(Order::Launch(Wanted::Executor(Box::new(spec))));
    }

    fn recover(&self, containers: Vec<RecoverContainer>) {
        self.order(Order::Recover(containers));
    }

    fn update(&self, container: ContainerId, resources: Resources, limits: Limits) {
        self.order(Order::Update(container, resources, limits));
    }

    fn destroy(&self, container: ContainerId) {
        self.order(Order::Destroy(container));
    }

    fn launch_contained(&self, spec: ContainerSpec) {
        self.order(Order::Launch(Wanted::Contained(Box::new(spec))));
    }

    fn signal(&self, container: ContainerId, signal: i32, request: ContainerRequest) {
        self.order(Order::Signal(container, signal, request));
    }

    fn take_output(&self, container: &ContainerId) -> Option<Output> {
        lock(&self.outputs).remove(container)
    }
}

impl Drop for Mesos {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

/// The outcome of a step that took its time.
type Taken = (ContainerId, ContainerStep);

struct Hands {
    parts: Parts,
    fetcher: Fetcher,
    report: Report,
    steps: UnboundedSender<Taken>,
    outputs: Outputs,
    lifecycle: Lifecycle,
    containers: HashMap<ContainerId, Entry>,
}

/// What is kept of a container that is not over.
#[derive(Debug, Default)]
struct Entry {
    /// What it is to be made from, until it runs.
    wanted: Option<Wanted>,
    /// What was prepared for it, until it runs.
    prepared: Option<Prepared>,
    /// What it may use, where that changes.
    grant: Option<(Resources, Limits)>,
    running: Running,
}

#[derive(Debug, Default)]
struct Running {
    leader: Option<u32>,
    directory: PathBuf,
    /// Whether the leader cleans up behind itself when it ends well: ours does.
    tidy: bool,
    /// Whether it ended, and did so by itself.
    ended: Option<bool>,
    /// Where the traces of a container lie that is not an executor's.
    runtime: Option<PathBuf>,
}

impl Hands {
    async fn run(
        mut self,
        mut orders: UnboundedReceiver<Order>,
        mut steps: UnboundedReceiver<Taken>,
    ) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order),
                    None => return,
                },
                Some((container, step)) = steps.recv() => self.take(&container, step),
                Some(limitation) = self.parts.limitations.recv() => self.limited(limitation),
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Launch(wanted) => {
                let container = wanted.id().clone();
                if self.lifecycle.stage(&container).is_none() {
                    let entry = Entry { wanted: Some(wanted), ..Entry::default() };
                    self.containers.insert(container.clone(), entry);
                }
                self.step(&container, ContainerStep::Launch);
            }
            Order::Recover(containers) => self.recover(containers),
            Order::Update(container, resources, limits) => {
                if let Some(entry) = self.containers.get_mut(&container) {
                    entry.grant = Some((resources, limits));
                }
                self.step(&container, ContainerStep::Update);
            }
            Order::Destroy(container) => self.step(&container, ContainerStep::Destroy),
            Order::Signal(container, signal, request) => {
                let result = self.signal(&container, signal);
                (self.report)(Event::Container(ContainerEvent::Signalled { request, result }));
            }
        }
    }

    /// Ends a container that ran into a limit.
    fn limited(&mut self, limitation: Limitation) {
        let Limitation { container, reason, message, resources } = limitation;
        let termination = ContainerTermination {
            reason: Some(reason),
            message: Some(message),
            limited_resources: resources,
            ..ContainerTermination::default()
        };
        self.step(&container, ContainerStep::Limited(Box::new(termination)));
    }

    /// Takes in what took its time.
    fn take(&mut self, container: &ContainerId, step: ContainerStep) {
        let step = match step {
            ContainerStep::Exited(status) => ContainerStep::Exited(self.exited(container, status)),
            step => step,
        };
        self.step(container, step);
    }

    /// Takes a step, and carries out all that follows from it.
    fn step(&mut self, container: &ContainerId, step: ContainerStep) {
        let mut steps = VecDeque::from([step]);
        while let Some(step) = steps.pop_front() {
            for deed in self.lifecycle.step(container, step) {
                steps.extend(self.perform(container, deed));
            }
        }
    }

    /// Does what is to be done, and says what came of it, unless that takes its time.
    fn perform(&mut self, container: &ContainerId, deed: Deed) -> Option<ContainerStep> {
        match deed {
            Deed::Prepare => Some(ContainerStep::Prepared(self.prepare(container))),
            Deed::Fetch => self.fetch(container),
            Deed::CallOff => {
                self.fetcher.cancel(container);
                None
            }
            Deed::Start => Some(ContainerStep::Started(self.start(container))),
            Deed::Update => {
                let (resources, limits) = self.containers.get_mut(container)?.grant.take()?;
                let result = self.parts.isolation.update(container, &resources, &limits);
                let container = container.clone();
                (self.report)(Event::ContainerUpdated { container, result });
                None
            }
            Deed::Kill => self.kill(container),
            Deed::CleanUp => {
                self.parts.isolation.clean_up(container);
                self.parts.launcher.clean_up(container);
                Some(ContainerStep::CleanedUp)
            }
            Deed::TellLaunched(result) => {
                if result.is_err() {
                    self.forget(container);
                }
                let container = container.clone();
                (self.report)(Event::ContainerLaunched { container, result });
                None
            }
            Deed::TellTerminated(termination) => {
                self.containers.remove(container);
                let container = container.clone();
                (self.report)(Event::ContainerTerminated { container, termination });
                None
            }
        }
    }

    /// Forgets a container that never ran.
    fn forget(&mut self, container: &ContainerId) {
        let entry = self.containers.remove(container);
        if let Some(Wanted::Contained(spec)) = entry.and_then(|entry| entry.wanted) {
            runtime::forget(&spec.runtime);
        }
    }

    fn prepare(&mut self, container: &ContainerId) -> Result<(), String> {
        let parent = container.parent.as_deref().and_then(|parent| self.containers.get(parent));
        let parent_pid = parent.and_then(|parent| parent.running.leader);
        let entry = self.containers.get_mut(container).ok_or("it is not known")?;
        let wanted = entry.wanted.as_ref().ok_or("it was made before")?;
        let Parts { programs, isolation, .. } = &self.parts;
        let prepared = birth::prepare(wanted, programs, isolation, parent_pid);
        entry.prepared = Some(prepared.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Has what a container needs fetched.
    fn fetch(&mut self, container: &ContainerId) -> Option<ContainerStep> {
        let prepared = self.containers.get_mut(container)?.prepared.as_mut();
        match prepared.and_then(|prepared| prepared.fetch.take()) {
            Some(order) => {
                self.fetcher.fetch(order);
                None
            }
            None => {
                self.parts.fetcher.1.count(true);
                Some(ContainerStep::Fetched(Ok(())))
            }
        }
    }

    fn start(&mut self, container: &ContainerId) -> Result<LaunchedContainer, String> {
        let entry = self.containers.get_mut(container).ok_or("it is not known")?;
        let prepared = entry.prepared.take().ok_or("it is not prepared")?;
        let Parts { launcher, isolation, .. } = &mut self.parts;
        let born = birth::start(container, prepared, launcher.as_mut(), isolation);
        let (child, output) = born.map_err(|error| error.to_string())?;
        let leader = child.pid().cast_unsigned();
        let running = match &entry.wanted {
            Some(Wanted::Executor(spec)) => Running {
                leader: Some(leader),
                directory: spec.directory.clone(),
                tidy: spec.kind == ExecutorKind::Command,
                ..Running::default()
            },
            Some(Wanted::Contained(spec)) => Running {
                leader: Some(leader),
                directory: spec.sandbox.clone(),
                tidy: true,
                runtime: Some(spec.runtime.clone()),
                ..Running::default()
            },
            None => return Err("it was made before".to_owned()),
        };
        entry.wanted = None;
        entry.running = running;
        if let Some(output) = output {
            lock(&self.outputs).insert(container.clone(), output);
        }
        self.watch(container.clone(), child);
        Ok(LaunchedContainer { pid: Some(leader), network_infos: Vec::new() })
    }

    /// Waits for the end of a child that leads a container.
    fn watch(&self, container: ContainerId, child: Child) {
        let steps = self.steps.clone();
        tokio::spawn(async move {
            let status = child.wait().await.ok().map(|status| status.into_raw());
            let _ = steps.send((container, ContainerStep::Exited(status)));
        });
    }

    /// Kills a container, or what its leader left behind.
    fn kill(&mut self, container: &ContainerId) -> Option<ContainerStep> {
        let running = &self.containers.get(container)?.running;
        let Some(kill) = self.parts.launcher.kill(target(container, running)) else {
            return Some(ContainerStep::Killed);
        };
        let (steps, container) = (self.steps.clone(), container.clone());
        tokio::task::spawn_blocking(move || {
            kill();
            let _ = steps.send((container, ContainerStep::Killed));
        });
        None
    }

    /// Sends the leading process of a container a signal.
    fn signal(&self, container: &ContainerId, signal: i32) -> Result<(), String> {
        let text = |error: Errno| error.desc().to_owned();
        let running = self.containers.get(container).map(|entry| &entry.running);
        let leader = running.filter(|running| running.ended.is_none()).and_then(|one| one.leader);
        let leader = leader.ok_or_else(|| text(Errno::ESRCH))?;
        // SAFETY: it takes two numbers, and nobody has reaped the process: the pid is its own.
        let sent = unsafe { nix::libc::kill(leader.cast_signed(), signal) };
        Errno::result(sent).map(drop).map_err(text)
    }

    fn recover(&mut self, known: Vec<RecoverContainer>) {
        let leaders = self.parts.launcher.recover(&known);
        let paths = &self.parts.paths;
        self.parts.isolation.recover(&known, &leaders, |id| {
            match runtime::is_one(&paths.runtime(id)) {
                true => birth::class(id, false),
                false => Class::Executor,
            }
        });
        for (container, leader) in known.into_iter().zip(leaders) {
            self.adopt(container, leader);
        }
    }

    fn adopt(&mut self, container: RecoverContainer, leader: Option<u32>) {
        let RecoverContainer { container, directory, .. } = container;
        let runtime =
            Some(self.parts.paths.runtime(&container)).filter(|path| runtime::is_one(path));
        let running = Running { leader, directory, runtime, ..Running::default() };
        self.containers.insert(container.clone(), Entry { running, ..Entry::default() });
        self.step(&container, ContainerStep::Recovered);
        let Some(leader) = leader else {
            return self.take(&container, ContainerStep::Exited(None));
        };
        let steps = self.steps.clone();
        tokio::spawn(async move {
            // It is no child of ours, so its status is not known.
            let status = subprocess::reap(leader.cast_signed()).await;
            let status = status.map(|status| status.into_raw());
            let _ = steps.send((container, ContainerStep::Exited(status)));
        });
    }

    /// Notes the end of a leading process, and says how it counts.
    fn exited(&mut self, container: &ContainerId, status: Option<i32>) -> Option<i32> {
        let running = &mut self.containers.get_mut(container)?.running;
        running.ended = Some(status.is_some_and(|status| status & 0x7f == 0));
        match &running.runtime {
            // What the first process wrote down is the command's status, not its own.
            Some(runtime) => runtime::status(runtime)
                .or_else(|| status.inspect(|status| runtime::remember(runtime, *status))),
            None => status,
        }
    }
}

fn target(container: &ContainerId, running: &Running) -> Target {
    Target {
        container: container.clone(),
        leader: running.leader,
        ended: running.ended.is_some(),
        tidy: running.tidy && running.ended == Some(true),
        directory: running.directory.clone(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

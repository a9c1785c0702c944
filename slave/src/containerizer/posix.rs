//! Containers that are processes: a sandbox, a session, a user, and nothing in between.
//!
//! ```text
//!   launch ──▶ RUNNING ── exits, or destroy kills it ──▶ remains are killed ──▶ (terminated)
//!   recover ─────▲
//! ```
//!
//! One thread carries out the orders and watches the processes, children and adopted ones alike,
//! through their pidfds: an exit is noticed at once, and nothing polls.
//!
//! Containers below executors' and those that stand alone are started by way of
//! [`super::init`], which writes down how they ended, and cleans up.
//!
//! A container of a framework without checkpoints dies with the agent: our own executors see to
//! that themselves, and clean up; others are killed by the system when that thread ends. One of a
//! framework with checkpoints is found again by the next agent, by the pid on disk or by its
//! environment.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use libprocess::subprocess::{self, Child, Stdio};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use slave_core::containers::call::{ContainerEvent, ContainerRequest, ContainerSpec};
use slave_core::effect::{ExecutorKind, LaunchSpec, RecoverContainer};
use slave_core::event::{ContainerTermination, Event, LaunchedContainer};
use slave_core::paths::Paths;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::contained::{self, Output};
use super::program::{self, BuiltIn};
use super::{Containerizer, LaunchError, Report, forked, runtime, sandbox, tree};

/// The containerizer of `--launcher=posix`.
#[derive(Debug)]
pub struct Posix {
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
    outputs: Outputs,
}

/// What sessions write, until it is fetched.
type Outputs = Arc<Mutex<HashMap<ContainerId, Output>>>;

/// What a containerizer needs to know.
#[derive(Debug, Clone)]
pub struct Programs {
    /// How to run the executors that are our own.
    pub executor: BuiltIn,
    /// How to run the first process of a container that is not an executor's.
    pub init: BuiltIn,
}

#[derive(Debug)]
enum Order {
    Launch(Box<LaunchSpec>),
    Recover(Vec<RecoverContainer>),
    Update(ContainerId),
    Destroy(ContainerId),
    LaunchContained(Box<ContainerSpec>),
    Signal(ContainerId, i32, ContainerRequest),
}

impl Posix {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread or no descriptors to give.
    pub fn start(programs: Programs, paths: Paths, report: Report) -> io::Result<Self> {
        let (orders, incoming) = mpsc::unbounded_channel();
        let outputs = Outputs::default();
        let kept = outputs.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("containers".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || {
                let (exits, exited) = mpsc::unbounded_channel();
                let containers = HashMap::new();
                let launcher =
                    Launcher { programs, paths, report, exits, containers, outputs: kept };
                runtime.block_on(launcher.run(incoming, exited));
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

impl Containerizer for Posix {
    fn launch(&self, spec: LaunchSpec) {
        self.order(Order::Launch(Box::new(spec)));
    }

    fn recover(&self, containers: Vec<RecoverContainer>) {
        self.order(Order::Recover(containers));
    }

    fn update(&self, container: ContainerId, _resources: Resources) {
        self.order(Order::Update(container));
    }

    fn destroy(&self, container: ContainerId) {
        self.order(Order::Destroy(container));
    }

    fn launch_contained(&self, spec: ContainerSpec) {
        self.order(Order::LaunchContained(Box::new(spec)));
    }

    fn signal(&self, container: ContainerId, signal: i32, request: ContainerRequest) {
        self.order(Order::Signal(container, signal, request));
    }

    fn take_output(&self, container: &ContainerId) -> Option<Output> {
        lock(&self.outputs).remove(container)
    }
}

impl Drop for Posix {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

/// A container ended, with the wait status of its leader where that is known.
type Exit = (ContainerId, Option<i32>);

struct Launcher {
    programs: Programs,
    paths: Paths,
    report: Report,
    exits: UnboundedSender<Exit>,
    containers: HashMap<ContainerId, Running>,
    outputs: Outputs,
}

struct Running {
    leader: u32,
    directory: PathBuf,
    /// Whether the leader cleans up behind itself when it ends well: ours does.
    tidy: bool,
    /// Where the traces of a container lie that is not an executor's.
    runtime: Option<PathBuf>,
}

impl Launcher {
    async fn run(
        mut self,
        mut orders: UnboundedReceiver<Order>,
        mut exits: UnboundedReceiver<Exit>,
    ) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order),
                    None => return,
                },
                Some((container, status)) = exits.recv() => self.exited(container, status),
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Launch(spec) => {
                let container = spec.container.clone();
                let result = self.launch(&spec).map_err(|error| error.to_string());
                (self.report)(Event::ContainerLaunched { container, result });
            }
            Order::Recover(containers) => self.recover(containers),
            Order::Update(container) => {
                if self.containers.contains_key(&container) {
                    (self.report)(Event::ContainerUpdated { container, result: Ok(()) });
                }
            }
            Order::Destroy(container) => {
                if let Some(running) = self.containers.get(&container) {
                    tree::kill_container(running.leader, &running.directory);
                }
            }
            Order::LaunchContained(spec) => {
                let container = spec.container.clone();
                let result = self.launch_contained(*spec).map_err(|error| error.to_string());
                (self.report)(Event::ContainerLaunched { container, result });
            }
            Order::Signal(container, signal, request) => {
                let result = self.signal(&container, signal);
                (self.report)(Event::Container(ContainerEvent::Signalled { request, result }));
            }
        }
    }

    fn launch(&mut self, spec: &LaunchSpec) -> Result<LaunchedContainer, LaunchError> {
        let owner = sandbox::owner(spec.user.as_deref())?;
        let command = program::command(spec, &self.programs.executor)?;
        let sandbox = sandbox::create(&spec.directory, owner.as_ref())?;
        let mut command = command
            .directory(&spec.directory)
            .stdout(Stdio::Fd(sandbox.stdout.into()))
            .stderr(Stdio::Fd(sandbox.stderr.into()))
            .new_session();
        if let Some(owner) = owner {
            command = command.identity(owner);
        }
        if spec.kind == ExecutorKind::Custom && spec.forked_pid_path.is_none() {
            command = command.parent_death_signal(Signal::SIGKILL);
        }
        let child = command.spawn().map_err(LaunchError::Spawn)?;
        let leader = child.pid() as u32;
        if let Some(path) = &spec.forked_pid_path
            && let Err(error) = forked::write(path, leader)
        {
            tree::kill_container(leader, &spec.directory);
            tokio::spawn(child.wait());
            return Err(error.into());
        }
        let (directory, tidy) = (spec.directory.clone(), spec.kind == ExecutorKind::Command);
        let running = Running { leader, directory, tidy, runtime: None };
        Ok(self.watch(spec.container.clone(), child, running))
    }

    fn launch_contained(&mut self, spec: ContainerSpec) -> Result<LaunchedContainer, LaunchError> {
        let (child, output) = match contained::start(&spec, &self.programs.init) {
            Ok(started) => started,
            Err(error) => {
                runtime::forget(&spec.runtime);
                return Err(error);
            }
        };
        let leader = child.pid() as u32;
        if let Err(error) = forked::write(&runtime::pid_path(&spec.runtime), leader) {
            tree::kill_container(leader, &spec.sandbox);
            tokio::spawn(child.wait());
            return Err(error.into());
        }
        if let Some(output) = output {
            lock(&self.outputs).insert(spec.container.clone(), output);
        }
        let runtime = Some(spec.runtime);
        let running = Running { leader, directory: spec.sandbox, tidy: true, runtime };
        Ok(self.watch(spec.container, child, running))
    }

    /// Waits for the end of a child that leads a container.
    fn watch(
        &mut self,
        container: ContainerId,
        child: Child,
        running: Running,
    ) -> LaunchedContainer {
        let (exits, ended) = (self.exits.clone(), container.clone());
        tokio::spawn(async move {
            let status = child.wait().await.ok().map(|status| status.into_raw());
            let _ = exits.send((ended, status));
        });
        let pid = Some(running.leader);
        self.containers.insert(container, running);
        LaunchedContainer { pid, network_infos: Vec::new() }
    }

    /// Sends the leading process of a container a signal.
    fn signal(&self, container: &ContainerId, signal: i32) -> Result<(), String> {
        let text = |error: Errno| error.desc().to_owned();
        let running = self.containers.get(container).ok_or_else(|| text(Errno::ESRCH))?;
        // SAFETY: it takes two numbers, and nobody has reaped the process: the pid is its own.
        let sent = unsafe { nix::libc::kill(running.leader.cast_signed(), signal) };
        Errno::result(sent).map(drop).map_err(text)
    }

    fn recover(&mut self, known: Vec<RecoverContainer>) {
        let found = tree::marked_below(self.paths.work_dir());
        let directories: HashSet<&Path> = known.iter().map(|one| one.directory.as_path()).collect();
        let strangers: HashSet<&Path> = found
            .iter()
            .map(|marked| marked.directory.as_path())
            .filter(|directory| !directories.contains(directory))
            .collect();
        for directory in strangers {
            tracing::warn!("killing the unknown container in {}", directory.display());
            tree::kill_marked(directory);
        }
        for container in known {
            let same: Vec<_> = found
                .iter()
                .filter(|marked| marked.directory == container.directory)
                .cloned()
                .collect();
            // The pid on disk is missing where the last agent stopped right after the fork.
            let leader = container.pid.or_else(|| tree::leader(&same));
            self.adopt(container, leader);
        }
    }

    fn adopt(&mut self, container: RecoverContainer, leader: Option<u32>) {
        let RecoverContainer { container, directory, .. } = container;
        let runtime = Some(self.paths.runtime(&container)).filter(|path| runtime::is_one(path));
        let Some(leader) = leader else {
            tree::kill_marked(&directory);
            let status = runtime.as_deref().and_then(runtime::status);
            let termination = ContainerTermination { status, ..ContainerTermination::default() };
            return (self.report)(Event::ContainerTerminated { container, termination });
        };
        let exits = self.exits.clone();
        self.containers
            .insert(container.clone(), Running { leader, directory, tidy: false, runtime });
        tokio::spawn(async move {
            // It is no child of ours, so its status is not known.
            let status = subprocess::reap(leader as i32).await.map(|status| status.into_raw());
            let _ = exits.send((container, status));
        });
    }

    fn exited(&mut self, container: ContainerId, status: Option<i32>) {
        let Some(running) = self.containers.remove(&container) else { return };
        if running.tidy && status.is_some_and(|status| status & 0x7f == 0) {
            tree::kill_group(running.leader);
        } else {
            tree::kill_remains(running.leader, &running.directory);
        }
        let status = match &running.runtime {
            // What the first process wrote down is the command's status, not its own.
            Some(runtime) => runtime::status(runtime)
                .or_else(|| status.inspect(|status| runtime::remember(runtime, *status))),
            None => status,
        };
        let termination = ContainerTermination { status, ..ContainerTermination::default() };
        (self.report)(Event::ContainerTerminated { container, termination });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

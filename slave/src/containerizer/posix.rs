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
//! A container of a framework without checkpoints dies with that thread, and so with the agent:
//! its leader is killed when its parent ends. One of a framework with checkpoints is found again
//! by the next agent, by the pid on disk or by its environment.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use mesos::ids::ContainerId;
use mesos::resources::Resources;
use nix::sys::signal::Signal;
use slave_core::effect::{ExecutorKind, LaunchSpec, RecoverContainer};
use slave_core::event::{ContainerTermination, Event, LaunchedContainer};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::program::{self, BuiltIn};
use super::sandbox::{self, Owner};
use super::{Containerizer, LaunchError, Report, forked, tree};

/// The containerizer of `--launcher=posix`.
#[derive(Debug)]
pub struct Posix {
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Launch(Box<LaunchSpec>),
    Recover(Vec<RecoverContainer>),
    Update(ContainerId),
    Destroy(ContainerId),
}

impl Posix {
    /// Starts the thread. `sandboxes` is the directory that all sandboxes are below.
    ///
    /// # Errors
    /// The system has no thread or no descriptors to give.
    pub fn start(built_in: BuiltIn, sandboxes: PathBuf, report: Report) -> io::Result<Self> {
        let (orders, incoming) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let thread = std::thread::Builder::new()
            .name("containers".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || {
                let (exits, exited) = mpsc::unbounded_channel();
                let containers = HashMap::new();
                let launcher = Launcher { built_in, sandboxes, report, exits, containers };
                runtime.block_on(launcher.run(incoming, exited));
            })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
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
    built_in: BuiltIn,
    sandboxes: PathBuf,
    report: Report,
    exits: UnboundedSender<Exit>,
    containers: HashMap<ContainerId, Running>,
}

struct Running {
    leader: u32,
    directory: PathBuf,
    /// Whether the leader cleans up behind itself when it ends well: ours does.
    tidy: bool,
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
        }
    }

    fn launch(&mut self, spec: &LaunchSpec) -> Result<LaunchedContainer, LaunchError> {
        let owner = sandbox::owner(spec.user.as_deref())?;
        let mut command = program::command(spec, &self.built_in)?;
        let sandbox = sandbox::create(&spec.directory, owner)?;
        command.current_dir(&spec.directory);
        command.stdin(Stdio::null()).stdout(sandbox.stdout).stderr(sandbox.stderr);
        lead_session(&mut command, owner, spec.forked_pid_path.is_none());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|source| LaunchError::Spawn { program, source })?;
        // A child that nobody has waited for has a pid.
        let leader = child.id().unwrap_or_default();
        if let Some(path) = &spec.forked_pid_path
            && let Err(error) = forked::write(path, leader)
        {
            tree::kill_container(leader, &spec.directory);
            tokio::spawn(async move { child.wait().await });
            return Err(error.into());
        }
        let (exits, container) = (self.exits.clone(), spec.container.clone());
        tokio::spawn(async move {
            let status = child.wait().await.ok().map(ExitStatusExt::into_raw);
            let _ = exits.send((container, status));
        });
        let (directory, tidy) = (spec.directory.clone(), spec.kind == ExecutorKind::Command);
        self.containers.insert(spec.container.clone(), Running { leader, directory, tidy });
        Ok(LaunchedContainer { pid: Some(leader), network_infos: Vec::new() })
    }

    fn recover(&mut self, known: Vec<RecoverContainer>) {
        let found = tree::marked_below(&self.sandboxes);
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
        let watched = leader.and_then(|leader| Some((leader, watch(leader).ok()?)));
        let Some((leader, pidfd)) = watched else {
            tree::kill_marked(&directory);
            let termination = ContainerTermination::default();
            return (self.report)(Event::ContainerTerminated { container, termination });
        };
        let exits = self.exits.clone();
        self.containers.insert(container.clone(), Running { leader, directory, tidy: false });
        tokio::spawn(async move {
            // Whatever comes, an error too, there is nothing more to learn from it.
            let _ = pidfd.readable().await;
            let _ = exits.send((container, None));
        });
    }

    fn exited(&mut self, container: ContainerId, status: Option<i32>) {
        let Some(running) = self.containers.remove(&container) else { return };
        if running.tidy && status.is_some_and(|status| status & 0x7f == 0) {
            tree::kill_group(running.leader);
        } else {
            tree::kill_remains(running.leader, &running.directory);
        }
        let termination = ContainerTermination { status, ..ContainerTermination::default() };
        (self.report)(Event::ContainerTerminated { container, termination });
    }
}

/// Makes the command lead a session as its owner; where `mortal`, it dies with this thread.
fn lead_session(command: &mut Command, owner: Option<Owner>, mortal: bool) {
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid.as_raw()).gid(gid.as_raw());
    }
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec, and makes system calls only: it allocates
    // nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            if mortal {
                // After the change of user, which would undo it.
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                if nix::unistd::getppid() != parent {
                    return Err(io::Error::from(nix::Error::ESRCH));
                }
            }
            Ok(())
        });
    }
}

/// A descriptor that becomes readable when the process ends.
fn watch(pid: u32) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the call takes two numbers and returns a new descriptor or -1.
    let descriptor = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor has just been made, and nobody else knows it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
    // SAFETY: an `OwnedFd` stands for the same descriptor for as long as it lives.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

//! How an agent is started, and what its starter holds of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libprocess::{Node, NodeError, Pid};
use mesos::ids::AgentId;
use slave_core::event::{Event, Signal};
use slave_core::paths::Paths;
use slave_core::{Agent, Snapshot};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::checkpoint::{self, CheckpointError, boot};
use crate::config::Config;
use crate::containerizer::isolation::Isolation;
use crate::containerizer::launcher::Launcher;
use crate::containerizer::launcher::linux::Linux;
use crate::containerizer::launcher::posix::Posix;
use crate::containerizer::mesos::{Mesos, Parts as MesosParts, Programs};
use crate::detector::{Detector, DetectorError, Standalone};
use crate::isolators::select::{SelectError, select};
use crate::isolators::settings::Settings;
use crate::isolators::{IsolatorError, Limitation, Limited};
use crate::process::{AgentProcess, MakeContainerizer, Parts};
use crate::shared::Shared;
use crate::{PROCESS_ID, fetcher, metrics};

/// How long an agent may take to end. It only has to finish the event and the write it is at.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an agent cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The master cannot be found.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// The work directory cannot be used.
    #[error("cannot use --work_dir='{}': {source}", path.display())]
    WorkDir {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What the last run wrote down cannot be read at all.
    #[error("cannot recover: {0}")]
    Recovery(#[from] CheckpointError),
    /// Containers cannot be isolated as `--isolation` says.
    #[error(transparent)]
    Isolators(#[from] SelectError),
    /// Containers cannot be launched as `--launcher` says.
    #[error("Failed to create launcher: {0}")]
    Launcher(#[source] IsolatorError),
    /// The node does not take another process.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Starts an agent: reads what the last run wrote down, and returns. Its endpoints answer without
/// `/slave(1)` in front only if the node's delegate is [`PROCESS_ID`].
///
/// # Errors
/// See [`StartError`].
pub fn start(node: &Node, config: Config) -> Result<AgentHandle, StartError> {
    let detector = Standalone::new(&config.master)?;
    start_with(node, config, Box::new(detector))
}

/// As [`start`], with a detector of the caller's choice; `config.master` is not read.
///
/// # Errors
/// See [`StartError`].
pub fn start_with(
    node: &Node,
    config: Config,
    detector: Box<dyn Detector>,
) -> Result<AgentHandle, StartError> {
    let mut core_config = core_config(&config, node.address());
    core_config.work_dir = prepare(&core_config.work_dir)?;
    let paths = Paths::new(core_config.work_dir.clone());
    let recovered = checkpoint::recover(&paths)?;
    let boot_id = boot::current()?;
    let pid = core_config.pid.clone();
    let core = Agent::new(core_config, config.seed.unwrap_or_else(seed));
    let fetches = fetcher::Stats::new(config.fetcher.cache_bytes);
    let executor = config.executor.clone();
    let settings = config.isolation.within(paths.work_dir());
    let launcher = launcher(&settings)?;
    let (isolation, limitations) = isolation(&settings)?;
    let counts = (isolation.clone(), fetches);
    let shared = Arc::new(Shared::new(paths, config.flags, pid, executor, counts, core.snapshot()));
    metrics::register(node.metrics(), &shared);
    let fetcher = (config.fetcher.clone(), shared.fetcher.clone());
    let programs = Programs { executor: config.executor, init: config.init };
    let layout = shared.paths.clone();
    let stream_limit_bytes = config.stream_limit_bytes;
    let containerizer: MakeContainerizer = Box::new(|report| {
        let parts =
            MesosParts { programs, paths: layout, launcher, isolation, limitations, fetcher };
        Ok(Box::new(Mesos::start(parts, report)?))
    });
    let parts = Parts {
        core,
        recovered,
        boot_id,
        containerizer,
        detector,
        shared: shared.clone(),
        stream_limit_bytes,
    };
    let pid = node.spawn(PROCESS_ID, AgentProcess::new(parts))?;
    Ok(AgentHandle { node: node.clone(), pid, shared })
}

/// What the core has to know, with the address of the node.
fn core_config(config: &Config, address: SocketAddr) -> slave_core::Config {
    let mut core = config.core.clone();
    core.pid = format!("{PROCESS_ID}@{address}");
    core.ip = address.ip().to_string();
    core.port = address.port();
    core.info.port = i32::from(address.port());
    core.info.hostname = config.hostname.clone().unwrap_or_else(|| hostname(config, address.ip()));
    core
}

/// The name of the host at `ip`, or the address where there is no name or none is wanted.
fn hostname(config: &Config, ip: IpAddr) -> String {
    let own_name = || nix::unistd::gethostname().ok()?.into_string().ok();
    let name = if config.hostname_lookup && !ip.is_loopback() { own_name() } else { None };
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| ip.to_string())
}

/// The isolators, and where they tell of limits.
fn isolation(
    settings: &Settings,
) -> Result<(Isolation, UnboundedReceiver<Limitation>), StartError> {
    let (limited, limitations) = unbounded_channel();
    let limited: Limited = Arc::new(move |limitation| {
        // Without a containerizer there is nothing to limit.
        let _ = limited.send(limitation);
    });
    Ok((Isolation::new(select(settings, &limited)?), limitations))
}

/// The launcher of `--launcher`.
fn launcher(settings: &Settings) -> Result<Box<dyn Launcher>, StartError> {
    let work_dir = &settings.work_dir;
    if !settings.linux_launcher {
        return Ok(Box::new(Posix::new(work_dir)));
    }
    let cgroups = &settings.cgroups;
    let linux = Linux::new(work_dir, &cgroups.hierarchy, &cgroups.root);
    Ok(Box::new(linux.map_err(StartError::Launcher)?))
}

/// Makes the work directory. Its true name counts: executors are found by it after a restart.
fn prepare(work_dir: &Path) -> Result<PathBuf, StartError> {
    let fail = |source| StartError::WorkDir { path: work_dir.to_owned(), source };
    std::fs::create_dir_all(work_dir).map_err(fail)?;
    std::fs::canonicalize(work_dir).map_err(fail)
}

/// A number that no other start draws.
fn seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

/// An agent that was started. Dropping the handle does not end it.
#[derive(Clone)]
pub struct AgentHandle {
    node: Node,
    pid: Pid<AgentProcess>,
    shared: Arc<Shared>,
}

impl AgentHandle {
    /// Where the master and executors find it.
    pub fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// Its id, once the master has given it one.
    pub fn id(&self) -> Option<AgentId> {
        self.snapshot().info.id.clone()
    }

    /// What it knows at present.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Passes a signal of the operator on (row SL-09).
    pub fn signal(&self, signal: Signal) {
        self.node.dispatch(&self.pid, move |process: &mut AgentProcess, context| {
            process.step(context, Event::Signal(signal));
        });
    }

    /// Waits for its end, and says why it ended if it had to.
    pub async fn ended(&self) -> Option<String> {
        let mut receiver = self.shared.ended().subscribe();
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = receiver.wait_for(|ended| *ended).await;
        self.shared.error()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        *self.shared.ended().borrow()
    }

    /// Why it ended, if it had to.
    pub fn error(&self) -> Option<String> {
        self.shared.error()
    }

    /// Leaves the cluster: kills every task, and waits until that is done, `timeout` at most.
    /// Says whether it was done.
    pub fn leave(&self, timeout: Duration) -> bool {
        self.signal(Signal::Unregister);
        self.node.wait(&self.pid).blocking(Some(timeout))
    }

    /// Ends it at once, and waits until it is over. Executors of frameworks with checkpoints live
    /// on, for the next agent; the others end with it.
    pub fn stop(&self) {
        self.node.terminate(&self.pid, true);
        self.node.wait(&self.pid).blocking(Some(STOP_TIMEOUT));
    }
}

impl std::fmt::Debug for AgentHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentHandle").field("pid", &self.shared.pid).finish_non_exhaustive()
    }
}

//! A master in a node: for the `mesos` binary, for `mesos local`, and for tests. Many masters fit
//! into one program, each in a node of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use libprocess::{Node, NodeError, Pid};
use mesos::master_info::MasterInfo;
use thiserror::Error;
use tokio::sync::watch;

use crate::election::{Election, Standalone};
use crate::http::files::FilesProcess;
use crate::http::registrar::RegistrarProcess;
use crate::info::master_info;
use crate::metrics::MasterMetrics;
use crate::process::{MasterProcess, Parts};
use crate::registry::{Store, StoreError};
use crate::{Config, PROCESS_ID, registry};

/// Why a master did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its registry cannot be opened.
    #[error(transparent)]
    Registry(#[from] StoreError),
    /// The node does not take it.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Starts a master that leads as soon as its registry is read.
///
/// When this returns, its endpoints answer; since it waits for that, it must not be called on one
/// of the node's own threads. They answer without `/master` in front only if the node's delegate
/// is [`PROCESS_ID`].
///
/// # Errors
/// See [`StartError`].
pub fn start(node: &Node, config: Config) -> Result<MasterHandle, StartError> {
    start_with(node, config, Box::new(Standalone))
}

/// As [`start`], with an election of the caller's choice.
///
/// # Errors
/// See [`StartError`].
pub fn start_with(
    node: &Node,
    config: Config,
    election: Box<dyn Election>,
) -> Result<MasterHandle, StartError> {
    let store = registry::open(&config.registry)?;
    start_on(node, config, election, store)
}

/// As [`start_with`], with a store of the caller's choice; the configuration's is not used.
///
/// # Errors
/// See [`StartError`].
pub fn start_on(
    node: &Node,
    config: Config,
    election: Box<dyn Election>,
    store: Box<dyn Store>,
) -> Result<MasterHandle, StartError> {
    let info = master_info(&config, node.address());
    let end = Arc::new(End::default());
    let metrics = MasterMetrics::new(node.metrics().clone());
    let parts = Parts { config, info: info.clone(), store, election, metrics, end: end.clone() };
    let pid = node.spawn(PROCESS_ID, MasterProcess::new(parts))?;
    spawn_companions(node, &pid);
    // Behind its initialization, so that its endpoints answer whoever is told of it.
    let (sender, receiver) = mpsc::sync_channel(1);
    node.dispatch(&pid, move |_, _| {
        // Nobody waits any more if it took too long.
        let _ = sender.send(());
    });
    if let Err(error) = receiver.recv_timeout(PATIENCE) {
        tracing::warn!("the master was not initialized: {error}");
    }
    Ok(MasterHandle { node: node.clone(), pid, info, end })
}

/// Starts the processes that have endpoints beside the master's own.
fn spawn_companions(node: &Node, master: &Pid<MasterProcess>) {
    let files = FilesProcess { master: master.upid().clone() };
    let registrar = RegistrarProcess { master: master.clone() };
    // An agent in the same program serves its own files, and there may be other masters.
    let spawned =
        node.spawn("files", files).map(drop).and(node.spawn("registrar(1)", registrar).map(drop));
    if let Err(error) = spawned {
        tracing::debug!("the master has no endpoints beside its own: {error}");
    }
}

/// A master that was started. Dropping the handle does not end it.
#[derive(Clone)]
pub struct MasterHandle {
    node: Node,
    pid: Pid<MasterProcess>,
    info: MasterInfo,
    end: Arc<End>,
}

impl MasterHandle {
    /// Where agents and frameworks find it.
    pub fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// What it says of itself.
    pub fn info(&self) -> &MasterInfo {
        &self.info
    }

    /// Waits for its end, and says why it ended if it had to.
    pub async fn ended(&self) -> Option<String> {
        let mut receiver = self.end.sender.subscribe();
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = receiver.wait_for(|ended| *ended).await;
        self.reason()
    }

    /// Why it ended, if it has ended and had to.
    pub fn reason(&self) -> Option<String> {
        self.end.reason()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        *self.end.sender.borrow()
    }

    /// Ends it, and waits until it is over. Agents and frameworks find their connections closed.
    pub fn stop(&self) {
        self.node.terminate(&self.pid, true);
        self.node.wait(&self.pid).blocking(Some(PATIENCE));
    }
}

/// How long a master may take to begin or to end. It only has to finish the event that it is at.
const PATIENCE: Duration = Duration::from_secs(10);

impl std::fmt::Debug for MasterHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterHandle").field("pid", &self.info.pid).finish_non_exhaustive()
    }
}

/// Whether a master has ended, and why.
pub(crate) struct End {
    sender: watch::Sender<bool>,
    reason: Mutex<Option<String>>,
}

impl Default for End {
    fn default() -> Self {
        Self { sender: watch::Sender::new(false), reason: Mutex::default() }
    }
}

impl End {
    /// Says that the master has ended. Only the first reason counts.
    pub fn set(&self, reason: Option<String>) {
        if !*self.sender.borrow() {
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            self.sender.send_replace(true);
        }
    }

    fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

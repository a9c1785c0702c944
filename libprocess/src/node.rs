//! A node: one address, one listener, its processes.

use crate::cell::Cell;
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::context::{Context, LinkMode, thunk};
use crate::event::{Event, ProcessSnapshot};
use crate::filter::Filters;
use crate::latch::{Latch, Wait};
use crate::message::Parcel;
use crate::metrics::Metrics;
use crate::process::Running;
use crate::remote::{HttpHandler, Remote};
use crate::scheduler::Scheduler;
use crate::stats::Stats;
use crate::substrate::{LocalFuture, Runner, Substrate};
use crate::table::{Refusal, Route, RouteMatch, Table};
use crate::{Envelope, Limits, Message, Pid, Process, Upid};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use thiserror::Error;
use tokio::runtime::Handle;

/// Why a node did not do what it was asked.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The worker threads could not be started.
    #[error("cannot start {workers} worker threads: {source}")]
    Start {
        /// How many.
        workers: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// The id belongs to a process that lives.
    #[error("there is already a process '{0}'")]
    Taken(String),
    /// The node has been shut down.
    #[error("the node is shut down: cannot spawn '{0}'")]
    ShutDown(String),
}

/// Makes the main task of a worker.
type Work = Box<dyn Fn(usize) -> LocalFuture + Send>;

/// A node. Clones are the same node; it lives until [`Node::shutdown`].
#[derive(Clone)]
pub struct Node(Arc<Shared>);

/// What all parts of a node share.
pub(crate) struct Shared {
    config: NodeConfig,
    bound: SocketAddr,
    address: SocketAddr,
    scheduler: Arc<Scheduler>,
    table: Table,
    filters: Filters,
    stats: Stats,
    remote: Remote,
    http: OnceLock<HttpHandler>,
    /// Set when connections may be accepted.
    open: Latch,
    /// How many processes are between the end of their queue and the end of their exit.
    exiting: AtomicUsize,
    runtimes: Vec<Handle>,
    next_runtime: AtomicUsize,
    substrate: Mutex<Option<Substrate>>,
}

impl Node {
    /// Starts a node: binds, starts the workers, listens. Blocks only for that; may be called from
    /// anywhere.
    ///
    /// Who connects to a node with a [delegate](NodeConfig::delegate) waits until that process has
    /// initialized itself: else a daemon that restarts would tell its clients, in an instant of no
    /// routes, that it is something else (404), and they would give up.
    ///
    /// # Errors
    /// When the address cannot be bound or threads cannot be started.
    pub fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let workers = config.worker_count();
        let (node, ()) = Self::build(config, workers, |name, work| {
            Ok((Substrate::start(name, workers, work)?, ()))
        })?;
        Ok(node)
    }

    /// As [`Node::start`], with the calling thread as its only worker, once that is told to
    /// [`Runner::run`]. For small programs: there is no other thread.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn on_this_thread(config: NodeConfig) -> Result<(Self, Runner), NodeError> {
        Self::build(config, 1, |_, work| Substrate::here(work))
    }

    fn build<T>(
        config: NodeConfig,
        workers: usize,
        start: impl FnOnce(String, Work) -> std::io::Result<(Substrate, T)>,
    ) -> Result<(Self, T), NodeError> {
        let bind = |source| NodeError::Bind { address: config.bind, source };
        let listener = TcpListener::bind(config.bind).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        let address = advertised(&config, bound);
        let scheduler = Arc::new(Scheduler::new(workers));
        let work = scheduler.clone();
        let work: Work = Box::new(move |index| Box::pin(work.clone().work(index)));
        let (substrate, started) = start(format!("node:{}", bound.port()), work)
            .map_err(|source| NodeError::Start { workers, source })?;
        let runtimes = substrate.workers().iter().map(|worker| worker.runtime.clone()).collect();
        let shared = Arc::new(Shared {
            remote: Remote::default(),
            http: OnceLock::new(),
            open: Latch::default(),
            config,
            bound,
            address,
            scheduler,
            table: Table::default(),
            filters: Filters::default(),
            stats: Stats::default(),
            exiting: AtomicUsize::new(0),
            runtimes,
            next_runtime: AtomicUsize::new(0),
            substrate: Mutex::new(None),
        });
        let node = Self(shared);
        if node.0.config.delegate.is_none() {
            node.0.open.set();
        }
        node.0.config.clock.attach(&node.0);
        node.0.runtimes()[0].spawn(node.0.config.clock.clone().drive());
        crate::web::attach(&node);
        let listening = crate::remote::listen(&node, &listener, &substrate);
        *node.0.substrate() = Some(substrate);
        if let Err(source) = listening {
            node.shutdown();
            return Err(NodeError::Bind { address: bound, source });
        }
        Ok((node, started))
    }

    /// Waits for a moment until what was sent to other nodes is on its way, as
    /// [`Node::shutdown`] does where it may block.
    pub async fn flush(&self) {
        self.0.remote.flush().await;
    }

    pub(crate) fn from_shared(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// The address in the names of this node's processes.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The address that this node listens on.
    pub fn bound_address(&self) -> SocketAddr {
        self.0.bound
    }

    /// Starts a process under an id.
    ///
    /// # Errors
    /// When a living process has that id, or the node is shut down.
    pub fn spawn<P: Process>(&self, id: &str, process: P) -> Result<Pid<P>, NodeError> {
        let cell = Cell::new(id.into(), self.0.clone());
        match self.0.table.insert(&cell) {
            Ok(()) => Ok(self.launch(&cell, process)),
            Err(Refusal::Taken) => Err(NodeError::Taken(id.to_owned())),
            Err(Refusal::Closed) => Err(NodeError::ShutDown(id.to_owned())),
        }
    }

    /// Starts a process under the id `prefix(1)`, `prefix(2)`, ... (LP-02). On a node that has
    /// been shut down it never runs.
    pub fn spawn_unique<P: Process>(&self, prefix: &str, process: P) -> Pid<P> {
        loop {
            let id = self.0.table.unique_id(prefix);
            let cell = Cell::new(id, self.0.clone());
            match self.0.table.insert(&cell) {
                Ok(()) => return self.launch(&cell, process),
                Err(Refusal::Taken) => {}
                Err(Refusal::Closed) => {
                    cell.mailbox().close();
                    return Pid::new(cell.upid());
                }
            }
        }
    }

    fn launch<P: Process>(&self, cell: &Arc<Cell>, process: P) -> Pid<P> {
        self.0.stats.processes.add(1);
        let pid = Pid::<P>::new(cell.upid());
        let context = Context::new(pid.clone(), cell.clone());
        cell.start(Box::new(Running::new(process, context)));
        pid
    }

    /// Sends a message to a process anywhere: at most once, in order per sender and receiver
    /// (LP-04). Never blocks.
    pub fn send<M: Message>(&self, from: Option<&Upid>, to: &Upid, name: &'static str, message: M) {
        self.send_from(from.unwrap_or(&Upid::nobody()), to, name, message);
    }

    pub(crate) fn send_from<M: Message>(
        &self,
        from: &Upid,
        to: &Upid,
        name: &'static str,
        body: M,
    ) {
        match self.0.find(to) {
            Found::Here(cell) => {
                let parcel = Parcel { from: from.clone(), name, body };
                if !cell.deliver(Event::Message(Box::new(parcel))) {
                    self.0.stats.dropped_unknown_process.add(1);
                }
            }
            Found::Nobody => self.0.stats.dropped_unknown_process.add(1),
            Found::Elsewhere => self.0.remote.send(&self.0, (from, to), name, &body),
        }
    }

    /// Sends a received message on; it appears to come from its first sender.
    pub fn forward(&self, to: &Upid, envelope: Envelope) {
        match self.0.find(to) {
            Found::Here(cell) => {
                if !cell.deliver(envelope.into_event()) {
                    self.0.stats.dropped_unknown_process.add(1);
                }
            }
            Found::Nobody => self.0.stats.dropped_unknown_process.add(1),
            Found::Elsewhere => match envelope.encode() {
                Ok(body) => {
                    let between = (envelope.from(), to);
                    self.0.remote.send_raw(&self.0, between, envelope.name(), &body);
                }
                Err(error) => {
                    self.0.stats.encode_failures.add(1);
                    tracing::warn!("cannot forward to {to}: {error}");
                }
            },
        }
    }

    /// Runs `f` on a process of this node, behind what is queued there.
    pub fn dispatch<P: Process>(
        &self,
        to: &Pid<P>,
        f: impl FnOnce(&mut P, &mut Context<P>) + Send + 'static,
    ) {
        if let Some(cell) = to.cell() {
            cell.deliver(Event::Dispatch(thunk(f)));
        }
    }

    /// Ends a process of this node: after its current event if `inject`, else after all that is
    /// queued (LP-01).
    pub fn terminate(&self, pid: &Upid, inject: bool) {
        if let Found::Here(cell) = self.0.find(pid) {
            cell.terminate(inject);
        }
    }

    /// The end of a process of this node; over at once if there is none.
    pub fn wait(&self, pid: &Upid) -> Wait {
        match (pid.cell(), self.0.find(pid)) {
            // The very process that the name was made for, though its id may be taken again.
            (Some(cell), _) if Arc::ptr_eq(cell.node(), &self.0) => wait_for(cell.clone()),
            (_, Found::Here(cell)) => wait_for(cell),
            _ => Wait::over(),
        }
    }

    pub(crate) fn link(&self, linker: &Arc<Cell>, to: &Upid, mode: LinkMode) {
        if to.is_nobody() {
            return;
        }
        if !linker.add_target(to) {
            // The link stays as it is, but what carries it may be half open.
            if mode == LinkMode::Reconnect && matches!(self.0.find(to), Found::Elsewhere) {
                self.0.remote.link(&self.0, linker, to, mode);
            }
            return;
        }
        let alive = match self.0.find(to) {
            Found::Here(cell) => cell.add_linker(linker),
            Found::Nobody => false,
            Found::Elsewhere => self.0.remote.link(&self.0, linker, to, mode),
        };
        if !alive {
            linker.deliver(Event::Exited(to.clone()));
        }
    }

    /// Serves connections that are not for messages with `handler`; without one they are closed.
    /// Only the first call counts.
    pub fn serve_http_with(&self, handler: HttpHandler) {
        // A second handler is a mistake of this crate, and changes nothing.
        let _ = self.0.http.set(handler);
    }

    pub(crate) fn add_route(&self, cell: &Arc<Cell>, route: Route) {
        self.0.table.add_route(cell, route);
    }

    /// The process that answers a decoded path, if one does.
    pub fn lookup_route(&self, path: &str) -> Option<RouteMatch> {
        self.0.table.lookup_route(path, self.0.config.delegate.as_deref())
    }

    /// Every process that has routes, by id, each with its routes.
    pub fn routes(&self) -> Vec<(String, Vec<Arc<Route>>)> {
        self.0.table.routes()
    }

    /// Every process with what waits in its queue, by id (LP-19).
    pub fn processes(&self) -> Vec<ProcessSnapshot> {
        let snapshot = |cell: Arc<Cell>| {
            let (events, queued) = cell.mailbox().summary();
            ProcessSnapshot { id: cell.id().to_string(), events, queued }
        };
        self.0.table.all().into_iter().map(snapshot).collect()
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.config.clock
    }

    /// The registry of the node's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.0.config.metrics
    }

    /// What the node counts about itself.
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// Filters on what enters the queues of this node's processes; for tests (LP-12).
    pub fn filter(&self) -> &Filters {
        &self.0.filters
    }

    /// What the node was started with.
    pub fn config(&self) -> &NodeConfig {
        &self.0.config
    }

    /// A runtime on which futures that are `Send` can be spawned: the one of this worker, or of
    /// some worker.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Ends all processes, closes all connections, stops the threads and joins them. What is queued
    /// is lost. Blocks, except on a worker's own thread, where it ends soon after.
    pub fn shutdown(&self) {
        self.0.table.close();
        let own = self.0.scheduler.current_worker().is_some();
        for cell in self.0.table.all() {
            cell.terminate(true);
            if !own {
                wait_for(cell).blocking(None);
            }
        }
        self.0.remote.close(!own);
        self.0.config.clock.detach(&self.0);
        self.0.scheduler.stop();
        let substrate = self.0.substrate().take();
        if let Some(substrate) = substrate {
            substrate.stop();
        }
        self.0.remote.clear();
    }
}

fn wait_for(cell: Arc<Cell>) -> Wait {
    if cell.is_over() { Wait::over() } else { Wait::until(cell) }
}

/// The address for process names: see [`NodeConfig::advertise`].
fn advertised(config: &NodeConfig, bound: SocketAddr) -> SocketAddr {
    let mut address = config.advertise.unwrap_or(bound);
    if address.port() == 0 {
        address.set_port(bound.port());
    }
    if address.ip().is_unspecified() {
        address.set_ip(default_ip(address.is_ipv6()));
    }
    address
}

/// The address of the interface that the default route leaves by, else the loopback address.
/// Connecting a datagram socket sends nothing; it only makes the kernel choose.
fn default_ip(v6: bool) -> IpAddr {
    let (any, far, loopback): (IpAddr, IpAddr, IpAddr) = if v6 {
        let far = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        (Ipv6Addr::UNSPECIFIED.into(), far.into(), Ipv6Addr::LOCALHOST.into())
    } else {
        let far = Ipv4Addr::new(198, 51, 100, 1);
        (Ipv4Addr::UNSPECIFIED.into(), far.into(), Ipv4Addr::LOCALHOST.into())
    };
    UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect((far, 9)).and_then(|()| socket.local_addr()))
        .map_or(loopback, |address| address.ip())
}

/// Where a name leads.
pub(crate) enum Found {
    /// To a process of this node.
    Here(Arc<Cell>),
    /// To this node, which has no such process.
    Nobody,
    /// To another node.
    Elsewhere,
}

impl Shared {
    pub fn find(&self, to: &Upid) -> Found {
        if let Some(cell) = to.cell()
            && std::ptr::eq(Arc::as_ptr(cell.node()), self)
            && !cell.is_over()
        {
            return Found::Here(cell.clone());
        }
        let address = to.address();
        if address != self.address && address != self.bound {
            return if to.is_nobody() { Found::Nobody } else { Found::Elsewhere };
        }
        self.process(to.id()).map_or(Found::Nobody, Found::Here)
    }

    /// The process with an id; the delegate for the empty one.
    pub fn process(&self, id: &str) -> Option<Arc<Cell>> {
        let id = if id.is_empty() { self.config.delegate.as_deref()? } else { id };
        self.table.get(id)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn bound(&self) -> SocketAddr {
        self.bound
    }

    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    pub fn http_handler(&self) -> Option<&HttpHandler> {
        self.http.get()
    }

    /// Notes that a process has initialized itself.
    pub fn initialized(&self, id: &str) {
        if self.config.delegate.as_deref() == Some(id) {
            self.open.set();
        }
    }

    /// Set when connections may be accepted.
    pub fn open(&self) -> &Latch {
        &self.open
    }

    pub fn checks_peer_ip(&self) -> bool {
        self.config.require_peer_ip_match
    }

    fn substrate(&self) -> MutexGuard<'_, Option<Substrate>> {
        self.substrate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub fn runtimes(&self) -> &[Handle] {
        &self.runtimes
    }

    pub fn handle(&self) -> Handle {
        let runtimes = self.runtimes();
        let index = self
            .scheduler
            .current_worker()
            .unwrap_or_else(|| self.next_runtime.fetch_add(1, Ordering::Relaxed) % runtimes.len());
        runtimes[index].clone()
    }

    /// How many events wait in all queues.
    pub fn queued(&self) -> usize {
        self.table.all().iter().map(|cell| cell.mailbox().len()).sum()
    }

    /// Takes a process that ended out of the table.
    pub fn forget(&self, cell: &Arc<Cell>) {
        self.table.remove(cell);
        self.stats.processes.subtract(1);
    }

    /// Takes back a link of a process that ended.
    pub fn unlink(&self, linker: &Arc<Cell>, target: &Upid) {
        match self.find(target) {
            Found::Here(cell) => cell.remove_linker(linker),
            Found::Nobody => {}
            Found::Elsewhere => self.remote.unlink(linker, target),
        }
    }

    /// Marks a process as on its way out, until the guard is dropped.
    pub fn exiting(self: &Arc<Self>) -> Exiting {
        self.exiting.fetch_add(1, Ordering::SeqCst);
        Exiting(self.clone())
    }

    /// `None` while something is to do, else a number that tells whether something was done since
    /// the last call.
    ///
    /// `nodes` are those that share a clock with this one, itself among them.
    pub fn quiet(self: &Arc<Self>, nodes: &[Arc<Self>]) -> Option<u64> {
        // Before the looks: what is sent or received during them must change the number.
        let mut activity = self.stats.frames_sent.get() + self.stats.frames_received.get();
        fence(Ordering::SeqCst);
        if self.exiting.load(Ordering::SeqCst) > 0 || !self.remote.quiet(self, nodes) {
            return None;
        }
        for cell in self.table.all() {
            let (quiet, activations) = cell.mailbox().quiet();
            if !quiet {
                return None;
            }
            activity = activity.wrapping_add(activations);
        }
        Some(activity)
    }
}

/// See [`Shared::exiting`].
pub(crate) struct Exiting(Arc<Shared>);

impl Drop for Exiting {
    fn drop(&mut self) {
        self.0.exiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.0.address)
    }
}

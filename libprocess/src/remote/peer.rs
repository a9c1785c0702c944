//! What a node keeps about one other node: what waits to be sent there, and who linked there.
//!
//! ```text
//!            send, link                     handshake done
//!   Idle  ---------------->  Connecting  ------------------>  Connected
//!    ^  ^                      |    ^                           |  |  |
//!    |  `-- failed: `exited` --'    `--- link by Reconnect -----'  |  |
//!    |                                   (a new generation)        |  |
//!    |---------------- broken: `exited` to all linkers ------------'  |
//!    `---------------- no links and nothing to send for a while ------'
//! ```
//!
//! The connection itself is a task, see `outbound.rs`. A generation numbers the connections, so
//! that the task of one that has been replaced changes nothing any more.

use super::outbound;
use super::wire::{self, WireError};
use crate::Upid;
use crate::cell::Cell;
use crate::context::LinkMode;
use crate::event::Event;
use crate::node::Shared;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// An emptied buffer of more than this many bytes is given back.
const KEEP_BUFFER: usize = 1 << 20;

/// The other node is gone from the table of peers: look it up again.
#[derive(Debug)]
pub(crate) struct Retired;

/// See the head of this file.
pub(crate) struct Peer {
    address: SocketAddr,
    node: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    Connecting,
    Connected,
}

struct State {
    phase: Phase,
    generation: u64,
    retired: bool,
    /// Encoded frames that no connection has taken yet, and how many they are.
    buffer: Vec<u8>,
    buffered: u64,
    /// Bytes that the connection took and has not written yet.
    writing: usize,
    /// Frames that this generation's connection took, and answers that came back.
    taken: u64,
    heard: u64,
    /// Connections that are being closed in good order.
    closing: usize,
    /// Tells the writer of this generation that there is something to write, or a new generation.
    ready: Arc<Notify>,
    /// The writer waits for `ready`.
    sleeping: bool,
    links: HashMap<Arc<str>, Link>,
    next_link: u64,
}

struct Link {
    /// Tells this link from earlier ones to the same process.
    number: u64,
    /// The processes that linked, by the address of their cell.
    linkers: HashMap<usize, Arc<Cell>>,
}

/// What a writer finds.
pub(crate) enum Taken {
    /// The spare buffer now holds frames: this many.
    Frames(u64),
    /// There is nothing; with links the connection stays, else it may end.
    Nothing { linked: bool },
    /// Another connection has replaced this one.
    Superseded,
}

impl Peer {
    pub fn new(address: SocketAddr, node: Arc<Shared>) -> Self {
        Self {
            address,
            node,
            state: Mutex::new(State {
                phase: Phase::Idle,
                generation: 0,
                retired: false,
                buffer: Vec::new(),
                buffered: 0,
                writing: 0,
                taken: 0,
                heard: 0,
                closing: 0,
                ready: Arc::default(),
                sleeping: false,
                links: HashMap::new(),
                next_link: 0,
            }),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn node(&self) -> &Arc<Shared> {
        &self.node
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Serializers of messages run under this lock, and may panic: the frame that was begun is
        // then cut off by `put`.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues the message frame that `write` appends. A full queue drops it (LP-04).
    pub fn put(
        self: &Arc<Self>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), Retired> {
        let mut state = self.lock();
        if state.retired {
            return Err(Retired);
        }
        let stats = self.node.stats();
        if state.buffer.len() + state.writing >= self.node.limits().outbound_queue_bytes {
            stats.dropped_queue_full.add(1);
            return Ok(());
        }
        let before = state.buffer.len();
        let guard = CutOnPanic { state: &mut state, before };
        let written = write(&mut guard.state.buffer);
        std::mem::forget(guard);
        match written {
            Ok(()) => {
                state.buffered += 1;
                stats.frames_sent.add(1);
                self.activate(&mut state);
            }
            Err(error) => {
                stats.encode_failures.add(1);
                tracing::warn!("a message to {} is dropped: {error}", self.address);
            }
        }
        Ok(())
    }

    /// Makes the connection, or wakes its writer.
    fn activate(self: &Arc<Self>, state: &mut State) {
        if state.phase == Phase::Idle {
            self.connect(state);
        } else if std::mem::take(&mut state.sleeping) {
            state.ready.notify_one();
        }
    }

    fn connect(self: &Arc<Self>, state: &mut State) {
        state.phase = Phase::Connecting;
        state.generation += 1;
        state.taken = 0;
        state.heard = 0;
        state.sleeping = false;
        state.ready = Arc::default();
        let task = outbound::run(self.clone(), state.generation, state.ready.clone());
        self.node.handle().spawn(task);
    }

    /// Adds a linker; see [`LinkMode`].
    pub fn link(
        self: &Arc<Self>,
        linker: &Arc<Cell>,
        to: &Upid,
        mode: LinkMode,
    ) -> Result<(), Retired> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.retired {
            return Err(Retired);
        }
        let id = to.shared_id();
        let fresh = !state.links.contains_key(&id);
        if fresh {
            state.next_link += 1;
        }
        let number = state.next_link;
        let link = state
            .links
            .entry(id.clone())
            .or_insert_with(|| Link { number, linkers: HashMap::new() });
        link.linkers.insert(Arc::as_ptr(linker).addr(), linker.clone());
        match (mode, state.phase) {
            // A connect that is under way is as new as can be.
            (LinkMode::Reconnect, Phase::Connected) => {
                // The old connection must notice; it is being closed until it says otherwise.
                state.ready.notify_one();
                state.closing += 1;
                self.connect(state);
            }
            // Links are announced when the connection stands.
            (_, Phase::Connected) if fresh => {
                wire::put_link(&mut state.buffer, &id, number);
                state.buffered += 1;
                self.node.stats().frames_sent.add(1);
                self.activate(state);
            }
            _ => self.activate(state),
        }
        Ok(())
    }

    /// Removes a linker that has ended.
    pub fn unlink(self: &Arc<Self>, linker: &Arc<Cell>, id: &str) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(link) = state.links.get_mut(id) else { return };
        link.linkers.remove(&Arc::as_ptr(linker).addr());
        if link.linkers.is_empty() {
            let number = link.number;
            state.links.remove(id);
            if state.phase == Phase::Connected {
                wire::put_unlink(&mut state.buffer, id, number);
                state.buffered += 1;
                self.node.stats().frames_sent.add(1);
                self.activate(state);
            }
        }
    }

    /// The connection of `generation` stands: its links are announced ahead of all else. False if
    /// it has been replaced meanwhile.
    pub fn connected(&self, generation: u64) -> bool {
        let mut state = self.lock();
        if state.generation != generation {
            return false;
        }
        state.phase = Phase::Connected;
        let mut buffer = Vec::new();
        for (id, link) in &state.links {
            wire::put_link(&mut buffer, id, link.number);
        }
        state.buffered += state.links.len() as u64;
        self.node.stats().frames_sent.add(state.links.len() as u64);
        buffer.append(&mut state.buffer);
        state.buffer = buffer;
        true
    }

    /// Moves what is to be written into `spare`, which is empty. The caller reports with
    /// [`Peer::wrote`].
    pub fn take(&self, generation: u64, spare: &mut Vec<u8>) -> Taken {
        let mut state = self.lock();
        if state.generation != generation {
            return Taken::Superseded;
        }
        if state.buffer.is_empty() {
            state.sleeping = true;
            if state.buffer.capacity() > KEEP_BUFFER {
                state.buffer = Vec::new();
            }
            if spare.capacity() > KEEP_BUFFER {
                *spare = Vec::new();
            }
            return Taken::Nothing { linked: !state.links.is_empty() };
        }
        std::mem::swap(&mut state.buffer, spare);
        state.sleeping = false;
        state.writing = spare.len();
        let frames = std::mem::take(&mut state.buffered);
        state.taken += frames;
        Taken::Frames(frames)
    }

    /// What was taken has been written, or is lost.
    pub fn wrote(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.writing = 0;
        }
    }

    /// Queues a probe.
    pub fn ping(self: &Arc<Self>, generation: u64, number: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            wire::put_ping(&mut state.buffer, number);
            self.activate(&mut state);
        }
    }

    /// Ends the connection if there is still nothing to send and nobody linked.
    pub fn close_if_idle(&self, generation: u64) -> bool {
        let mut state = self.lock();
        let idle =
            state.generation == generation && state.buffer.is_empty() && state.links.is_empty();
        if idle {
            state.phase = Phase::Idle;
            // Nothing that the closing connection still hears counts.
            state.generation += 1;
            state.closing += 1;
        }
        idle
    }

    /// A connection that was replaced, or had nothing to do, has closed.
    pub fn closed(&self) {
        self.lock().closing -= 1;
    }

    /// The other node says that one of its processes is gone, or never was.
    pub fn process_exited(&self, generation: u64, id: &str, number: u64) {
        // Until it is in the queues, the node is not quiet.
        let _exiting = self.node.exiting();
        let link = {
            let mut state = self.lock();
            if state.generation != generation {
                return;
            }
            state.heard += 1;
            if state.links.get(id).is_none_or(|link| link.number != number) {
                return;
            }
            // Without links the writer may want to end the connection.
            let link = state.links.remove(id);
            if state.links.is_empty() {
                state.sleeping = false;
                state.ready.notify_one();
            }
            link
        };
        let upid = Upid::new(id, self.address);
        for linker in link.into_iter().flat_map(|link| link.linkers.into_values()) {
            linker.deliver(Event::Exited(upid.clone()));
        }
    }

    /// The connection of `generation` failed or broke: what waited is lost, and every linker gets
    /// its `exited`. `lost` frames were under way. False if it had been replaced meanwhile, which
    /// changes nothing for anybody else.
    pub fn broken(&self, generation: u64, lost: u64) -> bool {
        let _exiting = self.node.exiting();
        let links = {
            let mut state = self.lock();
            self.node.stats().dropped_disconnected.add(lost);
            if state.generation != generation {
                return false;
            }
            self.node.stats().dropped_disconnected.add(state.buffered);
            state.phase = Phase::Idle;
            state.generation += 1;
            state.buffer = Vec::new();
            state.buffered = 0;
            state.writing = 0;
            std::mem::take(&mut state.links)
        };
        for (id, link) in links {
            let upid = Upid::new(id, self.address);
            for linker in link.linkers.into_values() {
                linker.deliver(Event::Exited(upid.clone()));
            }
        }
        true
    }

    /// Marks the peer as gone from the table, if nothing holds it there.
    pub fn retire(&self) -> bool {
        let mut state = self.lock();
        state.retired |=
            state.phase == Phase::Idle && state.buffer.is_empty() && state.closing == 0;
        state.retired
    }

    /// Whether all that was queued has been written.
    pub fn is_flushed(&self) -> bool {
        let state = self.lock();
        state.phase == Phase::Idle || (state.buffer.is_empty() && state.writing == 0)
    }

    /// Whether nothing is on its way to or from the other node, which has received `received`
    /// frames on its side of the connection and sent `answered`.
    pub fn quiet(&self, received: u64, answered: u64) -> bool {
        let state = self.lock();
        match state.phase {
            Phase::Idle => state.closing == 0,
            Phase::Connecting => false,
            Phase::Connected => {
                state.closing == 0
                    && state.buffered == 0
                    && state.taken == received
                    && state.heard == answered
            }
        }
    }

    /// Whether this connection has been replaced.
    pub fn is_superseded(&self, generation: u64) -> bool {
        self.lock().generation != generation
    }

    /// How long an old connection may take to finish when it has been replaced or has ended.
    pub const CLOSE_GRACE: Duration = Duration::from_secs(1);
}

/// Removes a half-written frame when the serializer of a message panics.
struct CutOnPanic<'a> {
    state: &'a mut State,
    before: usize,
}

impl Drop for CutOnPanic<'_> {
    fn drop(&mut self) {
        self.state.buffer.truncate(self.before);
    }
}

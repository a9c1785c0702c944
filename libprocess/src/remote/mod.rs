//! Messages to and from other nodes.
//!
//! Reading order: `wire` (the bytes), `peer` (what is kept about another node), `outbound` (the
//! connection to it), `inbound` (the connection from it), `listener` (which protocol a connection
//! speaks). Nothing here retries: a connection that breaks loses what it held, and says so to
//! those who linked (LP-04, LP-06).

#[cfg(fuzzing)]
pub mod fuzzing;
mod inbound;
mod listener;
mod outbound;
mod peer;
mod wire;

pub(crate) use inbound::Inbound;
pub use listener::HttpHandler;
pub(crate) use listener::listen;

use crate::cell::Cell;
use crate::latch::Latch;
use crate::node::Shared;
use crate::{LinkMode, Message, Upid, message};
use outbound::ConnectionError;
use peer::{Peer, Retired};
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use wire::{Hello, WireError};

/// How long a shutdown waits for what has been queued to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// Where a connection comes from: the address that the node gives itself, and the one that the
/// system shows, so that no host can push aside the connection of another.
type Origin = (SocketAddr, IpAddr);

/// The other nodes, as one node knows them.
#[derive(Default)]
pub(crate) struct Remote {
    peers: Mutex<HashMap<SocketAddr, Arc<Peer>, foldhash::fast::RandomState>>,
    /// The latest connection from each node.
    inbound: Mutex<HashMap<Origin, Arc<Inbound>>>,
    /// Set at the end, for the listeners.
    closed: Latch,
    closing: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    /// The peer at `address`; none once the node is closing.
    fn peer(&self, node: &Arc<Shared>, address: SocketAddr) -> Option<Arc<Peer>> {
        let mut peers = lock(&self.peers);
        if let Some(peer) = peers.get(&address) {
            return Some(peer.clone());
        }
        if self.closing.load(Ordering::SeqCst) {
            return None;
        }
        let peer = Arc::new(Peer::new(address, node.clone()));
        peers.insert(address, peer.clone());
        Some(peer)
    }

    /// Does something with the peer at `address`, which may have to be looked up again.
    fn with_peer(
        &self,
        node: &Arc<Shared>,
        address: SocketAddr,
        mut f: impl FnMut(&Arc<Peer>) -> Result<(), Retired>,
    ) -> bool {
        loop {
            match self.peer(node, address) {
                None => return false,
                Some(peer) => {
                    if f(&peer).is_ok() {
                        return true;
                    }
                }
            }
        }
    }

    pub fn send<M: Message>(
        &self,
        node: &Arc<Shared>,
        (from, to): (&Upid, &Upid),
        name: &'static str,
        body: &M,
    ) {
        let limit = node.limits().frame_bytes;
        let from = (from, node.address());
        let sent = self.with_peer(node, to.address(), |peer| {
            peer.put(|out| {
                wire::put_message(out, limit, from, (to.id(), name), |out| {
                    message::encode_into(name, body, out)
                })
            })
        });
        if !sent {
            node.stats().dropped_disconnected.add(1);
        }
    }

    pub fn send_raw(
        &self,
        node: &Arc<Shared>,
        (from, to): (&Upid, &Upid),
        name: &str,
        body: &[u8],
    ) {
        let limit = node.limits().frame_bytes;
        let from = (from, node.address());
        let sent = self.with_peer(node, to.address(), |peer| {
            peer.put(|out| wire::put_raw_message(out, limit, from, (to.id(), name), body))
        });
        if !sent {
            node.stats().dropped_disconnected.add(1);
        }
    }

    /// Links a process of this node to one of another; false when the node is closing.
    pub fn link(&self, node: &Arc<Shared>, linker: &Arc<Cell>, to: &Upid, mode: LinkMode) -> bool {
        self.with_peer(node, to.address(), |peer| peer.link(linker, to, mode))
    }

    pub fn unlink(&self, linker: &Arc<Cell>, to: &Upid) {
        let peer = lock(&self.peers).get(&to.address()).cloned();
        if let Some(peer) = peer {
            peer.unlink(linker, to.id());
        }
    }

    /// Forgets a peer that nothing holds.
    fn retire(&self, peer: &Arc<Peer>) {
        let mut peers = lock(&self.peers);
        if peer.retire() {
            peers.remove(&peer.address());
        }
    }

    /// Puts a new connection in the place of the one before it from the same node.
    fn replace_inbound(&self, from: Origin, new: &Arc<Inbound>) -> Option<Arc<Inbound>> {
        lock(&self.inbound).insert(from, new.clone())
    }

    fn forget_inbound(&self, from: Origin, old: &Arc<Inbound>) {
        let mut inbound = lock(&self.inbound);
        if inbound.get(&from).is_some_and(|known| Arc::ptr_eq(known, old)) {
            inbound.remove(&from);
        }
    }

    /// How many frames have come by the connection from `address`, and how many exits were told.
    fn counts(&self, address: SocketAddr) -> (u64, u64) {
        let inbound = lock(&self.inbound);
        let mut all = inbound.iter().filter(|((from, _), _)| *from == address);
        all.next().map_or((0, 0), |(_, inbound)| inbound.counts())
    }

    /// Whether nothing is on its way from `node`, whose part this is, to any of `nodes`.
    pub fn quiet(&self, node: &Arc<Shared>, nodes: &[Arc<Shared>]) -> bool {
        let peers: Vec<_> = lock(&self.peers).values().cloned().collect();
        peers.iter().all(|peer| {
            let Some(other) = nodes.iter().find(|other| other.address() == peer.address()) else {
                return true;
            };
            let (received, answered) = other.remote().counts(node.address());
            peer.quiet(received, answered)
        })
    }

    /// Lets what is queued be written for a moment, and ends listening.
    pub fn close(&self, wait: bool) {
        self.closing.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + FLUSH;
        while wait && Instant::now() < deadline && !self.is_flushed() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.closed.set();
    }

    fn is_flushed(&self) -> bool {
        let peers: Vec<_> = lock(&self.peers).values().cloned().collect();
        peers.iter().all(|peer| peer.is_flushed())
    }

    /// Waits until what is queued has been written, for a moment.
    pub async fn flush(&self) {
        let deadline = Instant::now() + FLUSH;
        while Instant::now() < deadline && !self.is_flushed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Breaks the reference cycles between node, peers and connections; after the threads ended.
    pub fn clear(&self) {
        let peers = std::mem::take(&mut *lock(&self.peers));
        let inbound = std::mem::take(&mut *lock(&self.inbound));
        drop((peers, inbound));
    }
}

/// What `future` comes to within `timeout`.
async fn within<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(timeout, future).await.ok()
}

/// Reads magic, length and hello.
async fn read_hello(stream: &mut TcpStream) -> Result<Hello, ConnectionError> {
    let mut head = [0; wire::MAGIC.len() + wire::PREFIX];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; Hello::length(&head)?];
    stream.read_exact(&mut body).await?;
    Ok(Hello::decode(&body)?)
}

/// Whether an error says that the other side broke the protocol.
fn is_protocol_error(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::Wire(_))
}

fn is_oversize(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::Wire(WireError::LongFrame(..)))
}

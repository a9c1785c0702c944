//! The one port: accepts connections and finds out which protocol each speaks.
//!
//! ```text
//!   connected, while the node's delegate starts
//!      |
//!   accepted --- too many open ----> closed
//!      |
//!      | first byte
//!      |--- of the magic ----------> messages, see `inbound.rs`
//!      |--- any other -------------> HTTP
//!      `--- none in time ----------> closed
//! ```
//!
//! As many workers accept as there are cores: each connection wakes all of them. It stays with the
//! worker that took it, so a worker that is busy takes fewer.

use super::inbound;
use super::wire::MAGIC;
use super::within;
use crate::Node;
use crate::substrate::Substrate;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Serves one HTTP connection until it ends. Called on a worker's thread, where `spawn_local`
/// works.
pub type HttpHandler =
    Box<dyn Fn(TcpStream, SocketAddr) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on as many workers as there are cores.
pub(crate) fn listen(
    node: &Node,
    listener: &std::net::TcpListener,
    substrate: &Substrate,
) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for worker in substrate.workers().iter().take(cores) {
        let listener = listener.try_clone()?;
        let node = node.clone();
        worker.arbiter.spawn(async move {
            let listener = match TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!("cannot listen on {}: {error}", node.bound_address());
                    return;
                }
            };
            tokio::select! {
                () = node.shared().remote().closed.wait() => {}
                () = accept(&node, &listener) => {}
            }
        });
    }
    Ok(())
}

async fn accept(node: &Node, listener: &TcpListener) {
    node.shared().open().wait().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let stats = node.stats();
                let open = stats.inbound_connections.get();
                if open >= node.config().limits.inbound_connections as u64 {
                    stats.refused_connections.add(1);
                    continue;
                }
                tokio::task::spawn_local(serve(Open::new(node.clone()), stream, peer));
            }
            // The connection ended before it was accepted, or there are too many files open.
            Err(error) => {
                tracing::warn!("cannot accept on {}: {error}", node.bound_address());
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(open: Open, stream: TcpStream, peer: SocketAddr) {
    let node = &open.0;
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let peeked = within(node.config().limits.handshake_timeout, stream.peek(&mut first)).await;
    match peeked {
        None => node.stats().stuck_peers.add(1),
        Some(Err(_) | Ok(0)) => {}
        Some(Ok(_)) if first[0] == MAGIC[0] => inbound::serve(node, stream, peer).await,
        Some(Ok(_)) => {
            if let Some(handler) = node.shared().http_handler() {
                handler(stream, peer).await;
            }
        }
    }
}

/// Counts a connection as open.
struct Open(Node);

impl Open {
    fn new(node: Node) -> Self {
        node.stats().inbound_connections.add(1);
        Self(node)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats().inbound_connections.subtract(1);
    }
}

//! The task of one connection to another node.

use super::peer::{Peer, Taken};
use super::wire::{Frame, Hello, PREFIX, WireError, be_length};
use super::{read_hello, within};
use crate::Limits;
use bytes::{Buf, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

/// What ends a connection from this side.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer has not {0} in time")]
    Stuck(&'static str),
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A good end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Nothing to send, nobody linked.
    Idle,
    /// Another connection has taken over.
    Superseded,
}

/// The longest answer of an acceptor, in bytes: an id and a number.
const ANSWER_BYTES: usize = 64 << 10;

/// Connects, talks, ends; tells the peer how it went.
pub(crate) async fn run(peer: Arc<Peer>, generation: u64, ready: Arc<Notify>) {
    let node = peer.node().clone();
    let limits = node.limits().clone();
    // Frames that were taken from the peer but not known to be written.
    let under_way = AtomicU64::new(0);
    let session =
        Session { peer: &peer, generation, limits: &limits, under_way: &under_way, ready: &ready };
    let stream = match session.connect().await {
        Ok(stream) if peer.connected(generation) => stream,
        Ok(_) => return,
        Err(error) => {
            session.failed(&error);
            return;
        }
    };
    node.stats().outbound_connections.add(1);
    session.talk(stream).await;
    node.stats().outbound_connections.subtract(1);
    node.remote().retire(&peer);
}

struct Session<'a> {
    peer: &'a Arc<Peer>,
    generation: u64,
    limits: &'a Limits,
    under_way: &'a AtomicU64,
    ready: &'a Notify,
}

impl Session<'_> {
    fn failed(&self, error: &ConnectionError) {
        let peer = self.peer;
        if matches!(error, ConnectionError::Stuck(_)) {
            peer.node().stats().stuck_peers.add(1);
        }
        tracing::debug!("connection to {}: {error}", peer.address());
        if !peer.broken(self.generation, self.under_way.load(Ordering::Relaxed)) {
            peer.closed();
        }
        peer.node().remote().retire(peer);
    }

    async fn connect(&self) -> Result<TcpStream, ConnectionError> {
        let timeout = self.limits.handshake_timeout;
        let node = self.peer.node();
        let connect = connect_from(node.bound(), self.peer.address());
        let mut stream = within(timeout, connect)
            .await
            .ok_or(ConnectionError::Stuck("accepted"))?
            .map_err(ConnectionError::Connect)?;
        stream.set_nodelay(true)?;
        let ping_ms = u64::try_from(self.limits.ping_interval.as_millis()).unwrap_or(u64::MAX);
        let hello = Hello::new(node.address(), ping_ms).encode();
        let shake = async {
            stream.write_all(&hello).await?;
            read_hello(&mut stream).await
        };
        let answer = within(timeout, shake).await.ok_or(ConnectionError::Stuck("answered"))??;
        match answer.error {
            Some(error) => Err(WireError::Refused(error).into()),
            None => {
                answer.agree()?;
                Ok(stream)
            }
        }
    }

    async fn talk(&self, mut stream: TcpStream) {
        let (mut reader, mut writer) = stream.split();
        let heard = AtomicU64::new(0);
        let begin = Instant::now();
        let end = tokio::select! {
            end = self.write(&mut writer) => end,
            end = self.read(&mut reader, &heard, begin) => end,
            end = self.probe(&heard, begin) => end,
        };
        match end {
            Ok(End::Idle | End::Superseded) => {}
            Err(_) if self.peer.is_superseded(self.generation) => {}
            Err(error) => {
                self.failed(&error);
                return;
            }
        }
        // The peer must read all before it learns of the end: an early close would reset the
        // connection and destroy what it has not read.
        let drain = async {
            writer.shutdown().await?;
            let mut rest = [0; 1024];
            while reader.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = within(Peer::CLOSE_GRACE, drain).await;
        self.peer.closed();
    }

    async fn write(&self, writer: &mut WriteHalf<'_>) -> Result<End, ConnectionError> {
        let mut batch = Vec::new();
        let mut since = Instant::now();
        loop {
            match self.peer.take(self.generation, &mut batch) {
                Taken::Frames(frames) => {
                    self.under_way.store(frames, Ordering::Relaxed);
                    let all = self.write_batch(writer, &batch).await?;
                    self.under_way.store(0, Ordering::Relaxed);
                    batch.clear();
                    self.peer.wrote(self.generation);
                    since = Instant::now();
                    if !all {
                        self.peer.node().stats().dropped_disconnected.add(frames);
                        return Ok(End::Superseded);
                    }
                }
                Taken::Nothing { linked } => {
                    let deadline = (!linked).then(|| since + self.limits.linger);
                    let ready = self.wait_ready(deadline).await;
                    if !ready && self.peer.close_if_idle(self.generation) {
                        return Ok(End::Idle);
                    }
                }
                Taken::Superseded => return Ok(End::Superseded),
            }
        }
    }

    /// Sleeps until there may be something to do, at most until `deadline`; false when it passed.
    async fn wait_ready(&self, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else {
            self.ready.notified().await;
            return true;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        tokio::time::timeout_at(deadline, self.ready.notified()).await.is_ok()
    }

    /// Writes everything; false when the connection was replaced meanwhile and did not finish soon
    /// enough.
    async fn write_batch(
        &self,
        writer: &mut WriteHalf<'_>,
        mut batch: &[u8],
    ) -> Result<bool, ConnectionError> {
        let step = self.limits.write_stall_timeout.min(Peer::CLOSE_GRACE);
        let mut progress = Instant::now();
        while !batch.is_empty() {
            match within(step, writer.write(batch)).await {
                Some(written) => {
                    batch = &batch[written?..];
                    progress = Instant::now();
                }
                None if self.peer.is_superseded(self.generation) => return Ok(false),
                None if progress.elapsed() >= self.limits.write_stall_timeout => {
                    return Err(ConnectionError::Stuck("read"));
                }
                None => {}
            }
        }
        Ok(true)
    }

    /// Takes the answers of the acceptor.
    async fn read(
        &self,
        reader: &mut ReadHalf<'_>,
        heard: &AtomicU64,
        begin: Instant,
    ) -> Result<End, ConnectionError> {
        let mut buffer = BytesMut::new();
        loop {
            while buffer.len() >= PREFIX {
                let length = be_length(&buffer);
                if length > ANSWER_BYTES {
                    return Err(WireError::LongFrame(length, ANSWER_BYTES).into());
                }
                if buffer.len() < PREFIX + length {
                    break;
                }
                if let Frame::Exited { id, number } =
                    Frame::decode(&buffer[PREFIX..PREFIX + length])?
                {
                    self.peer.process_exited(self.generation, id, number);
                }
                buffer.advance(PREFIX + length);
            }
            if buffer.is_empty() {
                // An idle connection holds no memory.
                buffer = BytesMut::new();
            }
            reader.readable().await?;
            buffer.reserve(1024);
            match reader.try_read_buf(&mut buffer) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(_) => {
                    let now = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                    heard.store(now, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Probes the peer, which is broken when it stays silent for too long.
    async fn probe(&self, heard: &AtomicU64, begin: Instant) -> Result<End, ConnectionError> {
        let mut number = 0;
        loop {
            tokio::time::sleep(self.limits.ping_interval).await;
            let heard = std::time::Duration::from_millis(heard.load(Ordering::Relaxed));
            if begin.elapsed().saturating_sub(heard) >= self.limits.peer_timeout {
                return Err(ConnectionError::Stuck("answered probes"));
            }
            number += 1;
            self.peer.ping(self.generation, number);
        }
    }
}

/// Connects from the address that this node listens on, so that the peer sees the address that is
/// in the names of this node's processes.
async fn connect_from(bound: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    if bound.ip().is_unspecified() || bound.is_ipv4() != to.is_ipv4() {
        return TcpStream::connect(to).await;
    }
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Without this the kernel would give each connection a port of its own, and there are few.
    let _ = nix::sys::socket::setsockopt(
        &socket,
        nix::sys::socket::sockopt::IpBindAddressNoPort,
        &true,
    );
    match socket.bind(SocketAddr::new(bound.ip(), 0)) {
        Ok(()) => socket.connect(to).await,
        Err(_) => TcpStream::connect(to).await,
    }
}

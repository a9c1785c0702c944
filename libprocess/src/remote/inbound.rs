//! The task of one connection from another node.
//!
//! ```text
//!   hello --- bad ---> dropped
//!     |
//!     | good
//!     v
//!   waits until the connection before it from the same node has been read to its end
//!     |
//!     v
//!   reads frames -> queues      stops reading while a receiver's queue is too long
//!     |
//!     `--- end of stream, garbage, silence ---> the links that came by it are forgotten
//! ```

use super::outbound::ConnectionError;
use super::wire::{self, Frame, Hello, PREFIX, WireError, be_length};
use super::{is_oversize, is_protocol_error, read_hello, within};
use crate::cell::Cell;
use crate::event::Event;
use crate::latch::Latch;
use crate::message;
use crate::node::Shared;
use crate::{Node, Upid};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;

/// How long the connection before this one may take to end, once this one has come.
const HANDOVER: Duration = Duration::from_secs(1);

/// How many bytes of answers may wait for a peer that does not read them.
const ANSWERS_BYTES: usize = 4 << 20;

/// The first and the largest number of bytes to read at once; in between, a connection that fills
/// its buffer gets a larger one.
const READ_BYTES: (usize, usize) = (4 << 10, 64 << 10);

/// How many names a connection remembers, so that it does not make them anew for each message.
const REMEMBERED: usize = 1024;

/// What processes need of a connection by which others linked to them.
pub(crate) struct Inbound {
    answers: Mutex<Answers>,
    ready: Notify,
    /// The connection has been read to its end.
    ended: Latch,
    /// A newer connection does not wait any longer: nothing more is to be delivered.
    abandoned: AtomicBool,
    frames: AtomicU64,
    exits: AtomicU64,
}

#[derive(Default)]
struct Answers {
    buffer: Vec<u8>,
    /// The processes that the other side linked to, with the numbers of the links.
    watched: HashMap<Arc<str>, u64>,
    overflow: bool,
}

impl Inbound {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            ready: Notify::new(),
            ended: Latch::default(),
            abandoned: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            exits: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, answers: &mut Answers, write: impl FnOnce(&mut Vec<u8>)) {
        if answers.buffer.len() > ANSWERS_BYTES {
            answers.overflow = true;
        } else {
            write(&mut answers.buffer);
        }
        self.ready.notify_one();
    }

    /// A process that the other side linked to is gone.
    pub fn exited(&self, id: &Arc<str>) {
        let mut answers = self.lock();
        if let Some(number) = answers.watched.remove(id) {
            self.answer(&mut answers, |out| wire::put_exited(out, id, number));
            self.exits.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many frames have been read and delivered, and how many exits were told.
    pub fn counts(&self) -> (u64, u64) {
        (self.frames.load(Ordering::SeqCst), self.exits.load(Ordering::SeqCst))
    }
}

/// Serves a connection that begins with the first byte of the magic.
pub(crate) async fn serve(node: &Node, mut stream: TcpStream, peer: SocketAddr) {
    let shared = node.shared();
    let timeout = shared.limits().handshake_timeout;
    let hello = match within(timeout, shake(shared, &mut stream)).await {
        Some(Ok(hello)) => hello,
        Some(Err(error)) => {
            shared.stats().bad_handshakes.add(1);
            tracing::debug!("connection from {peer} refused: {error}");
            return;
        }
        None => {
            shared.stats().bad_handshakes.add(1);
            return;
        }
    };
    let inbound = Inbound::new();
    let origin = (hello.address, peer.ip());
    if let Some(before) = shared.remote().replace_inbound(origin, &inbound) {
        // What was sent on the old connection comes first, if it comes.
        let _ = within(HANDOVER, before.ended.wait()).await;
        before.abandoned.store(true, Ordering::SeqCst);
        before.ready.notify_one();
    }
    let end = {
        let (mut reader, mut writer) = stream.split();
        let mut connection = Connection::new(shared, &inbound, &hello, peer.ip());
        tokio::select! {
            end = connection.read(&mut reader) => end,
            end = write(&inbound, &mut writer, shared.limits().write_stall_timeout) => end,
        }
    };
    if let Err(error) = end {
        let stats = shared.stats();
        if is_oversize(&error) {
            stats.oversize_frames.add(1);
        } else if is_protocol_error(&error) {
            stats.bad_frames.add(1);
        } else if matches!(error, ConnectionError::Stuck(_)) {
            stats.stuck_peers.add(1);
        }
        tracing::debug!("connection from {} at {peer}: {error}", hello.address);
    }
    let watched = std::mem::take(&mut inbound.lock().watched);
    for id in watched.into_keys() {
        if let Some(cell) = shared.process(&id) {
            cell.remove_remote_linker(&inbound);
        }
    }
    inbound.ended.set();
    shared.remote().forget_inbound(origin, &inbound);
}

async fn shake(node: &Arc<Shared>, stream: &mut TcpStream) -> Result<Hello, ConnectionError> {
    let hello = read_hello(stream).await?;
    let ping_ms = u64::try_from(node.limits().ping_interval.as_millis()).unwrap_or(u64::MAX);
    let mut answer = Hello::new(node.address(), ping_ms);
    let agreed = hello.agree();
    match &agreed {
        Ok(version) => answer.version = *version,
        Err(error) => answer.error = Some(error.to_string()),
    }
    stream.write_all(&answer.encode()).await?;
    agreed?;
    Ok(hello)
}

/// Writes answers as they come.
async fn write(
    inbound: &Inbound,
    writer: &mut WriteHalf<'_>,
    stall: Duration,
) -> Result<(), ConnectionError> {
    loop {
        inbound.ready.notified().await;
        if inbound.abandoned.load(Ordering::SeqCst) {
            return Ok(());
        }
        let batch = {
            let mut answers = inbound.lock();
            if answers.overflow {
                return Err(ConnectionError::Stuck("read answers"));
            }
            std::mem::take(&mut answers.buffer)
        };
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let written = within(stall, writer.write(rest))
                .await
                .ok_or(ConnectionError::Stuck("read answers"))??;
            rest = &rest[written..];
        }
    }
}

struct Connection<'a> {
    node: &'a Arc<Shared>,
    inbound: &'a Arc<Inbound>,
    /// The other node's address, as in the names of its processes.
    home: SocketAddr,
    peer_ip: IpAddr,
    /// How long the other node may be silent.
    patience: Duration,
    names: Remembered<Arc<str>>,
    senders: Remembered<Upid>,
    /// The last receiver, and what was read for it but is not in its queue yet.
    receiver: Option<(Box<str>, Arc<Cell>)>,
    batch: Vec<Event>,
}

impl<'a> Connection<'a> {
    fn new(
        node: &'a Arc<Shared>,
        inbound: &'a Arc<Inbound>,
        hello: &Hello,
        peer_ip: IpAddr,
    ) -> Self {
        let pings = Duration::from_millis(hello.ping_interval_ms).saturating_mul(4);
        Self {
            node,
            inbound,
            home: hello.address,
            peer_ip,
            patience: pings.max(node.limits().peer_timeout),
            names: Remembered::default(),
            senders: Remembered::default(),
            receiver: None,
            batch: Vec::new(),
        }
    }

    async fn read(&mut self, reader: &mut ReadHalf<'_>) -> Result<(), ConnectionError> {
        let limit = self.node.limits().frame_bytes;
        let mut buffer = BytesMut::new();
        let mut want = READ_BYTES.0;
        loop {
            if buffer.is_empty() {
                // What is left would keep all that was read alive, and an idle connection should
                // hold no memory.
                buffer = BytesMut::new();
            }
            within(self.patience, reader.readable())
                .await
                .ok_or(ConnectionError::Stuck("sent anything"))??;
            buffer.reserve(want);
            let read = match reader.try_read_buf(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            if self.inbound.abandoned.load(Ordering::SeqCst) {
                return Ok(());
            }
            let whole = whole_frames(&buffer, limit)?;
            if whole > 0 {
                let frames = buffer.split_to(whole).freeze();
                self.take_frames(&frames).await?;
                // The receivers run while what was read is in the caches, and before more is.
                tokio::task::yield_now().await;
            }
            if read >= want {
                want = (want * 2).min(READ_BYTES.1);
            } else if read < want / 4 {
                want = (want / 2).max(READ_BYTES.0);
            }
        }
    }

    /// Handles whole frames, and waits until their receivers have room.
    async fn take_frames(&mut self, frames: &Bytes) -> Result<(), ConnectionError> {
        let mut at = 0;
        let mut count = 0;
        while at < frames.len() {
            let start = at + PREFIX;
            let end = start + be_length(&frames[at..]);
            let frame = Frame::decode(&frames[start..end])?;
            if !matches!(frame, Frame::Ping(_)) {
                count += 1;
            }
            if let Some(crowded) = self.take_frame(frames, frame)? {
                self.wait_for_room(&crowded).await;
            }
            at = end;
        }
        let last = self.flush();
        self.node.stats().frames_received.add(count);
        // After the delivery: who counts these may rely on the queues.
        self.inbound.frames.fetch_add(count, Ordering::SeqCst);
        if let Some(receiver) = last {
            self.wait_for_room(&receiver).await;
        }
        Ok(())
    }

    /// Handles one frame; returns the receiver of the frames before, if this is for another.
    fn take_frame(
        &mut self,
        frames: &Bytes,
        frame: Frame<'_>,
    ) -> Result<Option<Arc<Cell>>, WireError> {
        match frame {
            Frame::Message { to, from, name, body } => {
                return self.take_message(to, from, name, frames.slice_ref(body));
            }
            Frame::Link { id, number } => self.link(id, number),
            Frame::Unlink { id, number } => self.unlink(id, number),
            Frame::Ping(number) => {
                let mut answers = self.inbound.lock();
                self.inbound.answer(&mut answers, |out| wire::put_pong(out, number));
            }
            Frame::Exited { .. } | Frame::Pong(_) | Frame::Unknown => {}
        }
        Ok(None)
    }

    fn take_message(
        &mut self,
        to: &[u8],
        from: Option<&[u8]>,
        name: &[u8],
        body: Bytes,
    ) -> Result<Option<Arc<Cell>>, WireError> {
        let bad = || WireError::BadFrame(body.len());
        let from = match from {
            None => Upid::nobody(),
            Some(text) => self.senders.get(text, self.home).ok_or_else(bad)?,
        };
        let name = self.names.get(name, ()).ok_or_else(bad)?;
        let stats = self.node.stats();
        if self.node.checks_peer_ip() && !from.is_nobody() && from.address().ip() != self.peer_ip {
            stats.refused_spoofed.add(1);
            return Ok(None);
        }
        let same =
            self.receiver.as_ref().is_some_and(|(id, cell)| id.as_bytes() == to && !cell.is_over());
        let mut before = None;
        if !same {
            before = self.flush();
            let to = std::str::from_utf8(to).map_err(|_| bad())?;
            let Some(cell) = self.node.process(to) else {
                self.receiver = None;
                stats.dropped_unknown_process.add(1);
                return Ok(before);
            };
            self.receiver = Some((to.into(), cell));
        }
        self.batch.push(Event::Frame(Box::new(message::Frame { from, name, body })));
        Ok(before)
    }

    /// Queues what was read for the last receiver, which is returned.
    fn flush(&mut self) -> Option<Arc<Cell>> {
        let (_, receiver) = self.receiver.as_ref()?;
        if self.batch.is_empty() {
            return None;
        }
        let count = self.batch.len() as u64;
        if !receiver.deliver_all(&mut self.batch) {
            self.batch.clear();
            self.node.stats().dropped_unknown_process.add(count);
            return None;
        }
        Some(receiver.clone())
    }

    async fn wait_for_room(&self, receiver: &Cell) {
        let limit = self.node.limits().inbound_queue_bytes;
        poll_fn(|cx| {
            if receiver.mailbox().has_room(limit, cx.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn link(&mut self, id: &str, number: u64) {
        // Messages before the link must be in the queue before it.
        self.flush();
        let shared: Arc<str> = id.into();
        let cell = self.node.process(id);
        self.inbound.lock().watched.insert(shared.clone(), number);
        if !cell.is_some_and(|cell| cell.add_remote_linker(self.inbound)) {
            self.inbound.exited(&shared);
        }
    }

    fn unlink(&mut self, id: &str, number: u64) {
        let mut answers = self.inbound.lock();
        if answers.watched.get(id) != Some(&number) {
            return;
        }
        answers.watched.remove(id);
        drop(answers);
        if let Some(cell) = self.node.process(id) {
            cell.remove_remote_linker(self.inbound);
        }
    }
}

/// What texts of messages stand for, so that it is not made anew for each message.
struct Remembered<T> {
    latest: Option<(Box<[u8]>, T)>,
    all: HashMap<Box<[u8]>, T, foldhash::fast::RandomState>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { latest: None, all: HashMap::default() }
    }
}

/// What a text of a message can stand for.
trait FromText: Clone {
    /// What is needed besides the text.
    type With;
    fn from_text(text: &str, with: Self::With) -> Self;
}

impl FromText for Arc<str> {
    type With = ();
    fn from_text(text: &str, (): ()) -> Self {
        text.into()
    }
}

impl FromText for Upid {
    type With = SocketAddr;
    /// A name without an address is at the other end of the connection.
    fn from_text(text: &str, home: SocketAddr) -> Self {
        match text.contains('@').then(|| text.parse()) {
            Some(Ok(upid)) => upid,
            _ => Self::new(text, home),
        }
    }
}

impl<T: FromText> Remembered<T> {
    /// What a text stands for; `None` when it is not UTF-8.
    fn get(&mut self, text: &[u8], with: T::With) -> Option<T> {
        if let Some((latest, value)) = &self.latest
            && **latest == *text
        {
            return Some(value.clone());
        }
        let value = match self.all.get(text) {
            Some(value) => value.clone(),
            None => {
                let value = T::from_text(std::str::from_utf8(text).ok()?, with);
                if self.all.len() >= REMEMBERED {
                    self.all.clear();
                }
                self.all.insert(text.into(), value.clone());
                value
            }
        };
        self.latest = Some((text.into(), value.clone()));
        Some(value)
    }
}

/// How many bytes of `buffer` are whole frames.
pub(super) fn whole_frames(buffer: &[u8], limit: usize) -> Result<usize, WireError> {
    let mut at = 0;
    while buffer.len() >= at + PREFIX {
        let length = be_length(&buffer[at..]);
        if length > limit {
            return Err(WireError::LongFrame(length, limit));
        }
        if buffer.len() < at + PREFIX + length {
            break;
        }
        at += PREFIX + length;
    }
    Ok(at)
}

//! A connection that is watched: what gets stuck is dropped, and a client that goes is noticed.
//! What is written to it in one go leaves it in one piece.
//!
//! ```text
//!   reading   idle --byte--> head under way --request begins--> in request --ends--> idle
//!                                 | head_timeout: error
//!   writing   free --full--> stalled --room--> free
//!                                 | stall_timeout: error
//!   end of input, at any time: `eof` fires
//!   cut, at any time: error
//! ```
//!
//! Only the idle state waits without limit. A body that stops is the business of whoever reads it.

use super::Shared;
use super::counters::Counters;
use crate::http::ClosedSignal;
use nix::sys::socket::{setsockopt, sockopt};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long a connection may be idle before the system asks whether its other end lives. Ends that
/// live are never disturbed by it.
const KEEP_ALIVE_IDLE_SECS: u32 = 60;

/// How much may be held back to be written together; a larger write does not wait.
const HELD_BYTES: usize = 16 << 10;

/// Sets up a socket so that a peer that vanished without a word is noticed: one that acknowledges
/// nothing for `stall_timeout`, be it data or a probe, is gone.
pub(super) fn prepare(stream: &TcpStream, stall_timeout: Duration) -> nix::Result<()> {
    let millis = u32::try_from(stall_timeout.as_millis()).unwrap_or(u32::MAX);
    // Answers are written whole, so there is nothing to gain by waiting for more.
    setsockopt(stream, sockopt::TcpNoDelay, &true)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &millis)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &KEEP_ALIVE_IDLE_SECS)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &(KEEP_ALIVE_IDLE_SECS / 4))?;
    setsockopt(stream, sockopt::KeepAlive, &true)
}

/// Ends a connection whose client is too slow, also while it waits for that client.
#[derive(Default)]
pub(super) struct Cut {
    is_cut: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Cut {
    /// Ends the connection: what waits to be written to it is not.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether it was cut; else whoever waits is woken when it is.
    fn poll(&self, cx: &Context<'_>) -> bool {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // Looked at after the waker is in its place, so that no cut goes unnoticed.
        self.is_cut.load(Ordering::SeqCst)
    }
}

/// What the requests of a connection know about it.
#[derive(Default)]
pub(super) struct Connection {
    /// Fires when the client closes its side.
    pub eof: ClosedSignal,
    /// Ends the connection, from any thread.
    pub cut: Arc<Cut>,
    /// The answer that is being written is a stream.
    pub streaming: Cell<bool>,
    in_request: Cell<bool>,
    head_under_way: Cell<bool>,
}

impl Connection {
    /// Says that a request has begun; it lasts until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InRequest {
        self.in_request.set(true);
        self.streaming.set(false);
        self.head_under_way.set(false);
        InRequest(self.clone())
    }
}

/// See [`Connection::begin`].
pub(super) struct InRequest(Rc<Connection>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.in_request.set(false);
        // What arrived meanwhile was body, or the start of a head whose age nobody knows.
        self.0.head_under_way.set(false);
    }
}

/// See the module.
pub(super) struct Guarded {
    stream: TcpStream,
    connection: Rc<Connection>,
    shared: Arc<Shared>,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    /// What was written, but not yet to the socket.
    held: Vec<u8>,
    /// Something was written since the last flush.
    is_fresh: bool,
    /// Something was flushed since the last octets came.
    has_answered: bool,
}

impl Guarded {
    pub fn new(stream: TcpStream, shared: &Arc<Shared>) -> Self {
        Self {
            stream,
            connection: Rc::default(),
            shared: shared.clone(),
            read_timer: None,
            write_timer: None,
            held: Vec::new(),
            is_fresh: false,
            has_answered: false,
        }
    }

    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    fn counters(&self) -> &Counters {
        &self.shared.counters
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            // The last words of a connection that ends. Nobody waits for a client that is slow.
            let _ = self.stream.try_write(&self.held);
        }
        self.connection.eof.fire();
    }
}

/// Whether the timer, started now if it was not, has run out.
fn expired(timer: &mut Option<Pin<Box<Sleep>>>, after: Duration, cx: &mut Context<'_>) -> bool {
    timer
        .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + after)))
        .as_mut()
        .poll(cx)
        .is_ready()
}

fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() == before => {
                this.connection.eof.fire();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => {
                this.connection.head_under_way.set(true);
                this.has_answered = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.connection.eof.fire();
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let connection = &this.connection;
                if connection.in_request.get() || !connection.head_under_way.get() {
                    this.read_timer = None;
                } else if expired(&mut this.read_timer, this.shared.config.head_timeout, cx) {
                    this.counters().slow_heads.increment();
                    return Poll::Ready(Err(timed_out("the request stopped arriving")));
                }
                Poll::Pending
            }
        }
    }
}

impl Guarded {
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            if self.connection.cut.poll(cx) {
                return Poll::Ready(Err(timed_out("the client reads too slowly")));
            }
            if expired(&mut self.write_timer, self.shared.config.stall_timeout, cx) {
                self.counters().slow_readers.increment();
                return Poll::Ready(Err(timed_out("the client stopped reading")));
            }
            return Poll::Pending;
        }
        self.write_timer = None;
        Poll::Ready(ready!(result))
    }
}

impl Guarded {
    /// Writes what is held back.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        while written < self.held.len() {
            let result = Pin::new(&mut self.stream).poll_write(cx, &self.held[written..]);
            match self.poll_written(cx, result) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => written += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.held.drain(..written);
                    return Poll::Pending;
                }
            }
        }
        // An idle connection holds no memory.
        self.held = Vec::new();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.held.len() + bytes.len() <= HELD_BYTES {
            self.held.extend_from_slice(bytes);
            self.is_fresh = true;
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_held(cx))?;
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_written(cx, result)
    }

    /// Pipelined answers go out together. The first after something was read goes at once; one
    /// that follows shows that the client does not wait for each, and is held back until
    /// everything else that is ready on this thread has run once. Events of streams never wait.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_fresh) {
            let is_first = !std::mem::replace(&mut self.has_answered, true);
            if !is_first && !self.connection.streaming.get() {
                cx.waker().wake_by_ref();
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_held(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

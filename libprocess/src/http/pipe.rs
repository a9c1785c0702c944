//! A body that somebody writes while somebody else reads it.
//!
//! ```text
//!            write            close / last writer dropped
//!   open ------------> open ------------------------------> ended (reader drains, then None)
//!    |  more than the limit waits         fail
//!    |----------------------------> cut   |------> failed (reader drains, then Err)
//!    |  reader dropped
//!    +----------------------------> cut   (callbacks of the writers run)
//! ```
//!
//! Every write is one item for the reader, and one HTTP/1.1 chunk on the wire: clients of Mesos
//! depend on it. The pipe is bounded in bytes, and a writer never blocks: it either learns that
//! the reader is too slow (the pipe is cut, as the events in it are lost to that reader), or asks
//! for room with [`BodyWriter::send`] where it can wait.

use super::ClosedSignal;
use bytes::Bytes;
use futures_util::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A limit that suits event streams: a client that is this far behind will not catch up.
pub const DEFAULT_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// What each waiting write costs beside its bytes, so that many empty writes are bounded too.
const OVERHEAD_BYTES: usize = 64;

/// Why a write did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The reader has gone, or the pipe was closed before.
    #[error("the stream is closed")]
    Closed,
    /// The reader is too slow; the pipe is cut.
    #[error("the reader is {waiting_bytes} bytes behind, more than the limit of {limit_bytes}")]
    Overflow {
        /// How many bytes wait.
        waiting_bytes: usize,
        /// How many may wait.
        limit_bytes: usize,
    },
}

/// Why a reader got no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PipeError {
    /// The writer gave up.
    #[error("the writer failed: {0}")]
    Failed(String),
    /// The reader was too slow, and the pipe was cut.
    #[error("the reader was too slow")]
    Overflow,
}

/// Makes a pipe in which at most `limit_bytes` wait. A single write into an empty pipe may be
/// larger, since it has to get through somehow.
pub fn pipe(limit_bytes: usize) -> (BodyWriter, BodyReader) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::default()),
        limit_bytes,
        closed: ClosedSignal::new(),
        overflowed: ClosedSignal::new(),
    });
    (BodyWriter { owner: Arc::new(Owner { shared: shared.clone() }) }, BodyReader { shared })
}

struct Shared {
    state: Mutex<State>,
    limit_bytes: usize,
    closed: ClosedSignal,
    /// Fires before `closed` when it was the reader's slowness that cut the pipe.
    overflowed: ClosedSignal,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    waiting_bytes: usize,
    end: Option<Result<(), PipeError>>,
    reader_gone: bool,
    reader: Option<Waker>,
    room: Vec<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, how: Result<(), PipeError>) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(how);
        }
        let waker = state.reader.take();
        drop(state);
        wake(waker);
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// The end of a pipe that is written to. Cheap to clone; usable from any thread. When the last
/// clone is dropped, the stream ends as if closed.
#[derive(Clone)]
pub struct BodyWriter {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.end(Ok(()));
    }
}

impl BodyWriter {
    /// Writes one chunk, at once. An empty chunk is skipped, as on the wire it would end the body.
    ///
    /// # Errors
    /// [`WriteError::Overflow`] when the reader is too far behind: the pipe is cut then, the
    /// reader's connection is closed, and callbacks of [`BodyWriter::on_closed`] run.
    pub fn write(&self, chunk: impl Into<Bytes>) -> Result<(), WriteError> {
        let chunk = chunk.into();
        let shared = &self.owner.shared;
        let mut state = shared.lock();
        if state.reader_gone || state.end.is_some() {
            return Err(WriteError::Closed);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        let size = chunk.len() + OVERHEAD_BYTES;
        let waiting_bytes = state.waiting_bytes + size;
        if !state.queue.is_empty() && waiting_bytes > shared.limit_bytes {
            state.end = Some(Err(PipeError::Overflow));
            state.queue.clear();
            state.waiting_bytes = 0;
            let wakers: Vec<Waker> =
                state.reader.take().into_iter().chain(std::mem::take(&mut state.room)).collect();
            drop(state);
            wake(wakers);
            shared.overflowed.fire();
            shared.closed.fire();
            let limit_bytes = shared.limit_bytes;
            return Err(WriteError::Overflow { waiting_bytes, limit_bytes });
        }
        state.queue.push_back(chunk);
        state.waiting_bytes = waiting_bytes;
        let waker = state.reader.take();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Writes one chunk once there is room, for writers that can wait.
    ///
    /// # Errors
    /// [`WriteError::Closed`] when the reader has gone or the pipe was closed.
    pub async fn send(&self, chunk: impl Into<Bytes>) -> Result<(), WriteError> {
        let chunk = chunk.into();
        let shared = &self.owner.shared;
        loop {
            std::future::poll_fn(|cx| {
                let mut state = shared.lock();
                let full = state.waiting_bytes + chunk.len() + OVERHEAD_BYTES > shared.limit_bytes
                    && !state.queue.is_empty();
                if full && !state.reader_gone && state.end.is_none() {
                    state.room.push(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            // Another writer may have taken the room meanwhile, so look again under the lock.
            match self.write_if_room(&chunk) {
                Some(result) => return result,
                None => continue,
            }
        }
    }

    fn write_if_room(&self, chunk: &Bytes) -> Option<Result<(), WriteError>> {
        let shared = &self.owner.shared;
        let state = shared.lock();
        let size = chunk.len() + OVERHEAD_BYTES;
        let full = !state.queue.is_empty() && state.waiting_bytes + size > shared.limit_bytes;
        if full && !state.reader_gone && state.end.is_none() {
            return None;
        }
        drop(state);
        Some(self.write(chunk.clone()))
    }

    /// Ends the stream well: what waits is still sent.
    pub fn close(&self) {
        self.owner.shared.end(Ok(()));
    }

    /// Ends the stream badly: what waits is still sent, then the connection is cut, so that the
    /// client does not take a part for the whole.
    pub fn fail(&self, reason: impl Into<String>) {
        self.owner.shared.end(Err(PipeError::Failed(reason.into())));
    }

    /// Whether writing has become pointless: the reader has gone, or the stream was ended.
    pub fn is_closed(&self) -> bool {
        let state = self.owner.shared.lock();
        state.reader_gone || state.end.is_some()
    }

    /// Calls `callback` once when the reader goes away before the stream was ended.
    pub fn on_closed(&self, callback: impl FnOnce() + Send + 'static) {
        self.owner.shared.closed.on_closed(callback);
    }

    /// How many bytes wait for the reader.
    pub fn waiting_bytes(&self) -> usize {
        self.owner.shared.lock().waiting_bytes
    }

    /// Whether two writers write to the same stream.
    pub fn same_stream(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.owner, &other.owner)
    }
}

impl std::fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyWriter").field("waiting_bytes", &self.waiting_bytes()).finish()
    }
}

/// The end of a pipe that is read from: a stream of chunks as they were written.
pub struct BodyReader {
    shared: Arc<Shared>,
}

impl BodyReader {
    /// The next chunk, `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, PipeError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Calls `callback` once when the reader was so slow that the pipe was cut, on the thread of
    /// the writer.
    pub fn on_overflow(&self, callback: impl FnOnce() + Send + 'static) {
        self.shared.overflowed.on_closed(callback);
    }
}

impl Stream for BodyReader {
    type Item = Result<Bytes, PipeError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.shared.lock();
        if let Some(chunk) = state.queue.pop_front() {
            state.waiting_bytes -= chunk.len() + OVERHEAD_BYTES;
            let room = std::mem::take(&mut state.room);
            drop(state);
            wake(room);
            return Poll::Ready(Some(Ok(chunk)));
        }
        match &state.end {
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => {
                let error = error.clone();
                state.end = Some(Ok(()));
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.reader_gone = true;
        state.queue.clear();
        state.waiting_bytes = 0;
        let ended = matches!(state.end, Some(Ok(())));
        let room = std::mem::take(&mut state.room);
        drop(state);
        wake(room);
        if ended {
            self.shared.closed.forget();
        } else {
            self.shared.closed.fire();
        }
    }
}

impl std::fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyReader")
    }
}

#[cfg(test)]
mod tests;

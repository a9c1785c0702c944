//! Streams of events to schedulers.
//!
//! One event is one record, and one chunk of the HTTP body (spec `wire.md` 1). A scheduler that
//! does not read is cut off at a bound: the pipe tells, and the core hears of it as of any
//! connection that is gone.

use std::collections::HashMap;

use libprocess::Context;
use libprocess::http::{BodyWriter, Response, WriteError};
use master_core::Event;
use master_core::event::ConnectionId;
use mesos::{recordio, v1};

use super::media::{Codec as _, MediaType};
use crate::process::MasterProcess;

struct Stream {
    writer: BodyWriter,
    media: MediaType,
}

/// The open streams.
pub(crate) struct Streams {
    open: HashMap<ConnectionId, Stream>,
    limit_bytes: usize,
}

impl Streams {
    /// No streams. `limit_bytes` is how far a reader may be behind.
    pub fn new(limit_bytes: usize) -> Self {
        Self { open: HashMap::new(), limit_bytes }
    }

    /// Opens a stream, and gives the answer that carries it.
    pub fn open(
        &mut self,
        context: &Context<MasterProcess>,
        connection: ConnectionId,
        media: MediaType,
        stream_id: &str,
    ) -> Response {
        let (response, writer) = Response::stream(media.name(), self.limit_bytes);
        let closed = context.defer(move |process: &mut MasterProcess, context, ()| {
            if process.streams.open.remove(&connection).is_some() {
                process.step(context, Event::ConnectionClosed { connection });
            }
        });
        writer.on_closed(move || closed.call(()));
        self.open.insert(connection, Stream { writer, media });
        response.header("Mesos-Stream-Id", stream_id)
    }

    /// Writes an event.
    pub fn send(&self, connection: ConnectionId, event: &v1::scheduler::Event) {
        // A stream that has just gone: the core hears of it soon.
        let Some(stream) = self.open.get(&connection) else { return };
        let record = recordio::encode(&stream.media.write(event));
        if let Err(error @ WriteError::Overflow { .. }) = stream.writer.write(record) {
            tracing::warn!("stream {} to a scheduler is cut: {error}", connection.0);
        }
    }

    /// Ends a stream, after what was written to it.
    pub fn close(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.open.remove(&connection) {
            stream.writer.close();
        }
    }

    /// Ends all streams.
    pub fn close_all(&mut self) {
        for (_, stream) in self.open.drain() {
            stream.writer.close();
        }
    }
}

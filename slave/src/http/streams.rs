//! Calls that wait for the core's answer, and the streams of events that some answers are.
//!
//! ```text
//!   request ──▶ WAITING ── refused, accepted ──▶ (answered)
//!                  │ stream
//!                  ▼                reader gone, or too slow: the core hears of it
//!                OPEN ────────────────────────────────────────────────────────────▶ (gone)
//!                  └── the core ends it ──────────────────────────────────────────▶ (gone)
//! ```
//!
//! One event is one record, and one chunk of the HTTP body (spec `wire.md` 1). An executor that
//! does not read is cut off at a bound, and counted.

use std::collections::HashMap;

use libprocess::Context;
use libprocess::http::{BodyWriter, Reply, Response, StatusCode, WriteError};
use mesos::recordio;
use mesos::v1::executor;
use slave_core::effect;
use slave_core::ids::{ExecutorPid, RequestId};

use super::media::{Codec as _, MediaType};
use crate::process::AgentProcess;

/// A request that waits.
struct Waiting {
    reply: Reply,
    media: MediaType,
}

struct Stream {
    writer: BodyWriter,
    media: MediaType,
}

/// The calls that wait, and the open streams. Each holds a connection of its client, so that the
/// limit of connections bounds their number.
pub(crate) struct Streams {
    waiting: HashMap<RequestId, Waiting>,
    open: HashMap<RequestId, Stream>,
    next: u64,
    limit_bytes: usize,
}

impl Streams {
    /// No calls, no streams. `limit_bytes` is how far a reader may be behind.
    pub fn new(limit_bytes: usize) -> Self {
        Self { waiting: HashMap::new(), open: HashMap::new(), next: 0, limit_bytes }
    }

    /// Takes a call that wants an answer; `media` is what its stream is written in, if it gets one.
    pub fn add(&mut self, reply: Reply, media: MediaType) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        self.waiting.insert(id, Waiting { reply, media });
        id
    }

    /// Gives a call its answer, and opens its stream if that is what the answer is.
    pub fn respond(
        &mut self,
        context: &Context<AgentProcess>,
        request: RequestId,
        response: effect::Response,
    ) {
        let Some(Waiting { reply, media }) = self.waiting.remove(&request) else {
            tracing::warn!("the core answered request {} twice", request.0);
            return;
        };
        reply.send(match response {
            effect::Response::Stream => self.open(context, request, media),
            effect::Response::Accepted => Response::accepted(),
            // The core knows few numbers, all of them good; 500 is for a fault of ours.
            effect::Response::Refused { status, text } => Response::text(
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                text,
            ),
        });
    }

    fn open(
        &mut self,
        context: &Context<AgentProcess>,
        id: RequestId,
        media: MediaType,
    ) -> Response {
        let (response, writer) = Response::stream(media.name(), self.limit_bytes);
        let closed = context.defer(move |process: &mut AgentProcess, context, ()| {
            if process.streams.open.remove(&id).is_some() {
                let executor = ExecutorPid::over_http(id);
                process.step(context, slave_core::Event::ExecutorExited { executor });
            }
        });
        writer.on_closed(move || closed.call(()));
        self.open.insert(id, Stream { writer, media });
        response
    }

    /// Writes an event. Says whether the stream was cut by it.
    pub fn send(&self, id: RequestId, event: &executor::Event) -> bool {
        // A stream that has just gone: the core hears of it soon.
        let Some(stream) = self.open.get(&id) else { return false };
        let record = recordio::encode(&stream.media.write(event));
        match stream.writer.write(record) {
            Err(error @ WriteError::Overflow { .. }) => {
                tracing::warn!("stream {} to an executor is cut: {error}", id.0);
                true
            }
            // Who is gone is reported where it went.
            Ok(()) | Err(WriteError::Closed) => false,
        }
    }

    /// Ends a stream, after what was written to it.
    pub fn close(&mut self, id: RequestId) {
        if let Some(stream) = self.open.remove(&id) {
            stream.writer.close();
        }
    }
}

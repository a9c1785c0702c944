//! Requests that wait for the core's answer.

use std::collections::HashMap;

use libprocess::Context;
use libprocess::http::{Reply, Response, StatusCode};
use master_core::event::{ConnectionId, RequestId};

use super::media::MediaType;
use crate::process::MasterProcess;

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    reply: Reply,
    /// The stream that a good answer opens.
    opens: Option<(ConnectionId, MediaType)>,
}

/// Requests that wait for the core's answer. Each holds a connection of its client, so that the
/// limit of connections bounds their number.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: HashMap<RequestId, Waiting>,
    next_request: u64,
    next_connection: u64,
}

impl Requests {
    /// Takes a request that wants one answer.
    pub fn add(&mut self, reply: Reply) -> RequestId {
        self.insert(reply, None)
    }

    /// Takes a request that wants a stream.
    pub fn add_stream(&mut self, reply: Reply, media: MediaType) -> (RequestId, ConnectionId) {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        (self.insert(reply, Some((connection, media))), connection)
    }

    fn insert(&mut self, reply: Reply, opens: Option<(ConnectionId, MediaType)>) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.waiting.insert(id, Waiting { reply, opens });
        id
    }
}

impl MasterProcess {
    /// Gives a request its answer, and opens its stream if that is what the answer does.
    pub(crate) fn respond(
        &mut self,
        context: &mut Context<Self>,
        request: RequestId,
        response: master_core::Response,
    ) {
        let Some(Waiting { reply, opens }) = self.requests.waiting.remove(&request) else {
            tracing::warn!("the core answered request {} twice", request.0);
            return;
        };
        let answer = match (&response.stream_id, opens) {
            (Some(stream_id), Some((connection, media))) => {
                self.streams.open(context, connection, media, stream_id)
            }
            _ => plain(response),
        };
        reply.send(answer);
    }
}

/// An answer of the core that is no stream.
fn plain(response: master_core::Response) -> Response {
    // The core knows few numbers, all of them good; 500 is for a fault of ours.
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.body.is_empty() {
        Response::new(status)
    } else {
        Response::text(status, response.body)
    }
}

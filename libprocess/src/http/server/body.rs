//! The body of a request: collected within bounds, or handed on while it arrives.

use super::Shared;
use crate::http::pipe::{self, BodyReader};
use crate::http::{Response, StatusCode};
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How much of a body that is of no use is still read, so that the connection can be used again.
const DRAIN_LIMIT_BYTES: usize = 64 * 1024;

/// A body may take `stall_timeout`, and a second for every so many bytes of it: whoever sends a
/// byte now and then must not hold a connection for days.
const SLOWEST_BYTES_PER_SECOND: u64 = 4096;

/// How much of a streamed body waits for a reader before the client is held back.
const STREAM_LIMIT_BYTES: usize = 1024 * 1024;

/// Collects a body.
///
/// # Errors
/// The answer for a client whose body is too large (413), too slow (408), broken (400), or one of
/// too many large ones (503).
pub(super) async fn collect(
    payload: &mut web::Payload,
    announced: Option<u64>,
    shared: &Shared,
) -> Result<Bytes, Response> {
    let limit = shared.config.body_limit_bytes;
    let too_large = || {
        shared.counters.too_large.increment();
        Response::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The request body is larger than the limit of {limit} bytes"),
        )
    };
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let begin = Instant::now();
    let mut held = Held { shared, bytes: 0 };
    loop {
        let received = (first.len() + rest.len()) as u64;
        let patience = Duration::from_millis(1000 * received / SLOWEST_BYTES_PER_SECOND);
        let latest = begin + shared.config.stall_timeout + patience;
        let next = timeout_at(latest, payload.next()).await;
        let chunk = match next {
            Ok(None) => break,
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => {
                return Err(Response::bad_request(format!("Failed to read the body: {error}")));
            }
            Err(_) => {
                shared.counters.slow_bodies.increment();
                return Err(Response::text(
                    StatusCode::REQUEST_TIMEOUT,
                    "The request body arrives too slowly",
                ));
            }
        };
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(too_large());
        }
        if !held.grow(chunk.len()) {
            shared.counters.crowded_bodies.increment();
            return Err(Response::service_unavailable("Too many large requests at once"));
        }
        // Most bodies come in one piece, which is then used as it is.
        if first.is_empty() && rest.is_empty() {
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&chunk);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// What a body that is being collected takes of what all of them may take together.
struct Held<'a> {
    shared: &'a Shared,
    bytes: usize,
}

impl Held<'_> {
    /// Takes so much more; `false` if there is no room for it.
    fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let all = self.shared.bodies_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // A body that is alone finds room, however large it may be.
        all <= self.shared.config.bodies_limit_bytes.max(self.bytes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.bodies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads and forgets a short body, so that its connection can carry the next request.
pub(super) async fn drain(mut payload: web::Payload, shared: &Shared) {
    let mut total = 0;
    let read = async {
        while total <= DRAIN_LIMIT_BYTES {
            let Some(Ok(chunk)) = payload.next().await else { return };
            total += chunk.len();
        }
    };
    // Whoever takes longer for so little loses the connection, and no more.
    let _ = timeout(shared.config.stall_timeout, read).await;
}

/// Hands a body on while it arrives; the client is held back when nobody reads.
pub(super) fn stream(mut payload: web::Payload) -> BodyReader {
    let (writer, reader) = pipe::pipe(STREAM_LIMIT_BYTES);
    actix_rt::spawn(async move {
        while let Some(chunk) = payload.next().await {
            match chunk {
                Ok(chunk) => {
                    if writer.send(chunk).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    writer.fail(error.to_string());
                    return;
                }
            }
        }
        writer.close();
    });
    reader
}

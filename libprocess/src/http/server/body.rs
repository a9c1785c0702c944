//! The body of a request: collected within bounds, or handed on while it arrives.

use super::Shared;
use crate::http::pipe::{self, BodyReader};
use crate::http::{Response, StatusCode};
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::timeout;

/// How much of a body that is of no use is still read, so that the connection can be used again.
const DRAIN_LIMIT_BYTES: usize = 64 * 1024;

/// How much of a streamed body waits for a reader before the client is held back.
const STREAM_LIMIT_BYTES: usize = 1024 * 1024;

/// Collects a body.
///
/// # Errors
/// The answer for a client whose body is too large (413), too slow (408), or broken (400).
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
    loop {
        let next = timeout(shared.config.stall_timeout, payload.next()).await;
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
                    "The request body stopped arriving",
                ));
            }
        };
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(too_large());
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

/// Reads and forgets a short body, so that its connection can carry the next request.
pub(super) async fn drain(mut payload: web::Payload, shared: &Shared) {
    let mut total = 0;
    while total <= DRAIN_LIMIT_BYTES {
        match timeout(shared.config.stall_timeout, payload.next()).await {
            Ok(Some(Ok(chunk))) => total += chunk.len(),
            _ => return,
        }
    }
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

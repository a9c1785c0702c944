//! From an answer to what goes on the wire: JSONP, compression, files, streams.

use super::Shared;
use super::counters::Open;
use super::guard::Connection;
use crate::http::pipe::{BodyReader, PipeError};
use crate::http::{Body, FileBody, FileSource, Method, Request, Response, StatusCode};
use actix_web::HttpResponse;
use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody, SizedStream};
use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// From this size on, compressing would hold up the processes on this thread.
const OFFLOAD_FROM_BYTES: usize = 64 * 1024;

/// How much of a file is read at a time.
const FILE_CHUNK_BYTES: u64 = 256 * 1024;

/// What the client asked for beside the resource.
pub(super) struct Preferences {
    gzip: bool,
    jsonp: Option<String>,
}

impl Preferences {
    pub fn of(request: &Request) -> Self {
        let read = request.method == Method::GET;
        Self {
            gzip: request.accepts_encoding("gzip"),
            jsonp: request.query("jsonp").filter(|_| read).map(str::to_owned),
        }
    }
}

/// Writes an answer the way the client wants it.
pub(super) async fn encode(
    response: Response,
    preferences: &Preferences,
    head: bool,
    connection: &Rc<Connection>,
    shared: &Shared,
) -> HttpResponse {
    let mut response = pad(response, preferences);
    if !head {
        response = compress(response, preferences, shared.config.gzip_from_bytes).await;
    }
    let status = actix_web::http::StatusCode::from_u16(response.status.as_u16())
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let body = match response.body {
        // A stream has no length to tell, and nobody to be written for.
        Body::Stream(_) if head => BoxBody::new(()),
        Body::Bytes(bytes) if head => BoxBody::new(LengthOnly(bytes.len() as u64)),
        Body::File(file) if head => BoxBody::new(LengthOnly(file.length)),
        Body::Empty => BoxBody::new(()),
        Body::Bytes(bytes) => BoxBody::new(bytes),
        Body::Stream(reader) => {
            let (cut, counter) = (connection.cut.clone(), shared.counters.cut_streams.clone());
            connection.streaming.set(true);
            reader.on_overflow(move || {
                counter.increment();
                cut.cut();
            });
            BoxBody::new(BodyStream::new(Streaming {
                reader,
                error: None,
                connection: connection.clone(),
                _open: shared.counters.open_stream(),
            }))
        }
        Body::File(file) => {
            let length = file.length;
            BoxBody::new(SizedStream::new(length, file_stream(file)))
        }
    };
    let mut http = HttpResponse::with_body(status, body);
    // Some clients compare names of headers letter by letter, and Mesos writes them so.
    http.head_mut().set_camel_case_headers(true);
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (
            actix_web::http::header::HeaderName::from_bytes(name.as_str().as_bytes()),
            actix_web::http::header::HeaderValue::from_bytes(value.as_bytes()),
        ) {
            http.headers_mut().append(name, value);
        }
    }
    http
}

/// The body of an answer to HEAD: its length is told, and there is nothing to send.
struct LengthOnly(u64);

impl MessageBody for LengthOnly {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// JSONP: wraps the JSON into a call of the function that the client named.
fn pad(mut response: Response, preferences: &Preferences) -> Response {
    let Some(function) = &preferences.jsonp else { return response };
    let json = response
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if response.status != StatusCode::OK || !json {
        return response;
    }
    // The answer runs as a script in somebody's browser: let it be a name and nothing else.
    let named = |c: char| c.is_ascii_alphanumeric() || "_$.[]".contains(c);
    if function.is_empty() || !function.chars().all(named) {
        return Response::bad_request(format!("Invalid jsonp function '{function}'"));
    }
    if let Body::Bytes(bytes) = &response.body {
        let mut padded = BytesMut::with_capacity(bytes.len() + function.len() + 2);
        padded.put_slice(function.as_bytes());
        padded.put_u8(b'(');
        padded.put_slice(bytes);
        padded.put_u8(b')');
        response.body = Body::Bytes(padded.freeze());
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript"));
    }
    response
}

async fn compress(mut response: Response, preferences: &Preferences, from: usize) -> Response {
    let Body::Bytes(bytes) = &response.body else { return response };
    if bytes.len() < from || response.headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    response.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if !preferences.gzip {
        return response;
    }
    let bytes = bytes.clone();
    let compressed = if bytes.len() < OFFLOAD_FROM_BYTES {
        gzip(&bytes)
    } else {
        match actix_rt::task::spawn_blocking(move || gzip(&bytes)).await {
            Ok(compressed) => compressed,
            // The runtime is shutting down; the plain bytes will do.
            Err(_) => return response,
        }
    };
    if let Ok(compressed) = compressed {
        response.body = Body::Bytes(compressed);
        response.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Fast rather than small: whoever asks for state often is near.
fn gzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

/// A stream that ends when the client has closed its side, and says so to its writers by being
/// dropped.
struct Streaming {
    reader: BodyReader,
    /// How the stream ends, held back until what came before it was written.
    error: Option<PipeError>,
    connection: Rc<Connection>,
    _open: Open,
}

impl Stream for Streaming {
    type Item = Result<Bytes, PipeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.connection.eof.is_closed() {
            return Poll::Ready(Some(Err(PipeError::Failed("the client has gone".to_owned()))));
        }
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match Pin::new(&mut self.reader).poll_next(cx) {
            Poll::Ready(Some(Err(error))) => {
                // An error makes actix drop what it has not written yet; pausing lets it write.
                self.error = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }
}

/// The parts of a file, read where blocking is allowed.
fn file_stream(body: FileBody) -> impl Stream<Item = io::Result<Bytes>> {
    futures_util::stream::try_unfold((None, body), |(file, mut body)| async move {
        if body.length == 0 {
            return Ok(None);
        }
        let length = body.length.min(FILE_CHUNK_BYTES);
        let (source, offset) = (body.source.clone(), body.offset);
        let (file, chunk) =
            actix_rt::task::spawn_blocking(move || read_part(file, &source, offset, length))
                .await
                .map_err(io::Error::other)??;
        body.length -= length;
        body.offset += length;
        Ok(Some((chunk, (Some(file), body))))
    })
}

fn read_part(
    open: Option<Arc<File>>,
    source: &FileSource,
    offset: u64,
    length: u64,
) -> io::Result<(Arc<File>, Bytes)> {
    let file = match (open, source) {
        (Some(file), _) => file,
        (None, FileSource::Open(file)) => file.clone(),
        (None, FileSource::Path(path)) => Arc::new(File::open(path)?),
    };
    // At most FILE_CHUNK_BYTES, so the cast loses nothing.
    let mut chunk = vec![0; length as usize];
    file.read_exact_at(&mut chunk, offset)?;
    Ok((file, Bytes::from(chunk)))
}

//! An answer, and the short ways to make the common ones in Mesos's words.

use super::pipe::{self, BodyReader, BodyWriter};
use bytes::Bytes;
use hyper::header::{
    ALLOW, AsHeaderName, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// The content type of error texts.
pub const TEXT_PLAIN: &str = "text/plain; charset=utf-8";
/// The content type of JSON.
pub const APPLICATION_JSON: &str = "application/json";

/// One HTTP answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, except those that the server writes itself (`Date`, lengths, encodings).
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug, Default)]
pub enum Body {
    /// No body: `Content-Length: 0`.
    #[default]
    Empty,
    /// Bytes that are there already.
    Bytes(Bytes),
    /// Bytes that somebody writes while the client reads; each write is one chunk on the wire.
    Stream(BodyReader),
    /// A part of a file, read while the client takes it.
    File(FileBody),
}

/// A part of a file as a body.
#[derive(Clone, Debug)]
pub struct FileBody {
    /// The file: by its name, or open already.
    pub source: FileSource,
    /// The first byte to send.
    pub offset: u64,
    /// How many bytes to send, as measured when the answer was made. A file that has shrunk since
    /// ends the connection early, which is how HTTP says that something went wrong.
    pub length: u64,
}

/// Which file a body is a part of.
#[derive(Clone, Debug)]
pub enum FileSource {
    /// The one that has this name when the first byte is wanted.
    Path(PathBuf),
    /// This one, whatever happens to its name: for files that were checked when they were opened.
    Open(Arc<File>),
}

impl FileBody {
    /// A part of the file with this name.
    pub fn path(path: impl Into<PathBuf>, offset: u64, length: u64) -> Self {
        Self { source: FileSource::Path(path.into()), offset, length }
    }

    /// A part of a file that is open.
    pub fn open(file: File, offset: u64, length: u64) -> Self {
        Self { source: FileSource::Open(Arc::new(file)), offset, length }
    }
}

impl Response {
    /// An answer without a body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Empty }
    }

    /// 200 without a body.
    pub fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    /// 200 with JSON that is already text.
    pub fn ok_json(json: impl Into<Bytes>) -> Self {
        Self::ok().with_body(APPLICATION_JSON, json)
    }

    /// 200 with `value` as JSON. A value that cannot be written as JSON (a map with odd keys) is
    /// our bug, and answers 500.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Self::ok_json(json),
            Err(error) => Self::internal_server_error(format!("cannot write JSON: {error}")),
        }
    }

    /// `status` with a plain text.
    pub fn text(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status).with_body(TEXT_PLAIN, message.into())
    }

    /// 202 without a body.
    pub fn accepted() -> Self {
        Self::new(StatusCode::ACCEPTED)
    }

    /// 400 with what was wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, message)
    }

    /// 401 with one `WWW-Authenticate` header per challenge.
    pub fn unauthorized(challenges: &[String], message: impl Into<String>) -> Self {
        let mut response = Self::text(StatusCode::UNAUTHORIZED, message);
        for challenge in challenges {
            if let Ok(value) = HeaderValue::from_str(challenge) {
                response.headers.append(WWW_AUTHENTICATE, value);
            }
        }
        response
    }

    /// 403 with the reason.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::text(StatusCode::FORBIDDEN, message)
    }

    /// 404 in Mesos's words.
    pub fn not_found() -> Self {
        Self::text(StatusCode::NOT_FOUND, "404 Not Found.")
    }

    /// 405 in Mesos's words, with the `Allow` header.
    pub fn method_not_allowed(allowed: &[&str], got: &str) -> Self {
        let quoted: Vec<String> = allowed.iter().map(|method| format!("'{method}'")).collect();
        let message = format!(
            "405 Method Not Allowed. Expecting one of {{ {} }}, but received '{got}'.",
            quoted.join(", ")
        );
        Self::text(StatusCode::METHOD_NOT_ALLOWED, message).header(ALLOW, allowed.join(", "))
    }

    /// 406 with what could be had.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::text(StatusCode::NOT_ACCEPTABLE, message)
    }

    /// 409 with what is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::text(StatusCode::CONFLICT, message)
    }

    /// 415 with what would be taken.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// 307 to `location`, which may be protocol-relative (`//host:port/path`).
    pub fn redirect_temporary(location: &str) -> Self {
        Self::new(StatusCode::TEMPORARY_REDIRECT).header(LOCATION, location)
    }

    /// 500 with what went wrong.
    pub fn internal_server_error(message: impl Into<String>) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 501 in Mesos's words.
    pub fn not_implemented() -> Self {
        Self::text(StatusCode::NOT_IMPLEMENTED, "501 Not Implemented.")
    }

    /// 503 with the reason.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 200 with a body that is written while the client reads it.
    ///
    /// Once more than `limit_bytes` wait for a client that does not read, the writer is told and
    /// the stream is cut.
    pub fn stream(content_type: &str, limit_bytes: usize) -> (Self, BodyWriter) {
        let (writer, reader) = pipe::pipe(limit_bytes);
        let mut response = Self::ok().header(CONTENT_TYPE, content_type);
        response.body = Body::Stream(reader);
        (response, writer)
    }

    /// Sets a header, replacing what was there. A value that no header may hold (a line break) is
    /// left out: it cannot be sent, and must not split the answer in two.
    pub fn header(mut self, name: impl TryInto<HeaderName>, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) = (name.try_into(), HeaderValue::from_str(value.as_ref())) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets the body and its content type.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.body = if body.is_empty() { Body::Empty } else { Body::Bytes(body) };
        self.header(CONTENT_TYPE, content_type)
    }

    /// The value of a header, when it is there and is text.
    pub fn get_header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, when it is there already; for tests.
    pub fn body_bytes(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The body as text, when it is there already and is text; for tests.
    pub fn body_text(&self) -> Option<&str> {
        self.body_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_not_allowed_speaks_as_mesos_does() {
        let response = Response::method_not_allowed(&["GET", "POST", "DELETE"], "PUT");
        assert_eq!(
            response.body_text(),
            Some(
                "405 Method Not Allowed. Expecting one of { 'GET', 'POST', 'DELETE' }, \
                 but received 'PUT'."
            )
        );
        assert_eq!(response.get_header(ALLOW), Some("GET, POST, DELETE"));
        assert_eq!(response.get_header(CONTENT_TYPE), Some(TEXT_PLAIN));
    }

    #[test]
    fn a_header_cannot_smuggle_a_line() {
        let response = Response::ok().header("X-Test", "a\r\nSet-Cookie: b");
        assert!(response.headers.is_empty());
    }

    #[test]
    fn json_values_and_texts() {
        let response = Response::json(&serde_json::json!({"a": 1.0}));
        assert_eq!(response.body_text(), Some("{\"a\":1.0}"));
        assert_eq!(response.get_header(CONTENT_TYPE), Some("application/json"));
    }

    #[test]
    fn challenges_become_headers() {
        let challenges = ["Basic realm=\"r\"".to_owned(), "Bearer realm=\"r\"".to_owned()];
        let response = Response::unauthorized(&challenges, "");
        assert_eq!(response.headers.get_all(WWW_AUTHENTICATE).iter().count(), 2);
    }
}

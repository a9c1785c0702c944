//! An HTTP client for processes and for programs around them (LP-16).
//!
//! ```no_run
//! # async fn example() -> Result<(), libprocess::http::client::ClientError> {
//! use libprocess::http::client::Client;
//! let client = Client::new();
//! let version = client.get("http://127.0.0.1:5050/version").send().await?;
//! println!("{} {}", version.status, version.text());
//! let mut events = client
//!     .post("http://127.0.0.1:5050/api/v1")
//!     .body("application/json", "{\"type\":\"SUBSCRIBE\"}")
//!     .stream()
//!     .await?;
//! while let Some(chunk) = events.body.next().await {
//!     println!("{} bytes", chunk?.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Connections are kept and used again. The client works on any tokio runtime that has I/O and
//! time, within a node or without one; it is cheap to clone. It does not follow redirects: whom to
//! follow, and how often, is for the caller to decide.

mod connector;

use super::pipe::BodyReader;
use bytes::{Bytes, BytesMut};
use connector::Connector;
use futures_util::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// What may not stand in a path or query as it is. `%` may, since callers encode what they mean.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address makes no sense.
    #[error("'{url}' is not an HTTP address: {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header has a name or value that cannot be sent.
    #[error("header '{0}' cannot be sent")]
    Header(String),
    /// Nobody answers there.
    #[error("cannot connect to {url}")]
    Connect {
        /// The address.
        url: String,
        /// The cause.
        source: legacy::Error,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("request to {url} failed")]
    Request {
        /// The address.
        url: String,
        /// The cause.
        source: legacy::Error,
    },
    /// The connection broke while the answer was read.
    #[error("the answer of {url} broke off")]
    Body {
        /// The address.
        url: String,
        /// The cause.
        source: hyper::Error,
    },
    /// It took too long.
    #[error("no answer from {url} within {}", crate::units::format_duration(*limit))]
    Timeout {
        /// The address.
        url: String,
        /// How long it might have taken.
        limit: Duration,
    },
    /// The answer is too large.
    #[error("the answer of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        limit_bytes: usize,
    },
}

impl ClientError {
    /// Whether the request certainly did not reach the server.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }
}

/// Limits of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take, or for streams, until the headers of the answer.
    /// `None` is forever.
    pub timeout: Option<Duration>,
    /// The largest answer that [`RequestBuilder::send`] collects.
    pub body_limit_bytes: usize,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections are kept per server.
    pub idle_connections: usize,
    /// A Unix socket to connect to, whatever host the address names.
    pub unix_socket: Option<PathBuf>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Some(Duration::from_secs(60)),
            body_limit_bytes: 256 * 1024 * 1024,
            idle_timeout: Duration::from_secs(60),
            idle_connections: 8,
            unix_socket: None,
        }
    }
}

/// An HTTP client; see the module.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<Connector, RequestBody>,
    config: ClientConfig,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client with the default limits.
    pub fn new() -> Self {
        Self::with_config(ClientConfig::default())
    }

    /// A client of the server behind a Unix socket; addresses are `http://localhost/path`.
    pub fn unix(socket: impl AsRef<Path>) -> Self {
        let unix_socket = Some(socket.as_ref().to_owned());
        Self::with_config(ClientConfig { unix_socket, ..ClientConfig::default() })
    }

    /// A client with these limits.
    pub fn with_config(config: ClientConfig) -> Self {
        let connector = Connector::new(config.unix_socket.clone(), config.connect_timeout);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(config.idle_timeout)
            .pool_max_idle_per_host(config.idle_connections)
            .pool_timer(TokioTimer::new())
            .http1_title_case_headers(true)
            .build(connector);
        Self { inner, config }
    }

    /// Starts a GET.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Starts a POST.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Starts a PUT.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Starts a DELETE.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Starts a request to `url`, whose characters that no address may hold are encoded.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder {
            client: self.clone(),
            method,
            url: utf8_percent_encode(url, UNSAFE).to_string(),
            headers: HeaderMap::new(),
            body: empty(),
            timeout: self.config.timeout,
            error: None,
        }
    }
}

/// A request that is being put together.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: RequestBody,
    timeout: Option<Duration>,
    /// The first thing that went wrong; reported when the request is sent.
    error: Option<ClientError>,
}

impl RequestBuilder {
    /// Adds `name=value` to the query, encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        let pair: String =
            form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.url.push_str(&pair);
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            _ => self.error = self.error.or_else(|| Some(ClientError::Header(name.to_owned()))),
        }
        self
    }

    /// Sets the body and its content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sets a body that is written while it is sent, each write as one chunk.
    pub fn body_stream(mut self, content_type: &str, body: BodyReader) -> Self {
        let frames = body.map(|chunk| chunk.map(Frame::data).map_err(BoxError::from));
        self.body = BodyExt::boxed_unsync(StreamBody::new(frames));
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sets how long it may take; `None` is forever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sends the request and collects the answer.
    ///
    /// # Errors
    /// See [`ClientError`]. Any status is an answer, not an error.
    pub async fn send(self) -> Result<Received, ClientError> {
        let limit = self.timeout;
        let url = self.url.clone();
        let limit_bytes = self.client.config.body_limit_bytes;
        let exchange = async move {
            let streaming = self.timeout(None).stream().await?;
            let body = streaming.body.collect(limit_bytes).await?;
            Ok(Received { status: streaming.status, headers: streaming.headers, body })
        };
        within(limit, url, exchange).await
    }

    /// Sends the request and returns once the headers of the answer are there.
    ///
    /// # Errors
    /// See [`ClientError`]. Any status is an answer, not an error.
    pub async fn stream(self) -> Result<Streaming, ClientError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let url = self.url;
        let wrong = |reason: String| ClientError::Url { url: url.clone(), reason };
        let uri: Uri = url.parse().map_err(|error| wrong(format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("expecting 'http://'".to_owned()));
        }
        let mut request = hyper::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers;
        let client = self.client.inner;
        let exchange = async {
            client.request(request).await.map_err(|source| {
                let url = url.clone();
                if source.is_connect() {
                    ClientError::Connect { url, source }
                } else {
                    ClientError::Request { url, source }
                }
            })
        };
        let (head, incoming) = within(self.timeout, url.clone(), exchange).await?.into_parts();
        let body = ReceivedBody { incoming, url };
        Ok(Streaming { status: head.status, headers: head.headers, body })
    }
}

async fn within<T>(
    limit: Option<Duration>,
    url: String,
    exchange: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match limit {
        None => exchange.await,
        Some(limit) => match timeout(limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Timeout { url, limit }),
        },
    }
}

fn empty() -> RequestBody {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The value of a header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// Says where it is not the JSON of a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// An answer whose body is still arriving.
#[derive(Debug)]
pub struct Streaming {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. Dropping it closes the connection.
    pub body: ReceivedBody,
}

impl Streaming {
    /// The value of a header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A body that is still arriving.
#[derive(Debug)]
pub struct ReceivedBody {
    incoming: Incoming,
    url: String,
}

impl ReceivedBody {
    /// The next bytes as they arrive, `None` at the end. Where they are split means nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes, ClientError>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.incoming).poll_frame(cx));
            match frame.await? {
                Ok(frame) => match frame.into_data() {
                    Ok(data) => return Some(Ok(data)),
                    // Trailers say nothing that anybody here needs.
                    Err(_) => continue,
                },
                Err(source) => {
                    return Some(Err(ClientError::Body { url: self.url.clone(), source }));
                }
            }
        }
    }

    /// The whole rest, when it is not larger than `limit_bytes`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn collect(mut self, limit_bytes: usize) -> Result<Bytes, ClientError> {
        let too_large = |url: &str| ClientError::TooLarge { url: url.to_owned(), limit_bytes };
        let mut parts: Vec<Bytes> = Vec::new();
        let mut total = 0;
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            total += chunk.len();
            if total > limit_bytes {
                return Err(too_large(&self.url));
            }
            parts.push(chunk);
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let mut body = BytesMut::with_capacity(total);
        parts.iter().for_each(|part| body.extend_from_slice(part));
        Ok(body.freeze())
    }
}

/// Encodes one segment of a path, so that it holds no slash and nothing else with a meaning.
///
/// ```
/// assert_eq!(libprocess::http::client::encode_segment("a/b(1)"), "a%2Fb%281%29");
/// ```
pub fn encode_segment(segment: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(segment, KEPT).to_string()
}

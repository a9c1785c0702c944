//! Downloads by HTTP and HTTPS (rows FE-01, FE-05): redirects, proxies, and an eye on whether
//! anything moves.
//!
//! It does not resume, does not unpack what a server packs for the way, and keeps no connection:
//! one process downloads few files.
//!
//! Reading order: [`pace`], [`proxy`], [`connect`], this file.

pub mod connect;
pub mod pace;
pub mod proxy;

use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use url::Url;

use super::retrieve::plain;
use connect::Connector;
use pace::Pace;

/// How often a server may send us elsewhere.
pub const MAX_REDIRECTS: usize = 20;

/// How a server knows us.
const AGENT: &str = concat!("mesos-fetcher/", env!("CARGO_PKG_VERSION"));

/// Why nothing was downloaded.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address makes no sense.
    #[error("'{url}' is not an address: {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nobody here who could.
    #[error("'{0}' is not supported by this agent: use http, https, or the Hadoop client")]
    Scheme(String),
    /// A variable of the environment is wrong.
    #[error("'{value}' in the variable {name} is not a proxy of HTTP or HTTPS")]
    Proxy {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// Nobody answers.
    #[error("cannot connect to {host}:{port}: {source}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The system trusts nobody.
    #[error("there are no certificates of authorities on this machine, which https needs")]
    NoAuthorities,
    /// TLS cannot be set up.
    #[error("cannot use TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The proxy does not let us through.
    #[error("the proxy {host} refused with {status}")]
    Refused {
        /// The proxy.
        host: String,
        /// What it answered.
        status: StatusCode,
    },
    /// What came was not HTTP, or stopped in the middle.
    #[error("the transfer from {host} broke off: {}", chain(source))]
    Http {
        /// The server.
        host: String,
        /// Why.
        source: hyper::Error,
    },
    /// The server goes in circles.
    #[error("Number of redirects hit maximum amount ({MAX_REDIRECTS})")]
    Redirects,
    /// Nothing moved.
    #[error("Timeout was reached: less than 1 byte per second for {}", format(*.0))]
    Stalled(Duration),
    /// The disk does not take it.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
    /// Nobody says how much it is.
    #[error("No URL content-length available")]
    NoLength,
    /// An empty file, or a server that does not know.
    #[error("URI reported content-length 0: {0}")]
    Empty(String),
    /// There is no such file.
    #[error("received HTTP return code {0}")]
    Status(u16),
}

fn format(duration: Duration) -> String {
    libprocess::units::format_duration(duration)
}

fn chain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Downloads.
#[derive(Debug)]
pub struct Net {
    connector: Connector,
    stall_timeout: Option<Duration>,
}

impl Net {
    /// With this much patience.
    pub fn new(stall_timeout: Option<Duration>) -> Self {
        Self { connector: Connector::default(), stall_timeout }
    }

    /// How large the file would be, by the words of the server.
    ///
    /// # Errors
    /// See [`NetError`].
    pub async fn size(&self, url: &str) -> Result<u64, NetError> {
        let mut pace = self.pace();
        let response = self.exchange(&Method::HEAD, url, &mut pace).await?;
        if response.status() != StatusCode::OK {
            return Err(NetError::Status(response.status().as_u16()));
        }
        match content_length(&response) {
            None => Err(NetError::NoLength),
            Some(0) => Err(NetError::Empty(plain(url))),
            Some(length) => Ok(length),
        }
    }

    /// Writes what is at `url` to `file`, if the status is 200. Gives the status.
    ///
    /// # Errors
    /// See [`NetError`]; a transfer that ends too early is one.
    pub async fn download(&self, url: &str, file: &mut File) -> Result<u16, NetError> {
        let mut pace = self.pace();
        let response = self.exchange(&Method::GET, url, &mut pace).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Ok(status.as_u16());
        }
        let mut body = response.into_body();
        while let Some(frame) = within(&pace, body.frame()).await? {
            let broken = |source| NetError::Http { host: plain(url), source };
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                pace.note(data.len(), Instant::now());
                file.write_all(&data).map_err(NetError::Write)?;
            }
        }
        file.flush().map_err(NetError::Write)?;
        Ok(status.as_u16())
    }

    fn pace(&self) -> Pace {
        Pace::new(self.stall_timeout, Instant::now())
    }

    /// Asks, and goes where it is sent.
    async fn exchange(
        &self,
        method: &Method,
        url: &str,
        pace: &mut Pace,
    ) -> Result<Response<Incoming>, NetError> {
        let mut current = parse(url)?;
        let mut credentials = proxy::credentials_of(&current);
        for _ in 0..=MAX_REDIRECTS {
            let request = self.ask(method, &current, credentials.as_ref());
            let response = within(pace, request).await??;
            pace.note(1, Instant::now());
            let Some(next) = redirect(&response, &current)? else { return Ok(response) };
            if next.origin() != current.origin() {
                // A password is for the server that it was given for.
                credentials = None;
            }
            credentials = proxy::credentials_of(&next).or(credentials);
            current = next;
        }
        Err(NetError::Redirects)
    }

    async fn ask(
        &self,
        method: &Method,
        url: &Url,
        credentials: Option<&(String, String)>,
    ) -> Result<Response<Incoming>, NetError> {
        let host = proxy::host_of(url).unwrap_or_default();
        let wrong = |reason: String| NetError::Url { url: plain(url.as_str()), reason };
        let mut connection = self.connector.connect(url).await?;
        // A proxy without a tunnel has to be told the whole address.
        let target = if connection.whole_address {
            let mut plain = url.clone();
            plain.set_fragment(None);
            // They cannot fail for a URL with a host.
            let _ = plain.set_username("");
            let _ = plain.set_password(None);
            plain.to_string()
        } else {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", url.path())
        };
        let uri: Uri = target.parse().map_err(|error| wrong(format!("{error}")))?;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let authority =
            HeaderValue::from_str(authority).map_err(|error| wrong(format!("{error}")))?;
        headers.insert(header::HOST, authority);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(credentials) = credentials {
            headers.insert(header::AUTHORIZATION, basic(credentials));
        }
        if let Some(credentials) =
            connection.credentials.as_ref().filter(|_| connection.whole_address)
        {
            headers.insert(header::PROXY_AUTHORIZATION, basic(credentials));
        }
        let answer = connection.sender.send_request(request).await;
        answer.map_err(|source| NetError::Http { host, source })
    }
}

/// `Basic` credentials.
fn basic((name, password): &(String, String)) -> HeaderValue {
    let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    // Base64 is made of letters that a header may have.
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static("Basic"))
}

fn parse(url: &str) -> Result<Url, NetError> {
    let url = url.trim_start();
    let parsed = Url::parse(url)
        .map_err(|error| NetError::Url { url: plain(url), reason: error.to_string() })?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(NetError::Scheme(other.to_owned())),
    }
}

/// Where the server sends us.
fn redirect(response: &Response<Incoming>, from: &Url) -> Result<Option<Url>, NetError> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = response.headers().get(header::LOCATION).filter(|_| is_redirect) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(location.as_bytes());
    let next = from
        .join(&text)
        .map_err(|error| NetError::Url { url: plain(&text), reason: error.to_string() })?;
    match next.scheme() {
        "http" | "https" => Ok(Some(next)),
        other => Err(NetError::Scheme(other.to_owned())),
    }
}

fn content_length(response: &Response<Incoming>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Waits, as long as the pace allows.
async fn within<T>(pace: &Pace, future: impl Future<Output = T>) -> Result<T, NetError> {
    match pace.deadline() {
        None => Ok(future.await),
        Some(deadline) => {
            let now = Instant::now();
            let left = deadline.saturating_duration_since(now);
            tokio::time::timeout(left, future).await.map_err(|_| NetError::Stalled(pace.patience()))
        }
    }
}

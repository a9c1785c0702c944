//! From a URL to a connection that takes requests: directly or by way of a proxy, with TLS or
//! without.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::NetError;
use super::proxy::{self, Proxy};
use crate::fetcher::retrieve::plain;

/// How long making a connection may take: curl's patience.
const TIMEOUT: Duration = Duration::from_secs(300);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Sender = SendRequest<Empty<Bytes>>;

/// A connection that takes one request.
pub struct Connection {
    /// Takes the request.
    pub sender: Sender,
    /// Whether the request has to name the whole address, for a proxy that answers itself.
    pub whole_address: bool,
    /// What the proxy wants to hear.
    pub credentials: Option<(String, String)>,
}

/// Makes connections.
#[derive(Debug, Default)]
pub struct Connector {
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Connector {
    /// A connection for requests for `url`.
    ///
    /// # Errors
    /// See [`NetError`].
    pub async fn connect(&self, url: &Url) -> Result<Connection, NetError> {
        let missing = || NetError::Url { url: plain(url.as_str()), reason: "no host".to_owned() };
        let host = proxy::host_of(url).ok_or_else(missing)?;
        let port = url.port_or_known_default().ok_or_else(missing)?;
        let found = proxy::find(url, |name| std::env::var(name).ok())?;
        let is_tls = url.scheme() == "https";
        let mut stream: Box<dyn Stream> = match &found {
            None => Box::new(tcp(&host, port).await?),
            Some(proxy) => self.to_proxy(proxy).await?,
        };
        if let Some(proxy) = found.as_ref().filter(|_| is_tls) {
            stream = tunnel(stream, proxy, &host, port).await?;
        }
        if is_tls {
            stream = self.secure(stream, &host, port).await?;
        }
        Ok(Connection {
            sender: handshake(stream, &host).await?,
            whole_address: found.is_some() && !is_tls,
            credentials: found.and_then(|proxy| proxy.credentials),
        })
    }

    async fn to_proxy(&self, proxy: &Proxy) -> Result<Box<dyn Stream>, NetError> {
        let stream = tcp(&proxy.host, proxy.port).await?;
        if proxy.tls {
            return self.secure(stream, &proxy.host, proxy.port).await;
        }
        Ok(Box::new(stream))
    }

    async fn secure(
        &self,
        stream: impl Stream + 'static,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Stream>, NetError> {
        let fail = |source| NetError::Connect { host: host.to_owned(), port, source };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| fail(std::io::Error::other(error)))?;
        let connector = TlsConnector::from(self.tls()?);
        Ok(Box::new(connector.connect(name, stream).await.map_err(fail)?))
    }

    /// TLS with the authorities that the machine trusts.
    fn tls(&self) -> Result<Arc<ClientConfig>, NetError> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(NetError::NoAuthorities);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, NetError> {
    let fail = |source| NetError::Connect { host: host.to_owned(), port, source };
    let connected = tokio::time::timeout(TIMEOUT, TcpStream::connect((host, port))).await;
    connected.map_err(|late| fail(late.into()))?.map_err(fail)
}

async fn handshake(stream: impl Stream + 'static, host: &str) -> Result<Sender, NetError> {
    let fail = |source| NetError::Http { host: host.to_owned(), source };
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(fail)?;
    // Its error reaches us by way of the answer.
    tokio::spawn(async move { connection.with_upgrades().await });
    Ok(sender)
}

/// Has a proxy connect to the server, and leave us alone with it.
async fn tunnel(
    stream: impl Stream + 'static,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<Box<dyn Stream>, NetError> {
    let fail = |source| NetError::Http { host: proxy.host.clone(), source };
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let wrong = |reason: String| NetError::Url { url: authority.clone(), reason };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = authority.parse().map_err(|error| wrong(format!("{error}")))?;
    let value = HeaderValue::from_str(&authority).map_err(|error| wrong(format!("{error}")))?;
    request.headers_mut().insert(header::HOST, value);
    if let Some(credentials) = &proxy.credentials {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, super::basic(credentials));
    }
    let mut sender = handshake(stream, &proxy.host).await?;
    let response = sender.send_request(request).await.map_err(fail)?;
    if response.status() != StatusCode::OK {
        return Err(NetError::Refused { host: proxy.host.clone(), status: response.status() });
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(fail)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

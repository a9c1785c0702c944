//! The HTTP server of a node, on actix-http and actix-web.
//!
//! ```text
//!   connection (from the node's listener)
//!      | Guarded      drops what is stuck, notices when the client goes      guard.rs
//!      | actix-http   heads, chunks, pipelining in order, keep-alive
//!      v
//!   exchange          firewall, route, realm, body, reply                    exchange.rs, body.rs
//!      |------------> built-in routes: /help, /metrics, ...                  builtin.rs, pages.rs
//!      |------------> a process, through the site                            site.rs
//!      v
//!   encode            JSONP, gzip, files, one chunk per write                encode.rs
//! ```
//!
//! The server knows processes only through the trait [`Site`]. It never closes an idle connection
//! (clients of Mesos leave theirs unused for hours), but it does close one that stops in the
//! middle of a request or of reading an answer. It speaks HTTP/1.0 and 1.1, without TLS.

mod body;
mod builtin;
mod counters;
mod encode;
mod exchange;
mod guard;
mod pages;
mod site;

pub use site::{Endpoint, Site, Target};

use super::Realms;
use crate::metrics::{MetricError, Metrics, RateLimiter};
use actix_http::{HttpService, KeepAlive};
use actix_service::{Service, ServiceFactory, map_config};
use actix_web::dev::AppConfig;
use actix_web::{App, web};
use counters::Counters;
use guard::{Connection, Guarded};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// What can be chosen about a server.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The largest request body; a larger one is answered 413.
    pub body_limit_bytes: usize,
    /// How much the bodies of all requests that are arriving may take together; what comes on top
    /// is answered 503.
    pub bodies_limit_bytes: usize,
    /// How long a request's head may take from its first byte.
    pub head_timeout: Duration,
    /// How long a request's body may take beside a second for every 4 KiB, and the next part of an
    /// answer to be taken.
    pub stall_timeout: Duration,
    /// How long an answer is waited for after its client closed its side of the connection.
    pub half_closed_timeout: Duration,
    /// Answers of at least so many bytes are compressed for clients that can undo it (LP-15).
    pub gzip_from_bytes: usize,
    /// Paths answered 403 (LP-20), with or without the process id, with everything below them.
    pub disabled_paths: BTreeSet<String>,
    /// The authenticator of each realm (LP-21).
    pub realms: Realms,
    /// The realm of the built-in endpoints that only read.
    pub readonly_realm: Option<String>,
    /// The realm of the built-in endpoints that change something or show internals.
    pub readwrite_realm: Option<String>,
    /// How often `/metrics/snapshot` is answered; who comes too early waits (LP-24).
    pub snapshot_limit: Arc<RateLimiter>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            body_limit_bytes: 64 << 20,
            bodies_limit_bytes: 512 << 20,
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            half_closed_timeout: Duration::from_secs(10),
            gzip_from_bytes: 1024,
            disabled_paths: BTreeSet::new(),
            realms: Realms::new(),
            readonly_realm: None,
            readwrite_realm: None,
            snapshot_limit: Arc::new(RateLimiter::new(2.0, Duration::from_secs(1))),
        }
    }
}

/// A server. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all connections of a server share.
pub(super) struct Shared {
    /// Tells servers apart in the services that a thread keeps.
    number: u64,
    config: HttpConfig,
    site: Arc<dyn Site>,
    metrics: Metrics,
    counters: Counters,
    /// What the bodies that are arriving take.
    bodies_bytes: AtomicUsize,
}

/// Serves connections on one thread.
type Serve = dyn Fn(Guarded, SocketAddr) -> Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// The service of the server that this thread works for. Each has a clock of its own that
    /// ticks, so one per connection would be too many, and it cannot leave its thread. A thread
    /// belongs to one node, hence one. A task of the thread owns it, since it must end before
    /// thread-local values do.
    static SERVICE: RefCell<Option<(u64, Weak<Serve>)>> = const { RefCell::new(None) };
}

impl Server {
    /// A server for a site. Its counters go into `metrics`, which it also shows.
    ///
    /// # Errors
    /// When `metrics` holds the counters of another server.
    pub fn new(
        config: HttpConfig,
        metrics: Metrics,
        site: Arc<dyn Site>,
    ) -> Result<Self, MetricError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let counters = Counters::register(&metrics)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let bodies_bytes = AtomicUsize::new(0);
        let shared = Shared { number, config, site, metrics, counters, bodies_bytes };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The metrics that this server shows.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// What this server was made with.
    pub fn config(&self) -> &HttpConfig {
        &self.shared.config
    }

    /// Serves one connection until it ends. Must run on a thread with an actix arbiter, as the
    /// future stays on its thread.
    pub async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = guard::prepare(&stream, self.shared.config.stall_timeout) {
            tracing::debug!("connection of {peer}: {error}");
        }
        let serve = self.service().await;
        let _open = self.shared.counters.open_connection();
        serve(Guarded::new(stream, &self.shared), peer).await;
    }

    async fn service(&self) -> Rc<Serve> {
        let known = SERVICE.with_borrow(|service| match service {
            Some((number, service)) if *number == self.shared.number => service.upgrade(),
            _ => None,
        });
        match known {
            Some(service) => service,
            None => {
                let service = build(self.shared.clone()).await;
                SERVICE.set(Some((self.shared.number, Rc::downgrade(&service))));
                let owned = service.clone();
                actix_rt::spawn(async move {
                    let _owned = owned;
                    std::future::pending::<()>().await;
                });
                service
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

async fn build(shared: Arc<Shared>) -> Rc<Serve> {
    let data = web::Data::from(shared);
    let app = App::new().app_data(data).default_service(web::route().to(exchange::exchange));
    let factory = HttpService::build()
        .keep_alive(KeepAlive::Os)
        // `Guarded` sees to it, for every request of a connection and not only for the first.
        .client_request_timeout(Duration::ZERO)
        // An answer that comes before the whole request is read lingers so long, that the client
        // gets to see it.
        .client_disconnect_timeout(Duration::from_secs(5))
        .on_connect_ext(|stream: &Guarded, data| {
            data.insert::<Rc<Connection>>(stream.connection().clone());
        })
        .h1(map_config(app, |_| AppConfig::default()));
    match factory.new_service(()).await {
        Ok(service) => {
            let service = Rc::new(service);
            Rc::new(move |stream, peer| {
                let service = service.clone();
                Box::pin(async move {
                    if let Err(error) = service.call((stream, Some(peer))).await {
                        tracing::debug!("connection of {peer}: {error}");
                    }
                })
            })
        }
        // Nothing in `App` as we build it can fail to start.
        Err(()) => Rc::new(|_, peer| {
            tracing::error!("no HTTP service for {peer}");
            Box::pin(std::future::ready(()))
        }),
    }
}

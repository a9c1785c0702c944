//! What can be chosen about a node.

use crate::Clock;
use crate::http::server::HttpConfig;
use crate::metrics::{Metrics, RateLimiter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use thiserror::Error;

/// How to start a [`Node`](crate::Node). The default listens on a free port of the loopback
/// address.
#[derive(Clone)]
pub struct NodeConfig {
    /// Where to listen. Port 0 takes a free one; an unspecified address takes all interfaces.
    pub bind: SocketAddr,
    /// What to put into process names instead of the bound address (LP-34). Port 0 stands for the
    /// bound port. Without it, a node bound to all interfaces names the one of its default route.
    pub advertise: Option<SocketAddr>,
    /// How many threads run processes (LP-39); 0 is one per core, at least 8 as in Mesos: idle ones
    /// cost next to nothing, and a handler that blocks after all holds up fewer others.
    pub workers: usize,
    /// Whose time it is.
    pub clock: Clock,
    /// What others may cost.
    pub limits: Limits,
    /// The process whose routes also answer without its id in the path, and which receives messages
    /// to the empty id. Connections are accepted once it has initialized itself.
    pub delegate: Option<String>,
    /// How HTTP is served.
    pub http: HttpConfig,
    /// Refuse messages whose sender names another IP than the connection comes from (LP-35).
    pub require_peer_ip_match: bool,
    /// Where the node's metrics are registered, its own and its processes'. Not to be shared
    /// between nodes.
    pub metrics: Metrics,
}

impl std::fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeConfig")
            .field("bind", &self.bind)
            .field("advertise", &self.advertise)
            .field("workers", &self.workers)
            .field("clock", &self.clock)
            .field("limits", &self.limits)
            .field("delegate", &self.delegate)
            .field("require_peer_ip_match", &self.require_peer_ip_match)
            .finish_non_exhaustive()
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertise: None,
            workers: 0,
            clock: Clock::real(),
            limits: Limits::default(),
            delegate: None,
            http: HttpConfig::default(),
            require_peer_ip_match: false,
            metrics: Metrics::new("mesos"),
        }
    }
}

/// Bounds on what peers can make a node spend, and how long it bears with them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest frame that is sent or accepted, in bytes.
    pub frame_bytes: usize,
    /// How many bytes may wait for one peer; what comes on top is dropped and counted.
    pub outbound_queue_bytes: usize,
    /// How many bytes from other nodes may wait in one process's queue before their connections
    /// are no longer read.
    pub inbound_queue_bytes: usize,
    /// How many connections may be open to this node, of either protocol.
    pub inbound_connections: usize,
    /// How long a connection may take from its first byte to its protocol, and a handshake to its
    /// end; also how long a connect may take.
    pub handshake_timeout: Duration,
    /// How long a peer may leave bytes unread before its connection is given up.
    pub write_stall_timeout: Duration,
    /// How long a connection without links stays open after its last message.
    pub linger: Duration,
    /// How often an idle link is probed.
    pub ping_interval: Duration,
    /// How long a peer may be silent, although probed, before its link is broken.
    pub peer_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 64 << 20,
            outbound_queue_bytes: 256 << 20,
            inbound_queue_bytes: 64 << 20,
            inbound_connections: 100_000,
            handshake_timeout: Duration::from_secs(10),
            write_stall_timeout: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            ping_interval: Duration::from_secs(15),
            peer_timeout: Duration::from_secs(60),
        }
    }
}

/// The number of workers that Mesos accepts, and the least that it starts by itself.
const MAX_WORKERS: usize = 1024;
const DEFAULT_WORKERS: usize = 8;

/// Why the environment does not make a configuration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{variable}={value} in the environment is not {expected}")]
pub struct EnvError {
    /// The variable.
    pub variable: &'static str,
    /// What it holds.
    pub value: String,
    /// What it should hold.
    pub expected: &'static str,
}

impl NodeConfig {
    /// The default, changed by the `LIBPROCESS_*` variables of this program's environment (LP-44).
    ///
    /// # Errors
    /// When a variable does not hold what it should.
    pub fn from_env() -> Result<Self, EnvError> {
        let mut config = Self::default();
        config.apply_env(|name| std::env::var(name).ok())?;
        Ok(config)
    }

    /// Changes the configuration as `LIBPROCESS_IP`, `_PORT`, `_ADVERTISE_IP`, `_ADVERTISE_PORT`,
    /// `_NUM_WORKER_THREADS`, `_REQUIRE_PEER_ADDRESS_IP_MATCH` and
    /// `_METRICS_SNAPSHOT_ENDPOINT_RATE_LIMIT` say; `lookup` reads a variable.
    ///
    /// # Errors
    /// When a variable does not hold what it should.
    pub fn apply_env(&mut self, lookup: impl Fn(&str) -> Option<String>) -> Result<(), EnvError> {
        let env = Env(lookup);
        if let Some(ip) = env.get("LIBPROCESS_IP", "an IP address")? {
            self.bind.set_ip(ip);
        }
        if let Some(port) = env.get("LIBPROCESS_PORT", "a port number")? {
            self.bind.set_port(port);
        }
        let ip: Option<IpAddr> = env.get("LIBPROCESS_ADVERTISE_IP", "an IP address")?;
        let port: Option<u16> = env.get("LIBPROCESS_ADVERTISE_PORT", "a port number")?;
        if ip.is_some() || port.is_some() {
            let ip = ip.unwrap_or(self.bind.ip());
            self.advertise = Some(SocketAddr::new(ip, port.unwrap_or(0)));
        }
        let workers = "LIBPROCESS_NUM_WORKER_THREADS";
        let expected = "a number from 1 to 1024";
        if let Some(count) = env.get::<usize>(workers, expected)? {
            if !(1..=MAX_WORKERS).contains(&count) {
                let value = count.to_string();
                return Err(EnvError { variable: workers, value, expected });
            }
            self.workers = count;
        }
        let limit = "LIBPROCESS_METRICS_SNAPSHOT_ENDPOINT_RATE_LIMIT";
        // Here empty means something: no limit.
        if let Some(value) = (env.0)(limit) {
            let expected = "a number and a duration, such as 2/1secs";
            let limiter = RateLimiter::parse(&value).map_err(|_| EnvError {
                variable: limit,
                value,
                expected,
            })?;
            self.http.snapshot_limit = std::sync::Arc::new(limiter);
        }
        let expected = "true or false";
        if let Some(text) =
            env.get::<String>("LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH", expected)?
        {
            self.require_peer_ip_match = match text.as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => {
                    return Err(EnvError {
                        variable: "LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH",
                        value: text,
                        expected,
                    });
                }
            };
        }
        Ok(())
    }

    /// The number of worker threads that `workers` stands for.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                cores.clamp(DEFAULT_WORKERS, MAX_WORKERS)
            }
            count => count.min(MAX_WORKERS),
        }
    }
}

struct Env<F>(F);

impl<F: Fn(&str) -> Option<String>> Env<F> {
    /// The variable's value; empty is unset, as executors are given empty ones.
    fn get<T: std::str::FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, EnvError> {
        match (self.0)(variable) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => match value.parse() {
                Ok(parsed) => Ok(Some(parsed)),
                Err(_) => Err(EnvError { variable, value, expected }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(pairs: &[(&str, &str)]) -> Result<NodeConfig, EnvError> {
        let mut config = NodeConfig::default();
        config.apply_env(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })?;
        Ok(config)
    }

    #[test]
    fn the_environment_is_read() {
        let config = apply(&[
            ("LIBPROCESS_IP", "127.0.0.2"),
            ("LIBPROCESS_PORT", "5050"),
            ("LIBPROCESS_ADVERTISE_IP", "10.0.0.1"),
            ("LIBPROCESS_NUM_WORKER_THREADS", "3"),
            ("LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH", "true"),
        ])
        .unwrap();
        assert_eq!(config.bind, "127.0.0.2:5050".parse().unwrap());
        assert_eq!(config.advertise, Some("10.0.0.1:0".parse().unwrap()));
        assert_eq!(config.worker_count(), 3);
        assert!(config.require_peer_ip_match);
        assert_eq!(apply(&[("LIBPROCESS_PORT", "")]).unwrap().bind.port(), 0);
    }

    #[test]
    fn workers_are_eight_or_one_per_core() {
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(apply(&[]).unwrap().worker_count(), cores.max(8));
        let count =
            |text| apply(&[("LIBPROCESS_NUM_WORKER_THREADS", text)]).unwrap().worker_count();
        assert_eq!((count("1"), count("1024")), (1, 1024));
    }

    #[test]
    fn wrong_values_are_named() {
        for wrong in ["1025", "-1", "many"] {
            assert!(apply(&[("LIBPROCESS_NUM_WORKER_THREADS", wrong)]).is_err(), "{wrong}");
        }
        let error = apply(&[("LIBPROCESS_NUM_WORKER_THREADS", "0")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "LIBPROCESS_NUM_WORKER_THREADS=0 in the environment is not a number from 1 to 1024"
        );
        assert!(apply(&[("LIBPROCESS_PORT", "65536")]).is_err());
    }
}

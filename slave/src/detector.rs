//! Who finds the leading master (row SL-01).
//!
//! There is one way yet: the operator names the master, and it always leads. ZooKeeper takes the
//! same place.

use std::net::{SocketAddr, ToSocketAddrs as _};

use libprocess::Upid;
use mesos::master_info::{Address, MasterInfo};
use slave_core::event::Leader;
use slave_core::ids::MasterPid;

/// Finds the leading master, and every change of it.
pub trait Detector: Send + 'static {
    /// Starts to look. `report` is called with each answer that differs from the last, from any
    /// thread: the leader, or none.
    fn start(&mut self, report: Box<dyn Fn(Option<Leader>) + Send + Sync>);
}

/// Why there is no master to be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
    /// ZooKeeper is not spoken yet.
    #[error("--master={0}: masters cannot be found through ZooKeeper yet; give a host:port")]
    ZooKeeper(String),
    /// The text is no address, or no host has that name.
    #[error("--master={address}: {why}; give a host:port, for example 10.0.0.1:5050")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The master that the operator names.
#[derive(Debug)]
pub struct Standalone {
    leader: Leader,
}

impl Standalone {
    /// The master at `host:port`, or `master@host:port`.
    ///
    /// # Errors
    /// See [`DetectorError`].
    pub fn new(address: &str) -> Result<Self, DetectorError> {
        if address.starts_with("zk://") {
            return Err(DetectorError::ZooKeeper(address.to_owned()));
        }
        let wrong = |why: String| DetectorError::Address { address: address.to_owned(), why };
        let place = address.strip_prefix("master@").unwrap_or(address);
        let found = place.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
        // A master that names an IPv4 address is the usual one.
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let socket = found.first().ok_or_else(|| wrong("no host has that name".to_owned()))?;
        let hostname = place.rsplit_once(':').map_or(place, |(host, _)| host);
        Ok(Self { leader: leader(*socket, hostname) })
    }
}

fn leader(socket: SocketAddr, hostname: &str) -> Leader {
    let pid = Upid::new("master", socket).to_string();
    let info = MasterInfo {
        id: String::new(),
        ip: match socket {
            SocketAddr::V4(socket) => u32::from_le_bytes(socket.ip().octets()),
            SocketAddr::V6(_) => 0,
        },
        port: u32::from(socket.port()),
        pid: Some(pid.clone()),
        hostname: Some(hostname.to_owned()),
        address: Some(Address {
            hostname: Some(hostname.to_owned()),
            ip: Some(socket.ip().to_string()),
            port: i32::from(socket.port()),
        }),
        ..MasterInfo::default()
    };
    Leader { pid: MasterPid::new(pid), info }
}

impl Detector for Standalone {
    fn start(&mut self, report: Box<dyn Fn(Option<Leader>) + Send + Sync>) {
        report(Some(self.leader.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_master_leads() {
        let detector = Standalone::new("localhost:5050").unwrap();
        assert_eq!(detector.leader.info.hostname.as_deref(), Some("localhost"));
        assert_eq!(detector.leader.pid.as_str(), "master@127.0.0.1:5050");
        assert_eq!(Standalone::new("master@10.0.0.1:1").unwrap().leader.info.port, 1);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!(matches!(Standalone::new("zk://h/mesos"), Err(DetectorError::ZooKeeper(_))));
        for text in ["", "localhost", "localhost:x", ":"] {
            let error = Standalone::new(text).unwrap_err();
            assert!(matches!(error, DetectorError::Address { .. }), "{text}: {error}");
        }
    }
}

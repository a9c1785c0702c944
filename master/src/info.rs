//! What a master says of itself (row MA-05).

use std::net::{IpAddr, SocketAddr};

use mesos::master_info::{Address, MasterCapability, MasterCapabilityType, MasterInfo};

use crate::{Config, MESOS_VERSION, PROCESS_ID};

/// The description of a new master at `address`, with an id that no other master has.
pub fn master_info(config: &Config, address: SocketAddr) -> MasterInfo {
    let hostname = config.hostname.clone().unwrap_or_else(|| hostname(config, address.ip()));
    let capability = |kind| MasterCapability { r#type: Some(kind) };
    MasterInfo {
        id: uuid::Uuid::new_v4().to_string(),
        ip: legacy_ip(address.ip()),
        port: u32::from(address.port()),
        pid: Some(format!("{PROCESS_ID}@{address}")),
        hostname: Some(hostname.clone()),
        version: Some(MESOS_VERSION.to_owned()),
        address: Some(Address {
            hostname: Some(hostname),
            ip: Some(address.ip().to_string()),
            port: i32::from(address.port()),
        }),
        domain: config.domain.clone().map(Box::new),
        capabilities: vec![
            capability(MasterCapabilityType::AgentUpdate),
            capability(MasterCapabilityType::AgentDraining),
            capability(MasterCapabilityType::QuotaV2),
        ],
    }
}

/// The address as the number that old clients read: the four octets as they lie in memory, read
/// as little-endian. An IPv6 address has no such number.
fn legacy_ip(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
        IpAddr::V6(_) => 0,
    }
}

/// The name of the host at `ip`, or the address where there is no name or none is wanted.
fn hostname(config: &Config, ip: IpAddr) -> String {
    let own_name = || nix::unistd::gethostname().ok()?.into_string().ok();
    let name = if config.hostname_lookup && !ip.is_loopback() { own_name() } else { None };
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_what_old_and_new_clients_read() {
        let config = Config { hostname: Some("h".to_owned()), ..Config::default() };
        let info = master_info(&config, "127.0.0.1:16050".parse().unwrap());
        assert_eq!(info.ip, 16_777_343);
        assert_eq!(info.pid.as_deref(), Some("master@127.0.0.1:16050"));
        assert_eq!(info.hostname.as_deref(), Some("h"));
        assert_eq!(info.address.as_ref().and_then(|a| a.ip.as_deref()), Some("127.0.0.1"));
        assert_eq!(info.version.as_deref(), Some("1.11.0"));
        assert_eq!(info.id.len(), 36);
        assert_ne!(info.id, master_info(&config, "127.0.0.1:16050".parse().unwrap()).id);
    }

    #[test]
    fn without_a_lookup_the_address_is_the_name() {
        let info = master_info(&Config::default(), "127.0.0.9:1".parse().unwrap());
        assert_eq!(info.hostname.as_deref(), Some("127.0.0.9"));
    }
}

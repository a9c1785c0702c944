//! Flags that every daemon has: where it listens, what others are told, how it logs.

use super::spec::Kind;
use super::value::FlagValue;
use crate::logging::{Level, LogConfig};
use crate::{EnvError, NodeConfig};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

crate::flags! {
    /// What every daemon understands. Each has a `port` of its own, as defaults differ.
    pub struct DaemonFlags {
        /// Prints this help message.
        help: bool = "false";
        /// Show version and exit.
        version: bool = "false";
        /// The hostname that others are told. If it is left out, it is found from the IP address
        /// that is listened on.
        hostname: Option<String>;
        /// Whether the hostname is looked up from the IP address when `--hostname` is left out.
        /// Otherwise the IP address is used.
        hostname_lookup: bool = "true";
        /// IP address to listen on. All interfaces if it is left out.
        /// May not be used together with `--ip_discovery_command`.
        ip: Option<IpAddr>;
        /// IP address that others are told to connect to. The one that is listened on if it is
        /// left out.
        advertise_ip: Option<IpAddr>;
        /// Port that others are told to connect to, together with `--advertise_ip`.
        advertise_port: Option<u16>;
        /// A program that prints the IP address to listen on.
        /// May not be used together with `--ip`.
        ip_discovery_command: Option<String>;
        /// Endpoints to disable, as JSON or a `file://` that holds JSON.
        firewall_rules: Option<serde_json::Value>;
        /// Whether nothing is logged to stderr.
        quiet: bool = "false";
        /// The least level that is logged.
        logging_level: Level = "INFO" { choices: Level::NAMES };
        /// A directory for log files. None are written if it is left out.
        log_dir: Option<PathBuf>;
    }
}

/// Why the flags of a daemon make no node.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Two flags exclude each other.
    #[error("only one of --ip and --ip_discovery_command should be specified")]
    TwoIps,
    /// A port without an address means nothing.
    #[error("--advertise_port={0} needs --advertise_ip")]
    PortWithoutIp(u16),
    /// The program that should find the address did not.
    #[error("--ip_discovery_command='{command}' failed: {why}")]
    Discovery {
        /// The command.
        command: String,
        /// What went wrong.
        why: String,
    },
    /// The rules about endpoints are no such rules.
    #[error("invalid value of --firewall_rules: {0}")]
    Firewall(String),
    /// The environment holds a wrong value.
    #[error(transparent)]
    Environment(#[from] EnvError),
}

impl DaemonFlags {
    /// The node that a daemon with these flags runs on, whose process `delegate` answers for the
    /// node. The environment (`LIBPROCESS_*`) counts where flags say nothing.
    ///
    /// # Errors
    /// See [`DaemonError`].
    pub fn node_config(&self, port: u16, delegate: &str) -> Result<NodeConfig, DaemonError> {
        let mut config = NodeConfig::from_env()?;
        let ip = match (&self.ip, &self.ip_discovery_command) {
            (Some(_), Some(_)) => return Err(DaemonError::TwoIps),
            (Some(ip), None) => Some(*ip),
            (None, Some(command)) => Some(discover_ip(command)?),
            (None, None) => None,
        };
        // Without a flag, a daemon listens everywhere: it is there for others.
        let from_env = std::env::var_os("LIBPROCESS_IP").is_some_and(|value| !value.is_empty());
        let everywhere = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let ip = ip.unwrap_or(if from_env { config.bind.ip() } else { everywhere });
        config.bind = SocketAddr::new(ip, port);
        match (self.advertise_ip, self.advertise_port) {
            (Some(ip), port) => config.advertise = Some(SocketAddr::new(ip, port.unwrap_or(0))),
            (None, Some(port)) => return Err(DaemonError::PortWithoutIp(port)),
            (None, None) => {}
        }
        if let Some(rules) = &self.firewall_rules {
            config.http.disabled_paths = disabled_paths(rules)?;
        }
        config.delegate = Some(delegate.to_owned());
        Ok(config)
    }

    /// How a daemon with these flags logs, as `program`.
    pub fn log_config(&self, program: &str) -> LogConfig {
        LogConfig {
            program: program.to_owned(),
            level: self.logging_level,
            verbosity: 0,
            quiet: self.quiet,
            log_dir: self.log_dir.clone(),
        }
    }
}

impl FlagValue for Level {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn print(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}

/// The paths of `{"disabled_endpoints": {"paths": ["/files/browse"]}}` (row LP-20).
fn disabled_paths(rules: &serde_json::Value) -> Result<BTreeSet<String>, DaemonError> {
    let wrong = |why: &str| DaemonError::Firewall(why.to_owned());
    let rules = rules.as_object().ok_or_else(|| wrong("expecting a JSON object"))?;
    if let Some(unknown) = rules.keys().find(|key| *key != "disabled_endpoints") {
        return Err(DaemonError::Firewall(format!("unknown rule '{unknown}'")));
    }
    let paths = rules.get("disabled_endpoints").map(|rule| rule.get("paths"));
    let Some(paths) = paths else { return Ok(BTreeSet::new()) };
    let paths = paths.and_then(|paths| paths.as_array());
    let paths = paths.ok_or_else(|| wrong("expecting 'disabled_endpoints.paths' as an array"))?;
    let path = |path: &serde_json::Value| {
        let path = path.as_str().filter(|path| path.starts_with('/')).map(str::to_owned);
        path.ok_or_else(|| wrong("expecting paths that start with '/'"))
    };
    paths.iter().map(path).collect()
}

/// Runs the command and reads the address that it prints.
fn discover_ip(command: &str) -> Result<IpAddr, DaemonError> {
    let failed = |why: String| DaemonError::Discovery { command: command.to_owned(), why };
    let output = Command::new("sh")
        .args(["-c", command])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.trim();
    text.parse().map_err(|_| failed(format!("'{text}' is not an IP address")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{FlagSet, Invocation};

    fn node(arguments: &[&str]) -> Result<NodeConfig, DaemonError> {
        flags(arguments).node_config(5050, "master")
    }

    fn flags(arguments: &[&str]) -> DaemonFlags {
        match DaemonFlags::parse("MESOS_", arguments.iter().copied(), []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_node_listens_where_flags_say() {
        let here = node(&["--ip=127.0.0.1"]).unwrap();
        assert_eq!(here.bind, "127.0.0.1:5050".parse().unwrap());
        assert_eq!(here.delegate.as_deref(), Some("master"));
        let found = node(&["--ip_discovery_command=echo 127.0.0.3"]).unwrap();
        assert_eq!(found.bind, "127.0.0.3:5050".parse().unwrap());
        let told = node(&["--advertise_ip=10.1.2.3", "--advertise_port=99"]).unwrap();
        assert_eq!(told.advertise, Some("10.1.2.3:99".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, text) in [
            (&["--ip=1.2.3.4", "--ip_discovery_command=x"][..], "only one of --ip and"),
            (&["--ip_discovery_command=echo nowhere"], "'nowhere' is not an IP address"),
            (&["--ip_discovery_command=exit 3"], "--ip_discovery_command='exit 3' failed"),
            (&["--advertise_port=1"], "--advertise_port=1 needs --advertise_ip"),
            (&["--firewall_rules={\"x\": 1}"], "unknown rule 'x'"),
            (&["--firewall_rules=7"], "expecting a JSON object"),
        ] {
            let error = node(arguments).unwrap_err().to_string();
            assert!(error.contains(text), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn rules_disable_endpoints() {
        let rules = r#"--firewall_rules={"disabled_endpoints": {"paths": ["/teardown"]}}"#;
        let node = node(&[rules]).unwrap();
        assert!(node.http.disabled_paths.contains("/teardown"));
    }

    #[test]
    fn logging_follows_the_flags() {
        let arguments = ["--logging_level=WARNING", "--quiet", "--log_dir=/logs"];
        let config = flags(&arguments).log_config("mesos-test");
        assert_eq!((config.level, config.quiet), (Level::Warning, true));
        assert_eq!(config.log_dir, Some(PathBuf::from("/logs")));
        assert_eq!(flags(&["--logging_level=ERROR"]).values()["logging_level"], "ERROR");
        let wrong = DaemonFlags::parse("MESOS_", ["--logging_level=LOUD"], []).unwrap_err();
        assert!(wrong.to_string().contains("Expecting one of INFO, WARNING, ERROR"), "{wrong}");
    }
}

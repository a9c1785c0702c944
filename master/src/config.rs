//! What an embedder decides about a master's process, and how flags become that.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use libprocess::NodeConfig;
use libprocess::flags::standing::Unsupported;
use libprocess::flags::{DaemonError, FlagSet};
use mesos::agent::DomainInfo;
use thiserror::Error;

use crate::flags::Flags;
use crate::flags::standing;
use crate::flags::values::NameSet;

/// The shortest `--agent_reregister_timeout` that Mesos accepts: less, and agents that are merely
/// slow to notice a failover would lose their tasks (row MA-14).
const MIN_REREGISTER_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Where a registry is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryKind {
    /// In memory: the next master starts from nothing.
    InMemory,
    /// In an embedded store below this work directory.
    Disk(PathBuf),
}

/// What an embedder decides about a master.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the core has to know.
    pub core: master_core::Config,
    /// Where the registry is kept.
    pub registry: RegistryKind,
    /// How long reading it may take (row MA-12).
    pub registry_fetch_timeout: Duration,
    /// How long writing it may take (row MA-12).
    pub registry_store_timeout: Duration,
    /// The hostname to advertise; found from the address if absent.
    pub hostname: Option<String>,
    /// Whether the hostname is looked up, when it has to be found.
    pub hostname_lookup: bool,
    /// A name for the cluster (row MA-20).
    pub cluster: Option<String>,
    /// The fault domain of the master.
    pub domain: Option<DomainInfo>,
    /// Whether each framework has metrics of its own.
    pub per_framework_metrics: bool,
    /// Where log files are written, as readers of `/state` are told.
    pub log_dir: Option<String>,
    /// The flags as `/flags` shows them.
    pub flags: BTreeMap<String, String>,
    /// How many bytes a scheduler may be behind in reading its events before it is dropped.
    pub stream_limit_bytes: usize,
    /// How many operators may listen to the stream of events.
    pub max_operator_event_stream_subscribers: usize,
    /// Decides all that is left to chance; chosen at random if absent.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            core: master_core::Config::default(),
            registry: RegistryKind::InMemory,
            registry_fetch_timeout: Duration::from_secs(60),
            registry_store_timeout: Duration::from_secs(20),
            hostname: None,
            hostname_lookup: false,
            cluster: None,
            domain: None,
            per_framework_metrics: true,
            log_dir: None,
            flags: BTreeMap::new(),
            stream_limit_bytes: libprocess::http::pipe::DEFAULT_LIMIT_BYTES,
            max_operator_event_stream_subscribers: 1000,
            seed: None,
        }
    }
}

/// Why flags do not make a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The flag asks for what does not exist yet.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A durable registry needs a place.
    #[error("--work_dir needed for replicated log based registry")]
    MissingWorkDir,
    /// The timeout is too short to be safe.
    #[error(
        "invalid value '{}' for --agent_reregister_timeout: must be at least 10mins",
        libprocess::units::format_duration(*.0)
    )]
    ReregisterTimeout(Duration),
    /// The fault domain is no domain.
    #[error("invalid value of --domain: {0}")]
    Domain(String),
    /// No node can be made.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

impl Config {
    /// The configuration that flags ask for, and what the user should be told.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_flags(flags: &Flags) -> Result<(Self, Vec<String>), ConfigError> {
        let warnings = standing::check(flags)?;
        if flags.agent_reregister_timeout < MIN_REREGISTER_TIMEOUT {
            return Err(ConfigError::ReregisterTimeout(flags.agent_reregister_timeout));
        }
        let registry = match (flags.registry.as_str(), &flags.work_dir) {
            ("in_memory", _) => RegistryKind::InMemory,
            (_, Some(work_dir)) => RegistryKind::Disk(work_dir.clone()),
            (_, None) => return Err(ConfigError::MissingWorkDir),
        };
        let domain = flags.domain.clone().map(read_domain).transpose()?;
        let config = Self {
            core: core_config(flags),
            registry,
            registry_fetch_timeout: flags.registry_fetch_timeout,
            registry_store_timeout: flags.registry_store_timeout,
            hostname: flags.daemon.hostname.clone(),
            hostname_lookup: flags.daemon.hostname_lookup,
            cluster: flags.cluster.clone(),
            domain,
            per_framework_metrics: flags.publish_per_framework_metrics,
            log_dir: flags.daemon.log_dir.as_ref().map(|path| path.display().to_string()),
            flags: flags.values(),
            max_operator_event_stream_subscribers: flags.max_operator_event_stream_subscribers,
            ..Self::default()
        };
        Ok((config, warnings))
    }
}

fn core_config(flags: &Flags) -> master_core::Config {
    let excluded = flags.fair_sharing_excluded_resource_names.clone();
    master_core::Config {
        allocation_interval: flags.allocation_interval,
        allocate_on_recovery: flags.allocate_on_recovery,
        min_allocatable_resources: flags.min_allocatable_resources.sets.clone(),
        offer_timeout: flags.offer_timeout,
        filter_gpu_resources: flags.filter_gpu_resources,
        fair_sharing_excluded_resource_names: excluded.unwrap_or_default().0,
        agent_ping_timeout: flags.agent_ping_timeout,
        max_agent_ping_timeouts: flags.max_agent_ping_timeouts,
        agent_reregister_timeout: flags.agent_reregister_timeout,
        recovery_agent_removal_limit: flags.recovery_agent_removal_limit.0,
        roles: flags.roles.clone().map(|NameSet(names)| names),
        weights: flags.weights.clone().unwrap_or_default().0,
        root_submissions: flags.root_submissions,
        max_completed_frameworks: flags.max_completed_frameworks,
        max_completed_tasks_per_framework: flags.max_completed_tasks_per_framework,
        max_unreachable_tasks_per_framework: flags.max_unreachable_tasks_per_framework,
        registry_gc_interval: flags.registry_gc_interval,
        registry_max_agent_age: flags.registry_max_agent_age,
        registry_max_agent_count: flags.registry_max_agent_count,
        ..master_core::Config::default()
    }
}

fn read_domain(value: serde_json::Value) -> Result<DomainInfo, ConfigError> {
    serde_json::from_value(value).map_err(|error| ConfigError::Domain(error.to_string()))
}

/// The node that a master with these flags runs on. The environment (`LIBPROCESS_*`) counts where
/// flags say nothing.
///
/// # Errors
/// See [`ConfigError`].
pub fn node_config(flags: &Flags) -> Result<NodeConfig, ConfigError> {
    Ok(flags.daemon.node_config(flags.port, crate::PROCESS_ID)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::flags::Invocation;

    fn flags(arguments: &[&str]) -> Flags {
        match Flags::parse("MESOS_", arguments.iter().copied(), []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_reach_the_core() {
        let flags = flags(&[
            "--work_dir=/w",
            "--allocation_interval=50ms",
            "--roles=a, b",
            "--weights=a=2",
            "--recovery_agent_removal_limit=50%",
            "--offer_timeout=1mins",
            "--no-publish_per_framework_metrics",
            "--max_operator_event_stream_subscribers=3",
        ]);
        let (config, warnings) = Config::from_flags(&flags).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(config.registry, RegistryKind::Disk("/w".into()));
        assert!(!config.per_framework_metrics);
        assert_eq!(config.max_operator_event_stream_subscribers, 3);
        assert_eq!(config.core.allocation_interval, Duration::from_millis(50));
        assert_eq!(config.core.roles.unwrap().len(), 2);
        assert_eq!(config.core.weights["a"], 2.0);
        assert_eq!(config.core.recovery_agent_removal_limit, 0.5);
        assert_eq!(config.core.offer_timeout, Some(Duration::from_secs(60)));
        assert_eq!(config.flags["agent_ping_timeout"], "15secs");
        assert_eq!(config.flags["recovery_agent_removal_limit"], "50%");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let refused = |arguments: &[&str]| match Config::from_flags(&flags(arguments)) {
            Ok(_) => panic!("{arguments:?} was accepted"),
            Err(error) => error.to_string(),
        };
        assert_eq!(refused(&[]), "--work_dir needed for replicated log based registry");
        assert_eq!(
            refused(&["--work_dir=/w", "--agent_reregister_timeout=1mins"]),
            "invalid value '1mins' for --agent_reregister_timeout: must be at least 10mins"
        );
    }

    #[test]
    fn the_node_is_the_master_s() {
        let node = node_config(&flags(&["--ip=127.0.0.1"])).unwrap();
        assert_eq!(node.bind, "127.0.0.1:5050".parse().unwrap());
        assert_eq!(node.delegate.as_deref(), Some("master"));
        assert!(node_config(&flags(&["--advertise_port=1"])).is_err());
    }
}

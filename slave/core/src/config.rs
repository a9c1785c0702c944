//! What an operator decides about an agent. Rows FA-* of Mesos's flags.

use std::path::PathBuf;
use std::time::Duration;

use mesos::agent::AgentInfo;

/// Everything that the flags of an agent say to its core.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the agent says of itself, without an id: hostname, port, resources, attributes, domain.
    pub info: AgentInfo,
    /// The version that the agent reports to the master, as numbers and dots.
    pub version: String,
    /// The text of the agent's UPID: `slave(1)@ip:port`.
    pub pid: String,
    /// The IP address that executors reach the agent at.
    pub ip: String,
    /// The port that executors reach the agent at.
    pub port: u16,
    /// Where sandboxes and checkpoints live (`--work_dir`).
    pub work_dir: PathBuf,
    /// Whether tasks run as the user that their framework names (`--switch_user`).
    pub switch_user: bool,
    /// The largest random wait before the first registration (`--registration_backoff_factor`).
    pub registration_backoff: Duration,
    /// How long a new executor may stay silent (`--executor_registration_timeout`).
    pub executor_registration_timeout: Duration,
    /// How long executors have to come back to a restarted agent
    /// (`--executor_reregistration_timeout`).
    pub executor_reregistration_timeout: Duration,
    /// How long an executor may take to shut down (`--executor_shutdown_grace_period`).
    pub executor_shutdown_grace_period: Duration,
    /// How long an executor waits for a dead agent (`--recovery_timeout`).
    pub recovery_timeout: Duration,
    /// What becomes of executors that outlived the last agent (`--recover`).
    pub recover: RecoverMode,
    /// How far the flags may differ from the last run's (`--reconfiguration_policy`).
    pub reconfiguration: ReconfigurationPolicy,
    /// Whether a damaged checkpoint is fatal (`--strict`).
    pub strict: bool,
    /// The largest age of a dead sandbox (`--gc_delay`).
    pub gc_delay: Duration,
    /// The part of the disk that garbage collection keeps free (`--gc_disk_headroom`).
    pub gc_disk_headroom: f64,
    /// How often the shell is asked how full the disk is (`--disk_watch_interval`).
    pub disk_watch_interval: Duration,
    /// How many frameworks that are over are remembered.
    pub max_completed_frameworks: usize,
    /// How many executors that are over are remembered per framework
    /// (`--max_completed_executors_per_framework`).
    pub max_completed_executors_per_framework: usize,
    /// How many tasks that are over are remembered per executor.
    pub max_completed_tasks_per_executor: usize,
    /// Variables that every executor gets (`--executor_environment_variables`). Where there is
    /// none named `PATH`, executors get a standard one.
    pub executor_environment: Vec<(String, String)>,
}

/// What becomes of executors that outlived the last agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoverMode {
    /// They come back and go on.
    Reconnect,
    /// They are killed, their checkpoints are forgotten, and the agent exits.
    Cleanup,
}

/// How far the flags of an agent may differ from those of its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconfigurationPolicy {
    /// Not at all.
    Equal,
    /// They may add resources, attributes or a domain.
    Additive,
}

impl Config {
    /// Mesos's defaults, for an agent with this description, reachable at this address.
    pub fn new(info: AgentInfo, ip: &str, port: u16, work_dir: impl Into<PathBuf>) -> Self {
        // An IPv6 address needs brackets beside a port.
        let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_string() };
        Self {
            info,
            version: "1.11.0".to_string(),
            pid: format!("slave(1)@{host}:{port}"),
            ip: ip.to_string(),
            port,
            work_dir: work_dir.into(),
            switch_user: true,
            registration_backoff: Duration::from_secs(1),
            executor_registration_timeout: Duration::from_secs(60),
            executor_reregistration_timeout: Duration::from_secs(2),
            executor_shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(15 * 60),
            recover: RecoverMode::Reconnect,
            reconfiguration: ReconfigurationPolicy::Equal,
            strict: true,
            gc_delay: Duration::from_secs(7 * 24 * 3600),
            gc_disk_headroom: 0.1,
            disk_watch_interval: Duration::from_secs(60),
            max_completed_frameworks: 50,
            max_completed_executors_per_framework: 150,
            max_completed_tasks_per_executor: 200,
            executor_environment: Vec::new(),
        }
    }
}

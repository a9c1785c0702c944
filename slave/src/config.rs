//! What an embedder decides about an agent's process, and how flags become that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libprocess::NodeConfig;
use libprocess::flags::standing::Unsupported;
use libprocess::flags::{DaemonError, FlagSet};
use mesos::agent::AgentInfo;
use mesos::resources::ResourceError;
use mesos::value::{ValueError, parse_attributes};
use slave_core::config::{ReconfigurationPolicy, RecoverMode};

use crate::containerizer::program::BuiltIn;
use crate::fetcher::{self, FetcherConfig};
use crate::flags::Flags;
use crate::flags::standing;
use crate::isolators::settings::{Settings, SettingsError};
use crate::machine;

/// The program that has nothing but the executors, if it was installed.
const SMALL_EXECUTOR: &str = "mesos-executor";

/// The longest `--executor_reregistration_timeout`: the master must not think the agent lost.
const MAX_REREGISTRATION_TIMEOUT: Duration = Duration::from_secs(15);

/// The argument by which the own program is the first process of a container.
pub const INIT: &str = "container-init";

/// The isolators of an embedder who says nothing: what containers use is seen.
const ISOLATION: &str = "posix/cpu,posix/mem";

/// The values of `--launcher`.
const LAUNCHERS: [&str; 2] = ["posix", "linux"];

/// What an embedder decides about an agent.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the core has to know. Address, hostname and pid in it are filled in from the node.
    pub core: slave_core::Config,
    /// The master: `host:port`.
    pub master: String,
    /// The hostname to report; found from the address if absent.
    pub hostname: Option<String>,
    /// Whether the hostname is looked up, when it has to be found.
    pub hostname_lookup: bool,
    /// How to run the executors that are our own.
    pub executor: BuiltIn,
    /// How to run the first process of a container that is not an executor's.
    pub init: BuiltIn,
    /// How files are fetched.
    pub fetcher: FetcherConfig,
    /// How containers are launched and isolated.
    pub isolation: Settings,
    /// The flags as `/flags` shows them.
    pub flags: BTreeMap<String, String>,
    /// How many octets may wait for an executor that does not read its events. Then it is cut off.
    pub stream_limit_bytes: usize,
    /// Decides all that is left to chance; chosen at random if absent. No two starts may share it.
    pub seed: Option<u64>,
}

/// Why flags do not make a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The flag asks for what does not exist yet.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The resources are not a list of resources.
    #[error("invalid value of --resources: {0}")]
    Resources(#[from] ResourceError),
    /// The attributes are not a list of attributes.
    #[error("invalid value of --attributes: {0}")]
    Attributes(#[from] ValueError),
    /// The fault domain is no domain.
    #[error("invalid value of --domain: {0}")]
    Domain(String),
    /// The variables are not an object of strings.
    #[error("invalid value of --executor_environment_variables: {0}")]
    Variables(String),
    /// The timeout is too long to be safe.
    #[error(
        "invalid value '{}' for --executor_reregistration_timeout: must be at most 15secs",
        libprocess::units::format_duration(*.0)
    )]
    ReregistrationTimeout(Duration),
    /// The headroom is no part of a whole.
    #[error("invalid value '{0}' for --gc_disk_headroom: must be between 0.0 and 1.0")]
    Headroom(f64),
    /// What is in the cache's directory is removed.
    #[error(
        "invalid value '{}' for --fetcher_cache_dir: all that is in it is removed, and the work \
         directory is in it", .0.display()
    )]
    CacheDir(PathBuf),
    /// No node can be made.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The work directory cannot be named.
    #[error("cannot resolve --work_dir='{}': {source}", path.display())]
    WorkDir {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A flag of isolators is wrong.
    #[error(transparent)]
    Isolation(#[from] SettingsError),
    /// There is no such launcher.
    #[error("Unknown or unsupported launcher: {0}")]
    Launcher(String),
    /// Nobody knows where the program is that runs tasks.
    #[error("cannot find the own program, which runs tasks: {0}")]
    OwnProgram(std::io::Error),
}

/// How to run the executors that are our own, where the agent is `program`.
fn executor_beside(program: &Path) -> BuiltIn {
    let small = program.with_file_name(SMALL_EXECUTOR);
    if small.is_file() {
        return BuiltIn { program: small, arguments: Vec::new() };
    }
    BuiltIn { program: program.to_owned(), arguments: vec!["executor".to_owned()] }
}

impl Config {
    /// Mesos's defaults, for an agent with these resources. The executor is `mesos-executor` beside
    /// this program, which is smaller and starts sooner, or else this program, called as
    /// `mesos executor`.
    ///
    /// # Errors
    /// The own program cannot be found.
    pub fn new(
        master: impl Into<String>,
        work_dir: impl Into<PathBuf>,
        info: AgentInfo,
    ) -> Result<Self, ConfigError> {
        let program = std::env::current_exe().map_err(ConfigError::OwnProgram)?;
        let work_dir = work_dir.into();
        Ok(Self {
            fetcher: fetcher(program.clone(), &work_dir),
            isolation: Settings::new(ISOLATION, &work_dir),
            core: slave_core::Config::new(info, "", 0, work_dir),
            master: master.into(),
            hostname: None,
            hostname_lookup: false,
            executor: executor_beside(&program),
            init: BuiltIn { program, arguments: vec![INIT.to_owned()] },
            flags: BTreeMap::new(),
            stream_limit_bytes: libprocess::http::pipe::DEFAULT_LIMIT_BYTES,
            seed: None,
        })
    }

    /// The configuration that flags ask for, and what the user should be told.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_flags(flags: &Flags) -> Result<(Self, Vec<String>), ConfigError> {
        let warnings = standing::check(flags)?;
        check_ranges(flags)?;
        let path = &flags.work_dir;
        // Executors are told about their sandbox, and have other working directories.
        let work_dir = std::path::absolute(path)
            .map_err(|source| ConfigError::WorkDir { path: path.clone(), source })?;
        let text = flags.resources.as_deref();
        let domain = flags.domain.clone().map(serde_json::from_value).transpose();
        let info = AgentInfo {
            resources: machine::resources(text, &flags.default_role, &work_dir)?,
            attributes: parse_attributes(flags.attributes.as_deref().unwrap_or_default())?,
            domain: domain.map_err(|error| ConfigError::Domain(error.to_string()))?,
            checkpoint: Some(true),
            ..AgentInfo::default()
        };
        let mut config = Self::new(flags.master.trim(), work_dir, info)?;
        fill_core(&mut config.core, flags)?;
        if !LAUNCHERS.contains(&flags.launcher.as_str()) {
            return Err(ConfigError::Launcher(flags.launcher.clone()));
        }
        let resources = config.core.info.resources.iter().cloned().collect();
        config.isolation = Settings::from_flags(flags, &config.core.work_dir, &resources)?;
        fill_fetcher(&mut config.fetcher, flags, &config.core.work_dir)?;
        config.hostname.clone_from(&flags.daemon.hostname);
        config.hostname_lookup = flags.daemon.hostname_lookup;
        config.flags = flags.values();
        Ok((config, warnings))
    }
}

/// Mesos's defaults; only the cache is the agent's own, since agents of one machine would empty
/// each other's.
fn fetcher(program: PathBuf, work_dir: &Path) -> FetcherConfig {
    FetcherConfig {
        cache_bytes: 2 << 30,
        cache_dir: work_dir.join("fetch"),
        stall_timeout: Duration::from_secs(60),
        frameworks_home: String::new(),
        hadoop_home: None,
        program: BuiltIn { program, arguments: vec![fetcher::program::COMMAND.to_owned()] },
        max_processes: slave_core::fetcher::DEFAULT_PROCESSES,
    }
}

fn fill_fetcher(
    fetcher: &mut FetcherConfig,
    flags: &Flags,
    work_dir: &Path,
) -> Result<(), ConfigError> {
    fetcher.cache_bytes = flags.fetcher_cache_size.0;
    fetcher.stall_timeout = flags.fetcher_stall_timeout;
    fetcher.frameworks_home.clone_from(&flags.frameworks_home);
    fetcher.hadoop_home.clone_from(&flags.hadoop_home);
    if let Some(path) = &flags.fetcher_cache_dir {
        let absolute = std::path::absolute(path)
            .map_err(|source| ConfigError::WorkDir { path: path.clone(), source })?;
        if work_dir.starts_with(&absolute) {
            return Err(ConfigError::CacheDir(path.clone()));
        }
        fetcher.cache_dir = absolute;
    }
    Ok(())
}

fn check_ranges(flags: &Flags) -> Result<(), ConfigError> {
    let timeout = flags.executor_reregistration_timeout;
    if timeout > MAX_REREGISTRATION_TIMEOUT {
        return Err(ConfigError::ReregistrationTimeout(timeout));
    }
    if !(0.0..=1.0).contains(&flags.gc_disk_headroom) {
        return Err(ConfigError::Headroom(flags.gc_disk_headroom));
    }
    Ok(())
}

fn fill_core(core: &mut slave_core::Config, flags: &Flags) -> Result<(), ConfigError> {
    core.switch_user = flags.switch_user;
    core.registration_backoff = flags.registration_backoff_factor;
    core.executor_registration_timeout = flags.executor_registration_timeout;
    core.executor_reregistration_timeout = flags.executor_reregistration_timeout;
    core.executor_shutdown_grace_period = flags.executor_shutdown_grace_period;
    core.recovery_timeout = flags.recovery_timeout;
    core.strict = flags.strict;
    core.gc_delay = flags.gc_delay;
    core.gc_disk_headroom = flags.gc_disk_headroom;
    core.disk_watch_interval = flags.disk_watch_interval;
    core.max_completed_executors_per_framework = flags.max_completed_executors_per_framework;
    core.recover = match flags.recover.as_str() {
        "cleanup" => RecoverMode::Cleanup,
        _ => RecoverMode::Reconnect,
    };
    core.reconfiguration = match flags.reconfiguration_policy.as_str() {
        "additive" => ReconfigurationPolicy::Additive,
        _ => ReconfigurationPolicy::Equal,
    };
    core.executor_environment = match flags.executor_environment_variables.clone() {
        None => Vec::new(),
        Some(value) => serde_json::from_value::<BTreeMap<String, String>>(value)
            .map_err(|error| ConfigError::Variables(error.to_string()))?
            .into_iter()
            .collect(),
    };
    Ok(())
}

/// The node that an agent with these flags runs on. The environment (`LIBPROCESS_*`) counts where
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
        let required = ["--master=localhost:5050", "--work_dir=/w"];
        let arguments = required.iter().chain(arguments).copied();
        match Flags::parse("MESOS_", arguments, []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_small_executor_is_used_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("mesos");
        let own = BuiltIn { program: program.clone(), arguments: vec!["executor".to_owned()] };
        assert_eq!(executor_beside(&program), own);
        let small = folder.path().join("mesos-executor");
        std::fs::write(&small, "").unwrap();
        assert_eq!(executor_beside(&program), BuiltIn { program: small, arguments: Vec::new() });
    }

    #[test]
    fn flags_reach_the_core() {
        let (config, warnings) = Config::from_flags(&flags(&[
            "--resources=cpus:2;mem:64;disk:10",
            "--attributes=rack:7;zone:east",
            "--gc_delay=1days",
            "--recover=cleanup",
            "--no-switch_user",
            r#"--executor_environment_variables={"A":"1"}"#,
        ]))
        .unwrap();
        assert!(warnings.is_empty());
        assert_eq!(config.core.info.resources.len(), 4);
        assert_eq!(config.core.info.attributes.len(), 2);
        assert_eq!(config.core.gc_delay, Duration::from_secs(24 * 3600));
        assert_eq!(config.core.recover, RecoverMode::Cleanup);
        assert!(!config.core.switch_user);
        assert_eq!(config.core.executor_environment, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(config.flags["gc_delay"], "1days");
    }

    #[test]
    fn flags_reach_the_fetcher() {
        let (config, warnings) = Config::from_flags(&flags(&[
            "--fetcher_cache_size=1MB",
            "--fetcher_cache_dir=/var/cache/mesos",
            "--fetcher_stall_timeout=5secs",
            "--frameworks_home=/opt/frameworks",
            "--hadoop_home=/opt/hadoop",
        ]))
        .unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        let fetcher = config.fetcher;
        assert_eq!(fetcher.cache_bytes, 1024 * 1024);
        assert_eq!(fetcher.cache_dir, Path::new("/var/cache/mesos"));
        assert_eq!(fetcher.stall_timeout, Duration::from_secs(5));
        assert_eq!(fetcher.frameworks_home, "/opt/frameworks");
        assert_eq!(fetcher.hadoop_home.as_deref(), Some("/opt/hadoop"));
        let (defaults, _) = Config::from_flags(&flags(&[])).unwrap();
        assert_eq!(defaults.fetcher.cache_dir, Path::new("/w/fetch"));
        assert_eq!(defaults.fetcher.cache_bytes, 2 << 30);
    }

    #[test]
    fn wrong_values_are_named() {
        for (flag, text) in [
            ("--resources=cpus:x:y", "--resources"),
            ("--attributes=rack", "--attributes"),
            ("--executor_reregistration_timeout=20secs", "at most 15secs"),
            ("--gc_disk_headroom=2", "between 0.0 and 1.0"),
            ("--executor_environment_variables=[1]", "--executor_environment_variables"),
            ("--domain=7", "--domain"),
            ("--fetcher_cache_dir=/", "--fetcher_cache_dir"),
            ("--fetcher_cache_dir=/w", "--fetcher_cache_dir"),
        ] {
            let error = Config::from_flags(&flags(&[flag])).unwrap_err().to_string();
            assert!(error.contains(text), "{flag}: {error}");
        }
    }

    #[test]
    fn the_node_is_the_agent_s() {
        let node = node_config(&flags(&["--ip=127.0.0.1"])).unwrap();
        assert_eq!(node.bind, "127.0.0.1:5051".parse().unwrap());
        assert_eq!(node.delegate.as_deref(), Some("slave(1)"));
        assert!(node_config(&flags(&["--advertise_port=1"])).is_err());
    }
}

//! What the operator decides about isolation, read from flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use libprocess::units::Bytes;
use mesos::container::{CapabilityInfo, DeviceWhitelist, LinuxCapability};
use mesos::resources::Resources;
use mesos::value::Ranges;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cgroups;
use crate::flags::Flags;
use crate::flags::isolation::Isolation;

/// The folder below the work directory in which isolators keep what they make.
const STATE: &str = "isolators";

/// What [`super::select()`] makes isolators from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--isolation`: names, separated by commas.
    pub isolation: String,
    /// Whether the launcher is `linux`, which can give containers namespaces.
    pub linux_launcher: bool,
    /// `--work_dir`: above all sandboxes and volumes.
    pub work_dir: PathBuf,
    /// Where isolators keep what they make.
    pub state_dir: PathBuf,
    /// Cgroups.
    pub cgroups: cgroups::Settings,
    /// `--effective_capabilities`.
    pub effective_capabilities: Option<CapabilityInfo>,
    /// `--bounding_capabilities`.
    pub bounding_capabilities: Option<CapabilityInfo>,
    /// `--seccomp_config_dir`.
    pub seccomp_config_dir: Option<PathBuf>,
    /// `--seccomp_profile_name`.
    pub seccomp_profile_name: Option<String>,
    /// `--disallow_sharing_agent_pid_namespace`.
    pub disallow_sharing_pids: bool,
    /// `--disallow_sharing_agent_ipc_namespace`.
    pub disallow_sharing_ipc: bool,
    /// `--default_container_shm_size`.
    pub shm_size: Option<Bytes>,
    /// `--host_path_volume_force_creation`: folders, separated by colons.
    pub host_path_force_creation: Option<String>,
    /// `--container_disk_watch_interval`.
    pub disk_interval: Duration,
    /// `--enforce_container_disk_quota`.
    pub enforce_disk: bool,
    /// `--container_ports_watch_interval`.
    pub ports_interval: Duration,
    /// `--enforce_container_ports`.
    pub enforce_ports: bool,
    /// The ports that are looked at; all, if there is nothing here.
    pub looked_at_ports: Option<Ranges>,
}

/// Why flags are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value of a flag is not what it should be.
    #[error("invalid value of --{flag}: {why}")]
    Value {
        /// Which flag.
        flag: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Two flags contradict each other.
    #[error(
        "Only one of `--check_agent_port_range_only` or `--container_ports_isolated_range` should \
         be specified"
    )]
    TwoRanges,
}

impl Settings {
    /// Mesos's defaults.
    pub fn new(isolation: impl Into<String>, work_dir: impl Into<PathBuf>) -> Self {
        let work_dir = work_dir.into();
        Self {
            isolation: isolation.into(),
            linux_launcher: false,
            state_dir: work_dir.join(STATE),
            work_dir,
            cgroups: cgroups::Settings::default(),
            effective_capabilities: None,
            bounding_capabilities: None,
            seccomp_config_dir: None,
            seccomp_profile_name: None,
            disallow_sharing_pids: false,
            disallow_sharing_ipc: false,
            shm_size: None,
            host_path_force_creation: None,
            disk_interval: Duration::from_secs(15),
            enforce_disk: false,
            ports_interval: Duration::from_secs(30),
            enforce_ports: false,
            looked_at_ports: None,
        }
    }

    /// The same, of an agent whose work directory is truly called so.
    pub fn within(self, work_dir: &Path) -> Self {
        Self { state_dir: work_dir.join(STATE), work_dir: work_dir.to_owned(), ..self }
    }

    /// What the flags of an agent with these resources say. `work_dir` is absolute.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn from_flags(
        flags: &Flags,
        work_dir: &Path,
        resources: &Resources,
    ) -> Result<Self, SettingsError> {
        let of = &flags.isolators;
        let cgroups = cgroups::Settings {
            hierarchy: of.cgroups_hierarchy.clone(),
            root: cgroups_root(&of.cgroups_root)?,
            cfs: of.cgroups_enable_cfs,
            limit_swap: of.cgroups_limit_swap,
            count: of.cgroups_cpu_enable_pids_and_tids_count,
            revocable_low_priority: of.revocable_cpu_low_priority,
            devices: message::<DeviceWhitelist>("allowed_devices", of.allowed_devices.as_ref())?,
        };
        let (effective, bounding) = ("effective_capabilities", "bounding_capabilities");
        Ok(Self {
            linux_launcher: flags.launcher == "linux",
            cgroups,
            effective_capabilities: capabilities(effective, of.effective_capabilities.as_ref())?,
            bounding_capabilities: capabilities(bounding, of.bounding_capabilities.as_ref())?,
            seccomp_config_dir: of.seccomp_config_dir.clone(),
            seccomp_profile_name: of.seccomp_profile_name.clone(),
            disallow_sharing_pids: of.disallow_sharing_agent_pid_namespace,
            disallow_sharing_ipc: of.disallow_sharing_agent_ipc_namespace,
            shm_size: of.default_container_shm_size,
            host_path_force_creation: of.host_path_volume_force_creation.clone(),
            disk_interval: of.container_disk_watch_interval,
            enforce_disk: of.enforce_container_disk_quota,
            ports_interval: of.container_ports_watch_interval,
            enforce_ports: of.enforce_container_ports,
            looked_at_ports: looked_at_ports(of, resources)?,
            ..Self::new(flags.isolation.clone(), work_dir)
        })
    }
}

fn cgroups_root(root: &str) -> Result<String, SettingsError> {
    use std::path::Component::Normal;
    let trimmed = root.trim_matches('/');
    let plain = Path::new(trimmed).components().all(|part| matches!(part, Normal(_)));
    if trimmed.is_empty() || !plain {
        let why = format!("'{root}' is no path of a cgroup");
        return Err(SettingsError::Value { flag: "cgroups_root", why });
    }
    Ok(trimmed.to_owned())
}

fn message<T: DeserializeOwned>(
    flag: &'static str,
    value: Option<&Value>,
) -> Result<Option<T>, SettingsError> {
    let read = value.cloned().map(serde_json::from_value).transpose();
    read.map_err(|error| SettingsError::Value { flag, why: error.to_string() })
}

fn capabilities(
    flag: &'static str,
    value: Option<&Value>,
) -> Result<Option<CapabilityInfo>, SettingsError> {
    let read: Option<CapabilityInfo> = message(flag, value)?;
    let mut all = read.iter().flat_map(|info| &info.capabilities);
    if all.any(|one| *one == LinuxCapability::Unknown) {
        let why = "one of the capabilities is not known".to_owned();
        return Err(SettingsError::Value { flag, why });
    }
    Ok(read)
}

fn looked_at_ports(
    flags: &Isolation,
    resources: &Resources,
) -> Result<Option<Ranges>, SettingsError> {
    match (&flags.container_ports_isolated_range, flags.check_agent_port_range_only) {
        (Some(_), true) => Err(SettingsError::TwoRanges),
        (None, true) => Ok(Some(resources.ports().unwrap_or_default())),
        (None, false) => Ok(None),
        (Some(range), false) => {
            let flag = "container_ports_isolated_range";
            let read = Resources::parse(&format!("ports:{range}"), "*");
            let ports = read.map(|resources| resources.ports());
            let wrong = |why| SettingsError::Value { flag, why };
            match ports {
                Ok(Some(ports)) => Ok(Some(ports)),
                Ok(None) => Err(wrong(format!("'{range}' is no range of ports"))),
                Err(error) => Err(wrong(error.to_string())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::flags::{FlagSet as _, Invocation};

    fn settings(arguments: &[&str]) -> Result<Settings, String> {
        let required = ["--master=localhost:5050", "--work_dir=/w"];
        let arguments = required.iter().chain(arguments).copied();
        let flags = match Flags::parse("MESOS_", arguments, []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        };
        let resources = Resources::parse("ports:[31000-32000]", "*").unwrap();
        let read = Settings::from_flags(&flags, "/w".as_ref(), &resources);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_mesos_s() {
        let read = settings(&[]).unwrap();
        let mut plain = Settings::new("posix/cpu,posix/mem", "/w");
        plain.linux_launcher = read.linux_launcher;
        assert_eq!(format!("{read:?}"), format!("{plain:?}"));
    }

    #[test]
    fn flags_are_read() {
        let read = settings(&[
            "--cgroups_root=/a/b/",
            "--cgroups_enable_cfs",
            "--default_container_shm_size=2MB",
            r#"--effective_capabilities={"capabilities":["KILL"]}"#,
            r#"--allowed_devices={"allowed_devices":[{"device":{"path":"/dev/fuse"},
                "access":{"read":true}}]}"#,
            "--container_ports_isolated_range=[1000-2000]",
            "--container_disk_watch_interval=3secs",
        ])
        .unwrap();
        assert_eq!((read.cgroups.root.as_str(), read.cgroups.cfs), ("a/b", true));
        assert_eq!(read.shm_size, Some(Bytes(2 << 20)));
        let capabilities = read.effective_capabilities.unwrap().capabilities;
        assert_eq!(capabilities, [LinuxCapability::Kill]);
        assert_eq!(read.cgroups.devices.unwrap().allowed_devices.len(), 1);
        assert_eq!(read.looked_at_ports.unwrap().to_string(), "[1000-2000]");
        assert_eq!(read.disk_interval, Duration::from_secs(3));
        let read = settings(&[
            "--cgroups_hierarchy=/cg",
            "--cgroups_limit_swap",
            "--cgroups_cpu_enable_pids_and_tids_count",
            "--no-revocable_cpu_low_priority",
            r#"--bounding_capabilities={"capabilities":["CHOWN"]}"#,
            "--disallow_sharing_agent_pid_namespace",
            "--disallow_sharing_agent_ipc_namespace",
            "--host_path_volume_force_creation=/a:/b",
            "--container_ports_watch_interval=5secs",
            "--enforce_container_ports",
            "--enforce_container_disk_quota",
            "--seccomp_config_dir=/profiles",
            "--seccomp_profile_name=default.json",
        ])
        .unwrap();
        let cgroups = &read.cgroups;
        assert_eq!(cgroups.hierarchy, Path::new("/cg"));
        assert!(cgroups.limit_swap && cgroups.count && !cgroups.revocable_low_priority);
        let capabilities = read.bounding_capabilities.unwrap().capabilities;
        assert_eq!(capabilities, [LinuxCapability::Chown]);
        assert!(read.disallow_sharing_pids && read.disallow_sharing_ipc);
        assert_eq!(read.host_path_force_creation.as_deref(), Some("/a:/b"));
        assert_eq!(read.ports_interval, Duration::from_secs(5));
        assert!(read.enforce_ports && read.enforce_disk);
        assert_eq!(read.seccomp_config_dir.as_deref(), Some(Path::new("/profiles")));
        assert_eq!(read.seccomp_profile_name.as_deref(), Some("default.json"));
        let read = settings(&["--check_agent_port_range_only"]).unwrap();
        assert_eq!(read.looked_at_ports.unwrap().to_string(), "[31000-32000]");
    }

    #[test]
    fn wrong_values_are_named() {
        let error = |flag| settings(&[flag]).unwrap_err();
        assert_eq!(
            error("--cgroups_root=../x"),
            "invalid value of --cgroups_root: '../x' is no path of a cgroup"
        );
        assert_eq!(
            error(r#"--bounding_capabilities={"capabilities":["NONSENSE"]}"#),
            "invalid value of --bounding_capabilities: one of the capabilities is not known"
        );
        let text = error(r#"--allowed_devices={"allowed_devices":3}"#);
        assert!(text.starts_with("invalid value of --allowed_devices: "), "{text}");
        let text = error("--container_ports_isolated_range=x");
        assert!(text.starts_with("invalid value of --container_ports_isolated_range: "), "{text}");
        let both = ["--check_agent_port_range_only", "--container_ports_isolated_range=[1-2]"];
        assert!(settings(&both).unwrap_err().starts_with("Only one of "));
    }
}

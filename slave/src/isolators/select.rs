//! `--isolation`: which isolators there are, and in which order (row IS-38).
//!
//! The order in which names are given does not matter: file systems are prepared first, then what
//! processes may use, then volumes, disks and networks. One isolator of file systems is always
//! there.

use std::collections::BTreeSet;

use super::capabilities::Capabilities;
use super::cgroups::Cgroups;
use super::disk_du::DiskUsage;
use super::filesystem_linux::FilesystemLinux;
use super::filesystem_posix::FilesystemPosix;
use super::host_path::HostPath;
use super::ipc_namespace::{self, IpcNamespace};
use super::nnp::NoNewPrivileges;
use super::pid_namespace::PidNamespace;
use super::ports::{self, Ports};
use super::posix::Posix;
use super::rlimits::Rlimits;
use super::sandbox_path::SandboxPath;
use super::seccomp::Seccomp;
use super::settings::Settings;
use super::{Isolator, IsolatorError, Limited};

/// Names of earlier releases, and what they stand for.
const DEPRECATED: &[(&str, &[&str])] = &[
    ("process", &["posix/cpu", "posix/mem"]),
    ("cgroups", &["cgroups/cpu", "cgroups/mem"]),
    ("posix/disk", &["disk/du"]),
];

/// All isolators, in the order in which they prepare a container. Whoever is `cgroups/` is one.
const ORDER: &[&str] = &[
    "filesystem/posix",
    "filesystem/linux",
    "posix/cpu",
    "posix/mem",
    "posix/rlimits",
    CGROUPS,
    "linux/capabilities",
    "linux/nnp",
    "namespaces/ipc",
    "namespaces/pid",
    "volume/sandbox_path",
    "volume/host_path",
    "disk/du",
    "linux/seccomp",
    "network/ports",
];

const CGROUPS: &str = "cgroups/";

/// Why there are no such isolators.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A name is there twice.
    #[error("Duplicate entries found in --isolation flag '{0}'")]
    Duplicate(String),
    /// Only one can see to the files of containers.
    #[error("Using multiple filesystem isolators simultaneously is disallowed")]
    Filesystems,
    /// There is no such isolator.
    #[error("Unknown or unsupported isolator '{0}'")]
    Unknown(String),
    /// It cannot be had here.
    #[error("Failed to create isolator '{name}': {source}")]
    Create {
        /// Which.
        name: String,
        /// Why not.
        source: IsolatorError,
    },
}

/// The names that are asked for, as they are called today, with those that go without saying.
///
/// # Errors
/// A name is unknown, or they contradict each other.
pub fn names(isolation: &str) -> Result<BTreeSet<String>, SelectError> {
    let given: Vec<&str> =
        isolation.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let mut names: BTreeSet<String> = given.iter().map(|&name| name.to_owned()).collect();
    if names.len() != given.len() {
        return Err(SelectError::Duplicate(isolation.to_owned()));
    }
    for (name, today) in DEPRECATED {
        if names.remove(*name) {
            let today_text = today.join(",");
            tracing::warn!("the isolation '{name}' is deprecated, use '{today_text}'");
            names.extend(today.iter().map(|&name| name.to_owned()));
        }
    }
    match names.iter().filter(|name| name.starts_with("filesystem/")).count() {
        0 => drop(names.insert("filesystem/posix".to_owned())),
        1 => {}
        _ => return Err(SelectError::Filesystems),
    }
    if names.contains("filesystem/linux") {
        // They were parts of it once.
        names.extend(["volume/host_path", "volume/sandbox_path"].map(str::to_owned));
    }
    let known = |name: &str| ORDER.contains(&name) || name.starts_with(CGROUPS);
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(SelectError::Unknown(name.clone())),
        None => Ok(names),
    }
}

/// Makes the isolators that are asked for, in their order. They are asked to clean up in the
/// opposite one.
///
/// # Errors
/// See [`SelectError`].
pub fn select(
    settings: &Settings,
    limited: &Limited,
) -> Result<Vec<Box<dyn Isolator>>, SelectError> {
    let names = names(&settings.isolation)?;
    let cgroups: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(CGROUPS)).collect();
    let mut made = Vec::new();
    for name in ORDER {
        let asked = match *name {
            CGROUPS => !cgroups.is_empty(),
            name => names.contains(name),
        };
        if !asked {
            continue;
        }
        let isolator = check(name, &names, settings)
            .and_then(|()| make(name, &names, &cgroups, settings, limited))
            .map_err(|source| {
                let first = cgroups.first().copied().unwrap_or_default();
                let name = if *name == CGROUPS { format!("{name}{first}") } else { (*name).into() };
                SelectError::Create { name, source }
            })?;
        made.push(isolator);
    }
    Ok(made)
}

/// What isolators need of each other and of the launcher, in Mesos's words.
fn check(name: &str, names: &BTreeSet<String>, settings: &Settings) -> Result<(), IsolatorError> {
    let mounts = names.contains("filesystem/linux");
    let (launcher, filesystem) = match name {
        "filesystem/linux" => ("'filesystem/linux' isolator requires 'linux' launcher", None),
        "namespaces/pid" => (
            "'linux' launcher must be used to enable pid namespace",
            Some("'filesystem/linux' must be used to enable pid namespace"),
        ),
        "namespaces/ipc" => (
            "The 'linux' launcher must be used to enable the IPC namespace",
            Some("'filesystem/linux' must be used to enable IPC namespace"),
        ),
        "volume/host_path" => {
            ("'linux' launcher must be used", Some("'filesystem/linux' isolator must be used"))
        }
        "network/ports" => ("The 'network/ports' isolator requires the 'linux' launcher", None),
        _ => return Ok(()),
    };
    let refused = |text: &str| Err(IsolatorError::Refused(text.to_owned()));
    if name == "filesystem/linux" && !nix::unistd::geteuid().is_root() {
        return refused("'filesystem/linux' isolator requires root privileges");
    }
    match filesystem {
        _ if !settings.linux_launcher => refused(launcher),
        Some(text) if !mounts => refused(text),
        _ => Ok(()),
    }
}

fn make(
    name: &str,
    names: &BTreeSet<String>,
    cgroups: &[&str],
    settings: &Settings,
    limited: &Limited,
) -> Result<Box<dyn Isolator>, IsolatorError> {
    let thread = |source| IsolatorError::Io {
        what: "start a thread for",
        path: settings.work_dir.clone(),
        source,
    };
    let (effective, bounding) =
        (settings.effective_capabilities.as_ref(), settings.bounding_capabilities.as_ref());
    Ok(match name {
        "filesystem/posix" => Box::new(FilesystemPosix::new(&settings.work_dir)),
        "filesystem/linux" => Box::new(FilesystemLinux::new(&settings.work_dir)?),
        "posix/cpu" => Box::new(Posix::cpu()),
        "posix/mem" => Box::new(Posix::memory()),
        "posix/rlimits" => Box::new(Rlimits),
        CGROUPS => Box::new(Cgroups::new(cgroups, &settings.cgroups, limited)?),
        "linux/capabilities" => Box::new(Capabilities::new(effective, bounding)?),
        "linux/nnp" => Box::new(NoNewPrivileges),
        "namespaces/ipc" => Box::new(IpcNamespace::new(ipc_namespace::Settings {
            shm_size: settings.shm_size,
            disallow_sharing: settings.disallow_sharing_ipc,
            state_dir: settings.state_dir.clone(),
        })),
        "namespaces/pid" => {
            Box::new(PidNamespace::new(settings.disallow_sharing_pids, &settings.state_dir))
        }
        "volume/sandbox_path" => {
            let mounts = settings.linux_launcher && names.contains("filesystem/linux");
            Box::new(SandboxPath::new(mounts))
        }
        "volume/host_path" => Box::new(HostPath::new(settings.host_path_force_creation.as_deref())),
        "disk/du" => {
            let (interval, enforce) = (settings.disk_interval, settings.enforce_disk);
            Box::new(DiskUsage::start(interval, enforce, limited.clone()).map_err(thread)?)
        }
        "linux/seccomp" => {
            // Rules may depend on what a container can do, which is for the other one to say.
            let capabilities = match names.contains("linux/capabilities") {
                true => Some(Capabilities::new(effective, bounding)?),
                false => None,
            };
            let folder = settings.seccomp_config_dir.as_deref();
            let profile = settings.seccomp_profile_name.as_deref();
            Box::new(Seccomp::new(folder, profile, capabilities)?)
        }
        "network/ports" => {
            let settings = ports::Settings {
                interval: settings.ports_interval,
                enforce: settings.enforce_ports,
                looked_at: settings.looked_at_ports.clone(),
            };
            Box::new(Ports::start(settings, limited.clone()).map_err(thread)?)
        }
        other => {
            return Err(IsolatorError::Refused(format!("there is no isolator '{other}'")));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{limited, root};

    fn selected(isolation: &str) -> Vec<&'static str> {
        let work = tempfile::tempdir().unwrap();
        let made = select(&Settings::new(isolation, work.path()), &limited().0).unwrap();
        made.iter().map(|isolator| isolator.name()).collect()
    }

    fn error(isolation: &str, linux_launcher: bool) -> String {
        let work = tempfile::tempdir().unwrap();
        let settings = Settings { linux_launcher, ..Settings::new(isolation, work.path()) };
        select(&settings, &limited().0).unwrap_err().to_string()
    }

    #[test]
    fn the_order_is_ours() {
        let names = "disk/du,posix/rlimits,posix/mem,linux/nnp,posix/cpu,volume/sandbox_path";
        assert_eq!(
            selected(names),
            [
                "filesystem/posix",
                "posix/cpu",
                "posix/mem",
                "posix/rlimits",
                "linux/nnp",
                "volume/sandbox_path",
                "disk/du"
            ]
        );
        assert_eq!(selected(""), ["filesystem/posix"]);
    }

    #[test]
    fn older_names_stand_for_those_of_today() {
        let text = |isolation| names(isolation).unwrap().into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(text("process"), "filesystem/posix posix/cpu posix/mem");
        assert_eq!(text("cgroups,posix/disk"), "cgroups/cpu cgroups/mem disk/du filesystem/posix");
        assert_eq!(
            text(" filesystem/linux , cgroups/cpu"),
            "cgroups/cpu filesystem/linux volume/host_path volume/sandbox_path"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_mesos_s_words() {
        let unknown = "Unknown or unsupported isolator 'nonsense'";
        assert_eq!(error("posix/cpu,nonsense", true), unknown);
        let unknown = "Unknown or unsupported isolator 'docker/runtime'";
        assert_eq!(error("docker/runtime", true), unknown);
        let twice = "Duplicate entries found in --isolation flag 'posix/cpu,posix/cpu'";
        assert_eq!(error("posix/cpu,posix/cpu", true), twice);
        let both = "Using multiple filesystem isolators simultaneously is disallowed";
        assert_eq!(error("filesystem/linux,filesystem/posix", true), both);
        let text = "Failed to create isolator 'cgroups/nonsense': Unknown or unsupported isolator \
                    'cgroups/nonsense'";
        assert_eq!(error("cgroups/nonsense", true), text);
        let text = "Failed to create isolator 'namespaces/pid': 'filesystem/linux' must be used to \
                    enable pid namespace";
        assert_eq!(error("namespaces/pid", true), text);
        let text = "Failed to create isolator 'namespaces/ipc': The 'linux' launcher must be used \
                    to enable the IPC namespace";
        assert_eq!(error("namespaces/ipc", false), text);
        let text = "Failed to create isolator 'network/ports': The 'network/ports' isolator \
                    requires the 'linux' launcher";
        assert_eq!(error("network/ports", false), text);
        if root("what root is refused") {
            let text = "Failed to create isolator 'linux/seccomp': Missing required \
                        `--seccomp_config_dir` flag";
            assert_eq!(error("linux/seccomp", true), text);
            let text = "Failed to create isolator 'filesystem/linux': 'filesystem/linux' isolator \
                        requires 'linux' launcher";
            assert_eq!(error("filesystem/linux", false), text);
        }
    }
}

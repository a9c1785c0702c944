//! Flags about isolation (among rows FA-01 to FA-166); [`crate::isolators::settings`] reads them.

use std::path::PathBuf;
use std::time::Duration;

use libprocess::units::Bytes;

libprocess::flags! {
    /// What isolators are told.
    pub struct Isolation {
        /// Where the hierarchies of cgroups are mounted.
        cgroups_hierarchy: PathBuf = "/sys/fs/cgroup";
        /// The cgroup above those of all containers. Give each agent of a machine its own.
        cgroups_root: String = "mesos";
        /// Whether containers get no more processors than they were promised.
        cgroups_enable_cfs: bool = "false";
        /// Whether limits of memory hold for memory and swap together (cgroups v1).
        cgroups_limit_swap: bool = "false";
        /// Whether processes and threads of containers are counted.
        cgroups_cpu_enable_pids_and_tids_count: bool = "false";
        /// Whether processors that may be taken back have a low share.
        revocable_cpu_low_priority: bool = "true";
        /// Devices that containers may use beside the usual ones: a `DeviceWhitelist` as
        /// JSON, or a `file://` that holds one.
        allowed_devices: Option<serde_json::Value>;
        /// Folders, separated by colons, below which paths of volumes are made if they are
        /// not there.
        host_path_volume_force_creation: Option<String>;
        /// What containers can do that ask for nothing else: a `CapabilityInfo` as JSON.
        effective_capabilities: Option<serde_json::Value>
            { deprecated_names: &["allowed_capabilities"] };
        /// What containers can ever do: a `CapabilityInfo` as JSON.
        bounding_capabilities: Option<serde_json::Value>;
        /// The size of a container's own `/dev/shm`.
        default_container_shm_size: Option<Bytes>;
        /// Whether containers that want the agent's IPC namespace are refused.
        disallow_sharing_agent_ipc_namespace: bool = "false";
        /// Whether containers that want the agent's PID namespace are refused.
        disallow_sharing_agent_pid_namespace: bool = "false";
        /// How often the listening sockets of containers are looked up.
        container_ports_watch_interval: Duration = "30secs";
        /// Whether only ports that the agent offers are looked at.
        check_agent_port_range_only: bool = "false";
        /// Whether containers that listen on ports of others are killed.
        enforce_container_ports: bool = "false";
        /// The ports that are looked at, such as `[0-35000]`; all, if it is not given.
        container_ports_isolated_range: Option<String>;
        /// How often the disk usage of containers is counted.
        container_disk_watch_interval: Duration = "15secs";
        /// Whether containers that use too much disk are killed.
        enforce_container_disk_quota: bool = "false";
        /// The folder with profiles of system calls.
        seccomp_config_dir: Option<PathBuf>;
        /// The profile of containers that ask for no other.
        seccomp_profile_name: Option<String>;
    }
}

//! The flags of `mesos agent`: Mesos's table (spec rows FA-01 to FA-166).
//!
//! Reading order: [`Flags`] here, with the [`DaemonFlags`] that masters have too, [`isolation`]
//! (what isolators are told), [`unfinished`] (those that do nothing yet), [`standing`] (what the
//! agent says when one of these is given).

pub mod isolation;
pub mod standing;
pub mod unfinished;

use std::path::PathBuf;
use std::time::Duration;

use isolation::Isolation;
use libprocess::flags::DaemonFlags;
use libprocess::units::Bytes;
use unfinished::Unfinished;

libprocess::flags! {
    /// What `mesos agent` understands. Names, defaults and meanings are Mesos's.
    pub struct Flags {
        include { daemon: DaemonFlags, isolators: Isolation, unfinished: Unfinished }
        /// The master: `host:port`, or `file:///path` of a file that holds it.
        master: String;
        /// Directory for sandboxes and for what the agent must find again after a restart. Give
        /// each agent its own, and one that outlives a reboot of the machine.
        work_dir: PathBuf;
        /// Port to listen on.
        port: u16 = "5051";
        /// What the agent offers: `cpus:4;mem:2048;ports:[31000-32000]`, `name(role):value`, or
        /// JSON, or `file:///path`. What is left out of cpus, gpus, mem, disk and ports is found.
        resources: Option<String>;
        /// The role of resources that name none.
        default_role: String = "*";
        /// Attributes of the machine: `rack:7;zone:east`.
        attributes: Option<String>;
        /// The fault domain of the agent, as JSON or a `file://` that holds JSON.
        domain: Option<serde_json::Value>;
        /// Whether tasks run as the user that submitted them. Otherwise as the agent's user.
        switch_user: bool = "true";
        /// The largest random wait before the agent registers; it doubles with each attempt.
        registration_backoff_factor: Duration = "1secs";
        /// Variables of executors and tasks, as a JSON object of strings or a `file://` that
        /// holds one.
        executor_environment_variables: Option<serde_json::Value>;
        /// How long an executor may take to register before it is killed.
        executor_registration_timeout: Duration = "1mins";
        /// How long executors have to come back to a restarted agent. At most 15secs.
        executor_reregistration_timeout: Duration = "2secs";
        /// How long an executor may take to shut down before it is killed.
        executor_shutdown_grace_period: Duration = "5secs";
        /// The largest age of the sandbox of a dead executor; less when the disk is full.
        gc_delay: Duration = "1weeks";
        /// The part of the disk that is kept free by collecting sandboxes early, 0 to 1.
        gc_disk_headroom: f64 = "0.1";
        /// How often the disk is looked at.
        disk_watch_interval: Duration = "1mins";
        /// What becomes of executors that outlived the last agent: `reconnect` takes them back,
        /// `cleanup` kills them and exits.
        recover: String = "reconnect" { choices: &["reconnect", "cleanup"] };
        /// How long executors wait for a restarted agent.
        recovery_timeout: Duration = "15mins";
        /// How far the flags may differ from the last run's: `equal`, or `additive`.
        reconfiguration_policy: String = "equal" { choices: &["equal", "additive"] };
        /// Whether damage of what the last run wrote down keeps the agent from starting.
        strict: bool = "true";
        /// How many executors that are over are remembered per framework.
        max_completed_executors_per_framework: usize = "150";
        /// The room in the cache of fetched files; `0B` for none.
        fetcher_cache_size: Bytes = "2GB";
        /// Directory for the cache of fetched files: `fetch` in the work directory if it is left
        /// out. All that is in it is removed when the agent starts. Give each agent its own, best
        /// on a disk of its own.
        fetcher_cache_dir: Option<PathBuf>;
        /// How long a download may bring less than one byte per second before it fails.
        fetcher_stall_timeout: Duration = "1mins";
        /// What relative paths in URIs are below; without it they are refused.
        frameworks_home: String = "";
        /// Where the client of Hadoop is, for URIs that are fetched by it. Otherwise it is found
        /// by `HADOOP_HOME` or on the `PATH`.
        hadoop_home: Option<String>;
        /// Isolators, separated by commas.
        isolation: String = "posix/cpu,posix/mem";
        /// How processes are launched.
        launcher: String = "posix";
        /// Containerizers, separated by commas.
        containerizers: String = "mesos";
    }
}

//! The flags of `mesos master`: Mesos's table (spec rows FM-01 to FM-77), and one of our own.
//!
//! Reading order: [`Flags`] here, with the [`DaemonFlags`] that agents have too, [`values`] (types
//! that only these flags have), [`standing`] (which flags do nothing yet, and what the master says
//! when one of them is given).

pub mod standing;
pub mod values;

use std::path::PathBuf;
use std::time::Duration;

use libprocess::flags::DaemonFlags;
use values::{MinAllocatable, NameSet, Percentage, Weights};

libprocess::flags! {
    /// What `mesos master` understands. Names, defaults and meanings are Mesos's.
    pub struct Flags {
        include { daemon: DaemonFlags }
        /// Port to listen on.
        port: u16 = "5050";
        /// Directory in which the registry is kept. Required unless `--registry=in_memory`.
        work_dir: Option<PathBuf>;
        /// Where the registry is kept: `replicated_log` is durable (an embedded store in
        /// `--work_dir`, for one master), `in_memory` forgets all when the master ends.
        registry: String = "replicated_log" { choices: &["replicated_log", "in_memory"] };
        /// The number of masters that make a majority.
        quorum: Option<usize>;
        /// ZooKeeper URL for the election of a leader among several masters.
        zk: Option<String>;
        /// Timeout of the session with ZooKeeper.
        zk_session_timeout: Duration = "10secs";
        /// No longer supported.
        registry_strict: bool = "false";
        /// How long reading the registry may take before the master gives up.
        registry_fetch_timeout: Duration = "1mins";
        /// How long writing the registry may take before the master gives up.
        registry_store_timeout: Duration = "20secs";
        /// Whether an empty replicated log is initialised.
        log_auto_initialize: bool = "true";
        /// How often agents that were lost long ago are removed from the registry.
        registry_gc_interval: Duration = "15mins";
        /// How long unreachable and gone agents are remembered in the registry.
        registry_max_agent_age: Duration = "2weeks";
        /// How many unreachable and how many gone agents are remembered in the registry.
        registry_max_agent_count: usize = "102400";
        /// How long agents may take to come back after a failover of the master. At least 10mins.
        agent_reregister_timeout: Duration = "10mins"
            { deprecated_names: &["slave_reregister_timeout"] };
        /// The largest share of agents that may fail to come back after a failover of the master;
        /// beyond it the master gives up instead of removing them.
        recovery_agent_removal_limit: Percentage = "100%"
            { deprecated_names: &["recovery_slave_removal_limit"] };
        /// How fast agents may be removed, as `number/duration`. Not limited if it is left out.
        agent_removal_rate_limit: Option<String>
            { deprecated_names: &["slave_removal_rate_limit"] };
        /// How long an agent may take to answer a ping.
        agent_ping_timeout: Duration = "15secs" { deprecated_names: &["slave_ping_timeout"] };
        /// How many pings in a row an agent may miss before it counts as unreachable.
        max_agent_ping_timeouts: u32 = "5" { deprecated_names: &["max_slave_ping_timeouts"] };
        /// Whether agents without a fault domain are refused.
        require_agent_domain: bool = "false";
        /// The fault domain of the master, as JSON or a `file://` that holds JSON.
        domain: Option<serde_json::Value>;
        /// A name for the cluster, shown to users.
        cluster: Option<String>;
        /// Whether root may run frameworks and tasks.
        root_submissions: bool = "true";
        /// A file with the hosts of the agents whose resources are offered.
        whitelist: Option<String>;
        /// The only roles that frameworks may use, separated by commas.
        roles: Option<NameSet> { deprecated: Some("roles need no list any more") };
        /// Weights of roles, as `role=weight,role=weight`.
        weights: Option<Weights> { deprecated: Some("use the operator API instead") };
        /// How often changed resources are offered.
        allocation_interval: Duration = "1secs";
        /// Whether resources that come free are offered at once instead of at the next interval.
        /// (Not in Mesos, which waits.)
        allocate_on_recovery: bool = "true";
        /// The allocator.
        allocator: String = "hierarchical";
        /// Share of agents to come back after a failover before offers are made, with quota set.
        allocator_agent_recovery_factor: f64 = "0.8";
        /// Upper bound of the wait for agents to come back, with quota set.
        allocator_recovery_timeout: Duration = "10mins";
        /// Policy among roles.
        role_sorter: String = "drf" { choices: &["drf", "random"] };
        /// Policy among the frameworks of a role.
        framework_sorter: String = "drf" { choices: &["drf", "random"] };
        /// Names of resources that do not count in shares, separated by commas.
        fair_sharing_excluded_resource_names: Option<NameSet>;
        /// Whether agents with GPUs are offered only to frameworks that know GPUs.
        filter_gpu_resources: bool = "true";
        /// What must remain of an agent for it to be offered: sets of quantities separated by `|`,
        /// of which one must be reached.
        min_allocatable_resources: MinAllocatable = "cpus:0.01|mem:32";
        /// How long a framework may keep an offer. For ever if it is left out.
        offer_timeout: Option<Duration>;
        /// Most memory of a regular expression in offer constraints.
        offer_constraints_re2_max_mem: String = "4KB";
        /// Largest program of a regular expression in offer constraints.
        offer_constraints_re2_max_program_size: u32 = "100";
        /// How many executors an agent may run.
        max_executors_per_agent: Option<u32> { deprecated_names: &["max_executors_per_slave"] };
        /// How many completed frameworks are remembered.
        max_completed_frameworks: usize = "50";
        /// How many completed tasks are remembered of each framework.
        max_completed_tasks_per_framework: usize = "1000";
        /// How many unreachable tasks are remembered of each framework.
        max_unreachable_tasks_per_framework: usize = "1000";
        /// How many operators may listen to the event stream.
        max_operator_event_stream_subscribers: usize = "1000";
        /// Whether metrics are kept for each framework.
        publish_per_framework_metrics: bool = "true";
        /// Whether frameworks must authenticate to register.
        authenticate_frameworks: bool = "false" { names: &["authenticate"] };
        /// Whether agents must authenticate to register.
        authenticate_agents: bool = "false" { deprecated_names: &["authenticate_slaves"] };
        /// How long an authentication may take.
        authentication_v0_timeout: Duration = "15secs";
        /// Whether requests that change something must be authenticated.
        authenticate_http_readwrite: bool = "false" { deprecated_names: &["authenticate_http"] };
        /// Whether requests that only read must be authenticated.
        authenticate_http_readonly: bool = "false";
        /// Whether calls of HTTP frameworks must be authenticated.
        authenticate_http_frameworks: bool = "false";
        /// A file with credentials.
        credentials: Option<PathBuf>;
        /// Access control lists, as JSON or a `file://` that holds JSON.
        acls: Option<String>;
        /// The authenticator of agents and frameworks.
        authenticators: String = "crammd5";
        /// The authorizer.
        authorizers: String = "local";
        /// The authenticators of HTTP requests.
        http_authenticators: String = "basic";
        /// The authenticators of HTTP frameworks.
        http_framework_authenticators: Option<String>;
        /// Rate limits of frameworks, as JSON or a `file://` that holds JSON.
        rate_limits: Option<String>;
        /// Modules to load.
        modules: Option<String>;
        /// A directory with manifests of modules.
        modules_dir: Option<PathBuf>;
        /// Hook modules to install.
        hooks: Option<String>;
        /// A module that contends for leadership.
        master_contender: Option<String>;
        /// A module that detects the leader.
        master_detector: Option<String>;
        /// A directory with the files of the web UI.
        webui_dir: Option<PathBuf>;
        /// Whether memory can be profiled.
        memory_profiling: bool = "false";
        /// For how many seconds log lines are buffered.
        logbufsecs: u32 = "0";
        /// Whether drivers initialise logging.
        initialize_driver_logging: bool = "true";
        /// A log file of somebody else's making that the web UI shows.
        external_log_file: Option<PathBuf>;
    }
}

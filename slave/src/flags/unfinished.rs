//! Flags of Mesos's agent that do nothing yet (among rows FA-01 to FA-166). They are in the table
//! so that scripts and configurations are read as they are; [`super::standing`] says for each
//! whether the agent refuses it or goes on.

use std::path::PathBuf;
use std::time::Duration;

use libprocess::units::Bytes;

libprocess::flags! {
    /// Flags that do nothing yet.
    pub struct Unfinished {
        /// Local resource provider JSON files.
        resource_provider_config_dir: Option<String>;
        /// CSIPluginInfo JSON files for volume/csi.
        csi_plugin_config_dir: Option<String>;
        /// Module translating disk profiles.
        disk_profile_adaptor: Option<String>;
        /// APPC,DOCKER enabled stores.
        image_providers: Option<String>;
        /// Copy,bind,overlay,aufs.
        image_provisioner_backend: Option<String>;
        /// JSON ImageGcConfig enabling auto GC.
        image_gc_config: Option<String>;
        /// Appc discovery prefix.
        appc_simple_discovery_uri_prefix: String = "http://";
        /// Cache.
        appc_store_dir: Option<PathBuf>;
        /// Registry URL, local dir or hdfs of tarballs.
        docker_registry: String = "https://registry-1.docker.io";
        /// Cache.
        docker_store_dir: Option<PathBuf>;
        /// Mount ref checkpoints.
        docker_volume_checkpoint_dir: String = "/var/run/mesos/isolators/docker/volume";
        /// Chown mount point to task user.
        docker_volume_chown: bool = "false";
        /// Ignore image runtime config.
        docker_ignore_runtime: bool = "false";
        /// State cleared by reboot.
        runtime_dir: Option<PathBuf>;
        /// Helper binaries.
        launcher_dir: Option<String>;
        /// Gids for shared/parent volumes.
        volume_gid_range: Option<String>;
        /// Stream heartbeats of agent API.
        http_heartbeat_interval: Duration = "30secs";
        /// Auth retry base.
        authentication_backoff_factor: Duration = "1secs";
        /// Min auth retry wait.
        authentication_timeout_min: Duration = "5secs";
        /// Max auth retry wait.
        authentication_timeout_max: Duration = "1mins";
        /// Resend reconnect to PID executors.
        executor_reregistration_retry_interval: Option<String>;
        /// Key file for executor JWTs.
        jwt_secret_key: Option<String> { deprecated_names: &["executor_secret_key"] };
        /// GC nested sandboxes.
        gc_non_executor_container_sandboxes: bool = "false";
        /// Module name.
        container_logger: Option<String>;
        /// Give up destroying cgroup.
        cgroups_destroy_timeout: Duration = "1mins";
        /// 0xAAAA major handle.
        cgroups_net_cls_primary_handle: Option<String>;
        /// 0xAAAA,0xBBBB range.
        cgroups_net_cls_secondary_handles: Option<String>;
        /// Cgroup subsystems for agent itself.
        agent_subsystems: Option<String> { deprecated_names: &["slave_subsystems"] };
        /// GPU indices exposed.
        nvidia_gpu_devices: Option<String>;
        /// Events to sample.
        perf_events: Option<String>;
        /// Sample start period.
        perf_interval: Duration = "60secs";
        /// Sample length < interval.
        perf_duration: Duration = "10secs";
        /// Systemd slices for executors.
        systemd_enable_support: bool = "true";
        /// Systemd dir.
        systemd_runtime_directory: String = "/run/systemd/system";
        /// Capability whitelist JSON.
        agent_features: Option<String>;
        /// JSON credential for master.
        credential: Option<String>;
        /// Agent ACLs.
        acls: Option<String>;
        /// CLI path.
        docker: String = "docker";
        /// Delay before docker rm.
        docker_remove_delay: Duration = "6hrs";
        /// Remove unknown mesos- containers.
        docker_kill_orphans: bool = "true";
        /// Agent runs inside this image.
        docker_mesos_image: Option<String>;
        /// Daemon socket.
        docker_socket: String = "/var/run/docker.sock";
        /// Shared registry credentials.
        docker_config: Option<String>;
        /// Sandbox path inside image containers.
        sandbox_directory: String = "/mnt/mesos/sandbox";
        /// Executor unix socket.
        domain_socket_location: Option<String>;
        /// JSON DNS per network.
        default_container_dns: Option<String>;
        /// ContainerInfo for executors without one.
        default_container_info: Option<String>;
        /// Deprecated by kill policy.
        docker_stop_timeout: Duration = "0ns";
        /// Power of two (port_mapping).
        ephemeral_ports_per_container: u64 = "1024";
        /// Public interface (port_mapping).
        eth0_name: Option<String>;
        /// Loopback (port_mapping).
        lo_name: Option<String>;
        /// Bytes/s cap, 0 = none.
        egress_rate_limit_per_container: Option<String>;
        /// Bytes/s per whole cpu or auto.
        egress_rate_per_cpu: Option<String>;
        /// Floor for scaled egress.
        minimum_egress_rate_limit: Option<String>;
        /// Ceiling for scaled egress.
        maximum_egress_rate_limit: Option<String>;
        /// Burst ceiling.
        egress_ceil_limit: Option<String>;
        /// Burst size.
        egress_burst: Option<String>;
        /// Fq_codel flow per container.
        egress_unique_flow_per_container: bool = "false";
        /// Where to attach fq_codel.
        egress_flow_classifier_parent: Option<String>;
        /// Ingress cap.
        ingress_rate_limit_per_container: Option<String>;
        /// Bytes/s per whole cpu or auto.
        ingress_rate_per_cpu: Option<String>;
        /// Floor.
        minimum_ingress_rate_limit: Option<String>;
        /// Ceiling.
        maximum_ingress_rate_limit: Option<String>;
        /// Burst ceiling.
        ingress_ceil_limit: Option<String>;
        /// Burst size.
        ingress_burst: Option<String>;
        /// Apply to recovered containers.
        ingress_isolate_existing_containers: bool = "true";
        /// Speed for auto per-cpu rates.
        network_link_speed: Option<String>;
        /// TCP summary stats.
        network_enable_socket_statistics_summary: bool = "false";
        /// TCP RTT details.
        network_enable_socket_statistics_details: bool = "false";
        /// SNMP counters.
        network_enable_snmp_statistics: bool = "false";
        /// Rate percentiles.
        network_enable_rate_statistics: bool = "false";
        /// Sampling window.
        network_rate_statistics_window: Option<String>;
        /// Sampling period.
        network_rate_statistics_interval: Option<String>;
        /// CNI plugin search path.
        network_cni_plugins_dir: Option<String>;
        /// CNI network configs.
        network_cni_config_dir: Option<String>;
        /// Keep CNI state across reboot.
        network_cni_root_dir_persist: bool = "false";
        /// Expose CNI container stats.
        network_cni_metrics: bool = "true";
        /// Manifest.
        modules: Option<String>;
        /// Manifest directory.
        modules_dir: Option<String>;
        /// Client authenticator.
        authenticatee: String = "crammd5";
        /// Authorizer name.
        authorizer: String = "local";
        /// HTTP authenticators.
        http_authenticators: Option<String>;
        /// Whether endpoints that change something ask for credentials.
        authenticate_http_readwrite: bool = "false";
        /// Whether read endpoints ask for credentials.
        authenticate_http_readonly: bool = "false";
        /// Require executor tokens (SSL builds).
        authenticate_http_executors: bool = "false";
        /// Serve executor API on unix socket.
        http_executor_domain_sockets: bool = "false";
        /// JSON credentials for endpoints.
        http_credentials: Option<String>;
        /// Hook modules.
        hooks: Option<String>;
        /// Module.
        secret_resolver: Option<String>;
        /// Module.
        resource_estimator: Option<String>;
        /// Module.
        qos_controller: Option<String>;
        /// Min period of corrections.
        qos_correction_interval_min: Duration = "0secs";
        /// Estimate forward period.
        oversubscribed_resources_interval: Duration = "15secs";
        /// Module, excludes --master.
        master_detector: Option<String>;
        /// Project ids.
        xfs_project_range: Option<String>;
        /// Kill on soft-limit breach.
        xfs_kill_containers: bool = "false";
        /// Hard−soft gap.
        xfs_quota_headroom: Bytes = "10MB";
        /// Command executor over HTTP.
        http_command_executor: bool = "false";
        /// Advertised IPv6.
        ip6: Option<String>;
        /// ZK session.
        zk_session_timeout: Duration = "10secs";
        /// Prints IPv6.
        ip6_discovery_command: Option<String>;
        /// Enable profiler endpoints.
        memory_profiling: bool = "false";
        /// For how many seconds log lines are buffered.
        logbufsecs: u64 = "0";
        /// Whether drivers initialise logging.
        initialize_driver_logging: bool = "true";
        /// A log file of somebody else's making to be shown.
        external_log_file: Option<String>;
    }
}

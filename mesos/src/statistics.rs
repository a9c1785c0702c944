//! What containers use.

use crate::blkio::BlkioStatistics;
use crate::discovery::Labels;
use crate::executor_info::ExecutorInfo;
use crate::ids::{ContainerId, TaskId};
use crate::message;
use crate::network_statistics::SnmpStatistics;
use crate::resource::{DiskSource, Persistence, Resource};
use crate::value::Range;

message! {
    /// Counters of one queueing discipline of a container's network.
    pub struct TrafficControlStatistics("TrafficControlStatistics") {
        id: String,
        backlog: Option<u64>,
        bytes: Option<u64>,
        drops: Option<u64>,
        overlimits: Option<u64>,
        packets: Option<u64>,
        qlen: Option<u64>,
        ratebps: Option<u64>,
        ratepps: Option<u64>,
        requeues: Option<u64>,
    }

    /// The use of one disk resource or volume.
    pub struct DiskStatistics("DiskStatistics") {
        source: Option<DiskSource>,
        persistence: Option<Persistence>,
        limit_bytes: Option<u64>,
        used_bytes: Option<u64>,
    }

    /// What a container uses at a point in time.
    pub struct ResourceStatistics("ResourceStatistics") {
        timestamp: f64,
        processes: Option<u32>,
        threads: Option<u32>,
        cpus_user_time_secs: Option<f64>,
        cpus_system_time_secs: Option<f64>,
        cpus_limit: Option<f64>,
        cpus_soft_limit: Option<f64>,
        cpus_nr_periods: Option<u32>,
        cpus_nr_throttled: Option<u32>,
        cpus_throttled_time_secs: Option<f64>,
        mem_total_bytes: Option<u64>,
        mem_total_memsw_bytes: Option<u64>,
        mem_kmem_usage_bytes: Option<u64>,
        mem_kmem_tcp_usage_bytes: Option<u64>,
        mem_limit_bytes: Option<u64>,
        mem_soft_limit_bytes: Option<u64>,
        mem_file_bytes: Option<u64>,
        mem_anon_bytes: Option<u64>,
        mem_cache_bytes: Option<u64>,
        mem_rss_bytes: Option<u64>,
        mem_mapped_file_bytes: Option<u64>,
        mem_swap_bytes: Option<u64>,
        mem_unevictable_bytes: Option<u64>,
        mem_low_pressure_counter: Option<u64>,
        mem_medium_pressure_counter: Option<u64>,
        mem_critical_pressure_counter: Option<u64>,
        disk_limit_bytes: Option<u64>,
        disk_used_bytes: Option<u64>,
        disk_statistics: Vec<DiskStatistics>,
        blkio_statistics: Option<Box<BlkioStatistics>>,
        perf: Option<Box<PerfStatistics>>,
        net_rx_packets: Option<u64>,
        net_rx_bytes: Option<u64>,
        net_rx_errors: Option<u64>,
        net_rx_dropped: Option<u64>,
        net_tx_packets: Option<u64>,
        net_tx_bytes: Option<u64>,
        net_tx_errors: Option<u64>,
        net_tx_dropped: Option<u64>,
        net_tx_rate_limit: Option<u64>,
        net_tx_burst_rate_limit: Option<u64>,
        net_tx_burst_size: Option<u64>,
        net_rx_rate_limit: Option<u64>,
        net_rx_burst_rate_limit: Option<u64>,
        net_rx_burst_size: Option<u64>,
        net_rate_statistics: Option<Box<RateStatistics>>,
        net_ephemeral_ports: Option<Range>,
        net_tcp_rtt_microsecs_p50: Option<f64>,
        net_tcp_rtt_microsecs_p90: Option<f64>,
        net_tcp_rtt_microsecs_p95: Option<f64>,
        net_tcp_rtt_microsecs_p99: Option<f64>,
        net_tcp_active_connections: Option<f64>,
        net_tcp_time_wait_connections: Option<f64>,
        net_traffic_control_statistics: Vec<TrafficControlStatistics>,
        net_snmp_statistics: Option<Box<SnmpStatistics>>,
    }

    /// Percentiles of a rate over time.
    pub struct RatePercentiles("RatePercentiles") {
        min: Option<u64>,
        max: Option<u64>,
        p50: Option<u64>,
        p90: Option<u64>,
        p95: Option<u64>,
        p99: Option<u64>,
        p999: Option<u64>,
        p9999: Option<u64>,
        samples: Option<u64>,
    }

    /// Rates of a container's network traffic.
    pub struct RateStatistics("RateStatistics") {
        rx_rate: Option<RatePercentiles>,
        rx_packet_rate: Option<RatePercentiles>,
        rx_drop_rate: Option<RatePercentiles>,
        rx_error_rate: Option<RatePercentiles>,
        tx_rate: Option<RatePercentiles>,
        tx_packet_rate: Option<RatePercentiles>,
        tx_drop_rate: Option<RatePercentiles>,
        tx_error_rate: Option<RatePercentiles>,
        sampling_window_secs: Option<f64>,
        sampling_interval_secs: Option<f64>,
    }

    /// What everything on an agent uses.
    pub struct ResourceUsage("ResourceUsage") {
        executors: Vec<ResourceUsageExecutor>,
        total: Vec<Resource>,
    }

    /// What an executor uses, and what it and its tasks have.
    pub struct ResourceUsageExecutor("Executor") {
        executor_info: ExecutorInfo,
        allocated: Vec<Resource>,
        statistics: Option<Box<ResourceStatistics>>,
        container_id: ContainerId,
        tasks: Vec<ResourceUsageExecutorTask>,
    }

    /// What a task has.
    pub struct ResourceUsageExecutorTask("Task") {
        name: String,
        id: TaskId,
        resources: Vec<Resource>,
        labels: Option<Box<Labels>>,
    }

    /// Samples of `perf stat`. `duration` is in seconds.
    pub struct PerfStatistics("PerfStatistics") {
        timestamp: f64,
        duration: f64,
        cycles: Option<u64>,
        stalled_cycles_frontend: Option<u64>,
        stalled_cycles_backend: Option<u64>,
        instructions: Option<u64>,
        cache_references: Option<u64>,
        cache_misses: Option<u64>,
        branches: Option<u64>,
        branch_misses: Option<u64>,
        bus_cycles: Option<u64>,
        ref_cycles: Option<u64>,
        cpu_clock: Option<f64>,
        task_clock: Option<f64>,
        page_faults: Option<u64>,
        minor_faults: Option<u64>,
        major_faults: Option<u64>,
        context_switches: Option<u64>,
        cpu_migrations: Option<u64>,
        alignment_faults: Option<u64>,
        emulation_faults: Option<u64>,
        l1_dcache_loads: Option<u64>,
        l1_dcache_load_misses: Option<u64>,
        l1_dcache_stores: Option<u64>,
        l1_dcache_store_misses: Option<u64>,
        l1_dcache_prefetches: Option<u64>,
        l1_dcache_prefetch_misses: Option<u64>,
        l1_icache_loads: Option<u64>,
        l1_icache_load_misses: Option<u64>,
        l1_icache_prefetches: Option<u64>,
        l1_icache_prefetch_misses: Option<u64>,
        llc_loads: Option<u64>,
        llc_load_misses: Option<u64>,
        llc_stores: Option<u64>,
        llc_store_misses: Option<u64>,
        llc_prefetches: Option<u64>,
        llc_prefetch_misses: Option<u64>,
        dtlb_loads: Option<u64>,
        dtlb_load_misses: Option<u64>,
        dtlb_stores: Option<u64>,
        dtlb_store_misses: Option<u64>,
        dtlb_prefetches: Option<u64>,
        dtlb_prefetch_misses: Option<u64>,
        itlb_loads: Option<u64>,
        itlb_load_misses: Option<u64>,
        branch_loads: Option<u64>,
        branch_load_misses: Option<u64>,
        node_loads: Option<u64>,
        node_load_misses: Option<u64>,
        node_stores: Option<u64>,
        node_store_misses: Option<u64>,
        node_prefetches: Option<u64>,
        node_prefetch_misses: Option<u64>,
    }
}

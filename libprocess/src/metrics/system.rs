//! What the machine has and how busy it is (LP-28).

use super::registry::{MetricError, Metrics};
use nix::sys::sysinfo::sysinfo;
use serde::Serialize;

/// The machine, as `/system/stats.json` shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SystemStats {
    /// Load average of the last 15 minutes; absent where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_load_15min: Option<f64>,
    /// Load average of the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_load_1min: Option<f64>,
    /// Load average of the last 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_load_5min: Option<f64>,
    /// Processors.
    pub cpus_total: u64,
    /// Memory that nothing uses, caches neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_free_bytes: Option<u64>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_total_bytes: Option<u64>,
}

impl SystemStats {
    /// Asks the system.
    pub fn now() -> Self {
        let cpus_total = nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN)
            .ok()
            .flatten()
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(1);
        let Ok(info) = sysinfo() else {
            return Self { cpus_total, ..Self::default() };
        };
        let (one, five, fifteen) = info.load_average();
        Self {
            avg_load_15min: Some(fifteen),
            avg_load_1min: Some(one),
            avg_load_5min: Some(five),
            cpus_total,
            mem_free_bytes: Some(info.ram_unused()),
            mem_total_bytes: Some(info.ram_total()),
        }
    }
}

/// Adds the gauges `system/*`.
///
/// # Errors
/// When they were added before.
pub fn register(metrics: &Metrics) -> Result<(), MetricError> {
    type Read = fn(SystemStats) -> Option<f64>;
    let gauges: [(&str, &str, Read); 6] = [
        ("system/cpus_total", "Processors of the machine.", |s| Some(s.cpus_total as f64)),
        ("system/load_1min", "Load average of the last minute.", |s| s.avg_load_1min),
        ("system/load_5min", "Load average of the last 5 minutes.", |s| s.avg_load_5min),
        ("system/load_15min", "Load average of the last 15 minutes.", |s| s.avg_load_15min),
        ("system/mem_free_bytes", "Free memory of the machine.", |s| {
            s.mem_free_bytes.map(|bytes| bytes as f64)
        }),
        ("system/mem_total_bytes", "Memory of the machine.", |s| {
            s.mem_total_bytes.map(|bytes| bytes as f64)
        }),
    ];
    for (name, help, read) in gauges {
        metrics.pull_gauge_async((name, help), move || {
            Box::pin(std::future::ready(read(SystemStats::now())))
        })?;
    }
    Ok(())
}

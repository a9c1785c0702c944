//! Gauges of the metrics, computed from a snapshot (rows MM-01 to MM-07).

use mesos::time::Time;

use crate::snapshot::Snapshot;
use crate::state::FrameworkState;

/// The gauges of `/metrics/snapshot` that follow from the state, with Mesos's names.
pub fn gauges(snapshot: &Snapshot, now: Time) -> Vec<(String, f64)> {
    let mut gauges = Vec::with_capacity(64);
    let mut set = |name: &str, value: f64| gauges.push((format!("master/{name}"), value));
    set("elected", if snapshot.elected.is_some() { 1.0 } else { 0.0 });
    let count = |state| snapshot.frameworks.values().filter(|f| f.state == state).count() as f64;
    set("frameworks_active", count(FrameworkState::Active));
    let _ = now;
    gauges
}

//! Gauges of the metrics, computed from a snapshot (rows MM-01 to MM-06, MM-12).

use mesos::resources::Resources;
use mesos::task::TaskState;

use crate::snapshot::Snapshot;
use crate::state::FrameworkState;

/// The gauges of `/metrics/snapshot` that follow from the state, with Mesos's names.
pub fn gauges(snapshot: &Snapshot) -> Vec<(String, f64)> {
    let mut gauges = Vec::with_capacity(64);
    leadership(snapshot, &mut gauges);
    agents(snapshot, &mut gauges);
    frameworks(snapshot, &mut gauges);
    tasks(snapshot, &mut gauges);
    resources(snapshot, &mut gauges);
    gauges
}

type Gauges = Vec<(String, f64)>;

fn set(gauges: &mut Gauges, name: &str, value: impl Into<f64>) {
    gauges.push((format!("master/{name}"), value.into()));
}

fn count(gauges: &mut Gauges, name: &str, value: usize) {
    set(gauges, name, value as f64);
}

fn leadership(snapshot: &Snapshot, gauges: &mut Gauges) {
    set(gauges, "elected", snapshot.elected.is_some());
}

fn agents(snapshot: &Snapshot, gauges: &mut Gauges) {
    let agents = || snapshot.agents.values();
    count(gauges, "slaves_active", agents().filter(|agent| agent.active).count());
    count(gauges, "slaves_inactive", agents().filter(|agent| !agent.active).count());
    count(gauges, "slaves_connected", agents().filter(|agent| agent.connected).count());
    count(gauges, "slaves_disconnected", agents().filter(|agent| !agent.connected).count());
    count(gauges, "slaves_unreachable", snapshot.registry.unreachable.len());
}

fn frameworks(snapshot: &Snapshot, gauges: &mut Gauges) {
    let active = snapshot.frameworks.values().filter(|f| f.state == FrameworkState::Active);
    let active = active.count();
    let others = snapshot.frameworks.len() - active;
    // A framework whose scheduler is there is active, and only then.
    count(gauges, "frameworks_active", active);
    count(gauges, "frameworks_connected", active);
    count(gauges, "frameworks_inactive", others);
    count(gauges, "frameworks_disconnected", others);
    count(gauges, "outstanding_offers", snapshot.offers.len());
}

fn tasks(snapshot: &Snapshot, gauges: &mut Gauges) {
    let all = || snapshot.frameworks.values().flat_map(|framework| framework.tasks.values());
    let names = [
        ("tasks_staging", TaskState::Staging),
        ("tasks_starting", TaskState::Starting),
        ("tasks_running", TaskState::Running),
        ("tasks_killing", TaskState::Killing),
    ];
    for (name, state) in names {
        count(gauges, name, all().filter(|task| task.state == state).count());
    }
    let unreachable = snapshot.frameworks.values().map(|f| f.unreachable_tasks.len()).sum();
    count(gauges, "tasks_unreachable", unreachable);
}

fn resources(snapshot: &Snapshot, gauges: &mut Gauges) {
    let mut total = Resources::new();
    let (mut used, mut offered) = (Resources::new(), Resources::new());
    for agent in snapshot.agents.values() {
        total += &agent.total;
        used += &agent.used_in_total();
        offered += &agent.offered;
    }
    for name in ["cpus", "gpus", "mem", "disk"] {
        let amount = |of: &Resources| of.scalar(name).map_or(0.0, |amount| amount.to_f64());
        for (suffix, total, used) in [
            ("", total.nonrevocable(), used.nonrevocable()),
            ("_revocable", total.revocable(), used.revocable()),
        ] {
            let (all, held) = (amount(&total), amount(&used));
            set(gauges, &format!("{name}{suffix}_total"), all);
            set(gauges, &format!("{name}{suffix}_used"), held);
            let share = if all > 0.0 { held / all } else { 0.0 };
            set(gauges, &format!("{name}{suffix}_percent"), share);
        }
        if name != "gpus" || amount(&total) > 0.0 {
            let held = amount(&used) + amount(&offered);
            let name = format!("allocator/mesos/resources/{name}");
            gauges.push((format!("{name}/total"), amount(&total)));
            gauges.push((format!("{name}/offered_or_allocated"), held));
        }
    }
}

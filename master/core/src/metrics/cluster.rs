//! Metrics of the whole cluster (rows MM-01 to MM-07, MM-12).

use mesos::operation::{OfferOperationType, OperationState};
use mesos::resources::Resources;
use mesos::task::TaskState;

use super::{Kind, Metrics};
use crate::snapshot::Snapshot;
use crate::state::{FrameworkState, OperationCounts};

/// The operations that are counted: all but launches, which are counted as tasks.
const OPERATIONS: [OfferOperationType; 8] = [
    OfferOperationType::Reserve,
    OfferOperationType::Unreserve,
    OfferOperationType::Create,
    OfferOperationType::Destroy,
    OfferOperationType::GrowVolume,
    OfferOperationType::ShrinkVolume,
    OfferOperationType::CreateDisk,
    OfferOperationType::DestroyDisk,
];

/// The states of operations, and whether they can be left again.
const STATES: [(OperationState, &str, Kind); 8] = [
    (OperationState::Pending, "pending", Kind::Gauge),
    (OperationState::Recovering, "recovering", Kind::Gauge),
    (OperationState::Unreachable, "unreachable", Kind::Gauge),
    (OperationState::Finished, "finished", Kind::Counter),
    (OperationState::Failed, "failed", Kind::Counter),
    (OperationState::Error, "error", Kind::Counter),
    (OperationState::Dropped, "dropped", Kind::Counter),
    (OperationState::GoneByOperator, "gone_by_operator", Kind::Counter),
];

pub(super) fn add(snapshot: &Snapshot, metrics: &mut Metrics<'_>) {
    let leads = f64::from(u8::from(snapshot.elected.is_some()));
    metrics.gauge("master/elected", "Whether this master leads", leads);
    agents(snapshot, metrics);
    frameworks(snapshot, metrics);
    tasks(snapshot, metrics);
    resources(snapshot, metrics);
    operations(&snapshot.operations, metrics);
}

fn agents(snapshot: &Snapshot, metrics: &mut Metrics<'_>) {
    let agents = || snapshot.agents.values();
    let active = agents().filter(|agent| agent.active).count();
    let connected = agents().filter(|agent| agent.connected).count();
    let all = snapshot.agents.len();
    metrics.count("master/slaves_active", "Agents whose resources are offered", active);
    metrics.count("master/slaves_inactive", "Agents whose resources are not offered", all - active);
    metrics.count("master/slaves_connected", "Agents that are connected", connected);
    metrics.count("master/slaves_disconnected", "Agents that are not connected", all - connected);
    let unreachable = snapshot.registry.unreachable.len();
    metrics.count("master/slaves_unreachable", "Agents that cannot be reached", unreachable);
}

fn frameworks(snapshot: &Snapshot, metrics: &mut Metrics<'_>) {
    let active = snapshot.frameworks.values().filter(|f| f.state == FrameworkState::Active);
    let active = active.count();
    let others = snapshot.frameworks.len() - active;
    // A framework whose scheduler is there is active, and only then.
    metrics.count("master/frameworks_active", "Frameworks that get offers", active);
    metrics.count("master/frameworks_connected", "Frameworks that are connected", active);
    metrics.count("master/frameworks_inactive", "Frameworks that get no offers", others);
    metrics.count("master/frameworks_disconnected", "Frameworks that are not connected", others);
    let offers = snapshot.offers.len();
    metrics.count("master/outstanding_offers", "Offers that were not answered yet", offers);
}

fn tasks(snapshot: &Snapshot, metrics: &mut Metrics<'_>) {
    let names = [
        ("master/tasks_staging", TaskState::Staging, "Tasks that are being launched"),
        ("master/tasks_starting", TaskState::Starting, "Tasks that are starting"),
        ("master/tasks_running", TaskState::Running, "Tasks that run"),
        ("master/tasks_killing", TaskState::Killing, "Tasks that are being killed"),
    ];
    let mut counts = [0_usize; 4];
    for task in snapshot.frameworks.values().flat_map(|framework| framework.tasks.values()) {
        if let Some(place) = names.iter().position(|(_, state, _)| task.state == *state) {
            counts[place] += 1;
        }
    }
    for ((name, _, help), count) in names.into_iter().zip(counts) {
        metrics.count(name, help, count);
    }
    let unreachable = snapshot.frameworks.values().map(|f| f.unreachable_tasks.len()).sum();
    metrics.count("master/tasks_unreachable", "Tasks on unreachable agents", unreachable);
}

fn resources(snapshot: &Snapshot, metrics: &mut Metrics<'_>) {
    let mut total = Resources::new();
    let (mut used, mut offered) = (Resources::new(), Resources::new());
    for agent in snapshot.agents.values() {
        total += &agent.total;
        used += &agent.used_in_total();
        offered += &agent.offered;
    }
    let amount = |of: &Resources, name: &str| of.scalar(name).map_or(0.0, |amount| amount.to_f64());
    for name in ["cpus", "gpus", "mem", "disk"] {
        for (suffix, total, used) in [
            ("", total.nonrevocable(), used.nonrevocable()),
            ("_revocable", total.revocable(), used.revocable()),
        ] {
            let (all, held) = (amount(&total, name), amount(&used, name));
            let share = if all > 0.0 { held / all } else { 0.0 };
            let name = format!("master/{name}{suffix}");
            metrics.gauge(format!("{name}_total"), "What agents have of the resource", all);
            metrics.gauge(format!("{name}_used"), "What tasks and executors use of it", held);
            metrics.gauge(format!("{name}_percent"), "The part of it that is used", share);
        }
        // Mesos has these for three resources only; what an agent has besides is worth as much.
        if name != "gpus" || amount(&total, name) > 0.0 {
            let held = amount(&used, name) + amount(&offered, name);
            let all = amount(&total, name);
            let name = format!("allocator/mesos/resources/{name}");
            metrics.gauge(format!("{name}/total"), "What can be offered of the resource", all);
            let help = "What is offered or in use of it";
            metrics.gauge(format!("{name}/offered_or_allocated"), help, held);
        }
    }
}

fn operations(counts: &OperationCounts, metrics: &mut Metrics<'_>) {
    let help = "Operations, by type and state";
    let mut all = 0;
    let mut by_state = [0_u64; STATES.len()];
    for operation in OPERATIONS {
        let name = operation.as_str().to_lowercase();
        let mut total = 0;
        for (place, (state, state_name, kind)) in STATES.into_iter().enumerate() {
            let count = counts.of(operation, state);
            let labels = [("operation", name.as_str()), ("state", state_name)];
            let template = "master/operations/{operation}/{state}";
            metrics.push(template, &labels, kind, help, count as f64);
            total += count;
            by_state[place] += count;
        }
        let labels = [("operation", name.as_str())];
        let template = "master/operations/{operation}/total";
        metrics.push(template, &labels, Kind::Sum, "Operations of one type", total as f64);
        all += total;
    }
    for ((_, state, _), count) in STATES.into_iter().zip(by_state) {
        let help = "Operations in one state";
        let template = "master/operations/{state}";
        metrics.push(template, &[("state", state)], Kind::Sum, help, count as f64);
    }
    metrics.push("master/operations/total", &[], Kind::Sum, "Operations", all as f64);
}

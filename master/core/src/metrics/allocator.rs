//! Metrics of the allocator: roles, filters, consumption (row MM-12).

use std::collections::BTreeMap;

use mesos::resources::Quantities;

use super::{Kind, Metrics, Reading};
use crate::snapshot::Snapshot;

/// Resources whose consumption is shown even where there is none.
const ALWAYS: [&str; 3] = ["cpus", "mem", "disk"];

pub(super) fn add(snapshot: &Snapshot, reading: &Reading, metrics: &mut Metrics<'_>) {
    // Mesos has both names, the shorter one for those who knew it first.
    let waiting = reading.waiting as f64;
    let help = "Agents that wait to be looked at by the allocator, which has no queue of its own";
    metrics.gauge("allocator/mesos/event_queue_dispatches", help, waiting);
    metrics.push("allocator/event_queue_dispatches", &[], Kind::Sum, help, waiting);
    for (role, share) in &reading.shares {
        let template = "allocator/mesos/roles/{role}/shares/dominant";
        let help = "The part of its dominant resource that the role holds";
        metrics.push(template, &[("role", role)], Kind::Gauge, help, *share);
        let filters = reading.filters.get(role).copied().unwrap_or_default() as f64;
        let template = "allocator/mesos/offer_filters/roles/{role}/active";
        let help = "Refusals of offers that are in force in the role";
        metrics.push(template, &[("role", role)], Kind::Gauge, help, filters);
    }
    let mut consumed = consumption(snapshot);
    for (role, _) in &reading.shares {
        consumed.entry(role.to_string()).or_default();
    }
    for (role, quantities) in &consumed {
        let others = quantities.iter().filter(|(name, _)| !ALWAYS.contains(name));
        let always = ALWAYS.map(|name| (name, quantities.get(name)));
        for (name, amount) in always.into_iter().chain(others) {
            let labels = [("role", role.as_str()), ("resource", name)];
            let template = "allocator/mesos/quota/roles/{role}/resources/{resource}/consumed";
            let help = "What counts against the quota of the role: in use, or reserved";
            metrics.push(template, &labels, Kind::Gauge, help, amount.to_f64());
        }
    }
}

/// What each role, with the roles below it, has reserved, or uses of what is not reserved.
fn consumption(snapshot: &Snapshot) -> BTreeMap<String, Quantities> {
    let mut consumed: BTreeMap<String, Quantities> = BTreeMap::new();
    for agent in snapshot.agents.values() {
        let used = agent.used_in_total().unreserved().allocations();
        for (role, resources) in used.into_iter().chain(agent.total.reservations()) {
            let quantities = resources.quantities();
            let mut role = role.as_str();
            loop {
                *consumed.entry(role.to_owned()).or_default() += &quantities;
                match role.rsplit_once('/') {
                    Some((above, _)) => role = above,
                    None => break,
                }
            }
        }
    }
    consumed
}

//! No two agents share an id or an address, and none is in two lists of the registry.

use std::collections::BTreeSet;

use master_core::snapshot::Snapshot;

use super::violated;

pub fn check(snapshot: &Snapshot) -> Result<(), String> {
    let mut addresses = BTreeSet::new();
    for agent in snapshot.agents.values().filter(|agent| agent.connected) {
        if !addresses.insert(&agent.pid) {
            return violated("agents_are_unique", format!("two agents are {}", agent.pid));
        }
    }
    let registry = &snapshot.registry;
    for id in registry.agents.keys() {
        if registry.unreachable.contains_key(id) || registry.gone.contains_key(id) {
            return violated("agents_are_unique", format!("{id} is admitted and lost"));
        }
    }
    match snapshot.recovered_agents.keys().find(|id| snapshot.agents.contains_key(*id)) {
        Some(id) => violated("agents_are_unique", format!("{id} is back and awaited")),
        None => Ok(()),
    }
}

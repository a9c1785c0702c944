//! What the master offers and counts as used of an agent is no more than the agent has.

use master_core::snapshot::Snapshot;

use super::{NAMES, total, violated};

pub fn check(snapshot: &Snapshot) -> Result<(), String> {
    for (id, agent) in &snapshot.agents {
        for name in NAMES {
            let has = total(&agent.info.resources, name);
            let offered: i64 = snapshot
                .offers
                .values()
                .filter(|offer| offer.agent == *id)
                .map(|offer| total(offer.resources.iter(), name))
                .sum();
            let used: i64 = snapshot
                .frameworks
                .values()
                .flat_map(|framework| framework.tasks.values())
                .filter(|task| task.agent_id == *id && !task.state.is_terminal())
                .map(|task| total(&task.resources, name))
                .sum();
            if offered + used > has {
                let what = format!("{id} has {has} of {name}, {offered} offered, {used} used");
                return violated("resources_are_conserved", what);
            }
        }
    }
    Ok(())
}

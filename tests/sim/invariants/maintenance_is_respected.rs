//! No agent is registered whose machine is down; agents and their offers know when their machines
//! will be away; inverse offers are about those agents only, and frameworks that are there.

use mesos::agent::MachineMode;

use master_core::snapshot::Snapshot;

use super::violated;
use crate::world::World;

pub fn check(snapshot: &Snapshot, world: &World) -> Result<(), String> {
    let maintenance = snapshot.registry.maintenance.as_deref().cloned().unwrap_or_default();
    for (id, agent) in &snapshot.agents {
        let machine = agent.machine();
        if agent.unavailability.as_ref() != maintenance.unavailability(&machine) {
            let what = format!("agent {id} will be away {:?}", agent.unavailability);
            return violated("maintenance_is_respected", what);
        }
        // One whose own change is being written leaves after that.
        let is_down = maintenance.mode(&machine) == MachineMode::Down;
        if is_down && !world.master.is_writing() {
            let what = format!("agent {id} is registered, and {machine} is down");
            return violated("maintenance_is_respected", what);
        }
    }
    for (id, offer) in &snapshot.inverse_offers {
        let agent = snapshot.agents.get(&offer.agent);
        let goes_away = agent.is_some_and(|agent| {
            agent.connected && agent.unavailability.as_ref() == Some(&offer.unavailability)
        });
        let framework = snapshot.frameworks.get(&offer.framework);
        let is_there = framework.is_some_and(|f| f.is_connected() && f.inverse_offers.contains(id));
        if !goes_away || !is_there {
            let what = format!("{id} asks {} about {}", offer.framework, offer.agent);
            return violated("maintenance_is_respected", what);
        }
    }
    Ok(())
}

//! An executor that an agent calls running has a container on that machine: one that has died is
//! noticed within moments, since the agent is its parent.

use slave_core::Snapshot;
use slave_core::executor::ExecutorState;

use super::violated;
use crate::world::World;

pub fn check(index: usize, snapshot: &Snapshot, world: &World) -> Result<(), String> {
    for executor in world.executors.values().filter(|executor| executor.agent == index) {
        let known = snapshot
            .frameworks
            .values()
            .flat_map(|framework| framework.executors.values())
            .find(|known| known.container == executor.container);
        let over = known.is_some_and(|known| known.state == ExecutorState::Terminated);
        if over {
            let what = format!("agent {index} takes {} for dead, and it runs", executor.container);
            return violated("executors_have_containers", what);
        }
    }
    Ok(())
}

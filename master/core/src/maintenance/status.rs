//! What operators read of maintenance (row MT-05).

use std::collections::BTreeMap;

use mesos::agent::MachineMode;
use mesos::maintenance::{ClusterStatus, DrainingMachine, InverseOfferStatus, Schedule};

use super::MachineKey;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The schedule; an empty one if there is none.
    pub fn maintenance_schedule(&self) -> Schedule {
        let maintenance = self.registry.maintenance.as_deref();
        maintenance.and_then(|maintenance| maintenance.schedule.clone()).unwrap_or_default()
    }

    /// The machines that drain, with the latest answers of frameworks that run something there,
    /// and those that are down. Answers do not survive the master, who asks again.
    pub fn maintenance_status(&self) -> ClusterStatus {
        let mut status = ClusterStatus::default();
        let Some(maintenance) = &self.registry.maintenance else { return status };
        let mut answers: BTreeMap<MachineKey, Vec<InverseOfferStatus>> = BTreeMap::new();
        for agent in self.agents.values().filter(|agent| !agent.inverse_answers.is_empty()) {
            let of_machine = answers.entry(agent.machine()).or_default();
            of_machine.extend(agent.inverse_answers.values().cloned());
        }
        for (machine, info) in &maintenance.machines {
            match info.mode {
                Some(MachineMode::Draining) => {
                    let statuses = answers.remove(machine).unwrap_or_default();
                    let id = info.id.clone();
                    status.draining_machines.push(DrainingMachine { id, statuses });
                }
                Some(MachineMode::Down) => status.down_machines.push(info.id.clone()),
                Some(MachineMode::Up) | None => {}
            }
        }
        status
    }
}

//! Operators who plan maintenance, and what schedulers hear of it.

use master_core::effect::Response;
use mesos::agent::{MachineId, MachineMode};
use mesos::ids::OfferId;
use mesos::maintenance::{Schedule, Window};
use mesos::offer::{Filters, InverseOffer, Unavailability};
use mesos::time::{DurationInfo, TimeInfo};
use mesos::v1::master::{
    Call, CallType, StartMaintenance, StopMaintenance, UpdateMaintenanceSchedule,
};
use mesos::v1::scheduler::{self, AcceptInverseOffers, DeclineInverseOffers, Event};

use super::{AgentHandle, Scheduler, World};

/// The machine of an agent.
pub fn machine(agent: &AgentHandle) -> MachineId {
    let ip = Some(agent.pid.ip().to_owned());
    MachineId { hostname: Some(agent.info.hostname.clone()), ip }
}

/// An hour that begins this many nanoseconds after the epoch.
pub fn hour(nanoseconds: i64) -> Unavailability {
    let duration = Some(DurationInfo { nanoseconds: 3_600_000_000_000 });
    Unavailability { start: TimeInfo { nanoseconds }, duration }
}

/// A window for each of these.
pub fn windows(all: &[(&[&AgentHandle], i64)]) -> Schedule {
    let window = |(agents, start): &(&[&AgentHandle], i64)| Window {
        machine_ids: agents.iter().map(|agent| machine(agent)).collect(),
        unavailability: hour(*start),
    };
    Schedule { windows: all.iter().map(window).collect() }
}

pub fn schedule_call(schedule: Schedule) -> Call {
    Call {
        r#type: Some(CallType::UpdateMaintenanceSchedule),
        update_maintenance_schedule: Some(UpdateMaintenanceSchedule { schedule }),
        ..Call::default()
    }
}

pub fn down_call(machines: Vec<MachineId>) -> Call {
    Call {
        r#type: Some(CallType::StartMaintenance),
        start_maintenance: Some(StartMaintenance { machines }),
        ..Call::default()
    }
}

pub fn up_call(machines: Vec<MachineId>) -> Call {
    Call {
        r#type: Some(CallType::StopMaintenance),
        stop_maintenance: Some(StopMaintenance { machines }),
        ..Call::default()
    }
}

/// The inverse offers among events.
pub fn inverse_offers(events: &[Event]) -> Vec<InverseOffer> {
    let sent = events.iter().filter_map(|event| event.inverse_offers.as_ref());
    sent.flat_map(|event| event.inverse_offers.clone()).collect()
}

/// The inverse offers that are taken back by events.
pub fn rescinded(events: &[Event]) -> Vec<OfferId> {
    let sent = events.iter().filter_map(|event| event.rescind_inverse_offer.as_ref());
    sent.map(|event| event.inverse_offer_id.clone()).collect()
}

impl World {
    /// The operator gives a schedule, and it is taken.
    pub fn schedule(&mut self, all: &[(&[&AgentHandle], i64)]) {
        assert_eq!(self.operator(schedule_call(windows(all))), Response::ok());
    }

    /// The operator brings the machines of agents down.
    pub fn down(&mut self, agents: &[&AgentHandle]) -> Response {
        self.operator(down_call(agents.iter().map(|agent| machine(agent)).collect()))
    }

    /// The operator brings the machines of agents up.
    pub fn up(&mut self, agents: &[&AgentHandle]) -> Response {
        self.operator(up_call(agents.iter().map(|agent| machine(agent)).collect()))
    }

    /// The mode of an agent's machine, as operators see it.
    pub fn mode(&self, agent: &AgentHandle) -> MachineMode {
        let status = self.snapshot().maintenance_status();
        let id = machine(agent);
        match (status.down_machines.contains(&id), &status.draining_machines) {
            (true, _) => MachineMode::Down,
            (false, draining) if draining.iter().any(|machine| machine.id == id) => {
                MachineMode::Draining
            }
            _ => MachineMode::Up,
        }
    }

    /// A scheduler says that an agent may go away, or not.
    pub fn answer(
        &mut self,
        who: &Scheduler,
        offers: &[&InverseOffer],
        accepts: bool,
        refuse_seconds: Option<f64>,
    ) {
        let inverse_offer_ids = offers.iter().map(|offer| offer.id.clone()).collect();
        let filters = refuse_seconds.map(|refuse_seconds| Filters { refuse_seconds });
        let kind = match accepts {
            true => scheduler::CallType::AcceptInverseOffers,
            false => scheduler::CallType::DeclineInverseOffers,
        };
        let response = self.call(who, kind, |call| match accepts {
            true => {
                let body = AcceptInverseOffers { inverse_offer_ids, filters };
                call.accept_inverse_offers = Some(body);
            }
            false => {
                let body = DeclineInverseOffers { inverse_offer_ids, filters };
                call.decline_inverse_offers = Some(body);
            }
        });
        assert_eq!(response, Response::accepted());
    }
}

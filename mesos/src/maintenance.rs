//! Maintenance windows and their state.

use crate::agent::MachineId;
use crate::ids::FrameworkId;
use crate::offer::Unavailability;
use crate::time::TimeInfo;
use crate::{message, wire_enum};

message! {
    /// Mesos's `Window`.
    pub struct Window("Window") {
        machine_ids: Vec<MachineId>,
        unavailability: Unavailability,
    }

    /// Mesos's `Schedule`.
    pub struct Schedule("Schedule") {
        windows: Vec<Window>,
    }

    /// Mesos's `ClusterStatus`.
    pub struct ClusterStatus("ClusterStatus") {
        draining_machines: Vec<DrainingMachine>,
        down_machines: Vec<MachineId>,
    }

    /// Mesos's `ClusterStatus.DrainingMachine`.
    pub struct DrainingMachine("DrainingMachine") {
        id: MachineId,
        statuses: Vec<InverseOfferStatus>,
    }

    /// Mesos's `InverseOfferStatus`.
    pub struct InverseOfferStatus("InverseOfferStatus") {
        status: InverseOfferResponse,
        framework_id: FrameworkId,
        timestamp: TimeInfo,
    }
}

wire_enum! {
    /// Mesos's `InverseOfferStatus.Status`.
    pub enum InverseOfferResponse {
        Unknown = "UNKNOWN" (1),
        Accept = "ACCEPT" (2),
        Decline = "DECLINE" (3),
    }
}

//! Maintenance windows and their state.

use crate::agent::MachineId;
use crate::ids::FrameworkId;
use crate::offer::Unavailability;
use crate::time::TimeInfo;
use crate::{message, wire_enum};

message! {
    /// Machines that will be away together.
    pub struct Window("Window") {
        machine_ids: Vec<MachineId>,
        unavailability: Unavailability,
    }

    /// All windows of maintenance.
    pub struct Schedule("Schedule") {
        windows: Vec<Window>,
    }

    /// The machines that are to go away, and those that are away.
    pub struct ClusterStatus("ClusterStatus") {
        draining_machines: Vec<DrainingMachine>,
        down_machines: Vec<MachineId>,
    }

    /// A machine that is to go away, and what frameworks say to that.
    pub struct DrainingMachine("DrainingMachine") {
        id: MachineId,
        statuses: Vec<InverseOfferStatus>,
    }

    /// A framework's latest answer to an inverse offer.
    pub struct InverseOfferStatus("InverseOfferStatus") {
        status: InverseOfferResponse,
        framework_id: FrameworkId,
        timestamp: TimeInfo,
    }
}

wire_enum! {
    /// What a framework answered.
    pub enum InverseOfferResponse {
        Unknown = "UNKNOWN" (1),
        Accept = "ACCEPT" (2),
        Decline = "DECLINE" (3),
    }
}

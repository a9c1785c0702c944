//! What an agent says of itself, and the machine and fault domain it is in.

use crate::ids::AgentId;
use crate::offer::Unavailability;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::time::DurationInfo;
use crate::value::Attribute;
use crate::{message, wire_enum};

message! {
    /// Mesos's `MachineID`.
    pub struct MachineId("MachineID") {
        hostname: Option<String>,
        ip: Option<String>,
    }

    /// Mesos's `MachineInfo`.
    pub struct MachineInfo("MachineInfo") {
        id: MachineId,
        mode: Option<MachineMode>,
        unavailability: Option<Unavailability>,
    }

    /// Mesos's `DomainInfo`.
    pub struct DomainInfo("DomainInfo") {
        fault_domain: Option<FaultDomain>,
    }

    /// Mesos's `DomainInfo.FaultDomain`.
    pub struct FaultDomain("FaultDomain") {
        region: RegionInfo,
        zone: ZoneInfo,
    }

    /// Mesos's `DomainInfo.FaultDomain.RegionInfo`.
    pub struct RegionInfo("RegionInfo") {
        name: String,
    }

    /// Mesos's `DomainInfo.FaultDomain.ZoneInfo`.
    pub struct ZoneInfo("ZoneInfo") {
        name: String,
    }

    /// Mesos's `AgentInfo`.
    pub struct AgentInfo("AgentInfo") {
        hostname: String,
        port: i32 = 5051,
        resources: Vec<Resource>,
        attributes: Vec<Attribute>,
        id: Option<AgentId>,
        domain: Option<Box<DomainInfo>>,
        // Deprecated, and still written by the last Mesos.
        checkpoint: Option<bool>,
    }

    /// Mesos's `AgentInfo.Capability`.
    pub struct AgentCapability("Capability") {
        r#type: Option<AgentCapabilityType>,
    }

    /// Mesos's `DrainConfig`.
    pub struct DrainConfig("DrainConfig") {
        max_grace_period: Option<DurationInfo>,
        mark_gone: bool = false,
    }

    /// Mesos's `DrainInfo`.
    pub struct DrainInfo("DrainInfo") {
        state: DrainState,
        config: DrainConfig,
    }
}

wire_enum! {
    /// Mesos's `MachineInfo.Mode`.
    pub enum MachineMode {
        Up = "UP" (1),
        Draining = "DRAINING" (2),
        Down = "DOWN" (3),
    }

    /// Mesos's `AgentInfo.Capability.Type`.
    pub enum AgentCapabilityType {
        Unknown = "UNKNOWN" (0),
        MultiRole = "MULTI_ROLE" (1),
        HierarchicalRole = "HIERARCHICAL_ROLE" (2),
        ReservationRefinement = "RESERVATION_REFINEMENT" (3),
        ResourceProvider = "RESOURCE_PROVIDER" (4),
        ResizeVolume = "RESIZE_VOLUME" (5),
        AgentOperationFeedback = "AGENT_OPERATION_FEEDBACK" (6),
        AgentDraining = "AGENT_DRAINING" (7),
        ResourceLimits = "TASK_RESOURCE_LIMITS" (8),
    }

    /// Mesos's `DrainState`.
    pub enum DrainState {
        Unknown = "UNKNOWN" (0),
        Draining = "DRAINING" (1),
        Drained = "DRAINED" (2),
    }
}

impl AgentCapabilityType {
    /// What our agents can do: all that Mesos's can.
    pub const OURS: [Self; 8] = [
        Self::MultiRole,
        Self::HierarchicalRole,
        Self::ReservationRefinement,
        Self::ResourceProvider,
        Self::ResizeVolume,
        Self::AgentOperationFeedback,
        Self::AgentDraining,
        Self::ResourceLimits,
    ];
}

impl AgentCapability {
    /// What our agents declare.
    pub fn ours() -> Vec<Self> {
        AgentCapabilityType::OURS.map(|kind| Self { r#type: Some(kind) }).into()
    }
}

impl AgentInfo {
    /// What the agent has, as it was configured.
    pub fn resources(&self) -> Resources {
        Resources::from(&self.resources)
    }
}

//! What an agent says of itself, and the machine and fault domain it is in.

use crate::ids::AgentId;
use crate::offer::Unavailability;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::time::DurationInfo;
use crate::value::Attribute;
use crate::{message, wire_enum};

message! {
    /// A machine: host name, address, or both. Host names are compared without case.
    pub struct MachineId("MachineID") {
        hostname: Option<String>,
        ip: Option<String>,
    }

    /// A machine and its state of maintenance.
    pub struct MachineInfo("MachineInfo") {
        id: MachineId,
        mode: Option<MachineMode>,
        unavailability: Option<Unavailability>,
    }

    /// Where in the world a machine is.
    pub struct DomainInfo("DomainInfo") {
        fault_domain: Option<FaultDomain>,
    }

    /// What fails together: a zone in a region.
    pub struct FaultDomain("FaultDomain") {
        region: RegionInfo,
        zone: ZoneInfo,
    }

    /// A region: far from others.
    pub struct RegionInfo("RegionInfo") {
        name: String,
    }

    /// A zone: near others, and failing apart from them.
    pub struct ZoneInfo("ZoneInfo") {
        name: String,
    }

    /// An agent, as it registers.
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

    /// Something that an agent declares it can do.
    pub struct AgentCapability("Capability") {
        r#type: Option<AgentCapabilityType>,
    }

    /// How an agent is drained: the longest grace its tasks get, and whether it is gone then.
    pub struct DrainConfig("DrainConfig") {
        max_grace_period: Option<DurationInfo>,
        mark_gone: bool = false,
    }

    /// How far draining has come.
    pub struct DrainInfo("DrainInfo") {
        state: DrainState,
        config: DrainConfig,
    }
}

wire_enum! {
    /// The state of a machine's maintenance.
    pub enum MachineMode {
        Up = "UP" (1),
        Draining = "DRAINING" (2),
        Down = "DOWN" (3),
    }

    /// What an agent can do.
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

    /// How far draining has come.
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

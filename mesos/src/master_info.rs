//! What a master says of itself.

use crate::agent::DomainInfo;
use crate::executor_info::Parameter;
use crate::ids::FrameworkId;
use crate::resource::Resource;
use crate::{message, wire_enum};

message! {
    /// Mesos's `Address`.
    pub struct Address("Address") {
        hostname as "h": Option<String>,
        ip as "i": Option<String>,
        port as "p": i32,
    }

    /// Mesos's `URL`.
    pub struct Url("URL") {
        scheme as "s": String,
        address as "a": Address,
        path as "p": Option<String>,
        query as "q": Vec<Parameter>,
        fragment as "f": Option<String>,
    }

    /// Mesos's `MasterInfo`.
    pub struct MasterInfo("MasterInfo") {
        id: String,
        ip: u32,
        port: u32 = 5050,
        pid: Option<String>,
        hostname: Option<String>,
        version: Option<String>,
        address: Option<Address>,
        domain: Option<Box<DomainInfo>>,
        capabilities: Vec<MasterCapability>,
    }

    /// Mesos's `MasterInfo.Capability`.
    pub struct MasterCapability("Capability") {
        r#type: Option<MasterCapabilityType>,
    }

    /// Mesos's `WeightInfo`.
    pub struct WeightInfo("WeightInfo") {
        weight: f64,
        role: Option<String>,
    }

    /// Mesos's `VersionInfo`.
    pub struct VersionInfo("VersionInfo") {
        version: String,
        build_date: Option<String>,
        build_time: Option<f64>,
        build_user: Option<String>,
        git_sha: Option<String>,
        git_branch: Option<String>,
        git_tag: Option<String>,
    }

    /// Mesos's `Flag`.
    pub struct Flag("Flag") {
        name: String,
        value: Option<String>,
    }

    /// Mesos's `Role`.
    pub struct Role("Role") {
        name: String,
        weight: f64,
        frameworks: Vec<FrameworkId>,
        resources: Vec<Resource>,
    }

    /// Mesos's `Metric`.
    pub struct Metric("Metric") {
        name: String,
        value: Option<f64>,
    }
}

wire_enum! {
    /// Mesos's `MasterInfo.Capability.Type`.
    pub enum MasterCapabilityType {
        Unknown = "UNKNOWN" (0),
        AgentUpdate = "AGENT_UPDATE" (1),
        AgentDraining = "AGENT_DRAINING" (2),
        QuotaV2 = "QUOTA_V2" (3),
    }
}

impl MasterCapability {
    /// What our masters declare: all that Mesos's do.
    pub fn ours() -> Vec<Self> {
        [
            MasterCapabilityType::AgentUpdate,
            MasterCapabilityType::AgentDraining,
            MasterCapabilityType::QuotaV2,
        ]
        .map(|kind| Self { r#type: Some(kind) })
        .into()
    }
}

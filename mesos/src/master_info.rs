//! What a master says of itself.

use crate::agent::DomainInfo;
use crate::executor_info::Parameter;
use crate::ids::FrameworkId;
use crate::resource::Resource;
use crate::{message, wire_enum};

message! {
    /// Where a process listens.
    pub struct Address("Address") {
        hostname as "h": Option<String>,
        ip as "i": Option<String>,
        port as "p": i32,
    }

    /// A URL in its parts.
    pub struct Url("URL") {
        scheme as "s": String,
        address as "a": Address,
        path as "p": Option<String>,
        query as "q": Vec<Parameter>,
        fragment as "f": Option<String>,
    }

    /// A master. `ip` holds the IPv4 address with its first octet lowest.
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

    /// Something that a master declares it can do.
    pub struct MasterCapability("Capability") {
        r#type: Option<MasterCapabilityType>,
    }

    /// The weight of a role: its share relative to others.
    pub struct WeightInfo("WeightInfo") {
        weight: f64,
        role: Option<String>,
    }

    /// The version of a daemon. `build_time` is in seconds since the Unix epoch.
    pub struct VersionInfo("VersionInfo") {
        version: String,
        build_date: Option<String>,
        build_time: Option<f64>,
        build_user: Option<String>,
        git_sha: Option<String>,
        git_branch: Option<String>,
        git_tag: Option<String>,
    }

    /// A flag and its value.
    pub struct Flag("Flag") {
        name: String,
        value: Option<String>,
    }

    /// A role with its frameworks and what is allocated to it.
    pub struct Role("Role") {
        name: String,
        weight: f64,
        frameworks: Vec<FrameworkId>,
        resources: Vec<Resource>,
    }

    /// A metric and its value, if it has one now.
    pub struct Metric("Metric") {
        name: String,
        value: Option<f64>,
    }
}

wire_enum! {
    /// What a master can do.
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

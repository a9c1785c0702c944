//! Offers, inverse offers, filters.

use crate::agent::DomainInfo;
use crate::ids::{AgentId, ExecutorId, FrameworkId, OfferId};
use crate::master_info::Url;
use crate::message;
use crate::resource::{AllocationInfo, Resource};
use crate::time::{DurationInfo, TimeInfo};
use crate::value::Attribute;

message! {
    /// Mesos's `Unavailability`.
    pub struct Unavailability("Unavailability") {
        start: TimeInfo,
        duration: Option<DurationInfo>,
    }

    /// Mesos's `Request`.
    pub struct Request("Request") {
        agent_id: Option<AgentId>,
        resources: Vec<Resource>,
    }

    /// Mesos's `Offer`.
    pub struct Offer("Offer") {
        id: OfferId,
        framework_id: FrameworkId,
        agent_id: AgentId,
        hostname: String,
        url: Option<Box<Url>>,
        domain: Option<Box<DomainInfo>>,
        resources: Vec<Resource>,
        attributes: Vec<Attribute>,
        executor_ids: Vec<ExecutorId>,
        unavailability: Option<Unavailability>,
        allocation_info: Option<AllocationInfo>,
    }

    /// Mesos's `InverseOffer`.
    pub struct InverseOffer("InverseOffer") {
        id: OfferId,
        url: Option<Box<Url>>,
        framework_id: FrameworkId,
        agent_id: Option<AgentId>,
        unavailability: Unavailability,
        resources: Vec<Resource>,
    }

    /// Mesos's `Filters`.
    pub struct Filters("Filters") {
        refuse_seconds: f64 = 5.0,
    }
}

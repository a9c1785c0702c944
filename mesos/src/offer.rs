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
        id as "i": OfferId,
        framework_id as "f": FrameworkId,
        agent_id as "a": AgentId,
        hostname as "h": String,
        url as "u": Option<Box<Url>>,
        domain as "d": Option<Box<DomainInfo>>,
        resources as "r": Vec<Resource>,
        attributes as "t": Vec<Attribute>,
        executor_ids as "e": Vec<ExecutorId>,
        unavailability as "v": Option<Unavailability>,
        allocation_info as "l": Option<AllocationInfo>,
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

//! Offers, inverse offers, filters.

use crate::agent::DomainInfo;
use crate::ids::{AgentId, ExecutorId, FrameworkId, OfferId};
use crate::master_info::Url;
use crate::message;
use crate::resource::{AllocationInfo, Resource};
use crate::time::{DurationInfo, TimeInfo};
use crate::value::Attribute;

message! {
    /// When machines will be away; for ever, if there is no duration.
    pub struct Unavailability("Unavailability") {
        start: TimeInfo,
        duration: Option<DurationInfo>,
    }

    /// Resources that a framework would like. Nothing needs to come of it.
    pub struct Request("Request") {
        agent_id: Option<AgentId>,
        resources: Vec<Resource>,
    }

    /// Resources of one agent, for one framework, until it answers or the offer is rescinded.
    ///
    /// Short keys: see [`crate::msgpack`].
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

    /// A request to give resources back before machines go away.
    pub struct InverseOffer("InverseOffer") {
        id: OfferId,
        url: Option<Box<Url>>,
        framework_id: FrameworkId,
        agent_id: Option<AgentId>,
        unavailability: Unavailability,
        resources: Vec<Resource>,
    }

    /// For how many seconds what was declined is not to be offered again.
    pub struct Filters("Filters") {
        refuse_seconds: f64 = 5.0,
    }
}

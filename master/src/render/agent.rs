//! An agent, as v0 shows it.

use std::collections::BTreeMap;

use master_core::state::Agent;
use mesos::agent::{AgentInfo, DomainInfo};
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::value::attributes_to_v0;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::seconds;

/// An agent that is registered.
#[derive(Serialize)]
pub struct AgentView<'a> {
    #[serde(flatten)]
    info: InfoView<'a>,
    pid: &'a str,
    registered_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reregistered_time: Option<f64>,
    #[serde(serialize_with = "super::resources")]
    resources: &'a Resources,
    #[serde(serialize_with = "super::resources")]
    used_resources: Resources,
    #[serde(serialize_with = "super::resources")]
    offered_resources: &'a Resources,
    #[serde(serialize_with = "by_role")]
    reserved_resources: BTreeMap<String, Resources>,
    #[serde(serialize_with = "super::resources")]
    unreserved_resources: Resources,
    active: bool,
    deactivated: bool,
    version: &'a str,
    capabilities: Vec<&'static str>,
}

impl<'a> AgentView<'a> {
    /// An agent as v0 shows it.
    pub fn new(agent: &'a Agent) -> Self {
        Self {
            info: InfoView::new(&agent.info),
            pid: agent.pid.as_str(),
            registered_time: seconds(agent.registered),
            reregistered_time: agent.reregistered.map(seconds),
            resources: &agent.total,
            used_resources: agent.used_in_total(),
            offered_resources: &agent.offered,
            reserved_resources: agent.total.reservations(),
            unreserved_resources: agent.total.unreserved(),
            active: agent.active,
            deactivated: agent.deactivated,
            version: &agent.version,
            capabilities: agent.capabilities.iter().map(|kind| kind.as_str()).collect(),
        }
    }
}

/// What an agent says of itself: all that is known of one that has not come back yet.
#[derive(Serialize)]
pub struct InfoView<'a> {
    id: &'a str,
    hostname: &'a str,
    port: i32,
    attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a DomainInfo>,
}

impl<'a> InfoView<'a> {
    /// A description as v0 shows it.
    pub fn new(info: &'a AgentInfo) -> Self {
        Self {
            id: info.id.as_ref().map_or("", |id| id.as_str()),
            hostname: &info.hostname,
            port: info.port,
            attributes: attributes_to_v0(&info.attributes),
            domain: info.domain.as_deref(),
        }
    }
}

/// An agent with its resources in full, as `/slaves` shows it.
#[derive(Serialize)]
pub struct FullAgentView<'a> {
    #[serde(flatten)]
    agent: AgentView<'a>,
    reserved_resources_full: BTreeMap<String, Vec<Resource>>,
    unreserved_resources_full: Vec<Resource>,
    used_resources_full: Vec<Resource>,
    offered_resources_full: Vec<Resource>,
}

impl<'a> FullAgentView<'a> {
    /// An agent as `/slaves` shows it.
    pub fn new(agent: &'a Agent) -> Self {
        let reservations = agent.total.reservations().into_iter();
        Self {
            agent: AgentView::new(agent),
            reserved_resources_full: reservations
                .map(|(role, resources)| (role, resources.to_endpoint_vec()))
                .collect(),
            unreserved_resources_full: agent.total.unreserved().to_endpoint_vec(),
            used_resources_full: agent.used_in_total().to_endpoint_vec(),
            offered_resources_full: agent.offered.to_endpoint_vec(),
        }
    }
}

fn by_role<S: Serializer>(roles: &BTreeMap<String, Resources>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(roles.iter().map(|(role, resources)| (role, resources.to_v0_object())))
}

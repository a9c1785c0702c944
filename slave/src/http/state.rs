//! `/state`: all that the agent knows, in Mesos's legacy JSON (row OI-01).

use std::collections::BTreeMap;

use libprocess::build;
use mesos::agent::AgentCapabilityType;
use mesos::agent::DomainInfo;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::value::attributes_to_v0;
use serde::Serialize;
use serde_json::{Map, Value};
use slave_core::Snapshot;

use super::view::FrameworkView;
use crate::shared::Shared;
use crate::{MESOS_VERSION, VERSION};

/// The whole answer, in Mesos's order.
#[derive(Serialize)]
pub(crate) struct StateView<'a> {
    version: &'static str,
    product_version: &'static str,
    build_date: String,
    build_time: f64,
    build_user: &'static str,
    start_time: f64,
    id: &'a str,
    pid: &'a str,
    hostname: &'a str,
    capabilities: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a DomainInfo>,
    resources: Map<String, Value>,
    reserved_resources: BTreeMap<String, Map<String, Value>>,
    unreserved_resources: Map<String, Value>,
    reserved_resources_full: BTreeMap<String, Vec<Resource>>,
    unreserved_resources_full: Vec<Resource>,
    reserved_resources_allocated: BTreeMap<String, Map<String, Value>>,
    unreserved_resources_allocated: Map<String, Value>,
    resource_providers: [Value; 0],
    attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master_hostname: Option<&'a str>,
    flags: &'a BTreeMap<String, String>,
    frameworks: Vec<FrameworkView<'a>>,
    completed_frameworks: Vec<FrameworkView<'a>>,
}

impl<'a> StateView<'a> {
    pub fn new(snapshot: &'a Snapshot, shared: &'a Shared) -> Self {
        let info = &snapshot.info;
        let total: Resources = info.resources.iter().cloned().collect();
        let mut allocated = allocated(snapshot);
        allocated.unallocate();
        Self {
            version: MESOS_VERSION,
            product_version: VERSION,
            build_date: build::date(),
            build_time: build::time(),
            build_user: build::user(),
            start_time: snapshot.started.as_secs_f64(),
            id: info.id.as_ref().map_or("", |id| id.as_str()),
            pid: &shared.pid,
            hostname: &info.hostname,
            capabilities: slave_core::registration::capabilities()
                .iter()
                .filter_map(|capability| Some(capability.r#type?))
                .map(AgentCapabilityType::as_str)
                .collect(),
            domain: info.domain.as_deref(),
            resources: total.to_v0_object(),
            reserved_resources: v0(total.reservations()),
            unreserved_resources: total.unreserved().to_v0_object(),
            reserved_resources_full: total
                .reservations()
                .into_iter()
                .map(|(role, resources)| (role, resources.to_endpoint_vec()))
                .collect(),
            unreserved_resources_full: total.unreserved().to_endpoint_vec(),
            reserved_resources_allocated: v0(allocated.reservations()),
            unreserved_resources_allocated: allocated.unreserved().to_v0_object(),
            resource_providers: [],
            attributes: attributes_to_v0(&info.attributes),
            master_hostname: snapshot
                .leader
                .as_ref()
                .and_then(|leader| leader.info.hostname.as_deref()),
            flags: &shared.flags,
            frameworks: snapshot.frameworks.values().map(|one| FrameworkView::new(one)).collect(),
            completed_frameworks: snapshot
                .completed_frameworks
                .iter()
                .map(|one| FrameworkView::new(one))
                .collect(),
        }
    }
}

fn v0(by_role: BTreeMap<String, Resources>) -> BTreeMap<String, Map<String, Value>> {
    by_role.into_iter().map(|(role, resources)| (role, resources.to_v0_object())).collect()
}

/// What all executors and their tasks may use.
fn allocated(snapshot: &Snapshot) -> Resources {
    let executors = snapshot.frameworks.values().flat_map(|framework| framework.executors.values());
    executors.map(|executor| executor.allocated()).sum()
}

//! A framework, as v0 shows it.

use master_core::Snapshot;
use master_core::state::{Framework, FrameworkState, Offer};
use mesos::framework::{FrameworkCapabilityType, OfferConstraints};
use mesos::resources::Resources;
use serde::Serialize;

use super::seconds;
use super::task::{ExecutorView, TaskView};

/// The part of a framework that `/state-summary` shows too.
#[derive(Serialize)]
pub struct SummaryView<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(serialize_with = "super::resources")]
    used_resources: Resources,
    #[serde(serialize_with = "super::resources")]
    offered_resources: Resources,
    capabilities: Vec<&'static str>,
    hostname: &'a str,
    webui_url: &'a str,
    active: bool,
    connected: bool,
    recovered: bool,
}

impl<'a> SummaryView<'a> {
    /// A framework as `/state-summary` shows it.
    pub fn new(framework: &'a Framework) -> Self {
        let info = &framework.info;
        Self {
            id: framework.id.as_str(),
            name: &info.name,
            used_resources: framework.used_in_total(),
            offered_resources: framework.offered_in_total(),
            capabilities: info
                .capabilities
                .iter()
                .filter_map(|capability| Some(capability.r#type?.as_str()))
                .collect(),
            hostname: info.hostname.as_deref().unwrap_or_default(),
            webui_url: info.webui_url.as_deref().unwrap_or_default(),
            active: framework.state == FrameworkState::Active,
            connected: framework.is_connected(),
            recovered: framework.state == FrameworkState::Recovered,
        }
    }
}

/// A whole framework.
#[derive(Serialize)]
pub struct FrameworkView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    user: &'a str,
    failover_timeout: f64,
    checkpoint: bool,
    registered_time: f64,
    unregistered_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(serialize_with = "super::resources")]
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    reregistered_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a [String]>,
    tasks: Vec<TaskView<'a>>,
    unreachable_tasks: Vec<TaskView<'a>>,
    completed_tasks: Vec<TaskView<'a>>,
    offers: Vec<OfferView<'a>>,
    executors: Vec<ExecutorView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [mesos::discovery::Label]>,
    offer_constraints: OfferConstraints,
}

impl<'a> FrameworkView<'a> {
    /// A framework as `/state` shows it; its offers are in `snapshot`.
    pub fn new(framework: &'a Framework, snapshot: &'a Snapshot) -> Self {
        let info = &framework.info;
        let multi_role = framework.can(FrameworkCapabilityType::MultiRole);
        let executors = framework.executors.iter().flat_map(|(agent, of)| {
            of.values().map(move |executor| ExecutorView::new(executor, agent))
        });
        let summary = SummaryView::new(framework);
        let resources = summary.used_resources.clone() + &summary.offered_resources;
        Self {
            summary,
            user: &info.user,
            failover_timeout: info.failover_timeout,
            checkpoint: info.checkpoint,
            registered_time: seconds(framework.registered),
            unregistered_time: framework.unregistered.map_or(0.0, seconds),
            principal: info.principal.as_deref(),
            resources,
            // A framework that came with an id of its own registered when it came back.
            reregistered_time: framework
                .reregistered
                .filter(|time| *time != framework.registered)
                .map(seconds),
            role: (!multi_role).then(|| info.role.as_deref().unwrap_or("*")),
            roles: multi_role.then_some(&info.roles),
            tasks: framework.tasks.values().map(|task| TaskView::new(task)).collect(),
            unreachable_tasks: framework
                .unreachable_tasks
                .values()
                .map(|task| TaskView::new(task))
                .collect(),
            completed_tasks: framework
                .completed_tasks
                .iter()
                .map(|task| TaskView::new(task))
                .collect(),
            offers: framework
                .offers
                .iter()
                .filter_map(|id| snapshot.offers.get(id))
                .map(|offer| OfferView::new(offer))
                .collect(),
            executors: executors.collect(),
            labels: info.labels.as_deref().map(|labels| &labels.labels[..]),
            offer_constraints: framework.offer_constraints.as_deref().cloned().unwrap_or_default(),
        }
    }
}

/// An offer.
#[derive(Serialize)]
struct OfferView<'a> {
    id: &'a str,
    framework_id: &'a str,
    allocation_info: AllocationView<'a>,
    slave_id: &'a str,
    #[serde(serialize_with = "super::resources")]
    resources: &'a Resources,
}

#[derive(Serialize)]
struct AllocationView<'a> {
    role: &'a str,
}

impl<'a> OfferView<'a> {
    fn new(offer: &'a Offer) -> Self {
        Self {
            id: offer.id.as_str(),
            framework_id: offer.framework.as_str(),
            allocation_info: AllocationView { role: &offer.role },
            slave_id: offer.agent.as_str(),
            resources: &offer.resources,
        }
    }
}

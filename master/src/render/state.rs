//! `/state`: everything that the master knows (row OI-01).

use std::collections::BTreeMap;

use libprocess::build;
use mesos::agent::DomainInfo;
use mesos::json;
use mesos::master_info::MasterInfo;
use serde::{Serialize, Serializer};

use super::agent::{AgentView, InfoView};
use super::framework::FrameworkView;
use super::{View, seconds};

#[derive(Serialize)]
struct StateView<'a> {
    version: &'static str,
    build_date: String,
    build_time: f64,
    build_user: &'static str,
    start_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elected_time: Option<f64>,
    id: &'a str,
    pid: &'a str,
    hostname: &'a str,
    capabilities: Vec<&'static str>,
    activated_slaves: f64,
    deactivated_slaves: f64,
    unreachable_slaves: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a DomainInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader_info: Option<LeaderView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_dir: Option<&'a str>,
    flags: &'a BTreeMap<String, String>,
    #[serde(serialize_with = "agents")]
    slaves: &'a View,
    #[serde(serialize_with = "recovered_agents")]
    recovered_slaves: &'a View,
    #[serde(serialize_with = "frameworks")]
    frameworks: &'a View,
    #[serde(serialize_with = "completed_frameworks")]
    completed_frameworks: &'a View,
    /// Always empty, in Mesos too; clients look for it.
    orphan_tasks: [(); 0],
    /// Always empty, in Mesos too; clients look for it.
    unregistered_frameworks: [(); 0],
}

#[derive(Serialize)]
struct LeaderView<'a> {
    id: &'a str,
    pid: &'a str,
    port: u32,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a DomainInfo>,
}

impl<'a> LeaderView<'a> {
    fn new(leader: &'a MasterInfo) -> Self {
        Self {
            id: &leader.id,
            pid: leader.pid.as_deref().unwrap_or_default(),
            port: leader.port,
            hostname: leader.hostname.as_deref().unwrap_or_default(),
            domain: leader.domain.as_deref(),
        }
    }
}

/// The JSON of `/state`.
pub fn render(view: &View) -> Vec<u8> {
    let snapshot = &view.snapshot;
    let active = snapshot.agents.values().filter(|agent| agent.active).count();
    let capabilities = view.info.capabilities.iter().filter_map(|capability| capability.r#type);
    json::to_vec(&StateView {
        version: crate::MESOS_VERSION,
        build_date: build::date(),
        build_time: build::time(),
        build_user: build::user(),
        start_time: seconds(view.started),
        elected_time: snapshot.elected.map(seconds),
        id: &view.info.id,
        pid: view.info.pid.as_deref().unwrap_or_default(),
        hostname: view.info.hostname.as_deref().unwrap_or_default(),
        capabilities: capabilities.map(|kind| kind.as_str()).collect(),
        activated_slaves: active as f64,
        deactivated_slaves: (snapshot.agents.len() - active) as f64,
        unreachable_slaves: snapshot.registry.unreachable.len() as f64,
        domain: view.info.domain.as_deref(),
        leader: view.leader.as_ref().and_then(|leader| leader.pid.as_deref()),
        leader_info: view.leader.as_ref().map(LeaderView::new),
        cluster: view.config.cluster.as_deref(),
        log_dir: view.config.log_dir.as_deref(),
        flags: &view.config.flags,
        slaves: view,
        recovered_slaves: view,
        frameworks: view,
        completed_frameworks: view,
        orphan_tasks: [],
        unregistered_frameworks: [],
    })
}

// The long lists are written one record at a time, so that the answer is in memory once.

fn agents<S: Serializer>(view: &View, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(view.snapshot.agents.values().map(|agent| AgentView::new(agent)))
}

fn recovered_agents<S: Serializer>(view: &View, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(view.snapshot.recovered_agents.values().map(|info| InfoView::new(info)))
}

fn frameworks<S: Serializer>(view: &View, to: S) -> Result<S::Ok, S::Error> {
    let snapshot = &view.snapshot;
    let frameworks = snapshot.frameworks.values();
    to.collect_seq(frameworks.map(|framework| FrameworkView::new(framework, snapshot)))
}

fn completed_frameworks<S: Serializer>(view: &View, to: S) -> Result<S::Ok, S::Error> {
    let snapshot = &view.snapshot;
    let frameworks = snapshot.completed_frameworks.iter();
    to.collect_seq(frameworks.map(|framework| FrameworkView::new(framework, snapshot)))
}

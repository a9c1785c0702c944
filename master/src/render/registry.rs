//! `/registrar(1)/registry`: what the registry holds, as Mesos writes its record (row OI-10).

use mesos::agent::{AgentInfo, MachineInfo};
use mesos::ids::AgentId;
use mesos::json;
use mesos::maintenance::Schedule;
use mesos::master_info::{MasterInfo, WeightInfo};
use mesos::resources::Resources;
use mesos::time::TimeInfo;
use serde::Serialize;

use super::{View, v1};

/// The registry. What it has never held is absent.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<LostAgents<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machines: Option<Machines<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master: Option<Master<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedules: Option<[&'a Schedule; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slaves: Option<Admitted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<LostAgents<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weights: Vec<Weight>,
}

#[derive(Serialize)]
struct Master<'a> {
    info: &'a MasterInfo,
}

#[derive(Serialize)]
struct Machines<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<Machine<'a>>,
}

#[derive(Serialize)]
struct Machine<'a> {
    info: &'a MachineInfo,
}

#[derive(Serialize)]
struct Weight {
    info: WeightInfo,
}

#[derive(Serialize)]
struct Admitted {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slaves: Vec<Agent>,
}

#[derive(Serialize)]
struct Agent {
    deactivated: bool,
    info: AgentInfo,
}

#[derive(Serialize)]
struct LostAgents<'a> {
    slaves: Vec<LostAgent<'a>>,
}

#[derive(Serialize)]
struct LostAgent<'a> {
    id: &'a AgentId,
    timestamp: TimeInfo,
}

/// The registry as JSON.
pub fn render(view: &View) -> Vec<u8> {
    let registry = &view.snapshot.registry;
    let lost = |id, agent: &master_core::registry::LostAgent| LostAgent {
        id,
        timestamp: agent.timestamp.clone(),
    };
    let gone: Vec<_> = registry.gone.iter().map(|(id, agent)| lost(id, agent)).collect();
    let unreachable: Vec<_> =
        registry.unreachable.iter().map(|(id, agent)| lost(id, agent)).collect();
    let slaves: Vec<_> = registry
        .agents
        .values()
        .map(|agent| Agent { deactivated: agent.deactivated, info: shown(&agent.info) })
        .collect();
    let maintenance = registry.maintenance.as_deref();
    let none = gone.is_empty() && unreachable.is_empty() && slaves.is_empty();
    json::to_vec(&Shown {
        machines: maintenance.map(|maintenance| Machines {
            machines: maintenance.machines.values().map(|info| Machine { info }).collect(),
        }),
        schedules: maintenance.and_then(|maintenance| Some([maintenance.schedule.as_ref()?])),
        weights: v1::weight_infos(view).into_iter().map(|info| Weight { info }).collect(),
        gone: (!gone.is_empty()).then_some(LostAgents { slaves: gone }),
        master: registry.master.as_ref().map(|info| Master { info }),
        slaves: (!none).then_some(Admitted { slaves }),
        unreachable: (!unreachable.is_empty()).then_some(LostAgents { slaves: unreachable }),
    })
}

/// An agent with its resources as endpoints show them.
fn shown(info: &AgentInfo) -> AgentInfo {
    let resources: Resources = info.resources.iter().cloned().collect();
    AgentInfo { resources: resources.to_endpoint_vec(), ..info.clone() }
}

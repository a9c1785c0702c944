//! The getters of the operator API (row OI-06).

use mesos::ids::FrameworkId;
use mesos::master_info::{Flag, Role, WeightInfo};
use mesos::quota::QuotaStatus;
use mesos::resource::Resource;
use mesos::v1::master::{self as api, CallType, Executor, Response, ResponseType};

use super::{View, roles, seconds, version};

/// The answer to a getter, if it is one that is known.
pub fn getter(view: &View, kind: CallType) -> Option<Response> {
    let mut answer = Response::default();
    let kind = match kind {
        CallType::GetHealth => {
            answer.get_health = Some(api::GetHealthResponse { healthy: true });
            ResponseType::GetHealth
        }
        CallType::GetVersion => {
            let version_info = version::version_info();
            answer.get_version = Some(api::GetVersionResponse { version_info });
            ResponseType::GetVersion
        }
        CallType::GetFlags => {
            answer.get_flags = Some(flags(view));
            ResponseType::GetFlags
        }
        CallType::GetMaster => {
            answer.get_master = Some(master(view));
            ResponseType::GetMaster
        }
        CallType::GetState => {
            answer.get_state = Some(state(view));
            ResponseType::GetState
        }
        CallType::GetAgents => {
            answer.get_agents = Some(agents(view));
            ResponseType::GetAgents
        }
        CallType::GetFrameworks => {
            answer.get_frameworks = Some(frameworks(view));
            ResponseType::GetFrameworks
        }
        CallType::GetExecutors => {
            answer.get_executors = Some(executors(view));
            ResponseType::GetExecutors
        }
        CallType::GetTasks => {
            answer.get_tasks = Some(tasks(view));
            ResponseType::GetTasks
        }
        CallType::GetOperations => {
            // Operations on resources are a later issue's: there are none.
            answer.get_operations = Some(api::GetOperationsResponse::default());
            ResponseType::GetOperations
        }
        CallType::GetRoles => {
            answer.get_roles = Some(role_list(view));
            ResponseType::GetRoles
        }
        CallType::GetWeights => {
            // Without any weight, Mesos leaves the body out (`wire.md` 34).
            answer.get_weights = weights(view);
            ResponseType::GetWeights
        }
        _ => return settings(view, kind),
    };
    answer.r#type = Some(kind);
    Some(answer)
}

/// The answer to a getter of what operators set: the level of logging, maintenance, and quota,
/// which nobody can set before a later issue.
fn settings(view: &View, kind: CallType) -> Option<Response> {
    let mut answer = Response::default();
    let kind = match kind {
        CallType::GetLoggingLevel => {
            let level = libprocess::logging::verbosity();
            answer.get_logging_level = Some(api::GetLoggingLevelResponse { level });
            ResponseType::GetLoggingLevel
        }
        CallType::GetMaintenanceSchedule => {
            let schedule = view.snapshot.maintenance_schedule();
            answer.get_maintenance_schedule =
                Some(api::GetMaintenanceScheduleResponse { schedule });
            ResponseType::GetMaintenanceSchedule
        }
        CallType::GetMaintenanceStatus => {
            let status = view.snapshot.maintenance_status();
            answer.get_maintenance_status = Some(api::GetMaintenanceStatusResponse { status });
            ResponseType::GetMaintenanceStatus
        }
        CallType::GetQuota => {
            let status = QuotaStatus::default();
            answer.get_quota = Some(api::GetQuotaResponse { status });
            ResponseType::GetQuota
        }
        _ => return None,
    };
    answer.r#type = Some(kind);
    Some(answer)
}

fn flags(view: &View) -> api::GetFlagsResponse {
    let flags = view.config.flags.iter();
    let flag =
        |(name, value): (&String, &String)| Flag { name: name.clone(), value: Some(value.clone()) };
    api::GetFlagsResponse { flags: flags.map(flag).collect() }
}

fn master(view: &View) -> api::GetMasterResponse {
    api::GetMasterResponse {
        master_info: Some(view.info.clone()),
        start_time: Some(seconds(view.started)),
        elected_time: view.snapshot.elected.map(seconds),
    }
}

/// Everything; a stream of operator events begins with it too.
pub fn state(view: &View) -> api::GetStateResponse {
    api::GetStateResponse {
        get_tasks: Some(tasks(view)),
        get_executors: Some(executors(view)),
        get_frameworks: Some(frameworks(view)),
        get_agents: Some(agents(view)),
    }
}

fn agents(view: &View) -> api::GetAgentsResponse {
    let snapshot = &view.snapshot;
    api::GetAgentsResponse {
        agents: snapshot.agents.values().map(|agent| agent.to_v1()).collect(),
        recovered_agents: snapshot.recovered_agents.values().map(|info| (**info).clone()).collect(),
    }
}

fn frameworks(view: &View) -> api::GetFrameworksResponse {
    let snapshot = &view.snapshot;
    let framework = |framework: &master_core::state::Framework| {
        let mut shown = framework.to_v1();
        let offers = framework.offers.iter().filter_map(|id| snapshot.offers.get(id));
        shown.offers = offers
            .filter_map(|offer| Some(offer.to_v1(framework, &**snapshot.agents.get(&offer.agent)?)))
            .collect();
        let inverse = framework.inverse_offers.iter();
        let inverse = inverse.filter_map(|id| snapshot.inverse_offers.get(id));
        shown.inverse_offers = inverse
            .filter_map(|offer| Some(offer.to_v1(&**snapshot.agents.get(&offer.agent)?)))
            .collect();
        shown
    };
    api::GetFrameworksResponse {
        frameworks: snapshot.frameworks.values().map(|f| framework(f)).collect(),
        completed_frameworks: snapshot.completed_frameworks.iter().map(|f| framework(f)).collect(),
        ..api::GetFrameworksResponse::default()
    }
}

fn executors(view: &View) -> api::GetExecutorsResponse {
    let of_frameworks = view.snapshot.frameworks.values().flat_map(|framework| {
        framework.executors.iter().flat_map(|(agent_id, of)| {
            of.values().map(move |executor| Executor {
                executor_info: (**executor).clone(),
                agent_id: agent_id.clone(),
            })
        })
    });
    api::GetExecutorsResponse {
        executors: of_frameworks.collect(),
        ..api::GetExecutorsResponse::default()
    }
}

fn tasks(view: &View) -> api::GetTasksResponse {
    let snapshot = &view.snapshot;
    let mut shown = api::GetTasksResponse::default();
    for framework in snapshot.frameworks.values() {
        shown.tasks.extend(framework.tasks.values().map(|task| (**task).clone()));
    }
    let all = snapshot.frameworks.values().chain(snapshot.completed_frameworks.iter());
    for framework in all {
        let unreachable = framework.unreachable_tasks.values();
        shown.unreachable_tasks.extend(unreachable.map(|task| (**task).clone()));
        let completed = framework.completed_tasks.iter();
        shown.completed_tasks.extend(completed.map(|task| (**task).clone()));
    }
    shown
}

fn role_list(view: &View) -> api::GetRolesResponse {
    let role = |(name, tally): (String, roles::RoleTally)| {
        let mut total = tally.allocated;
        total += &tally.offered;
        // Quantities have names and amounts, and the answer wants resources.
        let resource = |(name, amount): (&str, mesos::value::Fixed)| {
            Resource::of_scalar(name, amount.to_f64())
        };
        Role {
            weight: roles::weight(view, &name),
            frameworks: tally.frameworks.into_iter().map(FrameworkId::from).collect(),
            resources: total.iter().filter(|(name, _)| *name != "ports").map(resource).collect(),
            name,
        }
    };
    api::GetRolesResponse { roles: roles::tally(view).into_iter().map(role).collect() }
}

/// The weights that are set.
pub fn weight_infos(view: &View) -> Vec<WeightInfo> {
    let weights = view.snapshot.registry.weights.iter();
    let info =
        |(role, weight): (&String, &f64)| WeightInfo { weight: *weight, role: Some(role.clone()) };
    weights.map(info).collect()
}

fn weights(view: &View) -> Option<api::GetWeightsResponse> {
    let weight_infos = weight_infos(view);
    (!weight_infos.is_empty()).then_some(api::GetWeightsResponse { weight_infos })
}

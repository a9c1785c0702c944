//! The calls that read what the agent knows. They are answered from its last state, off its
//! thread.

use std::sync::Arc;

use libprocess::{build, logging};
use mesos::agent::AgentInfo;
use mesos::ids::FrameworkId;
use mesos::master_info::{Flag, VersionInfo};
use mesos::task::{Task, TaskInfo, TaskState};
use mesos::v1::agent::{
    self as api, Call, CallType, Executor as ExecutorEntry, Framework as FrameworkEntry, Response,
    ResponseType,
};
use slave_core::Snapshot;
use slave_core::effect::ExecutorKind;
use slave_core::executor::Executor;
use slave_core::framework::Framework;

use crate::MESOS_VERSION;
use crate::http::containers;
use crate::shared::Shared;

/// The answer to a getter.
pub(super) fn answer(
    snapshot: &Snapshot,
    shared: &Shared,
    kind: CallType,
    call: &Call,
) -> Response {
    let mut answer = Response::default();
    let kind = match kind {
        CallType::GetFlags => {
            answer.get_flags = Some(flags(shared));
            ResponseType::GetFlags
        }
        CallType::GetVersion => {
            answer.get_version = Some(version());
            ResponseType::GetVersion
        }
        CallType::GetLoggingLevel => {
            let level = logging::verbosity();
            answer.get_logging_level = Some(api::GetLoggingLevelResponse { level });
            ResponseType::GetLoggingLevel
        }
        CallType::GetState => {
            answer.get_state = Some(state(snapshot, shared));
            ResponseType::GetState
        }
        CallType::GetContainers => {
            let wanted = call.get_containers.clone().unwrap_or_default();
            let containers = containers::list(snapshot, &shared.isolation, &wanted);
            // Without any container, Mesos leaves the body out.
            let is_there = !containers.is_empty();
            answer.get_containers = is_there.then_some(api::GetContainersResponse { containers });
            ResponseType::GetContainers
        }
        CallType::GetFrameworks => {
            answer.get_frameworks = Some(frameworks(snapshot));
            ResponseType::GetFrameworks
        }
        CallType::GetExecutors => {
            answer.get_executors = Some(executors(snapshot, shared));
            ResponseType::GetExecutors
        }
        CallType::GetTasks => {
            answer.get_tasks = Some(tasks(snapshot));
            ResponseType::GetTasks
        }
        CallType::GetOperations => {
            // Operations on resources are not made by this agent: there are none.
            answer.get_operations = Some(api::GetOperationsResponse::default());
            ResponseType::GetOperations
        }
        CallType::GetResourceProviders => {
            answer.get_resource_providers = Some(api::GetResourceProvidersResponse::default());
            ResponseType::GetResourceProviders
        }
        CallType::GetAgent => {
            // The field is older than this API, which has forgotten it.
            let agent_info = Some(AgentInfo { checkpoint: None, ..(*snapshot.info).clone() });
            answer.get_agent =
                Some(api::GetAgentResponse { agent_info, ..api::GetAgentResponse::default() });
            ResponseType::GetAgent
        }
        _ => {
            answer.get_health = Some(api::GetHealthResponse { healthy: true });
            ResponseType::GetHealth
        }
    };
    answer.r#type = Some(kind);
    answer
}

fn state(snapshot: &Snapshot, shared: &Shared) -> api::GetStateResponse {
    api::GetStateResponse {
        get_tasks: Some(tasks(snapshot)),
        get_executors: Some(executors(snapshot, shared)),
        get_frameworks: Some(frameworks(snapshot)),
    }
}

fn version() -> api::GetVersionResponse {
    let version_info = VersionInfo {
        version: MESOS_VERSION.to_owned(),
        build_date: Some(build::date()),
        build_time: Some(build::time()),
        build_user: Some(build::user().to_owned()),
        ..VersionInfo::default()
    };
    api::GetVersionResponse { version_info }
}

fn flags(shared: &Shared) -> api::GetFlagsResponse {
    let flag =
        |(name, value): (&String, &String)| Flag { name: name.clone(), value: Some(value.clone()) };
    api::GetFlagsResponse { flags: shared.flags.iter().map(flag).collect() }
}

/// All frameworks: those that are here, then those that are over.
fn all(snapshot: &Snapshot) -> impl Iterator<Item = &Framework> {
    let over = snapshot.completed_frameworks.iter();
    snapshot.frameworks.values().chain(over).map(Arc::as_ref)
}

/// All executors: those that are here, and those that are over.
fn all_executors(snapshot: &Snapshot) -> impl Iterator<Item = &Executor> {
    all(snapshot).flat_map(|framework| {
        let over = framework.completed_executors.iter();
        framework.executors.values().chain(over).map(Arc::as_ref)
    })
}

fn frameworks(snapshot: &Snapshot) -> api::GetFrameworksResponse {
    let entry =
        |framework: &Arc<Framework>| FrameworkEntry { framework_info: (*framework.info).clone() };
    api::GetFrameworksResponse {
        frameworks: snapshot.frameworks.values().map(entry).collect(),
        completed_frameworks: snapshot.completed_frameworks.iter().map(entry).collect(),
    }
}

fn executors(snapshot: &Snapshot, shared: &Shared) -> api::GetExecutorsResponse {
    let entry = |executor: &Arc<Executor>| {
        let mut executor_info = (*executor.info).clone();
        if executor.kind == ExecutorKind::Command
            && let Some(command) = executor_info.command.as_mut()
        {
            // Which program that is only the shell knows.
            let program = &shared.executor.program;
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            command.value = Some(program.display().to_string());
            command.arguments = vec![name];
            command.arguments.extend_from_slice(&shared.executor.arguments);
        }
        ExecutorEntry { executor_info }
    };
    let here = all(snapshot).flat_map(|framework| framework.executors.values());
    let over = all(snapshot).flat_map(|framework| framework.completed_executors.iter());
    api::GetExecutorsResponse {
        executors: here.map(entry).collect(),
        completed_executors: over.map(entry).collect(),
    }
}

fn tasks(snapshot: &Snapshot) -> api::GetTasksResponse {
    let waiting =
        |info: &TaskInfo, framework: &FrameworkId| Task::new(info, framework, TaskState::Staging);
    let mut shown = api::GetTasksResponse::default();
    for framework in all(snapshot) {
        let launches = framework.pending.iter().flat_map(|launch| &launch.tasks);
        shown.pending_tasks.extend(launches.map(|info| waiting(info, &framework.id)));
    }
    for executor in all_executors(snapshot) {
        let queued = executor.queued.iter().flat_map(|queued| queued.tasks.iter());
        shown.queued_tasks.extend(queued.map(|info| waiting(info, &executor.framework_id)));
        let copy = |task: &Arc<Task>| (**task).clone();
        shown.launched_tasks.extend(executor.launched_tasks.values().map(copy));
        shown.terminated_tasks.extend(executor.terminated_tasks.values().map(copy));
        shown.completed_tasks.extend(executor.completed_tasks.iter().map(copy));
    }
    shown
}

//! `/containers`, `/monitor/statistics` and `/containerizer/debug`: what executors use, for who
//! watches an agent (rows AA-01, CT-01).

use std::sync::Arc;

use libprocess::Context;
use libprocess::http::{Help, Response};
use mesos::container::ContainerStatus;
use mesos::statistics::ResourceStatistics;
use serde::Serialize;
use slave_core::executor::Executor;
use slave_core::{AgentState, Snapshot};

use super::{containers, off_thread, unavailable};
use crate::process::AgentProcess;
use crate::shared::Shared;

pub(super) fn install(context: &mut Context<AgentProcess>, shared: &Arc<Shared>) {
    let of_containers = "Retrieve container status and usage information.";
    install_list(context, shared, "/containers", of_containers, with_container);
    let of_executors = "Retrieve resource monitoring information.";
    install_list(context, shared, "/monitor/statistics", of_executors, of_executor);
    let help = Help::new("Lists containers whose launch or end waits for something.")
        .description("Nothing here waits without a limit of time: the list is always empty.")
        .authentication(true);
    context.route("/containerizer/debug", help, |_, _, _, reply| {
        reply.send(Response::ok_json(r#"{"pending":[]}"#));
    });
}

fn install_list(
    context: &mut Context<AgentProcess>,
    shared: &Arc<Shared>,
    path: &str,
    tldr: &str,
    used: fn(&Executor) -> Used<'_>,
) {
    let help = Help::new(tldr)
        .description("One element for each executor whose container lives.")
        .authentication(true);
    let shared = shared.clone();
    context.route(path, help, move |_, context, request, reply| {
        let shared = shared.clone();
        off_thread(context, request, reply, move |_| list(&shared.snapshot(), used));
    });
}

fn list(snapshot: &Snapshot, used: fn(&Executor) -> Used<'_>) -> Response {
    if snapshot.state == AgentState::Recovering {
        return unavailable();
    }
    let executors = snapshot.executors().filter(|executor| executor.is_live());
    Response::ok_json(mesos::json::to_vec(&executors.map(used).collect::<Vec<_>>()))
}

/// What an executor uses.
#[derive(Serialize)]
struct Used<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container_id: Option<&'a str>,
    executor_id: &'a str,
    executor_name: &'a str,
    framework_id: &'a str,
    source: &'a str,
    statistics: Option<Box<ResourceStatistics>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Box<ContainerStatus>>,
}

fn of_executor(executor: &Executor) -> Used<'_> {
    Used { container_id: None, status: None, ..with_container(executor) }
}

fn with_container(executor: &Executor) -> Used<'_> {
    let container = containers::of_executor(executor);
    Used {
        container_id: Some(&executor.container.value),
        executor_id: executor.id.as_str(),
        executor_name: executor.info.name.as_deref().unwrap_or_default(),
        framework_id: executor.framework_id.as_str(),
        source: executor.info.source.as_deref().unwrap_or_default(),
        statistics: container.resource_statistics,
        status: container.container_status,
    }
}

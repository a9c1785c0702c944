//! The containers that live, with their state and what they use (rows AA-01, CT-01).

use std::sync::Arc;

use libprocess::Context;
use libprocess::http::{Help, Request, Response};
use mesos::container::ContainerStatus;
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use mesos::v1::agent::{Container as Entry, GetContainers};
use serde::Serialize;
use slave_core::containers::Container;
use slave_core::executor::Executor;
use slave_core::{AgentState, Snapshot};

use super::{off_thread, unavailable};
use crate::containerizer::isolation::Isolation;
use crate::containerizer::usage;
use crate::process::AgentProcess;
use crate::shared::Shared;

type Respond = fn(&Snapshot, &Isolation, &Request) -> Response;

/// Adds the endpoints that show containers in Mesos's legacy JSON.
pub(super) fn install(context: &mut Context<AgentProcess>, shared: &Arc<Shared>) {
    let used = "What executors use, in time of processors and in memory.";
    let endpoints: [(&str, &str, Respond); 3] = [
        ("/containers", "The containers of executors, with their state and use.", containers),
        ("/monitor/statistics", used, statistics_of_executors),
        ("/containerizer/debug", "What the containerizer waits for.", pending),
    ];
    for (path, tldr, respond) in endpoints {
        let shared = shared.clone();
        let help = Help::new(tldr).authentication(true);
        context.route(path, help, move |_, context, request, reply| {
            let shared = shared.clone();
            let respond = move |request: &Request| match shared.snapshot() {
                snapshot if snapshot.state == AgentState::Recovering => unavailable(),
                snapshot => respond(&snapshot, &shared.isolation, request),
            };
            off_thread(context, request, reply, respond);
        });
    }
}

/// A container in legacy JSON.
#[derive(Serialize)]
struct Legacy<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container_id: Option<&'a str>,
    executor_id: &'a str,
    executor_name: &'a str,
    framework_id: &'a str,
    source: &'a str,
    statistics: ResourceStatistics,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ContainerStatus>,
}

impl<'a> Legacy<'a> {
    fn new(executor: &'a Executor, isolation: &Isolation, whole: bool) -> Self {
        let (statistics, status) = of_live_executor(executor, isolation);
        Self {
            container_id: whole.then_some(executor.container.value.as_str()),
            executor_id: executor.id.as_str(),
            executor_name: executor.info.name.as_deref().unwrap_or_default(),
            framework_id: executor.framework_id.as_str(),
            source: executor.info.source.as_deref().unwrap_or_default(),
            statistics,
            status: whole.then_some(status),
        }
    }
}

fn containers(snapshot: &Snapshot, isolation: &Isolation, request: &Request) -> Response {
    let wanted = |name| request.query(name);
    let (container, framework, executor) =
        (wanted("container_id"), wanted("framework_id"), wanted("executor_id"));
    let known = match (container, framework, executor) {
        (Some(_), None, None) | (None, _, None) | (None, Some(_), Some(_)) => true,
        _ => false,
    };
    if !known {
        return Response::bad_request(
            "Supported query parameters are container_id only, framework_id only, or executor_id \
             and framework_id only",
        );
    }
    let is = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
    let shown: Vec<Legacy<'_>> = snapshot
        .executors()
        .filter(|one| one.is_live() && is(container, &one.container.value))
        .filter(|one| is(framework, one.framework_id.as_str()) && is(executor, one.id.as_str()))
        .map(|one| Legacy::new(one, isolation, true))
        .collect();
    Response::ok_json(mesos::json::to_vec(&shown))
}

fn statistics_of_executors(snapshot: &Snapshot, isolation: &Isolation, _: &Request) -> Response {
    let live = snapshot.executors().filter(|executor| executor.is_live());
    let shown: Vec<Legacy<'_>> =
        live.map(|executor| Legacy::new(executor, isolation, false)).collect();
    Response::ok_json(mesos::json::to_vec(&shown))
}

#[derive(Serialize)]
struct Pending {
    pending: [(); 0],
}

/// Orders to the containerizer return at once: it waits for nothing that could be stuck.
fn pending(_: &Snapshot, _: &Isolation, _: &Request) -> Response {
    Response::ok_json(mesos::json::to_vec(&Pending { pending: [] }))
}

/// All containers that were asked for: executors', then nested ones and those that stand alone.
pub(crate) fn list(
    snapshot: &Snapshot,
    isolation: &Isolation,
    wanted: &GetContainers,
) -> Vec<Entry> {
    let executors = snapshot.executors().filter(|executor| executor.is_live());
    let mut entries: Vec<Entry> = executors.map(|one| of_executor(one, isolation)).collect();
    let is_wanted = |container: &Container| match container.spec.container.parent {
        Some(_) => wanted.show_nested == Some(true),
        None => wanted.show_standalone == Some(true),
    };
    let others = snapshot.containers.values().filter(|one| one.is_live() && is_wanted(one));
    entries.extend(others.map(|one| of_container(one, isolation)));
    entries
}

/// An executor's container.
pub(crate) fn of_executor(executor: &Executor, isolation: &Isolation) -> Entry {
    let (statistics, status) = of_live_executor(executor, isolation);
    Entry {
        framework_id: Some(executor.framework_id.clone()),
        executor_id: Some(executor.id.clone()),
        executor_name: Some(executor.info.name.clone().unwrap_or_default()),
        container_id: ContainerId::root(&*executor.container.value),
        container_status: Some(Box::new(status)),
        resource_statistics: Some(Box::new(statistics)),
    }
}

/// What an executor's container uses, and how it is.
fn of_live_executor(
    executor: &Executor,
    isolation: &Isolation,
) -> (ResourceStatistics, ContainerStatus) {
    let pid = executor.launched.as_ref().and_then(|launched| launched.pid);
    observe(&executor.container, &executor.allocated(), pid, isolation)
}

fn of_container(container: &Container, isolation: &Isolation) -> Entry {
    let id = &container.spec.container;
    let resources: Resources = container.spec.resources.iter().cloned().collect();
    // What one that is nested uses counts for the container at its root, of which alone isolators
    // know it.
    let (statistics, status) = observe(id, &resources, container.pid, isolation);
    Entry {
        // Mesos leaves the parents out here; the status has them.
        container_id: ContainerId::root(&*id.value),
        container_status: Some(Box::new(status)),
        resource_statistics: Some(Box::new(statistics)),
        ..Entry::default()
    }
}

/// What a container may use, what it does use, and how it is.
fn observe(
    id: &ContainerId,
    allowed: &Resources,
    pid: Option<u32>,
    isolation: &Isolation,
) -> (ResourceStatistics, ContainerStatus) {
    let (mut statistics, mut status) = isolation.observe(id);
    statistics.timestamp = usage::now();
    let scalar = |name: &str| {
        let values = allowed.iter().filter(|one: &&Resource| one.name == name);
        let sum: f64 = values.filter_map(|one| one.scalar).map(|scalar| scalar.value).sum();
        (sum > 0.0).then_some(sum)
    };
    let octets = scalar("mem").map(|megabytes| (megabytes * 1024.0 * 1024.0) as u64);
    statistics.cpus_soft_limit = statistics.cpus_soft_limit.or(scalar("cpus"));
    statistics.mem_limit_bytes = statistics.mem_limit_bytes.or(octets);
    statistics.mem_soft_limit_bytes = statistics.mem_soft_limit_bytes.or(octets);
    status.container_id = Some(id.clone());
    status.executor_pid = pid;
    (statistics, status)
}

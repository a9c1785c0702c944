//! The containers that live, with their state and what they use (rows AA-01, CT-01).

use mesos::container::ContainerStatus;
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use mesos::v1::agent::{Container as Entry, GetContainers};
use slave_core::Snapshot;
use slave_core::containers::{Container, root_of};
use slave_core::executor::Executor;

use crate::containerizer::usage;

/// All containers that were asked for: executors', then nested ones and those that stand alone.
pub(crate) fn list(snapshot: &Snapshot, wanted: &GetContainers) -> Vec<Entry> {
    let executors = snapshot.executors().filter(|executor| executor.is_live());
    let mut entries: Vec<Entry> = executors.map(of_executor).collect();
    let is_wanted = |container: &Container| match container.spec.container.parent {
        Some(_) => wanted.show_nested == Some(true),
        None => wanted.show_standalone == Some(true),
    };
    let others = snapshot.containers.values().filter(|one| one.is_live() && is_wanted(one));
    entries.extend(others.map(|one| of_container(one)));
    entries
}

/// An executor's container.
pub(crate) fn of_executor(executor: &Executor) -> Entry {
    let pid = executor.launched.as_ref().and_then(|launched| launched.pid);
    Entry {
        framework_id: Some(executor.framework_id.clone()),
        executor_id: Some(executor.id.clone()),
        executor_name: Some(executor.info.name.clone().unwrap_or_default()),
        container_id: ContainerId::root(&*executor.container.value),
        container_status: Some(Box::new(status(&executor.container, pid))),
        resource_statistics: Some(Box::new(statistics(&executor.allocated(), pid))),
    }
}

fn of_container(container: &Container) -> Entry {
    let id = &container.spec.container;
    let resources: Resources = container.spec.resources.iter().cloned().collect();
    // What one that is nested uses counts for the container at its root.
    let counted = container.pid.filter(|_| root_of(id) == id);
    Entry {
        // Mesos leaves the parents out here; the status has them.
        container_id: ContainerId::root(&*id.value),
        container_status: Some(Box::new(status(id, container.pid))),
        resource_statistics: Some(Box::new(statistics(&resources, counted))),
        ..Entry::default()
    }
}

fn status(id: &ContainerId, pid: Option<u32>) -> ContainerStatus {
    ContainerStatus {
        container_id: Some(id.clone()),
        executor_pid: pid,
        ..ContainerStatus::default()
    }
}

/// What a container may use, and what the processes below `pid` do use.
fn statistics(allowed: &Resources, pid: Option<u32>) -> ResourceStatistics {
    let mut statistics = pid.map(usage::of_tree).unwrap_or_default();
    statistics.timestamp = usage::now();
    let scalar = |name: &str| {
        let values = allowed.iter().filter(|one: &&Resource| one.name == name);
        let sum: f64 = values.filter_map(|one| one.scalar).map(|scalar| scalar.value).sum();
        (sum > 0.0).then_some(sum)
    };
    let octets = scalar("mem").map(|megabytes| (megabytes * 1024.0 * 1024.0) as u64);
    statistics.cpus_soft_limit = scalar("cpus");
    statistics.mem_limit_bytes = octets;
    statistics.mem_soft_limit_bytes = octets;
    statistics
}

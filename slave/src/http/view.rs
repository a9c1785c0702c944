//! Frameworks, executors and tasks as Mesos's legacy JSON shows them.
//!
//! Every field is written where Mesos writes it, in its order.

use mesos::container::ContainerStatus;
use mesos::discovery::{DiscoveryInfo, Label, Labels};
use mesos::framework::{FrameworkCapabilityType, FrameworkInfo};
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::task::{Task, TaskInfo, TaskStatus};
use serde::{Serialize, Serializer};
use slave_core::effect::ExecutorKind;
use slave_core::executor::Executor;
use slave_core::framework::Framework;

/// A framework, with its executors.
#[derive(Serialize)]
pub(crate) struct FrameworkView<'a> {
    id: &'a str,
    name: &'a str,
    user: &'a str,
    failover_timeout: f64,
    checkpoint: bool,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a [String]>,
    executors: Vec<ExecutorView<'a>>,
    completed_executors: Vec<ExecutorView<'a>>,
}

impl<'a> FrameworkView<'a> {
    pub fn new(framework: &'a Framework) -> Self {
        let info: &FrameworkInfo = &framework.info;
        let multi_role = info
            .capabilities
            .iter()
            .any(|capability| capability.r#type == Some(FrameworkCapabilityType::MultiRole));
        Self {
            id: framework.id.as_str(),
            name: &info.name,
            user: &info.user,
            failover_timeout: info.failover_timeout,
            checkpoint: info.checkpoint,
            hostname: info.hostname.as_deref().unwrap_or_default(),
            principal: info.principal.as_deref(),
            role: (!multi_role).then(|| info.role.as_deref().unwrap_or("*")),
            roles: multi_role.then_some(info.roles.as_slice()),
            executors: framework.executors.values().map(|one| ExecutorView::new(one)).collect(),
            completed_executors: framework
                .completed_executors
                .iter()
                .map(|one| ExecutorView::new(one))
                .collect(),
        }
    }
}

/// An executor, with its tasks.
#[derive(Serialize)]
struct ExecutorView<'a> {
    id: &'a str,
    name: &'a str,
    source: &'a str,
    container: &'a str,
    directory: String,
    #[serde(serialize_with = "summed")]
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    tasks: Vec<TaskView<'a>>,
    queued_tasks: Vec<QueuedView<'a>>,
    completed_tasks: Vec<TaskView<'a>>,
}

impl<'a> ExecutorView<'a> {
    fn new(executor: &'a Executor) -> Self {
        let info = &executor.info;
        let command = executor.kind == ExecutorKind::Command;
        let task = |task: &'a std::sync::Arc<Task>| TaskView::new(task, command);
        let terminated = executor.terminated_tasks.values();
        let allocated = executor.allocated();
        Self {
            id: executor.id.as_str(),
            name: info.name.as_deref().unwrap_or_default(),
            source: info.source.as_deref().unwrap_or_default(),
            container: &executor.container.value,
            directory: executor.directory.display().to_string(),
            resources: if executor.is_live() {
                allocated
            } else {
                info.resources.as_slice().into()
            },
            role: role(&info.resources),
            labels: info.labels.as_deref().map(list),
            r#type: info.r#type.filter(|_| !command).map(|kind| kind.as_str()),
            tasks: executor.launched_tasks.values().map(task).collect(),
            queued_tasks: executor
                .queued
                .iter()
                .flat_map(|queued| queued.tasks.iter())
                .map(|info| QueuedView::new(info, executor, command))
                .collect(),
            // Updates of these are not acknowledged yet; nothing more will happen to them.
            completed_tasks: terminated.chain(&executor.completed_tasks).map(task).collect(),
        }
    }
}

/// A task that the executor was given.
#[derive(Serialize)]
struct TaskView<'a> {
    id: &'a str,
    name: &'a str,
    framework_id: &'a str,
    /// Empty for a task without an executor of its own.
    executor_id: &'a str,
    slave_id: &'a str,
    state: &'static str,
    #[serde(serialize_with = "resources_of")]
    resources: &'a [Resource],
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    statuses: Vec<StatusView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery: Option<&'a DiscoveryInfo>,
}

impl<'a> TaskView<'a> {
    fn new(task: &'a Task, command: bool) -> Self {
        let executor = task.executor_id.as_ref().filter(|_| !command);
        Self {
            id: task.task_id.as_str(),
            name: &task.name,
            framework_id: task.framework_id.as_str(),
            executor_id: executor.map_or("", |id| id.as_str()),
            slave_id: task.agent_id.as_str(),
            state: task.state.as_str(),
            resources: &task.resources,
            role: role(&task.resources),
            statuses: task.statuses.iter().map(StatusView::new).collect(),
            labels: task.labels.as_deref().map(list),
            discovery: task.discovery.as_deref(),
        }
    }
}

/// A task that waits for its executor.
#[derive(Serialize)]
struct QueuedView<'a> {
    id: &'a str,
    name: &'a str,
    framework_id: &'a str,
    executor_id: &'a str,
    slave_id: &'a str,
    #[serde(serialize_with = "resources_of")]
    resources: &'a [Resource],
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

impl<'a> QueuedView<'a> {
    fn new(info: &'a TaskInfo, executor: &'a Executor, command: bool) -> Self {
        Self {
            id: info.task_id.as_str(),
            name: &info.name,
            framework_id: executor.framework_id.as_str(),
            executor_id: if command { "" } else { executor.id.as_str() },
            slave_id: info.agent_id.as_str(),
            resources: &info.resources,
            role: role(&info.resources),
        }
    }
}

#[derive(Serialize)]
struct StatusView<'a> {
    state: &'static str,
    timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_status: Option<ContainerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy: Option<bool>,
}

impl<'a> StatusView<'a> {
    fn new(status: &'a TaskStatus) -> Self {
        // v0 leaves the process id out.
        let without_pid =
            |status: &ContainerStatus| ContainerStatus { executor_pid: None, ..status.clone() };
        Self {
            state: status.state.as_str(),
            timestamp: status.timestamp.unwrap_or_default(),
            labels: status.labels.as_deref().map(list),
            container_status: status.container_status.as_deref().map(without_pid),
            healthy: status.healthy,
        }
    }
}

/// The role that resources are allocated to.
fn role(resources: &[Resource]) -> Option<&str> {
    resources.iter().find_map(|one| one.allocation_info.as_ref()?.role.as_deref())
}

fn list(labels: &Labels) -> &[Label] {
    &labels.labels
}

fn summed<S: Serializer>(resources: &Resources, to: S) -> Result<S::Ok, S::Error> {
    resources.to_v0_object().serialize(to)
}

fn resources_of<S: Serializer>(list: &&[Resource], to: S) -> Result<S::Ok, S::Error> {
    summed(&Resources::from(*list), to)
}

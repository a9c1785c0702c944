//! A task, and an executor, as v0 shows them.

use std::collections::BTreeMap;

use mesos::check::HealthCheck;
use mesos::container::{ContainerInfo, ContainerStatus};
use mesos::discovery::{DiscoveryInfo, Labels};
use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::ids::AgentId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::task::{Task, TaskStatus};
use mesos::value::Scalar;
use serde::{Serialize, Serializer};

/// A task.
#[derive(Serialize)]
pub struct TaskView<'a> {
    id: &'a str,
    name: &'a str,
    framework_id: &'a str,
    /// Empty for a task without an executor of its own (`wire.md` 18).
    executor_id: &'a str,
    slave_id: &'a str,
    state: &'static str,
    #[serde(serialize_with = "super::resources")]
    resources: Resources,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    limits: &'a BTreeMap<String, Scalar>,
    role: &'a str,
    #[serde(serialize_with = "statuses")]
    statuses: &'a [TaskStatus],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [mesos::discovery::Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery: Option<&'a DiscoveryInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a ContainerInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<&'a HealthCheck>,
}

impl<'a> TaskView<'a> {
    /// A task as v0 shows it.
    pub fn new(task: &'a Task) -> Self {
        Self {
            id: task.task_id.as_str(),
            name: &task.name,
            framework_id: task.framework_id.as_str(),
            executor_id: task.executor_id.as_ref().map_or("", |id| id.as_str()),
            slave_id: task.agent_id.as_str(),
            state: task.state.as_str(),
            resources: task.resources.iter().cloned().collect(),
            limits: &task.limits,
            role: role(&task.resources),
            statuses: &task.statuses,
            user: task.user.as_deref(),
            labels: task.labels.as_deref().map(list),
            discovery: task.discovery.as_deref(),
            container: task.container.as_deref(),
            health_check: task.health_check.as_deref(),
        }
    }
}

/// The role that resources are allocated to.
fn role(resources: &[Resource]) -> &str {
    let allocation = resources.iter().find_map(|resource| resource.allocation_info.as_ref());
    allocation.and_then(|allocation| allocation.role.as_deref()).unwrap_or("*")
}

fn list(labels: &Labels) -> &[mesos::discovery::Label] {
    &labels.labels
}

fn statuses<S: Serializer>(statuses: &[TaskStatus], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(statuses.iter().map(StatusView::new))
}

#[derive(Serialize)]
struct StatusView<'a> {
    state: &'static str,
    timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [mesos::discovery::Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_status: Option<ContainerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy: Option<bool>,
}

impl<'a> StatusView<'a> {
    fn new(status: &'a TaskStatus) -> Self {
        // The process id is of no use away from its agent, and v0 leaves it out.
        let without_pid = |status: &ContainerStatus| {
            let mut status = status.clone();
            status.executor_pid = None;
            status
        };
        Self {
            state: status.state.as_str(),
            timestamp: status.timestamp.unwrap_or(0.0),
            labels: status.labels.as_deref().map(list),
            container_status: status.container_status.as_deref().map(without_pid),
            healthy: status.healthy,
        }
    }
}

/// An executor on an agent.
#[derive(Serialize)]
pub struct ExecutorView<'a> {
    executor_id: &'a str,
    name: &'a str,
    framework_id: &'a str,
    command: CommandView<'a>,
    #[serde(serialize_with = "super::resources")]
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [mesos::discovery::Label]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    slave_id: &'a str,
}

impl<'a> ExecutorView<'a> {
    /// An executor as v0 shows it.
    pub fn new(executor: &'a ExecutorInfo, agent: &'a AgentId) -> Self {
        Self {
            executor_id: executor.executor_id.as_str(),
            name: executor.name.as_deref().unwrap_or_default(),
            framework_id: executor.framework_id.as_ref().map_or("", |id| id.as_str()),
            command: CommandView::new(executor.command.as_deref()),
            resources: executor.resources.iter().cloned().collect(),
            role: (!executor.resources.is_empty()).then(|| role(&executor.resources)),
            labels: executor.labels.as_deref().map(list),
            r#type: executor.r#type.map(|kind| kind.as_str()),
            slave_id: agent.as_str(),
        }
    }
}

#[derive(Serialize)]
struct CommandView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    argv: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a mesos::executor_info::Environment>,
    uris: Vec<UriView<'a>>,
}

#[derive(Serialize)]
struct UriView<'a> {
    value: &'a str,
    executable: bool,
}

impl<'a> CommandView<'a> {
    fn new(command: Option<&'a CommandInfo>) -> Self {
        let uri = |uri: &'a mesos::executor_info::Uri| UriView {
            value: &uri.value,
            executable: uri.executable.unwrap_or(false),
        };
        Self {
            // Mesos shows it only where it was given; the default need not be.
            shell: command.and_then(|command| (!command.shell).then_some(false)),
            value: command.and_then(|command| command.value.as_deref()),
            argv: command.map_or(&[], |command| &command.arguments),
            environment: command.and_then(|command| command.environment.as_ref()),
            uris: command.map_or(&[][..], |command| &command.uris).iter().map(uri).collect(),
        }
    }
}

//! Tasks as a framework describes them, before an agent and its resources are chosen.

use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::container::ContainerInfo;
use mesos::discovery::{Label, Labels};
use mesos::executor_info::{CommandInfo, Environment, EnvironmentVariable, ExecutorInfo, Uri};
use mesos::ids::{AgentId, TaskId};
use mesos::resource::Resource;
use mesos::task::{KillPolicy, TaskInfo};
use mesos::time::DurationInfo;

use crate::room;

/// A task and the quantities that it needs.
///
/// ```
/// # use mesos_framework::Task;
/// let task = Task::shell("greet-1", "echo hello").cpus(0.1).mem(32.0);
/// assert_eq!(task.info().name, "greet-1");
/// ```
#[derive(Debug, Clone)]
pub struct Task {
    pub(crate) info: TaskInfo,
    /// Name and quantity of each scalar resource.
    pub(crate) scalars: Vec<(String, f64)>,
    /// How many ports, whichever.
    pub(crate) ports: usize,
}

impl Task {
    /// A task that runs `command` with `sh -c`.
    pub fn shell(id: impl Into<TaskId>, command: impl Into<String>) -> Self {
        let command = CommandInfo { value: Some(command.into()), ..CommandInfo::default() };
        Self::new(id).with_command(command)
    }

    /// A task that runs the program `argv[0]` with `argv` as its arguments, without a shell.
    pub fn command<T: Into<String>>(
        id: impl Into<TaskId>,
        argv: impl IntoIterator<Item = T>,
    ) -> Self {
        let arguments: Vec<String> = argv.into_iter().map(Into::into).collect();
        let value = arguments.first().cloned();
        let command = CommandInfo { shell: false, value, arguments, ..CommandInfo::default() };
        Self::new(id).with_command(command)
    }

    /// A task for an executor of the framework's own; tasks with equal executors share one.
    pub fn with_executor(id: impl Into<TaskId>, executor: ExecutorInfo) -> Self {
        let mut task = Self::new(id);
        task.info.executor = Some(Box::new(executor));
        task
    }

    fn new(id: impl Into<TaskId>) -> Self {
        let id = id.into();
        let name = id.as_str().to_owned();
        let info = TaskInfo { task_id: id, name, ..TaskInfo::default() };
        Self { info, scalars: Vec::new(), ports: 0 }
    }

    fn with_command(mut self, command: CommandInfo) -> Self {
        self.info.command = Some(Box::new(command));
        self
    }

    fn command_mut(&mut self) -> &mut CommandInfo {
        self.info.command.get_or_insert_with(|| Box::new(CommandInfo::default()))
    }

    /// A name for people; the id unless said otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.info.name = name.into();
        self
    }

    /// Processors, whole or in part.
    pub fn cpus(self, cpus: f64) -> Self {
        self.scalar("cpus", cpus)
    }

    /// Memory in megabytes.
    pub fn mem(self, megabytes: f64) -> Self {
        self.scalar("mem", megabytes)
    }

    /// Disk in megabytes.
    pub fn disk(self, megabytes: f64) -> Self {
        self.scalar("disk", megabytes)
    }

    /// Whole GPUs.
    pub fn gpus(self, gpus: u32) -> Self {
        self.scalar("gpus", f64::from(gpus))
    }

    /// A quantity of a scalar resource of any name; it replaces an earlier one of that name.
    pub fn scalar(mut self, name: impl Into<String>, quantity: f64) -> Self {
        let name = name.into();
        self.scalars.retain(|(have, _)| *have != name);
        self.scalars.push((name, quantity));
        self
    }

    /// This many ports, whichever the offer has; the task finds them in its resources and, as
    /// `PORT0`, `PORT1` and so on, in its environment.
    pub fn ports(mut self, count: usize) -> Self {
        self.ports = count;
        self
    }

    /// Adds a variable to the environment of the command.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let variable = EnvironmentVariable {
            name: name.into(),
            value: Some(value.into()),
            ..EnvironmentVariable::default()
        };
        let command = self.command_mut();
        command.environment.get_or_insert_with(Environment::default).variables.push(variable);
        self
    }

    /// Adds a file that is fetched into the sandbox before the command starts.
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.command_mut().uris.push(Uri { value: uri.into(), ..Uri::default() });
        self
    }

    /// The user under whose name the command runs.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.command_mut().user = Some(user.into());
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = self.info.labels.get_or_insert_with(|| Box::new(Labels::default()));
        labels.labels.push(Label { key: key.into(), value: Some(value.into()) });
        self
    }

    /// Octets for the executor.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.info.data = Some(data.into());
        self
    }

    /// The container in which the task runs.
    pub fn container(mut self, container: ContainerInfo) -> Self {
        self.info.container = Some(Box::new(container));
        self
    }

    /// How long a task that is killed has between SIGTERM and SIGKILL.
    pub fn kill_grace(mut self, span: Duration) -> Self {
        self.info.kill_policy = Some(KillPolicy { grace_period: Some(DurationInfo::from(span)) });
        self
    }

    /// How long the task may run.
    pub fn max_completion_time(mut self, span: Duration) -> Self {
        self.info.max_completion_time = Some(DurationInfo::from(span));
        self
    }

    /// Changes whatever has no method here.
    pub fn change(mut self, change: impl FnOnce(&mut TaskInfo)) -> Self {
        change(&mut self.info);
        self
    }

    /// The task as described so far, without agent and resources.
    pub fn info(&self) -> &TaskInfo {
        &self.info
    }

    /// The task on an agent, with unreserved resources. [`Room`](crate::Room) is the better way
    /// when reservations or ports matter, or when several tasks share an offer.
    pub fn on(&self, agent: &AgentId) -> TaskInfo {
        let resources =
            self.scalars.iter().map(|(name, quantity)| room::scalar(name, *quantity)).collect();
        self.with(agent, resources)
    }

    pub(crate) fn with(&self, agent: &AgentId, resources: Vec<Resource>) -> TaskInfo {
        TaskInfo { agent_id: agent.clone(), resources, ..self.info.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_command_on_an_agent() {
        let task = Task::shell("t", "true").cpus(1.0).cpus(0.5).mem(32.0).env("A", "b");
        let info = task.on(&AgentId::new("a"));
        assert_eq!(info.agent_id.as_str(), "a");
        assert_eq!(info.resources.len(), 2);
        let command = info.command.expect("a command");
        assert!(command.shell);
        assert_eq!(command.value.as_deref(), Some("true"));
        assert_eq!(command.environment.expect("an environment").variables[0].name, "A");
    }

    #[test]
    fn a_command_without_a_shell() {
        let info = Task::command("t", ["ls", "-l"]).name("list").on(&AgentId::new("a"));
        let command = info.command.expect("a command");
        assert!(!command.shell);
        assert_eq!(command.value.as_deref(), Some("ls"));
        assert_eq!(command.arguments, ["ls", "-l"]);
        assert_eq!(info.name, "list");
    }
}

//! Tasks: what is asked for, what is known, what happened.

use std::collections::BTreeMap;

use crate::bytes::Bytes;
use crate::check::{CheckInfo, CheckStatusInfo, HealthCheck};
use crate::container::{ContainerInfo, ContainerStatus};
use crate::discovery::{DiscoveryInfo, Labels};
use crate::executor_info::{CommandInfo, ExecutorInfo};
use crate::ids::{AgentId, ExecutorId, FrameworkId, TaskId};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::time::{DurationInfo, TimeInfo};
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// How long a task may take to end before it is killed.
    pub struct KillPolicy("KillPolicy") {
        grace_period: Option<DurationInfo>,
    }

    /// A task, as its framework describes it.
    pub struct TaskInfo("TaskInfo") {
        name: String,
        task_id: TaskId,
        agent_id: AgentId,
        resources: Vec<Resource>,
        executor: Option<Box<ExecutorInfo>>,
        command: Option<Box<CommandInfo>>,
        container: Option<Box<ContainerInfo>>,
        health_check: Option<Box<HealthCheck>>,
        check: Option<Box<CheckInfo>>,
        kill_policy: Option<KillPolicy>,
        data: Option<Bytes>,
        labels: Option<Box<Labels>>,
        discovery: Option<Box<DiscoveryInfo>>,
        max_completion_time: Option<DurationInfo>,
        limits: BTreeMap<String, Scalar>,
    }

    /// Tasks that are launched together or not at all.
    pub struct TaskGroupInfo("TaskGroupInfo") {
        tasks: Vec<TaskInfo>,
    }

    /// A task with all that is known of it.
    pub struct Task("Task") {
        name: String,
        task_id: TaskId,
        framework_id: FrameworkId,
        executor_id: Option<ExecutorId>,
        agent_id: AgentId,
        state: TaskState,
        resources: Vec<Resource>,
        statuses: Vec<TaskStatus>,
        status_update_state: Option<TaskState>,
        status_update_uuid: Option<Bytes>,
        labels: Option<Box<Labels>>,
        discovery: Option<Box<DiscoveryInfo>>,
        container: Option<Box<ContainerInfo>>,
        health_check: Option<Box<HealthCheck>>,
        kill_policy: Option<KillPolicy>,
        user: Option<String>,
        limits: BTreeMap<String, Scalar>,
    }

    /// The limits that a task ran into.
    pub struct TaskResourceLimitation("TaskResourceLimitation") {
        resources: Vec<Resource>,
    }

    /// What happened to a task. `timestamp` is in seconds since the Unix epoch; `uuid` is present
    /// if the status is to be acknowledged.
    pub struct TaskStatus("TaskStatus") {
        task_id: TaskId,
        state: TaskState,
        message: Option<String>,
        source: Option<StatusSource>,
        reason: Option<Reason>,
        data: Option<Bytes>,
        agent_id: Option<AgentId>,
        executor_id: Option<ExecutorId>,
        timestamp: Option<f64>,
        uuid: Option<Bytes>,
        healthy: Option<bool>,
        check_status: Option<Box<CheckStatusInfo>>,
        labels: Option<Box<Labels>>,
        container_status: Option<Box<ContainerStatus>>,
        unreachable_time: Option<TimeInfo>,
        limitation: Option<TaskResourceLimitation>,
    }
}

wire_enum! {
    /// The state of a task.
    pub enum TaskState {
        Staging = "TASK_STAGING" (6),
        Starting = "TASK_STARTING" (0),
        Running = "TASK_RUNNING" (1),
        Killing = "TASK_KILLING" (8),
        Finished = "TASK_FINISHED" (2),
        Failed = "TASK_FAILED" (3),
        Killed = "TASK_KILLED" (4),
        Error = "TASK_ERROR" (7),
        Lost = "TASK_LOST" (5),
        Dropped = "TASK_DROPPED" (9),
        Unreachable = "TASK_UNREACHABLE" (10),
        Gone = "TASK_GONE" (11),
        GoneByOperator = "TASK_GONE_BY_OPERATOR" (12),
        Unknown = "TASK_UNKNOWN" (13),
    }

    /// Who made a status.
    pub enum StatusSource {
        Master = "SOURCE_MASTER" (0),
        Agent = "SOURCE_AGENT" (1),
        Executor = "SOURCE_EXECUTOR" (2),
    }

    /// Why a task is in its state.
    pub enum Reason {
        CommandExecutorFailed = "REASON_COMMAND_EXECUTOR_FAILED" (0),
        ContainerLaunchFailed = "REASON_CONTAINER_LAUNCH_FAILED" (21),
        ContainerLimitation = "REASON_CONTAINER_LIMITATION" (19),
        ContainerLimitationDisk = "REASON_CONTAINER_LIMITATION_DISK" (20),
        ContainerLimitationMemory = "REASON_CONTAINER_LIMITATION_MEMORY" (8),
        ContainerPreempted = "REASON_CONTAINER_PREEMPTED" (17),
        ContainerUpdateFailed = "REASON_CONTAINER_UPDATE_FAILED" (22),
        MaxCompletionTimeReached = "REASON_MAX_COMPLETION_TIME_REACHED" (33),
        ExecutorRegistrationTimeout = "REASON_EXECUTOR_REGISTRATION_TIMEOUT" (23),
        ExecutorReregistrationTimeout = "REASON_EXECUTOR_REREGISTRATION_TIMEOUT" (24),
        ExecutorTerminated = "REASON_EXECUTOR_TERMINATED" (1),
        ExecutorUnregistered = "REASON_EXECUTOR_UNREGISTERED" (2),
        FrameworkRemoved = "REASON_FRAMEWORK_REMOVED" (3),
        GcError = "REASON_GC_ERROR" (4),
        InvalidFrameworkid = "REASON_INVALID_FRAMEWORKID" (5),
        InvalidOffers = "REASON_INVALID_OFFERS" (6),
        IoSwitchboardExited = "REASON_IO_SWITCHBOARD_EXITED" (27),
        MasterDisconnected = "REASON_MASTER_DISCONNECTED" (7),
        Reconciliation = "REASON_RECONCILIATION" (9),
        ResourcesUnknown = "REASON_RESOURCES_UNKNOWN" (18),
        AgentDisconnected = "REASON_AGENT_DISCONNECTED" (10),
        AgentDraining = "REASON_AGENT_DRAINING" (34),
        AgentRemoved = "REASON_AGENT_REMOVED" (11),
        AgentRemovedByOperator = "REASON_AGENT_REMOVED_BY_OPERATOR" (31),
        AgentReregistered = "REASON_AGENT_REREGISTERED" (32),
        AgentRestarted = "REASON_AGENT_RESTARTED" (12),
        AgentUnknown = "REASON_AGENT_UNKNOWN" (13),
        TaskKilledDuringLaunch = "REASON_TASK_KILLED_DURING_LAUNCH" (30),
        TaskCheckStatusUpdated = "REASON_TASK_CHECK_STATUS_UPDATED" (28),
        TaskHealthCheckStatusUpdated = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED" (29),
        TaskGroupInvalid = "REASON_TASK_GROUP_INVALID" (25),
        TaskGroupUnauthorized = "REASON_TASK_GROUP_UNAUTHORIZED" (26),
        TaskInvalid = "REASON_TASK_INVALID" (14),
        TaskUnauthorized = "REASON_TASK_UNAUTHORIZED" (15),
        TaskUnknown = "REASON_TASK_UNKNOWN" (16),
    }
}

impl TaskState {
    /// Whether nothing follows: the task's resources are free, and its executor need not be asked.
    ///
    /// `TASK_UNREACHABLE` and `TASK_UNKNOWN` are not: the task may come back.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Finished
            | Self::Failed
            | Self::Killed
            | Self::Error
            | Self::Lost
            | Self::Dropped
            | Self::Gone
            | Self::GoneByOperator => true,
            Self::Staging
            | Self::Starting
            | Self::Running
            | Self::Killing
            | Self::Unreachable
            | Self::Unknown => false,
        }
    }
}

impl TaskInfo {
    /// What the task itself uses; its executor's resources are not in it.
    pub fn resources(&self) -> Resources {
        Resources::from(&self.resources)
    }

    /// What the task and the executor that it names use together.
    pub fn total_resources(&self) -> Resources {
        let executor = self.executor.as_ref().map(|executor| executor.resources());
        self.resources() + executor.unwrap_or_default()
    }

    /// The user that the task asks to run as.
    pub fn user(&self) -> Option<&str> {
        let executor = self.executor.as_ref().and_then(|executor| executor.command.as_ref());
        self.command.as_ref().or(executor)?.user.as_deref()
    }
}

impl Task {
    /// What a master or an agent keeps of a task that is being launched.
    pub fn new(info: &TaskInfo, framework_id: &FrameworkId, state: TaskState) -> Self {
        Self {
            name: info.name.clone(),
            task_id: info.task_id.clone(),
            framework_id: framework_id.clone(),
            executor_id: info.executor.as_ref().map(|executor| executor.executor_id.clone()),
            agent_id: info.agent_id.clone(),
            state,
            resources: info.resources.clone(),
            labels: info.labels.clone(),
            discovery: info.discovery.clone(),
            container: info.container.clone(),
            health_check: info.health_check.clone(),
            kill_policy: info.kill_policy.clone(),
            user: info.user().map(str::to_owned),
            limits: info.limits.clone(),
            ..Self::default()
        }
    }

    /// What the task uses.
    pub fn resources(&self) -> Resources {
        Resources::from(&self.resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn a_task_is_made_of_its_description() {
        let info: TaskInfo = json::from_slice(
            br#"{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"a"},
                "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}],
                "executor":{"executor_id":{"value":"e"},"command":{"value":"x","user":"nobody"},
                    "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]},
                "labels":{"labels":[{"key":"k"}]},"limits":{"cpus":{"value":2}},
                "kill_policy":{"grace_period":{"nanoseconds":5}}}"#,
            "TaskInfo",
        )
        .unwrap();
        let task = Task::new(&info, &FrameworkId::new("f"), TaskState::Staging);
        assert_eq!(task.framework_id.as_str(), "f");
        assert_eq!(task.executor_id, Some(ExecutorId::new("e")));
        assert_eq!(task.user.as_deref(), Some("nobody"));
        assert_eq!(task.state, TaskState::Staging);
        assert_eq!(
            (task.resources().cpus(), info.total_resources().cpus()),
            (Some(1.0), Some(1.5))
        );
        assert_eq!((&task.labels, &task.kill_policy), (&info.labels, &info.kill_policy));
        assert_eq!(task.limits, info.limits);
        assert!(task.statuses.is_empty() && task.status_update_state.is_none());
    }

    #[test]
    fn a_lost_task_is_over_and_an_unreachable_one_is_not() {
        let open: Vec<TaskState> =
            TaskState::ALL.iter().copied().filter(|state| !state.is_terminal()).collect();
        use TaskState::*;
        assert_eq!(open, [Staging, Starting, Running, Killing, Unreachable, Unknown]);
    }
}

//! Messages between masters, agents and executors.
//!
//! They are Mesos's internal messages (spec `endpoints.txt` §9) with v1 names, carried as
//! MessagePack. Each direction is one enum, so that a receiver handles every message or none.
//!
//! Two adjacent releases must understand each other: fields are only ever added, with a default.

use serde::{Deserialize, Serialize};

use crate::agent::{AgentCapability, AgentInfo, DrainConfig};
use crate::bytes::Bytes;
use crate::executor_info::ExecutorInfo;
use crate::framework::FrameworkInfo;
use crate::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, ResourceProviderId, TaskId};
use crate::message;
use crate::operation::{OfferOperation, Operation, OperationStatus, Uuid};
use crate::resource::Resource;
use crate::task::{KillPolicy, Task, TaskGroupInfo, TaskInfo, TaskState, TaskStatus};

message! {
    /// What became of a task, on its way from an executor or an agent to the framework.
    ///
    /// `uuid` is absent on updates that nobody acknowledges (row SU-09).
    pub struct StatusUpdate("StatusUpdate") {
        framework_id: FrameworkId,
        executor_id: Option<ExecutorId>,
        agent_id: Option<AgentId>,
        status: TaskStatus,
        timestamp: f64,
        uuid: Option<Bytes>,
        latest_state: Option<TaskState>,
    }

    /// An agent without an id asks to be admitted (row AG-01).
    pub struct RegisterAgent("RegisterAgent") {
        agent: AgentInfo,
        checkpointed_resources: Vec<Resource>,
        version: String,
        agent_capabilities: Vec<AgentCapability>,
        resource_version_uuid: Option<Uuid>,
    }

    /// An agent with an id comes back with everything that it runs (row AG-02).
    pub struct ReregisterAgent("ReregisterAgent") {
        agent: AgentInfo,
        checkpointed_resources: Vec<Resource>,
        executor_infos: Vec<ExecutorInfo>,
        tasks: Vec<Task>,
        frameworks: Vec<FrameworkInfo>,
        completed_frameworks: Vec<ArchivedFramework>,
        version: String,
        agent_capabilities: Vec<AgentCapability>,
        resource_version_uuid: Option<Uuid>,
    }

    /// A framework that is over, with what the agent remembers of it.
    pub struct ArchivedFramework("Framework") {
        framework_info: FrameworkInfo,
        tasks: Vec<Task>,
    }

    /// An agent leaves for good (row AG-10).
    pub struct UnregisterAgent("UnregisterAgent") {
        agent_id: AgentId,
    }

    /// An executor is no more; `status` is its wait status (row AG-19).
    pub struct ExitedExecutor("ExitedExecutor") {
        agent_id: AgentId,
        framework_id: FrameworkId,
        executor_id: ExecutorId,
        status: i32,
    }

    /// Octets from an executor to its framework: best effort (row SL-18).
    pub struct ExecutorToFramework("ExecutorToFramework") {
        agent_id: AgentId,
        framework_id: FrameworkId,
        executor_id: ExecutorId,
        data: Bytes,
    }

    /// Octets from a framework to an executor: best effort (row SL-18).
    pub struct FrameworkToExecutor("FrameworkToExecutor") {
        agent_id: AgentId,
        framework_id: FrameworkId,
        executor_id: ExecutorId,
        data: Bytes,
    }

    /// An agent's totals, oversubscribed resources or operations have changed (row AG-15).
    pub struct UpdateAgent("UpdateAgent") {
        agent_id: AgentId,
        update_oversubscribed_resources: Option<bool>,
        oversubscribed_resources: Vec<Resource>,
        operations: Vec<Operation>,
        resource_version_uuid: Option<Uuid>,
    }

    /// What became of an operation.
    pub struct UpdateOperationStatus("UpdateOperationStatus") {
        framework_id: Option<FrameworkId>,
        agent_id: Option<AgentId>,
        status: OperationStatus,
        latest_status: Option<OperationStatus>,
        operation_uuid: Option<Uuid>,
    }

    /// The agent is alive (row AG-04).
    pub struct PongAgent("PongAgent") {}

    /// How long an agent may miss pings before it must look for a master again (row AG-05).
    pub struct MasterAgentConnection("MasterAgentConnection") {
        total_ping_timeout_seconds: Option<f64>,
    }

    /// The agent is admitted under this id.
    pub struct AgentRegistered("AgentRegistered") {
        agent_id: AgentId,
        connection: Option<MasterAgentConnection>,
    }

    /// The agent is back; it must account for the tasks that are listed (row AG-22).
    pub struct AgentReregistered("AgentReregistered") {
        agent_id: AgentId,
        reconciliations: Vec<ReconcileTasks>,
        connection: Option<MasterAgentConnection>,
    }

    /// Tasks of one framework that the master believes to be on the agent.
    pub struct ReconcileTasks("ReconcileTasks") {
        framework_id: FrameworkId,
        statuses: Vec<TaskStatus>,
        framework: Option<FrameworkInfo>,
    }

    /// The version of a resource set that an operation was made for.
    pub struct ResourceVersionUuid("ResourceVersionUUID") {
        resource_provider_id: Option<ResourceProviderId>,
        uuid: Uuid,
    }

    /// Launch a task. `launch_executor` says whether the master holds a new executor to be needed
    /// (row SL-13).
    pub struct RunTask("RunTask") {
        framework: FrameworkInfo,
        task: TaskInfo,
        resource_version_uuids: Vec<ResourceVersionUuid>,
        launch_executor: Option<bool>,
    }

    /// Launch the tasks of a group together.
    pub struct RunTaskGroup("RunTaskGroup") {
        framework: FrameworkInfo,
        executor: ExecutorInfo,
        task_group: TaskGroupInfo,
        resource_version_uuids: Vec<ResourceVersionUuid>,
        launch_executor: Option<bool>,
    }

    /// Kill a task (row SC-12).
    pub struct KillTask("KillTask") {
        framework_id: FrameworkId,
        task_id: TaskId,
        kill_policy: Option<KillPolicy>,
    }

    /// The framework has taken note of an update (row SU-04).
    pub struct StatusUpdateAcknowledgement("StatusUpdateAcknowledgement") {
        agent_id: AgentId,
        framework_id: FrameworkId,
        task_id: TaskId,
        uuid: Bytes,
    }

    /// Kill all executors of a framework (row SL-19).
    pub struct ShutdownFramework("ShutdownFramework") {
        framework_id: FrameworkId,
    }

    /// Shut an executor down; both ids are absent where the receiver is the executor.
    pub struct ShutdownExecutor("ShutdownExecutor") {
        executor_id: Option<ExecutorId>,
        framework_id: Option<FrameworkId>,
    }

    /// A framework's description has changed (row FW-17).
    pub struct UpdateFramework("UpdateFramework") {
        framework_id: FrameworkId,
        framework_info: Option<FrameworkInfo>,
    }

    /// Sign of life. `connected` is whether the master counts the agent as registered (row AG-04).
    pub struct PingAgent("PingAgent") {
        connected: bool,
    }

    /// Kill everything and leave (row SL-08).
    pub struct ShutdownAgent("ShutdownAgent") {
        message: Option<String>,
    }

    /// Carry out an operation on the agent's resources.
    pub struct ApplyOperation("ApplyOperation") {
        framework_id: Option<FrameworkId>,
        operation_info: OfferOperation,
        operation_uuid: Uuid,
        resource_version_uuid: ResourceVersionUuid,
    }

    /// The framework or operator has taken note of an operation's status.
    pub struct AcknowledgeOperationStatus("AcknowledgeOperationStatus") {
        status_uuid: Uuid,
        operation_uuid: Uuid,
        resource_provider_id: Option<ResourceProviderId>,
    }

    /// Drain the agent (row AG-13).
    pub struct DrainAgent("DrainAgent") {
        config: DrainConfig,
    }

    /// An executor that the agent has launched reports for work.
    pub struct RegisterExecutor("RegisterExecutor") {
        framework_id: FrameworkId,
        executor_id: ExecutorId,
    }

    /// An executor comes back to a restarted agent with what it has not heard of (row RC-03).
    pub struct ReregisterExecutor("ReregisterExecutor") {
        executor_id: ExecutorId,
        framework_id: FrameworkId,
        tasks: Vec<TaskInfo>,
        updates: Vec<StatusUpdate>,
    }

    /// The executor is known and may be given tasks.
    pub struct ExecutorRegistered("ExecutorRegistered") {
        executor_info: ExecutorInfo,
        framework_id: FrameworkId,
        framework_info: FrameworkInfo,
        agent_id: AgentId,
        agent_info: AgentInfo,
        container_id: Option<ContainerId>,
    }

    /// The executor is known again.
    pub struct ExecutorReregistered("ExecutorReregistered") {
        agent_id: AgentId,
        agent_info: AgentInfo,
    }

    /// A restarted agent asks its executors to come back.
    pub struct ReconnectExecutor("ReconnectExecutor") {
        agent_id: AgentId,
    }
}

/// Defines one direction of a conversation: an enum of messages with their names on the wire.
macro_rules! direction {
    ($(#[$meta:meta])* $name:ident { $($message:ident),* $(,)? }) => {
        $(#[$meta])*
        // The large variants are the frequent ones; boxing them would cost where it counts.
        #[allow(missing_docs, clippy::large_enum_variant)]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum $name {
            $($message($message),)*
        }

        impl $name {
            /// The names of all messages of this direction.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($message)),*];

            /// The name of this message.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$message(_) => stringify!($message),)*
                }
            }
        }

        $(impl From<$message> for $name {
            fn from(message: $message) -> Self {
                Self::$message(message)
            }
        })*
    };
}

direction! {
    /// What agents tell the master.
    AgentToMaster {
        RegisterAgent, ReregisterAgent, UnregisterAgent, StatusUpdate, ExitedExecutor,
        ExecutorToFramework, UpdateAgent, UpdateOperationStatus, PongAgent,
    }
}

direction! {
    /// What the master tells agents.
    MasterToAgent {
        AgentRegistered, AgentReregistered, RunTask, RunTaskGroup, KillTask,
        StatusUpdateAcknowledgement, ShutdownFramework, ShutdownExecutor, UpdateFramework,
        FrameworkToExecutor, PingAgent, ShutdownAgent, ApplyOperation,
        AcknowledgeOperationStatus, DrainAgent,
    }
}

direction! {
    /// What executors tell their agent.
    ExecutorToAgent {
        RegisterExecutor, ReregisterExecutor, StatusUpdate, ExecutorToFramework,
    }
}

direction! {
    /// What agents tell their executors.
    AgentToExecutor {
        ExecutorRegistered, ExecutorReregistered, ReconnectExecutor, RunTask, RunTaskGroup,
        KillTask, StatusUpdateAcknowledgement, FrameworkToExecutor, ShutdownExecutor,
    }
}

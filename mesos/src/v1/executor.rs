//! The executor API: `POST /api/v1/executor` on the agent (rows XA-03 to XA-06).

use crate::agent::AgentInfo;
use crate::bytes::Bytes;
use crate::executor_info::ExecutorInfo;
use crate::framework::FrameworkInfo;
use crate::ids::{ContainerId, ExecutorId, FrameworkId, TaskId};

use crate::task::{KillPolicy, TaskGroupInfo, TaskInfo, TaskStatus};
use crate::{message, wire_enum};

message! {
    /// The body of `SUBSCRIBE`.
    pub struct Subscribe("Subscribe") {
        unacknowledged_tasks: Vec<TaskInfo>,
        unacknowledged_updates: Vec<Update>,
    }

    /// The body of `UPDATE`.
    pub struct Update("Update") {
        status: TaskStatus,
    }

    /// The body of `MESSAGE`.
    pub struct MessageCall("MessageCall") {
        data: Bytes,
    }

    /// What an executor asks of its agent.
    pub struct Call("Call") {
        executor_id: ExecutorId,
        framework_id: FrameworkId,
        r#type: Option<CallType>,
        subscribe: Option<Subscribe>,
        update: Option<Update>,
        message: Option<MessageCall>,
    }

    /// The body of `SUBSCRIBED`.
    pub struct SubscribedEvent("SubscribedEvent") {
        executor_info: ExecutorInfo,
        framework_info: FrameworkInfo,
        agent_info: AgentInfo,
        container_id: Option<ContainerId>,
    }

    /// The body of `LAUNCH`.
    pub struct LaunchEvent("LaunchEvent") {
        task: TaskInfo,
    }

    /// The body of `LAUNCH_GROUP`.
    pub struct LaunchGroupEvent("LaunchGroupEvent") {
        task_group: TaskGroupInfo,
    }

    /// The body of `KILL`.
    pub struct KillEvent("KillEvent") {
        task_id: TaskId,
        kill_policy: Option<KillPolicy>,
    }

    /// The body of `ACKNOWLEDGED`.
    pub struct Acknowledged("Acknowledged") {
        task_id: TaskId,
        uuid: Bytes,
    }

    /// The body of `MESSAGE`.
    pub struct MessageEvent("MessageEvent") {
        data: Bytes,
    }

    /// The body of `ERROR`.
    pub struct Error("Error") {
        message: String,
    }

    /// What an agent tells an executor.
    pub struct Event("Event") {
        r#type: Option<EventType>,
        subscribed: Option<SubscribedEvent>,
        launch: Option<LaunchEvent>,
        launch_group: Option<LaunchGroupEvent>,
        kill: Option<KillEvent>,
        acknowledged: Option<Acknowledged>,
        message: Option<MessageEvent>,
        error: Option<Error>,
    }
}

wire_enum! {
    /// What a [`Call`] is.
    pub enum CallType {
        Unknown = "UNKNOWN" (0),
        Subscribe = "SUBSCRIBE" (1),
        Update = "UPDATE" (2),
        Message = "MESSAGE" (3),
        Heartbeat = "HEARTBEAT" (4),
    }

    /// What a [`Event`] is.
    pub enum EventType {
        Unknown = "UNKNOWN" (0),
        Subscribed = "SUBSCRIBED" (1),
        Launch = "LAUNCH" (2),
        LaunchGroup = "LAUNCH_GROUP" (8),
        Kill = "KILL" (3),
        Acknowledged = "ACKNOWLEDGED" (4),
        Message = "MESSAGE" (5),
        Error = "ERROR" (6),
        Shutdown = "SHUTDOWN" (7),
        Heartbeat = "HEARTBEAT" (9),
    }
}

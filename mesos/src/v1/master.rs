//! The operator API of the master: `POST /api/v1` (row OI-06).

use crate::agent::{AgentCapability, AgentInfo, DrainInfo, MachineId};
use crate::bytes::Bytes;
use crate::driver::FileInfo;
use crate::executor_info::ExecutorInfo;
use crate::framework::{FrameworkInfo, OfferConstraints};
use crate::ids::{AgentId, FrameworkId};
use crate::maintenance::{ClusterStatus, Schedule};
use crate::master_info::{Flag, MasterInfo, Metric, Role, VersionInfo, WeightInfo};
use crate::offer::{InverseOffer, Offer};
use crate::operation::Operation;
use crate::provider::ResourceProviderInfo;
use crate::quota::{QuotaConfig, QuotaRequest, QuotaStatus};
use crate::resource::Resource;
use crate::task::{Task, TaskState, TaskStatus};
use crate::time::{DurationInfo, ProtoDuration, TimeInfo};
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// An agent as the master sees it. Resources are in both formats (see [`crate::resources`]).
    pub struct Agent("Agent") {
        agent_info: AgentInfo,
        active: bool,
        deactivated: Option<bool>,
        version: String,
        pid: Option<String>,
        registered_time: Option<TimeInfo>,
        reregistered_time: Option<TimeInfo>,
        total_resources: Vec<Resource>,
        allocated_resources: Vec<Resource>,
        offered_resources: Vec<Resource>,
        capabilities: Vec<AgentCapability>,
        resource_providers: Vec<AgentResourceProvider>,
        drain_info: Option<DrainInfo>,
        estimated_drain_start_time: Option<TimeInfo>,
    }

    /// A provider of an agent's resources.
    pub struct AgentResourceProvider("ResourceProvider") {
        resource_provider_info: ResourceProviderInfo,
        total_resources: Vec<Resource>,
    }

    /// A framework as the master sees it.
    pub struct Framework("Framework") {
        framework_info: FrameworkInfo,
        active: bool,
        connected: bool,
        recovered: bool,
        registered_time: Option<TimeInfo>,
        reregistered_time: Option<TimeInfo>,
        unregistered_time: Option<TimeInfo>,
        offers: Vec<Offer>,
        inverse_offers: Vec<InverseOffer>,
        allocated_resources: Vec<Resource>,
        offered_resources: Vec<Resource>,
        offer_constraints: Option<OfferConstraints>,
    }

    /// An executor and where it runs.
    pub struct Executor("Executor") {
        executor_info: ExecutorInfo,
        agent_id: AgentId,
    }

    /// The body of `GET_METRICS`.
    pub struct GetMetrics("GetMetrics") {
        timeout: Option<DurationInfo>,
    }

    /// The body of `SET_LOGGING_LEVEL`.
    pub struct SetLoggingLevel("SetLoggingLevel") {
        level: u32,
        duration: DurationInfo,
    }

    /// The body of `LIST_FILES`.
    pub struct ListFiles("ListFiles") {
        path: String,
    }

    /// The body of `READ_FILE`.
    pub struct ReadFile("ReadFile") {
        path: String,
        offset: u64,
        length: Option<u64>,
    }

    /// The body of `UPDATE_WEIGHTS`.
    pub struct UpdateWeights("UpdateWeights") {
        weight_infos: Vec<WeightInfo>,
    }

    /// The body of `RESERVE_RESOURCES`.
    pub struct ReserveResources("ReserveResources") {
        agent_id: AgentId,
        source: Vec<Resource>,
        resources: Vec<Resource>,
    }

    /// The body of `UNRESERVE_RESOURCES`.
    pub struct UnreserveResources("UnreserveResources") {
        agent_id: AgentId,
        resources: Vec<Resource>,
    }

    /// The body of `CREATE_VOLUMES`.
    pub struct CreateVolumes("CreateVolumes") {
        agent_id: AgentId,
        volumes: Vec<Resource>,
    }

    /// The body of `DESTROY_VOLUMES`.
    pub struct DestroyVolumes("DestroyVolumes") {
        agent_id: AgentId,
        volumes: Vec<Resource>,
    }

    /// The body of `GROW_VOLUME`.
    pub struct GrowVolume("GrowVolume") {
        agent_id: Option<AgentId>,
        volume: Resource,
        addition: Resource,
    }

    /// The body of `SHRINK_VOLUME`.
    pub struct ShrinkVolume("ShrinkVolume") {
        agent_id: Option<AgentId>,
        volume: Resource,
        subtract: Scalar,
    }

    /// The body of `UPDATE_MAINTENANCE_SCHEDULE`.
    pub struct UpdateMaintenanceSchedule("UpdateMaintenanceSchedule") {
        schedule: Schedule,
    }

    /// The body of `START_MAINTENANCE`.
    pub struct StartMaintenance("StartMaintenance") {
        machines: Vec<MachineId>,
    }

    /// The body of `STOP_MAINTENANCE`.
    pub struct StopMaintenance("StopMaintenance") {
        machines: Vec<MachineId>,
    }

    /// The body of `DRAIN_AGENT`.
    pub struct DrainAgent("DrainAgent") {
        agent_id: AgentId,
        max_grace_period: Option<ProtoDuration>,
        mark_gone: bool = false,
    }

    /// The body of `DEACTIVATE_AGENT`.
    pub struct DeactivateAgent("DeactivateAgent") {
        agent_id: AgentId,
    }

    /// The body of `REACTIVATE_AGENT`.
    pub struct ReactivateAgent("ReactivateAgent") {
        agent_id: AgentId,
    }

    /// The body of `UPDATE_QUOTA`.
    pub struct UpdateQuota("UpdateQuota") {
        force: Option<bool>,
        quota_configs: Vec<QuotaConfig>,
    }

    /// The body of `SET_QUOTA`.
    pub struct SetQuota("SetQuota") {
        quota_request: QuotaRequest,
    }

    /// The body of `REMOVE_QUOTA`.
    pub struct RemoveQuota("RemoveQuota") {
        role: String,
    }

    /// The body of `TEARDOWN`.
    pub struct Teardown("Teardown") {
        framework_id: FrameworkId,
    }

    /// The body of `MARK_AGENT_GONE`.
    pub struct MarkAgentGone("MarkAgentGone") {
        agent_id: AgentId,
    }

    /// What an operator asks of the master.
    pub struct Call("Call") {
        r#type: Option<CallType>,
        get_metrics: Option<GetMetrics>,
        set_logging_level: Option<SetLoggingLevel>,
        list_files: Option<ListFiles>,
        read_file: Option<ReadFile>,
        update_weights: Option<UpdateWeights>,
        reserve_resources: Option<ReserveResources>,
        unreserve_resources: Option<UnreserveResources>,
        create_volumes: Option<CreateVolumes>,
        destroy_volumes: Option<DestroyVolumes>,
        grow_volume: Option<GrowVolume>,
        shrink_volume: Option<ShrinkVolume>,
        update_maintenance_schedule: Option<UpdateMaintenanceSchedule>,
        start_maintenance: Option<StartMaintenance>,
        stop_maintenance: Option<StopMaintenance>,
        drain_agent: Option<DrainAgent>,
        deactivate_agent: Option<DeactivateAgent>,
        reactivate_agent: Option<ReactivateAgent>,
        update_quota: Option<UpdateQuota>,
        set_quota: Option<SetQuota>,
        remove_quota: Option<RemoveQuota>,
        teardown: Option<Teardown>,
        mark_agent_gone: Option<MarkAgentGone>,
    }

    /// The body of `GET_HEALTH`.
    pub struct GetHealthResponse("GetHealthResponse") {
        healthy: bool,
    }

    /// The body of `GET_FLAGS`.
    pub struct GetFlagsResponse("GetFlagsResponse") {
        flags: Vec<Flag>,
    }

    /// The body of `GET_VERSION`.
    pub struct GetVersionResponse("GetVersionResponse") {
        version_info: VersionInfo,
    }

    /// The body of `GET_METRICS`.
    pub struct GetMetricsResponse("GetMetricsResponse") {
        metrics: Vec<Metric>,
    }

    /// The body of `GET_LOGGING_LEVEL`.
    pub struct GetLoggingLevelResponse("GetLoggingLevelResponse") {
        level: u32,
    }

    /// The body of `LIST_FILES`.
    pub struct ListFilesResponse("ListFilesResponse") {
        file_infos: Vec<FileInfo>,
    }

    /// The body of `READ_FILE`.
    pub struct ReadFileResponse("ReadFileResponse") {
        size: u64,
        data: Bytes,
    }

    /// The body of `GET_STATE`.
    pub struct GetStateResponse("GetStateResponse") {
        get_tasks: Option<GetTasksResponse>,
        get_executors: Option<GetExecutorsResponse>,
        get_frameworks: Option<GetFrameworksResponse>,
        get_agents: Option<GetAgentsResponse>,
    }

    /// The body of `GET_AGENTS`.
    pub struct GetAgentsResponse("GetAgentsResponse") {
        agents: Vec<Agent>,
        recovered_agents: Vec<AgentInfo>,
    }

    /// The body of `GET_FRAMEWORKS`.
    pub struct GetFrameworksResponse("GetFrameworksResponse") {
        frameworks: Vec<Framework>,
        completed_frameworks: Vec<Framework>,
        recovered_frameworks: Vec<FrameworkInfo>,
    }

    /// The body of `GET_EXECUTORS`.
    pub struct GetExecutorsResponse("GetExecutorsResponse") {
        executors: Vec<Executor>,
        orphan_executors: Vec<Executor>,
    }

    /// The body of `GET_OPERATIONS`.
    pub struct GetOperationsResponse("GetOperationsResponse") {
        operations: Vec<Operation>,
    }

    /// The body of `GET_TASKS`.
    pub struct GetTasksResponse("GetTasksResponse") {
        pending_tasks: Vec<Task>,
        tasks: Vec<Task>,
        unreachable_tasks: Vec<Task>,
        completed_tasks: Vec<Task>,
        orphan_tasks: Vec<Task>,
    }

    /// The body of `GET_ROLES`.
    pub struct GetRolesResponse("GetRolesResponse") {
        roles: Vec<Role>,
    }

    /// The body of `GET_WEIGHTS`.
    pub struct GetWeightsResponse("GetWeightsResponse") {
        weight_infos: Vec<WeightInfo>,
    }

    /// The body of `GET_MASTER`.
    pub struct GetMasterResponse("GetMasterResponse") {
        master_info: Option<MasterInfo>,
        start_time: Option<f64>,
        elected_time: Option<f64>,
    }

    /// The body of `GET_MAINTENANCE_STATUS`.
    pub struct GetMaintenanceStatusResponse("GetMaintenanceStatusResponse") {
        status: ClusterStatus,
    }

    /// The body of `GET_MAINTENANCE_SCHEDULE`.
    pub struct GetMaintenanceScheduleResponse("GetMaintenanceScheduleResponse") {
        schedule: Schedule,
    }

    /// The body of `GET_QUOTA`.
    pub struct GetQuotaResponse("GetQuotaResponse") {
        status: QuotaStatus,
    }

    /// What the master answers.
    pub struct Response("Response") {
        r#type: Option<ResponseType>,
        get_health: Option<GetHealthResponse>,
        get_flags: Option<GetFlagsResponse>,
        get_version: Option<GetVersionResponse>,
        get_metrics: Option<GetMetricsResponse>,
        get_logging_level: Option<GetLoggingLevelResponse>,
        list_files: Option<ListFilesResponse>,
        read_file: Option<ReadFileResponse>,
        get_state: Option<GetStateResponse>,
        get_agents: Option<GetAgentsResponse>,
        get_frameworks: Option<GetFrameworksResponse>,
        get_executors: Option<GetExecutorsResponse>,
        get_operations: Option<GetOperationsResponse>,
        get_tasks: Option<GetTasksResponse>,
        get_roles: Option<GetRolesResponse>,
        get_weights: Option<GetWeightsResponse>,
        get_master: Option<GetMasterResponse>,
        get_maintenance_status: Option<GetMaintenanceStatusResponse>,
        get_maintenance_schedule: Option<GetMaintenanceScheduleResponse>,
        get_quota: Option<GetQuotaResponse>,
    }

    /// The body of `SUBSCRIBED`.
    pub struct SubscribedEvent("SubscribedEvent") {
        get_state: Option<GetStateResponse>,
        heartbeat_interval_seconds: Option<f64>,
    }

    /// The body of `TASK_ADDED`.
    pub struct TaskAddedEvent("TaskAddedEvent") {
        task: Task,
    }

    /// The body of `TASK_UPDATED`.
    pub struct TaskUpdatedEvent("TaskUpdatedEvent") {
        framework_id: FrameworkId,
        status: TaskStatus,
        state: TaskState,
    }

    /// The body of `AGENT_ADDED`.
    pub struct AgentAddedEvent("AgentAddedEvent") {
        agent: Agent,
    }

    /// The body of `AGENT_REMOVED`.
    pub struct AgentRemovedEvent("AgentRemovedEvent") {
        agent_id: AgentId,
    }

    /// The body of `FRAMEWORK_ADDED`.
    pub struct FrameworkAddedEvent("FrameworkAddedEvent") {
        framework: Framework,
    }

    /// The body of `FRAMEWORK_UPDATED`.
    pub struct FrameworkUpdatedEvent("FrameworkUpdatedEvent") {
        framework: Framework,
    }

    /// The body of `FRAMEWORK_REMOVED`.
    pub struct FrameworkRemovedEvent("FrameworkRemovedEvent") {
        framework_info: FrameworkInfo,
    }

    /// What the master tells a subscriber.
    pub struct Event("Event") {
        r#type: Option<EventType>,
        subscribed: Option<SubscribedEvent>,
        task_added: Option<TaskAddedEvent>,
        task_updated: Option<TaskUpdatedEvent>,
        agent_added: Option<AgentAddedEvent>,
        agent_removed: Option<AgentRemovedEvent>,
        framework_added: Option<FrameworkAddedEvent>,
        framework_updated: Option<FrameworkUpdatedEvent>,
        framework_removed: Option<FrameworkRemovedEvent>,
    }
}

wire_enum! {
    /// What a [`Call`] is.
    pub enum CallType {
        Unknown = "UNKNOWN" (0),
        GetHealth = "GET_HEALTH" (1),
        GetFlags = "GET_FLAGS" (2),
        GetVersion = "GET_VERSION" (3),
        GetMetrics = "GET_METRICS" (4),
        GetLoggingLevel = "GET_LOGGING_LEVEL" (5),
        SetLoggingLevel = "SET_LOGGING_LEVEL" (6),
        ListFiles = "LIST_FILES" (7),
        ReadFile = "READ_FILE" (8),
        GetState = "GET_STATE" (9),
        GetAgents = "GET_AGENTS" (10),
        GetFrameworks = "GET_FRAMEWORKS" (11),
        GetExecutors = "GET_EXECUTORS" (12),
        GetOperations = "GET_OPERATIONS" (33),
        GetTasks = "GET_TASKS" (13),
        GetRoles = "GET_ROLES" (14),
        GetWeights = "GET_WEIGHTS" (15),
        UpdateWeights = "UPDATE_WEIGHTS" (16),
        GetMaster = "GET_MASTER" (17),
        Subscribe = "SUBSCRIBE" (18),
        ReserveResources = "RESERVE_RESOURCES" (19),
        UnreserveResources = "UNRESERVE_RESOURCES" (20),
        CreateVolumes = "CREATE_VOLUMES" (21),
        DestroyVolumes = "DESTROY_VOLUMES" (22),
        GrowVolume = "GROW_VOLUME" (34),
        ShrinkVolume = "SHRINK_VOLUME" (35),
        GetMaintenanceStatus = "GET_MAINTENANCE_STATUS" (23),
        GetMaintenanceSchedule = "GET_MAINTENANCE_SCHEDULE" (24),
        UpdateMaintenanceSchedule = "UPDATE_MAINTENANCE_SCHEDULE" (25),
        StartMaintenance = "START_MAINTENANCE" (26),
        StopMaintenance = "STOP_MAINTENANCE" (27),
        DrainAgent = "DRAIN_AGENT" (37),
        DeactivateAgent = "DEACTIVATE_AGENT" (38),
        ReactivateAgent = "REACTIVATE_AGENT" (39),
        GetQuota = "GET_QUOTA" (28),
        UpdateQuota = "UPDATE_QUOTA" (36),
        SetQuota = "SET_QUOTA" (29),
        RemoveQuota = "REMOVE_QUOTA" (30),
        Teardown = "TEARDOWN" (31),
        MarkAgentGone = "MARK_AGENT_GONE" (32),
    }

    /// What a [`Response`] is.
    pub enum ResponseType {
        Unknown = "UNKNOWN" (0),
        GetHealth = "GET_HEALTH" (1),
        GetFlags = "GET_FLAGS" (2),
        GetVersion = "GET_VERSION" (3),
        GetMetrics = "GET_METRICS" (4),
        GetLoggingLevel = "GET_LOGGING_LEVEL" (5),
        ListFiles = "LIST_FILES" (6),
        ReadFile = "READ_FILE" (7),
        GetState = "GET_STATE" (8),
        GetAgents = "GET_AGENTS" (9),
        GetFrameworks = "GET_FRAMEWORKS" (10),
        GetExecutors = "GET_EXECUTORS" (11),
        GetOperations = "GET_OPERATIONS" (19),
        GetTasks = "GET_TASKS" (12),
        GetRoles = "GET_ROLES" (13),
        GetWeights = "GET_WEIGHTS" (14),
        GetMaster = "GET_MASTER" (15),
        GetMaintenanceStatus = "GET_MAINTENANCE_STATUS" (16),
        GetMaintenanceSchedule = "GET_MAINTENANCE_SCHEDULE" (17),
        GetQuota = "GET_QUOTA" (18),
    }

    /// What a [`Event`] is.
    pub enum EventType {
        Unknown = "UNKNOWN" (0),
        Subscribed = "SUBSCRIBED" (1),
        TaskAdded = "TASK_ADDED" (2),
        TaskUpdated = "TASK_UPDATED" (3),
        AgentAdded = "AGENT_ADDED" (4),
        AgentRemoved = "AGENT_REMOVED" (5),
        FrameworkAdded = "FRAMEWORK_ADDED" (6),
        FrameworkUpdated = "FRAMEWORK_UPDATED" (7),
        FrameworkRemoved = "FRAMEWORK_REMOVED" (8),
        Heartbeat = "HEARTBEAT" (9),
    }
}

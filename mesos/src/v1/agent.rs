//! The operator API of the agent: `POST /api/v1` (rows AA-01, AA-02).

use std::collections::BTreeMap;

use crate::agent::{AgentInfo, DrainConfig};
use crate::bytes::Bytes;
use crate::container::{ContainerInfo, ContainerStatus, Image, TtyInfo};
use crate::driver::FileInfo;
use crate::executor_info::{CommandInfo, ExecutorInfo};
use crate::framework::FrameworkInfo;
use crate::ids::{ContainerId, ExecutorId, FrameworkId, ResourceProviderId};
use crate::master_info::{Flag, Metric, VersionInfo};
use crate::operation::Operation;
use crate::provider::ResourceProviderInfo;
use crate::resource::Resource;
use crate::statistics::ResourceStatistics;
use crate::task::{Reason, Task, TaskResourceLimitation, TaskState};
use crate::time::{DurationInfo, TimeInfo};
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// A running container.
    pub struct Container("Container") {
        framework_id: Option<FrameworkId>,
        executor_id: Option<ExecutorId>,
        executor_name: Option<String>,
        container_id: ContainerId,
        container_status: Option<Box<ContainerStatus>>,
        resource_statistics: Option<Box<ResourceStatistics>>,
    }

    /// A framework with executors on the agent.
    pub struct Framework("Framework") {
        framework_info: FrameworkInfo,
    }

    /// An executor on the agent.
    pub struct Executor("Executor") {
        executor_info: ExecutorInfo,
    }

    /// A provider of resources on the agent.
    pub struct ResourceProvider("ResourceProvider") {
        resource_provider_info: ResourceProviderInfo,
        total_resources: Vec<Resource>,
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

    /// The body of `GET_CONTAINERS`.
    pub struct GetContainers("GetContainers") {
        show_nested: Option<bool>,
        show_standalone: Option<bool>,
    }

    /// The body of `LAUNCH_NESTED_CONTAINER`.
    pub struct LaunchNestedContainer("LaunchNestedContainer") {
        container_id: ContainerId,
        command: Option<Box<CommandInfo>>,
        container: Option<Box<ContainerInfo>>,
    }

    /// The body of `WAIT_NESTED_CONTAINER`.
    pub struct WaitNestedContainer("WaitNestedContainer") {
        container_id: ContainerId,
    }

    /// The body of `KILL_NESTED_CONTAINER`.
    pub struct KillNestedContainer("KillNestedContainer") {
        container_id: ContainerId,
        signal: Option<i32>,
    }

    /// The body of `REMOVE_NESTED_CONTAINER`.
    pub struct RemoveNestedContainer("RemoveNestedContainer") {
        container_id: ContainerId,
    }

    /// The body of `LAUNCH_NESTED_CONTAINER_SESSION`.
    pub struct LaunchNestedContainerSession("LaunchNestedContainerSession") {
        container_id: ContainerId,
        command: Option<Box<CommandInfo>>,
        container: Option<Box<ContainerInfo>>,
    }

    /// The body of `ATTACH_CONTAINER_INPUT`.
    pub struct AttachContainerInput("AttachContainerInput") {
        r#type: Option<AttachContainerInputType>,
        container_id: Option<ContainerId>,
        process_io: Option<ProcessIo>,
    }

    /// The body of `ATTACH_CONTAINER_OUTPUT`.
    pub struct AttachContainerOutput("AttachContainerOutput") {
        container_id: ContainerId,
    }

    /// The body of `LAUNCH_CONTAINER`.
    pub struct LaunchContainer("LaunchContainer") {
        container_id: ContainerId,
        command: Option<Box<CommandInfo>>,
        resources: Vec<Resource>,
        container: Option<Box<ContainerInfo>>,
        limits: BTreeMap<String, Scalar>,
    }

    /// The body of `WAIT_CONTAINER`.
    pub struct WaitContainer("WaitContainer") {
        container_id: ContainerId,
    }

    /// The body of `KILL_CONTAINER`.
    pub struct KillContainer("KillContainer") {
        container_id: ContainerId,
        signal: Option<i32>,
    }

    /// The body of `REMOVE_CONTAINER`.
    pub struct RemoveContainer("RemoveContainer") {
        container_id: ContainerId,
    }

    /// The body of `ADD_RESOURCE_PROVIDER_CONFIG`.
    pub struct AddResourceProviderConfig("AddResourceProviderConfig") {
        info: ResourceProviderInfo,
    }

    /// The body of `UPDATE_RESOURCE_PROVIDER_CONFIG`.
    pub struct UpdateResourceProviderConfig("UpdateResourceProviderConfig") {
        info: ResourceProviderInfo,
    }

    /// The body of `REMOVE_RESOURCE_PROVIDER_CONFIG`.
    pub struct RemoveResourceProviderConfig("RemoveResourceProviderConfig") {
        r#type: String,
        name: String,
    }

    /// The body of `MARK_RESOURCE_PROVIDER_GONE`.
    pub struct MarkResourceProviderGone("MarkResourceProviderGone") {
        resource_provider_id: ResourceProviderId,
    }

    /// The body of `PRUNE_IMAGES`.
    pub struct PruneImages("PruneImages") {
        excluded_images: Vec<Image>,
    }

    /// What an operator asks of an agent.
    pub struct Call("Call") {
        r#type: Option<CallType>,
        get_metrics: Option<GetMetrics>,
        set_logging_level: Option<SetLoggingLevel>,
        list_files: Option<ListFiles>,
        read_file: Option<ReadFile>,
        get_containers: Option<GetContainers>,
        launch_nested_container: Option<LaunchNestedContainer>,
        wait_nested_container: Option<WaitNestedContainer>,
        kill_nested_container: Option<KillNestedContainer>,
        remove_nested_container: Option<RemoveNestedContainer>,
        launch_nested_container_session: Option<LaunchNestedContainerSession>,
        attach_container_input: Option<AttachContainerInput>,
        attach_container_output: Option<AttachContainerOutput>,
        launch_container: Option<LaunchContainer>,
        wait_container: Option<WaitContainer>,
        kill_container: Option<KillContainer>,
        remove_container: Option<RemoveContainer>,
        add_resource_provider_config: Option<AddResourceProviderConfig>,
        update_resource_provider_config: Option<UpdateResourceProviderConfig>,
        remove_resource_provider_config: Option<RemoveResourceProviderConfig>,
        mark_resource_provider_gone: Option<MarkResourceProviderGone>,
        prune_images: Option<PruneImages>,
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
    }

    /// The body of `GET_CONTAINERS`.
    pub struct GetContainersResponse("GetContainersResponse") {
        containers: Vec<Container>,
    }

    /// The body of `GET_FRAMEWORKS`.
    pub struct GetFrameworksResponse("GetFrameworksResponse") {
        frameworks: Vec<Framework>,
        completed_frameworks: Vec<Framework>,
    }

    /// The body of `GET_EXECUTORS`.
    pub struct GetExecutorsResponse("GetExecutorsResponse") {
        executors: Vec<Executor>,
        completed_executors: Vec<Executor>,
    }

    /// The body of `GET_OPERATIONS`.
    pub struct GetOperationsResponse("GetOperationsResponse") {
        operations: Vec<Operation>,
    }

    /// The body of `GET_TASKS`.
    pub struct GetTasksResponse("GetTasksResponse") {
        pending_tasks: Vec<Task>,
        queued_tasks: Vec<Task>,
        launched_tasks: Vec<Task>,
        terminated_tasks: Vec<Task>,
        completed_tasks: Vec<Task>,
    }

    /// The body of `GET_AGENT`.
    pub struct GetAgentResponse("GetAgentResponse") {
        agent_info: Option<AgentInfo>,
        drain_config: Option<DrainConfig>,
        estimated_drain_start_time: Option<TimeInfo>,
    }

    /// The body of `GET_RESOURCE_PROVIDERS`.
    pub struct GetResourceProvidersResponse("GetResourceProvidersResponse") {
        resource_providers: Vec<ResourceProvider>,
    }

    /// The body of `WAIT_NESTED_CONTAINER`.
    pub struct WaitNestedContainerResponse("WaitNestedContainerResponse") {
        exit_status: Option<i32>,
        state: Option<TaskState>,
        reason: Option<Reason>,
        limitation: Option<TaskResourceLimitation>,
        message: Option<String>,
    }

    /// The body of `WAIT_CONTAINER`.
    pub struct WaitContainerResponse("WaitContainerResponse") {
        exit_status: Option<i32>,
        state: Option<TaskState>,
        reason: Option<Reason>,
        limitation: Option<TaskResourceLimitation>,
        message: Option<String>,
    }

    /// What an agent answers.
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
        get_containers: Option<GetContainersResponse>,
        get_frameworks: Option<GetFrameworksResponse>,
        get_executors: Option<GetExecutorsResponse>,
        get_operations: Option<GetOperationsResponse>,
        get_tasks: Option<GetTasksResponse>,
        get_agent: Option<GetAgentResponse>,
        get_resource_providers: Option<GetResourceProvidersResponse>,
        wait_nested_container: Option<WaitNestedContainerResponse>,
        wait_container: Option<WaitContainerResponse>,
    }

    /// What passes through the standard streams of a container.
    pub struct ProcessIo("ProcessIO") {
        r#type: Option<ProcessIoType>,
        data: Option<ProcessIoData>,
        control: Option<ProcessIoControl>,
    }

    /// Octets of one stream.
    pub struct ProcessIoData("Data") {
        r#type: Option<ProcessIoStream>,
        data: Option<Bytes>,
    }

    /// What is said about a stream rather than on it.
    pub struct ProcessIoControl("Control") {
        r#type: Option<ProcessIoControlType>,
        tty_info: Option<TtyInfo>,
        heartbeat: Option<ProcessIoHeartbeat>,
    }

    /// A sign of life on an attached stream.
    pub struct ProcessIoHeartbeat("Heartbeat") {
        interval: Option<DurationInfo>,
    }
}

wire_enum! {
    /// What a record of [`AttachContainerInput`] holds.
    pub enum AttachContainerInputType {
        Unknown = "UNKNOWN" (0),
        ContainerId = "CONTAINER_ID" (1),
        ProcessIo = "PROCESS_IO" (2),
    }

    /// What a [`ProcessIo`] holds.
    pub enum ProcessIoType {
        Unknown = "UNKNOWN" (0),
        Data = "DATA" (1),
        Control = "CONTROL" (2),
    }

    /// Which stream.
    pub enum ProcessIoStream {
        Unknown = "UNKNOWN" (0),
        Stdin = "STDIN" (1),
        Stdout = "STDOUT" (2),
        Stderr = "STDERR" (3),
    }

    /// Which control.
    pub enum ProcessIoControlType {
        Unknown = "UNKNOWN" (0),
        TtyInfo = "TTY_INFO" (1),
        Heartbeat = "HEARTBEAT" (2),
    }

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
        GetContainers = "GET_CONTAINERS" (10),
        GetFrameworks = "GET_FRAMEWORKS" (11),
        GetExecutors = "GET_EXECUTORS" (12),
        GetOperations = "GET_OPERATIONS" (31),
        GetTasks = "GET_TASKS" (13),
        GetAgent = "GET_AGENT" (20),
        GetResourceProviders = "GET_RESOURCE_PROVIDERS" (26),
        LaunchNestedContainer = "LAUNCH_NESTED_CONTAINER" (14),
        WaitNestedContainer = "WAIT_NESTED_CONTAINER" (15),
        KillNestedContainer = "KILL_NESTED_CONTAINER" (16),
        RemoveNestedContainer = "REMOVE_NESTED_CONTAINER" (21),
        LaunchNestedContainerSession = "LAUNCH_NESTED_CONTAINER_SESSION" (17),
        AttachContainerInput = "ATTACH_CONTAINER_INPUT" (18),
        AttachContainerOutput = "ATTACH_CONTAINER_OUTPUT" (19),
        LaunchContainer = "LAUNCH_CONTAINER" (22),
        WaitContainer = "WAIT_CONTAINER" (23),
        KillContainer = "KILL_CONTAINER" (24),
        RemoveContainer = "REMOVE_CONTAINER" (25),
        AddResourceProviderConfig = "ADD_RESOURCE_PROVIDER_CONFIG" (27),
        UpdateResourceProviderConfig = "UPDATE_RESOURCE_PROVIDER_CONFIG" (28),
        RemoveResourceProviderConfig = "REMOVE_RESOURCE_PROVIDER_CONFIG" (29),
        MarkResourceProviderGone = "MARK_RESOURCE_PROVIDER_GONE" (32),
        PruneImages = "PRUNE_IMAGES" (30),
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
        GetContainers = "GET_CONTAINERS" (9),
        GetFrameworks = "GET_FRAMEWORKS" (10),
        GetExecutors = "GET_EXECUTORS" (11),
        GetOperations = "GET_OPERATIONS" (17),
        GetTasks = "GET_TASKS" (12),
        GetAgent = "GET_AGENT" (14),
        GetResourceProviders = "GET_RESOURCE_PROVIDERS" (16),
        WaitNestedContainer = "WAIT_NESTED_CONTAINER" (13),
        WaitContainer = "WAIT_CONTAINER" (15),
    }
}

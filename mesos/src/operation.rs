//! What a framework does with an offer, and what became of it.

use crate::bytes::Bytes;
use crate::executor_info::ExecutorInfo;
use crate::ids::{AgentId, FrameworkId, OperationId, ResourceProviderId};
use crate::resource::{DiskSourceType, Resource};
use crate::task::{TaskGroupInfo, TaskInfo};
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// Something to be done with offered resources.
    pub struct OfferOperation("Operation") {
        r#type: Option<OfferOperationType>,
        id: Option<OperationId>,
        launch: Option<Launch>,
        launch_group: Option<LaunchGroup>,
        reserve: Option<Reserve>,
        unreserve: Option<Unreserve>,
        create: Option<Create>,
        destroy: Option<Destroy>,
        grow_volume: Option<GrowVolume>,
        shrink_volume: Option<ShrinkVolume>,
        create_disk: Option<CreateDisk>,
        destroy_disk: Option<DestroyDisk>,
    }

    /// Launch tasks.
    pub struct Launch("Launch") {
        task_infos: Vec<TaskInfo>,
    }

    /// Launch tasks together, under one executor.
    pub struct LaunchGroup("LaunchGroup") {
        executor: ExecutorInfo,
        task_group: TaskGroupInfo,
    }

    /// Push a reservation onto resources; or replace the reservations of `source`.
    pub struct Reserve("Reserve") {
        source: Vec<Resource>,
        resources: Vec<Resource>,
    }

    /// Pop the innermost reservation of resources.
    pub struct Unreserve("Unreserve") {
        resources: Vec<Resource>,
    }

    /// Make persistent volumes of reserved disk space.
    pub struct Create("Create") {
        volumes: Vec<Resource>,
    }

    /// Delete persistent volumes with what is in them.
    pub struct Destroy("Destroy") {
        volumes: Vec<Resource>,
    }

    /// Add disk space to a volume.
    pub struct GrowVolume("GrowVolume") {
        volume: Resource,
        addition: Resource,
    }

    /// Take disk space, in megabytes, from a volume.
    pub struct ShrinkVolume("ShrinkVolume") {
        volume: Resource,
        subtract: Scalar,
    }

    /// Make a `MOUNT` or `BLOCK` disk of raw storage.
    pub struct CreateDisk("CreateDisk") {
        source: Resource,
        target_type: DiskSourceType,
        target_profile: Option<String>,
    }

    /// Make raw storage of a disk.
    pub struct DestroyDisk("DestroyDisk") {
        source: Resource,
    }

    /// The 16 octets of a UUID.
    pub struct Uuid("UUID") {
        value: Bytes,
    }

    /// An operation with all that is known of it.
    pub struct Operation("Operation") {
        framework_id: Option<FrameworkId>,
        agent_id: Option<AgentId>,
        info: OfferOperation,
        latest_status: OperationStatus,
        statuses: Vec<OperationStatus>,
        uuid: Uuid,
    }

    /// What became of an operation. `uuid` is present if it is to be acknowledged.
    pub struct OperationStatus("OperationStatus") {
        operation_id: Option<OperationId>,
        state: OperationState,
        message: Option<String>,
        converted_resources: Vec<Resource>,
        uuid: Option<Uuid>,
        agent_id: Option<AgentId>,
        resource_provider_id: Option<ResourceProviderId>,
    }
}

wire_enum! {
    /// What an [`OfferOperation`] is.
    pub enum OfferOperationType {
        Unknown = "UNKNOWN" (0),
        Launch = "LAUNCH" (1),
        LaunchGroup = "LAUNCH_GROUP" (6),
        Reserve = "RESERVE" (2),
        Unreserve = "UNRESERVE" (3),
        Create = "CREATE" (4),
        Destroy = "DESTROY" (5),
        GrowVolume = "GROW_VOLUME" (11),
        ShrinkVolume = "SHRINK_VOLUME" (12),
        CreateDisk = "CREATE_DISK" (13),
        DestroyDisk = "DESTROY_DISK" (14),
    }

    /// The state of an operation.
    pub enum OperationState {
        Unsupported = "OPERATION_UNSUPPORTED" (0),
        Pending = "OPERATION_PENDING" (1),
        Finished = "OPERATION_FINISHED" (2),
        Failed = "OPERATION_FAILED" (3),
        Error = "OPERATION_ERROR" (4),
        Dropped = "OPERATION_DROPPED" (5),
        Unreachable = "OPERATION_UNREACHABLE" (6),
        GoneByOperator = "OPERATION_GONE_BY_OPERATOR" (7),
        Recovering = "OPERATION_RECOVERING" (8),
        Unknown = "OPERATION_UNKNOWN" (9),
    }
}

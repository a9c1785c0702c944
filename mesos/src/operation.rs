//! What a framework does with an offer, and what became of it.

use crate::bytes::Bytes;
use crate::executor_info::ExecutorInfo;
use crate::ids::{AgentId, FrameworkId, OperationId, ResourceProviderId};
use crate::resource::{DiskSourceType, Resource};
use crate::task::{TaskGroupInfo, TaskInfo};
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// Mesos's `Offer.Operation`.
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

    /// Mesos's `Offer.Operation.Launch`.
    pub struct Launch("Launch") {
        task_infos: Vec<TaskInfo>,
    }

    /// Mesos's `Offer.Operation.LaunchGroup`.
    pub struct LaunchGroup("LaunchGroup") {
        executor: ExecutorInfo,
        task_group: TaskGroupInfo,
    }

    /// Mesos's `Offer.Operation.Reserve`.
    pub struct Reserve("Reserve") {
        source: Vec<Resource>,
        resources: Vec<Resource>,
    }

    /// Mesos's `Offer.Operation.Unreserve`.
    pub struct Unreserve("Unreserve") {
        resources: Vec<Resource>,
    }

    /// Mesos's `Offer.Operation.Create`.
    pub struct Create("Create") {
        volumes: Vec<Resource>,
    }

    /// Mesos's `Offer.Operation.Destroy`.
    pub struct Destroy("Destroy") {
        volumes: Vec<Resource>,
    }

    /// Mesos's `Offer.Operation.GrowVolume`.
    pub struct GrowVolume("GrowVolume") {
        volume: Resource,
        addition: Resource,
    }

    /// Mesos's `Offer.Operation.ShrinkVolume`.
    pub struct ShrinkVolume("ShrinkVolume") {
        volume: Resource,
        subtract: Scalar,
    }

    /// Mesos's `Offer.Operation.CreateDisk`.
    pub struct CreateDisk("CreateDisk") {
        source: Resource,
        target_type: DiskSourceType,
        target_profile: Option<String>,
    }

    /// Mesos's `Offer.Operation.DestroyDisk`.
    pub struct DestroyDisk("DestroyDisk") {
        source: Resource,
    }

    /// Mesos's `UUID`.
    pub struct Uuid("UUID") {
        value: Bytes,
    }

    /// Mesos's `Operation`.
    pub struct Operation("Operation") {
        framework_id: Option<FrameworkId>,
        agent_id: Option<AgentId>,
        info: OfferOperation,
        latest_status: OperationStatus,
        statuses: Vec<OperationStatus>,
        uuid: Uuid,
    }

    /// Mesos's `OperationStatus`.
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
    /// Mesos's `Offer.Operation.Type`.
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

    /// Mesos's `OperationState`.
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

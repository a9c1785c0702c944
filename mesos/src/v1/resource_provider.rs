//! The resource provider API: `POST /api/v1/resource_provider` on the agent.

use crate::ids::{FrameworkId, ResourceProviderId};
use crate::operation::{OfferOperation, Operation, OperationStatus, Uuid};
use crate::provider::ResourceProviderInfo;
use crate::resource::Resource;
use crate::{message, wire_enum};

message! {
    /// The body of `SUBSCRIBE`.
    pub struct Subscribe("Subscribe") {
        resource_provider_info: ResourceProviderInfo,
    }

    /// The body of `UPDATE_OPERATION_STATUS`.
    pub struct UpdateOperationStatus("UpdateOperationStatus") {
        framework_id: Option<FrameworkId>,
        status: OperationStatus,
        latest_status: Option<OperationStatus>,
        operation_uuid: Uuid,
    }

    /// The body of `UPDATE_STATE`.
    pub struct UpdateState("UpdateState") {
        operations: Vec<Operation>,
        resources: Vec<Resource>,
        resource_version_uuid: Uuid,
    }

    /// The body of `UPDATE_PUBLISH_RESOURCES_STATUS`.
    pub struct UpdatePublishResourcesStatus("UpdatePublishResourcesStatus") {
        uuid: Uuid,
        status: PublishStatus,
    }

    /// What a resource provider asks of its agent.
    pub struct Call("Call") {
        resource_provider_id: Option<ResourceProviderId>,
        r#type: Option<CallType>,
        subscribe: Option<Subscribe>,
        update_operation_status: Option<UpdateOperationStatus>,
        update_state: Option<UpdateState>,
        update_publish_resources_status: Option<UpdatePublishResourcesStatus>,
    }

    /// The body of `SUBSCRIBED`.
    pub struct Subscribed("Subscribed") {
        provider_id: ResourceProviderId,
    }

    /// The body of `APPLY_OPERATION`.
    pub struct ApplyOperation("ApplyOperation") {
        framework_id: Option<FrameworkId>,
        info: OfferOperation,
        operation_uuid: Uuid,
        resource_version_uuid: Uuid,
    }

    /// The body of `PUBLISH_RESOURCES`.
    pub struct PublishResources("PublishResources") {
        uuid: Uuid,
        resources: Vec<Resource>,
    }

    /// The body of `ACKNOWLEDGE_OPERATION_STATUS`.
    pub struct AcknowledgeOperationStatus("AcknowledgeOperationStatus") {
        status_uuid: Uuid,
        operation_uuid: Uuid,
    }

    /// The body of `RECONCILE_OPERATIONS`.
    pub struct ReconcileOperations("ReconcileOperations") {
        operation_uuids: Vec<Uuid>,
    }

    /// What an agent tells a resource provider.
    pub struct Event("Event") {
        r#type: Option<EventType>,
        subscribed: Option<Subscribed>,
        apply_operation: Option<ApplyOperation>,
        publish_resources: Option<PublishResources>,
        acknowledge_operation_status: Option<AcknowledgeOperationStatus>,
        reconcile_operations: Option<ReconcileOperations>,
    }
}

wire_enum! {
    /// How the publishing of resources went.
    pub enum PublishStatus {
        Unknown = "UNKNOWN" (0),
        Ok = "OK" (1),
        Failed = "FAILED" (2),
    }

    /// What a [`Call`] is.
    pub enum CallType {
        Unknown = "UNKNOWN" (0),
        Subscribe = "SUBSCRIBE" (1),
        UpdateOperationStatus = "UPDATE_OPERATION_STATUS" (2),
        UpdateState = "UPDATE_STATE" (3),
        UpdatePublishResourcesStatus = "UPDATE_PUBLISH_RESOURCES_STATUS" (4),
    }

    /// What a [`Event`] is.
    pub enum EventType {
        Unknown = "UNKNOWN" (0),
        Subscribed = "SUBSCRIBED" (1),
        ApplyOperation = "APPLY_OPERATION" (2),
        PublishResources = "PUBLISH_RESOURCES" (3),
        AcknowledgeOperationStatus = "ACKNOWLEDGE_OPERATION_STATUS" (4),
        ReconcileOperations = "RECONCILE_OPERATIONS" (5),
        Teardown = "TEARDOWN" (6),
    }
}

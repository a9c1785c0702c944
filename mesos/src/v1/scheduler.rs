//! The scheduler API: `POST /api/v1/scheduler` on the master (rows SC-01 to SC-19).

use crate::bytes::Bytes;
use crate::framework::{FrameworkInfo, OfferConstraints};
use crate::ids::{
    AgentId, ExecutorId, FrameworkId, OfferId, OperationId, ResourceProviderId, TaskId,
};
use crate::master_info::MasterInfo;
use crate::offer::{Filters, InverseOffer, Offer, Request};
use crate::operation::{OfferOperation, OperationStatus};
use crate::task::{KillPolicy, TaskStatus};
use crate::{message, wire_enum};

message! {
    /// A task whose state is asked for.
    pub struct ReconcileTask("Task") {
        task_id: TaskId,
        agent_id: Option<AgentId>,
    }

    /// An operation whose state is asked for.
    pub struct ReconcileOperation("Operation") {
        operation_id: OperationId,
        agent_id: Option<AgentId>,
        resource_provider_id: Option<ResourceProviderId>,
    }

    /// The body of `SUBSCRIBE`.
    pub struct Subscribe("Subscribe") {
        framework_info: FrameworkInfo,
        suppressed_roles: Vec<String>,
        offer_constraints: Option<OfferConstraints>,
    }

    /// The body of `ACCEPT`.
    pub struct Accept("Accept") {
        offer_ids: Vec<OfferId>,
        operations: Vec<OfferOperation>,
        filters: Option<Filters>,
    }

    /// The body of `DECLINE`.
    pub struct Decline("Decline") {
        offer_ids: Vec<OfferId>,
        filters: Option<Filters>,
    }

    /// The body of `ACCEPT_INVERSE_OFFERS`.
    pub struct AcceptInverseOffers("AcceptInverseOffers") {
        inverse_offer_ids: Vec<OfferId>,
        filters: Option<Filters>,
    }

    /// The body of `DECLINE_INVERSE_OFFERS`.
    pub struct DeclineInverseOffers("DeclineInverseOffers") {
        inverse_offer_ids: Vec<OfferId>,
        filters: Option<Filters>,
    }

    /// The body of `REVIVE`.
    pub struct Revive("Revive") {
        roles: Vec<String>,
    }

    /// The body of `KILL`.
    pub struct Kill("Kill") {
        task_id: TaskId,
        agent_id: Option<AgentId>,
        kill_policy: Option<KillPolicy>,
    }

    /// The body of `SHUTDOWN`.
    pub struct Shutdown("Shutdown") {
        executor_id: ExecutorId,
        agent_id: AgentId,
    }

    /// The body of `ACKNOWLEDGE`.
    pub struct Acknowledge("Acknowledge") {
        agent_id: AgentId,
        task_id: TaskId,
        uuid: Bytes,
    }

    /// The body of `ACKNOWLEDGE_OPERATION_STATUS`.
    pub struct AcknowledgeOperationStatus("AcknowledgeOperationStatus") {
        agent_id: Option<AgentId>,
        resource_provider_id: Option<ResourceProviderId>,
        uuid: Bytes,
        operation_id: OperationId,
    }

    /// The body of `RECONCILE`.
    pub struct Reconcile("Reconcile") {
        tasks: Vec<ReconcileTask>,
    }

    /// The body of `RECONCILE_OPERATIONS`.
    pub struct ReconcileOperations("ReconcileOperations") {
        operations: Vec<ReconcileOperation>,
    }

    /// The body of `MESSAGE`.
    pub struct MessageCall("MessageCall") {
        agent_id: AgentId,
        executor_id: ExecutorId,
        data: Bytes,
    }

    /// The body of `REQUEST`.
    pub struct RequestCall("RequestCall") {
        requests: Vec<Request>,
    }

    /// The body of `SUPPRESS`.
    pub struct Suppress("Suppress") {
        roles: Vec<String>,
    }

    /// The body of `UPDATE_FRAMEWORK`.
    pub struct UpdateFramework("UpdateFramework") {
        framework_info: FrameworkInfo,
        suppressed_roles: Vec<String>,
        offer_constraints: Option<OfferConstraints>,
    }

    /// What a scheduler asks of the master.
    pub struct Call("Call") {
        framework_id: Option<FrameworkId>,
        r#type: Option<CallType>,
        subscribe: Option<Subscribe>,
        accept: Option<Accept>,
        decline: Option<Decline>,
        accept_inverse_offers: Option<AcceptInverseOffers>,
        decline_inverse_offers: Option<DeclineInverseOffers>,
        revive: Option<Revive>,
        kill: Option<Kill>,
        shutdown: Option<Shutdown>,
        acknowledge: Option<Acknowledge>,
        acknowledge_operation_status: Option<AcknowledgeOperationStatus>,
        reconcile: Option<Reconcile>,
        reconcile_operations: Option<ReconcileOperations>,
        message: Option<MessageCall>,
        request: Option<RequestCall>,
        suppress: Option<Suppress>,
        update_framework: Option<UpdateFramework>,
    }

    /// The body of `SUBSCRIBED`.
    pub struct SubscribedEvent("SubscribedEvent") {
        framework_id: FrameworkId,
        heartbeat_interval_seconds: Option<f64>,
        master_info: Option<MasterInfo>,
    }

    /// The body of `OFFERS`.
    pub struct OffersEvent("OffersEvent") {
        offers: Vec<Offer>,
    }

    /// The body of `INVERSE_OFFERS`.
    pub struct InverseOffersEvent("InverseOffersEvent") {
        inverse_offers: Vec<InverseOffer>,
    }

    /// The body of `RESCIND`.
    pub struct Rescind("Rescind") {
        offer_id: OfferId,
    }

    /// The body of `RESCIND_INVERSE_OFFER`.
    pub struct RescindInverseOffer("RescindInverseOffer") {
        inverse_offer_id: OfferId,
    }

    /// The body of `UPDATE`.
    pub struct UpdateEvent("UpdateEvent") {
        status: TaskStatus,
    }

    /// The body of `UPDATE_OPERATION_STATUS`.
    pub struct UpdateOperationStatus("UpdateOperationStatus") {
        status: OperationStatus,
    }

    /// The body of `MESSAGE`.
    pub struct MessageEvent("MessageEvent") {
        agent_id: AgentId,
        executor_id: ExecutorId,
        data: Bytes,
    }

    /// The body of `FAILURE`.
    pub struct Failure("Failure") {
        agent_id: Option<AgentId>,
        executor_id: Option<ExecutorId>,
        status: Option<i32>,
    }

    /// The body of `ERROR`.
    pub struct Error("Error") {
        message: String,
    }

    /// What a master tells a scheduler.
    pub struct Event("Event") {
        r#type: Option<EventType>,
        subscribed: Option<SubscribedEvent>,
        offers: Option<OffersEvent>,
        inverse_offers: Option<InverseOffersEvent>,
        rescind: Option<Rescind>,
        rescind_inverse_offer: Option<RescindInverseOffer>,
        update: Option<UpdateEvent>,
        update_operation_status: Option<UpdateOperationStatus>,
        message: Option<MessageEvent>,
        failure: Option<Failure>,
        error: Option<Error>,
    }
}

wire_enum! {
    /// What a [`Call`] is.
    pub enum CallType {
        Unknown = "UNKNOWN" (0),
        Subscribe = "SUBSCRIBE" (1),
        Teardown = "TEARDOWN" (2),
        Accept = "ACCEPT" (3),
        Decline = "DECLINE" (4),
        AcceptInverseOffers = "ACCEPT_INVERSE_OFFERS" (13),
        DeclineInverseOffers = "DECLINE_INVERSE_OFFERS" (14),
        Revive = "REVIVE" (5),
        Kill = "KILL" (6),
        Shutdown = "SHUTDOWN" (7),
        Acknowledge = "ACKNOWLEDGE" (8),
        AcknowledgeOperationStatus = "ACKNOWLEDGE_OPERATION_STATUS" (15),
        Reconcile = "RECONCILE" (9),
        ReconcileOperations = "RECONCILE_OPERATIONS" (16),
        Message = "MESSAGE" (10),
        Request = "REQUEST" (11),
        Suppress = "SUPPRESS" (12),
        UpdateFramework = "UPDATE_FRAMEWORK" (17),
    }

    /// What a [`Event`] is.
    pub enum EventType {
        Unknown = "UNKNOWN" (0),
        Subscribed = "SUBSCRIBED" (1),
        Offers = "OFFERS" (2),
        InverseOffers = "INVERSE_OFFERS" (9),
        Rescind = "RESCIND" (3),
        RescindInverseOffer = "RESCIND_INVERSE_OFFER" (10),
        Update = "UPDATE" (4),
        UpdateOperationStatus = "UPDATE_OPERATION_STATUS" (11),
        Message = "MESSAGE" (5),
        Failure = "FAILURE" (6),
        Error = "ERROR" (7),
        Heartbeat = "HEARTBEAT" (8),
    }
}

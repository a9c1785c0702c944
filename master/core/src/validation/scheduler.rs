//! The shape of scheduler calls (row VA-17).

use mesos::ids::FrameworkId;
use mesos::v1::scheduler::{Call, CallType};

use super::{Check, expect};

/// Octets of a UUID.
const UUID_LENGTH: usize = 16;

/// Checks that a call has a type, the body that goes with it and the ids that it needs. A caller
/// that has proved to be `principal` may subscribe only as that.
pub fn validate(call: &Call, principal: Option<&str>) -> Check {
    let Some(kind) = call.r#type else {
        return present(false, "type");
    };
    if kind == CallType::Subscribe {
        return subscribe(call, principal);
    }
    present(call.framework_id.is_some(), "framework_id")?;
    match kind {
        CallType::Accept => present(call.accept.is_some(), "accept"),
        CallType::Decline => present(call.decline.is_some(), "decline"),
        CallType::AcceptInverseOffers => {
            present(call.accept_inverse_offers.is_some(), "accept_inverse_offers")
        }
        CallType::DeclineInverseOffers => {
            present(call.decline_inverse_offers.is_some(), "decline_inverse_offers")
        }
        CallType::Kill => present(call.kill.is_some(), "kill"),
        CallType::Shutdown => present(call.shutdown.is_some(), "shutdown"),
        CallType::Acknowledge => {
            present(call.acknowledge.is_some(), "acknowledge")?;
            uuid(call.acknowledge.as_ref().map(|body| &*body.uuid))
        }
        CallType::AcknowledgeOperationStatus => {
            let body = call.acknowledge_operation_status.as_ref();
            present(body.is_some(), "acknowledge_operation_status")?;
            uuid(body.map(|body| &*body.uuid))
        }
        CallType::Reconcile => present(call.reconcile.is_some(), "reconcile"),
        CallType::ReconcileOperations => {
            present(call.reconcile_operations.is_some(), "reconcile_operations")
        }
        CallType::Message => present(call.message.is_some(), "message"),
        CallType::Request => present(call.request.is_some(), "request"),
        CallType::UpdateFramework => update_framework(call, principal),
        CallType::Unknown
        | CallType::Subscribe
        | CallType::Teardown
        | CallType::Revive
        | CallType::Suppress => Ok(()),
    }
}

fn subscribe(call: &Call, principal: Option<&str>) -> Check {
    present(call.subscribe.is_some(), "subscribe")?;
    let Some(body) = &call.subscribe else { return Ok(()) };
    let info = &body.framework_info;
    expect(same_id(&call.framework_id, &info.id), || {
        "'framework_id' differs from 'subscribe.framework_info.id'".to_owned()
    })?;
    same_principal(info.principal.as_deref(), principal)
}

fn update_framework(call: &Call, principal: Option<&str>) -> Check {
    present(call.update_framework.is_some(), "update_framework")?;
    let Some(body) = &call.update_framework else { return Ok(()) };
    let info = &body.framework_info;
    expect(same_id(&call.framework_id, &info.id), || {
        "'framework_id' differs from 'update_framework.framework_info.id'".to_owned()
    })?;
    same_principal(info.principal.as_deref(), principal)
}

fn present(is: bool, field: &str) -> Check {
    expect(is, || format!("Expecting '{field}' to be present"))
}

fn uuid(octets: Option<&[u8]>) -> Check {
    let is_valid = octets.is_some_and(|octets| octets.len() == UUID_LENGTH);
    expect(is_valid, || "Not a valid UUID".to_owned())
}

/// Whether two ids are equal, an absent one counting as empty.
fn same_id(one: &Option<FrameworkId>, other: &Option<FrameworkId>) -> bool {
    let text = |id: &Option<FrameworkId>| id.clone().unwrap_or_default();
    text(one) == text(other)
}

/// Checks that the principal in a framework's description is the one that the caller has proved.
pub(crate) fn same_principal(claimed: Option<&str>, proved: Option<&str>) -> Check {
    match (claimed, proved) {
        (Some(claimed), Some(proved)) => expect(claimed == proved, || {
            format!(
                "Authenticated principal '{proved}' does not match principal '{claimed}' set in \
                 `FrameworkInfo`"
            )
        }),
        _ => Ok(()),
    }
}

//! The shape of scheduler calls (row VA-17).

use mesos::ids::FrameworkId;
use mesos::v1::scheduler::{Call, CallType};

use super::{Check, Invalid, expect};

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
            uuid(body.map(|body| &*body.uuid))?;
            present(body.is_some_and(|body| body.agent_id.is_some()), "agent_id")
        }
        CallType::Reconcile => present(call.reconcile.is_some(), "reconcile"),
        CallType::ReconcileOperations => {
            present(call.reconcile_operations.is_some(), "reconcile_operations")
        }
        CallType::Message => present(call.message.is_some(), "message"),
        CallType::Request => present(call.request.is_some(), "request"),
        CallType::UpdateFramework => update_framework(call),
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

fn update_framework(call: &Call) -> Check {
    present(call.update_framework.is_some(), "update_framework")?;
    let id = call.update_framework.as_ref().and_then(|body| body.framework_info.id.clone());
    expect(same_id(&call.framework_id, &id), || {
        "'framework_id' differs from 'update_framework.framework_info.id'".to_owned()
    })
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

/// Checks that the principal in a framework's description, if it says one, is the one that the
/// caller has proved.
fn same_principal(claimed: Option<&str>, proved: Option<&str>) -> Check {
    match (claimed, proved) {
        (Some(claimed), Some(proved)) if claimed != proved => Err(mismatch(proved, claimed)),
        _ => Ok(()),
    }
}

/// Checks that whoever calls is who has subscribed: one who has proved a principal is that of the
/// framework, which the framework has then taken over when it subscribed.
pub fn validate_caller(proved: Option<&str>, principal: Option<&str>) -> Check {
    match proved {
        Some(proved) if principal != Some(proved) => {
            Err(mismatch(proved, principal.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

fn mismatch(proved: &str, claimed: &str) -> Invalid {
    Invalid(format!(
        "Authenticated principal '{proved}' does not match principal '{claimed}' set in \
         `FrameworkInfo`"
    ))
}

#[cfg(test)]
mod tests {
    use mesos::framework::FrameworkInfo;
    use mesos::v1::scheduler::{
        Acknowledge, AcknowledgeOperationStatus, Subscribe, UpdateFramework,
    };

    use super::*;
    use crate::validation::words;

    fn call(kind: CallType) -> Call {
        Call { framework_id: Some("F".into()), r#type: Some(kind), ..Call::default() }
    }

    fn says(call: &Call) -> String {
        words(validate(call, None))
    }

    #[test]
    fn a_call_has_a_type_and_a_framework() {
        assert_eq!(says(&Call::default()), "Expecting 'type' to be present");
        for kind in CallType::ALL.iter().filter(|kind| **kind != CallType::Subscribe) {
            let nobodys = Call { framework_id: None, ..call(*kind) };
            assert_eq!(says(&nobodys), "Expecting 'framework_id' to be present", "{kind}");
        }
    }

    #[test]
    fn a_call_has_a_body_of_its_type() {
        use CallType::*;
        for kind in CallType::ALL {
            let expected = match kind {
                Unknown | Teardown | Revive | Suppress => String::new(),
                kind => format!("Expecting '{}' to be present", kind.as_str().to_lowercase()),
            };
            assert_eq!(says(&call(*kind)), expected);
        }
    }

    #[test]
    fn acknowledgements_name_what_they_acknowledge() {
        let with = |uuid: &str| Call {
            acknowledge: Some(Acknowledge { uuid: uuid.into(), ..Acknowledge::default() }),
            ..call(CallType::Acknowledge)
        };
        assert_eq!(says(&with("sixteen octets.!")), "");
        assert_eq!(says(&with("short")), "Not a valid UUID");
        let with = |uuid: &str, agent: Option<&str>| Call {
            acknowledge_operation_status: Some(AcknowledgeOperationStatus {
                uuid: uuid.into(),
                agent_id: agent.map(Into::into),
                ..AcknowledgeOperationStatus::default()
            }),
            ..call(CallType::AcknowledgeOperationStatus)
        };
        assert_eq!(says(&with("sixteen octets.!", Some("A"))), "");
        assert_eq!(says(&with("short", Some("A"))), "Not a valid UUID");
        assert_eq!(says(&with("sixteen octets.!", None)), "Expecting 'agent_id' to be present");
    }

    #[test]
    fn ids_outside_and_inside_are_one() {
        let framework_info = FrameworkInfo { id: Some("G".into()), ..FrameworkInfo::default() };
        let subscribe = Some(Subscribe { framework_info, ..Subscribe::default() });
        let mut subscribe = Call { subscribe, ..call(CallType::Subscribe) };
        assert_eq!(says(&subscribe), "'framework_id' differs from 'subscribe.framework_info.id'");
        subscribe.framework_id = Some("G".into());
        assert_eq!(says(&subscribe), "");
        let update = Call {
            update_framework: Some(UpdateFramework::default()),
            ..call(CallType::UpdateFramework)
        };
        assert_eq!(
            says(&update),
            "'framework_id' differs from 'update_framework.framework_info.id'"
        );
    }

    #[test]
    fn principals_are_those_that_were_proved() {
        let subscribe = |principal: Option<&str>| {
            let principal = principal.map(str::to_owned);
            let framework_info = FrameworkInfo { principal, ..FrameworkInfo::default() };
            let subscribe = Some(Subscribe { framework_info, ..Subscribe::default() });
            Call { framework_id: None, subscribe, ..call(CallType::Subscribe) }
        };
        let expected = "Authenticated principal 'p' does not match principal 'q' set in \
                        `FrameworkInfo`";
        assert_eq!(words(validate(&subscribe(Some("q")), Some("p"))), expected);
        assert_eq!(validate(&subscribe(Some("p")), Some("p")), Ok(()));
        assert_eq!(validate(&subscribe(None), Some("p")), Ok(()));
        assert_eq!(validate(&subscribe(Some("q")), None), Ok(()));
        assert_eq!(words(validate_caller(Some("p"), Some("q"))), expected);
        assert_eq!(validate_caller(Some("p"), Some("p")), Ok(()));
        assert_eq!(validate_caller(None, Some("q")), Ok(()));
    }
}

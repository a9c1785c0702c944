//! Which calls of the executor API are well formed, in Mesos's order and words.

use mesos::bytes::Bytes;
use mesos::check::{CheckInfoType, CheckStatusInfo};
use mesos::ids::{ExecutorId, FrameworkId};
use mesos::task::{StatusSource, TaskState, TaskStatus};
use mesos::v1::executor::{Call, CallType};

/// What is wrong with a call. The texts are Mesos's: executors and their tests look at them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A part is missing that the call needs.
    #[error("Expecting '{0}' to be present")]
    Missing(&'static str),
    /// The uuid of an update is none.
    #[error("Not a valid UUID")]
    Uuid,
    /// An update is made on behalf of another executor.
    #[error("ExecutorID in Call: {call} does not match ExecutorID in TaskStatus: {status}")]
    OtherExecutor {
        /// Who calls.
        call: ExecutorId,
        /// Whose update it is.
        status: ExecutorId,
    },
    /// An update does not say that it comes from an executor.
    #[error(
        "Received Call from executor {0} of framework {1} with invalid source, expecting \
         'SOURCE_EXECUTOR'"
    )]
    Source(ExecutorId, FrameworkId),
    /// An update takes a task back to where it was before the executor had it.
    #[error("Received TASK_STAGING from executor {0} of framework {1} which is not allowed")]
    Staging(ExecutorId, FrameworkId),
    /// The result of a check is of no kind.
    #[error("CheckStatusInfo must specify 'type'")]
    NoCheckType,
    /// The result of a check is of the kind that stands for unknown ones.
    #[error("'UNKNOWN' is not a valid check's status type")]
    UnknownCheckType,
    /// The result of a check is missing.
    #[error("Expecting '{0}' to be set for {1} check's status")]
    CheckResult(&'static str, &'static str),
}

/// Whether a call has everything that its type needs.
///
/// # Errors
/// See [`CallError`].
pub fn validate(call: &Call) -> Result<(), CallError> {
    let Some(kind) = call.r#type else { return Err(CallError::Missing("type")) };
    match kind {
        CallType::Subscribe => present(call.subscribe.as_ref(), "subscribe").map(|_| ()),
        CallType::Update => {
            let update = present(call.update.as_ref(), "update")?;
            validate_status(call, &update.status)
        }
        CallType::Message => present(call.message.as_ref(), "message").map(|_| ()),
        CallType::Heartbeat | CallType::Unknown => Ok(()),
    }
}

fn present<'a, T>(part: Option<&'a T>, name: &'static str) -> Result<&'a T, CallError> {
    part.ok_or(CallError::Missing(name))
}

fn validate_status(call: &Call, status: &TaskStatus) -> Result<(), CallError> {
    if !is_uuid(present(status.uuid.as_ref(), "uuid")?) {
        return Err(CallError::Uuid);
    }
    let (executor, framework) = (call.executor_id.clone(), call.framework_id.clone());
    match &status.executor_id {
        Some(other) if *other != executor => {
            return Err(CallError::OtherExecutor { call: executor, status: other.clone() });
        }
        _ => {}
    }
    if status.source != Some(StatusSource::Executor) {
        return Err(CallError::Source(executor, framework));
    }
    if status.state == TaskState::Staging {
        return Err(CallError::Staging(executor, framework));
    }
    status.check_status.as_deref().map_or(Ok(()), validate_check)
}

/// Whether these octets are a uuid of a version that exists.
fn is_uuid(octets: &Bytes) -> bool {
    let octets: &[u8] = octets.as_ref();
    octets.len() == 16 && matches!(octets[6] >> 4, 1..=5)
}

fn validate_check(status: &CheckStatusInfo) -> Result<(), CallError> {
    let (there, name, kind) = match status.r#type {
        None => return Err(CallError::NoCheckType),
        Some(CheckInfoType::Unknown) => return Err(CallError::UnknownCheckType),
        Some(CheckInfoType::Command) => (status.command.is_some(), "command", "COMMAND"),
        Some(CheckInfoType::Http) => (status.http.is_some(), "http", "HTTP"),
        Some(CheckInfoType::Tcp) => (status.tcp.is_some(), "tcp", "TCP"),
    };
    if there { Ok(()) } else { Err(CallError::CheckResult(name, kind)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos::check::CheckStatusInfoTcp;
    use mesos::v1::executor::{MessageCall, Subscribe, Update};

    fn call(kind: CallType) -> Call {
        Call {
            executor_id: "e".into(),
            framework_id: "f".into(),
            r#type: Some(kind),
            ..Call::default()
        }
    }

    /// A good update, changed.
    fn update(change: impl FnOnce(&mut TaskStatus)) -> Call {
        let mut status = TaskStatus {
            task_id: "t".into(),
            state: TaskState::Running,
            source: Some(StatusSource::Executor),
            uuid: Some(Bytes::from(&b"0123456789abcdef"[..])),
            ..TaskStatus::default()
        };
        change(&mut status);
        Call { update: Some(Update { status }), ..call(CallType::Update) }
    }

    fn text(call: &Call) -> String {
        validate(call).expect_err("it is not valid").to_string()
    }

    #[test]
    fn every_type_needs_its_body() {
        assert_eq!(text(&Call::default()), "Expecting 'type' to be present");
        for (kind, name) in [
            (CallType::Subscribe, "subscribe"),
            (CallType::Update, "update"),
            (CallType::Message, "message"),
        ] {
            assert_eq!(text(&call(kind)), format!("Expecting '{name}' to be present"));
        }
        let subscribe = Some(Subscribe::default());
        assert_eq!(validate(&Call { subscribe, ..call(CallType::Subscribe) }), Ok(()));
        let message = Some(MessageCall::default());
        assert_eq!(validate(&Call { message, ..call(CallType::Message) }), Ok(()));
        assert_eq!(validate(&call(CallType::Heartbeat)), Ok(()));
        assert_eq!(validate(&call(CallType::Unknown)), Ok(()));
    }

    #[test]
    fn an_update_names_itself_its_executor_and_its_source() {
        assert_eq!(validate(&update(|_| {})), Ok(()));
        assert_eq!(text(&update(|s| s.uuid = None)), "Expecting 'uuid' to be present");
        let short = Some(Bytes::from(&b"short"[..]));
        assert_eq!(text(&update(|s| s.uuid = short)), "Not a valid UUID");
        let unversioned = Some(Bytes::from(&[0; 16][..]));
        assert_eq!(text(&update(|s| s.uuid = unversioned)), "Not a valid UUID");
        assert_eq!(
            text(&update(|s| s.executor_id = Some("other".into()))),
            "ExecutorID in Call: e does not match ExecutorID in TaskStatus: other"
        );
        assert_eq!(validate(&update(|s| s.executor_id = Some("e".into()))), Ok(()));
        let source = "Received Call from executor e of framework f with invalid source, expecting \
                      'SOURCE_EXECUTOR'";
        assert_eq!(text(&update(|s| s.source = Some(StatusSource::Master))), source);
        assert_eq!(text(&update(|s| s.source = None)), source);
        assert_eq!(
            text(&update(|s| s.state = TaskState::Staging)),
            "Received TASK_STAGING from executor e of framework f which is not allowed"
        );
    }

    #[test]
    fn the_result_of_a_check_is_of_its_kind() {
        let with = |r#type, tcp| {
            let status = CheckStatusInfo { r#type, tcp, ..CheckStatusInfo::default() };
            update(|s| s.check_status = Some(Box::new(status)))
        };
        assert_eq!(text(&with(None, None)), "CheckStatusInfo must specify 'type'");
        assert_eq!(
            text(&with(Some(CheckInfoType::Unknown), None)),
            "'UNKNOWN' is not a valid check's status type"
        );
        for (kind, message) in [
            (CheckInfoType::Command, "Expecting 'command' to be set for COMMAND check's status"),
            (CheckInfoType::Http, "Expecting 'http' to be set for HTTP check's status"),
            (CheckInfoType::Tcp, "Expecting 'tcp' to be set for TCP check's status"),
        ] {
            assert_eq!(text(&with(Some(kind), None)), message);
        }
        let tcp = Some(CheckStatusInfoTcp::default());
        assert_eq!(validate(&with(Some(CheckInfoType::Tcp), tcp)), Ok(()));
    }
}

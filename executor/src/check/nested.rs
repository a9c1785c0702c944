//! Commands that check a task of the default executor: each runs in a container of its own, nested
//! in the task's, and as a session, so that it finds the directory and the variables of the task.
//!
//! ```text
//!   leftovers: kill, wait, remove ──▶ launch ──▶ output ends ──▶ wait ──▶ remove
//!                                        └── too late: kill, wait ──▶ remove
//! ```
//!
//! What cannot be removed, because the agent is gone in the middle, is left to the next probe.

use std::io::Write as _;
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::executor_info::CommandInfo;
use mesos::ids::ContainerId;
use mesos::json;
use mesos::recordio::Decoder;
use mesos::v1::agent::{Call, CallType, ProcessIo};
use mesos::v1::agent::{
    KillNestedContainer, LaunchNestedContainerSession, RemoveNestedContainer, WaitNestedContainer,
};
use nix::libc;

use super::Outcome;
use super::probe::{late, within};
use crate::agent_api::{AgentApi, ApiError};
use crate::task_process::Exit;

/// How long one call may take that does not wait for the command.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the end of a container that was killed is waited for.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest piece of output that is read.
const RECORD_BYTES: usize = 1024 * 1024;

/// The container of a new probe of a task.
pub fn check_container(task: &ContainerId) -> ContainerId {
    let uuid = uuid_text(&Bytes::random_uuid());
    ContainerId { value: format!("check-{uuid}"), parent: Some(Box::new(task.clone())) }
}

/// The text of a UUID.
pub fn uuid_text(uuid: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, octet) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

/// Runs a command in `container`, and removes the containers of former probes first. Gives what it
/// found out, and the containers that it could not remove.
pub async fn run(
    api: AgentApi,
    container: ContainerId,
    command: CommandInfo,
    timeout: Option<Duration>,
    leftovers: Vec<ContainerId>,
) -> (Outcome, Vec<ContainerId>) {
    let mut left = Vec::new();
    for leftover in leftovers {
        if let Err(error) = clean(&api, &leftover).await {
            let why = format!("cannot remove container {leftover} of the last check: {error}");
            left.push(leftover);
            return (Outcome::Unavailable(why), left);
        }
    }
    let (outcome, cleaned) = match within(timeout, session(&api, &container, command)).await {
        Some(Ok(status)) => (judge(status), remove(&api, &container).await),
        // Whether it was launched is not known where the answer was lost.
        Some(Err(error)) => return (Outcome::Unavailable(error.to_string()), vec![container]),
        None => (late("Command", timeout), clean(&api, &container).await),
    };
    if cleaned.is_err() {
        left.push(container);
    }
    (outcome, left)
}

fn judge(status: Option<i32>) -> Outcome {
    let Some(status) = status else {
        return Outcome::Failed("Unable to get the exit code".to_owned());
    };
    let exit = Exit::from_raw(status);
    match (exit.code(), exit.signal()) {
        (Some(code), _) => Outcome::Exited(code),
        // That is how it ends when its task does.
        (None, Some(libc::SIGKILL)) => Outcome::Unavailable("the check was killed".to_owned()),
        (None, _) => Outcome::Failed(format!("Command {exit}")),
    }
}

/// Runs a command to its end; its wait status, if that is known. What it writes goes to the errors
/// of this process.
async fn session(
    api: &AgentApi,
    container: &ContainerId,
    command: CommandInfo,
) -> Result<Option<i32>, ApiError> {
    let call = Call {
        r#type: Some(CallType::LaunchNestedContainerSession),
        launch_nested_container_session: Some(LaunchNestedContainerSession {
            container_id: container.clone(),
            command: Some(Box::new(command)),
            container: None,
        }),
        ..Call::default()
    };
    let mut output = api.stream(&call, CALL_TIMEOUT).await?;
    let mut records = Decoder::new(RECORD_BYTES);
    while let Some(piece) = output.next().await {
        records.push(&piece?);
        while let Ok(Some(record)) = records.next_record() {
            print(&record);
        }
    }
    wait(api, container, None).await
}

/// Prints what a command has written. What cannot be read, or printed, is lost.
fn print(record: &[u8]) {
    let io = json::from_slice::<ProcessIo>(record, "ProcessIO").unwrap_or_default();
    if let Some(data) = io.data.and_then(|data| data.data) {
        let _ = std::io::stderr().write_all(&data);
    }
}

/// Waits for the end of a container; its wait status, if that is known.
async fn wait(
    api: &AgentApi,
    container: &ContainerId,
    timeout: impl Into<Option<Duration>>,
) -> Result<Option<i32>, ApiError> {
    let call = Call {
        r#type: Some(CallType::WaitNestedContainer),
        wait_nested_container: Some(WaitNestedContainer { container_id: container.clone() }),
        ..Call::default()
    };
    let response = api.call(&call, timeout).await?.success()?;
    Ok(response.wait_nested_container.unwrap_or_default().exit_status)
}

/// Ends a container and removes what is left of it.
async fn clean(api: &AgentApi, container: &ContainerId) -> Result<(), ApiError> {
    let kill = Call {
        r#type: Some(CallType::KillNestedContainer),
        kill_nested_container: Some(KillNestedContainer {
            container_id: container.clone(),
            signal: Some(libc::SIGKILL),
        }),
        ..Call::default()
    };
    // One that has ended is not there to be killed, and there to be removed.
    api.call(&kill, CALL_TIMEOUT).await?;
    match wait(api, container, KILL_TIMEOUT).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => remove(api, container).await,
    }
}

/// Removes what is left of a container that has ended. One that is not there is none to remove.
async fn remove(api: &AgentApi, container: &ContainerId) -> Result<(), ApiError> {
    let call = Call {
        r#type: Some(CallType::RemoveNestedContainer),
        remove_nested_container: Some(RemoveNestedContainer { container_id: container.clone() }),
        ..Call::default()
    };
    match api.call(&call, CALL_TIMEOUT).await?.success() {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_have_containers_below_the_task() {
        let task = ContainerId {
            value: "task".to_owned(),
            parent: Some(Box::new(ContainerId::root("root"))),
        };
        let text = check_container(&task).to_string();
        let uuid = text.strip_prefix("root.task.check-").unwrap();
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn the_end_of_a_check_says_what_it_found() {
        assert_eq!(judge(Some(3 << 8)), Outcome::Exited(3));
        assert!(matches!(judge(Some(libc::SIGKILL)), Outcome::Unavailable(_)));
        let failed = Outcome::Failed("Command terminated with signal Terminated".to_owned());
        assert_eq!(judge(Some(libc::SIGTERM)), failed);
        assert!(matches!(judge(None), Outcome::Failed(_)));
    }
}

//! Tasks as the agent keeps them.

use mesos::bytes::Bytes;
use mesos::executor_info::ExecutorInfo;
use mesos::framework::{FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::FrameworkId;
use mesos::task::{Task, TaskInfo, TaskState, TaskStatus};

use crate::effect::ExecutorKind;
use crate::metrics::Counter;

/// What counts a task that ended in this state.
pub(crate) fn counter(state: TaskState) -> Option<Counter> {
    match state {
        TaskState::Finished => Some(Counter::TasksFinished),
        TaskState::Failed => Some(Counter::TasksFailed),
        TaskState::Killed => Some(Counter::TasksKilled),
        TaskState::Lost => Some(Counter::TasksLost),
        TaskState::Gone => Some(Counter::TasksGone),
        _ => None,
    }
}

/// Whether a framework tells tasks apart that are gone, dropped or unreachable (row TS-08).
pub(crate) fn is_partition_aware(framework: &FrameworkInfo) -> bool {
    framework.has_capability(FrameworkCapabilityType::PartitionAware)
}

/// The state of a task that never ran, as its framework knows it.
pub(crate) fn dropped(framework: &FrameworkInfo) -> TaskState {
    if is_partition_aware(framework) { TaskState::Dropped } else { TaskState::Lost }
}

/// The state of a task that ran and is no more, as its framework knows it.
pub(crate) fn gone(framework: &FrameworkInfo) -> TaskState {
    if is_partition_aware(framework) { TaskState::Gone } else { TaskState::Lost }
}

/// A task that was asked for. A command task names no executor, as in Mesos.
pub(crate) fn new_task(
    info: &TaskInfo,
    framework: &FrameworkId,
    executor: &ExecutorInfo,
    kind: ExecutorKind,
) -> Task {
    let user = executor.command.as_deref().and_then(|command| command.user.clone());
    let task = Task::new(info, framework, TaskState::Staging);
    Task {
        executor_id: (kind != ExecutorKind::Command).then(|| executor.executor_id.clone()),
        user: task.user.or(user),
        ..task
    }
}

/// How many states of a task are remembered.
const MAX_STATUSES: usize = 32;

/// Notes a status. Of several with one state only the last is kept, and without what only the
/// framework needs: statuses are there to show where the task has been.
pub(crate) fn record(task: &mut Task, status: &TaskStatus) {
    task.state = status.state;
    let kept = TaskStatus { data: None, ..status.clone() };
    match task.statuses.last_mut() {
        Some(last) if last.state == status.state => *last = kept,
        _ => {
            if task.statuses.len() == MAX_STATUSES {
                task.statuses.remove(0);
            }
            task.statuses.push(kept);
        }
    }
}

/// A random uuid of version 4, from a seeded generator.
pub(crate) fn random_uuid(rng: &mut fastrand::Rng) -> [u8; 16] {
    let mut octets = rng.u128(..).to_be_bytes();
    octets[6] = (octets[6] & 0x0f) | 0x40;
    octets[8] = (octets[8] & 0x3f) | 0x80;
    octets
}

/// A random uuid as updates carry it.
pub(crate) fn random_uuid_octets(rng: &mut fastrand::Rng) -> Bytes {
    Bytes::from(&random_uuid(rng)[..])
}

/// A random uuid as ids carry it.
pub(crate) fn random_uuid_text(rng: &mut fastrand::Rng) -> String {
    let hex: String = random_uuid(rng).iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4_and_follow_the_seed() {
        let text = random_uuid_text(&mut fastrand::Rng::with_seed(1));
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(text, random_uuid_text(&mut fastrand::Rng::with_seed(1)));
        assert_ne!(text, random_uuid_text(&mut fastrand::Rng::with_seed(2)));
    }

    #[test]
    fn a_repeated_state_replaces_the_last() {
        let mut task = Task::default();
        let status = |state, healthy| TaskStatus { state, healthy, ..TaskStatus::default() };
        record(&mut task, &status(TaskState::Starting, None));
        record(&mut task, &status(TaskState::Running, None));
        record(&mut task, &status(TaskState::Running, Some(true)));
        assert_eq!(task.state, TaskState::Running);
        assert_eq!(task.statuses.len(), 2);
        assert_eq!(task.statuses[1].healthy, Some(true));
    }
}

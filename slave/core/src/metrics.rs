//! What an agent counts and measures, under Mesos's names (row UM-02).

use mesos::resources::Resources;
use mesos::task::TaskState;
use mesos::time::Time;

use crate::agent::AgentState;
use crate::executor::ExecutorState;
use crate::snapshot::Snapshot;

/// Something that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Tasks that finished.
    TasksFinished,
    /// Tasks that failed.
    TasksFailed,
    /// Tasks that were killed.
    TasksKilled,
    /// Tasks that were lost.
    TasksLost,
    /// Tasks that are gone.
    TasksGone,
    /// Executors that ended.
    ExecutorsTerminated,
    /// Executors that made room for others.
    ExecutorsPreempted,
    /// Updates that were taken.
    ValidStatusUpdates,
    /// Updates that were refused.
    InvalidStatusUpdates,
    /// Messages between frameworks and executors that were relayed.
    ValidFrameworkMessages,
    /// Messages between frameworks and executors that had nowhere to go.
    InvalidFrameworkMessages,
    /// Streams of executors that did not read what they were sent.
    ExecutorStreamsCut,
    /// Containers that could not be made.
    ContainerLaunchErrors,
    /// Checkpoints that were damaged.
    RecoveryErrors,
    /// Directories that were collected.
    PathRemovalsSucceeded,
    /// Directories that could not be collected.
    PathRemovalsFailed,
}

impl Counter {
    /// Every counter: they are reported before they count anything.
    pub const ALL: [Counter; 16] = [
        Counter::TasksFinished,
        Counter::TasksFailed,
        Counter::TasksKilled,
        Counter::TasksLost,
        Counter::TasksGone,
        Counter::ExecutorsTerminated,
        Counter::ExecutorsPreempted,
        Counter::ValidStatusUpdates,
        Counter::InvalidStatusUpdates,
        Counter::ValidFrameworkMessages,
        Counter::InvalidFrameworkMessages,
        Counter::ExecutorStreamsCut,
        Counter::ContainerLaunchErrors,
        Counter::RecoveryErrors,
        Counter::PathRemovalsSucceeded,
        Counter::PathRemovalsFailed,
    ];

    /// Mesos's name of this counter.
    pub const fn name(self) -> &'static str {
        match self {
            Counter::TasksFinished => "slave/tasks_finished",
            Counter::TasksFailed => "slave/tasks_failed",
            Counter::TasksKilled => "slave/tasks_killed",
            Counter::TasksLost => "slave/tasks_lost",
            Counter::TasksGone => "slave/tasks_gone",
            Counter::ExecutorsTerminated => "slave/executors_terminated",
            Counter::ExecutorsPreempted => "slave/executors_preempted",
            Counter::ValidStatusUpdates => "slave/valid_status_updates",
            Counter::InvalidStatusUpdates => "slave/invalid_status_updates",
            Counter::ValidFrameworkMessages => "slave/valid_framework_messages",
            Counter::InvalidFrameworkMessages => "slave/invalid_framework_messages",
            Counter::ExecutorStreamsCut => "slave/executor_streams_cut",
            Counter::ContainerLaunchErrors => "slave/container_launch_errors",
            Counter::RecoveryErrors => "slave/recovery_errors",
            Counter::PathRemovalsSucceeded => "gc/path_removals_succeeded",
            Counter::PathRemovalsFailed => "gc/path_removals_failed",
        }
    }
}

/// The gauges of an agent, by Mesos's name.
///
/// `now` is the time of the reading; a snapshot does not age by itself.
pub fn gauges(snapshot: &Snapshot, now: Time) -> Vec<(&'static str, f64)> {
    let mut gauges = vec![
        ("slave/uptime_secs", now.since(snapshot.started).as_secs_f64()),
        ("slave/registered", f64::from(u8::from(snapshot.state == AgentState::Running))),
        ("slave/frameworks_active", snapshot.frameworks.len() as f64),
        ("slave/recovery_time_secs", snapshot.recovery_time.unwrap_or_default().as_secs_f64()),
        ("slave/executor_directory_max_allowed_age_secs", snapshot.gc_max_age.as_secs_f64()),
        ("gc/path_removals_pending", snapshot.gc_pending as f64),
    ];
    count_executors(snapshot, &mut gauges);
    count_tasks(snapshot, &mut gauges);
    measure_resources(snapshot, &mut gauges);
    gauges
}

fn count_executors(snapshot: &Snapshot, gauges: &mut Vec<(&'static str, f64)>) {
    let mut counts = [
        ("slave/executors_registering", ExecutorState::Registering, 0),
        ("slave/executors_running", ExecutorState::Running, 0),
        ("slave/executors_terminating", ExecutorState::Terminating, 0),
    ];
    for executor in snapshot.executors() {
        for (_, state, count) in &mut counts {
            *count += u32::from(executor.state == *state);
        }
    }
    gauges.extend(counts.map(|(name, _, count)| (name, f64::from(count))));
}

fn count_tasks(snapshot: &Snapshot, gauges: &mut Vec<(&'static str, f64)>) {
    let mut counts = [
        ("slave/tasks_staging", TaskState::Staging, 0),
        ("slave/tasks_starting", TaskState::Starting, 0),
        ("slave/tasks_running", TaskState::Running, 0),
        ("slave/tasks_killing", TaskState::Killing, 0),
    ];
    let pending = snapshot.frameworks.values().flat_map(|framework| &framework.pending);
    counts[0].2 += pending.map(|launch| launch.tasks.len()).sum::<usize>();
    for executor in snapshot.executors() {
        counts[0].2 += executor.queued.iter().map(|queued| queued.tasks.len()).sum::<usize>();
        for task in executor.launched_tasks.values() {
            for (_, state, count) in &mut counts {
                *count += usize::from(task.state == *state);
            }
        }
    }
    gauges.extend(counts.map(|(name, _, count)| (name, count as f64)));
}

/// The names of the gauges of one resource: total, used, percent.
type ResourceNames = (&'static str, [&'static str; 3], [&'static str; 3]);

macro_rules! resource_names {
    ($name:literal) => {
        (
            $name,
            [
                concat!("slave/", $name, "_total"),
                concat!("slave/", $name, "_used"),
                concat!("slave/", $name, "_percent"),
            ],
            [
                concat!("slave/", $name, "_revocable_total"),
                concat!("slave/", $name, "_revocable_used"),
                concat!("slave/", $name, "_revocable_percent"),
            ],
        )
    };
}

const RESOURCES: [ResourceNames; 4] = [
    resource_names!("cpus"),
    resource_names!("mem"),
    resource_names!("disk"),
    resource_names!("gpus"),
];

fn measure_resources(snapshot: &Snapshot, gauges: &mut Vec<(&'static str, f64)>) {
    let total = snapshot.info.resources();
    let used = snapshot.allocated();
    let kinds =
        [(total.nonrevocable(), used.nonrevocable()), (total.revocable(), used.revocable())];
    for (name, plain, revocable) in RESOURCES {
        for ([total_name, used_name, percent_name], (total, used)) in
            [plain, revocable].into_iter().zip(&kinds)
        {
            let amount = |of: &Resources| of.scalar(name).map_or(0.0, |value| value.to_f64());
            let (total, used) = (amount(total), amount(used));
            gauges.push((total_name, total));
            gauges.push((used_name, used));
            gauges.push((percent_name, if total > 0.0 { used / total } else { 0.0 }));
        }
    }
}

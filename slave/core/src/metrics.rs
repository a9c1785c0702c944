//! What an agent counts and measures, under Mesos's names (row UM-02).

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
    pub const ALL: [Counter; 15] = [
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
            Counter::ContainerLaunchErrors => "slave/container_launch_errors",
            Counter::RecoveryErrors => "slave/recovery_errors",
            Counter::PathRemovalsSucceeded => "gc/path_removals_succeeded",
            Counter::PathRemovalsFailed => "gc/path_removals_failed",
        }
    }
}

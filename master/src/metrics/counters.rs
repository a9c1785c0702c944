//! The counters that exist from the beginning, so that a dashboard finds a zero (rows MM-02 to
//! MM-08). Others are made when they first count; see [`describe`].

use libprocess::metrics::Desc;

/// Names, and what they count: a sentence without its full stop.
pub(super) const COUNTERS: &[(&str, &str)] = &[
    ("master/slave_registrations", "Agents that registered for the first time"),
    ("master/slave_reregistrations", "Agents that came back"),
    ("master/slave_removals", "Agents that were removed for any reason"),
    ("master/slave_removals/reason_registered", "Agents removed as another took their address"),
    ("master/slave_removals/reason_unhealthy", "Agents removed as they fell silent"),
    ("master/slave_removals/reason_unregistered", "Agents that left by themselves"),
    ("master/slave_unreachable_scheduled", "Agents about to be marked unreachable"),
    ("master/slave_unreachable_canceled", "Agents that answered just before"),
    ("master/slave_unreachable_completed", "Agents marked unreachable"),
    ("master/slave_shutdowns_scheduled", "Always 0, kept for dashboards of old"),
    ("master/slave_shutdowns_canceled", "Always 0, kept for dashboards of old"),
    ("master/slave_shutdowns_completed", "Always 0, kept for dashboards of old"),
    ("master/recovery_slave_removals", "Agents that did not come back after a failover"),
    ("master/tasks_error", "Tasks that were invalid"),
    ("master/tasks_failed", "Tasks that failed"),
    ("master/tasks_finished", "Tasks that finished"),
    ("master/tasks_killed", "Tasks that were killed"),
    ("master/tasks_lost", "Tasks that were lost"),
    ("master/tasks_dropped", "Tasks that were never launched"),
    ("master/tasks_gone", "Tasks that ended with their agents"),
    ("master/tasks_gone_by_operator", "Tasks declared dead by an operator"),
    ("master/dropped_messages", "Messages that were dropped"),
    ("master/invalid_executor_to_framework_messages", "Messages of executors that were invalid"),
    ("master/invalid_framework_to_executor_messages", "Messages of frameworks that were invalid"),
    (
        "master/invalid_operation_status_update_acknowledgements",
        "Acknowledgements of operations that were invalid",
    ),
    ("master/invalid_operation_status_updates", "Status updates of operations that were invalid"),
    ("master/invalid_status_update_acknowledgements", "Acknowledgements that were invalid"),
    ("master/invalid_status_updates", "Status updates that were invalid"),
    ("master/valid_executor_to_framework_messages", "Messages of executors that were valid"),
    ("master/valid_framework_to_executor_messages", "Messages of frameworks that were valid"),
    (
        "master/valid_operation_status_update_acknowledgements",
        "Acknowledgements of operations that were valid",
    ),
    ("master/valid_operation_status_updates", "Status updates of operations that were valid"),
    ("master/valid_status_update_acknowledgements", "Acknowledgements that were valid"),
    ("master/valid_status_updates", "Status updates that were valid"),
    ("master/messages_decline_offers", "DECLINE calls, and launches of no tasks"),
    ("master/messages_executor_to_framework", "Messages from executors"),
    ("master/messages_exited_executor", "Executors that ended"),
    ("master/messages_framework_to_executor", "MESSAGE calls"),
    ("master/messages_kill_task", "KILL calls"),
    ("master/messages_launch_tasks", "LAUNCH operations"),
    ("master/messages_operation_status_update", "Status updates of operations"),
    (
        "master/messages_operation_status_update_acknowledgement",
        "ACKNOWLEDGE_OPERATION_STATUS calls",
    ),
    ("master/messages_reconcile_operations", "RECONCILE_OPERATIONS calls"),
    ("master/messages_reconcile_tasks", "RECONCILE calls"),
    ("master/messages_register_framework", "First SUBSCRIBE calls"),
    ("master/messages_register_slave", "Registrations of agents"),
    ("master/messages_reregister_framework", "Further SUBSCRIBE calls"),
    ("master/messages_reregister_slave", "Re-registrations of agents"),
    ("master/messages_resource_request", "REQUEST calls"),
    ("master/messages_revive_offers", "REVIVE calls"),
    ("master/messages_status_update", "Status updates from agents"),
    ("master/messages_status_update_acknowledgement", "ACKNOWLEDGE calls"),
    ("master/messages_suppress_offers", "SUPPRESS calls"),
    ("master/messages_unregister_framework", "TEARDOWN calls"),
    ("master/messages_unregister_slave", "Agents that say goodbye"),
    ("master/messages_update_slave", "Changes of agents"),
    ("master/messages_deactivate_framework", "Frameworks deactivated by a driver"),
    ("master/messages_authenticate", "Authentications"),
    ("master/http_cache_hits", "Readers that shared another's rendering"),
    ("allocator/mesos/allocation_runs", "Runs of the allocator"),
];

/// The template of the counters that tell why tasks have ended (row MM-06).
const ENDS: &str = "master/task_{state}/source_{source}/reason_{reason}";

/// How a counter is described that is not among [`COUNTERS`].
pub(super) fn describe(name: &str) -> Desc {
    match parts(name) {
        Some((state, source, reason)) => {
            let values = [("state", state), ("source", source), ("reason", reason)];
            Desc::labelled(ENDS, &values, "Tasks that ended, by state, source and reason.")
                .family("master/task_ends")
        }
        None => Desc::new(name, "Counted by the master."),
    }
}

/// State, source and reason of a counter of ends.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (state, rest) = name.strip_prefix("master/task_")?.split_once("/source_")?;
    let (source, reason) = rest.split_once("/reason_")?;
    Some((state, source, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_labels() {
        let name = "master/task_lost/source_master/reason_invalid_offers";
        let desc = describe(name);
        assert_eq!(desc.name, name);
        assert_eq!(desc.family, "master/task_ends");
        assert_eq!(desc.labels[2], ("reason".to_owned(), "invalid_offers".to_owned()));
        assert_eq!(describe("master/task_lost/else").labels, []);
    }

    #[test]
    fn every_counter_is_there_once() {
        let names: std::collections::BTreeSet<_> = COUNTERS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), COUNTERS.len());
    }
}

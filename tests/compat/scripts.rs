//! The sessions that were recorded, each with the folders that show it and the order of its steps.
//!
//! Folders named `state_…` are pictures of a cluster in the midst of a session.

use crate::player::Step::{self, *};

/// A session.
pub struct Script {
    pub name: &'static str,
    /// How many agents the cluster has.
    pub agents: usize,
    pub steps: &'static [Step],
}

/// All sessions.
pub const SCRIPTS: [Script; 9] = [
    Script { name: "master alone", agents: 0, steps: &[Play("state_no_agents", "", "")] },
    Script { name: "nothing running", agents: 1, steps: &[Play("state_agent_idle", "", "")] },
    Script { name: "broken requests", agents: 1, steps: &BROKEN_REQUESTS },
    Script { name: "scheduler", agents: 1, steps: &SCHEDULER },
    Script { name: "failover", agents: 1, steps: &FAILOVER },
    Script { name: "custom executor", agents: 1, steps: &CUSTOM_EXECUTOR },
    Script { name: "nested containers", agents: 1, steps: &NESTED_CONTAINERS },
    Script { name: "operator", agents: 1, steps: &OPERATOR },
    Script { name: "events to operators", agents: 1, steps: &[Play("operator_stream", "", "")] },
];

const BROKEN_REQUESTS: [Step; 6] = [
    Play("malformed_scheduler", "", ""),
    Play("malformed_scheduler_live", "", ""),
    Play("malformed_executor", "", ""),
    Play("malformed_agent_operator", "", ""),
    Play("malformed_master_operator", "", ""),
    Play("malformed_master_http", "", ""),
];

const SCHEDULER: [Step; 7] = [
    Play("sched_session", "", "14"),
    Play("state_task_running", "", ""),
    Play("sched_session", "14", "26"),
    Play("state_reserved_volume_running", "", ""),
    Play("sched_session", "26", "35"),
    Play("state_task_group_running", "", ""),
    Play("sched_session", "35", ""),
];

const FAILOVER: [Step; 11] = [
    Play("sched_failover", "A", "B"),
    Await("sched_failover/A_first_stream", "OFFERS"),
    Play("sched_failover", "B", "C"),
    Play("sched_failover", "21", "22"),
    Close("sched_failover/B_second_stream"),
    AwaitDisconnection,
    Play("sched_failover", "22", "3"),
    Play("state_framework_disconnected", "", ""),
    Play("sched_failover", "C", "D"),
    Play("sched_failover", "31", "4"),
    Play("sched_failover", "D", ""),
];

const CUSTOM_EXECUTOR: [Step; 19] = [
    Play("sched_custom_executor", "00", "02"),
    AwaitExecutor,
    Play("executor_session", "01", "02"),
    Play("executor_session", "00", "01"),
    Await("executor_session/00_SUBSCRIBE_stream", "LAUNCH x2"),
    Play("executor_session", "02", "12"),
    Play("sched_custom_executor", "02", "06"),
    Play("state_custom_executor_running", "", ""),
    Play("sched_custom_executor", "06", "07"),
    Await("executor_session/00_SUBSCRIBE_stream", "KILL"),
    Play("executor_session", "12", "13"),
    Play("sched_custom_executor", "07", "09"),
    Await("executor_session/00_SUBSCRIBE_stream", "MESSAGE"),
    Play("executor_session", "13", ""),
    Play("sched_custom_executor", "09", "11"),
    Await("executor_session/00_SUBSCRIBE_stream", "SHUTDOWN"),
    EndExecutor,
    Await("sched_custom_executor/00_SUBSCRIBE_stream", "FAILURE"),
    Play("sched_custom_executor", "11", ""),
];

const NESTED_CONTAINERS: [Step; 8] = [
    Play("sched_for_agent_session", "", "04"),
    Play("agent_session", "01", "02"),
    Play("agent_session", "03", "04"),
    Play("agent_session", "02", "03"),
    Play("agent_session", "05", "06"),
    Play("agent_session", "04", "05"),
    Play("agent_session", "06", ""),
    Play("sched_for_agent_session", "04", ""),
];

const OPERATOR: [Step; 19] = [
    Play("operator_mutations", "000", "018"),
    Play("state_with_quota_weights", "", ""),
    Play("operator_mutations", "018", "034"),
    Play("sched_maintenance", "00", "04"),
    Play("operator_mutations", "034", "039"),
    Await("sched_maintenance/00_SUBSCRIBE_stream", "INVERSE_OFFERS"),
    Play("sched_maintenance", "04", "05"),
    Play("operator_mutations", "039", "041"),
    Play("sched_maintenance", "05", "06"),
    Play("operator_mutations", "041", "042"),
    Play("state_maintenance_scheduled", "", ""),
    Play("operator_mutations", "042", "051"),
    Play("sched_maintenance", "06", ""),
    Play("operator_mutations", "051", "060"),
    Play("sched_operator_teardown_http", "", ""),
    Await("sched_operator_teardown_http/00_SUBSCRIBE_stream", "OFFERS"),
    Play("operator_mutations", "060", "076"),
    Play("state_agent_gone", "", ""),
    Play("operator_mutations", "076", ""),
];

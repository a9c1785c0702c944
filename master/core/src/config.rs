//! What an operator decides about a master, with Mesos's defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What an operator decides about a master. Each field is a flag of `mesos master`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `--allocation_interval`: how often what has changed is offered (row AL-03).
    pub allocation_interval: Duration,
    /// Whether resources that come free are offered at once, instead of at the next interval.
    ///
    /// Mesos waits for the interval. Its contract does not ask for that, and a framework that
    /// launches short tasks spends most of its time waiting, so that this is on by default. What
    /// comes free within one step is offered together, and filters hold as ever.
    pub allocate_on_recovery: bool,
    /// `--min_allocatable_resources`: what remains of an agent is offered only if it reaches all
    /// quantities of one of these sets (row AL-08). Units: Mesos's (cpus, megabytes).
    pub min_allocatable_resources: Vec<BTreeMap<String, f64>>,
    /// `--offer_timeout`: how long a framework may keep an offer; for ever if absent (row AL-13).
    pub offer_timeout: Option<Duration>,
    /// `--filter_gpu_resources`: agents with GPUs are shown only to frameworks that know GPUs.
    pub filter_gpu_resources: bool,
    /// `--fair_sharing_excluded_resource_names`: do not count in shares (row AL-20).
    pub fair_sharing_excluded_resource_names: BTreeSet<String>,
    /// How many octets one regular expression of offer constraints may need, once it is ready to
    /// be used (row AL-25). It takes the place of `--offer_constraints_re2_max_mem` and
    /// `--offer_constraints_re2_max_program_size`, whose units are RE2's.
    pub offer_constraints_regex_size: usize,
    /// `--agent_ping_timeout`: how often agents are pinged (row AG-04).
    pub agent_ping_timeout: Duration,
    /// `--max_agent_ping_timeouts`: how many pings in a row may go unanswered.
    pub max_agent_ping_timeouts: u32,
    /// `--agent_reregister_timeout`: how long agents may take to come back after a failover of
    /// the master, or after their connection broke (row MA-14).
    pub agent_reregister_timeout: Duration,
    /// `--recovery_agent_removal_limit`: the largest share of the recovered agents that may fail
    /// to come back, between 0 and 1, before the master gives up instead (row MA-15).
    pub recovery_agent_removal_limit: f64,
    /// `--roles`: the only roles that frameworks may use; any if absent (row RO-09).
    pub roles: Option<BTreeSet<String>>,
    /// `--weights`: shares of roles, 1 where none is given (row RO-05).
    pub weights: BTreeMap<String, f64>,
    /// `--root_submissions`: whether root may run frameworks and tasks (row FW-09).
    pub root_submissions: bool,
    /// `--max_completed_frameworks`: how many are remembered (row FW-15).
    pub max_completed_frameworks: usize,
    /// `--max_completed_tasks_per_framework`: how many are remembered.
    pub max_completed_tasks_per_framework: usize,
    /// `--max_unreachable_tasks_per_framework`: how many are remembered.
    pub max_unreachable_tasks_per_framework: usize,
    /// `--registry_gc_interval`: how often the registry is trimmed (row MA-17).
    pub registry_gc_interval: Duration,
    /// `--registry_max_agent_age`: how long unreachable and gone agents are remembered.
    pub registry_max_agent_age: Duration,
    /// `--registry_max_agent_count`: how many of each are remembered.
    pub registry_max_agent_count: usize,
    /// How many ids of removed agents are remembered in memory (row AG-20).
    pub max_removed_agents: usize,
    /// How often schedulers hear that their stream is alive (row FW-16).
    pub heartbeat_interval: Duration,
    /// How many agents one pass of the allocator looks at before other events have their turn.
    pub max_agents_per_allocation: usize,
}

impl Default for Config {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            allocation_interval: Duration::from_secs(1),
            allocate_on_recovery: true,
            min_allocatable_resources: vec![
                BTreeMap::from([("cpus".to_owned(), 0.01)]),
                BTreeMap::from([("mem".to_owned(), 32.0)]),
            ],
            offer_timeout: None,
            filter_gpu_resources: true,
            fair_sharing_excluded_resource_names: BTreeSet::new(),
            offer_constraints_regex_size: 64 * 1024,
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_reregister_timeout: 10 * MINUTE,
            recovery_agent_removal_limit: 1.0,
            roles: None,
            weights: BTreeMap::new(),
            root_submissions: true,
            max_completed_frameworks: 50,
            max_completed_tasks_per_framework: 1000,
            max_unreachable_tasks_per_framework: 1000,
            registry_gc_interval: 15 * MINUTE,
            registry_max_agent_age: 14 * 24 * 60 * MINUTE,
            registry_max_agent_count: 102_400,
            max_removed_agents: 100_000,
            heartbeat_interval: Duration::from_secs(15),
            max_agents_per_allocation: 1000,
        }
    }
}

impl Config {
    /// How long an agent may stay silent before it counts as unreachable; agents are told, and
    /// look for a master again when they hear none for that long (row AG-05).
    pub fn total_ping_timeout(&self) -> Duration {
        self.agent_ping_timeout.saturating_mul(self.max_agent_ping_timeouts)
    }
}

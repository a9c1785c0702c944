//! The agent's metrics (row UM-02): counters that its core asks for, gauges computed from its last
//! state, and zeros where Mesos counts what this agent does not do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use libprocess::metrics::{Desc, MetricError, Metrics};
use mesos::time::Time;
use slave_core::metrics::{Counter, gauges};

use crate::shared::Shared;

/// For how long gauges of one state are good: some of them grow with time alone.
const FRESH: Duration = Duration::from_millis(500);

/// Metrics of what this agent does not do, so that none of it has ever happened: whether they are
/// counters, and what they would count. Dashboards find a zero, as on an agent of Mesos that was
/// never asked for it.
const ZEROS: &[(&str, bool, &str)] = &[
    ("containerizer/mesos/container_destroy_errors", true, "Containers that were not destroyed."),
    (
        "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
        true,
        "Bound root file systems that were not removed.",
    ),
    (
        "containerizer/mesos/provisioner/remove_container_errors",
        true,
        "File systems of containers that were not removed.",
    ),
    ("resource_provider_manager/events/disconnect", true, "Resource providers that left."),
    ("resource_provider_manager/events/subscribe", true, "Resource providers that came."),
    ("resource_provider_manager/subscribed", false, "Resource providers that are there."),
];

/// Adds all metrics of an agent to its node's. They show nothing any more once it is gone.
pub(crate) fn register(metrics: &Metrics, shared: &Arc<Shared>) {
    // Of an agent that ran on this node before.
    metrics.remove_all("slave/");
    metrics.remove_all("gc/");
    noted(shared.fetcher.register(metrics));
    for (name, is_counter, help) in ZEROS {
        // It may be there, of an agent before.
        let _ = metrics.remove(name);
        noted(match is_counter {
            true => metrics.counter((*name, *help)).map(drop),
            false => metrics.gauge((*name, *help)).map(drop),
        });
    }
    for counter in Counter::ALL {
        let shared = Arc::downgrade(shared);
        let value = move || shared.upgrade().map_or(0, |shared| shared.counted(counter));
        noted(metrics.pull_counter((counter.name(), help(counter.name())), value));
    }
    let cache = Arc::new(Cache { shared: Arc::downgrade(shared), last: Mutex::default() });
    let names: Vec<&'static str> = cache.read().into_keys().collect();
    for name in names {
        let cache = cache.clone();
        let value = move || cache.read().get(name).copied().unwrap_or(0.0);
        noted(metrics.pull_gauge(desc(name), value));
    }
}

/// How a gauge is described; memory and disk are counted in megabytes.
fn desc(name: &str) -> Desc {
    let desc = Desc::new(name, help(name));
    let is_amount = ["slave/mem_", "slave/disk_"].iter().any(|prefix| name.starts_with(prefix));
    if is_amount && !name.ends_with("_percent") { desc.megabytes() } else { desc }
}

/// A metric that cannot be added is an error of ours that keeps nobody from running tasks.
fn noted(result: Result<(), MetricError>) {
    if let Err(error) = result {
        tracing::error!("{error}");
    }
}

/// What metrics of the agent say; those of resources are described by their endings.
const HELP: &[(&str, &str)] = &[
    ("slave/container_launch_errors", "Containers that could not be made."),
    (
        "slave/executor_directory_max_allowed_age_secs",
        "How old the sandboxes of dead executors may become, as full as the disk is.",
    ),
    (
        "slave/executor_streams_cut",
        "Executors that did not read what they were sent. (Not in Mesos.)",
    ),
    ("slave/executors_preempted", "Executors that made room for others."),
    ("slave/executors_registering", "Executors that were started and did not register yet."),
    ("slave/executors_running", "Executors that are registered."),
    ("slave/executors_terminated", "Executors that ended."),
    ("slave/executors_terminating", "Executors that are shutting down."),
    ("slave/frameworks_active", "Frameworks with executors or tasks here."),
    ("slave/invalid_framework_messages", "Messages with an executor that had nowhere to go."),
    ("slave/invalid_status_updates", "Status updates of executors that were refused."),
    ("slave/recovery_errors", "Parts of what the last run wrote down that were damaged."),
    ("slave/recovery_time_secs", "How long taking up what the last run left took."),
    ("slave/registered", "Whether a master knows the agent."),
    ("slave/tasks_failed", "Tasks that failed."),
    ("slave/tasks_finished", "Tasks that finished."),
    ("slave/tasks_gone", "Tasks that are gone."),
    ("slave/tasks_killed", "Tasks that were killed."),
    ("slave/tasks_killing", "Tasks that are being killed."),
    ("slave/tasks_lost", "Tasks that were lost."),
    ("slave/tasks_running", "Tasks that run."),
    ("slave/tasks_staging", "Tasks that are being launched."),
    ("slave/tasks_starting", "Tasks that are starting."),
    ("slave/uptime_secs", "How long the agent has run."),
    ("slave/valid_framework_messages", "Messages with an executor that were relayed."),
    ("slave/valid_status_updates", "Status updates of executors that were taken."),
    ("gc/path_removals_failed", "Directories that could not be collected."),
    ("gc/path_removals_pending", "Directories that wait to be collected."),
    ("gc/path_removals_succeeded", "Directories that were collected."),
];

/// What a metric says, as a sentence.
fn help(name: &str) -> &'static str {
    let known = HELP.iter().find(|(known, _)| *known == name).map(|(_, help)| *help);
    known.unwrap_or(match name.rsplit('_').next() {
        Some("total") => "What the agent has of the resource.",
        Some("used") => "What tasks and executors use of it.",
        Some("percent") => "The part of it that is used.",
        _ => "Measured by the agent.",
    })
}

type Gauges = BTreeMap<&'static str, f64>;

/// All gauges, computed once for those who ask together.
struct Cache {
    shared: Weak<Shared>,
    last: Mutex<Option<(u64, Instant, Gauges)>>,
}

impl Cache {
    fn read(&self) -> Gauges {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shared) = self.shared.upgrade() else { return Gauges::new() };
        let published = shared.published();
        if let Some((state, at, gauges)) = &*last
            && *state == published
            && at.elapsed() < FRESH
        {
            return gauges.clone();
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let found: Gauges = gauges(&shared.snapshot(), Time::EPOCH + since).into_iter().collect();
        *last = Some((published, Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_says_what_it_counts() {
        for counter in Counter::ALL {
            assert!(HELP.iter().any(|(name, _)| *name == counter.name()), "{}", counter.name());
        }
    }
}

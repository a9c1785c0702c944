//! The master's metrics (rows MM-01 to MM-10).
//!
//! The core counts by Mesos's names; counters are made when they are first used, except those
//! that exist from the beginning, so that a dashboard finds a zero. Gauges follow from a snapshot:
//! whoever looks at the metrics makes the master take one, and all gauges are set from it at once,
//! off the master's thread.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libprocess::metrics::{Counter, Desc, Gauge, Metrics, Stopwatch, Timer, TimerUnit};
use libprocess::{Node, Pid};
use master_core::effect;
use master_core::gauges::gauges;
use mesos::time::Time;
use tokio::sync::oneshot;

use crate::process::{MasterProcess, time};
use crate::render::View;

/// How long the registrar's timings count (spec `metrics.txt`).
const REGISTRAR_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How many counters may be made on the way. Their names come from the core, some of them with
/// names of frameworks in them.
const MAX_COUNTERS: usize = 100_000;

/// The counters that exist from the beginning, with what they count.
const COUNTERS: &[(&str, &str)] = &[
    ("slave_registrations", "Agents that registered for the first time"),
    ("slave_reregistrations", "Agents that came back"),
    ("slave_removals", "Agents that were removed for any reason"),
    ("slave_removals/reason_registered", "Agents removed as another took their address"),
    ("slave_removals/reason_unhealthy", "Agents removed as they fell silent"),
    ("slave_removals/reason_unregistered", "Agents that left by themselves"),
    ("slave_unreachable_scheduled", "Agents about to be marked unreachable"),
    ("slave_unreachable_canceled", "Agents that answered just before"),
    ("slave_unreachable_completed", "Agents marked unreachable"),
    ("recovery_slave_removals", "Agents that did not come back after a failover"),
    ("tasks_error", "Tasks that were invalid"),
    ("tasks_failed", "Tasks that failed"),
    ("tasks_finished", "Tasks that finished"),
    ("tasks_killed", "Tasks that were killed"),
    ("tasks_lost", "Tasks that were lost"),
    ("tasks_dropped", "Tasks that were never launched"),
    ("tasks_gone", "Tasks that ended with their agents"),
    ("tasks_gone_by_operator", "Tasks declared dead by an operator"),
    ("dropped_messages", "Messages that were dropped"),
    ("invalid_executor_to_framework_messages", "Messages of executors that were invalid"),
    ("invalid_framework_to_executor_messages", "Messages of frameworks that were invalid"),
    ("invalid_status_update_acknowledgements", "Acknowledgements that were invalid"),
    ("invalid_status_updates", "Status updates that were invalid"),
    ("valid_executor_to_framework_messages", "Messages of executors that were valid"),
    ("valid_framework_to_executor_messages", "Messages of frameworks that were valid"),
    ("valid_status_update_acknowledgements", "Acknowledgements that were valid"),
    ("valid_status_updates", "Status updates that were valid"),
    ("messages_decline_offers", "DECLINE calls"),
    ("messages_executor_to_framework", "Messages from executors"),
    ("messages_exited_executor", "Executors that ended"),
    ("messages_framework_to_executor", "MESSAGE calls"),
    ("messages_kill_task", "KILL calls"),
    ("messages_launch_tasks", "ACCEPT calls"),
    ("messages_operation_status_update", "Status updates of operations"),
    ("messages_operation_status_update_acknowledgement", "ACKNOWLEDGE_OPERATION_STATUS calls"),
    ("messages_reconcile_operations", "RECONCILE_OPERATIONS calls"),
    ("messages_reconcile_tasks", "RECONCILE calls"),
    ("messages_register_framework", "First SUBSCRIBE calls"),
    ("messages_register_slave", "Registrations of agents"),
    ("messages_reregister_framework", "Further SUBSCRIBE calls"),
    ("messages_reregister_slave", "Re-registrations of agents"),
    ("messages_resource_request", "REQUEST calls"),
    ("messages_revive_offers", "REVIVE calls"),
    ("messages_status_update", "Status updates from agents"),
    ("messages_status_update_acknowledgement", "ACKNOWLEDGE calls"),
    ("messages_suppress_offers", "SUPPRESS calls"),
    ("messages_unregister_framework", "TEARDOWN calls"),
    ("messages_unregister_slave", "Agents that say goodbye"),
    ("messages_update_slave", "Changes of agents"),
    ("messages_deactivate_framework", "Frameworks deactivated by a driver"),
    ("messages_authenticate", "Authentications"),
    ("http_cache_hits", "Readers that shared another's rendering"),
];

/// The master's metrics.
pub(crate) struct MasterMetrics {
    registry: Metrics,
    counters: HashMap<String, Counter>,
    cache_hits: Option<Counter>,
    fetch: Option<Timer>,
    store: Option<Timer>,
    queued: Option<Gauge>,
    size: Option<Gauge>,
}

impl MasterMetrics {
    /// Metrics in a node's registry.
    pub fn new(registry: Metrics) -> Self {
        let timer = |name: &str, help: &str| {
            noted(registry.timer((name, help), TimerUnit::Milliseconds, Some(REGISTRAR_WINDOW)))
        };
        let gauge = |name: &str, help: &str| noted(registry.gauge((name, help)));
        let mut metrics = Self {
            fetch: timer("registrar/state_fetch", "How long reading the registry took."),
            store: timer("registrar/state_store", "How long writing the registry took."),
            queued: gauge("registrar/queued_operations", "Writes to the registry that wait."),
            size: gauge("registrar/registry_size_bytes", "What the registry takes on disk."),
            counters: HashMap::new(),
            cache_hits: None,
            registry,
        };
        for (name, help) in COUNTERS {
            metrics.add_counter(format!("master/{name}"), help);
        }
        metrics.cache_hits = metrics.counters.get("master/http_cache_hits").cloned();
        metrics
    }

    /// The registry that they are in.
    pub fn registry(&self) -> &Metrics {
        &self.registry
    }

    fn add_counter(&mut self, name: String, help: &str) -> Option<&Counter> {
        let counter = noted(self.registry.counter((name.clone(), format!("{help}."))))?;
        Some(self.counters.entry(name).or_insert(counter))
    }

    /// Adds to a counter.
    pub fn count(&mut self, counter: &effect::Counter, by: u64) {
        let name: &str = &counter.0;
        if let Some(counter) = self.counters.get(name) {
            return counter.add(by);
        }
        if self.counters.len() < MAX_COUNTERS
            && let Some(counter) = self.add_counter(name.to_owned(), "Counted by the master")
        {
            counter.add(by);
        }
    }

    /// A reader shares another's rendering.
    pub fn reader_shared(&self) {
        if let Some(counter) = &self.cache_hits {
            counter.increment();
        }
    }

    /// Measures the reading of the registry.
    pub fn state_fetch(&self) -> Option<Stopwatch> {
        self.fetch.as_ref().map(Timer::start)
    }

    /// The registry was written.
    pub fn state_stored(&self, took: Duration) {
        if let Some(timer) = &self.store {
            timer.record(took);
        }
    }

    /// How the registrar stands.
    pub fn registrar(&self, queued: usize, size_bytes: u64) {
        if let Some(gauge) = &self.queued {
            gauge.set(queued as f64);
        }
        if let Some(gauge) = &self.size {
            gauge.set(size_bytes as f64);
        }
    }

    /// Lets whoever looks at the metrics have gauges of this master's state.
    pub fn publish_gauges(&self, node: Node, pid: Pid<MasterProcess>) {
        let source = Arc::new(GaugeSource {
            registry: self.registry.clone(),
            gauges: Mutex::default(),
            node,
            pid,
        });
        let help = "How long the master has run.";
        noted(self.registry.pull_gauge_async(("master/uptime_secs", help), move || {
            let source = source.clone();
            Box::pin(async move { source.refresh().await })
        }));
    }
}

impl Drop for MasterMetrics {
    fn drop(&mut self) {
        // Another master may follow in the same node, and counts from zero.
        self.registry.remove_all("master/");
        self.registry.remove_all("registrar/");
    }
}

/// Sets the gauges from a snapshot. One gauge, the uptime, is asked for its value when somebody
/// looks, and the others are set on that occasion.
struct GaugeSource {
    registry: Metrics,
    gauges: Mutex<HashMap<String, Gauge>>,
    node: Node,
    pid: Pid<MasterProcess>,
}

impl GaugeSource {
    async fn refresh(self: Arc<Self>) -> Option<f64> {
        let (sender, receiver) = oneshot::channel();
        self.node.dispatch(&self.pid, move |process, context| {
            // Whoever asked may have gone; then nobody needs it.
            let _ = sender.send((process.view(), time(context)));
        });
        let (view, now) = receiver.await.ok()?;
        let source = self.clone();
        self.node.handle().spawn_blocking(move || source.set(&view, now)).await.ok()
    }

    /// Sets all gauges, and gives the uptime in seconds.
    fn set(&self, view: &View, now: Time) -> f64 {
        let mut known = self.lock();
        let mut seen = HashSet::new();
        let events = self.events();
        for (name, value) in gauges(&view.snapshot).into_iter().chain(events) {
            // The uptime is the gauge by which this was called.
            if name == "master/uptime_secs" {
                continue;
            }
            if !known.contains_key(&name) {
                let Some(gauge) = noted(self.registry.gauge(desc(&name))) else { continue };
                known.insert(name.clone(), gauge);
            }
            if let Some(gauge) = known.get(&name) {
                gauge.set(value);
            }
            seen.insert(name);
        }
        known.retain(|name, _| {
            let stays = seen.contains(name);
            if !stays {
                // It is registered, as it is among those that are known.
                let _ = self.registry.remove(name);
            }
            stays
        });
        now.since(view.started).as_secs_f64()
    }

    /// What waits in the master's queue (row MM-09).
    fn events(&self) -> Vec<(String, f64)> {
        let processes = self.node.processes();
        let master = processes.iter().find(|process| process.id == self.pid.upid().id());
        let count = |kind: &str| {
            let events = master.into_iter().flat_map(|process| &process.events);
            events.filter(|event| event.kind == kind).count() as f64
        };
        [("messages", "MESSAGE"), ("dispatches", "DISPATCH"), ("http_requests", "HTTP")]
            .map(|(name, kind)| (format!("master/event_queue_{name}"), count(kind)))
            .to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Gauge>> {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a gauge is called, and in which unit it is.
fn desc(name: &str) -> Desc {
    let words = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    let desc = Desc::new(name, format!("State of the master: {words}."));
    let amount = |name: &str| {
        ["master/mem_", "master/disk_"].iter().any(|prefix| name.starts_with(prefix))
            && !name.ends_with("percent")
    };
    if amount(name) { desc.megabytes() } else { desc }
}

/// A metric that could not be made is not there; the master goes on without it.
fn noted<T>(made: Result<T, libprocess::metrics::MetricError>) -> Option<T> {
    made.inspect_err(|error| tracing::warn!("{error}")).ok()
}

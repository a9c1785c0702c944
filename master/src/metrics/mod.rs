//! The master's metrics (rows MM-01 to MM-12, FW-14).
//!
//! The core counts by Mesos's names; counters are made when they are first used, except those
//! that exist from the beginning. What follows from the state is computed when somebody looks.
//!
//! Reading order: here what is recorded as it happens; `counters` (which there are), `state`
//! (what is found when somebody looks).

mod counters;
mod state;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libprocess::metrics::{Counter, Desc, Gauge, Metrics, Stopwatch, Timer, TimerUnit};
use libprocess::{Node, Pid};
use master_core::effect::{self, Measure};

use counters::COUNTERS;
use state::StateSource;

use crate::process::MasterProcess;

/// How long timings of the allocator count (spec `metrics.txt`).
const ALLOCATOR_WINDOW: Duration = Duration::from_secs(60 * 60);

/// How long the registrar's timings count (spec `metrics.txt`).
const REGISTRAR_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How many counters may be made on the way: there are fewer reasons for tasks to end.
const MAX_COUNTERS: usize = 10_000;

/// The master's metrics.
pub(crate) struct MasterMetrics {
    registry: Metrics,
    counters: HashMap<String, Counter>,
    cache_hits: Option<Counter>,
    fetch: Option<Timer>,
    store: Option<Timer>,
    queued: Option<Gauge>,
    size: Option<Gauge>,
    run: Option<Timer>,
    latency: Option<Timer>,
}

impl MasterMetrics {
    /// Metrics in a node's registry.
    pub fn new(registry: Metrics) -> Self {
        let timer = |name: &str, help: &str, window| {
            noted(registry.timer((name, help), TimerUnit::Milliseconds, window))
        };
        let gauge = |name: &str, help: &str| noted(registry.gauge((name, help)));
        let mut metrics = Self {
            fetch: timer("registrar/state_fetch", "How long reading the registry took.", None),
            store: timer(
                "registrar/state_store",
                "How long writing the registry took.",
                Some(REGISTRAR_WINDOW),
            ),
            run: timer(
                "allocator/mesos/allocation_run",
                "How long runs of the allocator took.",
                Some(ALLOCATOR_WINDOW),
            ),
            latency: timer(
                "allocator/mesos/allocation_run_latency",
                "How long runs of the allocator were due before they began.",
                Some(ALLOCATOR_WINDOW),
            ),
            queued: gauge("registrar/queued_operations", "Writes to the registry that wait."),
            size: gauge("registrar/registry_size_bytes", "What the registry takes on disk."),
            counters: HashMap::new(),
            cache_hits: None,
            registry,
        };
        for (name, help) in COUNTERS {
            metrics.add_counter(name, Desc::new(*name, format!("{help}.")));
        }
        metrics.cache_hits = metrics.counters.get("master/http_cache_hits").cloned();
        metrics
    }

    /// The registry that they are in.
    pub fn registry(&self) -> &Metrics {
        &self.registry
    }

    fn add_counter(&mut self, name: &str, desc: Desc) -> Option<&Counter> {
        let counter = noted(self.registry.counter(desc))?;
        Some(self.counters.entry(name.to_owned()).or_insert(counter))
    }

    /// Adds to a counter.
    pub fn count(&mut self, counter: &effect::Counter, by: u64) {
        let name: &str = &counter.0;
        if let Some(counter) = self.counters.get(name) {
            return counter.add(by);
        }
        if self.counters.len() < MAX_COUNTERS
            && let Some(counter) = self.add_counter(name, counters::describe(name))
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

    /// Something was measured by the core.
    pub fn measured(&self, what: Measure, took: Duration) {
        let timer = match what {
            Measure::AllocationRun => &self.run,
            Measure::AllocationLatency => &self.latency,
        };
        if let Some(timer) = timer {
            timer.record(took);
        }
    }

    /// Lets whoever looks at the metrics have those of this master's state.
    pub fn publish_state(&self, node: Node, pid: Pid<MasterProcess>, per_framework: bool) {
        let source = StateSource { node, pid, per_framework };
        noted(self.registry.samples("master/state", move || Box::pin(source.clone().collect())));
    }
}

impl Drop for MasterMetrics {
    fn drop(&mut self) {
        // Another master may follow in the same node, and counts from zero.
        self.registry.remove_all("allocator/");
        self.registry.remove_all("master/");
        self.registry.remove_all("registrar/");
    }
}

/// Shows the time since it was first read.
pub(crate) fn stopwatch() -> Duration {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed()
}

/// A metric that could not be made is not there; the master goes on without it.
fn noted<T>(made: Result<T, libprocess::metrics::MetricError>) -> Option<T> {
    made.inspect_err(|error| tracing::warn!("{error}")).ok()
}

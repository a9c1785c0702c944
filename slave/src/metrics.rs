//! The agent's metrics: counters that its core asks for, gauges computed from its last state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use libprocess::metrics::{MetricError, Metrics};
use mesos::time::Time;
use slave_core::metrics::{Counter, gauges};

use crate::shared::Shared;

/// For how long gauges of one state are good: some of them grow with time alone.
const FRESH: Duration = Duration::from_millis(500);

/// Adds all metrics of an agent to its node's. They show nothing any more once it is gone.
pub(crate) fn register(metrics: &Metrics, shared: &Arc<Shared>) {
    // Of an agent that ran on this node before.
    metrics.remove_all("slave/");
    metrics.remove_all("gc/");
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
        noted(metrics.pull_gauge((name, help(name)), value));
    }
}

/// A metric that cannot be added is an error of ours that keeps nobody from running tasks.
fn noted(result: Result<(), MetricError>) {
    if let Err(error) = result {
        tracing::error!("{error}");
    }
}

/// What a name says, as a sentence: `slave/tasks_running` is `Tasks running on the agent.`
fn help(name: &str) -> String {
    let what = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    let mut letters = what.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let of = if name.starts_with("gc/") { "by garbage collection" } else { "on the agent" };
    format!("{}{} {of}.", first.map(String::from).unwrap_or_default(), letters.as_str())
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

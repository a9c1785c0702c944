//! What the fetcher counts (row FE-06).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libprocess::metrics::{Desc, MetricError, Metrics};
use slave_core::fetcher::cache::Cache;

/// The fetcher's numbers, which others read.
#[derive(Debug, Default)]
pub struct Stats {
    succeeded: AtomicU64,
    failed: AtomicU64,
    cache_bytes: AtomicU64,
    cache_used_bytes: AtomicU64,
}

const PREFIX: &str = "containerizer/fetcher/";

impl Stats {
    /// With this much room in the cache.
    pub fn new(cache_bytes: u64) -> Arc<Self> {
        let stats = Self::default();
        stats.cache_bytes.store(cache_bytes, Ordering::Relaxed);
        Arc::new(stats)
    }

    /// Adds them to a node's metrics, in the place of those of an agent before.
    ///
    /// # Errors
    /// A name is taken by something else.
    pub fn register(self: &Arc<Self>, metrics: &Metrics) -> Result<(), MetricError> {
        metrics.remove_all(PREFIX);
        let counter = |name: &str, help: &'static str, pick: fn(&Self) -> &AtomicU64| {
            let stats = self.clone();
            let value = move || pick(&stats).load(Ordering::Relaxed);
            metrics.pull_counter(Desc::new(format!("{PREFIX}{name}"), help), value)
        };
        counter("task_fetches_failed", "Tasks whose URIs were not fetched.", |all| &all.failed)?;
        counter("task_fetches_succeeded", "Tasks whose URIs were fetched.", |all| &all.succeeded)?;
        let gauge = |name: &str, help: &'static str, pick: fn(&Self) -> &AtomicU64| {
            let stats = self.clone();
            let value = move || pick(&stats).load(Ordering::Relaxed) as f64;
            metrics.pull_gauge(Desc::new(format!("{PREFIX}{name}"), help), value)
        };
        gauge("cache_size_total_bytes", "Room in the cache of the fetcher.", |all| {
            &all.cache_bytes
        })?;
        gauge("cache_size_used_bytes", "What the cache of the fetcher holds.", |all| {
            &all.cache_used_bytes
        })
    }

    /// Containers that got their files; those that wanted none are among them, as in Mesos.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Containers that did not get their files.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// The room in the cache.
    pub fn cache_bytes(&self) -> u64 {
        self.cache_bytes.load(Ordering::Relaxed)
    }

    /// The room that is taken or claimed.
    pub fn cache_used_bytes(&self) -> u64 {
        self.cache_used_bytes.load(Ordering::Relaxed)
    }

    /// Counts the end of a fetch. Mesos counts containers that want nothing as well.
    pub(crate) fn count(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn measure(&self, cache: &Cache) {
        self.cache_used_bytes.store(cache.used_bytes(), Ordering::Relaxed);
    }
}

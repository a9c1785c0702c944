//! What others than the agent's own thread read of it: the last snapshot, counters, its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slave_core::Snapshot;
use slave_core::metrics::Counter;
use slave_core::paths::Paths;
use tokio::sync::watch;

use crate::containerizer::isolation::Isolation;
use crate::containerizer::program::BuiltIn;
use crate::fetcher;

/// Shared by the agent's process, its endpoints, its metrics and its handle.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where things lie.
    pub paths: Paths,
    /// The flags as `/flags` shows them.
    pub flags: BTreeMap<String, String>,
    /// The text of the agent's UPID.
    pub pid: String,
    /// How our own executors are run.
    pub executor: BuiltIn,
    /// Who knows what containers use.
    pub isolation: Isolation,
    /// What the fetcher counts.
    pub fetcher: Arc<fetcher::Stats>,
    snapshot: Mutex<Snapshot>,
    /// How many states have been published.
    published: AtomicU64,
    counters: [AtomicU64; Counter::ALL.len()],
    ended: watch::Sender<bool>,
    error: Mutex<Option<String>>,
}

impl Shared {
    pub fn new(
        paths: Paths,
        flags: BTreeMap<String, String>,
        pid: String,
        executor: BuiltIn,
        (isolation, fetcher): (Isolation, Arc<fetcher::Stats>),
        snapshot: Snapshot,
    ) -> Self {
        Self {
            paths,
            flags,
            pid,
            executor,
            isolation,
            fetcher,
            snapshot: Mutex::new(snapshot),
            published: AtomicU64::new(0),
            counters: Default::default(),
            ended: watch::Sender::new(false),
            error: Mutex::default(),
        }
    }

    /// Makes a state of the agent the one that is read.
    pub fn publish(&self, snapshot: Snapshot) {
        *lock(&self.snapshot) = snapshot;
        self.published.fetch_add(1, Ordering::Release);
    }

    /// A number that differs once there is another state to read.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// The last state of the agent.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.snapshot).clone()
    }

    pub fn count(&self, counter: Counter, by: u64) {
        if let Some(slot) = self.counters.get(counter as usize) {
            slot.fetch_add(by, Ordering::Relaxed);
        }
    }

    pub fn counted(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, |slot| slot.load(Ordering::Relaxed))
    }

    /// Says that the agent has ended. Only the first reason counts.
    pub fn end(&self, error: Option<String>) {
        if !*self.ended.borrow() {
            *lock(&self.error) = error;
            self.ended.send_replace(true);
        }
    }

    pub fn ended(&self) -> &watch::Sender<bool> {
        &self.ended
    }

    /// Why the agent ended, if it had to.
    pub fn error(&self) -> Option<String> {
        lock(&self.error).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The handles with which code records: counters, gauges, timers, histograms.
//!
//! A handle is cheap to clone and usable from any thread. It stays usable after its metric was
//! removed from the registry; nobody sees its values then.

use super::series::{Statistics, TimeSeries};
use prometheus::core::{AtomicF64, AtomicU64, GenericCounter, GenericGauge};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts up.
#[derive(Clone, Debug)]
pub struct Counter {
    pub(super) inner: GenericCounter<AtomicU64>,
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.inner.inc();
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.inner.inc_by(amount);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.inner.get()
    }

    /// Goes back to zero, as when a master loses its leadership.
    pub fn reset(&self) {
        self.inner.reset();
    }
}

/// A value that code sets.
#[derive(Clone, Debug)]
pub struct Gauge {
    pub(super) inner: GenericGauge<AtomicF64>,
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.inner.set(value);
    }

    /// Adds to the value; a negative `amount` takes away.
    pub fn add(&self, amount: f64) {
        self.inner.add(amount);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.inner.inc();
    }

    /// Takes one away.
    pub fn decrement(&self) {
        self.inner.dec();
    }

    /// The value.
    pub fn value(&self) -> f64 {
        self.inner.get()
    }
}

/// The unit in which Mesos's JSON shows a timer; its ending is part of the name there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimerUnit {
    /// `_us`
    Microseconds,
    /// `_ms`
    #[default]
    Milliseconds,
    /// `_secs`
    Seconds,
}

impl TimerUnit {
    /// What is appended to the name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Microseconds => "_us",
            Self::Milliseconds => "_ms",
            Self::Seconds => "_secs",
        }
    }

    fn convert(self, duration: Duration) -> f64 {
        let seconds = duration.as_secs_f64();
        match self {
            Self::Microseconds => seconds * 1e6,
            Self::Milliseconds => seconds * 1e3,
            Self::Seconds => seconds,
        }
    }
}

/// Measures how long something takes.
#[derive(Clone, Debug)]
pub struct Timer {
    pub(super) inner: Arc<TimerInner>,
}

#[derive(Debug)]
pub(super) struct TimerInner {
    pub(super) unit: TimerUnit,
    pub(super) histogram: prometheus::Histogram,
    state: Mutex<TimerState>,
}

#[derive(Debug, Default)]
struct TimerState {
    last: Option<f64>,
    series: Option<TimeSeries>,
}

impl Timer {
    pub(super) fn new(
        unit: TimerUnit,
        series: Option<TimeSeries>,
        histogram: prometheus::Histogram,
    ) -> Self {
        let state = Mutex::new(TimerState { last: None, series });
        Self { inner: Arc::new(TimerInner { unit, histogram, state }) }
    }

    /// Records that something took `duration`.
    pub fn record(&self, duration: Duration) {
        self.inner.histogram.observe(duration.as_secs_f64());
        let value = self.inner.unit.convert(duration);
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Some(value);
        if let Some(series) = &mut state.series {
            series.push(Instant::now(), value);
        }
    }

    /// Starts measuring; dropping the stopwatch records.
    pub fn start(&self) -> Stopwatch {
        Stopwatch { timer: Some(self.clone()), since: Instant::now() }
    }

    /// The latest value in the timer's unit, and the statistics of its window.
    pub fn read(&self) -> (Option<f64>, Option<Statistics>) {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = &mut state.series {
            series.expire(Instant::now());
        }
        let statistics = state.series.as_ref().and_then(TimeSeries::statistics);
        (state.last, statistics)
    }
}

/// A measurement under way.
#[derive(Debug)]
pub struct Stopwatch {
    timer: Option<Timer>,
    since: Instant,
}

impl Stopwatch {
    /// Ends the measurement and says how long it was.
    pub fn stop(mut self) -> Duration {
        let elapsed = self.since.elapsed();
        if let Some(timer) = self.timer.take() {
            timer.record(elapsed);
        }
        elapsed
    }

    /// Ends without recording.
    pub fn discard(mut self) {
        self.timer = None;
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.record(self.since.elapsed());
        }
    }
}

/// Counts values by size.
#[derive(Clone, Debug)]
pub struct Histogram {
    pub(super) inner: prometheus::Histogram,
}

impl Histogram {
    /// Records a value.
    pub fn observe(&self, value: f64) {
        self.inner.observe(value);
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.inner.get_sample_count()
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.inner.get_sample_sum()
    }
}

//! A sliding window over recent values, and the statistics of it (LP-26).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long values count by default: two weeks.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(14 * 24 * 3600);
/// How many values are kept by default.
pub const DEFAULT_CAPACITY: usize = 1000;

/// Values of the last while, thinned out from the oldest on when there are too many, so that the
/// recent past is exact and the distant past is a sample.
#[derive(Clone, Debug)]
pub struct TimeSeries {
    values: VecDeque<(Instant, f64)>,
    window: Duration,
    capacity: usize,
    /// Where the next value is thinned out; moves towards the present and starts over.
    cursor: usize,
}

impl TimeSeries {
    /// An empty series that keeps values for `window`, and at most `capacity` (at least 2) of them.
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { values: VecDeque::new(), window, capacity: capacity.max(2), cursor: 0 }
    }

    /// Adds a value. Times must not go back; one that does counts as the latest.
    pub fn push(&mut self, now: Instant, value: f64) {
        self.expire(now);
        self.values.push_back((now, value));
        if self.values.len() > self.capacity {
            self.thin();
        }
    }

    /// Drops what is older than the window. The latest value stays whatever its age.
    pub fn expire(&mut self, now: Instant) {
        while self.values.len() > 1
            && self.values.front().is_some_and(|(at, _)| now.duration_since(*at) > self.window)
        {
            self.values.pop_front();
            self.cursor = self.cursor.saturating_sub(1);
        }
    }

    /// Removes every other value, one per call: the whole window is halved before any part of it
    /// is thinned again. The oldest and the newest stay.
    fn thin(&mut self) {
        let victim = self.cursor + 1;
        if victim + 1 >= self.values.len() {
            self.values.remove(1);
            self.cursor = 1;
        } else {
            self.values.remove(victim);
            self.cursor = victim;
        }
    }

    /// The latest value.
    pub fn latest(&self) -> Option<f64> {
        self.values.back().map(|(_, value)| *value)
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The statistics, once there are two values.
    pub fn statistics(&self) -> Option<Statistics> {
        Statistics::from(self.values.iter().map(|(_, value)| *value).collect())
    }
}

impl Default for TimeSeries {
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW, DEFAULT_CAPACITY)
    }
}

/// What Mesos shows of a series beside its latest value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // The names are the documentation.
pub struct Statistics {
    pub count: usize,
    pub min: f64,
    pub max: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub p9999: f64,
}

impl Statistics {
    /// The statistics of some values, if there are at least two.
    pub fn from(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        if values.len() < 2 {
            return None;
        }
        Some(Self {
            count: values.len(),
            min,
            max,
            p50: percentile(&values, 0.5),
            p90: percentile(&values, 0.9),
            p95: percentile(&values, 0.95),
            p99: percentile(&values, 0.99),
            p999: percentile(&values, 0.999),
            p9999: percentile(&values, 0.9999),
        })
    }

    /// Names and values as Mesos appends them to the name of the metric.
    pub fn entries(&self) -> [(&'static str, f64); 9] {
        [
            ("count", self.count as f64),
            ("max", self.max),
            ("min", self.min),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p95", self.p95),
            ("p99", self.p99),
            ("p999", self.p999),
            ("p9999", self.p9999),
        ]
    }
}

/// The value below which the part `fraction` of the sorted values lies, interpolated.
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let position = fraction * (sorted.len() - 1) as f64;
    let index = position.floor() as usize;
    match sorted.get(index + 1) {
        None => sorted[sorted.len() - 1],
        Some(above) => sorted[index] + (position - index as f64) * (above - sorted[index]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_a_real_master() {
        let statistics = Statistics::from(vec![0.01408, 0.009728]).unwrap();
        assert_eq!(statistics.count, 2);
        assert_eq!((statistics.min, statistics.max), (0.009728, 0.01408));
        let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-12, "{left} {right}");
        near(statistics.p50, 0.011904);
        near(statistics.p90, 0.0136448);
        near(statistics.p99, 0.01403648);
        near(statistics.p9999, 0.0140795648);
    }

    #[test]
    fn one_value_has_no_statistics() {
        assert_eq!(Statistics::from(vec![1.0]), None);
        assert_eq!(Statistics::from(vec![]), None);
    }

    #[test]
    fn old_values_leave_the_window() {
        let start = Instant::now();
        let mut series = TimeSeries::new(Duration::from_secs(10), 100);
        for second in 0..20 {
            series.push(start + Duration::from_secs(second), second as f64);
        }
        assert_eq!(series.len(), 11);
        series.expire(start + Duration::from_secs(1000));
        assert_eq!(series.latest(), Some(19.0));
        assert_eq!(series.len(), 1);
    }

    #[test]
    fn a_full_series_is_thinned_from_the_past() {
        let start = Instant::now();
        let mut series = TimeSeries::new(Duration::from_secs(1000), 10);
        for second in 0..500 {
            series.push(start + Duration::from_secs(second), second as f64);
        }
        let kept: Vec<f64> = series.values.iter().map(|(_, value)| *value).collect();
        assert_eq!(kept.len(), 10);
        assert!(kept.is_sorted());
        assert_eq!(kept[0], 0.0, "the oldest stays: {kept:?}");
        assert_eq!(kept[9], 499.0, "the newest stays: {kept:?}");
    }
}

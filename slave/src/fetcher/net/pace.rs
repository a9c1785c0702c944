//! Whether a download moves (row FE-05).
//!
//! As in curl, and so in Mesos, a download stands still when for the whole timeout it brought less
//! than one octet per second on average.

use std::time::{Duration, Instant};

/// How fast a download has been of late.
#[derive(Debug)]
pub struct Pace {
    timeout: Option<Duration>,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// From now on. Without a timeout, or with one of zero, nothing is too slow.
    pub fn new(timeout: Option<Duration>, now: Instant) -> Self {
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        Self { timeout, since: now, bytes: 0 }
    }

    /// For how long it may be too slow.
    pub fn patience(&self) -> Duration {
        self.timeout.unwrap_or_default()
    }

    /// Something has arrived.
    pub fn note(&mut self, bytes: usize, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes as f64 >= now.duration_since(self.since).as_secs_f64() {
            self.since = now;
            self.bytes = 0;
        }
    }

    /// When it is too slow, unless something arrives until then.
    pub fn deadline(&self) -> Option<Instant> {
        self.since.checked_add(self.timeout?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many seconds a download that brings `bytes` every `interval_ms` is given up.
    fn given_up(bytes: usize, interval_ms: u64) -> Option<u64> {
        let start = Instant::now();
        let mut pace = Pace::new(Some(Duration::from_secs(60)), start);
        for turn in 1..1000 {
            let now = start + Duration::from_millis(turn * interval_ms);
            if pace.deadline().is_some_and(|deadline| deadline < now) {
                return Some(now.duration_since(start).as_secs());
            }
            pace.note(bytes, now);
        }
        None
    }

    #[test]
    fn less_than_an_octet_per_second_is_too_slow() {
        assert_eq!(given_up(1, 500), None);
        assert_eq!(given_up(1, 1000), None);
        assert_eq!(given_up(1, 2000), Some(62));
        assert_eq!(given_up(10, 11_000), Some(66));
        assert_eq!(given_up(1000, 59_000), None);
        assert_eq!(given_up(0, 1000), Some(61));
    }

    #[test]
    fn without_a_timeout_nothing_is() {
        for timeout in [None, Some(Duration::ZERO)] {
            assert_eq!(Pace::new(timeout, Instant::now()).deadline(), None);
        }
    }
}

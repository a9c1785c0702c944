//! A limit on how often something may happen; those who come too early wait their turn.

use crate::units::parse_duration;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many may wait; more are refused.
const WAITING_LIMIT: u32 = 128;

/// Lets so many through per time. `/metrics/snapshot` uses one, by default of `2/1secs` (LP-24).
#[derive(Debug)]
pub struct RateLimiter {
    /// The time from one to the next; zero when there is no limit.
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// At most `permits` per `duration`, evenly spread.
    pub fn new(permits: f64, duration: Duration) -> Self {
        let seconds = duration.as_secs_f64() / permits;
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        Self { interval, next: Mutex::new(None) }
    }

    /// No limit.
    pub fn unlimited() -> Self {
        Self { interval: Duration::ZERO, next: Mutex::new(None) }
    }

    /// Reads `2/1secs`; an empty text is no limit.
    ///
    /// # Errors
    /// Says what is wrong, in words for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::unlimited());
        }
        let wrong = |why: &str| format!("invalid rate limit '{text}': {why}");
        let (permits, duration) =
            text.split_once('/').ok_or_else(|| wrong("expecting '<number>/<duration>'"))?;
        let permits =
            permits.parse::<f64>().map_err(|_| wrong("the number of permits is no number"))?;
        if !(permits > 0.0 && permits.is_finite()) {
            return Err(wrong("the number of permits must be positive"));
        }
        let duration = parse_duration(duration).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self::new(permits, duration))
    }

    /// Takes a turn: how long to wait for it, or `None` when too many wait already.
    pub fn reserve(&self, now: Instant) -> Option<Duration> {
        if self.interval.is_zero() {
            return Some(Duration::ZERO);
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        let wait = turn - now;
        if wait > self.interval.saturating_mul(WAITING_LIMIT) {
            return None;
        }
        *next = turn.checked_add(self.interval);
        Some(wait)
    }

    /// Waits for a turn; false when too many wait already.
    pub async fn acquire(&self) -> bool {
        match self.reserve(Instant::now()) {
            None => false,
            Some(wait) => {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread() {
        let limiter = RateLimiter::parse("2/1secs").unwrap();
        let now = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| limiter.reserve(now).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 500, 1000, 1500]);
        assert_eq!(limiter.reserve(now + Duration::from_secs(60)), Some(Duration::ZERO));
    }

    #[test]
    fn waiting_is_bounded() {
        let limiter = RateLimiter::new(1.0, Duration::from_secs(1));
        let now = Instant::now();
        let accepted = (0..1000).filter(|_| limiter.reserve(now).is_some()).count();
        assert_eq!(accepted, WAITING_LIMIT as usize + 1);
    }

    #[test]
    fn texts() {
        assert_eq!(RateLimiter::parse("").unwrap().reserve(Instant::now()), Some(Duration::ZERO));
        for wrong in ["2", "x/1secs", "0/1secs", "-1/1secs", "2/1", "nan/1secs"] {
            assert!(RateLimiter::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! A limit on how often something may happen, on a node's clock.

use crate::{Clock, Time};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Mutex;

/// Why a limit is none.
#[derive(Debug, Error, PartialEq)]
#[error("{permits} permits per {duration:?} are no limit: both must be positive")]
pub struct LimitError {
    /// How many.
    pub permits: f64,
    /// In what time.
    pub duration: Duration,
}

/// Gives so many permits per time, evenly spread, to those who ask in the order in which they do.
/// Who gives up waiting takes nothing from the others.
///
/// What waits has no bound here: [`metrics::RateLimiter`](crate::metrics::RateLimiter) refuses.
#[derive(Debug)]
pub struct RateLimiter {
    clock: Clock,
    /// The time from one permit to the next.
    interval: Duration,
    /// When there is the next one.
    next: Mutex<Option<Time>>,
}

impl RateLimiter {
    /// At most `permits` per `duration` of this clock.
    ///
    /// # Errors
    /// When one of them is not positive.
    pub fn new(clock: Clock, permits: f64, duration: Duration) -> Result<Self, LimitError> {
        let wrong = LimitError { permits, duration };
        if duration.is_zero() || !(permits > 0.0 && permits.is_finite()) {
            return Err(wrong);
        }
        let seconds = duration.as_secs_f64() / permits;
        let interval = Duration::try_from_secs_f64(seconds).map_err(|_| wrong)?;
        Ok(Self { clock, interval, next: Mutex::new(None) })
    }

    /// Waits for a permit.
    pub async fn acquire(&self) {
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            self.clock.sleep(next.since(self.clock.now())).await;
        }
        *next = Some(self.clock.now() + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn permits_are_spread_on_the_clock_and_given_in_order() {
        let clock = Clock::paused();
        let limiter = RateLimiter::new(clock.clone(), 2.0, Duration::from_secs(1)).unwrap();
        let limiter = Arc::new(limiter);
        let ask = || {
            let limiter = limiter.clone();
            tokio::spawn(async move { limiter.acquire().await })
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let settle = || async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            };
            let waiting = [ask(), ask(), ask(), ask()];
            settle().await;
            let given = || waiting.each_ref().map(|one| one.is_finished());
            assert_eq!(given(), [true, false, false, false]);
            clock.advance(Duration::from_millis(499));
            settle().await;
            assert_eq!(given(), [true, false, false, false]);
            // The one whose turn it would be gives up.
            waiting[1].abort();
            clock.advance(Duration::from_millis(1));
            settle().await;
            assert_eq!(given(), [true, true, true, false]);
            clock.advance(Duration::from_millis(500));
            settle().await;
            assert_eq!(given(), [true; 4]);
        });
    }

    #[test]
    fn limits_are_positive() {
        let second = Duration::from_secs(1);
        for (permits, duration) in [(0.0, second), (-1.0, second), (f64::NAN, second)] {
            assert!(RateLimiter::new(Clock::real(), permits, duration).is_err(), "{permits}");
        }
        let error = RateLimiter::new(Clock::real(), 1.0, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "1 permits per 0ns are no limit: both must be positive");
    }
}

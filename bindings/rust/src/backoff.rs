//! How long to wait before the next attempt.

use std::time::Duration;

/// Waits drawn at random from a span that doubles up to a limit, so that many frameworks that
/// lose one master do not all come back at the same instant.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    span: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(first: Duration, limit: Duration, random: fastrand::Rng) -> Self {
        Self { first, limit, span: first, random }
    }

    /// The next wait: between half of the present span and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let share = 0.5 + self.random.f64() / 2.0;
        let wait = self.span.mul_f64(share);
        self.span = (self.span * 2).min(self.limit);
        wait
    }

    /// Starts again with short waits, after a success.
    pub(crate) fn reset(&mut self) {
        self.span = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_again() {
        let first = Duration::from_millis(100);
        let limit = Duration::from_millis(350);
        let mut backoff = Backoff::new(first, limit, fastrand::Rng::with_seed(7));
        for span_ms in [100, 200, 350, 350] {
            let wait = backoff.next();
            let span = Duration::from_millis(span_ms);
            assert!(wait >= span / 2 && wait <= span, "{wait:?} for {span:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}

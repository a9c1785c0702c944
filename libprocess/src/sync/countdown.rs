//! Waiting for a number of things, in whatever order they come.

use crate::latch::Latch;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Opens when it has been counted down to zero, for good.
pub struct CountDownLatch {
    left: AtomicUsize,
    zero: Latch,
}

impl CountDownLatch {
    /// A latch that `count` calls of [`CountDownLatch::decrement`] open.
    pub fn new(count: usize) -> Self {
        let latch = Self { left: AtomicUsize::new(count), zero: Latch::default() };
        if count == 0 {
            latch.zero.set();
        }
        latch
    }

    /// Counts one down; at zero nothing happens any more.
    pub fn decrement(&self) {
        let less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less) == Ok(1) {
            self.zero.set();
        }
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Acquire)
    }

    /// Ends when the latch is open.
    pub async fn wait(&self) {
        self.zero.wait().await;
    }

    /// Blocks this thread until the latch is open; false when `timeout` came first. Not for
    /// handlers.
    pub fn blocking(&self, timeout: Option<Duration>) -> bool {
        self.zero.block(timeout)
    }
}

impl std::fmt::Debug for CountDownLatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountDownLatch").field("left", &self.left()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_of_many_opens_it() {
        let latch = Arc::new(CountDownLatch::new(8));
        assert!(!latch.blocking(Some(Duration::ZERO)));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let latch = latch.clone();
                std::thread::spawn(move || latch.decrement())
            })
            .collect();
        assert!(latch.blocking(Some(Duration::from_secs(20))));
        for thread in threads {
            thread.join().unwrap();
        }
        latch.decrement();
        assert_eq!(latch.left(), 0, "below zero there is nothing");
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(latch.wait());
    }

    #[test]
    fn one_over_nothing_is_open() {
        assert!(CountDownLatch::new(0).blocking(Some(Duration::ZERO)));
    }
}

//! Steps that wait, one after the other.
//!
//! ```text
//!   add ──▶ WAITING ── the one before is over ──▶ RUNNING ── its future ends ──▶ over
//!              │ dropped: who waits for it waits for the one before       dropped ──▲
//!              └──▶ (never was)
//! ```

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Runs asynchronous steps in the order in which they were added, each when the one before is over.
///
/// The future of a step does the step's work: a step that nobody polls holds up those behind it,
/// until it is dropped.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Mutex<Option<Before>>,
}

/// The end of the step before. A step that was given up gives what it waited for itself.
#[derive(Debug)]
struct Before(oneshot::Receiver<Option<Before>>);

/// The place of one step; dropping it ends the step.
struct Place {
    before: Option<Before>,
    over: Option<oneshot::Sender<Option<Before>>>,
}

impl Sequence {
    /// A sequence without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step: `step` is called when its turn has come, and its future awaited. Dropping what
    /// this returns gives the step up.
    pub fn add<S, F>(&self, step: S) -> impl Future<Output = F::Output> + use<S, F>
    where
        S: FnOnce() -> F,
        F: Future,
    {
        let (over, end) = oneshot::channel();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(Before(end));
        let mut place = Place { before: last.and_then(Before::shortened), over: Some(over) };
        async move {
            place.turn().await;
            step().await
        }
    }
}

impl Before {
    /// What is left to wait for, without steps that are over or were given up.
    fn shortened(mut self) -> Option<Self> {
        loop {
            match self.0.try_recv() {
                Ok(Some(next)) => self = next,
                Err(TryRecvError::Empty) => return Some(self),
                Ok(None) | Err(TryRecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Before {
    /// A long chain of steps that were given up is taken apart one by one, not by recursion.
    fn drop(&mut self) {
        while let Ok(Some(mut next)) = self.0.try_recv() {
            std::mem::swap(&mut self.0, &mut next.0);
        }
    }
}

impl Place {
    /// Waits for all that is before.
    async fn turn(&mut self) {
        while let Some(before) = &mut self.before {
            // A step that was given up names the next one to wait for.
            self.before = (&mut before.0).await.unwrap_or_default();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(over) = self.over.take() {
            // Nobody needs to wait for this one.
            let _ = over.send(self.before.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn steps_run_in_the_order_in_which_they_were_added() {
        let sequence = Sequence::new();
        let log = Arc::new(Mutex::new(Vec::new()));
        let step = |name: u32, pauses: u32| {
            let log = log.clone();
            sequence.add(move || async move {
                log.lock().unwrap().push((name, "begins"));
                for _ in 0..pauses {
                    tokio::task::yield_now().await;
                }
                log.lock().unwrap().push((name, "ends"));
                name
            })
        };
        let (first, second, third) = (step(1, 5), step(2, 0), step(3, 2));
        block_on(async {
            // Polled the other way round.
            let waiting = (tokio::spawn(third), tokio::spawn(second), tokio::spawn(first));
            assert_eq!(waiting.0.await.unwrap(), 3);
            assert!(waiting.1.is_finished() && waiting.2.is_finished());
        });
        let expected = [1, 2, 3].map(|name| [(name, "begins"), (name, "ends")]).concat();
        assert_eq!(*log.lock().unwrap(), expected);
    }

    #[test]
    fn a_step_that_is_given_up_opens_no_way_past_the_one_before() {
        let sequence = Sequence::new();
        let begun = Arc::new(AtomicUsize::new(0));
        let (release, released) = oneshot::channel::<()>();
        let first = sequence.add(|| released);
        let second = sequence.add(|| std::future::ready(()));
        let count = begun.clone();
        let third = sequence.add(move || async move { count.fetch_add(1, Ordering::SeqCst) });
        block_on(async {
            let (first, third) = (tokio::spawn(first), tokio::spawn(third));
            drop(second);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(begun.load(Ordering::SeqCst), 0);
            release.send(()).unwrap();
            third.await.unwrap();
            assert!(first.await.unwrap().is_ok());
        });
    }

    #[test]
    fn a_step_that_runs_may_be_given_up_too() {
        let sequence = Sequence::new();
        let first = sequence.add(std::future::pending::<()>);
        let second = sequence.add(|| std::future::ready(2));
        block_on(async {
            let first = tokio::spawn(first);
            tokio::task::yield_now().await;
            first.abort();
            assert_eq!(second.await, 2);
        });
    }

    #[test]
    fn any_number_of_steps_may_be_given_up_from_behind() {
        let sequence = Sequence::new();
        let mut steps: Vec<_> =
            (0..200_000).map(|_| sequence.add(|| std::future::ready(()))).collect();
        while let Some(step) = steps.pop() {
            drop(step);
        }
        block_on(sequence.add(|| std::future::ready(())));
    }
}

//! A condition that becomes true once, which tasks can await and threads can block on.

use crate::spin;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a thread waits awake before it sleeps: long enough for another one to be woken on a
/// core that sleeps, and to do something.
const AWAKE: Duration = Duration::from_micros(60);

/// False until [`Latch::set`].
#[derive(Default)]
pub(crate) struct Latch {
    done: AtomicBool,
    tasks: Notify,
    /// Guards nothing; a condition variable needs it to close the gap between look and wait.
    gate: Mutex<()>,
    threads: Condvar,
}

impl Latch {
    pub fn set(&self) {
        {
            let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            self.done.store(true, Ordering::Release);
        }
        self.threads.notify_all();
        self.tasks.notify_waiters();
    }

    pub fn is_set(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Ends when the latch is set. Costs nothing to drop, however many wait.
    pub async fn wait(&self) {
        let notified = self.tasks.notified();
        tokio::pin!(notified);
        // Enabled before the look, so that a `set` in between is not missed.
        notified.as_mut().enable();
        if !self.is_set() {
            notified.await;
        }
    }

    /// Blocks this thread until the latch is set; false when `timeout` came first.
    pub fn block(&self, timeout: Option<Duration>) -> bool {
        if spin::wait(AWAKE.min(timeout.unwrap_or(AWAKE)), || self.is_set()) {
            return true;
        }
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_set() {
            gate = match deadline {
                None => self.threads.wait(gate).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.threads.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

/// The end of a process, to be awaited by a task or blocked on by a thread.
///
/// When it is over, the process's state has been dropped, its name is free again, and `exited` is
/// in the queues of those who linked to it. A name that nobody has is over at once.
#[must_use = "waiting happens in `.await` or `.blocking(…)`"]
pub struct Wait {
    latch: Option<Arc<dyn AsRef<Latch> + Send + Sync>>,
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Wait {
    /// Nothing to wait for.
    pub(crate) fn over() -> Self {
        Self { latch: None, future: None }
    }

    pub(crate) fn until(latch: Arc<dyn AsRef<Latch> + Send + Sync>) -> Self {
        Self { latch: Some(latch), future: None }
    }

    /// Blocks this thread until the process has ended; false when `timeout` came first.
    ///
    /// Not for handlers: a process that blocks on itself, or all workers blocked on processes that
    /// need a worker, wait for ever.
    pub fn blocking(self, timeout: Option<Duration>) -> bool {
        self.latch.is_none_or(|latch| (*latch).as_ref().block(timeout))
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(latch) = &this.latch else { return Poll::Ready(()) };
        let future = this.future.get_or_insert_with(|| {
            let latch = latch.clone();
            Box::pin(async move { (*latch).as_ref().wait().await })
        });
        future.as_mut().poll(cx)
    }
}

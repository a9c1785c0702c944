//! A one-way switch that tells whoever asked that the other side has gone.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Callback = Box<dyn FnOnce() + Send>;

/// Fires once, when the other side of a request or of a stream goes away.
///
/// Cheap to clone; every clone is the same switch. Callbacks run on the thread that notices, so
/// they should only hand the news on (for example dispatch to a process).
#[derive(Clone, Default)]
pub struct ClosedSignal {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    fired: AtomicBool,
    callbacks: Mutex<Vec<Callback>>,
}

impl ClosedSignal {
    /// A switch that has not fired.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the other side has gone.
    pub fn is_closed(&self) -> bool {
        self.inner.fired.load(Ordering::Acquire)
    }

    /// Calls `callback` once when the other side goes, at once when it has gone already.
    pub fn on_closed(&self, callback: impl FnOnce() + Send + 'static) {
        let mut callbacks = self.inner.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
        // `fire` sets the flag under this lock, so a callback is either stored before it or run
        // here, never lost in between.
        if self.is_closed() {
            drop(callbacks);
            callback();
        } else {
            callbacks.push(Box::new(callback));
        }
    }

    /// Says that the other side has gone. Only the first call does anything.
    pub fn fire(&self) {
        let callbacks = {
            let mut callbacks = self.inner.callbacks.lock().unwrap_or_else(PoisonError::into_inner);
            self.inner.fired.store(true, Ordering::Release);
            std::mem::take(&mut *callbacks)
        };
        for callback in callbacks {
            callback();
        }
    }

    /// Forgets the callbacks: the exchange ended well, and nobody needs to hear of it.
    pub(crate) fn forget(&self) {
        let callbacks = std::mem::take(
            &mut *self.inner.callbacks.lock().unwrap_or_else(PoisonError::into_inner),
        );
        drop(callbacks);
    }
}

impl fmt::Debug for ClosedSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedSignal").field("closed", &self.is_closed()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn counter() -> (Arc<AtomicUsize>, impl Fn() -> Callback) {
        let count = Arc::new(AtomicUsize::new(0));
        let shared = count.clone();
        (count, move || {
            let count = shared.clone();
            Box::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            })
        })
    }

    #[test]
    fn fires_each_callback_once() {
        let (count, callback) = counter();
        let signal = ClosedSignal::new();
        signal.on_closed(callback());
        signal.on_closed(callback());
        assert!(!signal.is_closed());
        signal.fire();
        signal.fire();
        assert!(signal.is_closed());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_late_callback_runs_at_once() {
        let (count, callback) = counter();
        let signal = ClosedSignal::new();
        signal.fire();
        signal.on_closed(callback());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn forgotten_callbacks_do_not_run() {
        let (count, callback) = counter();
        let signal = ClosedSignal::new();
        signal.on_closed(callback());
        signal.forget();
        signal.fire();
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}

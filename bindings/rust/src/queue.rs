//! A bounded queue between threads that block and tasks that wait.
//!
//! ```text
//!   closed ---- open ----> open ---- close ----> closed (what waits is dropped)
//! ```
//!
//! Calls travel from blocking threads to the driver's runtime, events the other way, so each end
//! has both ways to wait. A closed queue takes nothing and holds nothing.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A first-in first-out queue of at most `capacity` items.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    changed: Condvar,
    /// Wakes the one task that waits for an item.
    filled: Notify,
    /// Wakes the one task that waits for room.
    emptied: Notify,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, open: bool) -> Self {
        Self {
            state: Mutex::new(State { items: VecDeque::new(), open }),
            capacity: capacity.max(1),
            changed: Condvar::new(),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is consistent at every point where a panic could happen.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) {
        self.lock().open = true;
    }

    /// Drops what waits and refuses what comes; everybody who waits is woken.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.open = false;
            std::mem::take(&mut state.items)
        };
        drop(dropped);
        self.changed.notify_all();
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Adds an item if there is room. False when there is none, or the queue is closed.
    pub(crate) fn try_push(&self, item: T) -> bool {
        let state = self.lock();
        state.items.len() < self.capacity && self.add(state, item)
    }

    /// Adds an item, blocking while the queue is full. False when the queue is closed.
    pub(crate) fn push_blocking(&self, item: T) -> bool {
        let mut state = self.lock();
        while state.open && state.items.len() >= self.capacity {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.add(state, item)
    }

    /// Adds an item, waiting while the queue is full. False when the queue is closed.
    pub(crate) async fn push(&self, item: T) -> bool {
        loop {
            {
                let state = self.lock();
                if !state.open || state.items.len() < self.capacity {
                    return self.add(state, item);
                }
            }
            self.emptied.notified().await;
        }
    }

    fn add(&self, mut state: MutexGuard<'_, State<T>>, item: T) -> bool {
        if !state.open {
            return false;
        }
        state.items.push_back(item);
        drop(state);
        self.changed.notify_all();
        self.filled.notify_one();
        true
    }

    /// Takes the first item, blocking until there is one. None when the queue is closed.
    pub(crate) fn pop_blocking(&self) -> Option<T> {
        let mut state = self.lock();
        while state.open && state.items.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.take(state)
    }

    /// Takes the first item if there is one.
    pub(crate) fn try_pop(&self) -> Option<T> {
        self.take(self.lock())
    }

    /// Waits until something may have changed; the caller looks again.
    pub(crate) async fn wait(&self) {
        self.filled.notified().await;
    }

    /// Makes [`Queue::wait`] return once.
    pub(crate) fn wake(&self) {
        self.filled.notify_one();
    }

    fn take(&self, mut state: MutexGuard<'_, State<T>>) -> Option<T> {
        let item = state.items.pop_front();
        drop(state);
        if item.is_some() {
            self.changed.notify_all();
            self.emptied.notify_one();
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(future)
    }

    #[test]
    fn items_keep_their_order_across_threads() {
        let queue = Arc::new(Queue::new(3, true));
        let sender = queue.clone();
        let thread = std::thread::spawn(move || {
            for number in 0..1_000 {
                assert!(sender.push_blocking(number));
            }
        });
        let seen = block_on(async {
            let mut seen = Vec::new();
            while seen.len() < 1_000 {
                match queue.try_pop() {
                    Some(item) => seen.push(item),
                    None => queue.wait().await,
                }
            }
            seen
        });
        thread.join().expect("the sender does not panic");
        assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_queue_holds_a_task_back_until_there_is_room() {
        let queue = Arc::new(Queue::new(1, true));
        let receiver = queue.clone();
        let thread = std::thread::spawn(move || {
            (0..100).map_while(|_| receiver.pop_blocking()).collect::<Vec<_>>()
        });
        block_on(async {
            for number in 0..100 {
                assert!(queue.push(number).await);
            }
        });
        assert_eq!(thread.join().expect("no panic"), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn closing_frees_whoever_waits_and_drops_what_is_there() {
        let queue = Arc::new(Queue::new(1, true));
        assert!(queue.push_blocking(1));
        let blocked = queue.clone();
        let thread = std::thread::spawn(move || blocked.push_blocking(2));
        queue.close();
        assert!(!thread.join().expect("no panic"));
        assert_eq!(queue.pop_blocking(), None);
        assert!(!queue.push_blocking(3));
        queue.open();
        assert!(queue.push_blocking(4));
        assert_eq!(queue.try_pop(), Some(4));
    }
}

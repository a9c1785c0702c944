//! The queue of one process.
//!
//! ```text
//!            push                    swap: queue empty
//!   Idle  ---------->  Scheduled  ---------------------->  Idle
//!     \                   |  ^  (and at first)
//!      \                  |  | swap: takes the whole queue, stays
//!       \      close      v
//!        `----------->  Closed     (push drops the event)
//! ```
//!
//! A lock around a plain queue, held for a few instructions. The receiver swaps the whole queue
//! out, so that it takes the lock once a batch and not once an event.

use crate::event::{Event, EventSummary};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A queue that grew beyond this many events gives its memory back when it has been emptied.
const KEEP_CAPACITY: usize = 4096;

/// How many events of a queue a summary lists.
const SUMMARY_EVENTS: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Scheduled,
    Closed,
}

struct Inner {
    queue: VecDeque<Event>,
    state: State,
    /// Bytes in `queue` that came from other nodes.
    remote_bytes: usize,
    /// How often the process was scheduled; tells an observer that something happened in between.
    activations: u64,
    /// Connections that wait until the queue has been taken.
    readers: Vec<Waker>,
}

pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
}

/// What became of a pushed event.
pub(crate) enum Pushed {
    /// Somebody else runs, or will run, the process.
    Queued,
    /// The process was idle: the caller must schedule it.
    Wake,
    /// The process is gone, and so is the event.
    Closed,
}

impl Mailbox {
    /// A mailbox that counts as scheduled: whoever makes a process schedules it once it can run.
    pub fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                queue: VecDeque::new(),
                state: State::Scheduled,
                remote_bytes: 0,
                activations: 1,
                readers: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No user code runs under this lock, so a poisoned one still holds a whole queue.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event at the end.
    pub fn push(&self, event: Event) -> Pushed {
        let mut inner = self.lock();
        if inner.state == State::Closed {
            return Pushed::Closed;
        }
        inner.remote_bytes += event.remote_bytes();
        inner.queue.push_back(event);
        inner.wake()
    }

    /// Adds several events at the end, in order; drains `events` unless the process is gone.
    pub fn push_all(&self, events: &mut Vec<Event>) -> Pushed {
        let mut inner = self.lock();
        if inner.state == State::Closed {
            return Pushed::Closed;
        }
        inner.remote_bytes += events.iter().map(Event::remote_bytes).sum::<usize>();
        inner.queue.extend(events.drain(..));
        inner.wake()
    }

    /// Adds an event ahead of all others.
    pub fn push_front(&self, event: Event) -> Pushed {
        let mut inner = self.lock();
        if inner.state == State::Closed {
            return Pushed::Closed;
        }
        inner.queue.push_front(event);
        inner.wake()
    }

    /// Moves all events into `batch`, which must be empty. With nothing to move the process becomes
    /// idle, and the answer is false.
    pub fn swap(&self, batch: &mut VecDeque<Event>) -> bool {
        debug_assert!(batch.is_empty());
        let mut inner = self.lock();
        if inner.queue.is_empty() {
            if inner.state == State::Scheduled {
                inner.state = State::Idle;
            }
            if inner.queue.capacity() > KEEP_CAPACITY {
                inner.queue = VecDeque::new();
            }
            drop(inner);
            if batch.capacity() > KEEP_CAPACITY {
                *batch = VecDeque::new();
            }
            return false;
        }
        std::mem::swap(&mut inner.queue, batch);
        inner.remote_bytes = 0;
        if !inner.readers.is_empty() {
            let readers = std::mem::take(&mut inner.readers);
            drop(inner);
            readers.into_iter().for_each(Waker::wake);
        }
        true
    }

    /// Refuses events from now on, and returns those that were queued.
    pub fn close(&self) -> VecDeque<Event> {
        let mut inner = self.lock();
        inner.state = State::Closed;
        let queue = std::mem::take(&mut inner.queue);
        let readers = std::mem::take(&mut inner.readers);
        drop(inner);
        readers.into_iter().for_each(Waker::wake);
        queue
    }

    /// Whether the queue holds at most `limit` bytes from other nodes. If not, `reader` is woken
    /// when the queue has been taken.
    pub fn has_room(&self, limit: usize, reader: &Waker) -> bool {
        let mut inner = self.lock();
        if inner.remote_bytes <= limit || inner.state == State::Closed {
            return true;
        }
        if !inner.readers.iter().any(|waker| waker.will_wake(reader)) {
            inner.readers.push(reader.clone());
        }
        false
    }

    /// Whether nothing is queued or running, and how often the process was scheduled so far.
    pub fn quiet(&self) -> (bool, u64) {
        let inner = self.lock();
        (inner.state != State::Scheduled, inner.activations)
    }

    /// The first events and the number of all.
    pub fn summary(&self) -> (Vec<EventSummary>, usize) {
        let inner = self.lock();
        let first = inner.queue.iter().take(SUMMARY_EVENTS).map(Event::summary).collect();
        (first, inner.queue.len())
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.lock().queue.len()
    }
}

impl Inner {
    fn wake(&mut self) -> Pushed {
        if self.state == State::Idle {
            self.state = State::Scheduled;
            self.activations += 1;
            Pushed::Wake
        } else {
            Pushed::Queued
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Upid;

    fn exited(id: &str) -> Event {
        Event::Exited(Upid::new(id, ([127, 0, 0, 1], 1).into()))
    }

    #[test]
    fn only_the_first_push_wakes() {
        let mailbox = Mailbox::new();
        let mut batch = VecDeque::new();
        assert!(!mailbox.swap(&mut batch));
        assert!(matches!(mailbox.push(Event::Initialize), Pushed::Wake));
        assert!(matches!(mailbox.push(Event::Initialize), Pushed::Queued));
        assert!(mailbox.swap(&mut batch));
        assert_eq!(batch.len(), 2);
        assert!(matches!(mailbox.push(Event::Initialize), Pushed::Queued), "still scheduled");
        batch.clear();
        assert!(mailbox.swap(&mut batch));
        batch.clear();
        assert!(!mailbox.swap(&mut batch));
        assert!(mailbox.quiet().0);
        assert!(matches!(mailbox.push(Event::Initialize), Pushed::Wake));
        assert_eq!(mailbox.quiet(), (false, 3));
    }

    #[test]
    fn the_front_is_ahead() {
        let mailbox = Mailbox::new();
        mailbox.push(exited("second"));
        mailbox.push_front(exited("first"));
        let (events, queued) = mailbox.summary();
        assert_eq!(queued, 2);
        assert_eq!(events[0].from.as_deref(), Some("first@127.0.0.1:1"));
    }

    #[test]
    fn a_closed_mailbox_takes_nothing() {
        let mailbox = Mailbox::new();
        mailbox.push(exited("kept"));
        assert_eq!(mailbox.close().len(), 1);
        assert!(matches!(mailbox.push(exited("late")), Pushed::Closed));
    }
}

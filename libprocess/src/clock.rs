//! Time and timers (LP-13).
//!
//! ```text
//!              pause, Clock::paused
//!   running  ----------------------->  paused:  time moves by `advance` only
//!      ^                                  |
//!      `----------------------------------'  resume: goes on from where it stands
//! ```
//!
//! A clock is a value. A node has one; the nodes of a test may share one, so that one `advance`
//! moves them all and one `settle` waits for them all.

use crate::cell::Cell;
use crate::event::{Event, Thunk};
use crate::node::Shared;
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// Names a pending call: see [`Context::delay`](crate::Context::delay).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timer {
    deadline: Time,
    /// Tells timers of the same deadline apart, in the order they were made.
    sequence: u64,
}

impl Timer {
    /// When it fires, on the clock it was made with.
    pub fn deadline(&self) -> Time {
        self.deadline
    }
}

/// A clock; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// The earliest deadline, or the mode, changed.
    changed: Notify,
}

struct State {
    mode: Mode,
    timers: BTreeMap<Timer, Pending>,
    sequence: u64,
    nodes: Vec<Weak<Shared>>,
}

/// What happens when a timer fires.
enum Pending {
    /// A call on a process.
    Call { cell: Arc<Cell>, thunk: Thunk },
    /// The end of a [`Clock::sleep`].
    Wake(oneshot::Sender<()>),
}

/// A timer that goes when nobody waits for it any more.
struct Sleep<'a> {
    clock: &'a Clock,
    timer: Timer,
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.clock.remove(self.timer);
    }
}

#[derive(Clone, Copy)]
enum Mode {
    /// It was `at` when the machine's steady clock showed `since`.
    Running { at: Time, since: Instant },
    /// It is `at`.
    Paused { at: Time },
}

impl Mode {
    fn now(self) -> Time {
        match self {
            Self::Running { at, since } => at + since.elapsed(),
            Self::Paused { at } => at,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

impl Clock {
    /// A clock that starts at the machine's time and runs as the machine's steady clock does: it
    /// never goes back, and does not follow when somebody sets the machine's time.
    pub fn real() -> Self {
        Self::new(Mode::Running { at: Time::system(), since: Instant::now() })
    }

    /// A clock that stands at the machine's time until it is advanced.
    pub fn paused() -> Self {
        Self::paused_at(Time::system())
    }

    /// A clock that stands at `time` until it is advanced.
    pub fn paused_at(time: Time) -> Self {
        Self::new(Mode::Paused { at: time })
    }

    fn new(mode: Mode) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                mode,
                timers: BTreeMap::new(),
                sequence: 0,
                nodes: Vec::new(),
            }),
            changed: Notify::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        self.lock().mode.now()
    }

    /// Whether it stands.
    pub fn is_paused(&self) -> bool {
        matches!(self.lock().mode, Mode::Paused { .. })
    }

    /// Stops it where it is; timers fire only by [`Clock::advance`] from now on.
    pub fn pause(&self) {
        let mut state = self.lock();
        state.mode = Mode::Paused { at: state.mode.now() };
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Lets it run from where it stands.
    pub fn resume(&self) {
        let mut state = self.lock();
        state.mode = Mode::Running { at: state.mode.now(), since: Instant::now() };
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Moves it ahead, and fires what becomes due, the earliest first. The calls are in the queues
    /// of their processes when this returns; [`Clock::settle`] waits until they are handled. A
    /// timer that one of them makes counts from the new time.
    pub fn advance(&self, by: Duration) {
        {
            let mut state = self.lock();
            match &mut state.mode {
                Mode::Running { at, .. } | Mode::Paused { at } => *at += by,
            }
        }
        self.fire_due();
        self.0.changed.notify_waiters();
    }

    /// When the next timer is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.lock().timers.first_key_value().map(|(timer, _)| timer.deadline)
    }

    /// Blocks until all processes of all nodes on this clock are idle with empty queues, and no
    /// message is on its way between these nodes.
    ///
    /// What comes from elsewhere (sockets of others, futures that wait for something) cannot be
    /// known and is not waited for. Not to be called on a worker's thread.
    pub fn settle(&self) {
        let mut before = None;
        loop {
            let nodes: Vec<_> = self.lock().nodes.iter().filter_map(Weak::upgrade).collect();
            let quiet: Option<u64> = nodes.iter().map(|node| node.quiet(&nodes)).sum();
            // Quiet twice with nothing done in between: everything was quiet at once.
            if quiet.is_some() && quiet == before {
                return;
            }
            let pause = if quiet.is_some() { 0 } else { 50 };
            before = quiet;
            std::thread::sleep(Duration::from_micros(pause));
        }
    }

    /// Registers a node whose processes count for `settle`.
    pub(crate) fn attach(&self, node: &Arc<Shared>) {
        let mut state = self.lock();
        state.nodes.retain(|known| known.strong_count() > 0);
        state.nodes.push(Arc::downgrade(node));
    }

    /// Forgets a node and its timers.
    pub(crate) fn detach(&self, node: &Arc<Shared>) {
        let removed = {
            let mut state = self.lock();
            state.nodes.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(node)));
            let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut state.timers)
                .into_iter()
                .partition(|(_, pending)| match pending {
                    Pending::Call { cell, .. } => Arc::ptr_eq(cell.node(), node),
                    Pending::Wake(_) => false,
                });
            state.timers = kept;
            gone
        };
        // What a closure owns may do anything when dropped, so not under the lock.
        drop(removed);
    }

    /// Ends when this clock has moved on by `delay`. One that runs needs a node to drive it.
    pub async fn sleep(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let timer = self.insert(delay, |_| Pending::Wake(wake));
        let _sleep = Sleep { clock: self, timer };
        // The sender goes only by firing, or with the clock itself.
        let _ = woken.await;
    }

    pub(crate) fn add(
        &self,
        delay: Duration,
        cell: &Arc<Cell>,
        thunk: impl FnOnce(Timer) -> Thunk,
    ) -> Timer {
        self.insert(delay, |timer| Pending::Call { cell: cell.clone(), thunk: thunk(timer) })
    }

    fn insert(&self, delay: Duration, pending: impl FnOnce(Timer) -> Pending) -> Timer {
        let mut state = self.lock();
        state.sequence += 1;
        let timer = Timer { deadline: state.mode.now() + delay, sequence: state.sequence };
        state.timers.insert(timer, pending(timer));
        let first = state.timers.first_key_value().map(|(first, _)| *first);
        drop(state);
        if first == Some(timer) {
            self.0.changed.notify_waiters();
        }
        timer
    }

    pub(crate) fn remove(&self, timer: Timer) {
        let pending = self.lock().timers.remove(&timer);
        drop(pending);
    }

    fn fire_due(&self) {
        let mut due = Vec::new();
        {
            let mut state = self.lock();
            let now = state.mode.now();
            while let Some(first) = state.timers.first_entry() {
                if first.key().deadline > now {
                    break;
                }
                due.push(first.remove());
            }
        }
        for pending in due {
            // The process may be gone, and who slept may have given up just now.
            let _ = match pending {
                Pending::Call { cell, thunk } => cell.deliver(Event::Dispatch(thunk)),
                Pending::Wake(wake) => wake.send(()).is_ok(),
            };
        }
    }

    /// How long to sleep until the next timer of a running clock.
    fn until_next(&self) -> Option<Duration> {
        let state = self.lock();
        let Mode::Running { .. } = state.mode else { return None };
        let (timer, _) = state.timers.first_key_value()?;
        Some(timer.deadline - state.mode.now())
    }

    /// Fires timers as they become due; each node runs this on a worker.
    pub(crate) async fn drive(self) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // Enabled before the look, so that no change is missed in between.
            changed.as_mut().enable();
            match self.until_next() {
                None => changed.await,
                Some(Duration::ZERO) => {
                    self.fire_due();
                    tokio::task::yield_now().await;
                }
                Some(wait) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep(wait) => self.fire_due(),
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let kind = if matches!(state.mode, Mode::Paused { .. }) { "paused" } else { "running" };
        write!(f, "Clock({kind} at {:?}, {} timers)", state.mode.now(), state.timers.len())
    }
}

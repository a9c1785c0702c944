//! Watching and dropping events on their way into processes, for tests (LP-12).

use crate::latch::Latch;
use crate::message::CodecError;
use crate::{Envelope, Message, Upid};
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// The sorts of events that a filter sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A message, local or remote.
    Message,
    /// A closure: dispatch, defer, timer.
    Dispatch,
    /// An HTTP request.
    Http,
    /// The end of a link.
    Exited,
}

/// An event about to enter a process's queue.
pub struct Seen<'a> {
    /// Its sort.
    pub kind: EventKind,
    /// The name of a message, the path of a request, else empty.
    pub name: &'a str,
    /// The sender of a message, who exited, else nobody.
    pub from: &'a Upid,
    /// The process it is for.
    pub to: &'a Upid,
    envelope: Option<&'a Envelope>,
}

const NOBODY: &Upid = &Upid::nobody();

impl<'a> Seen<'a> {
    pub(crate) fn message(envelope: &'a Envelope, to: &'a Upid) -> Self {
        Self {
            kind: EventKind::Message,
            name: envelope.name(),
            from: envelope.from(),
            to,
            envelope: Some(envelope),
        }
    }

    pub(crate) fn dispatch(to: &'a Upid) -> Self {
        Self { kind: EventKind::Dispatch, name: "", from: NOBODY, to, envelope: None }
    }

    pub(crate) fn http(path: &'a str, to: &'a Upid) -> Self {
        Self { kind: EventKind::Http, name: path, from: NOBODY, to, envelope: None }
    }

    pub(crate) fn exited(peer: &'a Upid, to: &'a Upid) -> Self {
        Self { kind: EventKind::Exited, name: "", from: peer, to, envelope: None }
    }

    fn record(&self) -> Spied {
        Spied {
            kind: self.kind,
            name: self.name.to_owned(),
            from: self.from.clone(),
            to: self.to.clone(),
            body: self.envelope.and_then(|envelope| envelope.encode().ok()).unwrap_or_default(),
        }
    }
}

/// Which events a filter is for. Conditions add up.
#[derive(Clone, Debug)]
pub struct Matcher {
    kind: EventKind,
    name: Option<String>,
    from: Option<Upid>,
    to: Option<Upid>,
}

impl Matcher {
    /// Every event of a sort.
    pub fn any(kind: EventKind) -> Self {
        Self { kind, name: None, from: None, to: None }
    }

    /// Messages under a name.
    pub fn message(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::any(EventKind::Message) }
    }

    /// Requests for a path.
    pub fn http(path: impl Into<String>) -> Self {
        Self { name: Some(path.into()), ..Self::any(EventKind::Http) }
    }

    /// Closures for a process.
    pub fn dispatch(to: &Upid) -> Self {
        Self::any(EventKind::Dispatch).to(to)
    }

    /// Ends of links to a process.
    pub fn exited(peer: &Upid) -> Self {
        Self::any(EventKind::Exited).from(peer)
    }

    /// Only what comes from `from`.
    pub fn from(mut self, from: &Upid) -> Self {
        self.from = Some(from.clone());
        self
    }

    /// Only what is for `to`.
    pub fn to(mut self, to: &Upid) -> Self {
        self.to = Some(to.clone());
        self
    }

    /// Whether an event meets the conditions.
    pub fn matches(&self, seen: &Seen<'_>) -> bool {
        self.kind == seen.kind
            && self.name.as_ref().is_none_or(|name| name == seen.name)
            && self.from.as_ref().is_none_or(|from| from == seen.from)
            && self.to.as_ref().is_none_or(|to| to == seen.to)
    }
}

type Judge = Box<dyn FnMut(&Seen<'_>) -> Verdict + Send>;

#[derive(Clone, Copy, Default)]
struct Verdict {
    /// The event does not reach its process.
    drop: bool,
    /// The filter has done its work.
    done: bool,
}

/// The filters of a node. Without any, an event costs one look at a flag.
#[derive(Default)]
pub struct Filters {
    active: AtomicBool,
    judges: Mutex<Judges>,
}

#[derive(Default)]
struct Judges {
    next: u64,
    list: Vec<(u64, Judge)>,
}

impl Filters {
    pub(crate) fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Judges> {
        self.judges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an event to every filter; false when one of them takes it.
    pub(crate) fn pass(&self, seen: &Seen<'_>) -> bool {
        let mut judges = self.lock();
        let mut pass = true;
        judges.list.retain_mut(|(_, judge)| {
            let verdict = judge(seen);
            pass &= !verdict.drop;
            !verdict.done
        });
        self.active.store(!judges.list.is_empty(), Ordering::Relaxed);
        pass
    }

    fn add(&self, judge: Judge) -> u64 {
        let mut judges = self.lock();
        judges.next += 1;
        let id = judges.next;
        judges.list.push((id, judge));
        self.active.store(true, Ordering::SeqCst);
        id
    }

    fn remove(&self, id: u64) {
        let mut judges = self.lock();
        judges.list.retain(|(known, _)| *known != id);
        self.active.store(!judges.list.is_empty(), Ordering::Relaxed);
    }

    fn once(&self, matcher: Matcher, drop: bool) -> Expected {
        let expected = Expected::default();
        let slot = expected.slot.clone();
        self.add(Box::new(move |seen| {
            let hit = slot.record_first(&matcher, seen);
            Verdict { drop: hit && drop, done: hit }
        }));
        expected
    }

    /// The next event that matches; it goes on to its process.
    pub fn expect(&self, matcher: Matcher) -> Expected {
        self.once(matcher, false)
    }

    /// The next event that matches; its process never sees it.
    pub fn drop_next(&self, matcher: Matcher) -> Expected {
        self.once(matcher, true)
    }

    /// The next message under `name`; it goes on to its process.
    pub fn expect_message(&self, name: &str) -> Expected {
        self.expect(Matcher::message(name))
    }

    /// The next message under `name`; its process never sees it.
    pub fn drop_message(&self, name: &str) -> Expected {
        self.drop_next(Matcher::message(name))
    }

    /// The next closure for `to`; it goes on.
    pub fn expect_dispatch(&self, to: &Upid) -> Expected {
        self.expect(Matcher::dispatch(to))
    }
}

/// A filter that works until it is dropped.
#[must_use = "the filter ends when this is dropped"]
pub struct FilterGuard {
    node: crate::Node,
    id: u64,
}

impl Drop for FilterGuard {
    fn drop(&mut self) {
        self.node.filter().remove(self.id);
    }
}

impl crate::Node {
    /// Keeps all events that match from their processes, while the guard lives.
    pub fn drop_all(&self, matcher: Matcher) -> FilterGuard {
        self.judge_all(move |seen| matcher.matches(seen))
    }

    /// Calls `judge` for every event while the guard lives; what it answers true to, it takes.
    pub fn judge_all(
        &self,
        mut judge: impl FnMut(&Seen<'_>) -> bool + Send + 'static,
    ) -> FilterGuard {
        let id =
            self.filter().add(Box::new(move |seen| Verdict { drop: judge(seen), done: false }));
        FilterGuard { node: self.clone(), id }
    }
}

/// What a filter saw.
#[derive(Clone, Debug)]
pub struct Spied {
    /// Its sort.
    pub kind: EventKind,
    /// The name of a message, the path of a request.
    pub name: String,
    /// The sender of a message, who exited.
    pub from: Upid,
    /// The process it was for.
    pub to: Upid,
    body: Bytes,
}

impl Spied {
    /// The message, read as an `M`.
    ///
    /// # Errors
    /// When it is none, or another.
    pub fn decode<M: Message>(&self) -> Result<M, CodecError> {
        crate::message::decode(&self.name, &self.body)
    }
}

#[derive(Default)]
struct Slot {
    latch: Latch,
    spied: Mutex<Option<Spied>>,
}

impl Slot {
    fn record_first(&self, matcher: &Matcher, seen: &Seen<'_>) -> bool {
        let hit = matcher.matches(seen);
        if hit {
            *self.spied.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen.record());
            self.latch.set();
        }
        hit
    }

    fn take(&self) -> Option<Spied> {
        self.spied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl AsRef<Latch> for Slot {
    fn as_ref(&self) -> &Latch {
        &self.latch
    }
}

/// An event that a filter waits for: to be awaited by a task or blocked on by a thread. Dropping it
/// leaves the filter in place.
#[derive(Default)]
pub struct Expected {
    slot: Arc<Slot>,
    wait: Option<crate::Wait>,
}

impl Expected {
    /// Blocks until the event comes; `None` when `timeout` came first.
    pub fn blocking(self, timeout: Option<Duration>) -> Option<Spied> {
        if crate::Wait::until(self.slot.clone()).blocking(timeout) {
            self.slot.take()
        } else {
            None
        }
    }

    /// Whether the event has come.
    pub fn is_seen(&self) -> bool {
        self.slot.latch.is_set()
    }
}

impl Future for Expected {
    type Output = Spied;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Spied> {
        let slot = self.slot.clone();
        let wait = self.wait.get_or_insert_with(|| crate::Wait::until(slot));
        if Pin::new(wait).poll(cx).is_pending() {
            return Poll::Pending;
        }
        match self.slot.take() {
            Some(spied) => Poll::Ready(spied),
            // Awaited a second time, which the contract of futures leaves open.
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filters({})", self.lock().list.len())
    }
}

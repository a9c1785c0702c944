//! What a handler can do: everything a process reaches the world with.

use crate::cell::Cell;
use crate::event::Event;
use crate::handlers::{Install, opening};
use crate::http::{Help, Reply, Request};
use crate::message::Contents;
use crate::metrics::Metrics;
use crate::process::Running;
use crate::table::Route;
use crate::{Envelope, Message, Node, Pid, Process, Time, Timer, Upid};
use std::any::Any;
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How a link treats a connection that exists already (LP-07).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkMode {
    /// Use it.
    #[default]
    Reuse,
    /// Replace it by a new one, because it may be half open: the peer, or something between, has
    /// forgotten it. Whoever linked before stays linked and notices nothing.
    Reconnect,
}

/// The surroundings of a process, handed to each of its handlers.
pub struct Context<P> {
    pid: Pid<P>,
    cell: Arc<Cell>,
    node: Node,
    installs: Vec<Install<P>>,
    timers: HashSet<Timer>,
}

impl<P: Process> Context<P> {
    pub(crate) fn new(pid: Pid<P>, cell: Arc<Cell>) -> Self {
        let node = Node::from_shared(cell.node().clone());
        Self { pid, cell, node, installs: Vec::new(), timers: HashSet::new() }
    }

    /// The name of this process.
    pub fn upid(&self) -> &Upid {
        self.pid.upid()
    }

    /// The name of this process, with its type.
    pub fn pid(&self) -> &Pid<P> {
        &self.pid
    }

    /// The node on which this process runs.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The metrics of the node.
    pub fn metrics(&self) -> &Metrics {
        self.node.metrics()
    }

    /// What the node's clock shows.
    pub fn now(&self) -> Time {
        self.node.clock().now()
    }

    /// Calls `handler` for each message under `name` from the next event on; a second handler for
    /// the same name replaces the first. A body that does not fit `M` is dropped, counted and
    /// logged (LP-05).
    pub fn install<M: Message>(
        &mut self,
        name: &'static str,
        handler: impl FnMut(&mut P, &mut Self, &Upid, M) + Send + 'static,
    ) {
        self.installs.push(Install::Message(name, opening(handler)));
    }

    /// Calls `handler` for messages under names that are not installed.
    pub fn install_raw(
        &mut self,
        handler: impl FnMut(&mut P, &mut Self, Envelope) + Send + 'static,
    ) {
        self.installs.push(Install::Raw(Box::new(handler)));
    }

    /// Hands each message under `name` on to another process, its sender kept (LP-05).
    pub fn delegate(&mut self, name: &'static str, to: &Upid) {
        let to = to.clone();
        self.installs.push(Install::Message(
            name,
            Box::new(move |_, context: &mut Self, contents| {
                context.forward(&to, Envelope(contents));
                Ok(())
            }),
        ));
    }

    /// Sends a message: at most once, in order per receiver (LP-04). A message that cannot be
    /// delivered is lost; who needs to know links to the receiver.
    pub fn send<M: Message>(&self, to: &Upid, name: &'static str, message: M) {
        self.node.send_from(self.upid(), to, name, message);
    }

    /// Sends a received message on; it appears to come from its first sender.
    pub fn forward(&self, to: &Upid, envelope: Envelope) {
        self.node.forward(to, envelope);
    }

    /// Asks for one [`Process::exited`] when `to` or the connection to it is gone (LP-06). If
    /// it does not exist, that comes at once. Linking again before that adds nothing.
    pub fn link(&self, to: &Upid, mode: LinkMode) {
        self.node.link(&self.cell, to, mode);
    }

    /// Runs `f` on another process, or later on this one, behind what is queued there.
    pub fn dispatch<Q: Process>(
        &self,
        to: &Pid<Q>,
        f: impl FnOnce(&mut Q, &mut Context<Q>) + Send + 'static,
    ) {
        self.node.dispatch(to, f);
    }

    /// Runs `f` on this process when the node's clock has moved on by `delay`. Dropping the
    /// [`Timer`] does not cancel it; the end of the process does.
    pub fn delay(
        &mut self,
        delay: Duration,
        f: impl FnOnce(&mut P, &mut Self) + Send + 'static,
    ) -> Timer {
        let timer = self.node.clock().add(delay, &self.cell, |timer| {
            thunk(move |process: &mut P, context: &mut Self| {
                // A timer that was cancelled after it fired is no longer among them.
                if context.timers.remove(&timer) {
                    f(process, context);
                }
            })
        });
        self.timers.insert(timer);
        timer
    }

    /// Makes a timer of this process not happen, even when it has fired and waits in the queue;
    /// false when it has happened already.
    pub fn cancel(&mut self, timer: Timer) -> bool {
        self.node.clock().remove(timer);
        self.timers.remove(&timer)
    }

    /// A continuation on this process that any thread may call once, with a value.
    pub fn defer<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut P, &mut Self, T) + Send + 'static,
    ) -> Deferred<T> {
        let cell = self.cell.clone();
        Deferred(Box::new(move |value| {
            cell.deliver(Event::Dispatch(thunk(move |process: &mut P, context: &mut Self| {
                f(process, context, value);
            })));
        }))
    }

    /// Runs `future` on a worker's runtime beside the processes, and then `f` on this process with
    /// what came out. If the process ends first, the future is dropped.
    pub fn await_then<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        f: impl FnOnce(&mut P, &mut Self, T) + Send + 'static,
    ) {
        let cell = self.cell.clone();
        let then = self.defer(f);
        self.node.handle().spawn(async move {
            tokio::select! {
                biased;
                () = cell.over() => {}
                value = future => then.call(value),
            }
        });
    }

    /// Runs `work`, which may block, on a thread kept for that, and then `f` on this process.
    /// Work that has begun is finished even when the process ends first.
    pub fn block_then<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        f: impl FnOnce(&mut P, &mut Self, T) + Send + 'static,
    ) {
        let then = self.defer(f);
        self.node.handle().spawn_blocking(move || then.call(work()));
    }

    /// Answers HTTP requests for `path` (`/state`; `/` or empty for the process itself), and for
    /// paths below it that no longer route matches, under `/<id>` of this process (LP-14). If this
    /// process is the node's delegate, also without the id.
    pub fn route(
        &mut self,
        path: &str,
        help: Help,
        handler: impl Fn(&mut P, &mut Self, Request, Reply) + Send + 'static,
    ) {
        self.add_route(path, None, help, handler);
    }

    /// As [`Context::route`], for requests that passed the authenticator of `realm` (LP-21).
    pub fn route_authenticated(
        &mut self,
        path: &str,
        realm: &str,
        help: Help,
        handler: impl Fn(&mut P, &mut Self, Request, Reply) + Send + 'static,
    ) {
        self.add_route(path, Some(realm.to_owned()), help, handler);
    }

    fn add_route(
        &mut self,
        path: &str,
        realm: Option<String>,
        help: Help,
        handler: impl Fn(&mut P, &mut Self, Request, Reply) + Send + 'static,
    ) {
        let path = path.trim_end_matches('/').to_owned();
        let route = Route { path: path.clone(), realm, help };
        self.node.add_route(&self.cell, route);
        self.installs.push(Install::Route(path, Box::new(handler)));
    }

    /// Ends this process after the current event, ahead of all that is queued.
    pub fn terminate(&self) {
        self.cell.terminate(true);
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    pub(crate) fn has_installs(&self) -> bool {
        !self.installs.is_empty()
    }

    pub(crate) fn take_installs(&mut self) -> Vec<Install<P>> {
        std::mem::take(&mut self.installs)
    }
}

impl<P> Drop for Context<P> {
    /// The process has ended: its timers must not stay until they would have fired.
    fn drop(&mut self) {
        for timer in self.timers.drain() {
            self.node.clock().remove(timer);
        }
    }
}

/// Erases the type of the process from a closure for it.
pub(crate) fn thunk<P: Process>(
    f: impl FnOnce(&mut P, &mut Context<P>) + Send + 'static,
) -> crate::event::Thunk {
    Box::new(move |running: &mut dyn Any| {
        if let Some(running) = running.downcast_mut::<Running<P>>() {
            let (process, context) = running.parts();
            f(process, context);
        }
    })
}

/// A continuation on a process: see [`Context::defer`].
#[must_use = "nothing happens until it is called"]
pub struct Deferred<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Deferred<T> {
    /// Queues the continuation with `value`; nothing happens if the process is gone.
    pub fn call(self, value: T) {
        (self.0)(value);
    }
}

impl Envelope {
    pub(crate) fn into_event(self) -> Event {
        match self.0 {
            Contents::Local(parcel) => Event::Message(parcel),
            Contents::Remote(frame) => Event::Frame(frame),
        }
    }
}

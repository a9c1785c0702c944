//! What a process is, and how its events become calls.

use crate::cell::{Body, Flow};
use crate::event::Event;
use crate::handlers::Handlers;
use crate::http::{Reply, Request};
use crate::message::Contents;
use crate::{Context, Envelope, Upid};
use std::any::Any;
use std::collections::VecDeque;

/// State that only its own events touch, one at a time (LP-01).
///
/// What it reacts to, it installs in `initialize`: messages, routes, timers. Handlers run on a
/// worker thread that others wait for, so they compute and return; what takes time is awaited
/// through [`Context::await_then`]. A panic in a handler ends the process, and only it.
pub trait Process: Sized + Send + 'static {
    /// The first call, before any other event.
    fn initialize(&mut self, _context: &mut Context<Self>) {}

    /// The last call, unless a handler panicked.
    fn finalize(&mut self, _context: &mut Context<Self>) {}

    /// A process that this one linked to is gone, or the connection to it is (LP-06): a remote
    /// peer may still be alive. Comes once per link.
    fn exited(&mut self, _context: &mut Context<Self>, _peer: &Upid) {}
}

/// A process with what surrounds it.
pub(crate) struct Running<P: Process> {
    process: P,
    context: Context<P>,
    handlers: Handlers<P>,
    initialized: bool,
}

impl<P: Process> Running<P> {
    pub fn new(process: P, context: Context<P>) -> Self {
        Self { process, context, handlers: Handlers::default(), initialized: false }
    }

    /// Process and context, for a closure that was dispatched to them.
    pub fn parts(&mut self) -> (&mut P, &mut Context<P>) {
        (&mut self.process, &mut self.context)
    }

    fn message(&mut self, contents: Contents) {
        let handler = match &contents {
            Contents::Local(parcel) => self.handlers.literal(parcel.name()),
            Contents::Remote(frame) => self.handlers.named(&frame.name),
        };
        let (process, context) = (&mut self.process, &mut self.context);
        if let Some(handler) = handler {
            if let Err(error) = handler(process, context, contents) {
                context.node().stats().decode_failures.add(1);
                tracing::warn!("'{}' dropped a message: {error}", context.upid().id());
            }
            return;
        }
        let envelope = Envelope(contents);
        if let Some(raw) = &mut self.handlers.raw {
            raw(process, context, envelope);
        } else {
            context.node().stats().dropped_unknown_message.add(1);
            tracing::debug!("'{}' has no handler for {envelope:?}", context.upid().id());
        }
    }

    fn http(&mut self, request: Request, reply: Reply) {
        // The route names the process or not; handlers are known by what follows its id.
        let id = self.context.upid().id();
        let path = request.route.strip_prefix('/').and_then(|route| route.strip_prefix(id));
        let handler = path
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .and_then(|rest| self.handlers.route(rest))
            .or_else(|| self.handlers.route(&request.route));
        // Without a handler the reply is dropped, which answers 500: the route table knows no such
        // route, so nobody should have sent it here.
        if let Some(handler) = handler {
            handler(&mut self.process, &mut self.context, request, reply);
        }
    }

    fn initialize(&mut self) {
        self.initialized = true;
        self.process.initialize(&mut self.context);
        self.context.node().shared().initialized(self.context.cell().id());
    }

    fn handle(&mut self, event: Event) -> Flow {
        match event {
            Event::Message(parcel) => self.message(Contents::Local(parcel)),
            Event::Frame(frame) => self.message(Contents::Remote(frame)),
            Event::Dispatch(thunk) => thunk(self as &mut dyn Any),
            Event::Http(both) => self.http(both.0, both.1),
            Event::Exited(peer) => {
                self.context.cell().remove_target(&peer);
                self.process.exited(&mut self.context, &peer);
            }
            Event::Initialize => self.initialize(),
            Event::Terminate => {
                // Who is terminated at birth still lives a whole life.
                if !self.initialized {
                    self.initialize();
                }
                return Flow::Exit;
            }
        }
        if self.context.has_installs() {
            for install in self.context.take_installs() {
                self.handlers.add(install);
            }
        }
        if self.context.cell().killed() { Flow::Exit } else { Flow::Done }
    }
}

impl<P: Process> Body for Running<P> {
    fn run(&mut self, batch: &mut VecDeque<Event>, budget: &mut usize) -> Flow {
        while *budget > 0 {
            let Some(event) = batch.pop_front() else { break };
            *budget -= 1;
            if self.handle(event) == Flow::Exit {
                return Flow::Exit;
            }
        }
        Flow::Done
    }

    fn finalize(&mut self) {
        self.process.finalize(&mut self.context);
    }
}

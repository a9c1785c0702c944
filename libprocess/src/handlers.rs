//! Which of a process's handlers takes which message or request.

use crate::http::{Reply, Request};
use crate::message::{CodecError, Contents};
use crate::{Context, Envelope, Message, Upid};
use std::collections::HashMap;

pub(crate) type MessageHandler<P> =
    Box<dyn FnMut(&mut P, &mut Context<P>, Contents) -> Result<(), CodecError> + Send>;
pub(crate) type RawHandler<P> = Box<dyn FnMut(&mut P, &mut Context<P>, Envelope) + Send>;
pub(crate) type RouteHandler<P> = Box<dyn Fn(&mut P, &mut Context<P>, Request, Reply) + Send>;

/// A handler that was installed while an event was handled; it counts from the next event on.
pub(crate) enum Install<P> {
    Message(&'static str, MessageHandler<P>),
    Raw(RawHandler<P>),
    Route(String, RouteHandler<P>),
}

/// The handlers of one process.
pub(crate) struct Handlers<P> {
    by_name: HashMap<&'static str, usize, foldhash::fast::RandomState>,
    messages: Vec<MessageHandler<P>>,
    recent: [Recent; RECENT],
    pub raw: Option<RawHandler<P>>,
    routes: HashMap<String, RouteHandler<P>>,
}

/// Where a name was found. Names are literals: one that has the same address and length as before
/// is the same name, so that most messages need no hashing.
#[derive(Clone, Copy, Default)]
struct Recent {
    address: usize,
    length: usize,
    handler: usize,
}

const RECENT: usize = 8;

impl<P> Default for Handlers<P> {
    fn default() -> Self {
        Self {
            by_name: HashMap::default(),
            messages: Vec::new(),
            recent: [Recent::default(); RECENT],
            raw: None,
            routes: HashMap::new(),
        }
    }
}

impl<P> Handlers<P> {
    pub fn add(&mut self, install: Install<P>) {
        match install {
            Install::Message(name, handler) => {
                if let Some(index) = self.by_name.get(name) {
                    self.messages[*index] = handler;
                } else {
                    self.by_name.insert(name, self.messages.len());
                    self.messages.push(handler);
                }
            }
            Install::Raw(handler) => self.raw = Some(handler),
            Install::Route(path, handler) => {
                self.routes.insert(path, handler);
            }
        }
    }

    /// The handler for a message sent on this node, whose name is a literal.
    pub fn literal(&mut self, name: &'static str) -> Option<&mut MessageHandler<P>> {
        let address = name.as_ptr().addr();
        let slot = (address >> 3 ^ address >> 7 ^ name.len()) % RECENT;
        let recent = self.recent[slot];
        if recent.address == address && recent.length == name.len() {
            return self.messages.get_mut(recent.handler);
        }
        let handler = *self.by_name.get(name)?;
        self.recent[slot] = Recent { address, length: name.len(), handler };
        self.messages.get_mut(handler)
    }

    /// The handler for a message from another node.
    pub fn named(&mut self, name: &str) -> Option<&mut MessageHandler<P>> {
        self.by_name.get(name).and_then(|index| self.messages.get_mut(*index))
    }

    /// The handler for a route, by the path it was registered under.
    pub fn route(&self, path: &str) -> Option<&RouteHandler<P>> {
        self.routes.get(path)
    }
}

/// Wraps a typed handler into one that opens the message first.
pub(crate) fn opening<P: 'static, M: Message>(
    mut handler: impl FnMut(&mut P, &mut Context<P>, &Upid, M) + Send + 'static,
) -> MessageHandler<P> {
    Box::new(move |process, context, contents| {
        let (from, message) = contents.open()?;
        handler(process, context, &from, message);
        Ok(())
    })
}

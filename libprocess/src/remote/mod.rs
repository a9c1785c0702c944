//! Messages to and from other nodes.

use crate::cell::Cell;
use crate::node::Shared;
use crate::{LinkMode, Message, Node, Upid};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Weak};

pub(crate) struct Inbound;

impl Inbound {
    pub fn exited(&self, _id: &str) {}
}

pub(crate) struct Remote {
    node: Weak<Shared>,
}

impl Remote {
    pub fn new(node: Weak<Shared>) -> Self {
        Self { node }
    }
    fn lost(&self) {
        if let Some(node) = self.node.upgrade() {
            node.stats().dropped_disconnected.add(1);
        }
    }
    pub fn send<M: Message>(&self, _from: &Upid, _to: &Upid, _name: &'static str, _body: &M) {
        self.lost();
    }
    pub fn send_raw(&self, _from: &Upid, _to: &Upid, _name: &str, _body: &[u8]) {
        self.lost();
    }
    pub fn link(&self, linker: &Arc<Cell>, to: &Upid, _mode: LinkMode) {
        linker.deliver(crate::event::Event::Exited(to.clone()));
    }
    pub fn unlink(&self, _linker: &Arc<Cell>, _to: &Upid) {}
    pub fn quiet(&self) -> bool {
        true
    }
    pub fn activity(&self) -> u64 {
        0
    }
    pub fn close(&self) {}
}

pub(crate) fn listen(_node: &Node, _listener: TcpListener) -> io::Result<()> {
    Ok(())
}

//! What the tests of the runtime share. Each test program uses a part of it.
#![allow(dead_code, reason = "each test program compiles this and uses a part")]

use libprocess::{Context, Node, NodeConfig, Process, Upid};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// How long a test waits for what must happen; nothing waits this long unless it fails.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A node on a free port of the loopback address.
pub fn node(workers: usize) -> Node {
    Node::start(NodeConfig { workers, ..NodeConfig::default() }).unwrap()
}

/// Notes what happens to it: `name body[ from sender]`, `exited id`, `finalize`.
pub struct Recorder {
    names: &'static [&'static str],
    notes: Sender<String>,
}

impl Recorder {
    /// One that takes numbers under `names`, and where its notes arrive.
    pub fn new(names: &'static [&'static str]) -> (Self, Receiver<String>) {
        let (notes, seen) = mpsc::channel();
        (Self { names, notes }, seen)
    }

    pub fn note(&self, text: impl Into<String>) {
        // The test may have seen enough.
        let _ = self.notes.send(text.into());
    }
}

impl Process for Recorder {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in self.names {
            context.install(name, move |recorder: &mut Self, _, from: &Upid, n: u64| {
                if from.is_nobody() {
                    recorder.note(format!("{name} {n}"));
                } else {
                    recorder.note(format!("{name} {n} from {from}"));
                }
            });
        }
    }

    fn finalize(&mut self, _context: &mut Context<Self>) {
        self.note("finalize");
    }

    fn exited(&mut self, _context: &mut Context<Self>, peer: &Upid) {
        self.note(format!("exited {}", peer.id()));
    }
}

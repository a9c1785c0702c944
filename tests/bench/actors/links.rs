//! Exits among many links: what one costs must not depend on the links of others.

use crate::report::Report;
use libprocess::{Context, LinkMode, Node, Process, Upid};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

const LINKERS: usize = 5_000;
const EXITS: usize = 10_000;

/// Measures everything of this file.
pub fn run(report: &mut Report) {
    let what = "5,000 linked processes, 10,000 exits, a thread waits for each";
    report.duration(what, "0.1 s (C++ libprocess: 0.35 s)", exits);
    let what = "5,000 linked processes, 10,000 exits, a process waits for each";
    report.duration(what, "", exits_seen_by_a_process);
}

struct Linker(Upid);

impl Process for Linker {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.link(&self.0, LinkMode::Reuse);
    }
}

struct Nobody;

impl Process for Nobody {}

struct Ephemeral;

impl Process for Ephemeral {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.terminate();
    }
}

/// A node on which many processes are linked to one.
fn linked_node() -> Node {
    let node = super::node();
    let target = node.spawn("target", Nobody).expect("the id is free");
    for _ in 0..LINKERS {
        node.spawn_unique("linker", Linker(target.upid().clone()));
    }
    node.clock().settle();
    node
}

/// Starts the next process when it learns of the end of the one before.
struct Parent {
    left: usize,
    done: Sender<()>,
}

impl Parent {
    fn next(&mut self, context: &Context<Self>) {
        if self.left == 0 {
            let _ = self.done.send(());
            return;
        }
        self.left -= 1;
        let child = context.node().spawn_unique("ephemeral", Ephemeral);
        context.link(&child, LinkMode::Reuse);
    }
}

impl Process for Parent {
    fn initialize(&mut self, context: &mut Context<Self>) {
        self.next(context);
    }

    fn exited(&mut self, context: &mut Context<Self>, _: &Upid) {
        self.next(context);
    }
}

fn exits_seen_by_a_process() -> Duration {
    let node = linked_node();
    let (done, wait) = mpsc::channel();
    let begin = Instant::now();
    node.spawn_unique("parent", Parent { left: EXITS, done });
    let _ = wait.recv();
    let took = begin.elapsed();
    node.shutdown();
    took
}

fn exits() -> Duration {
    let node = linked_node();
    let begin = Instant::now();
    for _ in 0..EXITS {
        let pid = node.spawn_unique("ephemeral", Ephemeral);
        node.wait(&pid).blocking(None);
    }
    let took = begin.elapsed();
    node.shutdown();
    took
}

//! Exits among many links: what one costs must not depend on the links of others.

use crate::report::Report;
use libprocess::{Context, LinkMode, Node, NodeConfig, Process, Upid};
use std::time::{Duration, Instant};

const LINKERS: usize = 5_000;
const EXITS: usize = 10_000;

/// Measures everything of this file.
pub fn run(report: &mut Report) {
    let what = "5,000 linked processes, 10,000 processes that start and end, one after the other";
    report.duration(what, "0.1 s (C++ libprocess: 0.35 s)", exits);
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

fn exits() -> Duration {
    let node =
        Node::start(NodeConfig { workers: 2, ..NodeConfig::default() }).expect("a node starts");
    let target = node.spawn("target", Nobody).expect("the id is free");
    for _ in 0..LINKERS {
        node.spawn_unique("linker", Linker(target.upid().clone()));
    }
    node.clock().settle();
    let begin = Instant::now();
    for _ in 0..EXITS {
        let pid = node.spawn_unique("ephemeral", Ephemeral);
        node.wait(&pid).blocking(None);
    }
    let took = begin.elapsed();
    node.shutdown();
    took
}

//! Messages within a node.

use super::{node, raw_actix};
use crate::report::{Report, rate};
use libprocess::{Context, Process, Upid};
use std::sync::mpsc::{self, Sender};

/// Messages from one sender.
pub const SENDS: u64 = 2_000_000;
/// Pairs, messages in flight in each, and round trips of each.
pub const PAIRS: u64 = 8;
pub const IN_FLIGHT: u64 = 1_000;
pub const ROUND_TRIPS: u64 = 500_000;
/// Processes in the ring, and hops of the one token.
pub const RING: usize = 100;
pub const HOPS: u64 = 1_000_000;

/// Measures everything of this file.
pub fn run(report: &mut Report) {
    report.rates("local send, 1 to 1", "0.8", "actix", send, raw_actix::send);
    report.rates(
        "local ping-pong, 8 pairs, 1,000 in flight, round trips",
        "0.8; 5,000,000/s",
        "actix",
        ping_pong,
        raw_actix::ping_pong,
    );
    report.rates("local ring of 100, hops", "0.8", "actix", ring, raw_actix::ring);
}

struct Sink {
    left: u64,
    done: Sender<()>,
}

impl Process for Sink {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("n", |sink: &mut Self, _, _, _: u64| {
            sink.left -= 1;
            if sink.left == 0 {
                let _ = sink.done.send(());
            }
        });
    }
}

fn send() -> f64 {
    let node = node();
    let (done, wait) = mpsc::channel();
    let sink = node.spawn("sink", Sink { left: SENDS, done }).expect("the id is free");
    let rate = rate(SENDS, || {
        for n in 0..SENDS {
            node.send(None, &sink, "n", n);
        }
        let _ = wait.recv();
    });
    node.shutdown();
    rate
}

struct Pong;

impl Process for Pong {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("ping", |_: &mut Self, context, from, n: u64| {
            context.send(from, "pong", n);
        });
    }
}

struct Ping {
    pong: Upid,
    sent: u64,
    received: u64,
    done: Sender<()>,
}

impl Process for Ping {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("start", |ping: &mut Self, context, _, (): ()| {
            for _ in 0..IN_FLIGHT {
                ping.sent += 1;
                context.send(&ping.pong, "ping", ping.sent);
            }
        });
        context.install("pong", |ping: &mut Self, context, _, _: u64| {
            ping.received += 1;
            if ping.sent < ROUND_TRIPS {
                ping.sent += 1;
                context.send(&ping.pong, "ping", ping.sent);
            } else if ping.received == ROUND_TRIPS {
                let _ = ping.done.send(());
            }
        });
    }
}

fn ping_pong() -> f64 {
    let node = node();
    let (done, wait) = mpsc::channel();
    let pings: Vec<_> = (0..PAIRS)
        .map(|_| {
            let pong = node.spawn_unique("pong", Pong).upid().clone();
            node.spawn_unique("ping", Ping { pong, sent: 0, received: 0, done: done.clone() })
        })
        .collect();
    let rate = rate(PAIRS * ROUND_TRIPS, || {
        for ping in &pings {
            node.send(None, ping, "start", ());
        }
        for _ in 0..PAIRS {
            let _ = wait.recv();
        }
    });
    node.shutdown();
    rate
}

struct Link {
    next: Option<Upid>,
    done: Sender<()>,
}

impl Process for Link {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("next", |link: &mut Self, _, _, next: Upid| link.next = Some(next));
        context.install("token", |link: &mut Self, context, _, left: u64| {
            match (&link.next, left) {
                (Some(next), 1..) => context.send(next, "token", left - 1),
                _ => {
                    let _ = link.done.send(());
                }
            }
        });
    }
}

fn ring() -> f64 {
    let node = node();
    let (done, wait) = mpsc::channel();
    let ring: Vec<_> = (0..RING)
        .map(|_| node.spawn_unique("link", Link { next: None, done: done.clone() }))
        .collect();
    for (index, link) in ring.iter().enumerate() {
        node.send(None, link, "next", ring[(index + 1) % RING].upid().clone());
    }
    let rate = rate(HOPS, || {
        node.send(None, &ring[0], "token", HOPS);
        let _ = wait.recv();
    });
    node.shutdown();
    rate
}

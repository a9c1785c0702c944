//! The same on actix alone, placed as is best for it: partners share an arbiter, and pairs are
//! spread over two.

use super::local::{HOPS, IN_FLIGHT, PAIRS, RING, ROUND_TRIPS, SENDS};
use crate::report::rate;
use actix::{Actor, Addr, Context, Handler, Message};
use actix_rt::{Arbiter, System};
use std::sync::mpsc::{self, Sender};

struct Number(u64);

impl Message for Number {
    type Result = ();
}

/// Runs `f` with two arbiters, on a thread of its own.
fn with_arbiters(f: impl FnOnce(&[Arbiter; 2]) -> f64 + Send + 'static) -> f64 {
    std::thread::spawn(move || {
        let system = System::new();
        let arbiters = [Arbiter::new(), Arbiter::new()];
        let result = f(&arbiters);
        for arbiter in arbiters {
            arbiter.stop();
            let _ = arbiter.join();
        }
        drop(system);
        result
    })
    .join()
    .expect("the reference runs")
}

fn start<A: Actor<Context = Context<A>> + Send>(arbiter: &Arbiter, actor: A) -> Addr<A> {
    A::start_in_arbiter(&arbiter.handle(), |_| actor)
}

struct Sink {
    left: u64,
    done: Sender<()>,
}

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Number> for Sink {
    type Result = ();
    fn handle(&mut self, _: Number, _: &mut Context<Self>) {
        self.left -= 1;
        if self.left == 0 {
            let _ = self.done.send(());
        }
    }
}

/// Messages per second from a thread to an actor.
pub fn send() -> f64 {
    with_arbiters(|arbiters| {
        let (done, wait) = mpsc::channel();
        let sink = start(&arbiters[0], Sink { left: SENDS, done });
        rate(SENDS, || {
            for n in 0..SENDS {
                sink.do_send(Number(n));
            }
            let _ = wait.recv();
        })
    })
}

struct Request(u64, Addr<Ping>);

impl Message for Request {
    type Result = ();
}

struct Pong;

impl Actor for Pong {
    type Context = Context<Self>;
}

impl Handler<Request> for Pong {
    type Result = ();
    fn handle(&mut self, request: Request, _: &mut Context<Self>) {
        request.1.do_send(Number(request.0));
    }
}

struct Ping {
    pong: Addr<Pong>,
    own: Option<Addr<Self>>,
    sent: u64,
    received: u64,
    done: Sender<()>,
}

impl Actor for Ping {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Context<Self>) {
        use actix::AsyncContext as _;
        self.own = Some(context.address());
    }
}

impl Ping {
    fn ping(&mut self) {
        if let Some(own) = &self.own {
            self.sent += 1;
            // A request carries its sender, as a message does.
            self.pong.do_send(Request(self.sent, own.clone()));
        }
    }
}

struct Start;

impl Message for Start {
    type Result = ();
}

impl Handler<Start> for Ping {
    type Result = ();
    fn handle(&mut self, _: Start, _: &mut Context<Self>) {
        for _ in 0..IN_FLIGHT {
            self.ping();
        }
    }
}

impl Handler<Number> for Ping {
    type Result = ();
    fn handle(&mut self, _: Number, _: &mut Context<Self>) {
        self.received += 1;
        if self.sent < ROUND_TRIPS {
            self.ping();
        } else if self.received == ROUND_TRIPS {
            let _ = self.done.send(());
        }
    }
}

/// Round trips per second of all pairs.
pub fn ping_pong() -> f64 {
    with_arbiters(|arbiters| {
        let (done, wait) = mpsc::channel();
        let pings: Vec<_> = (0..PAIRS as usize)
            .map(|index| {
                let arbiter = &arbiters[index % 2];
                let pong = start(arbiter, Pong);
                let done = done.clone();
                start(arbiter, Ping { pong, own: None, sent: 0, received: 0, done })
            })
            .collect();
        rate(PAIRS * ROUND_TRIPS, || {
            for ping in &pings {
                ping.do_send(Start);
            }
            for _ in 0..PAIRS {
                let _ = wait.recv();
            }
        })
    })
}

struct Next(Addr<Link>);

impl Message for Next {
    type Result = ();
}

struct Link {
    next: Option<Addr<Self>>,
    done: Sender<()>,
}

impl Actor for Link {
    type Context = Context<Self>;
}

impl Handler<Next> for Link {
    type Result = ();
    fn handle(&mut self, next: Next, _: &mut Context<Self>) {
        self.next = Some(next.0);
    }
}

impl Handler<Number> for Link {
    type Result = ();
    fn handle(&mut self, token: Number, _: &mut Context<Self>) {
        match (&self.next, token.0) {
            (Some(next), 1..) => next.do_send(Number(token.0 - 1)),
            _ => {
                let _ = self.done.send(());
            }
        }
    }
}

/// Hops per second of one token.
pub fn ring() -> f64 {
    with_arbiters(|arbiters| {
        let (done, wait) = mpsc::channel();
        let ring: Vec<_> = (0..RING)
            .map(|_| start(&arbiters[0], Link { next: None, done: done.clone() }))
            .collect();
        for (index, link) in ring.iter().enumerate() {
            link.do_send(Next(ring[(index + 1) % RING].clone()));
        }
        rate(HOPS, || {
            ring[0].do_send(Number(HOPS));
            let _ = wait.recv();
        })
    })
}

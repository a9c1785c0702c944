//! Messages and links between nodes.

mod common;

use common::{LIMIT, Recorder, link, node, until};
use libprocess::{Clock, Context, Limits, LinkMode, Node, NodeConfig, Process, Upid};
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

fn next(seen: &Receiver<String>) -> String {
    seen.recv_timeout(LIMIT).unwrap()
}

fn limited(limits: Limits) -> Node {
    Node::start(NodeConfig { workers: 1, limits, ..NodeConfig::default() }).unwrap()
}

/// Answers each `n` with `n + 1` under the same name.
struct Echo;

impl Process for Echo {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("n", |_: &mut Self, context, from: &Upid, n: u64| {
            context.send(from, "n", n + 1);
        });
    }
}

#[test]
fn a_message_and_its_answer() {
    let (a, b) = (node(1), node(2));
    let (recorder, seen) = Recorder::new(&["n"]);
    let recorder = a.spawn("recorder", recorder).unwrap();
    let echo = b.spawn("echo", Echo).unwrap();
    a.send(Some(&recorder), &echo, "n", 1_u64);
    assert_eq!(next(&seen), format!("n 2 from {echo}"));
    a.send(None, &"nobody@127.0.0.1:1".parse().unwrap(), "n", 1_u64);
    a.send(None, &Upid::new("nobody", b.address()), "n", 1_u64);
    until("the failed connect and the unknown process are counted", || {
        a.stats().dropped_disconnected.get() == 1 && b.stats().dropped_unknown_process.get() == 1
    });
    a.shutdown();
    b.shutdown();
}

#[test]
fn order_survives_links_and_connections_that_come_and_go() {
    let a = limited(Limits { linger: Duration::from_millis(1), ..Limits::default() });
    let b = node(2);
    let (recorder, seen) = Recorder::new(&["n"]);
    let to = b.spawn("recorder", recorder).unwrap();
    let (watcher, exits) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let mut n = 0;
    let mut burst = || {
        for _ in 0..200 {
            a.send(None, &to, "n", n);
            n += 1;
        }
    };
    for round in 0..40 {
        burst();
        if round % 2 == 0 {
            until("idle", || a.stats().outbound_connections.get() == 0);
        } else {
            // About when the connection ends, so that some bursts meet it while it closes.
            let deadline = Instant::now() + Duration::from_micros(900 + round * 10);
            until("about to end", || Instant::now() >= deadline);
        }
    }
    link(&a, &watcher, &to, LinkMode::Reuse);
    burst();
    link(&a, &watcher, &to, LinkMode::Reconnect);
    burst();
    for expected in 0..n {
        assert_eq!(next(&seen), format!("n {expected}"));
    }
    assert!(exits.try_recv().is_err());
    a.shutdown();
    b.shutdown();
}

#[test]
fn reconnecting_links_lose_and_reorder_nothing_on_a_good_network() {
    let (a, b) = (node(2), node(2));
    let (recorder, seen) = Recorder::new(&["n"]);
    let to = b.spawn("recorder", recorder).unwrap();
    let (watcher, exits) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let to_upid = to.upid().clone();
    a.dispatch(&watcher, move |_, context| {
        for n in 0..50_000_u64 {
            context.send(&to_upid, "n", n);
            if n % 5_000 == 0 {
                context.link(&to_upid, LinkMode::Reconnect);
            }
        }
    });
    for expected in 0..50_000 {
        assert_eq!(next(&seen), format!("n {expected} from {watcher}"));
    }
    assert!(exits.try_recv().is_err());
    b.terminate(&to, true);
    assert_eq!(next(&exits), "exited recorder");
    a.shutdown();
    b.shutdown();
}

#[test]
fn exited_when_the_process_ends_is_unknown_or_its_node_ends() {
    let (a, b) = (node(1), node(1));
    let (watcher, seen) = Recorder::new(&["n"]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let first = b.spawn("first", Echo).unwrap();
    let second = b.spawn("second", Echo).unwrap();
    link(&a, &watcher, &first, LinkMode::Reuse);
    link(&a, &watcher, &first, LinkMode::Reuse);
    link(&a, &watcher, &second, LinkMode::Reuse);
    link(&a, &watcher, &Upid::new("unknown", b.address()), LinkMode::Reuse);
    assert_eq!(next(&seen), "exited unknown");
    b.terminate(&first, true);
    assert_eq!(next(&seen), "exited first");
    // A link to the same name again is a new link.
    link(&a, &watcher, &first, LinkMode::Reuse);
    assert_eq!(next(&seen), "exited first");
    a.send(Some(&watcher), &second, "n", 1_u64);
    assert_eq!(next(&seen), format!("n 2 from {second}"));
    b.shutdown();
    assert_eq!(next(&seen), "exited second");
    // Nobody listens there any more.
    link(&a, &watcher, &second, LinkMode::Reuse);
    assert_eq!(next(&seen), "exited second");
    a.terminate(&watcher, false);
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["finalize"], "one exited per link");
    a.shutdown();
}

#[test]
fn words_before_the_end_come_before_exited() {
    struct LastWords(Upid);
    impl Process for LastWords {
        fn finalize(&mut self, context: &mut Context<Self>) {
            context.send(&self.0, "n", 7_u64);
        }
    }
    // The words and the exit travel on different connections, so this order is not promised; what
    // is promised is that both come.
    let (a, b) = (node(1), node(1));
    let (watcher, seen) = Recorder::new(&["n"]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let target = b.spawn("target", LastWords(watcher.upid().clone())).unwrap();
    link(&a, &watcher, &target, LinkMode::Reuse);
    until("linked", || b.stats().frames_received.get() == 1);
    b.terminate(&target, true);
    let mut both = [next(&seen), next(&seen)];
    both.sort();
    assert_eq!(both, ["exited target".to_owned(), format!("n 7 from {target}")]);
    a.shutdown();
    b.shutdown();
}

#[test]
fn a_linker_that_ends_takes_its_link_back() {
    let a = limited(Limits { linger: Duration::from_millis(1), ..Limits::default() });
    let b = node(1);
    let (watcher, seen) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let (other, others) = Recorder::new(&[]);
    let other = a.spawn("other", other).unwrap();
    let target = b.spawn("target", Echo).unwrap();
    link(&a, &watcher, &target, LinkMode::Reuse);
    link(&a, &other, &target, LinkMode::Reuse);
    until("linked", || b.stats().frames_received.get() == 1);
    a.terminate(&watcher, false);
    assert_eq!(next(&seen), "finalize");
    b.terminate(&target, true);
    assert_eq!(next(&others), "exited target");
    until("a connection without links ends", || a.stats().outbound_connections.get() == 0);
    assert!(seen.recv().is_err());
    a.shutdown();
    b.shutdown();
}

#[test]
fn the_advertised_address_names_the_processes() {
    // Another loopback address stands for the outside of a translating router.
    let advertise: SocketAddr = "127.0.0.9:0".parse().unwrap();
    let b = Node::start(NodeConfig {
        bind: "0.0.0.0:0".parse().unwrap(),
        advertise: Some(advertise),
        workers: 1,
        ..NodeConfig::default()
    })
    .unwrap();
    assert_eq!(b.address(), SocketAddr::new(advertise.ip(), b.bound_address().port()));
    let a = node(1);
    let echo = b.spawn("echo", Echo).unwrap();
    assert_eq!(echo.address(), b.address());
    let (recorder, seen) = Recorder::new(&["n"]);
    let recorder = a.spawn("recorder", recorder).unwrap();
    a.send(Some(&recorder), &echo, "n", 1_u64);
    assert_eq!(next(&seen), format!("n 2 from {echo}"));
    // Its own names lead home by either address.
    let (local, noted) = Recorder::new(&["n"]);
    let local = b.spawn("local", local).unwrap();
    let port = b.bound_address().port();
    for ip in ["127.0.0.9", "0.0.0.0"] {
        let to: Upid = format!("local@{ip}:{port}").parse().unwrap();
        b.send(Some(&local), &to, "n", 1_u64);
        assert_eq!(next(&noted), format!("n 1 from {local}"));
    }
    a.shutdown();
    b.shutdown();
}

#[test]
fn senders_from_elsewhere_can_be_refused() {
    let b = Node::start(NodeConfig {
        workers: 1,
        require_peer_ip_match: true,
        ..NodeConfig::default()
    })
    .unwrap();
    let a = node(1);
    let (recorder, seen) = Recorder::new(&["n"]);
    let recorder = b.spawn("recorder", recorder).unwrap();
    let liar = Upid::new("liar", "10.0.0.1:5050".parse().unwrap());
    a.send(Some(&liar), &recorder, "n", 1_u64);
    a.send(Some(&Upid::new("honest", a.address())), &recorder, "n", 2_u64);
    assert_eq!(next(&seen), format!("n 2 from honest@{}", a.address()));
    assert_eq!(b.stats().refused_spoofed.get(), 1);
    a.shutdown();
    b.shutdown();
}

#[test]
fn a_forwarded_message_keeps_its_sender_across_nodes() {
    struct Relay(Upid);
    impl Process for Relay {
        fn initialize(&mut self, context: &mut Context<Self>) {
            context.delegate("n", &self.0);
        }
    }
    let (a, b, c) = (node(1), node(1), node(1));
    let (recorder, seen) = Recorder::new(&["n"]);
    let recorder = c.spawn("recorder", recorder).unwrap();
    let relay = b.spawn("relay", Relay(recorder.upid().clone())).unwrap();
    let first = Upid::new("first", a.address());
    a.send(Some(&first), &relay, "n", 5_u64);
    assert_eq!(next(&seen), format!("n 5 from {first}"));
    for node in [a, b, c] {
        node.shutdown();
    }
}

#[test]
fn settle_waits_for_messages_between_nodes_of_one_clock() {
    let clock = Clock::paused();
    let start = || {
        let config = NodeConfig { workers: 1, clock: clock.clone(), ..NodeConfig::default() };
        Node::start(config).unwrap()
    };
    let (a, b) = (start(), start());
    let (recorder, seen) = Recorder::new(&["n"]);
    let recorder = a.spawn("recorder", recorder).unwrap();
    let echo = b.spawn("echo", Echo).unwrap();
    let (watcher, exits) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    for n in 0..300 {
        a.send(Some(&recorder), &echo, "n", n * 10);
        clock.settle();
        assert_eq!(seen.try_recv().unwrap(), format!("n {} from {echo}", n * 10 + 1));
        if n % 100 == 50 {
            link(&a, &watcher, &echo, LinkMode::Reconnect);
        }
    }
    b.terminate(&echo, true);
    clock.settle();
    assert_eq!(exits.try_recv().unwrap(), "exited echo");
    a.shutdown();
    b.shutdown();
}

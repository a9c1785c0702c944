//! What the outside can do wrong: silence, garbage, floods, readers that do not read.

mod common;

use common::{LIMIT, Proxy, Recorder, link, node, until};
use libprocess::{Limits, LinkMode, Node, NodeConfig};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Short times, so that tests of silence are quick.
fn impatient() -> Limits {
    Limits {
        ping_interval: Duration::from_millis(20),
        peer_timeout: Duration::from_millis(200),
        handshake_timeout: Duration::from_millis(200),
        write_stall_timeout: Duration::from_millis(200),
        ..Limits::default()
    }
}

fn start(limits: Limits) -> Node {
    Node::start(NodeConfig { workers: 1, limits, ..NodeConfig::default() }).unwrap()
}

fn behind(proxy: &Proxy) -> Node {
    let node = Node::start(NodeConfig {
        workers: 1,
        advertise: Some(proxy.address()),
        ..NodeConfig::default()
    })
    .unwrap();
    proxy.forward_to(node.bound_address());
    node
}

fn next(seen: &Receiver<String>) -> String {
    seen.recv_timeout(LIMIT).unwrap()
}

#[test]
fn a_half_open_link_breaks() {
    let proxy = Proxy::start();
    let (a, b) = (start(impatient()), behind(&proxy));
    let target = b.spawn("target", Recorder::new(&["n"]).0).unwrap();
    let (watcher, seen) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    link(&a, &watcher, &target, LinkMode::Reuse);
    until("linked", || b.stats().frames_received.get() == 1);
    // Longer than the peer timeout: probes keep an idle link alive.
    let alive = seen.recv_timeout(impatient().peer_timeout * 3 / 2);
    assert_eq!(alive, Err(mpsc::RecvTimeoutError::Timeout));
    proxy.swallow();
    assert_eq!(next(&seen), "exited target");
    assert_eq!(a.stats().stuck_peers.get(), 1);
    a.shutdown();
    b.shutdown();
}

#[test]
fn reconnect_replaces_a_half_open_link_unnoticed() {
    let proxy = Proxy::start();
    let (a, b) = (node(1), behind(&proxy));
    let (target, got) = Recorder::new(&["n"]);
    let target = b.spawn("target", target).unwrap();
    let (early, seen) = Recorder::new(&[]);
    let early = a.spawn("early", early).unwrap();
    let (late, others) = Recorder::new(&[]);
    let late = a.spawn("late", late).unwrap();
    link(&a, &early, &target, LinkMode::Reuse);
    until("linked", || b.stats().frames_received.get() == 1);
    proxy.swallow();
    a.send(None, &target, "n", 1_u64);
    // The link and the message.
    until("swallowed", || a.stats().frames_sent.get() == 2);
    let to = target.upid().clone();
    a.dispatch(&late, move |_, context| {
        context.link(&to, LinkMode::Reconnect);
        context.node().send(None, &to, "n", 2_u64);
    });
    // The first message may be lost with the old connection, or not yet have been on it.
    let first = next(&got);
    assert!(first == "n 2" || next(&got) == "n 2");
    assert_eq!(proxy.connections(), 2);
    b.terminate(&target, true);
    assert_eq!(next(&seen), "exited target");
    assert_eq!(next(&others), "exited target");
    a.terminate(&early, false);
    assert_eq!(next(&seen), "finalize", "nothing spurious before or after");
    a.shutdown();
    b.shutdown();
}

#[test]
fn a_process_replaces_its_own_half_open_link() {
    let proxy = Proxy::start();
    let (a, b) = (node(1), behind(&proxy));
    let (target, got) = Recorder::new(&["n"]);
    let target = b.spawn("target", target).unwrap();
    let (linker, seen) = Recorder::new(&[]);
    let linker = a.spawn("linker", linker).unwrap();
    link(&a, &linker, &target, LinkMode::Reuse);
    until("linked", || b.stats().frames_received.get() == 1);
    proxy.swallow();
    let to = target.upid().clone();
    a.dispatch(&linker, move |_, context| {
        context.link(&to, LinkMode::Reconnect);
        context.node().send(None, &to, "n", 2_u64);
    });
    assert_eq!(next(&got), "n 2");
    assert_eq!(proxy.connections(), 2);
    b.terminate(&target, true);
    assert_eq!(next(&seen), "exited target");
    a.terminate(&linker, false);
    assert_eq!(next(&seen), "finalize", "nothing spurious before or after");
    a.shutdown();
    b.shutdown();
}

/// What comes back until the other side closes.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut all = Vec::new();
    // A reset is a close too.
    let _ = stream.read_to_end(&mut all);
    all
}

const MAGIC: &[u8] = b"\xf1MESSAGE";

fn connect(node: &Node, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(node.bound_address()).unwrap();
    let _ = stream.write_all(bytes);
    stream
}

fn hello(version: u8) -> Vec<u8> {
    let mut body = vec![0x82, 0xa7];
    body.extend(b"version");
    body.push(version);
    body.push(0xa7);
    body.extend(b"address");
    body.push(0xab);
    body.extend(b"127.0.0.1:9");
    let mut all = MAGIC.to_vec();
    all.extend((body.len() as u32).to_be_bytes());
    all.extend(body);
    all
}

#[test]
fn garbage_and_bad_handshakes_are_dropped_and_counted() {
    let node = start(impatient());
    let refused = || node.stats().bad_handshakes.get();
    let mut long = MAGIC.to_vec();
    long.extend(u32::MAX.to_be_bytes());
    let mut not_a_map = MAGIC.to_vec();
    not_a_map.extend([0, 0, 0, 2, 0x93, 0xc1]);
    let cases = [b"\xf1MESSAGER....".to_vec(), b"\xf1garbage".to_vec(), long, not_a_map];
    for (index, case) in cases.iter().enumerate() {
        let stream = connect(&node, case);
        // The node may have closed already.
        let _ = stream.shutdown(Shutdown::Write);
        assert_eq!(rest(stream), b"");
        until("counted", || refused() == index as u64 + 1);
    }
    // An unknown version is told why.
    let answer = rest(connect(&node, &hello(0)));
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("the peer speaks versions 0 to 0, this node 1 to 1"), "{text}");
    // A handshake that never ends.
    let slow = connect(&node, &MAGIC[..4]);
    assert_eq!(rest(slow), b"");
    until("counted", || refused() == 6);
    // A connection that never begins.
    let silent = connect(&node, b"");
    assert_eq!(rest(silent), b"");
    assert_eq!(node.stats().stuck_peers.get(), 1);
    until("all closed", || node.stats().inbound_connections.get() == 0);
    node.shutdown();
}

#[test]
fn broken_and_oversize_frames_close_the_connection() {
    let node = start(Limits { frame_bytes: 1024, ..impatient() });
    for (bytes, oversize) in
        [(vec![0, 0, 0, 1, 0xc1], false), (1025_u32.to_be_bytes().to_vec(), true)]
    {
        let mut all = hello(1);
        all.extend(&bytes);
        let answer = rest(connect(&node, &all));
        assert!(answer.starts_with(MAGIC));
        let stats = node.stats();
        until("counted", || {
            if oversize { stats.oversize_frames.get() == 1 } else { stats.bad_frames.get() == 1 }
        });
    }
    // Too long a message is not sent either.
    let other = node_with_frame_limit(1024);
    let to = libprocess::Upid::new("x", node.address());
    other.send(None, &to, "long", "x".repeat(2000));
    assert_eq!(other.stats().encode_failures.get(), 1);
    other.shutdown();
    node.shutdown();
}

fn node_with_frame_limit(frame_bytes: usize) -> Node {
    start(Limits { frame_bytes, ..Limits::default() })
}

#[test]
fn frames_of_unknown_kinds_and_longer_frames_are_read_over() {
    let node = node(1);
    let (recorder, seen) = Recorder::new(&["n"]);
    node.spawn("r", recorder).unwrap();
    let mut all = hello(1);
    // [99, true]; then a message with a sixth element.
    all.extend([0, 0, 0, 3, 0x92, 99, 0xc3]);
    all.extend([0, 0, 0, 12, 0x96, 0, 0xa1, b'r', 0xc0, 0xa1, b'n', 0xc4, 1, 7, 0xc3, 0xc3]);
    let stream = connect(&node, &all);
    assert_eq!(next(&seen), "n 7");
    drop(stream);
    node.shutdown();
}

#[test]
fn connections_are_bounded() {
    let node = start(Limits { inbound_connections: 3, ..Limits::default() });
    let held: Vec<_> = (0..3).map(|_| connect(&node, MAGIC)).collect();
    until("open", || node.stats().inbound_connections.get() == 3);
    assert_eq!(rest(TcpStream::connect(node.bound_address()).unwrap()), b"");
    assert_eq!(node.stats().refused_connections.get(), 1);
    drop(held);
    until("closed", || node.stats().inbound_connections.get() == 0);
    node.shutdown();
}

#[test]
fn a_peer_that_does_not_read_costs_a_bounded_queue_and_its_link() {
    let limit = 1 << 20;
    let a = start(Limits { outbound_queue_bytes: limit, ..impatient() });
    // Answers the handshake, and reads nothing after it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = mpsc::channel::<()>();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&hello(1)).unwrap();
        let _ = wait.recv();
    });
    let (watcher, seen) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let to = libprocess::Upid::new("x", address);
    link(&a, &watcher, &to, LinkMode::Reuse);
    let text = "x".repeat(64 << 10);
    // More than the sockets' buffers and the queue together can hold.
    until("the link is broken", || {
        for _ in 0..10 {
            a.send(None, &to, "long", text.clone());
        }
        seen.try_recv().is_ok_and(|note| note == "exited x")
    });
    let stats = a.stats();
    assert!(stats.dropped_queue_full.get() > 0);
    assert!(stats.dropped_disconnected.get() > 0);
    assert_eq!(stats.stuck_peers.get(), 1);
    drop(done);
    peer.join().unwrap();
    a.shutdown();
}

#[test]
fn a_peer_that_accepts_but_never_answers_is_given_up() {
    let a = start(impatient());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (watcher, seen) = Recorder::new(&[]);
    let watcher = a.spawn("watcher", watcher).unwrap();
    let to = libprocess::Upid::new("x", listener.local_addr().unwrap());
    link(&a, &watcher, &to, LinkMode::Reuse);
    assert_eq!(next(&seen), "exited x");
    assert_eq!(a.stats().stuck_peers.get(), 1);
    a.shutdown();
}

#[test]
fn a_slow_receiver_holds_its_senders_back() {
    let limit = 1 << 20;
    let b = Node::start(NodeConfig {
        // One worker for the process that blocks, one for the connection.
        workers: 2,
        limits: Limits { inbound_queue_bytes: limit, ..Limits::default() },
        ..NodeConfig::default()
    })
    .unwrap();
    let a = node(1);
    let (slow, seen) = Recorder::new(&["n"]);
    let slow = b.spawn("slow", slow).unwrap();
    let (started, starts) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    b.dispatch(&slow, move |_, context| {
        context.install("long", |recorder: &mut Recorder, _, _, text: String| {
            recorder.note(text.len().to_string());
        });
        started.send(()).unwrap();
        let _ = wait.recv_timeout(LIMIT);
    });
    starts.recv_timeout(LIMIT).unwrap();
    let count = 1000;
    for _ in 0..count {
        a.send(None, &slow, "long", "x".repeat(16 << 10));
    }
    until("the queue is full", || b.processes()[0].queued * (16 << 10) >= limit);
    // Whatever else was sent stays where it is.
    assert!(seen.recv_timeout(Duration::from_millis(50)).is_err());
    assert!(b.processes()[0].queued * (16 << 10) <= 2 * limit);
    drop(go);
    let begin = Instant::now();
    for _ in 0..count {
        assert_eq!(next(&seen), "16384");
    }
    assert!(begin.elapsed() < LIMIT);
    a.shutdown();
    b.shutdown();
}

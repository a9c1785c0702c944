//! Messages between two programs over the loopback interface. This program starts itself as the
//! other one.

use crate::report::{Report, rate};
use libprocess::{Context, Process, Upid};
use rmp::encode::{write_array_len, write_bin_len, write_str, write_uint};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MESSAGES: u64 = 2_000_000;
/// How many messages may be unacknowledged, and how many an acknowledgement covers.
const WINDOW: u64 = 20_000;
const ACKNOWLEDGED: u64 = 4_000;
/// How much the reference collects before it writes.
const CHUNK: usize = 64 << 10;
const ROLE: &str = "BENCH_PEER";

/// Measures everything of this file.
pub fn run(report: &mut Report) {
    report.rates(
        "remote messages of 100 bytes, 1 to 1, 2 programs",
        "0.5; 500,000/s",
        "tokio TCP, same frames, coded by the same codec",
        ours,
        || reference("codec"),
    );
    report.rates(
        "remote messages of 100 bytes, against bytes that nobody codes",
        "",
        "tokio TCP, same frames, copied",
        ours,
        || reference("copy"),
    );
}

/// A message whose body is 100 bytes of MessagePack.
#[derive(Clone, Serialize, Deserialize)]
struct Hundred {
    number: u64,
    text: String,
}

impl Hundred {
    fn new() -> Self {
        let message = Self { number: u64::MAX, text: "x".repeat(76) };
        assert_eq!(rmp_serde::to_vec_named(&message).map_or(0, |body| body.len()), 100);
        message
    }
}

/// Whether this program was started as the peer.
pub fn is_peer() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// The life of the peer.
pub fn run_peer() {
    match std::env::var(ROLE).as_deref() {
        Ok("node") => node_peer(),
        Ok(role) => tcp_peer(role == "codec"),
        Err(_) => {}
    }
}

/// Starts the peer, and returns the first line that it prints.
fn start_peer(role: &str) -> (Child, String) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peer starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the peer says where it is");
    (child, line.trim().to_owned())
}

fn stop_peer(mut child: Child) {
    // The peer lives as long as its input.
    drop(child.stdin.take());
    let _ = child.wait();
}

fn until_input_ends() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

struct Sink {
    received: u64,
}

impl Process for Sink {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.install("hundred", |sink: &mut Self, context, from, _: Hundred| {
            sink.received += 1;
            if sink.received.is_multiple_of(ACKNOWLEDGED) {
                context.send(from, "received", sink.received);
            }
        });
    }
}

fn node_peer() {
    let node = super::node();
    let sink = node.spawn("sink", Sink { received: 0 }).expect("the id is free");
    println!("{sink}");
    until_input_ends();
    node.shutdown();
}

struct Source {
    to: Upid,
    sent: u64,
    message: Hundred,
    done: Sender<()>,
}

impl Source {
    fn send(&mut self, context: &Context<Self>, received: u64) {
        while self.sent < MESSAGES && self.sent < received + WINDOW {
            self.sent += 1;
            context.send(&self.to, "hundred", self.message.clone());
        }
        if received == MESSAGES {
            let _ = self.done.send(());
        }
    }
}

impl Process for Source {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.link(&self.to, libprocess::LinkMode::Reuse);
        context.install("received", |source: &mut Self, context, _, received: u64| {
            source.send(context, received);
        });
    }
}

fn ours() -> f64 {
    let (child, line) = start_peer("node");
    let to: Upid = line.parse().expect("the peer prints its name");
    let node = super::node();
    let (done, wait) = mpsc::channel();
    let source = Source { to, sent: 0, message: Hundred::new(), done };
    let source = node.spawn("source", source).expect("the id is free");
    let rate = rate(MESSAGES, || {
        node.dispatch(&source, |source, context| source.send(context, 0));
        let _ = wait.recv();
    });
    node.shutdown();
    stop_peer(child);
    rate
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

fn put_frame(out: &mut Vec<u8>, message: &Hundred) {
    let start = out.len();
    out.extend([0; 4]);
    let _ = write_array_len(out, 5);
    let _ = write_uint(out, 0);
    let _ = write_str(out, "sink");
    let _ = write_str(out, "source");
    let _ = write_str(out, "hundred");
    let _ = write_bin_len(out, 100);
    let _ = rmp_serde::encode::write_named(out, message);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Reads a frame as a receiver must: where to, from whom, what.
fn take_frame(frame: &[u8]) -> Option<Hundred> {
    use rmp::decode::{read_array_len, read_bin_len, read_int, read_str_from_slice};
    let mut rest = frame;
    read_array_len(&mut rest).ok()?;
    let _: u64 = read_int(&mut rest).ok()?;
    for _ in 0..3 {
        let (_, tail) = read_str_from_slice(rest).ok()?;
        rest = tail;
    }
    read_bin_len(&mut rest).ok()?;
    rmp_serde::from_slice(rest).ok()
}

fn tcp_peer(decode: bool) {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        println!("{}", listener.local_addr().expect("it is bound"));
        let (mut stream, _) = listener.accept().await.expect("the other side connects");
        let mut buffer = bytes::BytesMut::with_capacity(4 * CHUNK);
        let mut left = MESSAGES;
        while left > 0 {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
            while let Some(length) = buffer.first_chunk::<4>().map(|at| u32::from_be_bytes(*at)) {
                let end = 4 + length as usize;
                if buffer.len() < end {
                    break;
                }
                let frame = buffer.split_to(end);
                if decode {
                    assert!(take_frame(&frame[4..]).is_some_and(|it| it.number == u64::MAX));
                }
                left -= 1;
            }
            buffer.reserve(CHUNK);
        }
        let _ = stream.write_all(&[1]).await;
    });
    until_input_ends();
}

fn reference(role: &str) -> f64 {
    let (child, line) = start_peer(role);
    let address: SocketAddr = line.parse().expect("the peer prints its address");
    let encode = role == "codec";
    let message = Hundred::new();
    let rate = runtime().block_on(async {
        let mut stream = TcpStream::connect(address).await.expect("the peer listens");
        stream.set_nodelay(true).expect("an option that exists");
        let begin = std::time::Instant::now();
        let mut frame = Vec::new();
        put_frame(&mut frame, &message);
        let mut out = Vec::new();
        for _ in 0..MESSAGES {
            if encode {
                put_frame(&mut out, &message.clone());
            } else {
                out.extend_from_slice(&frame);
            }
            if out.len() >= CHUNK {
                stream.write_all(&out).await.expect("the peer reads");
                out.clear();
            }
        }
        stream.write_all(&out).await.expect("the peer reads");
        let mut done = [0];
        stream.read_exact(&mut done).await.expect("the peer answers");
        MESSAGES as f64 / begin.elapsed().as_secs_f64()
    });
    stop_peer(child);
    rate
}

//! What the tests of the runtime share. Each test program uses a part of it.
#![allow(dead_code, reason = "each test program compiles this and uses a part")]

use libprocess::{Context, LinkMode, Node, NodeConfig, Pid, Process, Upid};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

/// Makes `pid` link to `to`.
pub fn link(node: &Node, pid: &Pid<Recorder>, to: &Upid, mode: LinkMode) {
    let to = to.clone();
    node.dispatch(pid, move |_, context| context.link(&to, mode));
}

/// Waits until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        // Polls the condition.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stands between nodes, and can swallow what the connections that it has now carry.
pub struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    connections: Arc<Mutex<Vec<Arc<Pipe>>>>,
    stopped: Arc<AtomicBool>,
}

struct Pipe {
    hole: AtomicBool,
    sockets: [TcpStream; 2],
}

impl Proxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
        };
        let (target, connections, stopped) =
            (proxy.target.clone(), proxy.connections.clone(), proxy.stopped.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.unwrap();
                let target = target.lock().unwrap().expect("the proxy has a target");
                let Ok(server) = TcpStream::connect(target) else { continue };
                let pipe = Arc::new(Pipe {
                    hole: AtomicBool::new(false),
                    sockets: [client.try_clone().unwrap(), server.try_clone().unwrap()],
                });
                connections.lock().unwrap().push(pipe.clone());
                pump(pipe.clone(), client.try_clone().unwrap(), server.try_clone().unwrap());
                pump(pipe, server, client);
            }
        });
        proxy
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn forward_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = Some(target);
    }

    /// From now on nothing passes on the connections of now, and nobody learns of it.
    pub fn swallow(&self) {
        for pipe in self.connections.lock().unwrap().iter() {
            pipe.hole.store(true, Ordering::SeqCst);
        }
    }

    pub fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for pipe in self.connections.lock().unwrap().iter() {
            for socket in &pipe.sockets {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }
}

fn pump(pipe: Arc<Pipe>, mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            if pipe.hole.load(Ordering::SeqCst) {
                if read == 0 {
                    return;
                }
                continue;
            }
            if read == 0 {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            if to.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    });
}

//! A server for tests: a site of closures, on its own thread and port.

use libprocess::ProcessSnapshot;
use libprocess::http::server::{Endpoint, HttpConfig, Server, Site, Target};
use libprocess::http::{Help, Reply, Request};
use libprocess::metrics::Metrics;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Handler = Arc<dyn Fn(Request, Reply) + Send + Sync>;

/// Routes of one process called `master`, which is the delegate.
#[derive(Default)]
pub struct Routes(BTreeMap<String, (Option<String>, Handler)>);

impl Routes {
    pub fn on(
        mut self,
        path: &str,
        handler: impl Fn(Request, Reply) + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(path.to_owned(), (None, Arc::new(handler)));
        self
    }

    pub fn on_realm(
        mut self,
        path: &str,
        realm: &str,
        handler: impl Fn(Request, Reply) + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(path.to_owned(), (Some(realm.to_owned()), Arc::new(handler)));
        self
    }
}

impl Site for Routes {
    fn lookup(&self, path: &str) -> Option<Target> {
        let below = path.strip_prefix("/master").filter(|rest| rest.starts_with('/'));
        let path = below.unwrap_or(path);
        let (endpoint, (realm, handler)) = self
            .0
            .iter()
            .filter(|(route, _)| {
                path.strip_prefix(route.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|(route, _)| route.len())?;
        let handler = handler.clone();
        Some(Target {
            process: "master".to_owned(),
            prefix: format!("{}{endpoint}", if below.is_some() { "/master" } else { "" }),
            endpoint: endpoint.clone(),
            realm: realm.clone(),
            deliver: Box::new(move |request, reply| handler(request, reply)),
        })
    }

    fn endpoints(&self) -> Vec<(String, Vec<Endpoint>)> {
        let endpoint = |path: &String| Endpoint { path: path.clone(), help: Help::new("A test.") };
        vec![("master".to_owned(), self.0.keys().map(endpoint).collect())]
    }

    fn processes(&self) -> Vec<ProcessSnapshot> {
        vec![ProcessSnapshot { id: "master".to_owned(), events: Vec::new(), queued: 0 }]
    }
}

/// A running server; stops when dropped.
pub struct Running {
    pub address: SocketAddr,
    pub metrics: Metrics,
    system: actix_rt::System,
    thread: Option<JoinHandle<()>>,
}

pub fn start(config: HttpConfig, routes: Routes) -> Running {
    let metrics = Metrics::new("mesos");
    let server = Server::new(config, metrics.clone(), Arc::new(routes)).unwrap();
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runner = actix_rt::System::new();
        runner.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            sender.send((address, actix_rt::System::current())).unwrap();
            actix_rt::spawn(async move {
                loop {
                    let (stream, peer) = listener.accept().await.unwrap();
                    let server = server.clone();
                    actix_rt::spawn(async move { server.serve(stream, peer).await });
                }
            });
        });
        runner.run().unwrap();
    });
    let (address, system) = receiver.recv().unwrap();
    Running { address, metrics, system, thread: Some(thread) }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Running {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes on a new connection and reads the answer.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        Answer::read(&mut stream)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// The value of one of the server's own metrics.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.prometheus_now();
        let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(-1.0)
    }

    /// Waits until one of the server's own metrics has a value.
    pub fn wait_for_metric(&self, name: &str, value: f64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.metric(name) != value {
            assert!(Instant::now() < deadline, "{name} is {}", self.metric(name));
            // Polls a metric.
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// An answer as it came, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer with a length, or one in chunks to its end, and not one byte more.
    pub fn read(stream: &mut TcpStream) -> Self {
        let head = Self::read_head(stream);
        let answer = Self { head, body: Vec::new() };
        let mut body = Vec::new();
        if answer.header("Transfer-Encoding") == Some("chunked") {
            while !body.ends_with(b"0\r\n\r\n") {
                body.push(read_byte(stream));
            }
        } else {
            let length = answer.header("Content-Length").map_or(0, |text| text.parse().unwrap());
            body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
        }
        Self { body, ..answer }
    }

    pub fn read_head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(read_byte(stream));
        }
        String::from_utf8(head).unwrap()
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// A header, its name compared letter by letter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn read_byte(stream: &mut TcpStream) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    byte[0]
}

//! HTTP as bytes on a socket: recorded requests are sent as they were, broken ones too, which no
//! client library would do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::recording::{Answer, Body, Request, header};

/// How long an answer may take. Machines that run tests may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a request and reads its answer. An answer that is a stream is read on, beside.
pub fn exchange(address: SocketAddr, request: &Request) -> (Answer, Option<Stream>) {
    let Ok(mut socket) = TcpStream::connect(address) else { return (no_answer(), None) };
    let _ = socket.set_nodelay(true);
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let mut bytes = request.head.join("\r\n").into_bytes();
    if !request.head.is_empty() {
        bytes.extend_from_slice(b"\r\n\r\n");
    }
    bytes.extend_from_slice(&request.body);
    // A server may answer and close before it has read all.
    let _ = socket.write_all(&bytes);
    if !complete(request) {
        // Whatever is missing does not come.
        let _ = socket.shutdown(Shutdown::Write);
    }
    let mut reader = BufReader::new(socket);
    let head = read_head(&mut reader);
    let answer = Answer { head, body: Body::Bytes(Vec::new()) };
    let chunked = answer.header("Transfer-Encoding") == Some("chunked");
    if chunked && answer.status() == "200" {
        return (answer, Some(Stream::start(reader)));
    }
    let mut body = read_body(&mut reader, &answer, request);
    if answer.header("Content-Encoding") == Some("gzip") {
        let mut plain = Vec::new();
        if GzDecoder::new(&body[..]).read_to_end(&mut plain).is_ok() {
            body = plain;
        }
    }
    if request.body.starts_with(b"GET ") {
        // A second request came with the first, and its answer with the other.
        let _ = reader.read_to_end(&mut body);
    }
    (Answer { body: Body::Bytes(body), ..answer }, None)
}

fn no_answer() -> Answer {
    Answer { head: Vec::new(), body: Body::Bytes(Vec::new()) }
}

/// Whether the request has all the bytes that its head speaks of.
fn complete(request: &Request) -> bool {
    match header(&request.head, "Content-Length") {
        Some(length) => length.parse::<usize>().is_ok_and(|length| length <= request.body.len()),
        None => !request.head.is_empty(),
    }
}

fn read_head(reader: &mut impl BufRead) -> Vec<String> {
    let mut head = Vec::new();
    loop {
        let mut line = Vec::new();
        match reader.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return head,
        }
        let line = String::from_utf8_lossy(&line);
        match line.trim_end() {
            "" => return head,
            line => head.push(line.to_owned()),
        }
    }
}

fn read_body(reader: &mut impl BufRead, answer: &Answer, request: &Request) -> Vec<u8> {
    let mut body = Vec::new();
    let length = answer.header("Content-Length").and_then(|text| text.parse::<u64>().ok());
    let is_head = request.head.first().is_some_and(|line| line.starts_with("HEAD "));
    // What was read before an error is the answer as far as it goes.
    let _ = match length {
        _ if answer.header("Transfer-Encoding") == Some("chunked") => {
            while let Some(chunk) = read_chunk(reader) {
                body.extend_from_slice(&chunk);
            }
            Ok(0)
        }
        _ if is_head => Ok(0),
        Some(length) => reader.take(length).read_to_end(&mut body),
        None => reader.read_to_end(&mut body),
    };
    body
}

fn read_chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
    let mut chunk = vec![0; length + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(length);
    (length > 0).then_some(chunk)
}

/// What a stream has carried so far.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    events: Vec<Value>,
    closed: bool,
}

/// An answer that goes on. Dropped, it closes its connection.
pub struct Stream {
    heard: Arc<(Mutex<Heard>, Condvar)>,
    socket: TcpStream,
}

impl Stream {
    fn start(mut reader: BufReader<TcpStream>) -> Self {
        let socket = reader.get_ref().try_clone().expect("a socket can be shared");
        // Heartbeats are far apart.
        let _ = socket.set_read_timeout(None);
        let heard: Arc<(Mutex<Heard>, Condvar)> = Arc::default();
        let shared = heard.clone();
        std::thread::spawn(move || {
            loop {
                let chunk = read_chunk(&mut reader);
                let mut heard = shared.0.lock().expect("nobody panics with it");
                match &chunk {
                    Some(chunk) => heard.take(chunk),
                    None => heard.closed = true,
                }
                shared.1.notify_all();
                if chunk.is_none() {
                    return;
                }
            }
        });
        Self { heard, socket }
    }

    /// Waits until `look` finds what it wants in the events, the stream is closed, or time is up.
    pub fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&[Value]) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + patience;
        let mut heard = self.heard.0.lock().expect("nobody panics with it");
        loop {
            if let Some(found) = look(&heard.events) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || heard.closed {
                return None;
            }
            heard = self.heard.1.wait_timeout(heard, left).expect("nobody panics with it").0;
        }
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Value> {
        self.heard.0.lock().expect("nobody panics with it").events.clone()
    }

    /// Waits for the end of the answer and gives its bytes, for one that carries no events.
    pub fn rest(&self, patience: Duration) -> Vec<u8> {
        let end = Instant::now() + patience;
        let mut heard = self.heard.0.lock().expect("nobody panics with it");
        while !heard.closed && Instant::now() < end {
            heard = self.heard.1.wait_timeout(heard, patience).expect("nobody panics with it").0;
        }
        heard.bytes.clone()
    }

    /// Whether the other side has ended it.
    pub fn closed(&self) -> bool {
        self.heard.0.lock().expect("nobody panics with it").closed
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Heard {
    fn take(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        // One record in one chunk is what Mesos does; more or less would be read as well.
        let mut rest = &self.bytes[..];
        let mut events = Vec::new();
        while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
            let Ok(length) = std::str::from_utf8(&rest[..at]).unwrap_or("").parse::<usize>() else {
                return;
            };
            let Some(record) = rest.get(at + 1..at + 1 + length) else { break };
            let Ok(event) = serde_json::from_slice(record) else { return };
            events.push(event);
            rest = &rest[at + 1 + length..];
        }
        self.events = events;
    }
}

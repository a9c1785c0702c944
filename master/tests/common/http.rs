//! HTTP as it is on the wire: what a test sends is what is sent, and chunks are seen.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

/// An answer.
pub struct Answer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}{}", self.head, self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A connection to a master.
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.reader.get_mut().write_all(octets).unwrap();
    }

    /// Reads status line and headers.
    pub fn read_head(&mut self) -> String {
        let mut head = String::new();
        loop {
            let before = head.len();
            assert_ne!(self.reader.read_line(&mut head).unwrap(), 0, "closed after {head:?}");
            if head[before..].trim_end().is_empty() {
                return head;
            }
        }
    }

    /// Reads one chunk of a chunked body; `None` at its end.
    pub fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        if self.reader.read_line(&mut size).ok()? == 0 {
            return None;
        }
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    pub fn read_answer(&mut self, has_body: bool) -> Answer {
        let head = self.read_head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = Vec::new();
        if has_body {
            if header(&head, "Transfer-Encoding") == Some("chunked") {
                while let Some(chunk) = self.read_chunk() {
                    body.extend(chunk);
                }
            } else if let Some(length) = header(&head, "Content-Length") {
                body.resize(length.parse().unwrap(), 0);
                self.reader.read_exact(&mut body).unwrap();
            }
        }
        Answer { status, head, body }
    }
}

/// Sends octets on a fresh connection and reads one answer.
pub fn exchange(address: SocketAddr, octets: &[u8]) -> Answer {
    let mut connection = Connection::open(address);
    connection.send(octets);
    connection.read_answer(!octets.starts_with(b"HEAD"))
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())
}

pub fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    exchange(address, &request(address, path, headers, body))
}

fn request(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut text =
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut octets = text.into_bytes();
    octets.extend_from_slice(body);
    octets
}

/// A stream of events.
pub struct Events {
    connection: Connection,
    pub status: u16,
    pub head: String,
}

impl Events {
    /// Sends a call, as JSON, and takes its answer to be a stream.
    pub fn open(address: SocketAddr, call: &Value, accept: &str) -> Self {
        let mut connection = Connection::open(address);
        let headers = [("Content-Type", "application/json"), ("Accept", accept)];
        let body = call.to_string();
        connection.send(&request(address, "/api/v1/scheduler", &headers, body.as_bytes()));
        let head = connection.read_head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { connection, status, head }
    }

    /// The connection.
    pub fn socket(&self) -> &TcpStream {
        self.connection.reader.get_ref()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub fn stream_id(&self) -> String {
        self.header("Mesos-Stream-Id").unwrap().to_owned()
    }

    /// The next record; `None` at the end. A chunk holds exactly one.
    pub fn next_record(&mut self) -> Option<Vec<u8>> {
        let chunk = self.connection.read_chunk()?;
        let end = chunk.iter().position(|octet| *octet == b'\n').unwrap();
        let length: usize = std::str::from_utf8(&chunk[..end]).unwrap().parse().unwrap();
        let record = chunk[end + 1..].to_vec();
        assert_eq!(record.len(), length, "a chunk holds exactly one record");
        Some(record)
    }

    pub fn next_event(&mut self) -> Option<Value> {
        let record = self.next_record()?;
        assert!(record.is_ascii());
        Some(serde_json::from_slice(&record).unwrap())
    }

    /// The next event of a type; others are skipped.
    pub fn expect(&mut self, kind: &str) -> Value {
        let since = Instant::now();
        while let Some(event) = self.next_event() {
            if event["type"] == kind {
                return event;
            }
            assert!(since.elapsed() < PATIENCE, "no {kind}");
        }
        panic!("the stream ended before {kind}");
    }
}

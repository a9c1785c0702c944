//! Requests as other people's HTTP libraries write them: spelled, split and framed in ways of
//! their own. Raw sockets, since our client has ways of its own too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::daemons::{Cluster, PATIENCE};

/// A connection to a daemon.
struct Wire(BufReader<TcpStream>);

/// The head of an answer, as it was written.
struct Head {
    status: u16,
    lines: Vec<String>,
}

impl Head {
    /// A header by its name in the very case that careless clients look for.
    fn get(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.lines.iter().find_map(|line| line.strip_prefix(prefix.as_str()))
    }
}

impl Wire {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the daemon listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout is set");
        Self(BufReader::new(stream))
    }

    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the daemon reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the daemon writes");
        line.trim_end_matches("\r\n").to_owned()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the daemon writes");
        bytes
    }

    fn head(&mut self) -> Head {
        let first = self.line();
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()));
        Head { lines: lines.collect(), status: status.unwrap_or_else(|| panic!("{first:?}")) }
    }

    /// An answer whose length is told.
    fn answer(&mut self) -> (u16, String) {
        let head = self.head();
        let length = head.get("Content-Length").and_then(|text| text.parse().ok());
        let body = self.bytes(length.expect("a length"));
        (head.status, String::from_utf8_lossy(&body).into_owned())
    }

    /// One chunk, which must be one whole event.
    fn event(&mut self) -> Value {
        let length = usize::from_str_radix(&self.line(), 16).expect("the length of a chunk");
        let chunk = String::from_utf8(self.bytes(length)).expect("ASCII");
        assert_eq!(self.bytes(2), b"\r\n");
        let (length, record) = chunk.split_once('\n').expect("the length of a record");
        assert_eq!(length.parse(), Ok(record.len()), "{chunk}");
        assert!(record.is_ascii() && !record.contains('\n'), "{chunk}");
        serde_json::from_str(record).expect("JSON")
    }
}

fn subscribe() -> String {
    let framework = json!({"user": "", "name": "stranger", "failover_timeout": 3600});
    json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}).to_string()
}

/// Subscribes with these headers, and gives the stream, its id and the framework's.
fn subscribed(cluster: &Cluster, headers: &str) -> (Wire, String, String) {
    let mut wire = Wire::open(&cluster.address());
    let body = subscribe();
    let length = body.len();
    wire.write(&format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: {}\r\n{headers}content-length:{length}\r\n\r\n\
         {body}",
        cluster.address()
    ));
    let head = wire.head();
    assert_eq!(head.status, 200, "{headers}");
    assert_eq!(head.get("Content-Type"), Some("application/json"), "{headers}");
    assert_eq!(head.get("Transfer-Encoding"), Some("chunked"), "{headers}");
    assert_eq!(head.get("Content-Encoding"), None, "an event is a chunk: {headers}");
    assert_eq!(head.get("Content-Length"), None, "{headers}");
    let stream = head.get("Mesos-Stream-Id").expect("the stream's id").to_owned();
    let event = wire.event();
    assert_eq!(event["type"], "SUBSCRIBED");
    let framework = event["subscribed"]["framework_id"]["value"].as_str().expect("an id");
    assert_eq!(wire.event()["type"], "HEARTBEAT");
    (wire, stream, framework.to_owned())
}

#[test]
fn a_stream_is_asked_for_in_many_ways() {
    let cluster = Cluster::start(1);
    for headers in [
        "Content-Type: application/json\r\nAccept: application/json\r\nConnection: close\r\n",
        "content-type: application/json\r\naccept: */*\r\n",
        "CONTENT-TYPE:application/json\r\nACCEPT: application/json, application/x-protobuf\r\n",
        "Content-Type: application/json\r\nAccept: application/x-protobuf, application/*;q=0.1\r\n",
        "Content-Type: application/json\r\nAccept-Encoding: gzip, deflate, br\r\n",
        "Content-Type: application/json\r\nAuthorization: Basic bWU6bWluZQ==\r\n",
    ] {
        let (mut wire, stream, framework) = subscribed(&cluster, headers);
        // What was asked for with `Connection: close` goes on until it is over.
        let teardown = json!({"type": "TEARDOWN", "framework_id": {"value": framework}});
        let (status, text) = call(&cluster, "Mesos-Stream-Id", &stream, &teardown);
        assert_eq!((status, text.as_str()), (202, ""), "{headers}");
        while wire.0.fill_buf().expect("the daemon writes")[0] != b'0' {
            wire.event();
        }
        assert_eq!(wire.bytes(5), b"0\r\n\r\n", "a proper end: {headers}");
    }
}

/// A call on a connection of its own.
fn call(cluster: &Cluster, name: &str, stream: &str, call: &Value) -> (u16, String) {
    let mut wire = Wire::open(&cluster.address());
    let body = call.to_string();
    wire.write(&format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         {name}: {stream}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    wire.answer()
}

#[test]
fn calls_come_in_many_shapes_on_one_connection() {
    let cluster = Cluster::start(1);
    let (_stream, id, framework) =
        subscribed(&cluster, "Content-Type: application/json\r\nAccept: application/json\r\n");
    let body = json!({"type": "REVIVE", "framework_id": {"value": framework}}).to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let mut wire = Wire::open(&cluster.address());
    // Chunked, as Java's and Go's clients do when they do not know the length.
    wire.write(&format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         mesos-stream-id: {id}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n",
        first.len()
    ));
    wire.write(&format!("{:X};name=value\r\n{second}\r\n0\r\n\r\n", second.len()));
    assert_eq!(wire.answer(), (202, String::new()));
    // Asking first, as curl does with what is long.
    wire.write(&format!(
        "POST /master/api/v1/scheduler/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         MESOS-STREAM-ID: {id}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    assert_eq!(wire.head().status, 100);
    wire.write(&body);
    assert_eq!(wire.answer(), (202, String::new()));
    // Two at once.
    let request = format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Mesos-Stream-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.write(&request.repeat(2));
    assert_eq!(wire.answer(), (202, String::new()));
    assert_eq!(wire.answer(), (202, String::new()));
    // A mistake does not end the connection.
    wire.write(&request.replace("REVIVE", "revive"));
    assert_eq!(wire.answer().0, 400);
    wire.write(&request);
    assert_eq!(wire.answer(), (202, String::new()));
    // As old clients do, who hear no more after their answer.
    wire.write(&request.replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!(wire.answer(), (202, String::new()));
    assert_eq!(wire.line(), "", "it is closed");
}

//! HTTP as it is on the wire: what is sent is what a test wrote, and nothing is hidden from it.

#![allow(dead_code, reason = "tests and benchmarks each use a part of it")]

use std::io::{self, Read, Write};
use std::net::TcpStream;

use mesos_framework::mesos::framework::FrameworkInfo;
use mesos_framework::mesos::ids::FrameworkId;
use mesos_framework::mesos::schema::Message;
use mesos_framework::mesos::v1::scheduler::{Call, CallType, Event, EventType, Subscribe};
use mesos_framework::mesos::{json, msgpack};

use crate::daemons::PATIENCE;

/// What bodies are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Json,
    Msgpack,
}

impl Media {
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/msgpack",
        }
    }

    pub fn write<T: Message>(self, message: &T) -> Vec<u8> {
        match self {
            Self::Json => json::to_vec(message),
            Self::Msgpack => msgpack::to_vec(message),
        }
    }

    pub fn read<T: Message>(self, octets: &[u8]) -> T {
        match self {
            Self::Json => json::from_slice(octets, "Event").expect("a message in JSON"),
            Self::Msgpack => msgpack::from_slice(octets).expect("a message in MessagePack"),
        }
    }
}

/// A POST with headers of its own.
pub fn post(path: &str, media: Media, headers: &str, body: &[u8]) -> Vec<u8> {
    let (name, length) = (media.name(), body.len());
    let mut octets = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {name}\r\nAccept: {name}\r\n\
         {headers}Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    octets.extend_from_slice(body);
    octets
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The value of a header.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// One connection.
pub struct Connection {
    pub stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
}

impl Connection {
    pub fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("an option can be set");
        Self { stream, buffer: Vec::new(), at: 0 }
    }

    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.buffer.extend_from_slice(&piece[..read]);
                Ok(())
            }
        }
    }

    /// What comes before these octets, which are passed over.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(length) = rest.windows(end.len()).position(|window| window == end) {
                let taken = rest[..length].to_vec();
                self.at += length + end.len();
                return Ok(taken);
            }
            self.fill()?;
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() - self.at < length {
            self.fill()?;
        }
        let taken = self.buffer[self.at..self.at + length].to_vec();
        self.at += length;
        Ok(taken)
    }

    /// Status line and headers.
    pub fn head(&mut self) -> io::Result<(u16, String)> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n")?).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or(io::ErrorKind::InvalidData)?, head))
    }

    /// One chunk of a chunked body; `None` at its end.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = String::from_utf8_lossy(&self.until(b"\r\n")?).into_owned();
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        let mut chunk = self.take(size + 2)?;
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }

    /// A whole answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let (status, head) = self.head()?;
        let mut body = Vec::new();
        if header(&head, "transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
        } else if let Some(length) = header(&head, "content-length") {
            body = self.take(length.parse().map_err(io::Error::other)?)?;
        }
        Ok(Answer { status, head, body })
    }

    /// Sends and waits for the answer.
    pub fn ask(&mut self, octets: &[u8]) -> io::Result<Answer> {
        self.send(octets)?;
        self.answer()
    }
}

/// The answer to one request on a connection of its own.
pub fn ask(address: &str, octets: &[u8]) -> io::Result<Answer> {
    Connection::open(address).ask(octets)
}

/// A GET.
pub fn get(address: &str, path: &str) -> io::Result<Answer> {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// A framework's stream of events, and what its calls need.
pub struct Subscription {
    pub events: Connection,
    pub media: Media,
    pub stream_id: String,
    pub id: FrameworkId,
}

impl Subscription {
    pub fn open(address: &str, info: FrameworkInfo, media: Media) -> Self {
        let call = Call {
            r#type: Some(CallType::Subscribe),
            framework_id: info.id.clone(),
            subscribe: Some(Subscribe { framework_info: info, ..Subscribe::default() }),
            ..Call::default()
        };
        let mut events = Connection::open(address);
        let request = post("/api/v1/scheduler", media, "", &media.write(&call));
        events.send(&request).expect("the master reads");
        let (status, head) = events.head().expect("the master answers");
        assert_eq!(status, 200, "{head}");
        let stream_id = header(&head, "mesos-stream-id").expect("a stream id").to_owned();
        let mut subscription = Self { events, media, stream_id, id: FrameworkId::default() };
        let event = subscription.expect_event(EventType::Subscribed);
        subscription.id = event.subscribed.expect("a body").framework_id;
        subscription
    }

    /// The next event; none when the stream has ended or was cut.
    pub fn next_event(&mut self) -> Option<Event> {
        let chunk = self.events.chunk().ok()??;
        let newline = chunk.iter().position(|octet| *octet == b'\n').expect("a record");
        Some(self.media.read(&chunk[newline + 1..]))
    }

    /// The next event of a type; others are passed over.
    pub fn expect_event(&mut self, wanted: EventType) -> Event {
        loop {
            let event = self.next_event().expect("the stream goes on");
            if event.r#type == Some(wanted) {
                return event;
            }
        }
    }

    /// The request of a call.
    pub fn request(&self, call: &Call) -> Vec<u8> {
        let header = format!("Mesos-Stream-Id: {}\r\n", self.stream_id);
        post("/api/v1/scheduler", self.media, &header, &self.media.write(call))
    }

    /// A call of this framework.
    pub fn call(&self, kind: CallType) -> Call {
        Call { r#type: Some(kind), framework_id: Some(self.id.clone()), ..Call::default() }
    }
}

/// What a framework of this name says of itself.
pub fn framework(name: &str, role: &str) -> FrameworkInfo {
    use mesos_framework::mesos::framework::{FrameworkCapability, FrameworkCapabilityType};
    FrameworkInfo {
        user: "root".to_owned(),
        name: name.to_owned(),
        roles: vec![role.to_owned()],
        capabilities: vec![FrameworkCapability {
            r#type: Some(FrameworkCapabilityType::MultiRole),
        }],
        ..FrameworkInfo::default()
    }
}

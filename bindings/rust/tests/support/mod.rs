//! A master of few words: takes subscriptions and calls over real sockets, and lets the test say
//! what it answers and when.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos::recordio;
use mesos::v1::scheduler::{
    Call, CallType, Event, EventType, OffersEvent, SubscribedEvent, UpdateEvent,
};
use mesos_framework::mesos::{self, json, msgpack};
use mesos_framework::{AgentId, Offer, TaskId, TaskState, TaskStatus};

/// Nothing in these tests takes this long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a master answers instead of 200 or 202.
#[derive(Debug, Clone)]
pub enum Refusal {
    Status(u16, &'static str),
    Redirect(SocketAddr),
}

pub struct FakeMaster {
    pub address: SocketAddr,
    subscriptions: Receiver<Subscription>,
    calls: Receiver<(String, Call)>,
    refusals: Arc<Mutex<Refusals>>,
}

#[derive(Default)]
struct Refusals {
    subscribe: VecDeque<Refusal>,
    call: VecDeque<Refusal>,
    knows_only_json: bool,
    hold: Option<Receiver<()>>,
    file: Option<Vec<u8>>,
}

struct Shared {
    subscriptions: Sender<Subscription>,
    calls: Sender<(String, Call)>,
    refusals: Arc<Mutex<Refusals>>,
}

/// An open stream of events.
pub struct Subscription {
    pub call: Call,
    pub stream_id: String,
    pub encoding: &'static str,
    socket: TcpStream,
}

impl FakeMaster {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (subscription_sender, subscriptions) = channel();
        let (call_sender, calls) = channel();
        let refusals = Arc::new(Mutex::new(Refusals::default()));
        let shared = Arc::new(Shared {
            subscriptions: subscription_sender,
            calls: call_sender,
            refusals: refusals.clone(),
        });
        // The threads end with the test's process; each waits on a socket of its own.
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                std::thread::spawn(move || serve(socket, &shared));
            }
        });
        Self { address, subscriptions, calls, refusals }
    }

    pub fn refuse_next_subscription(&self, refusal: Refusal) {
        self.refusals.lock().unwrap().subscribe.push_back(refusal);
    }

    pub fn refuse_next_call(&self, refusal: Refusal) {
        self.refusals.lock().unwrap().call.push_back(refusal);
    }

    /// Leaves the next call unanswered until something is sent.
    pub fn hold_next_call(&self) -> Sender<()> {
        let (sender, receiver) = channel();
        self.refusals.lock().unwrap().hold = Some(receiver);
        sender
    }

    pub fn know_only_json(&self) {
        self.refusals.lock().unwrap().knows_only_json = true;
    }

    /// What every download of a file gives.
    pub fn serve_file(&self, content: &[u8]) {
        self.refusals.lock().unwrap().file = Some(content.to_vec());
    }

    pub fn subscription(&self) -> Subscription {
        self.subscriptions.recv_timeout(PATIENCE).expect("a subscription")
    }

    /// The next call other than SUBSCRIBE, with the stream id that came with it.
    pub fn call(&self) -> (String, Call) {
        self.calls.recv_timeout(PATIENCE).expect("a call")
    }

    pub fn expect(&self, kind: CallType) -> Call {
        let (_, call) = self.call();
        assert_eq!(call.r#type, Some(kind), "{call:?}");
        call
    }

    pub fn has_no_call(&self) -> bool {
        self.calls.try_recv().is_err()
    }
}

impl Subscription {
    pub fn send(&mut self, event: Event) {
        let record = match self.encoding {
            "application/json" => json::to_vec(&event),
            _ => msgpack::to_vec_short(&event),
        };
        self.send_raw(&recordio::encode(&record));
    }

    /// Writes one chunk.
    pub fn send_raw(&mut self, octets: &[u8]) {
        let mut chunk = format!("{:x}\r\n", octets.len()).into_bytes();
        chunk.extend_from_slice(octets);
        chunk.extend_from_slice(b"\r\n");
        self.socket.write_all(&chunk).expect("the driver reads");
    }

    pub fn subscribed(&mut self, framework: &str, heartbeat_seconds: f64) {
        self.send(Event {
            r#type: Some(EventType::Subscribed),
            subscribed: Some(SubscribedEvent {
                framework_id: framework.into(),
                heartbeat_interval_seconds: Some(heartbeat_seconds),
                master_info: None,
            }),
            ..Event::default()
        });
    }

    pub fn heartbeat(&mut self) {
        self.send(Event { r#type: Some(EventType::Heartbeat), ..Event::default() });
    }

    pub fn offers(&mut self, offers: Vec<Offer>) {
        self.send(Event {
            r#type: Some(EventType::Offers),
            offers: Some(OffersEvent { offers }),
            ..Event::default()
        });
    }

    pub fn update(&mut self, task: &TaskId, agent: &AgentId, state: TaskState, uuid: &str) {
        let status = TaskStatus {
            task_id: task.clone(),
            agent_id: Some(agent.clone()),
            state,
            uuid: Some(uuid.into()),
            ..TaskStatus::default()
        };
        self.send(Event {
            r#type: Some(EventType::Update),
            update: Some(UpdateEvent { status }),
            ..Event::default()
        });
    }

    /// Closes the connection in the middle of the stream.
    pub fn cut(self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// Serves the requests of one connection.
fn serve(socket: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(socket.try_clone().expect("a second handle"));
    while let Some(request) = read_request(&mut reader) {
        if request.target.starts_with("/files/download") {
            let file = shared.refusals.lock().unwrap().file.clone();
            match file {
                Some(content) => serve_part(&socket, &content, request.range),
                None => answer(&socket, 404, "", b"no such file"),
            }
            continue;
        }
        let json = request.content_type == "application/json";
        let only_json = shared.refusals.lock().unwrap().knows_only_json;
        if only_json && !json {
            answer(&socket, 415, "", b"Expecting 'Content-Type' of application/json");
            continue;
        }
        let call: Call = match json {
            true => json::from_slice(&request.body, "Call").expect("a call in JSON"),
            false => msgpack::from_slice(&request.body).expect("a call in MessagePack"),
        };
        let subscribe = call.r#type == Some(CallType::Subscribe);
        let refusal = {
            let mut refusals = shared.refusals.lock().unwrap();
            if subscribe { refusals.subscribe.pop_front() } else { refusals.call.pop_front() }
        };
        match refusal {
            Some(Refusal::Status(status, text)) => answer(&socket, status, "", text.as_bytes()),
            Some(Refusal::Redirect(to)) => {
                let location = format!("Location: //{to}/master/api/v1/scheduler\r\n");
                answer(&socket, 307, &location, b"");
            }
            None if subscribe => {
                let stream_id = format!("stream-{}", socket.peer_addr().expect("a peer").port());
                let encoding = match json {
                    true => "application/json",
                    false => "application/vnd.mesos.short+msgpack",
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {encoding}\r\nMesos-Stream-Id: {stream_id}\
                     \r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                let mut socket = socket.try_clone().expect("a third handle");
                socket.write_all(head.as_bytes()).expect("the driver reads");
                let subscription = Subscription { call, stream_id, encoding, socket };
                let _ = shared.subscriptions.send(subscription);
                return;
            }
            None => {
                let _ = shared.calls.send((request.stream_id, call));
                let hold = shared.refusals.lock().unwrap().hold.take();
                if let Some(hold) = hold {
                    let _ = hold.recv_timeout(PATIENCE);
                }
                answer(&socket, 202, "", b"");
            }
        }
    }
}

/// A part of a file; all of it to whom asks for no part, or when the file begins with 0xff: some
/// agents know no ranges.
fn serve_part(socket: &TcpStream, content: &[u8], range: Option<(usize, usize)>) {
    match range.filter(|_| content.first() != Some(&0xff)) {
        None => answer(socket, 200, "", content),
        Some((first, _)) if first >= content.len() => answer(socket, 416, "", b""),
        Some((first, last)) => {
            answer(socket, 206, "", &content[first..(last + 1).min(content.len())]);
        }
    }
}

fn answer(mut socket: &TcpStream, status: u16, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    let _ = socket.write_all(&[head.as_bytes(), body].concat());
}

struct HttpRequest {
    target: String,
    content_type: String,
    stream_id: String,
    range: Option<(usize, usize)>,
    body: Vec<u8>,
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<HttpRequest> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut request = HttpRequest {
        target,
        content_type: String::new(),
        stream_id: String::new(),
        range: None,
        body: vec![],
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "range" => {
                let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
                request.range = Some((first.parse().ok()?, last.parse().ok()?));
            }
            "content-type" => request.content_type = value.trim().to_owned(),
            "mesos-stream-id" => request.stream_id = value.trim().to_owned(),
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

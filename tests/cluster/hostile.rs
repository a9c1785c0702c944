//! Clients that mean harm, while somebody works: broken calls, broken HTTP, bodies without end,
//! readers that do not read. Nobody else notices.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mesos_framework::mesos::v1::scheduler::CallType;
use mesos_framework::{Framework, TaskState};
use serde_json::{Value, json};

use crate::bend::bend;
use crate::daemons::{Cluster, get_text, wait_for};
use crate::raw::{Connection, Media, Subscription, ask, framework, get, post};
use crate::recorder::{Session, shell};

const SCHEDULER: &str = "/api/v1/scheduler";

/// Somebody who works all the while, one task after the other.
struct Bystander {
    session: Session,
    tasks: usize,
}

impl Bystander {
    fn start(cluster: &Cluster, tasks: usize) -> Self {
        let all = (0..tasks).map(|number| shell(&format!("by-{number}"), "sleep 0.2").cpus(1.0));
        let session = Session::start(Framework::new("bystander"), &cluster.address(), all);
        session.record.wait_for("by-0", TaskState::Running);
        Self { session, tasks }
    }

    /// Waits for the end of all tasks: each went its way, and nothing else was heard.
    fn finish(self) {
        for number in 0..self.tasks {
            let id = format!("by-{number}");
            self.session.record.wait_for(&id, TaskState::Finished);
            assert_eq!(
                self.session.record.states(&id),
                [TaskState::Starting, TaskState::Running, TaskState::Finished],
                "{id}"
            );
        }
        self.session.finish();
    }
}

/// Asks for `/health` as long as it lives, and notes the longest wait.
struct Pulse {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Duration>>,
}

impl Pulse {
    fn start(address: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let flag = over.clone();
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !flag.load(Ordering::Relaxed) {
                let asked = Instant::now();
                assert_eq!(get(&address, "/health").expect("it answers").status, 200);
                longest = longest.max(asked.elapsed());
            }
            longest
        });
        Self { over, thread: Some(thread) }
    }

    fn finish(mut self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("every answer was 200")
    }
}

/// The longest that `/health` may take on a machine that is busy with other tests.
const SLOW_HEALTH: Duration = Duration::from_secs(3);

fn metric(cluster: &Cluster, name: &str) -> f64 {
    let text = wait_for("metrics", || get_text(&format!("http://{}/metrics", cluster.address())));
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("{name} is missing"))
}

fn assert_no_panic(cluster: &Cluster) {
    for name in ["master.log", "agent-0.log"] {
        let log = fs::read_to_string(cluster.folder().join(name)).expect("a log");
        assert!(!log.contains("panicked"), "{name}: {log}");
    }
}

/// Calls that a real Mesos understood, by the endpoint that they are for. Whoever may say them can
/// change the cluster; here are those that cannot reach what is not theirs.
fn sound_calls() -> BTreeMap<&'static str, Vec<Value>> {
    let read = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let harmless = |call: &Value| {
        let kind = call["type"].as_str().unwrap_or_default();
        ["GET_", "LIST_", "READ_"].iter().any(|prefix| kind.starts_with(prefix))
            || ["TEARDOWN", "MARK_AGENT_GONE", "SUBSCRIBE"].contains(&kind)
    };
    let operator = read(include_str!("../../mesos/tests/golden/master_calls.jsonl"));
    let agent = read(include_str!("../../mesos/tests/golden/agent_calls.jsonl"));
    let keep = |calls: Vec<Value>| calls.into_iter().filter(harmless).collect::<Vec<_>>();
    BTreeMap::from([
        (SCHEDULER, read(include_str!("../../mesos/tests/golden/scheduler_calls.jsonl"))),
        ("/api/v1", keep(operator)),
        ("agent/api/v1", keep(agent)),
        (
            "agent/api/v1/executor",
            read(include_str!("../../mesos/tests/golden/executor_calls.jsonl")),
        ),
    ])
}

/// What is wrong with a request beside its call.
fn bent_request(rng: &mut fastrand::Rng, path: &str, stream: &str, body: Vec<u8>) -> Vec<u8> {
    let mut body = body;
    if rng.u8(..4) == 0 && !body.is_empty() {
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..body.len());
            match rng.u8(..3) {
                0 => body[at] = rng.u8(..),
                1 => body.truncate(at.max(1)),
                _ => body.insert(at, rng.u8(..)),
            }
        }
    }
    let stream = match rng.u8(..6) {
        0 => String::new(),
        1 => "Mesos-Stream-Id: nobody's\r\n".to_owned(),
        2 => format!("Mesos-Stream-Id: {}\r\n", "x".repeat(rng.usize(..2000))),
        _ => format!("Mesos-Stream-Id: {stream}\r\n"),
    };
    let media = match rng.u8(..8) {
        0 => "text/plain",
        1 => "application/x-protobuf",
        2 => "application/msgpack",
        _ => "application/json",
    };
    let method = *rng.choice(&["POST", "POST", "POST", "POST", "PUT", "GET", "DELETE"]).expect("7");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\n");
    head.push_str(rng.choice(&["", "Accept: */*\r\n", "Accept: text/html\r\n"]).expect("3"));
    head.push_str(&stream);
    let mut octets = match rng.u8(..4) {
        0 => {
            let mut octets = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
            for piece in body.chunks(rng.usize(1..64)) {
                octets.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                octets.extend(piece);
                octets.extend(b"\r\n");
            }
            octets.extend(b"0\r\n\r\n");
            octets
        }
        _ => {
            let mut octets = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            octets.extend(body);
            octets
        }
    };
    if rng.u8(..16) == 0 {
        let at = rng.usize(..octets.len());
        octets[at] = rng.u8(..);
    }
    octets
}

/// Sends bent calls until there were enough. A connection is used until it breaks.
fn attack(cluster: &Cluster, seed: u64, calls: usize, answers: &AtomicUsize) {
    let sound = sound_calls();
    let endpoints: Vec<&&str> = sound.keys().collect();
    let mut rng = fastrand::Rng::with_seed(seed);
    let addresses = [cluster.address(), cluster.agent_address(0)];
    let name = format!("attacker-{seed}");
    let mut me = Subscription::open(&addresses[0], framework(&name, &name), Media::Json);
    let mut connections = [None, None];
    for _ in 0..calls {
        let endpoint = if rng.bool() { SCHEDULER } else { **rng.choice(&endpoints).expect("four") };
        let mut call = rng.choice(&sound[endpoint]).expect("some").clone();
        if endpoint == SCHEDULER && rng.u8(..4) > 0 {
            call["framework_id"] = json!({"value": me.id.as_str()});
        }
        for _ in 0..rng.u8(..4) {
            bend(&mut rng, &mut call);
        }
        let (which, path) = match endpoint.strip_prefix("agent") {
            Some(path) => (1, path),
            None => (0, endpoint),
        };
        let octets = bent_request(&mut rng, path, &me.stream_id, call.to_string().into_bytes());
        let connection = connections[which].get_or_insert_with(|| {
            let connection = Connection::open(&addresses[which]);
            let timeout = Some(Duration::from_millis(500));
            connection.stream.set_read_timeout(timeout).expect("a timeout can be set");
            connection
        });
        let sent = connection.send(&octets);
        let answer = sent.and_then(|()| connection.answer());
        match answer {
            Ok(answer) => {
                assert!(answer.status < 500 || [501, 503].contains(&answer.status), "{answer:?}");
                answers.fetch_add(1, Ordering::Relaxed);
            }
            // Closed, or an answer that goes on: a stream, or a head that waits for more.
            Err(_) => connections[which] = None,
        }
        if rng.u8(..50) == 0 {
            me = Subscription::open(&addresses[0], framework(&name, &name), Media::Json);
        }
    }
}

#[test]
fn ten_thousand_bent_requests_disturb_nobody() {
    // Whoever is offered something and does not answer must not keep it from others.
    let cluster = Cluster::start_with(1, &["--offer_timeout=1secs"], &[]);
    let bystander = Bystander::start(&cluster, 60);
    let pulse = Pulse::start(cluster.address());
    let answers = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (cluster, answers) = (&cluster, &answers);
            scope.spawn(move || attack(cluster, seed, 2_500, answers));
        }
    });
    let longest = pulse.finish();
    bystander.finish();
    let answers = answers.into_inner();
    assert!(answers > 5_000, "only {answers} requests were answered");
    assert!(longest < SLOW_HEALTH, "/health took {longest:?}");
    wait_for("the attackers are forgotten", || {
        (metric(&cluster, "mesos_libprocess_http_streams") == 0.0).then_some(())
    });
    assert_no_panic(&cluster);
}

/// Sends a byte now and then until the server answers or closes, or `over` is set.
fn trickle(address: &str, over: &AtomicBool) {
    let mut connection = Connection::open(address);
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 100000\r\n\r\n";
    connection.send(head.as_bytes()).expect("the master reads");
    let patience = Some(Duration::from_millis(20));
    connection.stream.set_read_timeout(patience).expect("a timeout can be set");
    let mut octet = [0];
    while !over.load(Ordering::Relaxed) && connection.send(b" ").is_ok() {
        match connection.stream.read(&mut octet) {
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            _ => return,
        }
    }
}

#[test]
fn bodies_that_trickle_and_heads_without_end_hold_nobody_up() {
    let cluster = Cluster::start(1);
    let bystander = Bystander::start(&cluster, 20);
    let pulse = Pulse::start(cluster.address());
    let over = AtomicBool::new(false);
    let address = cluster.address();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| trickle(&address, &over));
        }
        heads(&address);
        sizes(&address);
        chunks(&address);
        pipelines(&address);
        bystander.finish();
        over.store(true, Ordering::Relaxed);
    });
    let longest = pulse.finish();
    assert!(longest < SLOW_HEALTH, "/health took {longest:?}");
    assert_no_panic(&cluster);
}

/// What the server says before it closes: nothing, or what is wrong.
fn refused(address: &str, octets: &[u8]) -> String {
    let mut connection = Connection::open(address);
    // It may close before it has read everything.
    let _ = connection.send(octets);
    let _ = connection.stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    let _ = connection.stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

fn heads(address: &str) {
    let long = format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    let many: String = (0..2_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let many = format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    let endless = "X".repeat(1 << 20);
    for head in [long, many, endless] {
        let said = refused(address, head.as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
}

/// A body that is announced too large is refused before it comes; so is one that becomes too large.
fn sizes(address: &str) {
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let announced = format!("{head}Content-Length: {}\r\n\r\n", u64::MAX / 2);
    assert_eq!(ask(address, announced.as_bytes()).expect("an answer").status, 413);
    let mut connection = Connection::open(address);
    connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).expect("read");
    let chunk = [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..80 {
        if connection.send(&chunk).is_err() {
            break;
        }
    }
    // The answer may be lost when the connection is reset with our octets on their way.
    if let Ok(answer) = connection.answer() {
        assert_eq!(answer.status, 413);
    }
}

fn chunks(address: &str) {
    let head = "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    for bad in ["zz\r\n", "-1\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n", "2;\0\r\n{}x"] {
        let said = refused(address, format!("{head}{bad}").as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{bad:?}: {said}");
    }
}

/// Requests that do not wait for answers are answered in order, a bad one too.
fn pipelines(address: &str) {
    let good = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    let bad = post(SCHEDULER, Media::Json, "", b"{");
    let mut connection = Connection::open(address);
    let mut all = Vec::new();
    for _ in 0..200 {
        all.extend_from_slice(&good);
        all.extend_from_slice(&bad);
    }
    connection.send(&all).expect("the master reads");
    for _ in 0..200 {
        assert_eq!(connection.answer().expect("an answer").status, 200);
        assert_eq!(connection.answer().expect("an answer").status, 400);
    }
}

#[test]
fn a_stream_id_of_another_opens_no_door() {
    let cluster = Cluster::start(1);
    let address = cluster.address();
    let victim = Subscription::open(&address, framework("victim", "a"), Media::Json);
    let thief = Subscription::open(&address, framework("thief", "b"), Media::Msgpack);
    let teardown = victim.call(CallType::Teardown);
    let header = |id: &str| format!("Mesos-Stream-Id: {id}\r\n");
    let refused = |headers: &str| {
        let request = post(SCHEDULER, Media::Json, headers, &Media::Json.write(&teardown));
        ask(&address, &request).expect("an answer")
    };
    assert_eq!(
        refused("").text(),
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    );
    for headers in [header(&thief.stream_id), header("x"), header(&"x".repeat(100_000))] {
        let answer = refused(&headers);
        assert!((400..432).contains(&answer.status), "{answer:?}");
    }
    let frameworks = cluster.state().expect("it answers")["frameworks"].clone();
    assert_eq!(frameworks.as_array().map(Vec::len), Some(2), "{frameworks}");
    // With its own it is another matter.
    let answer = ask(&address, &victim.request(&teardown)).expect("an answer");
    assert_eq!(answer.status, 202);
    drop(thief);
}

/// A framework that reconciles and never reads what it is answered.
fn deaf(address: &str, number: usize) -> Subscription {
    let subscription =
        Subscription::open(address, framework(&format!("deaf-{number}"), "deaf"), Media::Json);
    let mut call = subscription.call(CallType::Reconcile);
    let task = |index: usize| mesos_framework::mesos::v1::scheduler::ReconcileTask {
        task_id: format!("{index}-{}", "x".repeat(200)).as_str().into(),
        agent_id: None,
    };
    let tasks = (0..1_000).map(task).collect();
    call.reconcile = Some(mesos_framework::mesos::v1::scheduler::Reconcile { tasks });
    let request = subscription.request(&call);
    let mut calls = Connection::open(address);
    for _ in 0..120 {
        // Refused from the moment on at which the stream is cut.
        if calls.ask(&request).expect("an answer").status != 202 {
            break;
        }
    }
    subscription
}

#[test]
fn schedulers_that_do_not_read_are_cut_at_a_bound_and_counted() {
    let cluster = Cluster::start(1);
    let bystander = Bystander::start(&cluster, 20);
    let address = cluster.address();
    let held: Vec<Subscription> = (0..3).map(|number| deaf(&address, number)).collect();
    wait_for("the deaf are cut", || {
        let cut = metric(&cluster, "mesos_libprocess_http_cut_streams_total");
        (cut == held.len() as f64).then_some(())
    });
    // The bystander's is left, and its connections.
    wait_for("their streams are gone", || {
        (metric(&cluster, "mesos_libprocess_http_streams") == 1.0).then_some(())
    });
    bystander.finish();
    drop(held);
    assert_no_panic(&cluster);
}

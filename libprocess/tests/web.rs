//! HTTP and processes together, on a real node: one port for both.

use libprocess::http::client::{Client, Received};
use libprocess::http::{BodyWriter, Help, Response, StatusCode};
use libprocess::{Context, Node, NodeConfig, Process};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Answers, counts, and keeps streams.
#[derive(Default)]
struct Master {
    streams: Vec<BodyWriter>,
    gone: usize,
}

impl Process for Master {
    fn initialize(&mut self, context: &mut Context<Self>) {
        let help = Help::new("Says hello.").description("To everybody.");
        context.route("/hello", help, |_, _, request, reply| {
            if request.method != "GET" {
                return reply.send(Response::method_not_allowed(&["GET"], request.method.as_str()));
            }
            let name = request.query("name").unwrap_or("you").to_owned();
            reply.send(Response::text(StatusCode::OK, format!("hello {name}")));
        });
        context.route("/stream", Help::new("Streams."), |master, context, _, reply| {
            let (response, writer) = Response::stream("application/json", 1 << 20);
            let pid = context.pid().clone();
            let node = context.node().clone();
            writer.on_closed(move || node.dispatch(&pid, |master, _| master.gone += 1));
            reply.send(response);
            master.streams.push(writer);
        });
        context.route("/gone", Help::new("Counts."), |master, _, _, reply| {
            reply.send(Response::text(StatusCode::OK, master.gone.to_string()));
        });
        context.route("/panic", Help::new("Panics."), |_, _, _, _| panic!("on request"));
        let _ = context.metrics().counter(("master/greetings", "Greetings."));
    }
}

fn start() -> Node {
    let config = NodeConfig { delegate: Some("master".to_owned()), ..NodeConfig::default() };
    let node = Node::start(config).unwrap();
    let pid = node.spawn("master", Master::default()).unwrap();
    // Routes exist once the process has initialized itself, which is its first event.
    let (ready, initialized) = std::sync::mpsc::channel();
    node.dispatch(&pid, move |_, _| ready.send(()).unwrap());
    initialized.recv().unwrap();
    node
}

#[test]
fn who_comes_before_the_delegate_waits_for_it() {
    let config = NodeConfig { delegate: Some("master".to_owned()), ..NodeConfig::default() };
    let node = Node::start(config).unwrap();
    let mut early = TcpStream::connect(node.bound_address()).unwrap();
    early.write_all(b"GET /hello HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    // Long enough for an answer from a node that does not wait.
    early.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(early.read(&mut [0]).is_err(), "nobody is there yet");
    node.spawn("master", Master::default()).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    node.shutdown();
}

fn get(node: &Node, target: &str) -> Received {
    let url = format!("http://{}{target}", node.bound_address());
    block_on(async move { Client::new().get(&url).send().await.unwrap() })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn routes_answer_with_and_without_the_id() {
    let node = start();
    for target in ["/hello?name=a", "/master/hello?name=a", "/%6daster/hello/?name=a"] {
        assert_eq!(get(&node, target).text(), "hello a", "{target}");
    }
    assert_eq!(get(&node, "/nothing").status, StatusCode::NOT_FOUND);
    let url = format!("http://{}/hello", node.bound_address());
    let answer = block_on(async move { Client::new().post(&url).send().await.unwrap() });
    assert_eq!(answer.header("allow"), Some("GET"));
    assert_eq!(
        answer.text(),
        "405 Method Not Allowed. Expecting one of { 'GET' }, but received 'POST'."
    );
    node.shutdown();
}

#[test]
fn built_in_endpoints_know_the_node() {
    let node = start();
    let processes: serde_json::Value = get(&node, "/__processes__").json().unwrap();
    assert_eq!(processes[0]["id"], "master");
    assert!(get(&node, "/help/master/hello").text().contains("To everybody."));
    let metrics = get(&node, "/metrics").text();
    assert!(metrics.contains("mesos_master_greetings_total 0"), "{metrics}");
    assert!(metrics.contains("mesos_libprocess_processes 1"), "{metrics}");
    assert!(metrics.contains("# HELP mesos_libprocess_panics_total Handlers that"), "{metrics}");
    let snapshot: std::collections::BTreeMap<String, f64> =
        get(&node, "/metrics/snapshot").json().unwrap();
    let names: Vec<&str> = snapshot.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(names.contains(&"master/greetings") && names.contains(&"system/load_1min"));
    node.shutdown();
}

#[test]
fn a_process_learns_that_its_subscriber_went() {
    let node = start();
    let url = format!("http://{}/stream", node.bound_address());
    block_on(async {
        let answer = Client::new().get(&url).stream().await.unwrap();
        drop(answer);
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while get(&node, "/gone").text() != "1" {
        assert!(Instant::now() < deadline, "the process was never told");
    }
    node.shutdown();
}

#[test]
fn a_panicking_process_answers_500_and_then_404() {
    let node = start();
    assert_eq!(get(&node, "/panic").status, StatusCode::INTERNAL_SERVER_ERROR);
    let deadline = Instant::now() + Duration::from_secs(20);
    while get(&node, "/hello").status != StatusCode::NOT_FOUND {
        assert!(Instant::now() < deadline, "the process still has its routes");
    }
    node.shutdown();
}

#[test]
fn a_node_shuts_down_under_open_connections() {
    for _ in 0..5 {
        let node = start();
        let mut idle = std::net::TcpStream::connect(node.bound_address()).unwrap();
        idle.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(get(&node, "/hello").text(), "hello you");
        node.shutdown();
    }
}

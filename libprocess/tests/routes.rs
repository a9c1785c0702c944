//! Routes: which process answers which path.

mod common;

use common::LIMIT;
use libprocess::http::{Body, Help, Method, Reply, Request, Response, StatusCode};
use libprocess::{Context, Matcher, Process};

struct Web;

impl Process for Web {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for path in ["/state", "/state/summary", "/"] {
            context.route(path, Help::new("x"), move |_, _, request, reply| {
                reply.send(Response::text(StatusCode::OK, format!("{path} {}", request.rest())));
            });
        }
        context.route_authenticated("/x", "realm", Help::new("x"), |_, _, _, _| {});
    }
}

fn ask(node: &libprocess::Node, target: &str) -> Option<String> {
    let mut request = Request::new(Method::GET, target);
    let found = node.lookup_route(&request.path)?;
    request.route = found.prefix.clone();
    let (reply, answer) = Reply::channel();
    found.handle(request, reply);
    let (sender, receiver) = std::sync::mpsc::channel();
    node.handle().spawn(async move {
        let _ = sender.send(answer.await);
    });
    let response = receiver.recv_timeout(LIMIT).unwrap();
    let Body::Bytes(body) = response.body else { panic!("a short body") };
    Some(format!("{} {}", response.status.as_u16(), String::from_utf8_lossy(&body)))
}

#[test]
fn routes_match_by_longest_prefix_with_and_without_the_id() {
    let node = libprocess::Node::start(libprocess::NodeConfig {
        workers: 1,
        delegate: Some("slave(1)".into()),
        ..Default::default()
    })
    .unwrap();
    let pid = node.spawn("slave(1)", Web).unwrap();
    node.clock().settle();
    for (path, answer) in [
        ("/slave(1)/state", "200 /state "),
        ("/slave%281%29/state/", "200 /state /"),
        ("/state", "200 /state "),
        ("/state/summary", "200 /state/summary "),
        ("/slave(1)/state/summary/x", "200 /state/summary /x"),
        ("/slave(1)", "200 / "),
        ("/slave(1)/statex", "200 / /statex"),
        ("/x", "500 500 Internal Server Error."),
    ] {
        assert_eq!(ask(&node, path).as_deref(), Some(answer), "{path}");
    }
    let routes = node.routes();
    assert_eq!(routes.len(), 1);
    let realms: Vec<_> = routes[0].1.iter().filter_map(|route| route.realm.clone()).collect();
    assert_eq!(realms, ["realm"]);
    let seen = node.filter().drop_next(Matcher::http("/state"));
    assert_eq!(ask(&node, "/state").as_deref(), Some("500 500 Internal Server Error."));
    assert!(seen.is_seen());
    node.terminate(&pid, true);
    assert!(node.wait(&pid).blocking(Some(LIMIT)));
    assert!(node.lookup_route("/state").is_none());
    node.shutdown();
}

#[test]
fn the_counts_of_a_node_are_metrics() {
    let node = common::node(1);
    node.send(None, &libprocess::Upid::new("nobody", node.address()), "n", 1_u64);
    let text = node.metrics().prometheus_now();
    assert!(text.contains("mesos_libprocess_dropped_unknown_process_total 1"), "{text}");
    assert!(!node.metrics().snapshot_now().keys().any(|name| name.starts_with("libprocess/")));
    node.shutdown();
}

//! What the endpoints show, against what a real Mesos showed (`golden/state/`).

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Puppet, TestMaster, framework_info, post, quick};
use libprocess::{Node, NodeConfig};
use master::election::{Announce, Election};
use mesos::master_info::MasterInfo;
use mesos::task::TaskState;
use serde_json::{Value, json};

fn golden(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/state/");
    serde_json::from_slice(&std::fs::read(format!("{folder}{name}.json")).unwrap()).unwrap()
}

/// The JSON types of a value, by path; elements of arrays and values of resources by role share
/// one path.
fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(before) = into.insert(path.to_owned(), kind) {
        assert_eq!(before, kind, "{path}");
    }
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| shape(item, &format!("{path}[]"), into));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| shape(value, &format!("{path}.{key}"), into));
        }
        _ => {}
    }
}

/// What a real Mesos shows that is no concern of the comparison: flags, its version control, and
/// parts that our cluster of the moment has not got.
fn is_comparable(path: &str) -> bool {
    let parts = [
        ".flags.",
        ".git_sha",
        "network_infos",
        "resources.ports",
        ".completed_frameworks[]",
        ".completed_tasks[]",
    ];
    !parts.iter().any(|part| path.contains(part))
}

/// A cluster with an agent, a framework with a custom executor, a running task, and an offer.
struct Cluster {
    master: TestMaster,
    _agent: Puppet,
    _events: common::Events,
    framework: String,
}

fn cluster() -> Cluster {
    let master = TestMaster::start();
    let agent = Puppet::registered(master.address());
    let mut events = master.subscribe(framework_info());
    let framework = events.expect("SUBSCRIBED")["subscribed"]["framework_id"].clone();
    let offer = events.expect("OFFERS")["offers"]["offers"][0].clone();
    let scalar = |name: &str, value: f64| {
        json!({"name": name, "type": "SCALAR", "scalar": {"value": value},
               "allocation_info": {"role": "r1"}})
    };
    let accept = json!({
        "type": "ACCEPT", "framework_id": framework,
        "accept": {
            "offer_ids": [offer["id"]],
            "filters": {"refuse_seconds": 0.0},
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{
                "name": "x", "task_id": {"value": "x"}, "agent_id": offer["agent_id"],
                "labels": {"labels": [{"key": "a", "value": "b"}]},
                "executor": {
                    "type": "CUSTOM", "executor_id": {"value": "e"}, "name": "e",
                    "framework_id": framework,
                    "command": {"value": "run"},
                    "resources": [scalar("cpus", 0.1), scalar("mem", 32.0)]
                },
                "resources": [scalar("cpus", 1.0), scalar("mem", 64.0)]
            }]}}]
        }
    });
    let answer = master.call(&accept, Some(&events.stream_id()));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let (id, task) = agent.hear_task();
    agent.update(&id, &task, TaskState::Running);
    // The rest of the agent is offered again, before or after the update.
    let mut awaited = BTreeSet::from(["UPDATE", "OFFERS"]);
    while !awaited.is_empty() {
        let event = events.next_event().unwrap();
        awaited.retain(|kind| event["type"] != *kind);
    }
    Cluster { master, _agent: agent, _events: events, framework: id.to_string() }
}

#[test]
fn the_state_has_mesos_s_fields_and_types() {
    let cluster = cluster();
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    let state = cluster.master.state();
    shape(&state, "", &mut ours);
    shape(&golden("custom_executor"), "", &mut theirs);
    shape(&golden("task_running"), "", &mut theirs);
    for (path, kind) in theirs.iter().filter(|(path, _)| is_comparable(path)) {
        // The recorded agent sent more with its updates than the puppet does.
        if path.contains("container_status") || path.contains(".statuses[].labels") {
            continue;
        }
        assert_eq!(ours.get(path), Some(kind), "{path}");
    }
    for path in ours.keys().filter(|path| is_comparable(path)) {
        assert!(theirs.contains_key(path), "{path} is ours alone");
    }
}

#[test]
fn fields_come_in_mesos_s_order() {
    let cluster = cluster();
    let text = cluster.master.get("/state").text();
    let recorded = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/state/custom_executor.json"
    ));
    let recorded = recorded.unwrap().replace(": ", ":");
    for (from, keys) in [
        ("{", &["version", "build_date", "start_time", "id", "flags", "slaves", "frameworks"][..]),
        ("\"slaves\":[", &["id", "hostname", "pid", "resources", "active", "capabilities"]),
        (
            "\"frameworks\":[",
            &["id", "name", "used_resources", "active", "user", "tasks", "offers"],
        ),
        ("\"tasks\":[", &["id", "name", "framework_id", "state", "role", "statuses", "labels"]),
        ("\"executors\":[", &["executor_id", "name", "command", "resources", "type", "slave_id"]),
    ] {
        for text in [&text, &recorded] {
            let start = text.find(from).unwrap();
            let places: Vec<_> =
                keys.iter().map(|key| text[start..].find(&format!("\"{key}\":"))).collect();
            assert!(places.iter().all(Option::is_some), "{from} {places:?}");
            assert!(places.is_sorted(), "{from} {places:?}");
        }
    }
}

#[test]
fn parts_of_the_state_have_mesos_s_fields() {
    let cluster = cluster();
    for (path, name) in
        [("/slaves", "slaves"), ("/state-summary", "state-summary"), ("/roles", "roles")]
    {
        let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
        let shown = cluster.master.get(path).json();
        let recorded = golden(name);
        shape(&shown, "", &mut ours);
        shape(&recorded, "", &mut theirs);
        assert_eq!(ours, theirs, "{path}");
    }
    let master = &cluster.master;
    let frameworks = master.get(&format!("/frameworks?framework_id={}", cluster.framework)).json();
    assert_eq!(frameworks["frameworks"][0]["tasks"][0]["id"], "x");
    let nobody = master.get("/frameworks?framework_id=nosuch").json();
    let empty = json!({
        "frameworks": [], "completed_frameworks": [], "unregistered_frameworks": []
    });
    assert_eq!(nobody, empty);
    let nobody = master.get("/slaves?slave_id=nosuch").json();
    assert_eq!(nobody, json!({"slaves": [], "recovered_slaves": []}));
    assert_eq!(master.get("/tasks").json()["tasks"][0]["state"], "TASK_RUNNING");
    assert_eq!(master.get("/tasks?limit=0").json(), json!({"tasks": []}));
    assert_eq!(master.get("/tasks?task_id=nosuch").json(), json!({"tasks": []}));
}

#[test]
fn small_endpoints_answer_as_ever() {
    let flags = BTreeMap::from([("port".to_owned(), "5050".to_owned())]);
    let master = TestMaster::with(master::Config { flags, ..quick() });
    let health = master.get("/health");
    assert_eq!((health.status, health.text()), (200, String::new()));
    let version = master.get("/version").json();
    assert_eq!(version["version"], "1.11.0");
    assert!(version["product_version"].is_string());
    let recorded = golden("version");
    for key in recorded.as_object().unwrap().keys().filter(|key| *key != "git_sha") {
        assert!(!version[key].is_null(), "{key}");
    }
    assert_eq!(master.get("/flags").json(), json!({"flags": {"port": "5050"}}));
    for path in [
        "/master/flags",
        "/master/health",
        "/master/state",
        "/state.json",
        "/master/state.json",
        "/state/",
        "/master/version",
        "/help/master",
    ] {
        assert_eq!(master.get(path).status, 200, "{path}");
    }
    let redirect = master.get("/redirect");
    assert_eq!(redirect.status, 307);
    let here = format!("//127.0.0.1:{}", master.address().port());
    assert_eq!(redirect.header("Location"), Some(&*here));
    assert_eq!(master.get("/redirect/redirect").status, 404);
    let jsonp = master.get("/state?jsonp=cb");
    assert_eq!(jsonp.header("Content-Type"), Some("text/javascript"));
    assert!(jsonp.text().starts_with("cb({\"version\":"), "{}", jsonp.text());
    assert!(jsonp.text().ends_with("})"));
    assert_eq!(master.get("/nonexistent").status, 404);
}

#[test]
fn an_operator_tears_a_framework_down() {
    let cluster = cluster();
    let master = &cluster.master;
    let teardown = |body: &str| {
        let answer = post(master.address(), "/master/teardown", &[], body.as_bytes());
        (answer.status, answer.text())
    };
    let missing = "Missing 'frameworkId' query parameter in the request body";
    assert_eq!(teardown(""), (400, missing.to_owned()));
    let unknown = "No framework found with specified ID";
    assert_eq!(teardown("frameworkId=nosuch"), (400, unknown.to_owned()));
    assert_eq!(master.get("/teardown").status, 405);
    assert_eq!(teardown(&format!("frameworkId={}", cluster.framework)).0, 200);
    assert_eq!(master.state()["completed_frameworks"][0]["id"], *cluster.framework);
}

#[test]
fn operators_read_over_v1() {
    let cluster = cluster();
    let get = |kind: &str| {
        let answer = cluster.master.operate(&json!({"type": kind})).json();
        assert_eq!(answer["type"], kind);
        answer[kind.to_ascii_lowercase()].clone()
    };
    assert_eq!(get("GET_HEALTH"), json!({"healthy": true}));
    assert_eq!(get("GET_VERSION")["version_info"]["version"], "1.11.0");
    assert_eq!(get("GET_MASTER")["master_info"]["ip"], 16_777_343);
    assert_eq!(get("GET_AGENTS")["agents"][0]["active"], true);
    assert_eq!(get("GET_TASKS")["tasks"][0]["task_id"]["value"], "x");
    let executors = get("GET_EXECUTORS");
    assert_eq!(executors["executors"][0]["executor_info"]["executor_id"]["value"], "e");
    let frameworks = get("GET_FRAMEWORKS");
    assert_eq!(frameworks["frameworks"][0]["framework_info"]["name"], "golden");
    assert_eq!(frameworks["frameworks"][0]["offers"][0]["hostname"], "127.0.0.1");
    assert_eq!(get("GET_ROLES")["roles"][0]["name"], "r1");
    let state = get("GET_STATE");
    assert_eq!(state["get_agents"], get("GET_AGENTS"));
    assert_eq!(get("GET_WEIGHTS"), Value::Null);
    get("GET_FLAGS");
    let metrics = json!({"type": "GET_METRICS", "get_metrics": {}});
    let metrics = cluster.master.operate(&metrics).json();
    let metrics = metrics["get_metrics"]["metrics"].as_array().unwrap().clone();
    let value =
        |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap()["value"].clone();
    assert_eq!(value("master/tasks_running"), 1.0);
    assert_eq!(value("master/cpus_total"), 4.0);
    assert_eq!(value("master/elected"), 1.0);
    assert_eq!(value("master/messages_register_slave"), 1.0);
    let metrics = cluster.master.get("/metrics").text();
    assert!(metrics.contains("mesos_master_tasks_running 1"), "{metrics}");
}

/// An election that somebody else has won, or nobody.
struct Lost(Option<MasterInfo>);

impl Election for Lost {
    fn enter(&mut self, _: &MasterInfo, announce: Announce) {
        announce(self.0.clone());
    }
}

#[test]
fn a_standby_redirects_and_one_without_a_leader_is_unavailable() {
    let start = |leader| {
        let delegate = Some(master::PROCESS_ID.to_owned());
        let node = NodeConfig { delegate, workers: 1, ..NodeConfig::default() };
        let node = Node::start(node).unwrap();
        let handle = master::start::start_with(&node, quick(), Box::new(Lost(leader))).unwrap();
        (node, handle)
    };
    let leader = MasterInfo {
        id: "other".to_owned(),
        hostname: Some("leader.example".to_owned()),
        port: 5051,
        ..MasterInfo::default()
    };
    let (node, handle) = start(Some(leader));
    for (path, location) in [
        ("/state", "//leader.example:5051/master/state"),
        ("/master/tasks?limit=3", "//leader.example:5051/master/tasks?limit=3"),
        ("/api/v1/scheduler", "//leader.example:5051/master/api/v1/scheduler"),
        ("/redirect", "//leader.example:5051"),
    ] {
        let answer = common::get(handle.address(), path);
        assert_eq!(answer.status, 307, "{path}");
        assert_eq!(answer.header("Location"), Some(location));
    }
    for path in ["/health", "/version", "/flags", "/metrics/snapshot"] {
        assert_eq!(common::get(handle.address(), path).status, 200, "{path}");
    }
    handle.stop();
    node.shutdown();

    let (node, handle) = start(None);
    let answer = common::get(handle.address(), "/state");
    assert_eq!((answer.status, answer.text()), (503, "No leader elected".to_owned()));
    assert_eq!(common::get(handle.address(), "/redirect").status, 503);
    handle.stop();
    node.shutdown();
}

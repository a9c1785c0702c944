//! The agent's operator API: what it knows, in JSON and in MessagePack.

use libprocess::http::client::Client;
use mesos::v1::agent::{Call, CallType, Response};
use mesos::{json, msgpack};
use mesos_framework::TaskState;
use serde_json::{Value, json};

use crate::containers::{block_on, call};
use crate::daemons::{Cluster, PATIENCE, get_json, wait_for};
use crate::recorder::{Session, durable, shell};

fn answer(cluster: &Cluster, kind: &str) -> Value {
    let answer = call(cluster, kind, Value::Null);
    assert_eq!(answer.status.as_u16(), 200, "{kind}: {}", answer.text());
    let answer: Value = answer.json().expect("JSON");
    assert_eq!(answer["type"], kind);
    answer[kind.to_ascii_lowercase()].clone()
}

/// A cluster that runs one task, `t`.
fn running() -> (Cluster, Session) {
    let cluster = Cluster::start(1);
    let tasks = [shell("t", "echo in the sandbox; sleep 1000")];
    let session = Session::start(durable("reader"), &cluster.address(), tasks);
    session.record.wait_for("t", TaskState::Running);
    (cluster, session)
}

#[test]
fn every_getter_answers_as_mesos_does() {
    let (cluster, session) = running();
    assert_eq!(answer(&cluster, "GET_HEALTH"), json!({"healthy": true}));
    assert_eq!(answer(&cluster, "GET_LOGGING_LEVEL"), json!({"level": 0}));
    assert_eq!(answer(&cluster, "GET_OPERATIONS"), json!({}));
    assert_eq!(answer(&cluster, "GET_RESOURCE_PROVIDERS"), json!({}));
    assert_eq!(answer(&cluster, "GET_VERSION")["version_info"]["version"], "1.11.0");
    let flags = answer(&cluster, "GET_FLAGS")["flags"].clone();
    let has =
        |name: &str| flags.as_array().is_some_and(|all| all.iter().any(|f| f["name"] == name));
    assert!(has("work_dir") && has("resources"), "{flags}");
    let agent = answer(&cluster, "GET_AGENT")["agent_info"].clone();
    assert_eq!(
        (&agent["hostname"], &agent["resources"][0]["name"]),
        (&json!("127.0.0.1"), &json!("cpus"))
    );
    let tasks = answer(&cluster, "GET_TASKS");
    assert_eq!(tasks["launched_tasks"][0]["task_id"], json!({"value": "t"}));
    for none in ["pending_tasks", "queued_tasks", "terminated_tasks", "completed_tasks"] {
        assert_eq!(tasks[none], json!([]), "{none} is there without any");
    }
    let executors = answer(&cluster, "GET_EXECUTORS");
    assert_eq!(executors["executors"][0]["executor_info"]["executor_id"], json!({"value": "t"}));
    assert_eq!(executors["completed_executors"], json!([]));
    let command = &executors["executors"][0]["executor_info"]["command"];
    assert_eq!(command["arguments"], json!(["mesos-executor"]));
    let frameworks = answer(&cluster, "GET_FRAMEWORKS");
    assert_eq!(frameworks["frameworks"][0]["framework_info"]["name"], "reader");
    let state = answer(&cluster, "GET_STATE");
    assert_eq!(state["get_executors"], executors);
    assert_eq!(state["get_frameworks"], frameworks);
    session.finish();
}

#[test]
fn containers_are_shown_with_what_they_use() {
    let (cluster, session) = running();
    let entry = answer(&cluster, "GET_CONTAINERS")["containers"][0].clone();
    assert_eq!(entry["executor_id"], json!({"value": "t"}));
    assert!(entry["container_status"]["executor_pid"].as_u64().is_some_and(|pid| pid > 1));
    let statistics = &entry["resource_statistics"];
    assert!(statistics["mem_rss_bytes"].as_u64().is_some_and(|octets| octets > 100_000));
    assert_eq!(statistics["mem_limit_bytes"], 64 * 1024 * 1024, "32 MB and the executor's");
    let url = |path: &str| format!("http://{}{path}", cluster.agent_address(0));
    let legacy = get_json(&url("/containers")).expect("it answers");
    assert_eq!(legacy[0]["container_id"], entry["container_id"]["value"]);
    assert_eq!(legacy[0]["executor_id"], "t");
    let none = get_json(&url("/containers?container_id=nosuch")).expect("it answers");
    assert_eq!(none, json!([]));
    let odd = url("/containers?container_id=a&framework_id=b");
    let odd = block_on(Client::new().get(&odd).send()).expect("it answers");
    assert_eq!(odd.status.as_u16(), 400);
    let used = get_json(&url("/slave(1)/monitor/statistics")).expect("it answers");
    assert_eq!(used[0]["executor_id"], "t");
    assert_eq!(used[0]["container_id"], Value::Null);
    session.finish();
}

#[test]
fn calls_and_answers_may_be_msgpack() {
    let cluster = Cluster::start(1);
    let ask = |kind: CallType, accept: &str| {
        let call = Call { r#type: Some(kind), ..Call::default() };
        let url = format!("http://{}/api/v1", cluster.agent_address(0));
        let request = Client::new()
            .post(&url)
            .header("Accept", accept)
            .body("application/msgpack", msgpack::to_vec(&call));
        block_on(request.timeout(PATIENCE).send()).expect("the agent answers")
    };
    wait_for("the agent has its id", || {
        answer(&cluster, "GET_AGENT")["agent_info"]["id"].is_object().then_some(())
    });
    let packed = ask(CallType::GetAgent, "application/msgpack");
    assert_eq!(packed.header("content-type"), Some("application/msgpack"));
    let packed: Response = msgpack::from_slice(&packed.body).expect("MessagePack");
    let plain = ask(CallType::GetAgent, "application/json");
    let plain: Response = json::from_slice(&plain.body, "Response").expect("JSON");
    assert_eq!(packed, plain);
    assert!(packed.get_agent.and_then(|body| body.agent_info).is_some());
}

#[test]
fn files_of_sandboxes_are_listed_and_read() {
    let (cluster, session) = running();
    let framework =
        answer(&cluster, "GET_FRAMEWORKS")["frameworks"][0]["framework_info"]["id"]["value"]
            .as_str()
            .expect("an id")
            .to_owned();
    let sandbox = format!("/frameworks/{framework}/executors/t/runs/latest");
    let list = call(&cluster, "LIST_FILES", json!({"path": sandbox})).json::<Value>();
    let files = list.expect("JSON")["list_files"]["file_infos"].clone();
    let names: Vec<&str> =
        files.as_array().into_iter().flatten().filter_map(|file| file["path"].as_str()).collect();
    assert!(names.contains(&format!("{sandbox}/stdout").as_str()), "{names:?}");
    let read = wait_for("the task writes", || {
        let body = json!({"path": format!("{sandbox}/stdout"), "offset": 3, "length": 3});
        let read = call(&cluster, "READ_FILE", body).json::<Value>().ok()?["read_file"].clone();
        (read["data"] == "dGhl").then_some(read)
    });
    assert_eq!(read["size"], "in the sandbox\n".len());
    let outside = json!({"path": format!("{sandbox}/../../../../.."), "offset": 0});
    assert_eq!(call(&cluster, "READ_FILE", outside).status.as_u16(), 404);
    session.finish();
}

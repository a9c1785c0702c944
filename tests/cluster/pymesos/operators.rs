//! pymesos's clients of the operator API.

use serde_json::{Value, json};

use super::client::Client;
use super::scheduler::{Scheduler, held, let_go};
use crate::daemons::{Cluster, get_json, wait_for};

/// Every getter answers with its own type.
fn assert_getters(client: &mut Client, getters: &[(&str, Value)]) {
    for (name, arguments) in getters {
        let answer = client.call(name, arguments.clone());
        // getState is answered by GET_STATE.
        let mut kind = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() {
                kind.push('_');
            }
            kind.push(letter.to_ascii_uppercase());
        }
        assert_eq!(answer["type"], kind, "{answer}");
    }
}

#[test]
fn a_master_answers() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "observed");
    scheduler.launch([held(&cluster, "t")]);
    scheduler.wait_for("t", "TASK_RUNNING");
    let mut client =
        Client::start(&cluster, "operators.py", &["master".to_owned(), cluster.address()]);
    let mut getters: Vec<(&str, Value)> = [
        "getHealth",
        "getFlags",
        "getVersion",
        "getLoggingLevel",
        "getState",
        "getFrameworks",
        "getExecutors",
        "getTasks",
        "getAgents",
        "getRoles",
        "getWeights",
        "getMaster",
        "getMaintenanceStatus",
        "getMaintenanceSchedule",
        "getQuota",
    ]
    .map(|name| (name, json!([])))
    .into();
    getters.push(("getMetrics", json!([1_000_000_000])));
    assert_getters(&mut client, &getters);
    let tasks = client.call("getTasks", json!([]));
    assert_eq!(tasks["get_tasks"]["tasks"][0]["task_id"]["value"], "t");
    let level = json!([1, 1_000_000_000]);
    assert_eq!(client.call("setLoggingLevel", level), json!({}));
    let missing = client.try_call("listFiles", json!(["/nowhere"])).expect_err("no such file");
    assert!(missing.contains("404"), "{missing}");
    let agents = client.call("getAgents", json!([]));
    let agent = agents["get_agents"]["agents"][0]["agent_info"]["id"]["value"].clone();
    // The agent is told, and leaves; what it ran is lost.
    client.call("markAgentGone", json!([agent]));
    scheduler.client.wait_for("slaveLost", |arguments| arguments[0]["value"] == agent);
    scheduler.wait_for("t", "TASK_LOST");
    scheduler.stop();
}

#[test]
fn a_master_tells_what_happens() {
    let flags = ["--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2"];
    let mut cluster = Cluster::start_with(1, &flags, &[]);
    let mut client =
        Client::start(&cluster, "operators.py", &["master".to_owned(), cluster.address()]);
    client.call("start", json!([]));
    let url = format!("http://{}/metrics/snapshot", cluster.address());
    wait_for("it listens", || {
        let count = get_json(&url)?["master/operator_event_stream_subscribers"].as_f64()?;
        (count == 1.0).then_some(())
    });
    let mut scheduler = Scheduler::start(&cluster, "observed");
    let id = scheduler.wait_registered();
    let added = client.wait_for("frameworkAdded", |_| true);
    assert_eq!(added[0]["framework_info"]["id"], id);
    scheduler.launch([held(&cluster, "t")]);
    scheduler.wait_for("t", "TASK_RUNNING");
    let task = client.wait_for("taskAdded", |_| true)[0].clone();
    assert_eq!((&task["task_id"]["value"], &task["state"]), (&json!("t"), &json!("TASK_STAGING")));
    let is_running = |update: &[Value]| update[0]["state"] == "TASK_RUNNING";
    let update = client.wait_for("taskUpdated", is_running)[0].clone();
    assert_eq!(update["framework_id"], id);
    let_go(&cluster, "t");
    client.wait_for("taskUpdated", |update| update[0]["state"] == "TASK_FINISHED");

    // An agent stays away until it is given up, and comes back.
    cluster.agents[0].take().expect("it runs").kill();
    let gone = client.wait_for("agentRemoved", |_| true);
    assert_eq!(gone[0], task["agent_id"]["value"]);
    cluster.start_agent(0);
    let back = client.wait_for("agentAdded", |_| true);
    assert_eq!(back[0]["agent_info"]["id"], task["agent_id"]);
    scheduler.stop();
    let removed = client.wait_for("frameworkRemoved", |_| true);
    assert_eq!(removed[0]["name"], "observed");
}

#[test]
fn an_agent_answers() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "observed");
    scheduler.launch([held(&cluster, "t")]);
    let running = scheduler.wait_for("t", "TASK_RUNNING");
    let container = &running["container_status"]["container_id"]["value"];
    let mut client =
        Client::start(&cluster, "operators.py", &["agent".to_owned(), cluster.agent_address(0)]);
    let mut getters: Vec<(&str, Value)> = [
        "getHealth",
        "getFlags",
        "getVersion",
        "getLoggingLevel",
        "getState",
        "getFrameworks",
        "getExecutors",
        "getTasks",
    ]
    .map(|name| (name, json!([])))
    .into();
    getters.push(("getMetrics", json!([1_000_000_000])));
    getters.push(("getContainers", json!([true, true])));
    assert_getters(&mut client, &getters);
    let containers = client.call("getContainers", json!([]));
    let found = &containers["get_containers"]["containers"][0];
    assert_eq!(found["container_id"]["value"], *container);
    assert_eq!(found["executor_id"]["value"], "t");

    // The sandbox of the task, as far as it is told.
    let executors = client.call("getState", json!([]))["get_state"]["get_executors"].take();
    let info = &executors["executors"][0]["executor_info"];
    let path = format!(
        "/frameworks/{}/executors/{}/runs/latest",
        info["framework_id"]["value"].as_str().expect("an id"),
        info["executor_id"]["value"].as_str().expect("an id")
    );
    let listed = client.call("listFiles", json!([path]));
    let files = listed["list_files"]["file_infos"].as_array().expect("a list");
    assert!(files.iter().any(|file| file["path"] == format!("{path}/stdout")), "{files:?}");
    let read = client.call("readFile", json!([format!("{path}/stdout"), 100, 0]));
    assert_eq!(read["type"], "READ_FILE");

    // A container below the task's, from its launch to its removal.
    let id = json!({"value": "below", "parent": {"value": container}});
    let command = json!({"value": "exit 3"});
    client.call("launchNestedContainer", json!([{"container_id": id, "command": command}]));
    client.call("waitNestedContainer", json!(["below", container]));
    client.call("removeNestedContainer", json!(["below", container]));
    let gone = client.try_call("waitNestedContainer", json!(["below", container]));
    assert!(gone.is_err_and(|text| text.contains("404")), "it is no more");
    scheduler.stop();
}

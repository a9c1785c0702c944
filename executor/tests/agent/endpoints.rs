//! What the agent's endpoints show of a task.

use std::fs;

use mesos::task::TaskState::{Finished, Running, Starting};
use serde_json::json;

use crate::support::{Cluster, task};

/// The keys that a real agent writes, at the top and below.
const STATE: &[&str] = &[
    "version",
    "start_time",
    "id",
    "pid",
    "hostname",
    "capabilities",
    "resources",
    "reserved_resources",
    "unreserved_resources",
    "reserved_resources_full",
    "unreserved_resources_full",
    "reserved_resources_allocated",
    "unreserved_resources_allocated",
    "resource_providers",
    "attributes",
    "master_hostname",
    "flags",
    "frameworks",
    "completed_frameworks",
];
const FRAMEWORK: &[&str] = &[
    "id",
    "name",
    "user",
    "failover_timeout",
    "checkpoint",
    "hostname",
    "role",
    "executors",
    "completed_executors",
];
const EXECUTOR: &[&str] = &[
    "id",
    "name",
    "source",
    "container",
    "directory",
    "resources",
    "tasks",
    "queued_tasks",
    "completed_tasks",
];
const TASK: &[&str] =
    &["id", "name", "framework_id", "executor_id", "slave_id", "state", "resources", "statuses"];

fn expect_keys(value: &serde_json::Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no {key} in {value}");
    }
}

#[test]
fn the_state_has_the_shape_that_clients_know() {
    let cluster = Cluster::start();
    cluster.launch(task("long", "sleep 1000"));
    cluster.expect(&[Starting, Running]);
    for target in ["/state", "/slave(1)/state", "/slave%281%29/state.json", "/state.json/"] {
        let (status, state) = cluster.get(target);
        assert_eq!(status, 200, "{target}");
        assert_eq!(state["id"], "agent-S0");
        expect_keys(&state, STATE);
        let framework = &state["frameworks"][0];
        expect_keys(framework, FRAMEWORK);
        let executor = &framework["executors"][0];
        expect_keys(executor, EXECUTOR);
        assert_eq!(executor["directory"], cluster.sandbox("long").to_str().unwrap());
        assert_eq!(executor["resources"]["cpus"], 0.2);
        assert_eq!(executor["resources"]["mem"], 64.0);
        let task = &executor["tasks"][0];
        expect_keys(task, TASK);
        assert_eq!(task["state"], "TASK_RUNNING");
        assert_eq!(task["executor_id"], "");
        assert_eq!(task["statuses"][1]["state"], "TASK_RUNNING");
    }
}

#[test]
fn small_endpoints_answer() {
    let cluster = Cluster::start();
    assert_eq!(cluster.get("/health").0, 200);
    assert_eq!(cluster.get("/slave(1)/health").0, 200);
    assert_eq!(cluster.get("/version").1["version"], "1.11.0");
    assert!(cluster.get("/flags").1["flags"].is_object());
    let (status, metrics) = cluster.get("/metrics/snapshot");
    assert_eq!(status, 200);
    assert_eq!(metrics["slave/registered"], 1.0);
    assert_eq!(metrics["slave/cpus_total"], 4.0);
    assert_eq!(metrics["slave/tasks_finished"], 0.0);
}

#[test]
fn a_sandbox_can_be_read_by_all_of_its_names() {
    let cluster = Cluster::start();
    cluster.launch(task("hello", "printf 'one\\ntwo\\n'"));
    cluster.expect(&[Starting, Running, Finished]);
    let framework = cluster.framework.id.clone().unwrap();
    let sandbox = cluster.sandbox("hello");
    let latest = sandbox.parent().unwrap().join("latest");
    let shown = format!("/frameworks/{framework}/executors/hello/runs/latest");
    for name in [sandbox.to_str().unwrap(), latest.to_str().unwrap(), &shown] {
        let (status, part) = cluster.get(&format!("/files/read?path={name}/stdout&offset=4"));
        assert_eq!((status, part), (200, json!({"data": "two\n", "offset": 4})), "{name}");
        let (status, list) = cluster.get(&format!("/files/browse?path={name}/"));
        assert_eq!(status, 200, "{name}");
        let names: Vec<&str> =
            list.as_array().unwrap().iter().filter_map(|entry| entry["path"].as_str()).collect();
        assert_eq!(names, [format!("{name}/stderr"), format!("{name}/stdout")]);
        assert_eq!(list[1]["mode"], "-rw-r--r--");
        assert_eq!(list[1]["size"], 8);
    }
    let (_, size) = cluster.get(&format!("/files/read?path={shown}/stdout"));
    assert_eq!(size, json!({"data": "", "offset": 8}));
    let (_, some) = cluster.get(&format!("/files/read.json?path={shown}/stdout&offset=0&length=3"));
    assert_eq!(some, json!({"data": "one", "offset": 0}));
    assert_eq!(cluster.get(&format!("/files/download?path={shown}/stdout")).0, 200);
}

#[test]
fn nothing_outside_a_sandbox_can_be_read() {
    let cluster = Cluster::start();
    let secret = cluster.dir.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let line = format!("ln -s {0} link; ln -s / root; echo x > own", secret.display());
    cluster.launch(task("sly", &line));
    cluster.expect(&[Starting, Running, Finished]);
    let sandbox = cluster.sandbox("sly");
    let sandbox = sandbox.to_str().unwrap();
    assert_eq!(cluster.get(&format!("/files/read?path={sandbox}/own")).0, 200);
    let up = "../".repeat(9);
    for path in [
        format!("{sandbox}/link"),
        format!("{sandbox}/root/etc/passwd"),
        format!("{sandbox}/{up}secret"),
        format!("{sandbox}/../../../../../../../../../secret"),
        format!("/frameworks/{}", "../".repeat(20)),
        secret.to_str().unwrap().to_owned(),
        "/etc/passwd".to_owned(),
        format!("{sandbox}/missing"),
        format!("{sandbox}x"),
    ] {
        for endpoint in ["read", "download", "browse"] {
            let (status, body) = cluster.get(&format!("/files/{endpoint}?path={path}&offset=0"));
            assert_eq!(status, 404, "{endpoint} {path}: {body}");
        }
    }
    assert_eq!(cluster.get(&format!("/files/browse?path={sandbox}/root")).0, 404);
    assert_eq!(cluster.get("/files/read").0, 400);
    assert_eq!(cluster.get("/files/browse").0, 400);
}

//! Nested and standalone containers by way of the agent's operator API: real processes, and
//! `kill -9` of the agent under them.

use std::fs;
use std::time::Duration;

use libprocess::http::client::{Client, Received};
use mesos_framework::TaskState;
use serde_json::{Value, json};

use crate::daemons::{Cluster, PATIENCE, wait_for};
use crate::recorder::{Session, durable, shell};

/// A task that runs for as long as its test, and the agent that it runs on.
struct Below {
    cluster: Cluster,
    session: Session,
    root: Value,
}

impl Below {
    fn start() -> Self {
        let cluster = Cluster::start(1);
        let tasks = [shell("t", "sleep 1000")];
        let session = Session::start(durable("nested"), &cluster.address(), tasks);
        let status = session.record.wait_for("t", TaskState::Running).container_status;
        let id = status.and_then(|status| status.container_id).expect("it has a container");
        Self { cluster, session, root: json!({"value": id.value}) }
    }

    fn nested(&self, value: &str) -> Value {
        json!({"value": value, "parent": self.root})
    }

    fn launch(&self, id: &Value, command: &str) -> Received {
        launch(&self.cluster, id, command)
    }

    /// The sandbox of a container directly below the task's.
    fn sandbox(&self, value: &str) -> std::path::PathBuf {
        let list = call(&self.cluster, "GET_CONTAINERS", Value::Null).json::<Value>();
        let entry = list.expect("JSON")["get_containers"]["containers"][0].clone();
        let text = |field: &str| entry[field]["value"].as_str().expect("an id").to_owned();
        let agents = fs::read_dir(self.cluster.folder().join("agent-0/slaves")).expect("agents");
        let agent = agents.flatten().next().expect("one agent").path();
        agent
            .join(format!("frameworks/{}/executors/{}", text("framework_id"), text("executor_id")))
            .join(format!("runs/{}/containers/{value}", text("container_id")))
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Puts a call to the first agent; the body has the name of the call.
pub fn call(cluster: &Cluster, kind: &str, body: Value) -> Received {
    try_call(cluster, kind, body).expect("the agent answers")
}

/// As [`call`], of an agent that may not be there.
fn try_call(cluster: &Cluster, kind: &str, body: Value) -> Option<Received> {
    let mut call = json!({"type": kind});
    if !body.is_null() {
        call[kind.to_ascii_lowercase()] = body;
    }
    let url = format!("http://{}/api/v1", cluster.agent_address(0));
    let request = Client::new().post(&url).body("application/json", call.to_string());
    block_on(request.timeout(PATIENCE).send()).ok()
}

fn launch(cluster: &Cluster, id: &Value, command: &str) -> Received {
    let body = json!({"container_id": id, "command": {"value": command}});
    call(cluster, "LAUNCH_CONTAINER", body)
}

fn about(cluster: &Cluster, kind: &str, id: &Value) -> Received {
    call(cluster, kind, json!({"container_id": id}))
}

fn wait(cluster: &Cluster, id: &Value) -> Value {
    let answer = about(cluster, "WAIT_CONTAINER", id);
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.json::<Value>().expect("JSON")["wait_container"]["exit_status"].clone()
}

/// How many processes a container has.
fn processes(cluster: &Cluster, value: &str) -> usize {
    let mark = format!("/containers/{value}\0");
    let of = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mark)
    };
    cluster.task_processes().iter().filter(|pid| of(pid)).count()
}

fn wait_for_no_process(cluster: &Cluster, value: &str) {
    wait_for(&format!("nothing of {value} is left"), || {
        (processes(cluster, value) == 0).then_some(())
    });
}

/// Waits until a process has written something.
fn wait_for_file(path: &std::path::Path, text: &str) {
    wait_for(&format!("{} holds {text:?}", path.display()), || {
        (fs::read_to_string(path).ok()? == text).then_some(())
    });
}

#[test]
fn a_check_runs_below_a_task() {
    let below = Below::start();
    let (cluster, id) = (&below.cluster, below.nested("check"));
    let body = json!({"container_id": id, "command": {
        "value": "echo $MESOS_SANDBOX $A; echo oops >&2; exit 4",
        "environment": {"variables": [{"name": "A", "value": "b"}]},
    }});
    let launched = call(cluster, "LAUNCH_NESTED_CONTAINER", body);
    assert_eq!(launched.status.as_u16(), 200, "{}", launched.text());
    let ended = about(cluster, "WAIT_NESTED_CONTAINER", &id);
    assert_eq!(
        ended.text(),
        r#"{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":1024}}"#
    );
    let sandbox = below.sandbox("check");
    wait_for_file(&sandbox.join("stdout"), &format!("{} b\n", sandbox.display()));
    wait_for_file(&sandbox.join("stderr"), "oops\n");
    // Its end is remembered until it is removed.
    assert_eq!(wait(cluster, &id), 1024);
    let removed = about(cluster, "REMOVE_NESTED_CONTAINER", &id);
    assert_eq!(removed.status.as_u16(), 200, "{}", removed.text());
    assert!(!sandbox.exists());
    assert_eq!(about(cluster, "WAIT_CONTAINER", &id).status.as_u16(), 404);
    below.session.finish();
}

#[test]
fn limits_and_volumes_reach_the_command() {
    let below = Below::start();
    let (cluster, id) = (&below.cluster, below.nested("n"));
    let body = json!({
        "container_id": id,
        "command": {"shell": false, "value": "/bin/sh", "arguments": [
            "check", "-c", "ulimit -n; echo $0 > shared/name",
        ]},
        "container": {
            "type": "MESOS",
            "rlimit_info": {"rlimits": [{"type": "RLMT_NOFILE", "soft": 77, "hard": 99}]},
            "volumes": [{"mode": "RW", "container_path": "shared", "source": {
                "type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "theirs"},
            }}],
        },
    });
    let launched = call(cluster, "LAUNCH_NESTED_CONTAINER", body);
    assert_eq!(launched.status.as_u16(), 200, "{}", launched.text());
    assert_eq!(wait(cluster, &id), 0);
    let sandbox = below.sandbox("n");
    wait_for_file(&sandbox.join("stdout"), "77\n");
    let parent = sandbox.parent().and_then(std::path::Path::parent).expect("it is nested");
    wait_for_file(&parent.join("theirs/name"), "check\n");
    below.session.finish();
}

#[test]
fn a_container_without_a_command_ends_badly() {
    let cluster = Cluster::start(1);
    for (value, command) in
        [("none", json!({})), ("nosuch", json!({"shell": false, "value": "/x"}))]
    {
        let id = json!({"value": "n", "parent": {"value": value}});
        let root = json!({"value": value});
        assert_eq!(launch(&cluster, &root, "sleep 1000").status.as_u16(), 200);
        let body = json!({"container_id": id, "command": command});
        assert_eq!(call(&cluster, "LAUNCH_CONTAINER", body).status.as_u16(), 200);
        assert_eq!(wait(&cluster, &id), 256);
        assert_eq!(about(&cluster, "KILL_CONTAINER", &root).status.as_u16(), 200);
        wait_for_no_process(&cluster, value);
    }
}

#[test]
fn a_signal_ends_a_nested_container_with_all_it_started() {
    let below = Below::start();
    let (cluster, id) = (&below.cluster, below.nested("n"));
    let launched = below.launch(&id, "setsid sleep 1000 & echo up; exec sleep 1000");
    assert_eq!(launched.status.as_u16(), 200, "{}", launched.text());
    assert_eq!(below.launch(&id, "true").status.as_u16(), 202, "it runs already");
    wait_for_file(&below.sandbox("n").join("stdout"), "up\n");
    let killed = call(cluster, "KILL_NESTED_CONTAINER", json!({"container_id": id, "signal": 15}));
    assert_eq!(killed.status.as_u16(), 200, "{}", killed.text());
    assert_eq!(wait(cluster, &id), 15, "the wait status says which signal");
    assert_eq!(processes(cluster, "n"), 0, "nothing of it is left");
    // Without a signal it is SIGKILL, which the first process cannot pass on.
    let other = below.nested("other");
    below.launch(&other, "setsid sleep 1000 & sleep 1000");
    assert_eq!(about(cluster, "KILL_CONTAINER", &other).status.as_u16(), 200);
    assert_eq!(wait(cluster, &other), 9);
    wait_for_no_process(cluster, "other");
    assert_eq!(about(cluster, "KILL_CONTAINER", &other).status.as_u16(), 404);
    below.session.finish();
}

#[test]
fn a_nested_container_ends_with_those_above_it() {
    let below = Below::start();
    let (cluster, one) = (&below.cluster, below.nested("one"));
    let two = json!({"value": "two", "parent": one});
    for id in [&one, &two] {
        assert_eq!(below.launch(id, "sleep 1000").status.as_u16(), 200);
    }
    about(cluster, "KILL_CONTAINER", &one);
    assert_eq!(wait(cluster, &two), 9);
    assert_eq!(wait(cluster, &one), 9);
    let orphan = below.launch(&json!({"value": "three", "parent": one}), "true");
    assert_eq!(orphan.status.as_u16(), 400);
    assert!(orphan.text().ends_with(".one does not exist"), "{}", orphan.text());
    let last = below.nested("last");
    assert_eq!(below.launch(&last, "sleep 1000").status.as_u16(), 200);
    below.session.kill("t");
    below.session.record.wait_for("t", TaskState::Killed);
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    wait_for("no trace is left", || {
        let traces = cluster.folder().join("agent-0/runtime/containers");
        fs::read_dir(traces).map_or(true, |mut list| list.next().is_none()).then_some(())
    });
    assert_eq!(about(cluster, "WAIT_CONTAINER", &last).status.as_u16(), 404);
    below.session.finish();
}

#[test]
fn nested_containers_outlive_their_agent() {
    let mut below = Below::start();
    let (over, during, after) =
        (below.nested("over"), below.nested("during"), below.nested("after"));
    below.launch(&over, "exit 1");
    assert_eq!(wait(&below.cluster, &over), 256);
    let go = below.cluster.folder().join("go").display().to_string();
    let held =
        |number: u8| format!("while [ ! -e {go}-{number} ]; do sleep 0.05; done; exit {number}");
    below.launch(&during, &held(3));
    below.launch(&after, &held(5));
    let (_, sandbox) = (below.sandbox("during"), below.sandbox("after"));
    assert!(sandbox.join("stdout").is_file());
    wait_for("it runs", || (processes(&below.cluster, "after") > 1).then_some(()));
    below.cluster.agents[0].take().expect("it runs").kill();
    assert!(processes(&below.cluster, "after") > 1, "containers outlive their agent");
    fs::write(format!("{go}-3"), "").expect("the folder is there");
    let status = |value: &str| {
        let traces = below.cluster.folder().join("agent-0/runtime/containers");
        traces
            .join(below.root["value"].as_str().unwrap_or_default())
            .join(format!("containers/{value}/status"))
    };
    wait_for_file(&status("during"), "768");
    below.cluster.start_agent(0);
    below.cluster.wait_for_agents(1);
    assert_eq!(wait(&below.cluster, &over), 256);
    assert_eq!(wait(&below.cluster, &during), 768, "it ended while there was no agent");
    fs::write(format!("{go}-5"), "").expect("the folder is there");
    assert_eq!(wait(&below.cluster, &after), 1280, "the next agent did not start it");
    for id in [&over, &during, &after] {
        let removed = about(&below.cluster, "REMOVE_CONTAINER", id);
        assert_eq!(removed.status.as_u16(), 200, "{}", removed.text());
    }
    below.session.finish();
}

#[test]
fn a_container_stands_alone() {
    let mut cluster = Cluster::start(1);
    let id = json!({"value": "alone"});
    let go = cluster.folder().join("go");
    let command =
        format!("echo in $PWD; while [ ! -e {} ]; do sleep 0.05; done; exit 7", go.display());
    assert_eq!(launch(&cluster, &id, &command).status.as_u16(), 200);
    let sandbox = cluster.folder().join("agent-0/containers/alone");
    wait_for_file(&sandbox.join("stdout"), &format!("in {}\n", sandbox.display()));
    let shown = |cluster: &Cluster, standalone: bool| {
        let body = json!({"show_standalone": standalone});
        let list = try_call(cluster, "GET_CONTAINERS", body)?.json::<Value>().ok()?;
        // Without any there is no list either, as in Mesos.
        Some(list["get_containers"]["containers"].as_array().map_or(0, Vec::len))
    };
    assert_eq!((shown(&cluster, false), shown(&cluster, true)), (Some(0), Some(1)));
    cluster.agents[0].take().expect("it runs").kill();
    cluster.start_agent(0);
    wait_for("the agent is back", || (shown(&cluster, true)? == 1).then_some(()));
    let url = format!("http://{}/api/v1", cluster.agent_address(0));
    let body = json!({"type": "WAIT_CONTAINER", "wait_container": {"container_id": id}});
    let waiting = std::thread::spawn(move || {
        let request = Client::new().post(&url).body("application/json", body.to_string());
        block_on(request.timeout(PATIENCE).send()).expect("the agent answers").text()
    });
    fs::write(go, "").expect("the folder is there");
    let ended = waiting.join().expect("no panic");
    let expected = r#"{"type":"WAIT_CONTAINER","wait_container":{"exit_status":1792}}"#;
    // Whoever asks too late is told nothing of a container that stood alone.
    assert!(ended == expected || ended == "Container alone cannot be found", "{ended}");
    assert_eq!(shown(&cluster, true), Some(0));
}

#[test]
fn a_session_passes_its_output_on_and_ends_with_its_client() {
    let below = Below::start();
    let cluster = &below.cluster;
    let url = format!("http://{}/slave(1)/api/v1", cluster.agent_address(0));
    let open = |value: &str, command: &str| {
        let body = json!({"container_id": below.nested(value), "command": {"value": command}});
        let kind = "LAUNCH_NESTED_CONTAINER_SESSION";
        let call = json!({"type": kind, "launch_nested_container_session": body});
        Client::new()
            .post(&url)
            .body("application/json", call.to_string())
            .header("Accept", "application/recordio")
            .header("Message-Accept", "application/json")
            .timeout(PATIENCE)
            .stream()
    };
    let whole = block_on(async {
        let session = open("s1", "echo to-stdout; sleep 1; exit 4").await.expect("it opens");
        assert_eq!(session.header("content-type"), Some("application/recordio"));
        assert_eq!(session.header("message-content-type"), Some("application/json"));
        session.body.collect(1024).await.expect("it ends well")
    });
    let record = r#"{"type":"DATA","data":{"type":"STDOUT","data":"dG8tc3Rkb3V0Cg=="}}"#;
    let framed = format!("{}\n{record}", record.len());
    assert_eq!(String::from_utf8_lossy(&whole), framed);
    assert_eq!(wait(cluster, &below.nested("s1")), 1024);
    block_on(async {
        let session = open("s2", "echo up; exec sleep 1000").await.expect("it opens");
        let mut body = session.body;
        body.next().await.expect("something").expect("octets");
        drop(body);
    });
    assert_eq!(wait(cluster, &below.nested("s2")), 9, "its client has gone");
    wait_for_no_process(cluster, "s2");
    below.session.finish();
}

#[test]
fn a_session_dies_with_its_agent() {
    let mut below = Below::start();
    let url = format!("http://{}/api/v1", below.cluster.agent_address(0));
    let command = json!({"value": "setsid sleep 1000 & exec sleep 1000"});
    let body = json!({"container_id": below.nested("s"), "command": command});
    let kind = "LAUNCH_NESTED_CONTAINER_SESSION";
    let call = json!({"type": kind, "launch_nested_container_session": body}).to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let request = Client::new().post(&url).body("application/json", call);
    let session = runtime.block_on(request.timeout(PATIENCE).stream()).expect("it opens");
    wait_for("it runs", || (processes(&below.cluster, "s") > 2).then_some(()));
    below.cluster.agents[0].take().expect("it runs").kill();
    drop(session);
    wait_for_no_process(&below.cluster, "s");
    below.cluster.start_agent(0);
    below.cluster.wait_for_agents(1);
    below.session.finish();
}

#[test]
fn nobody_waits_for_ever_for_an_answer() {
    let below = Below::start();
    let id = below.nested("n");
    below.launch(&id, "sleep 1000");
    let url = format!("http://{}/api/v1", below.cluster.agent_address(0));
    let body = json!({"type": "WAIT_CONTAINER", "wait_container": {"container_id": id}});
    let request = Client::new().post(&url).body("application/json", body.to_string());
    // The client gives up; the agent goes on, and so does the container.
    assert!(block_on(request.timeout(Duration::from_millis(200)).send()).is_err());
    about(&below.cluster, "KILL_CONTAINER", &id);
    assert_eq!(wait(&below.cluster, &id), 9);
    below.session.finish();
}

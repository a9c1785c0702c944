//! The executor API over real sockets: the test plays the master and the executor.

mod support;

use mesos::internal::{AgentToMaster, FrameworkToExecutor, KillTask, ShutdownExecutor};
use mesos::task::TaskState;
use mesos::v1::executor::{Call, CallType, Event, EventType, Subscribe};
use serde_json::{Value, json};

use support::{Cluster, JSON, eventually, executor_call, update};

#[test]
fn a_session_from_subscription_to_shutdown() {
    let cluster = Cluster::start();
    cluster.launch("t1");
    cluster.await_container();
    let early = executor_call("UPDATE", "update", &update("t1", "TASK_RUNNING", 0));
    let answer = cluster.call(&early);
    assert_eq!((answer.status, answer.text()), (403, "Executor is not subscribed"));

    let mut stream = cluster.subscribe(json!([]), json!([]));
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), Some("application/json"));
    assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
    assert_eq!(stream.header("content-length"), None);
    let welcome = stream.event("SUBSCRIBED")["subscribed"].clone();
    assert_eq!(welcome["executor_info"]["executor_id"], json!({"value": "e1"}));
    assert_eq!(welcome["executor_info"]["data"], "ZXhlY3V0b3IgZGF0YQ==");
    assert_eq!(welcome["framework_info"]["id"], json!({"value": "framework-1"}));
    assert_eq!(welcome["agent_info"]["id"], json!({"value": "agent-S0"}));
    let container = welcome["container_id"].clone();
    assert_eq!(container.as_object().map(|id| id.len()), Some(1), "{container}");
    let launch = stream.event("LAUNCH")["launch"]["task"].clone();
    assert_eq!(
        (&launch["task_id"]["value"], &launch["data"]),
        (&json!("t1"), &json!("dGFzayBkYXRh"))
    );

    let answer = cluster.call(&executor_call("UPDATE", "update", &update("t1", "TASK_RUNNING", 1)));
    assert_eq!((answer.status, answer.header("content-length")), (202, Some("0")));
    let acknowledged = stream.event("ACKNOWLEDGED")["acknowledged"].clone();
    assert_eq!(acknowledged["uuid"], update("t1", "", 1)["status"]["uuid"]);
    let status = cluster.update().status;
    assert_eq!(status.state, TaskState::Running);
    let container_status = status.container_status.expect("the agent knows the container");
    assert_eq!(json!({"value": container_status.container_id.unwrap().value}), container);
    assert!(container_status.executor_pid.is_some());

    assert_eq!(
        cluster.call(&executor_call("MESSAGE", "message", &json!({"data": "aGk="}))).status,
        202
    );
    let data = cluster.hear(|message| match message {
        AgentToMaster::ExecutorToFramework(message) => Some(message.data),
        _ => None,
    });
    assert_eq!(data, "hi".into());
    assert_eq!(cluster.call(&executor_call("HEARTBEAT", "heartbeat", &json!({}))).status, 202);
    cluster.send(FrameworkToExecutor {
        framework_id: "framework-1".into(),
        executor_id: "e1".into(),
        data: "hi".into(),
        ..FrameworkToExecutor::default()
    });
    assert_eq!(stream.event("MESSAGE")["message"], json!({"data": "aGk="}));
    let (framework_id, task_id) = ("framework-1".into(), "t1".into());
    cluster.send(KillTask { framework_id, task_id, kill_policy: None });
    assert_eq!(stream.event("KILL")["kill"], json!({"task_id": {"value": "t1"}}));
    cluster.send(ShutdownExecutor {
        framework_id: Some("framework-1".into()),
        executor_id: Some("e1".into()),
    });
    assert_eq!(stream.event("SHUTDOWN"), json!({"type": "SHUTDOWN"}));
    // It does not end: the agent ends it after the grace period, and its task with it.
    let end = cluster.update().status;
    assert_eq!(
        (end.state, end.message.as_deref()),
        (TaskState::Failed, Some("Executor terminated"))
    );
    assert_eq!(stream.record(), None, "the stream ends with the container");
}

#[test]
fn requests_are_checked_before_calls() {
    let cluster = Cluster::start();
    let post = |headers: &[&str], body: &str| {
        let answer = cluster.post("/api/v1/executor", headers, body.as_bytes());
        (answer.status, answer.text().to_owned())
    };
    let get = cluster.request("GET", "/api/v1/executor", &[], b"");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    let subscribe = executor_call("SUBSCRIBE", "subscribe", &json!({})).to_string();
    let refused = |status, text: &str| (status, text.to_owned());
    assert_eq!(post(&[], &subscribe), refused(400, "Expecting 'Content-Type' to be present"));
    assert_eq!(post(&["Content-Type: text/plain"], &subscribe).0, 415);
    let html = [JSON, "Accept: text/html"];
    assert_eq!(post(&html, &subscribe).0, 406);
    let bare = executor_call("SUBSCRIBE", "other", &json!({})).to_string();
    let text = "Failed to validate Executor::Call: Expecting 'subscribe' to be present";
    assert_eq!(post(&html, &bare), refused(400, text));
    let text = "Failed to parse body into JSON: syntax error at line 1 near: x";
    assert_eq!(post(&[JSON], "{x"), refused(400, text));
    let text = "Failed to convert JSON into Call protobuf: \
                Missing required fields: executor_id, framework_id";
    assert_eq!(post(&[JSON], "{}"), refused(400, text));
    assert_eq!(post(&html, &update_without_uuid()).0, 400);
    assert_eq!(post(&[JSON], &subscribe), refused(400, "Framework cannot be found"));
    for path in ["/slave(1)/api/v1/executor", "/slave%281%29/api/v1/executor"] {
        assert_eq!(cluster.post(path, &[JSON], subscribe.as_bytes()).status, 400);
    }
}

fn update_without_uuid() -> String {
    let mut body = update("t1", "TASK_RUNNING", 0);
    body["status"]["uuid"] = Value::Null;
    executor_call("UPDATE", "update", &body).to_string()
}

#[test]
fn messagepack_says_the_same() {
    let cluster = Cluster::start();
    cluster.launch("t1");
    cluster.await_container();
    let call = Call {
        executor_id: "e1".into(),
        framework_id: "framework-1".into(),
        r#type: Some(CallType::Subscribe),
        subscribe: Some(Subscribe::default()),
        ..Call::default()
    };
    let headers = ["Content-Type: application/msgpack", "Accept: application/msgpack"];
    let body = mesos::msgpack::to_vec(&call);
    let mut stream = cluster.request("POST", "/api/v1/executor", &headers, &body);
    assert_eq!(stream.header("content-type"), Some("application/msgpack"));
    let mut next =
        || -> Event { mesos::msgpack::from_stranger(&stream.record().expect("an event")).unwrap() };
    let welcome = next();
    assert_eq!(welcome.r#type, Some(EventType::Subscribed));
    let executor = welcome.subscribed.expect("it has its body").executor_info;
    assert_eq!(executor.data, Some("executor data".into()));
    let task = next().launch.expect("a task").task;
    assert_eq!((task.task_id.as_str(), task.data), ("t1", Some("task data".into())));
}

#[test]
fn a_second_subscription_ends_the_first_stream() {
    let cluster = Cluster::start();
    cluster.launch("t1");
    cluster.await_container();
    let mut first = cluster.subscribe(json!([]), json!([]));
    first.event("SUBSCRIBED");
    let task = first.event("LAUNCH")["launch"]["task"].clone();
    let mut second = cluster.subscribe(json!([task]), json!([update("t1", "TASK_RUNNING", 1)]));
    second.event("SUBSCRIBED");
    second.event("ACKNOWLEDGED");
    assert_eq!(first.record(), None);
    assert_eq!(cluster.update().status.state, TaskState::Running);
    // A stream that breaks is noticed; what comes meanwhile waits for the next one.
    drop(second);
    cluster.await_state(|snapshot| snapshot.executors().all(|executor| executor.pid.is_none()));
    cluster.launch("t2");
    let mut third = cluster.subscribe(json!([]), json!([]));
    third.event("SUBSCRIBED");
    assert_eq!(third.event("LAUNCH")["launch"]["task"]["task_id"]["value"], "t2");
}

#[test]
fn an_executor_comes_back_to_the_next_agent() {
    let mut cluster = Cluster::start();
    cluster.launch("t1");
    cluster.await_container();
    let mut stream = cluster.subscribe(json!([]), json!([]));
    stream.event("SUBSCRIBED");
    stream.event("LAUNCH");
    cluster.call(&executor_call("UPDATE", "update", &update("t1", "TASK_RUNNING", 1)));
    stream.event("ACKNOWLEDGED");
    assert_eq!(cluster.update().status.state, TaskState::Running);
    cluster.kill_agent();
    assert_eq!(stream.record(), None);
    cluster.start_agent();
    let finished = executor_call("UPDATE", "update", &update("t1", "TASK_FINISHED", 2));
    let answer = cluster.call(&finished);
    assert_eq!((answer.status, answer.text()), (503, "Agent has not finished recovery"));
    let unacknowledged =
        json!([update("t1", "TASK_RUNNING", 1), update("t1", "TASK_FINISHED", 2),]);
    let mut stream = cluster.subscribe(json!([]), unacknowledged);
    stream.event("SUBSCRIBED");
    stream.event("ACKNOWLEDGED");
    stream.event("ACKNOWLEDGED");
    // The first update was acknowledged by the framework before: it is not told again.
    let status = loop {
        let status = cluster.update().status;
        // The agent may have been killed before it had written the acknowledgement down.
        if status.state != TaskState::Running {
            break status;
        }
    };
    assert_eq!(status.state, TaskState::Finished);
    cluster.launch("t2");
    assert_eq!(stream.event("LAUNCH")["launch"]["task"]["task_id"]["value"], "t2");
}

#[test]
fn an_executor_that_does_not_read_is_cut_off_and_counted() {
    let cluster = Cluster::with_stream_limit(256 * 1024);
    cluster.launch("t1");
    cluster.await_container();
    let mut stream = cluster.subscribe(json!([]), json!([]));
    stream.event("SUBSCRIBED");
    stream.event("LAUNCH");
    // The system takes a few megabytes; then the agent has to keep what is not read, and does not.
    let large = mesos::bytes::Bytes::from(vec![b'x'; 128 * 1024]);
    for _ in 0..400 {
        cluster.send(FrameworkToExecutor {
            framework_id: "framework-1".into(),
            executor_id: "e1".into(),
            data: large.clone(),
            ..FrameworkToExecutor::default()
        });
    }
    cluster.await_state(|snapshot| snapshot.executors().all(|executor| executor.pid.is_none()));
    eventually(|| cluster.metric("slave/executor_streams_cut") == Some(1.0));
    while stream.record().is_some() {}
    // It may come back, and goes on with its task.
    let answer = cluster.call(&executor_call("UPDATE", "update", &update("t1", "TASK_RUNNING", 1)));
    assert_eq!(answer.status, 202);
    let mut stream = cluster.subscribe(json!([]), json!([]));
    stream.event("SUBSCRIBED");
}

//! A scheduler's session over real sockets, with an agent that is a puppet.

mod common;

use common::{Events, Puppet, TestMaster, eventually, framework_info};
use mesos::internal::MasterToAgent;
use mesos::task::TaskState;
use mesos::{msgpack, v1};
use serde_json::{Value, json};

fn accept(framework: &Value, offer: &Value, task: &str) -> Value {
    json!({
        "type": "ACCEPT", "framework_id": framework,
        "accept": {
            "offer_ids": [offer["id"]],
            "filters": {"refuse_seconds": 0.0},
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{
                "name": task, "task_id": {"value": task}, "agent_id": offer["agent_id"],
                "command": {"value": "true"},
                "resources": [
                    {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0},
                     "allocation_info": {"role": "r1"}},
                    {"name": "mem", "type": "SCALAR", "scalar": {"value": 64},
                     "allocation_info": {"role": "r1"}}
                ]
            }]}}]
        }
    })
}

#[test]
fn a_task_from_offer_to_end() {
    let master = TestMaster::start();
    let agent = Puppet::registered(master.address());
    let mut events = master.subscribe(framework_info());
    assert_eq!(events.header("Content-Type"), Some("application/json"));
    assert_eq!(events.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(events.header("Content-Length"), None);
    let stream = events.stream_id();

    let subscribed = events.next_event().unwrap();
    assert_eq!(subscribed["type"], "SUBSCRIBED");
    let framework = subscribed["subscribed"]["framework_id"].clone();
    let info = &subscribed["subscribed"]["master_info"];
    assert_eq!(info["ip"], 16_777_343);
    assert_eq!(info["version"], "1.11.0");
    assert_eq!(subscribed["subscribed"]["heartbeat_interval_seconds"], 15.0);
    assert_eq!(events.next_event().unwrap()["type"], "HEARTBEAT");
    let offers = events.next_event().unwrap();
    assert_eq!(offers["type"], "OFFERS");
    let offer = &offers["offers"]["offers"][0];
    assert_eq!(offer["agent_id"]["value"], agent.id.as_str());

    let answer = master.call(&accept(&framework, offer, "t-é"), Some(&stream));
    assert_eq!((answer.status, answer.text()), (202, String::new()));
    let (framework_id, task) = agent.hear_task();
    assert_eq!(framework_id.as_str(), framework["value"].as_str().unwrap());
    for (state, name) in
        [(TaskState::Running, "TASK_RUNNING"), (TaskState::Finished, "TASK_FINISHED")]
    {
        agent.update(&framework_id, &task, state);
        let update = events.expect("UPDATE");
        let status = &update["update"]["status"];
        assert_eq!(status["state"], name);
        assert_eq!(status["task_id"]["value"], "t-é");
        let acknowledge = json!({
            "type": "ACKNOWLEDGE", "framework_id": framework,
            "acknowledge": {
                "agent_id": status["agent_id"], "task_id": status["task_id"],
                "uuid": status["uuid"]
            }
        });
        assert_eq!(master.call(&acknowledge, Some(&stream)).status, 202);
        agent.hear(|message| match message {
            MasterToAgent::StatusUpdateAcknowledgement(_) => Some(()),
            _ => None,
        });
    }
    let state = master.state();
    let shown = &state["frameworks"][0];
    assert_eq!(shown["completed_tasks"][0]["state"], "TASK_FINISHED");
    assert_eq!(shown["completed_tasks"][0]["executor_id"], "");

    let teardown = json!({"type": "TEARDOWN", "framework_id": framework});
    assert_eq!(master.call(&teardown, Some(&stream)).status, 202);
    while events.next_event().is_some() {}
    assert_eq!(master.state()["completed_frameworks"][0]["id"], framework["value"]);
}

#[test]
fn a_stream_may_be_msgpack() {
    let master = TestMaster::start();
    let _agent = Puppet::registered(master.address());
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": framework_info()}});
    let mut events = Events::open(master.address(), &call, "application/msgpack");
    assert_eq!(events.header("Content-Type"), Some("application/msgpack"));
    let mut next =
        || -> v1::scheduler::Event { msgpack::from_slice(&events.next_record().unwrap()).unwrap() };
    let subscribed = next().subscribed.unwrap();
    assert!(subscribed.master_info.is_some());
    assert_eq!(next().r#type, Some(v1::scheduler::EventType::Heartbeat));
    assert_eq!(next().offers.unwrap().offers.len(), 1);

    let revive = v1::scheduler::Call {
        r#type: Some(v1::scheduler::CallType::Revive),
        framework_id: Some(subscribed.framework_id),
        ..v1::scheduler::Call::default()
    };
    let stream = events.stream_id();
    let headers = [("Content-Type", "application/msgpack"), ("Mesos-Stream-Id", &stream)];
    let answer =
        common::post(master.address(), "/api/v1/scheduler", &headers, &msgpack::to_vec(&revive));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let answer = common::post(master.address(), "/api/v1/scheduler", &headers, b"\xc1nonsense");
    assert_eq!(answer.status, 400);
    assert!(answer.text().starts_with("Failed to parse body into Call: "), "{}", answer.text());
}

#[test]
fn msgpack_has_the_names_of_json_or_the_short_keys_that_were_asked_for() {
    for (media, keys) in [
        ("application/msgpack", ["\u{a8}agent_id", "\u{ac}framework_id"]),
        ("application/vnd.mesos.short+msgpack", ["\u{a1}a", "\u{a1}f"]),
    ] {
        let master = TestMaster::start();
        let _agent = Puppet::registered(master.address());
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": framework_info()}});
        let mut events = Events::open(master.address(), &call, media);
        assert_eq!(events.header("Content-Type"), Some(media));
        let offers = std::iter::from_fn(|| events.next_record()).nth(2).expect("OFFERS");
        let text: String = offers.iter().map(|octet| char::from(*octet)).collect();
        for key in keys {
            assert!(text.contains(key), "{media}: {key} in {text:?}");
        }
        let named = text.contains("\u{a8}agent_id");
        assert_eq!(named, media == "application/msgpack", "{text:?}");
    }
}

#[test]
fn a_connection_that_breaks_disconnects_its_framework() {
    let master = TestMaster::start();
    let mut info = framework_info();
    info["failover_timeout"] = json!(3600.0);
    let mut events = master.subscribe(info);
    events.expect("SUBSCRIBED");
    assert_eq!(master.state()["frameworks"][0]["connected"], true);
    drop(events);
    eventually("the framework is disconnected", || {
        master.state()["frameworks"][0]["connected"] == false
    });
    assert_eq!(master.state()["frameworks"][0]["active"], false);
}

#[test]
fn an_agent_that_breaks_is_disconnected() {
    let master = TestMaster::start();
    let agent = Puppet::registered(master.address());
    assert_eq!(master.state()["slaves"][0]["active"], true);
    drop(agent);
    eventually("the agent is inactive", || master.state()["slaves"][0]["active"] == false);
}

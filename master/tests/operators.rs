//! Operators who listen to what happens.

mod common;

use std::net::SocketAddr;

use common::{Events, Puppet, TestMaster, eventually, framework_info, quick};
use mesos::{msgpack, v1};
use serde_json::json;

fn listen(master: SocketAddr, accept: &str) -> Events {
    let events = Events::open_at(master, "/api/v1", &json!({"type": "SUBSCRIBE"}), accept);
    assert_eq!(events.status, 200, "{}", events.head);
    events
}

fn listeners(master: &TestMaster) -> f64 {
    let metrics = master.get("/metrics/snapshot").json();
    metrics["master/operator_event_stream_subscribers"].as_f64().unwrap()
}

#[test]
fn a_stream_begins_with_the_state_and_goes_on_with_events() {
    let master = TestMaster::start();
    let agent = Puppet::registered(master.address());
    let mut events = listen(master.address(), "application/json");
    assert_eq!(events.header("Content-Type"), Some("application/json"));
    assert_eq!(events.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(events.header("Mesos-Stream-Id"), None);
    let first = events.next_event().unwrap();
    assert_eq!(first["type"], "SUBSCRIBED");
    let first = &first["subscribed"];
    assert_eq!(first["heartbeat_interval_seconds"], 15.0);
    // Lists are there even when they are empty, as a real master writes them.
    let state = &first["get_state"];
    assert_eq!(state["get_tasks"]["tasks"], json!([]));
    assert_eq!(state["get_executors"], json!({"executors": []}));
    assert_eq!(state["get_frameworks"]["completed_frameworks"], json!([]));
    let agents = state["get_agents"]["agents"].as_array().unwrap();
    assert_eq!(agents[0]["agent_info"]["id"]["value"], agent.id.as_str());
    assert_eq!(events.next_event().unwrap()["type"], "HEARTBEAT");

    let mut scheduler = master.subscribe(framework_info());
    let id = scheduler.expect("SUBSCRIBED")["subscribed"]["framework_id"].clone();
    let added = events.next_event().unwrap();
    assert_eq!(added["type"], "FRAMEWORK_ADDED");
    assert_eq!(added["framework_added"]["framework"]["framework_info"]["id"], id);
    let teardown = json!({"type": "TEARDOWN", "teardown": {"framework_id": id}});
    assert_eq!(master.operate(&teardown).status, 200);
    let removed = events.next_event().unwrap();
    assert_eq!(removed["type"], "FRAMEWORK_REMOVED");
    assert_eq!(removed["framework_removed"]["framework_info"]["id"], id);
    assert_eq!(listeners(&master), 1.0);
    drop(events);
    eventually("nobody listens", || listeners(&master) == 0.0);
}

#[test]
fn msgpack_says_the_same_and_heartbeats_come() {
    let mut config = quick();
    config.core.heartbeat_interval = std::time::Duration::from_millis(50);
    let master = TestMaster::with(config);
    let mut events = listen(master.address(), "application/msgpack");
    assert_eq!(events.header("Content-Type"), Some("application/msgpack"));
    let mut next = || {
        let record = events.next_record().unwrap();
        msgpack::from_slice::<v1::master::Event>(&record).unwrap()
    };
    let first = next();
    assert!(first.subscribed.is_some_and(|subscribed| subscribed.get_state.is_some()));
    for _ in 0..3 {
        assert_eq!(next().r#type, Some(v1::master::EventType::Heartbeat));
    }
}

#[test]
fn the_oldest_of_too_many_makes_room() {
    let config = master::Config { max_operator_event_stream_subscribers: 2, ..quick() };
    let master = TestMaster::with(config);
    let mut streams: Vec<Events> = (0..3)
        .map(|_| {
            let mut events = listen(master.address(), "application/json");
            events.expect("HEARTBEAT");
            events
        })
        .collect();
    assert!(streams[0].next_event().is_none(), "it is closed");
    assert_eq!(listeners(&master), 2.0);
    master.subscribe(framework_info());
    for events in &mut streams[1..] {
        events.expect("FRAMEWORK_ADDED");
    }
}

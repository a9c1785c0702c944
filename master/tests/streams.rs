//! Schedulers that do not read.

mod common;

use common::{Puppet, TestMaster, eventually, framework_info, quick};
use mesos::internal::ExecutorToFramework;
use serde_json::json;

#[test]
fn a_scheduler_that_does_not_read_is_cut_off() {
    let config = master::Config { stream_limit_bytes: 256 * 1024, ..quick() };
    let master = TestMaster::with(config);
    let agent = Puppet::registered(master.address());
    let mut info = framework_info();
    info["failover_timeout"] = json!(3600.0);
    let mut events = master.subscribe(info);
    let subscribed = events.expect("SUBSCRIBED");
    let id = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    // From here on nobody reads. What fits into sockets is a few megabytes.
    let message = ExecutorToFramework {
        agent_id: agent.id.clone(),
        framework_id: id.as_str().into(),
        executor_id: "e".into(),
        data: vec![7; 100_000].into(),
    };
    eventually("the framework is cut off", || {
        for _ in 0..10 {
            agent.say(message.clone());
        }
        master.state()["frameworks"][0]["connected"] == false
    });
    // The master itself is well.
    assert_eq!(master.get("/health").status, 200);
}

#[test]
fn a_second_subscription_takes_over() {
    let master = TestMaster::start();
    let mut first = master.subscribe(framework_info());
    let subscribed = first.expect("SUBSCRIBED");
    let id = subscribed["subscribed"]["framework_id"].clone();
    let mut info = framework_info();
    info["id"] = id.clone();
    let call = json!({
        "type": "SUBSCRIBE", "framework_id": id, "subscribe": {"framework_info": info}
    });
    let mut second = common::Events::open(master.address(), &call, "application/json");
    assert_eq!(second.status, 200);
    second.expect("SUBSCRIBED");
    let error = first.expect("ERROR");
    assert_eq!(error["error"]["message"], "Framework failed over");
    assert!(first.next_event().is_none());
    let revive = json!({"type": "REVIVE", "framework_id": id});
    assert_eq!(master.call(&revive, Some(&first.stream_id())).status, 400);
    assert_eq!(master.call(&revive, Some(&second.stream_id())).status, 202);
}

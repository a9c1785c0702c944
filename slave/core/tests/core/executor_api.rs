//! Executors over HTTP: calls in, answers and events out.

use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::executor_info::ExecutorInfoType;
use mesos::internal::{AgentToMaster, FrameworkToExecutor, ShutdownExecutor, ShutdownFramework};
use mesos::task::{Reason, StatusSource, TaskState, TaskStatus};
use mesos::v1::executor::{Call, CallType, Event, EventType, MessageCall, Subscribe, Update};
use slave_core::effect::Response;
use slave_core::executor::ExecutorState;
use slave_core::ids::{ExecutorPid, RequestId};
use slave_core::metrics::Counter;
use slave_core::{Config, Event as Happening};

use crate::driver::{
    Driver, checkpointing, config, custom_task, framework, partition_aware, resources,
};

const UUID: &[u8; 15] = b"0123456\x4089abcde";

fn uuid(last: u8) -> Bytes {
    Bytes::from([&UUID[..], &[last]].concat())
}

fn call(kind: CallType) -> Call {
    Call {
        framework_id: "f1".into(),
        executor_id: "e1".into(),
        r#type: Some(kind),
        ..Call::default()
    }
}

fn subscribe(with: Subscribe) -> Call {
    Call { subscribe: Some(with), ..call(CallType::Subscribe) }
}

fn update(task: &str, state: TaskState, id: u8) -> Update {
    let status = TaskStatus {
        task_id: task.into(),
        state,
        source: Some(StatusSource::Executor),
        uuid: Some(uuid(id)),
        ..TaskStatus::default()
    };
    Update { status }
}

fn update_call(task: &str, state: TaskState, id: u8) -> Call {
    Call { update: Some(update(task, state, id)), ..call(CallType::Update) }
}

fn refused(status: u16, text: &str) -> Response {
    Response::Refused { status, text: text.to_string() }
}

fn kinds(events: &[Event]) -> Vec<EventType> {
    events.iter().filter_map(|event| event.r#type).collect()
}

/// An agent with a container for one task of executor `e1`, which has not subscribed.
fn waiting(framework: &mesos::framework::FrameworkInfo) -> Driver {
    let mut driver = Driver::registered();
    driver.run(framework, custom_task("t1", "e1"));
    driver.container_up();
    driver.forget();
    driver
}

/// An agent whose executor `e1` reads stream 1 and has `t1`.
fn subscribed(framework: &mesos::framework::FrameworkInfo) -> Driver {
    let mut driver = waiting(framework);
    assert_eq!(driver.call(1, subscribe(Subscribe::default())), Response::Stream);
    driver.forget();
    driver
}

#[test]
fn calls_are_checked_in_the_order_of_mesos() {
    let mut driver = Driver::registered();
    let of = |driver: &mut Driver, call| driver.call(0, call);
    let text = "Failed to validate Executor::Call: Expecting 'type' to be present";
    assert_eq!(of(&mut driver, Call::default()), refused(400, text));
    let unknown = refused(400, "Framework cannot be found");
    assert_eq!(of(&mut driver, subscribe(Subscribe::default())), unknown);
    assert_eq!(of(&mut driver, update_call("t1", TaskState::Running, 1)), unknown);
    assert_eq!(of(&mut driver, call(CallType::Unknown)), unknown);
    assert_eq!(of(&mut driver, call(CallType::Heartbeat)), Response::Accepted);
    driver.run(&framework("f1"), custom_task("t1", "e2"));
    let unknown = refused(400, "Executor cannot be found");
    assert_eq!(of(&mut driver, subscribe(Subscribe::default())), unknown);
    driver.run(&framework("f1"), custom_task("t2", "e1"));
    let early = refused(403, "Executor is not subscribed");
    assert_eq!(of(&mut driver, update_call("t2", TaskState::Running, 1)), early);
    let message = Some(MessageCall { data: "m".into() });
    assert_eq!(of(&mut driver, Call { message, ..call(CallType::Message) }), early);
    driver.container_up();
    assert_eq!(driver.call(1, subscribe(Subscribe::default())), Response::Stream);
    assert_eq!(of(&mut driver, call(CallType::Unknown)), refused(501, "501 Not Implemented."));
}

#[test]
fn an_executor_is_welcomed_and_given_its_tasks() {
    let mut driver = waiting(&framework("f1"));
    driver.run(&framework("f1"), custom_task("t2", "e1"));
    driver.run_group(&framework("f1"), "e1", &["t3", "t4"]);
    assert_eq!(driver.call(1, subscribe(Subscribe::default())), Response::Stream);
    let welcome = driver.events(1);
    assert_eq!(kinds(&welcome), [EventType::Subscribed]);
    let body = welcome[0].subscribed.as_ref().expect("it has its body");
    let executor = driver.executor("f1", "e1");
    assert_eq!(body.executor_info, *executor.info);
    assert_eq!(body.framework_info.id, Some("f1".into()));
    assert_eq!(body.agent_info.id, Some(crate::driver::AGENT.into()));
    assert_eq!(body.container_id.as_ref(), Some(&executor.container));
    assert_eq!(executor.pid, Some(ExecutorPid::over_http(RequestId(1))));
    // Its container grows to what the tasks need before it gets them.
    driver.resized_all();
    let launched = driver.events(1);
    assert_eq!(kinds(&launched), [EventType::Launch, EventType::Launch, EventType::LaunchGroup]);
    let group = launched[2].launch_group.as_ref().expect("it has its body");
    assert_eq!(group.task_group.tasks.len(), 2);
    assert_eq!(driver.executor("f1", "e1").launched_tasks.len(), 4);
}

#[test]
fn updates_are_acknowledged_and_forwarded_as_they_came() {
    let mut driver = subscribed(&framework("f1"));
    let accepted = driver.call(2, update_call("t1", TaskState::Running, 1));
    assert_eq!(accepted, Response::Accepted);
    let events = driver.events(1);
    assert_eq!(kinds(&events), [EventType::Acknowledged]);
    let acknowledged = events[0].acknowledged.clone().expect("it has its body");
    assert_eq!((acknowledged.task_id.as_str(), acknowledged.uuid), ("t1", uuid(1)));
    let forwarded = driver.forwarded_one();
    assert_eq!(forwarded.status.uuid, Some(uuid(1)));
    assert_eq!(forwarded.status.executor_id, None, "it did not put its id there");
    assert_eq!(forwarded.executor_id, None);
    assert!(forwarded.timestamp > 0.0 && forwarded.status.agent_id.is_some());
    let container = forwarded.status.container_status.and_then(|status| status.container_id);
    assert_eq!(container, Some(driver.executor("f1", "e1").container));
}

#[test]
fn a_task_may_be_told_to_be_over_twice_and_not_to_run_again() {
    let mut driver = subscribed(&framework("f1"));
    for (state, id) in [(TaskState::Finished, 1), (TaskState::Failed, 2), (TaskState::Running, 3)] {
        driver.call(9, update_call("t1", state, id));
        assert_eq!(kinds(&driver.events(1)), [EventType::Acknowledged], "{state}");
    }
    assert_eq!(driver.count(Counter::InvalidStatusUpdates), 1);
    driver.call(9, update_call("nosuch", TaskState::Running, 4));
    assert!(driver.events(1).is_empty(), "of this task nobody knows");
}

#[test]
fn messages_and_kills_pass_both_ways() {
    let mut driver = subscribed(&framework("f1"));
    let message = Some(MessageCall { data: "to scheduler".into() });
    driver.call(2, Call { message, ..call(CallType::Message) });
    let sent = driver.sent();
    let [AgentToMaster::ExecutorToFramework(message)] = &sent[..] else {
        panic!("it is relayed: {sent:?}");
    };
    assert_eq!((message.executor_id.as_str(), &message.data), ("e1", &"to scheduler".into()));
    driver.master_says(FrameworkToExecutor {
        framework_id: "f1".into(),
        executor_id: "e1".into(),
        data: "to executor".into(),
        ..FrameworkToExecutor::default()
    });
    driver.kill("f1", "t1");
    let events = driver.events(1);
    assert_eq!(kinds(&events), [EventType::Message, EventType::Kill]);
    let data = events[0].message.clone().expect("it has its body").data;
    assert_eq!(data, "to executor".into());
    assert_eq!(events[1].kill.clone().expect("it has its body").task_id.as_str(), "t1");
}

#[test]
fn a_second_subscription_takes_the_place_of_the_first() {
    let mut driver = subscribed(&framework("f1"));
    let with =
        Subscribe { unacknowledged_tasks: vec![custom_task("t1", "e1")], ..Default::default() };
    assert_eq!(driver.call(2, subscribe(with)), Response::Stream);
    assert_eq!(driver.closed(), [RequestId(1)]);
    assert_eq!(kinds(&driver.events(2)), [EventType::Subscribed]);
    // The end of the first stream, which comes late, says nothing.
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(1)) });
    driver.kill("f1", "t1");
    assert!(driver.events(1).is_empty());
    assert_eq!(kinds(&driver.events(2)), [EventType::Kill]);
}

#[test]
fn an_update_that_is_being_written_is_acknowledged_on_the_next_stream() {
    let mut driver = subscribed(&checkpointing("f1"));
    driver.writes_at_once = false;
    driver.call(2, update_call("t1", TaskState::Running, 1));
    assert!(driver.events(1).is_empty(), "it is not on disk");
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(1)) });
    let with = Subscribe {
        unacknowledged_tasks: vec![custom_task("t1", "e1")],
        unacknowledged_updates: vec![update("t1", TaskState::Running, 1)],
    };
    driver.call(3, subscribe(with));
    assert_eq!(kinds(&driver.events(3)), [EventType::Subscribed]);
    while driver.write() {}
    assert_eq!(kinds(&driver.events(3)), [EventType::Acknowledged]);
    assert_eq!(driver.forwarded_one().uuid, Some(uuid(1)));
}

#[test]
fn a_broken_stream_is_waited_for() {
    let mut driver = subscribed(&framework("f1"));
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(1)) });
    // What comes meanwhile waits; updates need no stream.
    driver.run(&framework("f1"), custom_task("t2", "e1"));
    driver.kill("f1", "t1");
    let accepted = driver.call(2, update_call("t1", TaskState::Running, 1));
    assert_eq!(accepted, Response::Accepted);
    driver.advance_pinged(Duration::from_secs(59));
    let with = Subscribe {
        unacknowledged_tasks: vec![custom_task("t1", "e1")],
        unacknowledged_updates: vec![update("t1", TaskState::Running, 1)],
    };
    driver.call(3, subscribe(with));
    driver.resized_all();
    assert_eq!(
        kinds(&driver.events(3)),
        [EventType::Subscribed, EventType::Acknowledged, EventType::Kill, EventType::Launch]
    );
    driver.advance_pinged(Duration::from_secs(60));
    assert!(driver.destroyed().is_empty());
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(3)) });
    driver.advance_pinged(Duration::from_secs(60));
    assert_eq!(driver.destroyed(), [driver.executor("f1", "e1").container]);
}

#[test]
fn a_task_that_was_lost_on_the_way_is_dropped() {
    let mut driver = subscribed(&partition_aware(framework("f1")));
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(1)) });
    driver.call(2, subscribe(Subscribe::default()));
    let dropped = driver.forwarded_one();
    assert_eq!(dropped.status.state, TaskState::Dropped);
    assert_eq!(dropped.status.reason, Some(Reason::AgentRestarted));
    assert_eq!(dropped.status.source, Some(StatusSource::Agent));
    // It was given a task, which it may have lost, so that it is not needless.
    assert_eq!(driver.executor("f1", "e1").state, ExecutorState::Running);
}

#[test]
fn executors_come_back_to_a_restarted_agent() {
    let info = checkpointing("f1");
    let mut driver = subscribed(&info);
    driver.run(&info, custom_task("t2", "e1"));
    driver.resized_all();
    driver.call(2, update_call("t1", TaskState::Running, 1));
    driver.call(3, update_call("t2", TaskState::Running, 2));
    let mut driver = driver.restart();
    assert!(driver.told().is_empty(), "it needs no invitation");
    let recovering = refused(503, "Agent has not finished recovery");
    assert_eq!(driver.call(4, update_call("t2", TaskState::Finished, 3)), recovering);
    let with = Subscribe {
        unacknowledged_tasks: Vec::new(),
        unacknowledged_updates: vec![
            update("t1", TaskState::Running, 1),
            update("t2", TaskState::Finished, 3),
        ],
    };
    assert_eq!(driver.call(5, subscribe(with)), Response::Stream);
    assert_eq!(
        kinds(&driver.events(5)),
        [EventType::Subscribed, EventType::Acknowledged, EventType::Acknowledged]
    );
    driver.register();
    let forwarded = driver.forwarded();
    let heads: Vec<_> = forwarded.iter().filter_map(|update| update.uuid.clone()).collect();
    assert_eq!(heads, [uuid(1), uuid(2)], "each once, and no update overtakes another");
    driver.acknowledge(&forwarded[1]);
    assert_eq!(driver.forwarded_one().uuid, Some(uuid(3)));
}

#[test]
fn an_executor_that_stays_away_from_a_restarted_agent_is_given_up() {
    let driver = subscribed(&checkpointing("f1"));
    let mut driver = driver.restart();
    let container = driver.executor("f1", "e1").container;
    driver.advance(Duration::from_secs(2));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    // Too late: it is told to go, and its stream ends.
    assert_eq!(driver.call(7, subscribe(Subscribe::default())), Response::Stream);
    assert_eq!(kinds(&driver.events(7)), [EventType::Shutdown]);
    assert_eq!(driver.closed(), [RequestId(7)]);
    driver.terminated(&container, Default::default());
    driver.register();
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Lost);
    assert_eq!(end.status.reason, Some(Reason::ExecutorReregistrationTimeout));
    assert_eq!(end.status.message.as_deref(), Some("Executor did not reregister within 2secs"));
}

#[test]
fn an_executor_that_never_got_a_task_is_not_kept() {
    let info = partition_aware(checkpointing("f1"));
    let mut driver = waiting(&info).restart();
    driver.call(1, subscribe(Subscribe::default()));
    assert_eq!(kinds(&driver.events(1)), [EventType::Subscribed, EventType::Shutdown]);
    assert_eq!(driver.executor("f1", "e1").state, ExecutorState::Terminating);
    driver.register();
    assert_eq!(driver.forwarded_one().status.state, TaskState::Dropped);
}

#[test]
fn shutdown_is_asked_for_before_it_is_enforced() {
    let mut driver = subscribed(&framework("f1"));
    driver.master_says(ShutdownExecutor {
        executor_id: Some("e1".into()),
        framework_id: Some("f1".into()),
    });
    assert_eq!(kinds(&driver.events(1)), [EventType::Shutdown]);
    // It may report the end of its tasks while it ends.
    driver.call(2, update_call("t1", TaskState::Killed, 1));
    assert_eq!(driver.forwarded_one().status.state, TaskState::Killed);
    assert_eq!(kinds(&driver.events(1)), [EventType::Acknowledged]);
    driver.advance(Duration::from_secs(5));
    let container = driver.executor("f1", "e1").container;
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, Default::default());
    assert_eq!(driver.closed(), [RequestId(1)]);
}

#[test]
fn nobody_subscribes_for_a_framework_that_ends() {
    let mut driver = waiting(&framework("f1"));
    driver.master_says(ShutdownFramework { framework_id: "f1".into() });
    assert_eq!(driver.call(1, subscribe(Subscribe::default())), Response::Stream);
    assert_eq!(kinds(&driver.events(1)), [EventType::Shutdown]);
    assert_eq!(driver.closed(), [RequestId(1)]);
}

#[test]
fn a_quiet_stream_carries_a_sign_of_life() {
    let mut driver = subscribed(&framework("f1"));
    driver.advance_pinged(Duration::from_secs(30 * 60 - 1));
    assert!(driver.events(1).is_empty());
    driver.advance_pinged(Duration::from_secs(30 * 60 + 1));
    assert_eq!(kinds(&driver.events(1)), [EventType::Heartbeat, EventType::Heartbeat]);
    driver.event(Happening::ExecutorExited { executor: ExecutorPid::over_http(RequestId(1)) });
    driver.advance_pinged(Duration::from_secs(50));
    assert!(driver.events(1).is_empty());
}

#[test]
fn a_silent_executor_is_given_up_and_turned_away() {
    let mut driver = waiting(&framework("f1"));
    driver.advance_pinged(Duration::from_secs(60));
    let container = driver.executor("f1", "e1").container;
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.call(1, subscribe(Subscribe::default()));
    assert_eq!(kinds(&driver.events(1)), [EventType::Shutdown]);
}

#[test]
fn an_agent_that_cleans_up_takes_no_calls() {
    let driver = subscribed(&checkpointing("f1"));
    let clean = Config { recover: slave_core::config::RecoverMode::Cleanup, ..config() };
    let mut driver = driver.restart_with(clean, |_| {});
    let recovering = refused(503, "Agent has not finished recovery");
    assert_eq!(driver.call(1, subscribe(Subscribe::default())), recovering);
    assert_eq!(driver.call(1, call(CallType::Heartbeat)), recovering);
}

#[test]
fn the_environment_tells_an_executor_how_to_come_back() {
    let mut driver = Driver::registered_with(Config {
        executor_reregistration_timeout: Duration::from_secs(7),
        ..config()
    });
    driver.run(&checkpointing("f1"), custom_task("t1", "e1"));
    let environment = driver.container_up().environment;
    let value = |name: &str| {
        let found = environment.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("MESOS_CHECKPOINT"), Some("1"));
    assert_eq!(value("MESOS_RECOVERY_TIMEOUT"), Some("15mins"));
    assert_eq!(value("MESOS_SUBSCRIPTION_BACKOFF_MAX"), Some("7secs"));
}

#[test]
fn executors_of_task_groups_may_speak_http_too() {
    let mut driver = Driver::registered();
    driver.run_group(&framework("f1"), "e1", &["t1", "t2"]);
    let spec = driver.container_up();
    assert_eq!(spec.executor.r#type, Some(ExecutorInfoType::Default));
    assert_eq!(
        spec.resources,
        resources("cpus:2.1;mem:160").into_iter().collect(),
        "it holds the executor and the whole group"
    );
    driver.call(1, subscribe(Subscribe::default()));
    let events = driver.events(1);
    assert_eq!(kinds(&events), [EventType::Subscribed, EventType::LaunchGroup]);
}

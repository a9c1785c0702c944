use std::time::Duration;

use mesos::internal::{
    AgentToExecutor, AgentToMaster, ExecutorToFramework, FrameworkToExecutor, ReregisterExecutor,
    UpdateFramework,
};
use mesos::task::{Reason, TaskState};
use slave_core::Event;
use slave_core::executor::ExecutorState;
use slave_core::metrics::Counter;

use crate::driver::{
    Driver, command_task, custom_task, framework, partition_aware, pid, update, uuid,
};

#[test]
fn a_stranger_is_shut_down() {
    let mut driver = Driver::registered();
    driver.executor_registers("f1", "e1");
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
    driver.run(&framework("f1"), custom_task("t1", "e1"));
    driver.executor_registers("f1", "e2");
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
}

#[test]
fn a_second_registration_is_answered_again() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.executor_registers("f1", "t1");
    assert_eq!(driver.told_names(), ["ExecutorRegistered"]);
    let message =
        mesos::internal::RegisterExecutor { framework_id: "f1".into(), executor_id: "t1".into() };
    driver.executor_says(&pid("impostor"), message);
    assert_eq!(driver.told(), [(pid("impostor"), shutdown())]);
}

fn shutdown() -> AgentToExecutor {
    mesos::internal::ShutdownExecutor { executor_id: None, framework_id: None }.into()
}

#[test]
fn an_executor_that_stays_silent_is_given_up() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), command_task("t1"));
    let container = driver.container_up().container;
    driver.advance_pinged(Duration::from_secs(59));
    assert!(driver.destroyed().is_empty());
    driver.advance(Duration::from_secs(1));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, Default::default());
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Failed);
    assert_eq!(end.status.reason, Some(Reason::ExecutorRegistrationTimeout));
    assert_eq!(end.status.message.as_deref(), Some("Executor did not register within 1mins"));
}

#[test]
fn an_executor_that_comes_back_goes_on() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.forget();
    driver.event(Event::ExecutorExited { executor: pid("t1") });
    assert_eq!(driver.executor("f1", "t1").pid, None);
    driver.executor_says(
        &pid("again"),
        ReregisterExecutor {
            executor_id: "t1".into(),
            framework_id: "f1".into(),
            tasks: vec![command_task("t1")],
            updates: vec![update("f1", "t1", TaskState::Running, "1")],
        },
    );
    assert_eq!(driver.forwarded_one().uuid, Some(uuid("1")));
    assert_eq!(driver.told_names(), ["ExecutorReregistered", "StatusUpdateAcknowledgement"]);
    driver.advance_pinged(Duration::from_secs(3600));
    assert!(driver.destroyed().is_empty());
}

#[test]
fn a_task_that_was_on_its_way_is_reported() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.run(&info, custom_task("t1", "e1"));
    driver.container_up();
    driver.executor_registers("f1", "e1");
    driver.event(Event::ExecutorExited { executor: pid("e1") });
    driver.executor_says(
        &pid("again"),
        ReregisterExecutor {
            executor_id: "e1".into(),
            framework_id: "f1".into(),
            ..ReregisterExecutor::default()
        },
    );
    let update = driver.forwarded_one();
    assert_eq!(update.status.state, TaskState::Dropped);
    assert_eq!(update.status.reason, Some(Reason::AgentRestarted));
}

#[test]
fn an_executor_that_does_not_come_back_is_given_up() {
    let mut driver = Driver::registered();
    let container = driver.start(&framework("f1"), "t1");
    driver.event(Event::ExecutorExited { executor: pid("t1") });
    driver.advance_pinged(Duration::from_secs(60));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
}

#[test]
fn messages_are_relayed_both_ways() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    let message = FrameworkToExecutor {
        agent_id: "m1-S0".into(),
        framework_id: "f1".into(),
        executor_id: "t1".into(),
        data: "ping".into(),
    };
    driver.master_says(message.clone());
    assert_eq!(driver.told(), [(pid("t1"), AgentToExecutor::FrameworkToExecutor(message))]);
    let message = ExecutorToFramework { data: "pong".into(), ..ExecutorToFramework::default() };
    driver.executor_says(&pid("t1"), message.clone());
    let expected = ExecutorToFramework {
        agent_id: "m1-S0".into(),
        framework_id: "f1".into(),
        executor_id: "t1".into(),
        data: "pong".into(),
    };
    assert_eq!(driver.sent(), [AgentToMaster::ExecutorToFramework(expected)]);
    assert_eq!(driver.count(Counter::ValidFrameworkMessages), 2);
    driver.executor_says(&pid("t9"), message);
    driver.master_says(FrameworkToExecutor {
        executor_id: "t9".into(),
        framework_id: "f1".into(),
        ..FrameworkToExecutor::default()
    });
    assert!(driver.sent().is_empty());
    assert_eq!(driver.count(Counter::InvalidFrameworkMessages), 2);
}

#[test]
fn a_framework_may_describe_itself_anew() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    let mut info = framework("f1");
    info.name = "renamed".to_string();
    driver.master_says(UpdateFramework { framework_id: "f1".into(), framework_info: Some(info) });
    assert_eq!(driver.framework("f1").info.name, "renamed");
    assert_eq!(driver.executor("f1", "t1").state, ExecutorState::Running);
}

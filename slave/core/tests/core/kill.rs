use std::time::Duration;

use mesos::internal::{AgentToExecutor, AgentToMaster, KillTask};
use mesos::task::{KillPolicy, Reason, TaskState};
use mesos::time::DurationInfo;
use slave_core::Event;
use slave_core::executor::ExecutorState;

use crate::driver::{
    AGENT, Driver, checkpointing, command_task, custom_task, framework, partition_aware, pid,
    update,
};

#[test]
fn a_task_that_waits_is_killed_at_once() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), command_task("t1"));
    let container = driver.container_up().container;
    driver.kill("f1", "t1");
    let killed = driver.forwarded_one();
    assert_eq!(killed.status.state, TaskState::Killed);
    assert_eq!(killed.status.reason, Some(Reason::TaskKilledDuringLaunch));
    assert_eq!(driver.executor("f1", "t1").state, ExecutorState::Terminating);
    driver.executor_registers("f1", "t1");
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
    driver.advance(Duration::from_secs(5));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, Default::default());
    assert!(driver.forwarded().is_empty(), "a task ends once");
    driver.acknowledge(&killed);
    assert!(driver.snapshot().frameworks.is_empty());
}

#[test]
fn a_task_whose_container_was_not_asked_for_needs_none() {
    let mut driver = Driver::registered();
    driver.writes_at_once = false;
    driver.run(&checkpointing("f1"), command_task("t1"));
    driver.kill("f1", "t1");
    driver.writes_at_once = true;
    while driver.write() {}
    assert!(driver.launches().is_empty());
    assert_eq!(driver.forwarded_one().status.state, TaskState::Killed);
    assert_eq!(driver.executor("f1", "t1").state, ExecutorState::Terminated);
}

#[test]
fn an_executor_with_other_tasks_lives_on() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), custom_task("t1", "e1"));
    driver.run(&framework("f1"), custom_task("t2", "e1"));
    driver.container_up();
    driver.kill("f1", "t1");
    assert_eq!(driver.forwarded_one().status.state, TaskState::Killed);
    driver.executor_registers("f1", "e1");
    let told = driver.told();
    assert!(matches!(&told[..], [_, (_, AgentToExecutor::RunTask(run))]
        if run.task.task_id.as_str() == "t2"));
}

#[test]
fn a_group_is_killed_as_one() {
    let mut driver = Driver::registered();
    driver.run_group(&framework("f1"), "e1", &["g1", "g2"]);
    driver.container_up();
    driver.kill("f1", "g2");
    let killed = driver.forwarded();
    let ids: Vec<_> = killed.iter().map(|u| u.status.task_id.as_str()).collect();
    assert_eq!(ids, ["g1", "g2"]);
    assert!(killed.iter().all(|u| u.status.state == TaskState::Killed));
}

#[test]
fn an_executor_is_told_to_kill_with_the_policy() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    let grace_period = Some(DurationInfo { nanoseconds: 1_000_000_000 });
    let message = KillTask {
        framework_id: "f1".into(),
        task_id: "t1".into(),
        kill_policy: Some(KillPolicy { grace_period }),
    };
    driver.master_says(message.clone());
    assert_eq!(driver.told(), [(pid("t1"), AgentToExecutor::KillTask(message))]);
    assert!(driver.forwarded().is_empty(), "the executor reports the end");
}

#[test]
fn a_task_that_no_executor_has_is_reported() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.start(&info, "t1");
    driver.kill("f1", "t9");
    let update = driver.forwarded_one();
    assert_eq!(update.status.state, TaskState::Dropped);
    assert_eq!(update.status.reason, Some(Reason::ExecutorTerminated));
    assert_eq!(update.status.message.as_deref(), Some("Cannot find executor"));
    driver.kill("f1", "t9");
    assert!(driver.forwarded().is_empty(), "it is on its way already");
    driver.kill("f9", "t9");
    assert!(driver.forwarded().is_empty(), "of an unknown framework nothing is said");
}

#[test]
fn a_kill_outlives_a_broken_connection() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    driver.event(Event::ExecutorExited { executor: pid("t1") });
    driver.forget();
    driver.kill("f1", "t1");
    assert!(driver.told().is_empty());
    driver.executor_says(
        &pid("t1-again"),
        mesos::internal::ReregisterExecutor {
            executor_id: "t1".into(),
            framework_id: "f1".into(),
            ..Default::default()
        },
    );
    assert_eq!(driver.told_names(), ["ExecutorReregistered", "KillTask"]);
}

#[test]
fn a_launch_that_waits_for_a_removal_can_be_killed() {
    let mut driver = Driver::registered();
    let container = driver.start(&framework("f1"), "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Finished, "1"));
    let end = driver.forwarded_one();
    driver.acknowledge(&end);
    driver.terminated(&container, Default::default());
    driver.event(Event::DiskUsage(1.0));
    let removing = driver.removed();
    assert!(!removing.is_empty());
    driver.run_expecting(&framework("f1"), custom_task("t2", "e2"), Some(true));
    assert!(driver.launches().is_empty());
    driver.forget();
    driver.kill("f1", "t2");
    let sent = driver.sent();
    let [AgentToMaster::StatusUpdate(update), AgentToMaster::ExitedExecutor(exited)] = &sent[..]
    else {
        panic!("the task and its executor are given up: {sent:?}");
    };
    assert_eq!(update.status.state, TaskState::Killed);
    assert_eq!(exited.executor_id.as_str(), "e2");
    assert_eq!(exited.agent_id.as_str(), AGENT);
    for path in removing {
        driver.event(Event::PathRemoved { path, result: Ok(()) });
    }
    assert!(driver.launches().is_empty());
}

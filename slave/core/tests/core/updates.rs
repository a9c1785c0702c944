use std::time::Duration;

use mesos::container::ContainerStatus;
use mesos::internal::AgentToExecutor;
use mesos::task::{StatusSource, TaskState};
use slave_core::Event;
use slave_core::checkpoint::UpdateRecord;
use slave_core::metrics::Counter;

use crate::driver::{Driver, checkpointing, framework, master, pid, update, uuid};

fn started(checkpoint: bool) -> Driver {
    let mut driver = Driver::registered();
    let info = if checkpoint { checkpointing("f1") } else { framework("f1") };
    driver.start(&info, "t1");
    driver.forget();
    driver
}

fn say(driver: &mut Driver, state: TaskState, id: &str) {
    driver.executor_says(&pid("t1"), update("f1", "t1", state, id));
}

#[test]
fn an_update_reaches_the_master_with_all_that_mesos_says() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Running, "1");
    let sent = driver.forwarded_one();
    assert_eq!(sent.uuid, Some(uuid("1")));
    assert_eq!(sent.latest_state, Some(TaskState::Running));
    let status = &sent.status;
    assert_eq!(status.uuid, Some(uuid("1")));
    assert_eq!(status.source, Some(StatusSource::Executor));
    assert_eq!(status.executor_id, Some("t1".into()));
    assert_eq!(status.agent_id, Some("m1-S0".into()));
    assert_eq!(status.timestamp, Some(1.5));
    let Some(ContainerStatus { container_id, network_infos, executor_pid, .. }) =
        status.container_status.as_deref()
    else {
        panic!("it says in which container");
    };
    assert_eq!(container_id.as_ref(), Some(&driver.executor("f1", "t1").container));
    assert_eq!(*executor_pid, Some(4711));
    assert_eq!(network_infos[0].ip_addresses[0].ip_address.as_deref(), Some("10.0.0.1"));
    let told = driver.told();
    assert!(matches!(&told[..], [(to, AgentToExecutor::StatusUpdateAcknowledgement(ack))]
            if *to == pid("t1") && ack.uuid == uuid("1")));
}

#[test]
fn only_the_head_is_forwarded_until_it_is_acknowledged() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Starting, "1");
    say(&mut driver, TaskState::Running, "2");
    say(&mut driver, TaskState::Finished, "3");
    let first = driver.forwarded_one();
    assert_eq!(first.status.state, TaskState::Starting);
    assert_eq!(first.latest_state, Some(TaskState::Starting));
    driver.acknowledge(&first);
    let second = driver.forwarded_one();
    assert_eq!(second.status.state, TaskState::Running);
    assert_eq!(second.latest_state, Some(TaskState::Finished), "the master may free resources");
    driver.acknowledge(&second);
    let third = driver.forwarded_one();
    assert_eq!(third.status.state, TaskState::Finished);
    assert_eq!(driver.task_state("f1", "t1", "t1"), Some(TaskState::Finished));
    driver.acknowledge(&third);
    let executor = driver.executor("f1", "t1");
    assert_eq!(executor.completed_tasks.len(), 1);
    assert!(executor.terminated_tasks.is_empty());
    driver.advance(Duration::from_secs(3600));
    assert!(driver.forwarded().is_empty());
}

#[test]
fn an_update_is_repeated_ever_more_rarely() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Running, "1");
    assert_eq!(driver.forwarded().len(), 1);
    for span in [10, 20, 40, 80, 160, 320, 600, 600] {
        driver.advance_pinged(Duration::from_secs(span - 1));
        assert!(driver.forwarded().is_empty(), "not before {span} s");
        driver.advance(Duration::from_secs(1));
        assert_eq!(driver.forwarded().len(), 1, "after {span} s");
    }
    say(&mut driver, TaskState::Finished, "2");
    driver.acknowledge(&update("f1", "t1", TaskState::Running, "1"));
    assert_eq!(driver.forwarded().len(), 1);
    driver.advance(Duration::from_secs(10));
    assert_eq!(driver.forwarded().len(), 1, "the next one begins anew");
}

#[test]
fn nothing_is_forwarded_or_confirmed_before_it_is_written() {
    let mut driver = started(true);
    driver.writes_at_once = false;
    say(&mut driver, TaskState::Running, "1");
    assert!(driver.forwarded().is_empty());
    assert!(driver.told().is_empty());
    assert!(driver.write());
    let sent = driver.forwarded_one();
    assert_eq!(driver.told_names(), ["StatusUpdateAcknowledgement"]);
    say(&mut driver, TaskState::Finished, "2");
    assert!(driver.write());
    driver.acknowledge(&sent);
    assert!(driver.forwarded().is_empty(), "the acknowledgement is not written");
    assert!(driver.write());
    assert_eq!(driver.forwarded_one().status.state, TaskState::Finished);
    let log = driver.disk.updates(&"t1".into());
    assert!(matches!(
        &log[..],
        [UpdateRecord::Update(_), UpdateRecord::Update(_), UpdateRecord::Acknowledged(_)]
    ));
}

#[test]
fn a_repetition_is_confirmed_but_not_taken() {
    let mut driver = started(true);
    say(&mut driver, TaskState::Running, "1");
    driver.forget();
    say(&mut driver, TaskState::Running, "1");
    assert!(driver.forwarded().is_empty());
    assert_eq!(driver.told_names(), ["StatusUpdateAcknowledgement"]);
    driver.acknowledge(&update("f1", "t1", TaskState::Running, "1"));
    say(&mut driver, TaskState::Running, "1");
    assert!(driver.forwarded().is_empty());
    assert_eq!(driver.told_names(), ["StatusUpdateAcknowledgement"]);
    assert_eq!(driver.disk.updates(&"t1".into()).len(), 2);
}

#[test]
fn a_repetition_that_is_being_written_is_not_confirmed_early() {
    let mut driver = started(true);
    driver.writes_at_once = false;
    say(&mut driver, TaskState::Running, "1");
    say(&mut driver, TaskState::Running, "1");
    assert!(driver.told().is_empty());
    assert!(driver.write());
    assert!(!driver.write());
}

#[test]
fn wrong_acknowledgements_are_ignored() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Starting, "1");
    say(&mut driver, TaskState::Running, "2");
    let first = driver.forwarded_one();
    driver.acknowledge(&update("f1", "t1", TaskState::Running, "2"));
    driver.acknowledge(&update("f1", "t1", TaskState::Running, "9"));
    driver.acknowledge(&update("f1", "t9", TaskState::Running, "1"));
    driver.acknowledge(&update("f9", "t1", TaskState::Running, "1"));
    assert!(driver.forwarded().is_empty());
    driver.acknowledge(&first);
    assert_eq!(driver.forwarded_one().uuid, Some(uuid("2")));
    driver.acknowledge(&first);
    assert!(driver.forwarded().is_empty());
}

#[test]
fn updates_wait_while_there_is_no_master() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Starting, "1");
    driver.forget();
    driver.event(Event::MasterExited { master: master() });
    say(&mut driver, TaskState::Running, "2");
    driver.advance(Duration::from_millis(1));
    assert!(driver.forwarded().is_empty());
    driver.advance(Duration::from_secs(1));
    driver.admit();
    let first = driver.forwarded_one();
    assert_eq!(first.uuid, Some(uuid("1")), "the head goes out anew at once");
    driver.acknowledge(&first);
    assert_eq!(driver.forwarded_one().uuid, Some(uuid("2")));
}

#[test]
fn an_acknowledgement_counts_while_updates_wait() {
    let mut driver = started(true);
    say(&mut driver, TaskState::Running, "1");
    let sent = driver.forwarded_one();
    driver.writes_at_once = false;
    driver.acknowledge(&sent);
    driver.event(Event::MasterExited { master: master() });
    assert!(driver.write());
    driver.writes_at_once = true;
    driver.advance(Duration::from_secs(1));
    driver.admit();
    assert!(driver.forwarded().is_empty());
}

#[test]
fn what_an_executor_may_not_say_is_refused() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Staging, "1");
    driver.executor_says(&pid("t1"), update("f2", "t1", TaskState::Running, "2"));
    driver.executor_says(&pid("t1"), update("f1", "t9", TaskState::Running, "3"));
    driver.executor_says(&pid("t9"), update("f1", "t1", TaskState::Running, "4"));
    let mut anonymous = update("f1", "t1", TaskState::Running, "5");
    anonymous.uuid = None;
    driver.executor_says(&pid("t1"), anonymous);
    assert!(driver.forwarded().is_empty());
    assert_eq!(driver.count(Counter::InvalidStatusUpdates), 5);
    say(&mut driver, TaskState::Finished, "6");
    say(&mut driver, TaskState::Running, "7");
    assert_eq!(driver.count(Counter::InvalidStatusUpdates), 6, "a task that is over is over");
    assert_eq!(driver.count(Counter::ValidStatusUpdates), 1);
    assert_eq!(driver.count(Counter::TasksFinished), 1);
}

#[test]
fn a_second_terminal_update_is_taken() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Finished, "1");
    say(&mut driver, TaskState::Failed, "2");
    assert_eq!(driver.told_names().len(), 2);
    assert_eq!(driver.count(Counter::InvalidStatusUpdates), 0);
    let first = driver.forwarded_one();
    driver.acknowledge(&first);
    assert!(driver.forwarded().is_empty(), "the task is over and done with");
}

#[test]
fn an_update_after_the_end_was_acknowledged_is_confirmed() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Finished, "1");
    let end = driver.forwarded_one();
    driver.acknowledge(&end);
    driver.forget();
    say(&mut driver, TaskState::Finished, "1");
    assert_eq!(driver.told_names(), ["StatusUpdateAcknowledgement"]);
    assert!(driver.forwarded().is_empty());
}

#[test]
fn the_container_shrinks_when_a_task_ends() {
    let mut driver = started(false);
    say(&mut driver, TaskState::Finished, "1");
    let resizes = driver.resizes();
    assert_eq!(resizes.len(), 1);
    assert_eq!(resizes[0].1.cpus(), Some(0.1));
}

#[test]
fn an_executor_cannot_fill_the_agents_memory() {
    let mut driver = started(false);
    for number in 0..10_100 {
        say(&mut driver, TaskState::Running, &number.to_string());
    }
    assert!(driver.count(Counter::InvalidStatusUpdates) >= 100);
    driver.forget();
    say(&mut driver, TaskState::Finished, "end");
    assert_eq!(driver.told_names(), ["StatusUpdateAcknowledgement"], "the end finds its place");
}

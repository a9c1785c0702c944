use std::time::Duration;

use mesos::executor_info::ExecutorInfoType;
use mesos::ids::ExecutorId;
use mesos::internal::{AgentToExecutor, AgentToMaster, ReregisterExecutor};
use mesos::task::{Reason, TaskState};
use slave_core::config::{ReconfigurationPolicy, RecoverMode};
use slave_core::event::ContainerTermination;
use slave_core::executor::ExecutorState;
use slave_core::metrics::Counter;
use slave_core::{AgentState, Config};

use crate::driver::{
    Driver, checkpointing, command_task, config, custom_task, executor_info, framework,
    partition_aware, pid, resources, update, uuid,
};

/// An agent with one checkpointed task that runs, about to be restarted.
fn running() -> Driver {
    let mut driver = Driver::registered();
    driver.start(&checkpointing("f1"), "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    driver
}

fn comes_back(driver: &mut Driver, executor: &str) {
    driver.executor_says(
        &pid(executor),
        ReregisterExecutor {
            executor_id: executor.into(),
            framework_id: "f1".into(),
            ..ReregisterExecutor::default()
        },
    );
}

#[test]
fn running_work_survives() {
    let mut driver = running();
    let first = driver.forwarded_one();
    driver.acknowledge(&first);
    let mut driver = driver.restart();
    assert_eq!(driver.snapshot().state, AgentState::Recovering);
    let containers = driver.recover_containers();
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0].pid, Some(4711));
    assert_eq!(containers[0].resources.cpus(), Some(1.1));
    assert!(matches!(&driver.told()[..],
        [(to, AgentToExecutor::ReconnectExecutor(_))] if *to == pid("t1")));
    assert!(!driver.looks_for_master());
    comes_back(&mut driver, "t1");
    assert!(driver.looks_for_master(), "everybody is back");
    assert_eq!(driver.told_names(), ["ExecutorReregistered"]);
    assert_eq!(driver.task_state("f1", "t1", "t1"), Some(TaskState::Running));
    driver.detect(&crate::driver::master());
    driver.advance(Duration::from_secs(1));
    let sent = driver.sent();
    let Some(AgentToMaster::ReregisterAgent(request)) = sent.first() else {
        panic!("it comes back as who it was: {sent:?}");
    };
    assert_eq!(request.agent.id, Some("m1-S0".into()));
    assert_eq!(request.tasks[0].state, TaskState::Running);
    assert_eq!(request.frameworks.len(), 1);
    assert!(driver.launches().is_empty(), "nothing is started anew");
}

#[test]
fn unacknowledged_updates_survive() {
    let mut driver = running();
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Finished, "2"));
    let mut driver = driver.restart();
    driver.executor_says(
        &pid("t1"),
        ReregisterExecutor {
            executor_id: "t1".into(),
            framework_id: "f1".into(),
            tasks: Vec::new(),
            updates: vec![
                update("f1", "t1", TaskState::Running, "1"),
                update("f1", "t1", TaskState::Finished, "2"),
            ],
        },
    );
    assert_eq!(
        driver.told_names(),
        [
            "ReconnectExecutor",
            "ExecutorReregistered",
            "StatusUpdateAcknowledgement",
            "StatusUpdateAcknowledgement"
        ]
    );
    driver.register();
    let first = driver.sent_after_registration();
    assert_eq!(first.uuid, Some(uuid("1")));
    assert_eq!(first.latest_state, Some(TaskState::Finished));
    driver.acknowledge(&first);
    assert_eq!(driver.forwarded_one().uuid, Some(uuid("2")));
    assert_eq!(driver.disk.updates(&"t1".into()).len(), 3, "nothing is written twice");
}

#[test]
fn updates_that_the_agent_missed_are_taken() {
    let mut driver = running();
    let first = driver.forwarded_one();
    driver.acknowledge(&first);
    let mut driver = driver.restart();
    driver.executor_says(
        &pid("t1"),
        ReregisterExecutor {
            executor_id: "t1".into(),
            framework_id: "f1".into(),
            tasks: Vec::new(),
            updates: vec![update("f1", "t1", TaskState::Finished, "2")],
        },
    );
    driver.register();
    assert_eq!(driver.sent_after_registration().uuid, Some(uuid("2")));
}

#[test]
fn who_does_not_come_back_is_given_up() {
    let info = partition_aware(checkpointing("f1"));
    let mut driver = Driver::registered();
    let container = driver.start(&info, "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    let mut driver = driver.restart();
    driver.advance(Duration::from_millis(1999));
    assert!(!driver.looks_for_master());
    driver.advance(Duration::from_millis(1));
    assert!(driver.looks_for_master());
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    comes_back(&mut driver, "t1");
    let told = driver.told();
    assert!(matches!(told.last(), Some((_, AgentToExecutor::ShutdownExecutor(_)))));
    driver.terminated(&container, ContainerTermination::default());
    driver.register();
    let first = driver.sent_after_registration();
    driver.acknowledge(&first);
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Gone);
    assert_eq!(end.status.reason, Some(Reason::ExecutorReregistrationTimeout));
    let message = end.status.message.unwrap_or_default();
    assert_eq!(message, "Executor did not reregister within 2secs");
}

#[test]
fn who_died_meanwhile_is_mourned() {
    let driver = running();
    let mut driver = driver.restart();
    let container = driver.recover_containers().remove(0).container;
    driver.terminated(&container, ContainerTermination::default());
    assert!(driver.looks_for_master(), "nobody else is waited for");
    assert_eq!(driver.executor("f1", "t1").state, ExecutorState::Terminated);
    assert_eq!(driver.task_state("f1", "t1", "t1"), Some(TaskState::Failed));
}

#[test]
fn a_task_that_never_reached_its_executor_is_reported() {
    let mut driver = Driver::registered();
    driver.start_custom(&checkpointing("f1"), "t1", "e1");
    driver.executor_says(&pid("e1"), update("f1", "t1", TaskState::Running, "1"));
    let running = driver.forwarded_one();
    driver.acknowledge(&running);
    driver.writes_at_once = false;
    driver.run(&checkpointing("f1"), custom_task("t2", "e1"));
    assert!(driver.write());
    let mut driver = driver.restart();
    comes_back(&mut driver, "e1");
    driver.register();
    let update = driver.sent_after_registration();
    assert_eq!(update.status.task_id.as_str(), "t2");
    assert_eq!(update.status.state, TaskState::Lost);
    assert_eq!(update.status.reason, Some(Reason::AgentRestarted));
    assert_eq!(update.status.message.as_deref(), Some("Task launched during agent restart"));
}

#[test]
fn what_did_not_ask_for_it_is_not_recovered() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    let mut driver = driver.restart();
    assert!(driver.looks_for_master());
    assert!(driver.recover_containers().is_empty());
    assert!(driver.snapshot().frameworks.is_empty());
    assert_eq!(driver.snapshot().info.id, Some("m1-S0".into()));
}

#[test]
fn what_is_over_is_not_recovered() {
    let mut driver = running();
    driver.start(&checkpointing("f1"), "t2");
    let container = driver.executor("f1", "t1").container;
    let first = driver.forwarded_one();
    driver.acknowledge(&first);
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Finished, "2"));
    let end = driver.forwarded_one();
    driver.acknowledge(&end);
    driver.terminated(&container, ContainerTermination::default());
    let mut driver = driver.restart();
    let recovered = driver.recover_containers();
    assert_eq!(recovered.len(), 1);
    assert!(!driver.framework("f1").executors.contains_key(&ExecutorId::from("t1")));
    assert!(driver.snapshot().gc_pending > 0, "its directories are collected");
}

#[test]
fn after_a_reboot_everything_has_ended_and_the_agent_is_the_same() {
    let mut driver = running().restart_with(config(), |state| state.rebooted = true);
    assert!(driver.looks_for_master());
    assert!(driver.recover_containers().is_empty());
    driver.register();
    let first = driver.sent_after_registration();
    driver.acknowledge(&first);
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Failed);
    let message = end.status.message.as_deref();
    assert_eq!(message, Some("Abnormal executor termination: unknown container"));
    assert_eq!(driver.snapshot().info.id, Some("m1-S0".into()));
}

#[test]
fn other_flags_are_refused_unless_the_machine_was_rebooted() {
    let more = || {
        let mut config = config();
        config.info.resources = resources("cpus:8;mem:4096;disk:10000;ports:[31000-32000]");
        config
    };
    let driver = running().restart_with(more(), |_| {});
    assert!(matches!(&driver.exit, Some(Some(error)) if error.contains("resources")));
    let mut driver = running().restart_with(more(), |state| state.rebooted = true);
    assert_eq!(driver.exit, None);
    assert!(driver.looks_for_master());
    assert_eq!(driver.snapshot().info.id, None, "it is a new agent");
}

#[test]
fn additional_resources_are_welcome_where_the_operator_says_so() {
    let additive = |cpus: u32| {
        let mut config = Config { reconfiguration: ReconfigurationPolicy::Additive, ..config() };
        let text = format!("cpus:{cpus};mem:4096;disk:10000;ports:[31000-32000]");
        config.info.resources = resources(&text);
        config
    };
    let driver = running().restart_with(additive(8), |_| {});
    assert_eq!(driver.exit, None);
    assert_eq!(driver.snapshot().info.resources().cpus(), Some(8.0));
    let driver = running().restart_with(additive(2), |_| {});
    assert!(matches!(&driver.exit, Some(Some(_))));
}

#[test]
fn damage_is_fatal_if_the_agent_is_strict() {
    let damage = |state: &mut slave_core::checkpoint::RecoveredState| {
        state.errors.push("task.info of t7 is empty".to_string());
    };
    let driver = running().restart_with(config(), damage);
    assert!(matches!(&driver.exit, Some(Some(error)) if error.contains("t7")));
    let lenient = Config { strict: false, ..config() };
    let driver = running().restart_with(lenient, damage);
    assert_eq!(driver.exit, None);
    assert_eq!(driver.count(Counter::RecoveryErrors), 1);
}

#[test]
fn cleanup_ends_everything_and_exits() {
    let cleanup = Config { recover: RecoverMode::Cleanup, ..config() };
    let mut driver = running().restart_with(cleanup, |_| {});
    let container = driver.recover_containers().remove(0).container;
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
    driver.advance(Duration::from_secs(5));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, ContainerTermination::default());
    assert_eq!(driver.exit, Some(None));
    assert_eq!(driver.disk.recovered().agent, None);
    assert!(!driver.looks_for_master());
}

#[test]
fn a_launch_that_was_cut_short_leaves_nothing_half_done() {
    // The agent dies after each number of writes of a launch; the next one starts either way.
    for survived in 0..4 {
        let mut driver = Driver::registered();
        driver.writes_at_once = false;
        driver.run(&checkpointing("f1"), command_task("t1"));
        for _ in 0..survived {
            driver.write();
        }
        let mut driver = driver.restart();
        for container in driver.recover_containers() {
            driver.terminated(&container.container, ContainerTermination::default());
        }
        assert_eq!(driver.exit, None);
        assert!(driver.looks_for_master(), "after {survived} writes");
        driver.register();
    }
}

#[test]
fn executors_are_reported_to_the_master_again() {
    let mut driver = Driver::registered();
    driver.start_custom(&checkpointing("f1"), "t1", "e1");
    let mut driver = driver.restart();
    driver.executor_says(
        &pid("e1"),
        ReregisterExecutor {
            executor_id: "e1".into(),
            framework_id: "f1".into(),
            tasks: vec![custom_task("t1", "e1")],
            updates: Vec::new(),
        },
    );
    driver.detect(&crate::driver::master());
    driver.advance(Duration::from_secs(1));
    let sent = driver.sent();
    let Some(AgentToMaster::ReregisterAgent(request)) = sent.first() else {
        panic!("it asks to be taken back: {sent:?}");
    };
    let mut expected = executor_info("e1", ExecutorInfoType::Custom);
    expected.framework_id = Some("f1".into());
    assert_eq!(request.executor_infos, [expected]);
    assert_eq!(request.tasks[0].state, TaskState::Staging);
}

use std::time::Duration;

use mesos::internal::{
    AgentRegistered, AgentReregistered, AgentToMaster, MasterAgentConnection, PingAgent,
    ReconcileTasks,
};
use mesos::task::{Reason, TaskState, TaskStatus};
use slave_core::checkpoint::RecoveredState;
use slave_core::ids::MasterPid;
use slave_core::{AgentState, Event};

use crate::driver::{AGENT, Driver, command_task, config, framework, master, partition_aware};

fn fresh() -> Driver {
    let mut driver = Driver::fresh(config(), 7);
    driver.event(Event::Recovered(RecoveredState::default()));
    driver
}

#[test]
fn a_new_agent_looks_for_a_master_and_registers() {
    let mut driver = fresh();
    assert!(driver.looks_for_master());
    driver.detect(&master());
    assert!(driver.sent().is_empty(), "it waits a random while first");
    driver.advance(Duration::from_secs(1));
    let sent = driver.sent();
    let Some(AgentToMaster::RegisterAgent(request)) = sent.first() else {
        panic!("it asks to be registered: {sent:?}");
    };
    assert_eq!(request.agent.hostname, "node1");
    assert_eq!(request.agent.id, None);
    assert_eq!(driver.links_to_master(), 1);
    driver.master_says(AgentRegistered { agent_id: AGENT.into(), connection: None });
    assert_eq!(driver.snapshot().state, AgentState::Running);
    assert_eq!(driver.snapshot().info.id, Some(AGENT.into()));
    assert_eq!(driver.disk.recovered().agent.map(|a| a.info.id), Some(Some(AGENT.into())));
}

#[test]
fn attempts_become_rarer_up_to_one_a_minute() {
    let mut driver = fresh();
    driver.detect(&master());
    let mut spans = Vec::new();
    for _ in 0..64 {
        let (_, at) = driver.next_timer().expect("an attempt is planned");
        spans.push(at.since(driver.now));
        driver.advance(at.since(driver.now));
    }
    assert!(spans[0] <= Duration::from_secs(1));
    assert!(spans[1] <= Duration::from_secs(2));
    assert!(spans.iter().all(|span| *span <= Duration::from_secs(60)));
    let late: Duration = spans[8..].iter().sum();
    assert!(late / 56 > Duration::from_secs(15), "the mean of the late waits is near 30 s");
}

#[test]
fn messages_of_another_master_are_ignored() {
    let mut driver = fresh();
    driver.detect(&master());
    let other = MasterPid::new("master@10.0.0.8:5050");
    let message = AgentRegistered { agent_id: AGENT.into(), connection: None };
    driver.event(Event::MasterMessage { from: other, message: message.into() });
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
}

#[test]
fn without_a_leader_nothing_is_acted_on() {
    let mut driver = Driver::registered();
    driver.event(Event::MasterDetected { master: None });
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
    driver.run(&framework("f1"), command_task("t1"));
    assert!(driver.launches().is_empty());
    assert!(driver.snapshot().frameworks.is_empty());
}

#[test]
fn another_id_than_its_own_is_fatal() {
    let mut driver = Driver::registered();
    driver.master_says(AgentRegistered { agent_id: "m1-S9".into(), connection: None });
    assert!(matches!(&driver.exit, Some(Some(error)) if error.contains("m1-S9")));
}

#[test]
fn a_broken_link_leads_back_to_the_master() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.forget();
    driver.event(Event::MasterExited { master: master() });
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
    driver.advance(Duration::from_secs(1));
    assert_eq!(driver.links_to_master(), 1);
    let sent = driver.sent();
    let Some(AgentToMaster::ReregisterAgent(request)) = sent.first() else {
        panic!("it asks to be taken back: {sent:?}");
    };
    assert_eq!(request.tasks.len(), 1);
    assert_eq!(request.tasks[0].executor_id, None, "a command task names no executor");
    assert_eq!(request.frameworks.len(), 1);
    assert!(request.executor_infos.is_empty(), "masters do not know of command executors");
}

#[test]
fn pings_are_answered_and_missed() {
    let mut driver = Driver::registered();
    for _ in 0..10 {
        driver.advance(Duration::from_secs(15));
        driver.master_says(PingAgent { connected: true });
        assert!(matches!(driver.sent()[..], [AgentToMaster::PongAgent(_)]));
    }
    driver.advance(Duration::from_secs(74));
    assert_eq!(driver.snapshot().state, AgentState::Running);
    driver.advance(Duration::from_secs(1));
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
    driver.advance(Duration::from_secs(1));
    assert_eq!(driver.links_to_master(), 1, "the old connection may be half open");
    driver.admit();
}

#[test]
fn the_master_says_how_long_pings_may_be_missed() {
    let mut driver = fresh();
    driver.detect(&master());
    driver.advance(Duration::from_secs(1));
    let connection = MasterAgentConnection { total_ping_timeout_seconds: Some(5.0) };
    driver.master_says(AgentRegistered { agent_id: AGENT.into(), connection: Some(connection) });
    driver.advance(Duration::from_secs(6));
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
}

#[test]
fn a_ping_that_says_disconnected_makes_it_come_back() {
    let mut driver = Driver::registered();
    driver.master_says(PingAgent { connected: false });
    assert_eq!(driver.snapshot().state, AgentState::Disconnected);
    driver.advance(Duration::from_secs(1));
    driver.admit();
}

#[test]
fn tasks_that_only_the_master_knows_are_reported_lost() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.event(Event::MasterExited { master: master() });
    driver.advance(Duration::from_secs(1));
    driver.forget();
    let status = |id: &str| TaskStatus { task_id: id.into(), ..TaskStatus::default() };
    let reconciliations = vec![
        ReconcileTasks {
            framework_id: "f1".into(),
            statuses: vec![status("t1"), status("t2")],
            framework: Some(framework("f1")),
        },
        ReconcileTasks {
            framework_id: "f2".into(),
            statuses: vec![status("t3")],
            framework: Some(partition_aware(framework("f2"))),
        },
    ];
    let again = AgentReregistered { agent_id: AGENT.into(), reconciliations, connection: None };
    driver.master_says(again.clone());
    let updates = driver.forwarded();
    let seen: Vec<_> =
        updates.iter().map(|u| (u.status.task_id.as_str(), u.status.state)).collect();
    assert_eq!(seen, [("t2", TaskState::Lost), ("t3", TaskState::Dropped)]);
    assert!(updates.iter().all(|u| u.status.reason == Some(Reason::Reconciliation)));
    assert_eq!(
        updates[0].status.message.as_deref(),
        Some("Reconciliation: Task is unknown to the agent")
    );
    driver.master_says(again);
    assert!(driver.forwarded().is_empty(), "they are on their way already");
}

#[test]
fn a_second_master_is_met_like_the_first() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.forget();
    let other = MasterPid::new("master@10.0.0.8:5050");
    driver.detect(&other);
    driver.advance(Duration::from_secs(1));
    let message = AgentReregistered { agent_id: AGENT.into(), ..Default::default() };
    driver.event(Event::MasterMessage { from: other, message: message.into() });
    assert_eq!(driver.snapshot().state, AgentState::Running);
}

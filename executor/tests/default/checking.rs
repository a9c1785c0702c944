//! What the core decides about checks of tasks.

use std::time::Duration;

use executor::check::{Outcome, Ticket};
use executor::default::core::{Effect, Event, Slot, Timer};
use mesos::check::{CheckInfo, CheckInfoTcp, CheckInfoType};
use mesos::check::{CheckStatusInfoTcp, HealthCheck, HealthCheckTcp, HealthCheckType};
use mesos::task::TaskState::{Failed, Killed, Killing, Running};
use mesos::task::{Reason, TaskInfo};
use nix::libc::SIGTERM;

use crate::decisions::{Harness, task};

fn health_checked(id: &str) -> TaskInfo {
    let check = HealthCheck {
        r#type: Some(HealthCheckType::Tcp),
        tcp: Some(HealthCheckTcp { port: 1, ..HealthCheckTcp::default() }),
        delay_seconds: 1.0,
        grace_period_seconds: 0.0,
        consecutive_failures: 2,
        ..HealthCheck::default()
    };
    TaskInfo { health_check: Some(Box::new(check)), ..task(id) }
}

fn checked(id: &str) -> TaskInfo {
    let check = CheckInfo {
        r#type: Some(CheckInfoType::Tcp),
        tcp: Some(CheckInfoTcp { port: 1 }),
        ..CheckInfo::default()
    };
    TaskInfo { check: Some(Box::new(check)), ..task(id) }
}

/// The timer of a task's next probe.
fn next(harness: &Harness, slot: Slot) -> Option<(Ticket, Duration)> {
    harness.effects.iter().rev().find_map(|effect| match effect {
        Effect::SetTimer(Timer::Check(other, ticket), after) if *other == slot => {
            Some((*ticket, *after))
        }
        _ => None,
    })
}

/// The next probe of a task has this outcome.
fn probe(harness: &mut Harness, slot: Slot, outcome: Outcome) {
    let (ticket, _) = next(harness, slot).expect("a check is due");
    harness.clear();
    harness.step(Event::TimerFired(Timer::Check(slot, ticket)));
    let probed = matches!(harness.effects[..], [Effect::Probe { .. }]);
    assert!(probed, "{:?}", harness.effects);
    harness.step(Event::Probed(slot, ticket, outcome));
}

#[test]
fn an_unhealthy_task_is_killed_and_takes_its_group_along() {
    let mut harness = Harness::new();
    let [a, b] = harness.running([health_checked("a"), task("b")]);
    assert_eq!(next(&harness, a).unwrap().1, Duration::from_secs(1));
    probe(&mut harness, a, Outcome::Connected(true));
    let told = harness.told();
    assert_eq!((told[0].state, told[0].healthy), (Running, Some(true)));
    assert_eq!(told[0].reason, Some(Reason::TaskHealthCheckStatusUpdated));
    assert!(told[0].container_status.is_some(), "all that was known is said again");
    probe(&mut harness, a, Outcome::Connected(false));
    assert_eq!(harness.told()[0].healthy, Some(false));
    assert_eq!(harness.kills(), []);
    probe(&mut harness, a, Outcome::Connected(false));
    let told = harness.told();
    assert_eq!((told[0].state, told[0].healthy), (Running, Some(false)));
    assert_eq!((told[1].state, told[1].healthy), (Killing, None));
    assert_eq!(harness.kills(), [(a, SIGTERM)]);
    harness.step(Event::Waited(a, 0, ended()));
    let told = harness.told();
    assert_eq!((told[0].state, told[0].healthy), (Killed, Some(false)));
    assert_eq!(harness.kills(), [(a, SIGTERM), (b, SIGTERM)]);
}

fn ended() -> executor::default::core::Waited {
    let response = mesos::v1::agent::WaitNestedContainerResponse {
        exit_status: Some(SIGTERM),
        ..Default::default()
    };
    executor::default::core::Waited::Ended(response)
}

#[test]
fn every_status_of_a_checked_task_says_so() {
    let mut harness = Harness::new();
    harness.launch([checked("a")]);
    let status = harness.told().pop().unwrap().check_status.unwrap();
    assert_eq!(status.r#type, Some(CheckInfoType::Tcp));
    assert_eq!(status.tcp, Some(CheckStatusInfoTcp::default()));
    let slot = harness.launches()[0].0;
    harness.step(Event::Launched(slot, executor::default::core::Launched::Started));
    assert!(harness.told()[0].check_status.is_some());
    assert_eq!(next(&harness, slot).unwrap().1, Duration::from_secs(15));
    probe(&mut harness, slot, Outcome::Connected(true));
    let told = harness.told();
    assert_eq!(told[0].reason, Some(Reason::TaskCheckStatusUpdated));
    let status = told[0].check_status.clone().unwrap();
    assert_eq!(status.tcp.unwrap().succeeded, Some(true));
    probe(&mut harness, slot, Outcome::Connected(true));
    assert!(harness.told().is_empty(), "nothing has changed");
}

#[test]
fn checks_pause_while_there_is_no_agent_and_end_with_the_task() {
    let mut harness = Harness::new();
    let [a] = harness.running([health_checked("a")]);
    let (ticket, _) = next(&harness, a).unwrap();
    harness.step(Event::Disconnected);
    harness.clear();
    harness.step(Event::TimerFired(Timer::Check(a, ticket)));
    assert_eq!(harness.effects, []);
    harness.step(Event::Reregistered);
    let (ticket, after) = next(&harness, a).unwrap();
    assert_eq!(after, Duration::ZERO);
    harness.step(Event::Kill { task: "a".into(), grace_period: None });
    harness.clear();
    harness.step(Event::TimerFired(Timer::Check(a, ticket)));
    assert_eq!(harness.effects, []);
    harness.step(Event::Disconnected);
    harness.step(Event::Reregistered);
    assert_eq!(next(&harness, a), None, "it is being killed");
}

#[test]
fn a_task_that_cannot_be_checked_is_not_begun() {
    let mut harness = Harness::new();
    let mut impossible = checked("a");
    impossible.check.as_mut().unwrap().tcp = None;
    harness.launch([impossible, task("b")]);
    let [(b, ref call)] = harness.launches()[..] else { panic!() };
    assert_eq!(call.container_id.value, "c0-1");
    harness.told();
    harness.step(Event::Launched(b, executor::default::core::Launched::Started));
    let told = harness.told();
    let failed = told.iter().find(|status| status.state == Failed).unwrap();
    assert_eq!(failed.task_id.as_str(), "a");
    assert!(failed.message.as_deref().unwrap().contains("TCP"), "{failed:?}");
    assert_eq!(harness.kills(), [(b, SIGTERM)]);
}

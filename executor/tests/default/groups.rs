//! The default executor under an agent: messages one way, calls the other, processes below.

use std::fs;
use std::time::{Duration, Instant};

use mesos::check::{CheckInfo, CheckInfoCommand, CheckInfoType};
use mesos::check::{HealthCheck, HealthCheckType};
use mesos::executor_info::CommandInfo;
use mesos::task::Reason;
use mesos::task::TaskInfo;
use mesos::task::TaskState::{Failed, Finished, Killed, Killing, Running, Starting};
use mesos::v1::agent::CallType;

use crate::agent::{PATIENCE, Stage};
use crate::decisions;

fn task(id: &str, line: &str) -> TaskInfo {
    TaskInfo { command: Some(Box::new(shell(line))), ..decisions::task(id) }
}

fn shell(line: &str) -> CommandInfo {
    CommandInfo { value: Some(line.to_owned()), ..CommandInfo::default() }
}

pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        // Polls what nobody tells of: files, and calls of the executor.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_group_runs_to_its_end_and_the_executor_with_it() {
    let stage = Stage::set();
    stage.launch([task("a", "true"), task("b", "exit 0")]);
    let all = [Starting, Running, Finished];
    let last = stage.expect([("a", &all), ("b", &all)]);
    let status = &last["a"].status;
    assert_eq!(status.message.as_deref(), Some("Command exited with status 0"));
    let container = status.container_status.as_ref().unwrap().container_id.clone().unwrap();
    assert_eq!(container.parent.unwrap().value, "executor");
    let link = fs::read_link(stage.dir.path().join("tasks/a")).unwrap();
    assert_eq!(link, stage.dir.path().join("containers").join(container.value));
    stage.expect_end();
}

#[test]
fn a_failure_takes_the_group_along_and_leaves_others_alone() {
    let stage = Stage::set();
    stage.launch([task("other", "sleep 1000")]);
    stage.expect([("other", &[Starting, Running])]);
    let go = stage.dir.path().join("go");
    let waits = format!("while [ ! -e {} ]; do sleep 0.01; done; exit 3", go.display());
    stage.launch([task("a", &waits), task("b", "sleep 1000")]);
    stage.expect([("a", &[Starting, Running]), ("b", &[Starting, Running])]);
    fs::write(go, "").unwrap();
    let last = stage.expect([("a", &[Failed]), ("b", &[Killing, Killed])]);
    assert_eq!(last["a"].status.message.as_deref(), Some("Command exited with status 3"));
    stage.kill("other", None);
    stage.expect([("other", &[Killing, Killed])]);
    stage.expect_end();
}

#[test]
fn a_task_that_does_not_listen_is_killed() {
    let stage = Stage::set();
    let ready = stage.dir.path().join("ready");
    let line = format!("trap '' TERM; touch {}; while :; do sleep 1000; done", ready.display());
    stage.launch([task("deaf", &line)]);
    stage.expect([("deaf", &[Starting, Running])]);
    eventually("the task does not listen", || ready.exists());
    stage.kill("deaf", Some(Duration::from_millis(100)));
    let last = stage.expect([("deaf", &[Killing, Killed])]);
    let message = last["deaf"].status.message.as_deref();
    assert_eq!(message, Some("Command terminated with signal Killed"));
}

#[test]
fn a_launch_that_is_refused_fails_with_what_the_agent_says() {
    let stage = Stage::set();
    stage.refuse("bad");
    stage.launch([task("a", "sleep 1000"), task("b", "bad")]);
    let last =
        stage.expect([("a", &[Starting, Running, Killing, Killed]), ("b", &[Starting, Failed])]);
    assert_eq!(last["b"].status.message.as_deref(), Some("the container is refused"));
    stage.expect_end();
}

#[test]
fn tasks_outlive_their_agent() {
    let mut stage = Stage::set();
    let go = stage.dir.path().join("go");
    let line = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
    stage.launch([task("long", "sleep 1000"), task("short", &line)]);
    stage.expect([("long", &[Starting, Running]), ("short", &[Starting, Running])]);
    eventually("both are waited for", || stage.calls(CallType::WaitNestedContainer).len() == 2);
    stage.kill_agent();
    fs::write(go, "").unwrap();
    stage.be_busy(2);
    stage.start_agent();
    stage.expect([("short", &[Finished])]);
    eventually("the other is waited for again", || {
        stage.calls(CallType::WaitNestedContainer).len() == 4
    });
    stage.kill("long", None);
    stage.expect([("long", &[Killing, Killed])]);
    stage.expect_end();
}

#[test]
fn an_agent_that_recovers_is_asked_until_it_is_ready() {
    let stage = Stage::set();
    stage.be_busy(2);
    stage.launch([task("a", "true")]);
    stage.expect([("a", &[Starting, Running, Finished])]);
}

#[test]
fn a_shutdown_ends_all_groups() {
    let stage = Stage::set();
    stage.launch([task("a", "sleep 1000")]);
    stage.launch([task("b", "sleep 1000")]);
    stage.expect([("a", &[Starting, Running]), ("b", &[Starting, Running])]);
    stage.shut_down();
    stage.expect([("a", &[Killing, Killed]), ("b", &[Killing, Killed])]);
    stage.expect_end();
}

#[test]
fn an_unhealthy_task_is_killed() {
    let stage = Stage::set();
    let healthy = stage.dir.path().join("healthy");
    fs::write(&healthy, "").unwrap();
    let check = HealthCheck {
        r#type: Some(HealthCheckType::Command),
        command: Some(Box::new(shell(&format!("test -e {}", healthy.display())))),
        delay_seconds: 0.0,
        interval_seconds: 0.01,
        grace_period_seconds: 0.0,
        consecutive_failures: 2,
        ..HealthCheck::default()
    };
    let checked = TaskInfo { health_check: Some(Box::new(check)), ..task("a", "sleep 1000") };
    stage.launch([checked]);
    let last = stage.expect([("a", &[Starting, Running, Running])]);
    assert_eq!(last["a"].status.healthy, Some(true));
    assert_eq!(last["a"].status.reason, Some(Reason::TaskHealthCheckStatusUpdated));
    fs::remove_file(healthy).unwrap();
    let last = stage.expect([("a", &[Running, Running, Killing, Killed])]);
    assert_eq!(last["a"].status.healthy, Some(false));
    let launched = stage.calls(CallType::LaunchNestedContainerSession);
    let task = &stage.calls(CallType::LaunchContainer)[0];
    assert!(launched.iter().all(|id| id.starts_with(&format!("{task}.check-"))), "{launched:?}");
}

#[test]
fn a_check_leaves_no_container_behind() {
    let stage = Stage::set();
    let result = stage.dir.path().join("result");
    fs::write(&result, "3").unwrap();
    let check = CheckInfo {
        r#type: Some(CheckInfoType::Command),
        command: Some(CheckInfoCommand {
            command: shell(&format!("exit $(cat {})", result.display())),
        }),
        delay_seconds: 0.0,
        interval_seconds: 0.01,
        ..CheckInfo::default()
    };
    let checked = TaskInfo { check: Some(Box::new(check)), ..task("a", "sleep 1000") };
    stage.launch([checked]);
    let exit_code = |update: &mesos::internal::StatusUpdate| {
        update.status.check_status.clone().unwrap().command.unwrap().exit_code
    };
    assert_eq!(exit_code(&stage.expect([("a", &[Starting, Running])])["a"]), None);
    assert_eq!(exit_code(&stage.told()), Some(3));
    fs::write(&result, "4").unwrap();
    let changed = stage.told();
    assert_eq!(exit_code(&changed), Some(4));
    assert_eq!(changed.status.reason, Some(Reason::TaskCheckStatusUpdated));
    eventually("many checks", || stage.calls(CallType::RemoveNestedContainer).len() > 5);
    stage.kill("a", None);
    stage.expect([("a", &[Killing, Killed])]);
    eventually("only the task is left", || stage.containers().len() == 1);
}

#[test]
fn a_check_that_takes_too_long_is_killed_and_has_no_result() {
    let stage = Stage::set();
    let quick = stage.dir.path().join("quick");
    fs::write(&quick, "").unwrap();
    let check = CheckInfo {
        r#type: Some(CheckInfoType::Command),
        command: Some(CheckInfoCommand {
            command: shell(&format!("test -e {} || sleep 1000", quick.display())),
        }),
        delay_seconds: 0.0,
        interval_seconds: 0.01,
        timeout_seconds: 2.0,
        ..CheckInfo::default()
    };
    let checked = TaskInfo { check: Some(Box::new(check)), ..task("a", "sleep 1000") };
    stage.launch([checked]);
    stage.expect([("a", &[Starting, Running, Running])]);
    fs::remove_file(quick).unwrap();
    let late = stage.told().status.check_status.unwrap();
    assert_eq!(late.command.unwrap().exit_code, None);
    stage.kill("a", None);
    stage.expect([("a", &[Killing, Killed])]);
}

//! Checks of command tasks, under a real agent (rows HC-01, HC-02).

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use mesos::check::{CheckInfo, CheckInfoCommand, CheckInfoTcp, CheckInfoType};
use mesos::check::{HealthCheck, HealthCheckHttp, HealthCheckType};
use mesos::executor_info::CommandInfo;
use mesos::framework::FrameworkCapabilityType;
use mesos::internal::StatusUpdate;
use mesos::task::TaskState::{Finished, Killed, Killing, Running, Starting};
use mesos::task::{KillPolicy, Reason, TaskInfo};

use crate::support::{Cluster, eventually, task};

fn shell(line: &str) -> CommandInfo {
    CommandInfo { value: Some(line.to_owned()), ..CommandInfo::default() }
}

fn health_checked(id: &str, line: &str, check: &str) -> TaskInfo {
    let check = HealthCheck {
        r#type: Some(HealthCheckType::Command),
        command: Some(Box::new(shell(check))),
        delay_seconds: 0.0,
        interval_seconds: 0.01,
        grace_period_seconds: 0.0,
        consecutive_failures: 2,
        ..HealthCheck::default()
    };
    TaskInfo { health_check: Some(Box::new(check)), ..task(id, line) }
}

fn checked(id: &str, line: &str, check: CheckInfo) -> TaskInfo {
    let check = CheckInfo { delay_seconds: 0.0, interval_seconds: 0.01, ..check };
    TaskInfo { check: Some(Box::new(check)), ..task(id, line) }
}

fn command_check(line: &str) -> CheckInfo {
    CheckInfo {
        r#type: Some(CheckInfoType::Command),
        command: Some(CheckInfoCommand { command: shell(line) }),
        ..CheckInfo::default()
    }
}

fn exit_code(update: &StatusUpdate) -> Option<i32> {
    update.status.check_status.clone().unwrap().command.unwrap().exit_code
}

#[test]
fn a_task_that_becomes_unhealthy_is_killed() {
    let mut cluster = Cluster::start();
    cluster.has_capability(FrameworkCapabilityType::KillingState);
    let mut a = health_checked("a", "touch alive; exec sleep 1000", "test -e alive");
    // What the check sees before the task has done anything is forgiven.
    a.health_check.as_mut().unwrap().grace_period_seconds = 3600.0;
    cluster.launch(a);
    let healthy = cluster.expect(&[Starting, Running, Running]);
    assert_eq!(healthy.status.healthy, Some(true));
    assert_eq!(healthy.status.reason, Some(Reason::TaskHealthCheckStatusUpdated));
    fs::remove_file(cluster.sandbox("a").join("alive")).unwrap();
    for _ in 0..2 {
        assert_eq!(cluster.expect(&[Running]).status.healthy, Some(false));
    }
    let last = cluster.expect(&[Killing, Killed]);
    assert_eq!(last.status.healthy, Some(false));
    let message = last.status.message.as_deref();
    assert_eq!(message, Some("Command terminated with signal Terminated"));
    cluster.expect_no_processes();
}

#[test]
fn an_unhealthy_task_has_the_time_that_its_policy_gives() {
    let cluster = Cluster::start();
    let line = "trap '' TERM; touch deaf; while :; do sleep 1000; done";
    let mut deaf = health_checked("a", line, "test ! -e deaf");
    let grace_period = Some(Duration::from_millis(50).into());
    deaf.kill_policy = Some(KillPolicy { grace_period });
    cluster.launch(deaf);
    let last = loop {
        let update = cluster.update();
        if update.status.state.is_terminal() {
            break update;
        }
    };
    assert_eq!(last.status.message.as_deref(), Some("Command terminated with signal Killed"));
    assert_eq!((last.status.state, last.status.healthy), (Killed, Some(false)));
}

#[test]
fn nobody_at_the_port_is_unhealthy() {
    let cluster = Cluster::start();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().into();
    drop(listener);
    let mut a = health_checked("a", "sleep 1000", "");
    let check = a.health_check.as_mut().unwrap();
    check.r#type = Some(HealthCheckType::Http);
    check.http = Some(HealthCheckHttp { port, ..HealthCheckHttp::default() });
    cluster.launch(a);
    cluster.expect(&[Starting, Running, Running, Running, Killed]);
}

#[test]
fn a_check_tells_of_each_change_and_kills_nobody() {
    let cluster = Cluster::start();
    cluster.launch(checked("a", "sleep 1000", command_check("exit $(cat result || echo 9)")));
    let first = cluster.expect(&[Starting]);
    assert_eq!(exit_code(&first), None);
    assert_eq!(first.status.check_status.unwrap().r#type, Some(CheckInfoType::Command));
    cluster.expect(&[Running]);
    assert_eq!(exit_code(&cluster.expect(&[Running])), Some(9));
    put(&cluster.sandbox("a"), "result", "4");
    let changed = cluster.expect(&[Running]);
    assert_eq!(exit_code(&changed), Some(4));
    assert_eq!(changed.status.reason, Some(Reason::TaskCheckStatusUpdated));
    assert_eq!(changed.status.healthy, None);
    cluster.kill("a", None);
    cluster.expect(&[Killed]);
}

#[test]
fn health_and_result_are_told_together() {
    let cluster = Cluster::start();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().into();
    let mut a = health_checked("a", "while [ ! -e go ]; do sleep 0.01; done", "true");
    a.check = Some(Box::new(CheckInfo {
        r#type: Some(CheckInfoType::Tcp),
        tcp: Some(CheckInfoTcp { port }),
        delay_seconds: 0.0,
        ..CheckInfo::default()
    }));
    cluster.launch(a);
    cluster.expect(&[Starting, Running, Running]);
    let both = cluster.expect(&[Running]).status;
    assert_eq!(both.healthy, Some(true));
    assert_eq!(both.check_status.unwrap().tcp.unwrap().succeeded, Some(true));
    fs::write(cluster.sandbox("a").join("go"), "").unwrap();
    // The end says nothing of what was found out, as in Mesos.
    let last = cluster.expect(&[Finished]).status;
    assert_eq!(last.healthy, None);
    assert_eq!(last.check_status.unwrap().tcp.unwrap().succeeded, None);
}

/// Replaces a file as a whole.
fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("partial"), text).unwrap();
    fs::rename(folder.join("partial"), folder.join(name)).unwrap();
}

#[test]
fn the_next_agent_hears_the_last_of_the_results_that_nobody_heard() {
    let mut cluster = Cluster::start();
    cluster.framework.checkpoint = true;
    let check = "value=$(cat value || echo 0); echo $value >> log; exit $value";
    cluster.launch(checked("a", "sleep 1000", command_check(check)));
    assert_eq!(exit_code(&cluster.expect(&[Starting, Running, Running])), Some(0));
    let sandbox = cluster.sandbox("a");
    cluster.kill_agent();
    for value in ["1", "2", "3"] {
        put(&sandbox, "value", value);
        // The second check with this value begins when the first one is over.
        eventually(|| {
            let log = fs::read_to_string(sandbox.join("log")).unwrap_or_default();
            log.lines().filter(|line| *line == value).count() >= 2
        });
    }
    cluster.start_agent();
    let last = cluster.expect_with_repeats(&[Running]);
    assert_eq!(exit_code(&last), Some(3));
    cluster.kill("a", None);
    cluster.expect_with_repeats(&[Killed]);
    cluster.expect_no_processes();
}

//! Checks of tasks, from the framework's description to the framework's updates.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use mesos_framework::mesos::check::{
    CheckInfo, CheckInfoHttp, CheckInfoType, HealthCheck, HealthCheckType,
};
use mesos_framework::mesos::executor_info::CommandInfo;
use mesos_framework::{Reason, Task, TaskState, TaskStatus};

use crate::daemons::{Cluster, wait_for};
use crate::recorder::{Group, Session, durable, shell};

/// A task that is healthy while there is a file, and that makes this file in its sandbox.
fn alive(id: &str) -> Task {
    let test = CommandInfo { value: Some("test -e alive".to_owned()), ..Default::default() };
    let check = HealthCheck {
        r#type: Some(HealthCheckType::Command),
        command: Some(Box::new(test)),
        delay_seconds: 0.0,
        interval_seconds: 0.05,
        grace_period_seconds: 60.0,
        consecutive_failures: 2,
        ..HealthCheck::default()
    };
    shell(id, "pwd > alive; while [ -e alive ]; do sleep 0.05; done; sleep 1000")
        .change(|info| info.health_check = Some(Box::new(check)))
}

/// Waits until the framework has heard that a task is healthy, or is not.
fn wait_for_health(session: &Session, task: &str, healthy: bool) -> TaskStatus {
    wait_for(&format!("{task} is healthy: {healthy}"), || {
        let updates = session.record.updates(task);
        updates.into_iter().find(|status| status.healthy == Some(healthy))
    })
}

/// Ends what makes a task healthy.
fn poison(cluster: &Cluster) {
    let found = find(&cluster.folder().join("agent-0/slaves"));
    fs::remove_file(found.expect("the task has made the file")).expect("it can be removed");
}

fn find(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Links lead to what is found anyway.
        let kind = entry.file_type().ok()?;
        if entry.file_name() == "alive" {
            return Some(entry.path());
        }
        if let Some(found) = kind.is_dir().then(|| find(&entry.path())).flatten() {
            return Some(found);
        }
    }
    None
}

#[test]
fn an_unhealthy_task_is_killed() {
    let cluster = Cluster::start(1);
    let session = Session::start(durable("checks"), &cluster.address(), [alive("t")]);
    let status = wait_for_health(&session, "t", true);
    assert_eq!(status.state, TaskState::Running);
    assert_eq!(status.reason, Some(Reason::TaskHealthCheckStatusUpdated));
    poison(&cluster);
    let last = session.record.wait_for("t", TaskState::Killed);
    assert_eq!(last.healthy, Some(false));
    session.finish();
}

#[test]
fn an_unhealthy_task_takes_its_group_along() {
    let cluster = Cluster::start(1);
    let tasks = vec![alive("a"), shell("b", "sleep 1000")];
    let groups = [Group { executor: "default", tasks }];
    let session = Session::start_groups(durable("checks"), &cluster.address(), groups);
    let status = wait_for_health(&session, "a", true);
    assert_eq!(status.reason, Some(Reason::TaskHealthCheckStatusUpdated));
    poison(&cluster);
    let last = session.record.wait_for("a", TaskState::Killed);
    assert_eq!(last.healthy, Some(false));
    session.record.wait_for("b", TaskState::Killed);
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

#[test]
fn a_healthy_task_stays_healthy_over_a_restart_of_its_agent() {
    let mut cluster = Cluster::start(1);
    let groups = [Group { executor: "default", tasks: vec![alive("a")] }];
    let session = Session::start_groups(durable("checks"), &cluster.address(), groups);
    wait_for_health(&session, "a", true);
    cluster.agents[0].take().expect("it runs").kill();
    cluster.start_agent(0);
    cluster.wait_for_agents(1);
    // The checks that the old agent took down with it say nothing of the task; the next ones do.
    poison(&cluster);
    let sick = wait_for_health(&session, "a", false);
    assert_eq!(sick.state, TaskState::Running);
    session.record.wait_for("a", TaskState::Killed);
    session.finish();
}

#[test]
fn a_check_tells_of_each_status_of_a_server() {
    let cluster = Cluster::start(1);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port().into();
    let status = Arc::new(AtomicU16::new(200));
    let answers = status.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 1024]);
            let status = answers.load(Ordering::Relaxed);
            // The client may have gone.
            let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let check = CheckInfo {
        r#type: Some(CheckInfoType::Http),
        http: Some(CheckInfoHttp { port, path: Some("/".to_owned()) }),
        delay_seconds: 0.0,
        interval_seconds: 0.05,
        ..CheckInfo::default()
    };
    let task = shell("t", "sleep 1000").change(|info| info.check = Some(Box::new(check)));
    let session = Session::start(durable("checks"), &cluster.address(), [task]);
    for expected in [200, 500, 404] {
        status.store(expected, Ordering::Relaxed);
        let update = wait_for(&format!("the status is {expected}"), || {
            let updates = session.record.updates("t");
            updates.into_iter().find(|update| code_of(update) == Some(expected.into()))
        });
        assert_eq!(update.state, TaskState::Running);
        assert_eq!(update.reason, Some(Reason::TaskCheckStatusUpdated));
    }
    let first = &session.record.updates("t")[0];
    assert_eq!(first.state, TaskState::Starting);
    assert!(first.check_status.is_some() && code_of(first).is_none(), "{first:?}");
    session.finish();
}

fn code_of(status: &TaskStatus) -> Option<u32> {
    status.check_status.as_ref()?.http.as_ref()?.status_code
}

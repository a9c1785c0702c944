//! Tasks from their launch to their end.

use std::fs;

use mesos_framework::{Reason, TaskState};

use crate::daemons::{Cluster, wait_for};
use crate::recorder::{Session, durable, shell};

#[test]
fn a_task_starts_runs_and_finishes() {
    let cluster = Cluster::start(1);
    let marker = cluster.folder().join("ran");
    let command = format!("echo once >> {}", marker.display());
    let session = Session::start(durable("job"), &cluster.address(), [shell("t", command)]);
    session.record.wait_for("t", TaskState::Finished);
    let expected = [TaskState::Starting, TaskState::Running, TaskState::Finished];
    assert_eq!(session.record.states("t"), expected);
    assert_eq!(fs::read_to_string(marker).expect("the task ran"), "once\n");
    session.finish();
}

#[test]
fn a_failing_task_fails_with_its_status() {
    let cluster = Cluster::start(1);
    let session = Session::start(durable("job"), &cluster.address(), [shell("t", "exit 7")]);
    let status = session.record.wait_for("t", TaskState::Failed);
    assert_eq!(status.message.as_deref(), Some("Command exited with status 7"));
    session.finish();
}

#[test]
fn a_killed_task_is_killed_with_its_children() {
    let cluster = Cluster::start(1);
    let task = shell("t", "sleep 1000 & sleep 1000 & wait");
    let session = Session::start(durable("job"), &cluster.address(), [task]);
    session.record.wait_for("t", TaskState::Running);
    session.kill("t");
    session.record.wait_for("t", TaskState::Killed);
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

#[test]
fn many_tasks_run_on_several_agents() {
    let cluster = Cluster::start(3);
    let tasks = (0..60).map(|index| shell(&format!("t{index}"), "true"));
    let session = Session::start(durable("job"), &cluster.address(), tasks);
    for index in 0..60 {
        session.record.wait_for(&format!("t{index}"), TaskState::Finished);
    }
    session.finish();
}

#[test]
fn teardown_kills_what_runs() {
    let cluster = Cluster::start(1);
    let session = Session::start(durable("job"), &cluster.address(), [shell("t", "sleep 1000")]);
    session.record.wait_for("t", TaskState::Running);
    session.finish();
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    let completed = wait_for("the framework is completed", || {
        let state = cluster.state()?;
        let completed = state["completed_frameworks"].as_array()?;
        completed.first().cloned()
    });
    assert_eq!(completed["name"], "job");
}

#[test]
fn a_launch_on_an_offer_that_does_not_exist_is_lost() {
    let cluster = Cluster::start(1);
    let session = Session::start(durable("job"), &cluster.address(), [shell("small", "true")]);
    session.record.wait_for("small", TaskState::Finished);
    // What is asked of an offer that does not exist.
    let offer = mesos_framework::Offer { id: "nosuch".into(), ..Default::default() };
    let mut room = mesos_framework::Room::of(&offer);
    assert!(room.place(&shell("t", "true")).is_none(), "nothing fits into nothing");
    let task = mesos_framework::TaskInfo {
        task_id: "t".into(),
        name: "t".to_owned(),
        ..Default::default()
    };
    session.driver().launch(&offer, vec![task]);
    let status = session.record.wait_for("t", TaskState::Lost);
    assert_eq!(status.reason, Some(Reason::InvalidOffers));
    session.finish();
}

//! `kill -9` of master, agent and executor in the middle of work: nothing is lost, nothing runs
//! twice, and nobody has to start anything by hand but what was killed.

use std::fs;

use mesos_framework::{Reason, TaskState};

use crate::daemons::{Cluster, wait_for};
use crate::recorder::{Session, durable, shell};

/// A task that notes its start, and ends when it is let go.
fn held(cluster: &Cluster, id: &str) -> mesos_framework::Task {
    let folder = cluster.folder().display();
    shell(
        id,
        format!("echo once >> {folder}/ran-{id}; while [ ! -e {folder}/go ]; do sleep 0.05; done"),
    )
}

/// The executors. Their tasks have children that come and go.
fn executors(cluster: &Cluster) -> Vec<i32> {
    let is_executor = |pid: &i32| {
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let program = command_line.split(|octet| *octet == 0).next().unwrap_or_default();
        program.ends_with(b"mesos-executor")
    };
    cluster.task_processes().into_iter().filter(is_executor).collect()
}

fn let_go(cluster: &Cluster) {
    fs::write(cluster.folder().join("go"), "").expect("the folder is there");
}

fn assert_ran_once(cluster: &Cluster, id: &str) {
    let path = cluster.folder().join(format!("ran-{id}"));
    assert_eq!(fs::read_to_string(path).expect("the task ran"), "once\n", "{id}");
}

/// No terminal state is heard twice as a new update: repetitions carry the same uuid.
fn assert_told_once(session: &Session, id: &str) {
    let mut uuids: Vec<_> = session
        .record
        .updates(id)
        .into_iter()
        .filter(|status| status.state.is_terminal())
        .filter_map(|status| status.uuid)
        .collect();
    uuids.dedup();
    assert_eq!(uuids.len(), 1, "{id} has ended once");
}

#[test]
fn the_master_dies() {
    let mut cluster = Cluster::start(2);
    let tasks = [held(&cluster, "a"), held(&cluster, "b")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    session.record.wait_for("a", TaskState::Running);
    session.record.wait_for("b", TaskState::Running);
    cluster.master.take().expect("it runs").kill();
    // The tasks end while there is no master.
    let_go(&cluster);
    cluster.start_master();
    session.record.wait_for_subscriptions(2);
    for id in ["a", "b"] {
        session.record.wait_for(id, TaskState::Finished);
        assert_ran_once(&cluster, id);
        assert_told_once(&session, id);
    }
    cluster.wait_for_agents(2);
    session.finish();
}

#[test]
fn an_agent_dies_and_its_executors_go_on() {
    let mut cluster = Cluster::start(1);
    let tasks = [held(&cluster, "a"), held(&cluster, "b")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    session.record.wait_for("a", TaskState::Running);
    session.record.wait_for("b", TaskState::Running);
    let before = executors(&cluster);
    assert_eq!(before.len(), 2);
    cluster.agents[0].take().expect("it runs").kill();
    assert_eq!(executors(&cluster), before, "executors outlive their agent");
    cluster.start_agent(0);
    cluster.wait_for_agents(1);
    let_go(&cluster);
    for id in ["a", "b"] {
        session.record.wait_for(id, TaskState::Finished);
        assert_ran_once(&cluster, id);
        assert_told_once(&session, id);
    }
    session.finish();
}

#[test]
fn a_task_ends_while_its_agent_is_dead() {
    let mut cluster = Cluster::start(1);
    let tasks = [held(&cluster, "a")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    session.record.wait_for("a", TaskState::Running);
    cluster.agents[0].take().expect("it runs").kill();
    let_go(&cluster);
    wait_for("the task's shell ends, its executor waits", || {
        (cluster.task_processes().len() <= 1).then_some(())
    });
    cluster.start_agent(0);
    session.record.wait_for("a", TaskState::Finished);
    assert_ran_once(&cluster, "a");
    assert_told_once(&session, "a");
    session.finish();
}

#[test]
fn an_executor_dies() {
    let cluster = Cluster::start(1);
    let tasks = [held(&cluster, "a")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    let running = session.record.wait_for("a", TaskState::Running);
    let status = running.container_status.expect("a running task has a container");
    let pid = status.executor_pid.expect("a container has a leading process");
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let status = session.record.wait_for("a", TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ExecutorTerminated));
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

#[test]
fn master_and_agent_die_together() {
    let mut cluster = Cluster::start(1);
    let tasks = [held(&cluster, "a")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    session.record.wait_for("a", TaskState::Running);
    cluster.master.take().expect("it runs").kill();
    cluster.agents[0].take().expect("it runs").kill();
    let_go(&cluster);
    cluster.start_agent(0);
    cluster.start_master();
    session.record.wait_for("a", TaskState::Finished);
    assert_ran_once(&cluster, "a");
    assert_told_once(&session, "a");
    session.finish();
}

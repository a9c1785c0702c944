//! Task groups under the default executor: each task in a container nested in the executor's.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use mesos_framework::{Capability, Framework, Task, TaskState, TaskStatus};

use crate::daemons::{Cluster, wait_for};
use crate::recorder::{Group, Session, durable, shell};

/// A framework that hears of everything.
fn framework() -> Framework {
    durable("groups").capability(Capability::KillingState)
}

fn group(tasks: impl IntoIterator<Item = Task>) -> Group {
    Group { executor: "default", tasks: tasks.into_iter().collect() }
}

/// A task that notes its start, and ends with `end` when it is let go.
fn held(cluster: &Cluster, id: &str, end: &str) -> Task {
    let folder = cluster.folder().display();
    let wait = format!("while [ ! -e {folder}/go-{id} ]; do sleep 0.05; done");
    shell(id, format!("echo once >> {folder}/ran-{id}; {wait}; {end}"))
}

fn let_go(cluster: &Cluster, id: &str) {
    fs::write(cluster.folder().join(format!("go-{id}")), "").expect("the folder is there");
}

fn assert_ran_once(cluster: &Cluster, id: &str) {
    let path = cluster.folder().join(format!("ran-{id}"));
    assert_eq!(fs::read_to_string(path).expect("the task ran"), "once\n", "{id}");
}

/// The container of a task, as its parent's id and its own.
fn container(status: &TaskStatus) -> (String, String) {
    let id = status.container_status.as_ref().and_then(|status| status.container_id.clone());
    let id = id.expect("a task has a container");
    (id.parent.expect("it is nested").value, id.value)
}

fn sandbox(cluster: &Cluster, session: &Session, status: &TaskStatus) -> PathBuf {
    let framework = session.driver().framework_id().expect("it is subscribed");
    let agent = status.agent_id.as_ref().expect("a task has an agent");
    let (run, own) = container(status);
    cluster
        .folder()
        .join(format!("agent-0/slaves/{agent}/frameworks/{framework}/executors/default"))
        .join(format!("runs/{run}/containers/{own}"))
}

fn expect_no_processes(cluster: &Cluster) {
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
}

#[test]
fn a_group_runs_and_finishes() {
    let cluster = Cluster::start(1);
    let tasks = [shell("a", "echo $MESOS_CONTAINER_IP; cat /dev/null"), shell("b", "true")];
    let session = Session::start_groups(framework(), &cluster.address(), [group(tasks)]);
    let expected = [TaskState::Starting, TaskState::Running, TaskState::Finished];
    let mut containers = Vec::new();
    for id in ["a", "b"] {
        let last = session.record.wait_for(id, TaskState::Finished);
        assert_eq!(session.record.states(id), expected);
        assert_eq!(last.message.as_deref(), Some("Command exited with status 0"));
        containers.push(container(&last));
    }
    assert_eq!(containers[0].0, containers[1].0, "both are in the executor's container");
    assert_ne!(containers[0].1, containers[1].1);
    let last = session.record.wait_for("a", TaskState::Finished);
    let sandbox = sandbox(&cluster, &session, &last);
    assert_eq!(fs::read_to_string(sandbox.join("stdout")).expect("it wrote"), "127.0.0.1\n");
    let by_task = sandbox.join("../../tasks/a/stdout");
    assert_eq!(fs::read_to_string(by_task).expect("it has a name"), "127.0.0.1\n");
    // The executor has nothing to do any more.
    expect_no_processes(&cluster);
    session.finish();
}

#[test]
fn a_failure_takes_the_group_along() {
    let cluster = Cluster::start(1);
    let other = Group { executor: "default", tasks: vec![held(&cluster, "other", "true")] };
    let tasks = [held(&cluster, "a", "exit 3"), shell("b", "sleep 1000 & sleep 1000")];
    let groups = [other, group(tasks)];
    let session = Session::start_groups(framework(), &cluster.address(), groups);
    for id in ["a", "b", "other"] {
        session.record.wait_for(id, TaskState::Running);
    }
    let_go(&cluster, "a");
    let failed = session.record.wait_for("a", TaskState::Failed);
    assert_eq!(failed.message.as_deref(), Some("Command exited with status 3"));
    let killed = session.record.wait_for("b", TaskState::Killed);
    let message = "Command terminated with signal Terminated";
    assert_eq!(killed.message.as_deref(), Some(message));
    assert!(session.record.states("b").contains(&TaskState::Killing));
    // Another group of the same executor goes on.
    let running = session.record.updates("other");
    assert_eq!(running.last().map(|status| status.state), Some(TaskState::Running));
    assert_eq!(container(&running[0]).0, container(&killed).0);
    let_go(&cluster, "other");
    session.record.wait_for("other", TaskState::Finished);
    expect_no_processes(&cluster);
    session.finish();
}

#[test]
fn a_kill_takes_the_group_along() {
    let cluster = Cluster::start(1);
    let tasks = [shell("a", "sleep 1000"), shell("b", "sleep 1000")];
    let session = Session::start_groups(framework(), &cluster.address(), [group(tasks)]);
    session.record.wait_for("a", TaskState::Running);
    session.record.wait_for("b", TaskState::Running);
    session.kill("a");
    for id in ["a", "b"] {
        session.record.wait_for(id, TaskState::Killed);
        let states = session.record.states(id);
        assert_eq!(states[2..], [TaskState::Killing, TaskState::Killed], "{id}");
    }
    expect_no_processes(&cluster);
    session.finish();
}

#[test]
fn an_agent_dies_and_its_groups_go_on() {
    let mut cluster = Cluster::start(1);
    let tasks = [held(&cluster, "a", "true"), held(&cluster, "b", "true")];
    let session = Session::start_groups(framework(), &cluster.address(), [group(tasks)]);
    session.record.wait_for("a", TaskState::Running);
    session.record.wait_for("b", TaskState::Running);
    cluster.agents[0].take().expect("it runs").kill();
    // One ends while there is no agent, the other when there is one again.
    let_go(&cluster, "a");
    cluster.start_agent(0);
    let last = session.record.wait_for("a", TaskState::Finished);
    assert_eq!(last.message.as_deref(), Some("Command exited with status 0"));
    cluster.wait_for_agents(1);
    let_go(&cluster, "b");
    session.record.wait_for("b", TaskState::Finished);
    for id in ["a", "b"] {
        assert_ran_once(&cluster, id);
        let expected = [TaskState::Starting, TaskState::Running, TaskState::Finished];
        assert_eq!(session.record.states(id), expected);
    }
    expect_no_processes(&cluster);
    session.finish();
}

#[test]
fn an_agent_that_dies_while_it_launches_runs_no_task_twice() {
    let mut cluster = Cluster::start(1);
    let ids: Vec<String> = (0..6).map(|number| format!("t{number}")).collect();
    let tasks: Vec<Task> = ids.iter().map(|id| held(&cluster, id, "true")).collect();
    ids.iter().for_each(|id| let_go(&cluster, id));
    let session = Session::start_groups(framework(), &cluster.address(), [group(tasks)]);
    // The first of six has begun: the others are on their way.
    let has_run = |id: &String| cluster.folder().join(format!("ran-{id}")).exists();
    wait_for("a task begins", || ids.iter().any(has_run).then_some(()));
    cluster.agents[0].take().expect("it runs").kill();
    // A process that was just being forked has the agent's port until it runs its program.
    wait_for("the port is free", || TcpListener::bind(cluster.agent_address(0)).ok());
    cluster.start_agent(0);
    for id in &ids {
        let last = wait_for(&format!("{id} ends"), || {
            let updates = session.record.updates(id);
            updates.into_iter().find(|status| status.state.is_terminal())
        });
        // A container that was being made when the agent died may have run, and is not made anew:
        // such a task fails, and its group with it.
        let ran = fs::read_to_string(cluster.folder().join(format!("ran-{id}")));
        match last.state {
            TaskState::Finished => assert_eq!(ran.expect("it ran"), "once\n", "{id}"),
            _ => assert!(ran.is_err() || ran.is_ok_and(|text| text == "once\n"), "{id}"),
        }
    }
    expect_no_processes(&cluster);
    session.finish();
}

#[test]
fn teardown_kills_groups() {
    let cluster = Cluster::start(1);
    let tasks = [shell("a", "trap '' TERM; while :; do sleep 1000; done")];
    let session = Session::start_groups(framework(), &cluster.address(), [group(tasks)]);
    session.record.wait_for("a", TaskState::Running);
    session.finish();
    expect_no_processes(&cluster);
}

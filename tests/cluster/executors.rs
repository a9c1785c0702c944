//! Executors that are not ours: `executor.py` speaks the executor API of real agents, which die
//! under it.

use std::fs;
use std::time::Duration;

use mesos_framework::mesos::executor_info::{CommandInfo, ExecutorInfo, ExecutorInfoType};
use mesos_framework::mesos::task::StatusSource;
use mesos_framework::mesos::time::DurationInfo;
use mesos_framework::{Framework, Reason, Task, TaskState};

use crate::daemons::{Cluster, wait_for};
use crate::recorder::{Session, durable};

/// The executor `e`, which all tasks of a test share.
fn executor(cluster: &Cluster, arguments: &str) -> ExecutorInfo {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/executor.py");
    let value = format!("exec python3 {program} {} {arguments}", cluster.folder().display());
    ExecutorInfo {
        r#type: Some(ExecutorInfoType::Custom),
        executor_id: "e".into(),
        command: Some(Box::new(CommandInfo { value: Some(value), ..CommandInfo::default() })),
        shutdown_grace_period: Some(DurationInfo::from(Duration::from_secs(2))),
        ..ExecutorInfo::default()
    }
}

fn task(cluster: &Cluster, id: &str) -> Task {
    Task::with_executor(id, executor(cluster, "")).cpus(0.1).mem(32.0)
}

fn let_go(cluster: &Cluster, task: &str) {
    fs::write(cluster.folder().join(format!("go-{task}")), "").expect("the folder is there");
}

fn assert_ran_once(cluster: &Cluster, id: &str) {
    let path = cluster.folder().join(format!("ran-{id}"));
    assert_eq!(fs::read_to_string(path).expect("the task ran"), "once\n", "{id}");
}

/// The states of a task, each told with one uuid only: what is repeated is the same update.
fn assert_told_once(session: &Session, id: &str, states: &[TaskState]) {
    let mut updates = session.record.updates(id);
    updates.dedup_by(|next, last| next.uuid == last.uuid);
    let told: Vec<TaskState> = updates.iter().map(|status| status.state).collect();
    assert_eq!(told, states, "{id}: {updates:?}");
}

const WHOLE_LIFE: [TaskState; 3] = [TaskState::Starting, TaskState::Running, TaskState::Finished];

#[test]
fn a_session_with_several_tasks() {
    let cluster = Cluster::start(1);
    let tasks = [task(&cluster, "a"), task(&cluster, "b")];
    let session = Session::start(Framework::new("custom"), &cluster.address(), tasks);
    let running = session.record.wait_for("a", TaskState::Running);
    let other = session.record.wait_for("b", TaskState::Running);
    let container = |status: &mesos_framework::TaskStatus| {
        status.container_status.as_ref().and_then(|status| status.container_id.clone())
    };
    assert_eq!(container(&running), container(&other), "they share one executor");
    assert_eq!(running.source, Some(StatusSource::Executor));

    let agent = running.agent_id.clone().expect("updates name their agent");
    session.driver().message(&agent, &"e".into(), b"ping");
    session.record.wait_for_message(b"ping");
    session.kill("a");
    session.record.wait_for("a", TaskState::Killed);
    let_go(&cluster, "b");
    session.record.wait_for("b", TaskState::Finished);
    assert_told_once(&session, "b", &WHOLE_LIFE);
    assert_environment(&cluster);

    session.driver().shutdown(&agent, &"e".into());
    let (executor, status) = session.record.wait_for_failure();
    assert_eq!((executor.as_ref().map(|id| id.as_str()), status), (Some("e"), Some(0)));
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

/// What the executor of a framework without checkpoints finds, apart from what its shell adds.
fn assert_environment(cluster: &Cluster) {
    let text = fs::read_to_string(cluster.folder().join("environment")).expect("it noted it");
    let found: serde_json::Value = serde_json::from_str(text.trim()).expect("JSON");
    let found = found.as_object().expect("an object");
    let names: Vec<&str> = found
        .keys()
        .map(String::as_str)
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"].contains(name))
        .collect();
    let expected = [
        "LIBPROCESS_IP",
        "LIBPROCESS_PORT",
        "MESOS_AGENT_ENDPOINT",
        "MESOS_CHECKPOINT",
        "MESOS_DIRECTORY",
        "MESOS_EXECUTOR_ID",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
        "MESOS_FRAMEWORK_ID",
        "MESOS_HTTP_COMMAND_EXECUTOR",
        "MESOS_SANDBOX",
        "MESOS_SLAVE_ID",
        "MESOS_SLAVE_PID",
        "PATH",
    ];
    assert_eq!(names, expected);
    assert_eq!(found["MESOS_CHECKPOINT"], "0");
    assert_eq!(found["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"], "2secs");
    let endpoint = found["MESOS_AGENT_ENDPOINT"].as_str().expect("text");
    assert_eq!(found["MESOS_SLAVE_PID"], format!("slave(1)@{endpoint}"));
}

#[test]
fn an_agent_dies_under_an_executor() {
    let mut cluster = Cluster::start(1);
    let tasks = [task(&cluster, "a"), task(&cluster, "b")];
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    session.record.wait_for("a", TaskState::Running);
    session.record.wait_for("b", TaskState::Running);
    let before = cluster.task_processes();
    cluster.agents[0].take().expect("it runs").kill();
    // One task ends while nobody listens, the other after the agent is back.
    let_go(&cluster, "a");
    assert_eq!(cluster.task_processes(), before, "executors outlive their agent");
    cluster.start_agent(0);
    session.record.wait_for("a", TaskState::Finished);
    let_go(&cluster, "b");
    session.record.wait_for("b", TaskState::Finished);
    for id in ["a", "b"] {
        assert_ran_once(&cluster, id);
        assert_told_once(&session, id, &WHOLE_LIFE);
    }
    session.finish();
}

#[test]
fn an_agent_dies_again_and_again() {
    let mut cluster = Cluster::start(1);
    let ids: Vec<String> = (0..8).map(|index| format!("t{index}")).collect();
    let tasks: Vec<Task> = ids.iter().map(|id| task(&cluster, id)).collect();
    let session = Session::start(durable("survivor"), &cluster.address(), tasks);
    for id in &ids {
        session.record.wait_for(id, TaskState::Running);
    }
    for pair in ids.chunks(2) {
        // Their ends and the end of the agent cross each other.
        pair.iter().for_each(|id| let_go(&cluster, id));
        cluster.agents[0].take().expect("it runs").kill();
        cluster.start_agent(0);
        for id in pair {
            session.record.wait_for(id, TaskState::Finished);
        }
    }
    for id in &ids {
        assert_ran_once(&cluster, id);
        assert_told_once(&session, id, &WHOLE_LIFE);
    }
    session.finish();
}

#[test]
fn an_executor_that_does_not_shut_down_is_ended() {
    let cluster = Cluster::start(1);
    let stubborn = Task::with_executor("a", executor(&cluster, "stubborn")).cpus(0.1).mem(32.0);
    let session = Session::start(durable("custom"), &cluster.address(), [stubborn]);
    let running = session.record.wait_for("a", TaskState::Running);
    let agent = running.agent_id.expect("updates name their agent");
    session.driver().shutdown(&agent, &"e".into());
    let end = session.record.wait_for("a", TaskState::Failed);
    assert_eq!(end.reason, Some(Reason::ExecutorTerminated));
    let (executor, status) = session.record.wait_for_failure();
    assert_eq!(
        (executor.as_ref().map(|id| id.as_str()), status),
        (Some("e"), Some(9)),
        "killed on SIGKILL"
    );
    let events = fs::read_to_string(cluster.folder().join("events")).expect("it noted them");
    assert!(events.contains("SHUTDOWN"), "it was asked first: {events}");
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

#[test]
fn an_executor_that_never_subscribes_fails_its_task() {
    let cluster = Cluster::start_with(1, &[], &["--executor_registration_timeout=1secs"]);
    let silent = ExecutorInfo {
        command: Some(Box::new(CommandInfo {
            value: Some("sleep 1000".to_owned()),
            ..CommandInfo::default()
        })),
        ..executor(&cluster, "")
    };
    let tasks = [Task::with_executor("a", silent).cpus(0.1).mem(32.0)];
    let session = Session::start(durable("custom"), &cluster.address(), tasks);
    let end = session.record.wait_for("a", TaskState::Failed);
    assert_eq!(end.reason, Some(Reason::ExecutorRegistrationTimeout));
    assert_eq!(end.message.as_deref(), Some("Executor did not register within 1secs"));
    assert_eq!(end.source, Some(StatusSource::Agent));
    session.finish();
}

#[test]
fn an_executor_that_stays_away_is_given_up() {
    let mut cluster = Cluster::start(1);
    let session = Session::start(durable("custom"), &cluster.address(), [task(&cluster, "a")]);
    session.record.wait_for("a", TaskState::Running);
    let status = session.record.updates("a").remove(0);
    let pid = status.container_status.and_then(|status| status.executor_pid).expect("a process");
    // It lives, and cannot come back.
    signal(pid, "-STOP");
    cluster.agents[0].take().expect("it runs").kill();
    cluster.start_agent(0);
    let end = session.record.wait_for("a", TaskState::Lost);
    assert_eq!(end.reason, Some(Reason::ExecutorReregistrationTimeout));
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    session.finish();
}

fn signal(pid: u32, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

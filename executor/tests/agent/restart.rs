//! What outlives an agent, and how the next one finds it (rows RC-01, RC-03, RC-07, RC-13).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use mesos::task::TaskState::{Failed, Finished, Killed, Running, Starting};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Cluster, Heard, await_file, task};

fn with_checkpoints() -> Cluster {
    let mut cluster = Cluster::start();
    cluster.framework.checkpoint = true;
    cluster
}

fn await_reregistration(cluster: &Cluster) -> mesos::internal::ReregisterAgent {
    loop {
        if let Heard::Reregistered(message) = cluster.hear() {
            return *message;
        }
    }
}

#[test]
fn a_task_outlives_its_agent() {
    let mut cluster = with_checkpoints();
    cluster.launch(task("long", "sleep 1000"));
    cluster.expect(&[Starting, Running]);
    let before = cluster.processes();
    cluster.kill_agent();
    cluster.start_agent();
    let message = await_reregistration(&cluster);
    assert_eq!(message.agent.id.as_ref().map(|id| id.as_str()), Some("agent-S0"));
    assert_eq!(message.tasks.len(), 1);
    assert_eq!(message.tasks[0].state, Running);
    assert_eq!(cluster.processes(), before);
    cluster.kill("long", None);
    cluster.expect_with_repeats(&[Killed]);
    cluster.expect_no_processes();
}

#[test]
fn an_update_that_nobody_acknowledged_is_sent_again() {
    let mut cluster = with_checkpoints();
    cluster.acknowledge_updates(false);
    cluster.launch(task("long", "sleep 1000"));
    let first = cluster.expect(&[Starting]);
    cluster.kill_agent();
    cluster.start_agent();
    let again = cluster.expect(&[Starting]);
    assert_eq!(again.uuid, first.uuid);
    cluster.acknowledge(&again);
    let running = cluster.expect(&[Running]);
    cluster.acknowledge(&running);
    cluster.kill("long", None);
    cluster.expect(&[Killed]);
}

#[test]
fn a_task_that_ends_while_there_is_no_agent_is_told_of_later() {
    let mut cluster = with_checkpoints();
    cluster.launch(task("short", "while [ ! -e go ]; do sleep 0.01; done; touch done"));
    cluster.expect(&[Starting, Running]);
    let sandbox = cluster.sandbox("short");
    cluster.kill_agent();
    std::fs::write(sandbox.join("go"), "").unwrap();
    await_file(&sandbox.join("done"));
    cluster.start_agent();
    let last = cluster.expect_with_repeats(&[Finished]);
    assert_eq!(last.status.message.as_deref(), Some("Command exited with status 0"));
    cluster.expect_no_processes();
}

#[test]
fn without_checkpoints_a_task_dies_with_its_agent() {
    let mut cluster = Cluster::start();
    cluster.launch(task("long", "setsid sleep 1000 & sleep 1000"));
    cluster.expect(&[Starting, Running]);
    cluster.kill_agent();
    cluster.expect_no_processes();
}

#[test]
fn a_container_that_nobody_knows_is_killed() {
    let mut cluster = with_checkpoints();
    cluster.launch(task("lost", "setsid sleep 1000 & sleep 1000"));
    cluster.expect(&[Starting, Running]);
    cluster.kill_agent();
    assert!(!cluster.processes().is_empty());
    std::fs::remove_file(cluster.dir.path().join("meta/slaves/latest")).unwrap();
    cluster.start_agent();
    cluster.expect_no_processes();
}

#[test]
fn an_executor_that_ends_while_there_is_no_agent_is_missed() {
    let mut cluster = with_checkpoints();
    cluster.launch(task("long", "sleep 1000"));
    cluster.expect(&[Starting, Running]);
    let processes = cluster.processes();
    cluster.kill_agent();
    for pid in processes {
        // The task may have ended with its executor.
        let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
    }
    cluster.expect_no_processes();
    cluster.start_agent();
    let last = cluster.expect_with_repeats(&[Failed]);
    assert_eq!(last.status.task_id.as_str(), "long");
}

fn update_log(cluster: &Cluster) -> PathBuf {
    let sandbox = cluster.sandbox("long");
    let root = cluster.dir.path().canonicalize().unwrap();
    let run = sandbox.strip_prefix(&root).unwrap();
    root.join("meta").join(run).join("tasks/long/task.updates")
}

#[test]
fn a_torn_log_is_cut_and_a_damaged_one_keeps_the_agent_from_starting() {
    let mut cluster = with_checkpoints();
    cluster.launch(task("long", "sleep 1000"));
    cluster.expect(&[Starting, Running]);
    let log = update_log(&cluster);
    cluster.kill_agent();
    let whole = std::fs::metadata(&log).unwrap().len();
    OpenOptions::new().append(true).open(&log).unwrap().write_all(&[9, 0, 0, 0, 1]).unwrap();
    cluster.start_agent();
    let message = await_reregistration(&cluster);
    assert_eq!(message.tasks[0].state, Running);
    assert!(std::fs::metadata(&log).unwrap().len() >= whole);

    cluster.kill_agent();
    let mut octets = std::fs::read(&log).unwrap();
    octets[20] ^= 0xff;
    std::fs::write(&log, octets).unwrap();
    cluster.start_agent();
    crate::support::eventually(|| cluster.agent().has_ended());
    let error = cluster.agent().error().unwrap();
    assert!(error.contains("task.updates") && error.contains("--no-strict"), "{error}");
}

//! A task from its launch to its end, and what is left of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use mesos::framework::FrameworkCapabilityType;
use mesos::task::Reason;
use mesos::task::TaskState::{Failed, Finished, Killed, Killing, Running, Starting};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Cluster, await_file, eventually, task};

#[test]
fn a_task_runs_to_its_end() {
    let cluster = Cluster::start();
    cluster.launch(task("hello", "echo out; echo err >&2; echo $MESOS_SANDBOX > where"));
    let last = cluster.expect(&[Starting, Running, Finished]);
    assert_eq!(last.status.message.as_deref(), Some("Command exited with status 0"));
    let sandbox = cluster.sandbox("hello");
    assert_eq!(fs::read_to_string(sandbox.join("stdout")).unwrap(), "out\n");
    assert_eq!(fs::read_to_string(sandbox.join("stderr")).unwrap(), "err\n");
    let told = fs::read_to_string(sandbox.join("where")).unwrap();
    assert_eq!(told.trim(), sandbox.to_str().unwrap());
    cluster.expect_no_processes();
}

#[test]
fn a_task_that_fails_says_how() {
    let cluster = Cluster::start();
    cluster.launch(task("three", "exit 3"));
    let last = cluster.expect(&[Starting, Running, Failed]);
    assert_eq!(last.status.message.as_deref(), Some("Command exited with status 3"));
    cluster.launch(task("signal", "kill -SEGV $$"));
    let last = cluster.expect(&[Starting, Running, Failed]);
    let message = last.status.message.unwrap();
    assert!(message.starts_with("Command terminated with signal Segmentation fault"), "{message}");
}

#[test]
fn a_kill_ends_a_task_that_listens() {
    let mut cluster = Cluster::start();
    cluster.has_capability(FrameworkCapabilityType::KillingState);
    cluster.launch(task("long", "sleep 1000"));
    cluster.expect(&[Starting, Running]);
    cluster.kill("long", None);
    let last = cluster.expect(&[Killing, Killed]);
    let message = last.status.message.unwrap();
    assert_eq!(message, "Command terminated with signal Terminated");
    cluster.expect_no_processes();
}

#[test]
fn a_kill_ends_a_task_that_does_not_listen() {
    let cluster = Cluster::start();
    let line = "trap '' TERM; touch ready; while :; do sleep 1000; done";
    cluster.launch(task("deaf", line));
    cluster.expect(&[Starting, Running]);
    await_file(&cluster.sandbox("deaf").join("ready"));
    // The second kill may only shorten the first.
    cluster.kill("deaf", Some(Duration::from_secs(1000)));
    cluster.kill("deaf", Some(Duration::from_millis(100)));
    let last = cluster.expect(&[Killed]);
    assert_eq!(last.status.message.as_deref(), Some("Command terminated with signal Killed"));
    cluster.expect_no_processes();
}

#[test]
fn a_task_that_takes_too_long_fails() {
    let cluster = Cluster::start();
    let mut slow = task("slow", "sleep 1000");
    slow.max_completion_time = Some(Duration::from_millis(200).into());
    cluster.launch(slow);
    let last = cluster.expect(&[Starting, Running, Failed]);
    assert_eq!(last.status.reason, Some(Reason::MaxCompletionTimeReached));
}

#[test]
fn nothing_that_a_task_leaves_behind_lives_on() {
    let cluster = Cluster::start();
    let line = "setsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000 & exit 0";
    cluster.launch(task("litter", line));
    cluster.expect(&[Starting, Running, Finished]);
    cluster.expect_no_processes();
}

#[test]
fn a_task_fails_with_its_executor() {
    let cluster = Cluster::start();
    cluster.launch(task("orphan", "setsid sleep 1000 & sleep 1000"));
    cluster.expect(&[Starting, Running]);
    let executor = |snapshot: &slave_core::Snapshot| {
        let framework = snapshot.frameworks.values().next()?;
        framework.executors.values().next()?.launched.as_ref()?.pid
    };
    let pid = executor(&cluster.agent().snapshot()).unwrap();
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
    cluster.expect(&[Failed]);
    cluster.expect_no_processes();
}

#[test]
fn a_task_that_cannot_be_started_fails() {
    let cluster = Cluster::start();
    let mut nobody = task("nobody", "true");
    nobody.command.as_mut().unwrap().user = Some("no-such-user-here".into());
    cluster.launch(nobody);
    let last = cluster.expect(&[Failed]);
    let message = last.status.message.unwrap();
    assert!(message.contains("user 'no-such-user-here' does not exist"), "{message}");
    let mut missing = task("missing", "/no/such/program");
    missing.command.as_mut().unwrap().shell = false;
    cluster.launch(missing);
    let last = cluster.expect(&[Starting, Failed]);
    assert!(last.status.message.unwrap().contains("/no/such/program"));
}

#[test]
fn a_task_runs_as_the_user_that_it_names() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can switch users.
        return;
    }
    let cluster = Cluster::start();
    // The directory of a test is closed to others; one for agents is not.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(cluster.dir.path(), open).unwrap();
    let mut other = task("other", "id -un; id -Gn >&2; echo mine > file");
    other.command.as_mut().unwrap().user = Some("nobody".into());
    cluster.launch(other);
    cluster.expect(&[Starting, Running, Finished]);
    let sandbox = cluster.sandbox("other");
    assert_eq!(fs::read_to_string(sandbox.join("stdout")).unwrap(), "nobody\n");
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    for name in ["file", "stdout", "."] {
        assert_eq!(fs::metadata(sandbox.join(name)).unwrap().uid(), nobody.uid.as_raw(), "{name}");
    }
}

#[test]
fn a_shutdown_of_the_agent_takes_its_tasks_along() {
    let cluster = Cluster::start();
    cluster.launch(task("one", "sleep 1000"));
    cluster.launch(task("two", "sleep 1000"));
    eventually(|| cluster.processes().len() >= 4);
    assert!(cluster.agent().leave(crate::support::PATIENCE));
    cluster.expect_no_processes();
    assert!(cluster.agent().has_ended());
}

#[test]
fn many_tasks_at_once_all_end() {
    let cluster = Cluster::start();
    for number in 0..20 {
        cluster.launch(task(&format!("t{number}"), "true"));
    }
    let mut finished = 0;
    while finished < 20 {
        finished += usize::from(cluster.update().status.state == Finished);
    }
    cluster.expect_no_processes();
}

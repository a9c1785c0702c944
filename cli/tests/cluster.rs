//! Commands on real clusters: `mesos local`, and daemons of their own.

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use support::{Background, eventually, is_empty, mesos, processes_with, run};

/// `mesos local` with small agents, whose temporary directories lie below `directory`.
fn local(directory: &Path) -> Command {
    let mut command = mesos();
    command.args(["local", "--agents=2", "--resources=cpus:2;mem:256;disk:100"]);
    command.env("TMPDIR", directory);
    command
}

/// An argument for `sleep` that no other process has.
fn unique_sleep(number: u32) -> String {
    format!("{}{number:02}.5", 10_000_000 + std::process::id())
}

#[test]
fn a_command_gets_a_cluster_and_its_exit_code_is_passed_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "mesos version >&2; mesos status --master=$MESOS_MASTER; exit 7";
    let ended = run(local(directory.path()).args(["--", "sh", "-c", script]));
    assert_eq!(ended.code, Some(7), "{ended:?}");
    assert!(ended.stderr.starts_with("mesos "), "{ended:?}");
    assert!(ended.stdout.contains("2 agents, 0 frameworks, 0 tasks"), "{ended:?}");
    assert!(ended.stdout.contains("0 of 4 used"), "{ended:?}");
    assert!(is_empty(directory.path()), "the work directory is removed");

    let missing = run(local(directory.path()).args(["--", "no-such-program"]));
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("cannot run 'no-such-program'"), "{missing:?}");
    assert!(is_empty(directory.path()));
}

#[test]
fn run_passes_output_and_exit_codes_through() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let octets: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&data, &octets).expect("a file");
    let temporary = directory.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a directory");
    let script = r#"
        mesos run -- sh -c 'echo out; echo err >&2; exit 3'; echo "code $?"
        mesos run -- sh -c 'kill -9 $$'; echo "code $?"
        mesos run --shell --env='{"A":"x y"}' -- 'echo "<$A>"'; echo "code $?"
        mesos run -- no-such-program; echo "code $?"
        mesos run -- cat "$0" | cmp - "$0" && echo "same"
        mesos run -- yes | head -1
        mesos execute --name=e --command='exit 1'; echo "code $?"
        mesos execute --name=k --command='sleep 1000' --kill_after=1ms; echo "code $?"
        mesos run -- true && echo done
    "#;
    let ended = run(local(&temporary).args(["--", "sh", "-c", script]).arg(&data));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = "out\ncode 3\ncode 137\n<x y>\ncode 0\ncode 125\nsame\ny\n";
    assert!(ended.stdout.starts_with(expected), "{ended:?}");
    assert!(ended.stdout.ends_with("code 1\ndone\n"), "{ended:?}");
    for line in ["err", "TASK_FAILED: "] {
        assert!(ended.stderr.contains(line), "{ended:?}");
    }
    for line in [
        "Submitted task 'e' to agent '",
        "Received status update TASK_FAILED for task 'e'\n  \
         message: 'Command exited with status 1'",
        "Received status update TASK_KILLED for task 'k'",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended:?}");
    }
    assert!(is_empty(&temporary));
}

#[test]
fn an_interrupted_run_kills_its_task() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster = Background::start(local(directory.path()).arg("--port=0"));
    let master = cluster.line_with("master  http://").replace("master  http://", "");
    let sleep = unique_sleep(1);
    let script = format!("echo started; sleep {sleep}; echo no");
    let task = Background::start(mesos().args([
        "run",
        "--shell",
        &format!("--master={master}"),
        "--",
        &script,
    ]));
    task.line_with("started");
    eventually("the task sleeps", || processes_with(&format!("sleep\0{sleep}")) == 1);
    task.signal("INT");
    assert_eq!(task.wait(), Some(128 + 15));
    eventually("the task is gone", || processes_with(&format!("sleep\0{sleep}")) == 0);
    cluster.signal("TERM");
    assert_eq!(cluster.wait(), Some(0));
}

#[test]
fn a_cluster_that_is_interrupted_leaves_nothing_behind() {
    for (number, interrupts) in [(2, 1), (3, 2)] {
        let directory = tempfile::tempdir().expect("a directory");
        let cluster = Background::start(local(directory.path()).arg("--port=0"));
        let master = cluster.line_with("master  http://").replace("master  http://", "");
        cluster.line_with("agents ready");
        let sleep = unique_sleep(number);
        // A task that does not want to end, with a child that leaves its session.
        let script = format!(
            "trap '' TERM; setsid sleep {sleep} & echo started; while :; do sleep {sleep}; done"
        );
        let task = Background::start(mesos().args([
            "run",
            "--shell",
            &format!("--master={master}"),
            "--",
            &script,
        ]));
        task.line_with("started");
        eventually("both sleep", || processes_with(&format!("sleep\0{sleep}")) == 2);
        for _ in 0..interrupts {
            cluster.signal("INT");
        }
        let code = cluster.wait();
        // Two signals may become one when they come at the same instant.
        assert!(code == Some(0) || interrupts == 2 && code == Some(130), "{code:?}");
        assert_eq!(processes_with(&format!("sleep\0{sleep}")), 0);
        assert!(is_empty(directory.path()));
        task.signal("TERM");
        task.wait();
    }
}

#[test]
fn a_work_directory_of_the_users_own_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let work_dir = directory.path().join("work");
    let ended = run(local(directory.path())
        .arg(format!("--work_dir={}", work_dir.display()))
        .args(["--", "true"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["master", "agent-1", "agent-2"] {
        assert!(work_dir.join(name).is_dir(), "{name}");
    }
}

#[test]
fn a_master_and_an_agent_of_their_own_make_a_cluster() {
    let directory = tempfile::tempdir().expect("a directory");
    // Free a moment ago: the daemons have to be told a port, since others must know it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let work_dir = |name: &str| format!("--work_dir={}", directory.path().join(name).display());
    let master = Background::start(
        mesos()
            .args(["master", "--quiet", "--ip=127.0.0.1", &work_dir("master")])
            .arg(format!("--port={port}")),
    );
    let address = format!("127.0.0.1:{port}");
    let agent = Background::start(
        mesos()
            .args(["agent", "--quiet", "--ip=127.0.0.1", "--port=0", &work_dir("agent")])
            .args(["--resources=cpus:1;mem:64;disk:10", "--registration_backoff_factor=10ms"])
            .env("MESOS_MASTER", &address),
    );
    let ended = run(mesos()
        .args(["run", "--cpus=0.5", "--mem=32", "--", "echo", "hello"])
        .env("MESOS_MASTER", &address));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "hello\n"), "{ended:?}");
    agent.signal("TERM");
    assert_eq!(agent.wait(), Some(0));
    master.signal("INT");
    assert_eq!(master.wait(), Some(0));

    let second = run(mesos().args(["master", "--quiet", "--ip=127.0.0.1", "--registry=nowhere"]));
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("'nowhere'"), "{second:?}");
}

//! The commands of the binary.

use std::process::Command;

use crate::daemons::{Cluster, mesos, wait_for};

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(mesos()).args(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn run_streams_output_and_passes_the_exit_code_through() {
    let cluster = Cluster::start(1);
    let master = format!("--master={}", cluster.address());
    let command = ["run", &master, "--", "sh", "-c", "echo out; echo err >&2; exit 3"];
    let (code, out, err) = run(&command);
    assert_eq!(code, 3, "stderr: {err}");
    assert!(out.contains("out\n"), "stdout: {out}");
    assert!(err.contains("err\n"), "stderr: {err}");
}

#[test]
fn status_tells_of_master_and_agents() {
    let cluster = Cluster::start(2);
    let (code, out, err) = run(&["status", &format!("--master={}", cluster.address())]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains(&cluster.address()), "{out}");
    assert!(out.contains('2'), "{out}");
}

#[test]
fn a_command_without_a_master_says_what_to_do() {
    let (code, _, err) = run(&["status", "--master=127.0.0.1:1"]);
    assert_ne!(code, 0);
    assert!(err.contains("127.0.0.1:1"), "{err}");
}

#[test]
fn an_unknown_flag_is_named() {
    let (code, _, err) = run(&["master", "--no_such_flag=1"]);
    assert_ne!(code, 0);
    assert!(err.contains("no_such_flag"), "{err}");
}

#[test]
fn local_runs_a_command_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let work_dir = format!("--work_dir={}", folder.path().join("work").display());
    let binary = mesos();
    let binary = binary.display().to_string();
    let inner = [&*binary, "run", "--", "echo", "hello from a task"];
    let mut command = vec!["local", "--agents=2", &*work_dir, "--"];
    command.extend(inner);
    let (code, out, err) = run(&command);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("hello from a task"), "{out}\n{err}");
    let marker = folder.path().display().to_string();
    wait_for("no process is left", || {
        let output = Command::new("pgrep").args(["-f", &marker]).output().ok()?;
        output.stdout.is_empty().then_some(())
    });
}

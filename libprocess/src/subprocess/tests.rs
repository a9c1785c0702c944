use super::*;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

fn output(mut child: Child) -> (String, ExitStatus) {
    let mut text = String::new();
    std::fs::File::from(child.take_stdout().unwrap()).read_to_string(&mut text).unwrap();
    (text, child.wait_blocking().unwrap())
}

fn run(command: Command) -> String {
    output(command.stdout(Stdio::Pipe).spawn().unwrap()).0
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 seconds: {what}");
        // Polls another process, which tells nobody.
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn gone(pid: i32) -> bool {
    tree::find(pid).is_none_or(|process| process.zombie)
}

#[test]
fn exit_statuses_and_signals() {
    block_on(async {
        let status = shell("exit 3").spawn().unwrap().wait().await.unwrap();
        assert_eq!(status.code(), Some(3));
        let status = shell("kill -9 $$").spawn().unwrap().wait().await.unwrap();
        assert_eq!(status.signal(), Some(9));
    });
}

#[test]
fn arguments_environment_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let script = "echo \"$0 $1 $A $PWD $(pwd) ${HOME-none}\"";
    for identity in [None, own_identity()] {
        let mut command = Command::new("/bin/sh")
            .args(["-c", script, "zero", "a b"])
            .env([("A", "x=y"), ("PATH", "/usr/bin:/bin")])
            .directory(&folder);
        if let Some(identity) = identity {
            command = command.identity(identity);
        }
        let path = folder.display();
        assert_eq!(run(command), format!("zero a b x=y {path} {path} none\n"));
    }
    assert_eq!(run(Command::new("/bin/sh").argv0("me").args(["-c", "echo $0"])), "me\n");
}

/// Changing users needs root; without it that half of a test has nothing to show.
fn own_identity() -> Option<Identity> {
    let root = nix::unistd::geteuid().is_root();
    root.then(|| Identity { uid: 0, gid: 0, groups: vec![0] })
}

#[test]
fn another_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let identity = Identity { uid: 65534, gid: 65534, groups: vec![7] };
    let text = run(shell("id -u; id -g; id -G").identity(identity));
    assert_eq!(text, "65534\n65534\n65534 7\n");
}

#[test]
fn pipes_carry_both_ways() {
    let mut child = shell("tr a-z A-Z; echo oops >&2")
        .stdin(Stdio::Pipe)
        .stdout(Stdio::Pipe)
        .stderr(Stdio::Pipe)
        .spawn()
        .unwrap();
    std::fs::File::from(child.take_stdin().unwrap()).write_all(b"hello").unwrap();
    let mut errors = String::new();
    std::fs::File::from(child.take_stderr().unwrap()).read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "oops\n");
    assert_eq!(output(child).0, "HELLO");
}

#[test]
fn pipes_work_in_async_code() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Pipe).spawn().unwrap();
        let mut input = async_writer(child.take_stdin().unwrap()).unwrap();
        let mut result = async_reader(child.take_stdout().unwrap()).unwrap();
        input.write_all(b"ping").await.unwrap();
        drop(input);
        let mut text = String::new();
        result.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ping");
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn files_are_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stdout");
    let input = folder.path().join("stdin");
    std::fs::write(&input, "text\n").unwrap();
    for _ in 0..2 {
        let child = Command::new("cat")
            .stdin(Stdio::path(&input))
            .stdout(Stdio::path(&path))
            .spawn()
            .unwrap();
        assert!(child.wait_blocking().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text\ntext\n");
    let error = shell("").stdin(Stdio::path(folder.path().join("none"))).spawn().unwrap_err();
    assert!(error.to_string().ends_with("for stdin"), "{error}");
}

#[test]
fn what_cannot_start_says_so() {
    for program in ["/nonexistent/program", "no-such-program-anywhere", "/etc/passwd"] {
        let error = Command::new(program).spawn().unwrap_err();
        assert!(matches!(error, SpawnError::Start { .. }), "{error}");
        assert_eq!(error.to_string(), format!("cannot start {program}"));
    }
    let error = Command::new("sh").directory("/nonexistent").spawn().unwrap_err();
    assert!(matches!(error, SpawnError::Start { .. }), "{error}");
    let error = Command::new("sh").arg("a\0b").spawn().unwrap_err();
    assert!(matches!(error, SpawnError::Zero(_)), "{error}");
}

#[test]
fn a_new_session_is_led_by_the_child() {
    for death in [false, true] {
        let mut command = shell("read line").stdin(Stdio::Pipe).new_session();
        if death {
            command = command.parent_death_signal(Signal::SIGKILL);
        }
        let child = command.spawn().unwrap();
        let found = tree::find(child.pid()).unwrap();
        assert_eq!((found.session, found.group), (child.pid(), child.pid()));
        child.wait_blocking().unwrap();
    }
}

#[test]
fn no_descriptor_leaks_into_children() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open");
    let _open = std::fs::File::create(&path).unwrap();
    for identity in [None, own_identity()] {
        let mut command = Command::new("ls").args(["-l", "/proc/self/fd"]);
        if let Some(identity) = identity {
            command = command.identity(identity);
        }
        let text = run(command);
        assert!(text.contains(" 1 -> pipe:"), "{text}");
        assert!(!text.contains(path.to_str().unwrap()), "{text}");
    }
}

#[test]
fn signals_do_not_stay_ignored() {
    // Rust ignores SIGPIPE; a child that inherited that would never end here.
    let mut child = Command::new("yes").stdout(Stdio::Pipe).spawn().unwrap();
    drop(child.take_stdout());
    assert_eq!(child.wait_blocking().unwrap().signal(), Some(Signal::SIGPIPE as i32));
}

#[test]
fn handles_signal_only_their_process() {
    block_on(async {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let handle = child.handle();
        let exit = child.wait();
        handle.signal(Signal::SIGTERM).unwrap();
        assert_eq!(exit.await.unwrap().signal(), Some(Signal::SIGTERM as i32));
        assert!(handle.signal(Signal::SIGTERM).is_err(), "it is gone");
    });
}

#[test]
fn the_end_of_a_process_that_is_no_child_is_noticed() {
    // The shell ends at once and leaves its child behind.
    let text = run(shell("sleep 1000 >/dev/null & echo $!"));
    let pid: i32 = text.trim().parse().unwrap();
    block_on(async {
        let reaping = tokio::spawn(reap(pid));
        tokio::task::yield_now().await;
        assert!(!reaping.is_finished());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        assert_eq!(reaping.await.unwrap(), None);
    });
    assert_eq!(block_on(reap(i32::MAX - 1)), None, "no such process");
}

#[test]
fn polling_finds_the_end_too() {
    block_on(async {
        let status = reaper::reap_with(shell("exit 4").spawn_unowned(), None).await;
        assert_eq!(status.unwrap().code(), Some(4));
    });
}

impl Command {
    /// Starts without anybody who would reap.
    fn spawn_unowned(self) -> i32 {
        let child = self.spawn().unwrap();
        let pid = child.pid();
        std::mem::forget(child);
        pid
    }
}

#[test]
fn dropped_children_are_reaped() {
    block_on(async {
        let child = shell("exit 0").spawn().unwrap();
        let pid = child.pid();
        drop(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while tree::find(pid).is_some() {
            assert!(Instant::now() < deadline, "{pid} is still a zombie");
            // Polls the pid, since the reaper tells nobody.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[test]
fn a_tree_is_killed_with_its_orphans() {
    // A child, a grandchild whose parent ends, and one in a session of its own.
    let script = "sleep 1000 & (sleep 1001 &) ; setsid sleep 1002 & echo $!; \
                  sleep 1003 & wait";
    let mut child = shell(script).stdout(Stdio::Pipe).new_session().spawn().unwrap();
    let root = child.pid();
    let mut line = [0; 16];
    let mut output = std::fs::File::from(child.take_stdout().unwrap());
    let read = output.read(&mut line).unwrap();
    let setsid: i32 = std::str::from_utf8(&line[..read]).unwrap().trim().parse().unwrap();
    eventually("the whole tree is there", || tree::members(root).unwrap().len() >= 5);
    let members = tree::members(root).unwrap();
    assert!(members.contains(&setsid));
    let killed = kill_tree(root, Signal::SIGKILL).unwrap();
    assert!(killed.len() >= 5, "{killed:?}");
    assert_eq!(child.wait_blocking().unwrap().signal(), Some(9));
    for pid in members {
        eventually("every member is gone", || gone(pid));
    }
    assert!(kill_tree(root, Signal::SIGKILL).unwrap().is_empty());
}

#[test]
fn orphans_are_found_after_their_root_has_gone() {
    let child = shell("sleep 1000 & exit 0").new_session().spawn().unwrap();
    let root = child.pid();
    child.wait_blocking().unwrap();
    let killed = kill_tree(root, Signal::SIGTERM).unwrap();
    assert_eq!(killed.len(), 1);
    eventually("the orphan is gone", || gone(killed[0]));
}

#[test]
fn many_children_at_once() {
    block_on(async {
        let mut waits = Vec::new();
        for number in 0..200 {
            let child = shell(&format!("exit {}", number % 100)).new_session().spawn().unwrap();
            waits.push((number % 100, tokio::spawn(child.wait())));
        }
        for (code, wait) in waits {
            assert_eq!(wait.await.unwrap().unwrap().code(), Some(code));
        }
    });
    assert!(Path::new("/proc/self").exists());
}

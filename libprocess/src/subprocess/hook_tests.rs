//! Hooks and namespaces. Those that only root may make are not shown without root, and say so.

use super::*;
use nix::libc;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

fn run(command: Command) -> String {
    let mut child = command.stdout(Stdio::Pipe).spawn().unwrap();
    let mut text = String::new();
    File::from(child.take_stdout().unwrap()).read_to_string(&mut text).unwrap();
    assert!(child.wait_blocking().unwrap().success(), "{text}");
    text
}

/// Whether namespaces can be made here.
fn privileged(what: &str) -> bool {
    let possible = Command::new("true").new_namespaces([Namespace::Mount]).spawn();
    match possible.map(Child::wait_blocking) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped, {what} is not shown: {error}: {:?}", error);
            false
        }
    }
}

fn namespace_of(pid: &str, namespace: Namespace) -> String {
    let path = format!("/proc/{pid}/ns/{}", namespace.name());
    std::fs::read_link(path).unwrap().display().to_string()
}

#[test]
fn parent_hooks_run_in_order_before_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hooks");
    let (first, second) = (path.clone(), path.clone());
    let (pids, pid) = mpsc::channel();
    let script = format!("cat {}; echo $$", path.display());
    let text = run(shell(&script)
        .parent_hook("note the pid", move |pid| {
            // It still is what this program is: it has not become another one.
            let (own, its) = (std::fs::read_link("/proc/self/exe")?, format!("/proc/{pid}/exe"));
            assert_eq!(std::fs::read_link(its)?, own);
            pids.send(pid).map_err(io::Error::other)?;
            std::fs::write(first, "one\n")
        })
        .parent_hook("write more", move |_| {
            let text = std::fs::read_to_string(&second)?;
            std::fs::write(second, text + "two\n")
        }));
    assert_eq!(text, format!("one\ntwo\n{}\n", pid.recv().unwrap()));
}

#[test]
fn a_parent_hook_that_fails_ends_the_child_and_is_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ran");
    let (pids, pid) = mpsc::channel();
    let error = Command::new("touch")
        .arg(&path)
        .parent_hook("assign the cgroup", move |pid| {
            pids.send(pid).map_err(io::Error::other)?;
            Err(io::ErrorKind::QuotaExceeded.into())
        })
        .parent_hook("never", |_| panic!("a hook failed before this one"))
        .spawn()
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot assign the cgroup before touch starts");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "quota exceeded");
    assert_eq!(tree::find(pid.recv().unwrap()), None, "it was killed and reaped");
    assert!(!path.exists());
}

#[test]
fn the_child_tells_why_it_did_not_start_after_hooks_too() {
    let error = Command::new("/nonexistent/program").parent_hook("wait", |_| Ok(())).spawn();
    let error = error.unwrap_err();
    assert!(matches!(&error, SpawnError::Start { source, .. }
        if source.kind() == io::ErrorKind::NotFound));
}

#[test]
fn child_hooks_set_limits_and_masks() {
    let text = run(shell("ulimit -Sn; ulimit -Hn; umask")
        .child_hook(ChildHook::Rlimit { resource: Resource::RLIMIT_NOFILE, soft: 33, hard: 44 })
        .child_hook(ChildHook::Umask(0o027)));
    assert_eq!(text, "33\n44\n0027\n");
}

#[test]
fn a_child_hook_that_fails_is_the_error() {
    let error = Command::new("true")
        .child_hook(ChildHook::Umask(0o022))
        .child_hook(ChildHook::Chroot("/nonexistent/root".into()))
        .spawn()
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot make /nonexistent/root the root before true starts");
    // Soft limits are not above hard ones.
    let hook = ChildHook::Rlimit { resource: Resource::RLIMIT_CORE, soft: 2, hard: 1 };
    let error = Command::new("true").child_hook(hook).spawn().unwrap_err();
    assert!(error.to_string().starts_with("cannot limit RLIMIT_CORE to 2 and 1 before"), "{error}");
}

#[test]
fn child_hooks_may_be_code() {
    let mut count = 0;
    // SAFETY: it makes one system call, and nothing else.
    let hook = unsafe {
        ChildHook::custom("be nice", move || {
            count += 1;
            libc::setpriority(libc::PRIO_PROCESS, 0, 5 + count);
            Ok(())
        })
    };
    assert_eq!(run(shell("cut -d ' ' -f 19 /proc/self/stat").child_hook(hook)), "6\n");
    // SAFETY: it does nothing.
    let hook =
        unsafe { ChildHook::custom("please", || Err(io::Error::from_raw_os_error(libc::EDQUOT))) };
    let error = Command::new("true").child_hook(hook).spawn().unwrap_err();
    assert_eq!(error.to_string(), "cannot please before true starts");
    let source = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<io::Error>());
    assert_eq!(source.unwrap().raw_os_error(), Some(libc::EDQUOT));
}

#[test]
fn last_hooks_run_as_the_user_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let look = |file: &'static std::ffi::CStr| {
        // SAFETY: it makes system calls, and nothing else.
        unsafe {
            ChildHook::custom("look around", move || {
                let made = libc::open(file.as_ptr(), libc::O_CREAT | libc::O_CLOEXEC, 0o600);
                if made < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
            })
        }
    };
    let command = shell("true").directory(folder.path());
    run(command.last_hook(look(c"late")).child_hook(look(c"/dev/null")));
    assert!(folder.path().join("late").exists(), "it was in the folder");
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped, that they are somebody else's is not shown: it needs root");
    }
    let nobody = Identity { uid: 65_534, gid: 65_534, groups: Vec::new() };
    let command = shell("true").identity(nobody).child_hook(look(c"/dev/null"));
    let error = command.last_hook(look(c"/of-nobody")).spawn().unwrap_err();
    assert_eq!(error.to_string(), "cannot look around before sh starts");
}

#[test]
fn a_descriptor_can_be_kept_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    std::fs::write(&path, "through the descriptor").unwrap();
    let fd = OwnedFd::from(File::open(&path).unwrap());
    let script = format!("cat /proc/self/fd/{}", fd.as_raw_fd());
    assert_eq!(run(shell(&script).child_hook(ChildHook::KeepOpen(fd))), "through the descriptor");
}

#[test]
fn a_program_without_a_header_is_run_by_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    std::fs::write(&path, "echo \"$0 $1\"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(Command::new(&path).arg("a b")), format!("{} a b\n", path.display()));
    // It is searched in the environment that it gets.
    let path = format!("/nonexistent:{}:/bin:/usr/bin", folder.path().display());
    assert_eq!(run(Command::new("script").env([("PATH", path)]).arg("x")).lines().count(), 1);
}

#[test]
fn a_pid_namespace_has_the_child_as_its_first_process() {
    if !privileged("a namespace of pids") {
        return;
    }
    let mount = Mount {
        source: Some("proc".into()),
        target: "/proc".into(),
        kind: Some("proc".to_owned()),
        ..Mount::default()
    };
    let private =
        Mount { target: "/".into(), flags: libc::MS_REC | libc::MS_PRIVATE, ..Mount::default() };
    let (spaces, space) = mpsc::channel();
    let text = run(shell("echo $$; echo /proc/[0-9]*; cat /proc/self/comm")
        .new_namespaces([Namespace::Pid, Namespace::Mount, Namespace::Ipc, Namespace::Uts])
        .parent_hook("look", move |pid| {
            let pid = pid.to_string();
            let names = [Namespace::Pid, Namespace::Ipc, Namespace::Uts, Namespace::Mount];
            spaces.send(names.map(|name| namespace_of(&pid, name))).map_err(io::Error::other)
        })
        .child_hook(ChildHook::Mount(private))
        .child_hook(ChildHook::Mount(mount))
        .parent_death_signal(Signal::SIGKILL)
        .new_session());
    assert_eq!(text, "1\n/proc/1\ncat\n");
    let own = [Namespace::Pid, Namespace::Ipc, Namespace::Uts, Namespace::Mount];
    for (theirs, own) in space.recv().unwrap().iter().zip(own) {
        assert_ne!(*theirs, namespace_of("self", own));
    }
    assert!(std::path::Path::new("/proc/self/ns/pid").exists(), "our own /proc is as it was");
}

#[test]
fn an_existing_namespace_can_be_joined() {
    if !privileged("joining namespaces") {
        return;
    }
    let init = Command::new("sleep")
        .arg("1000")
        .new_namespaces([Namespace::Pid, Namespace::Uts])
        .spawn()
        .unwrap();
    let open = |namespace: Namespace| {
        let path = format!("/proc/{}/ns/{}", init.pid(), namespace.name());
        OwnedFd::from(File::open(path).unwrap())
    };
    let text = run(shell("echo $$; readlink /proc/self/ns/uts")
        .join_namespace(Namespace::Pid, open(Namespace::Pid))
        .join_namespace(Namespace::Uts, open(Namespace::Uts)));
    let pid = init.pid().to_string();
    let uts = namespace_of(&pid, Namespace::Uts);
    assert_eq!(text.lines().collect::<Vec<_>>(), ["2", &uts], "the second process in there");
    // This thread's next child is born where this program is.
    assert_ne!(run(shell("echo $$")), "3\n");
    // A member of the namespace ends with its first process, which is over when all have been
    // reaped.
    let member = Command::new("sleep")
        .arg("1000")
        .join_namespace(Namespace::Pid, open(Namespace::Pid))
        .spawn()
        .unwrap();
    init.handle().signal(Signal::SIGKILL).unwrap();
    assert!(!member.wait_blocking().unwrap().success());
    init.wait_blocking().unwrap();
}

#[test]
fn a_wrong_namespace_is_an_error() {
    if !privileged("the error of a wrong namespace") {
        return;
    }
    let fd = OwnedFd::from(File::open("/proc/self/ns/uts").unwrap());
    let error = Command::new("true").join_namespace(Namespace::Mount, fd).spawn().unwrap_err();
    assert_eq!(error.to_string(), "cannot start true in other namespaces (mnt)");
    let fd = OwnedFd::from(File::open("/proc/self/ns/uts").unwrap());
    let error = Command::new("true").join_namespace(Namespace::Pid, fd).spawn().unwrap_err();
    assert_eq!(error.to_string(), "cannot start true in other namespaces (pid)");
}

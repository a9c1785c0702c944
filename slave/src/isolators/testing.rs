//! What the tests of isolators share: containers, children that wait, cgroups of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use libprocess::subprocess::{Child, ChildHook, Command, Mount, Namespace, Signal, Stdio};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use nix::mount::MsFlags;
use nix::unistd::geteuid;

use super::cgroups::mounts::Mounts;
use super::cgroups::node::Node;
use super::{Class, Container, Limitation, Limited, Preparation};

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says on stderr that a test shows nothing here, and why.
pub fn skipped(what: &str, why: &str) {
    eprintln!("skipped, {what} is not shown: {why}");
}

/// Whether this is root, whose the machine is.
pub fn root(what: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        skipped(what, "it needs root");
    }
    root
}

/// The mount of a controller of version 1, where it can be used.
pub fn v1(controller: &str, what: &str) -> Option<PathBuf> {
    let mount = Mounts::read().unwrap().v1.get(controller).cloned();
    usable(mount, what, &format!("there is no controller '{controller}' of version 1"))
}

/// The mount of version 2, where it can be used.
pub fn v2(what: &str) -> Option<PathBuf> {
    usable(Mounts::read().unwrap().v2, what, "version 2 is not mounted")
}

fn usable(mount: Option<PathBuf>, what: &str, missing: &str) -> Option<PathBuf> {
    if !root(what) {
        return None;
    }
    let Some(mount) = mount else {
        skipped(what, missing);
        return None;
    };
    let probe = Node::new(mount.join(format!("isolators-probe-{}", unique())));
    if probe.make().is_err() {
        skipped(what, "cgroups are read-only");
        return None;
    }
    probe.remove().unwrap();
    Some(mount)
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A value for `--cgroups_root` that nobody else has. What is below is killed and removed.
pub struct OwnCgroup {
    mounts: Vec<PathBuf>,
    relative: PathBuf,
}

impl OwnCgroup {
    pub fn relative(&self) -> &Path {
        &self.relative
    }

    pub fn name(&self) -> &str {
        self.relative.to_str().unwrap()
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        for mount in &self.mounts {
            let node = Node::new(mount.join(&self.relative));
            if node.exists() {
                node.kill_one_by_one();
                let removed = node.remove();
                assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
            }
        }
    }
}

/// A cgroup for one test in one hierarchy.
pub fn own_cgroup(mount: &Path) -> OwnCgroup {
    own_cgroups(vec![mount.to_owned()])
}

/// The same in several.
pub fn own_cgroups(mounts: Vec<PathBuf>) -> OwnCgroup {
    OwnCgroup { mounts, relative: format!("isolators-test-{}", unique()).into() }
}

/// A child, killed at the end.
pub struct Fork {
    child: Option<Child>,
}

impl Fork {
    pub fn new(command: Command) -> Self {
        Self { child: Some(command.spawn().unwrap()) }
    }

    pub fn sleeping() -> Self {
        Self::new(Command::new("sleep").arg("1000"))
    }

    /// A shell that waits for an octet on its input before it runs the script.
    pub fn waiting(script: &str) -> Self {
        let script = format!("read -r line; {script}");
        Self::new(Command::new("sh").args(["-c", &script]).stdin(Stdio::Pipe))
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().pid().cast_unsigned()
    }

    /// Lets a waiting shell go on.
    pub fn go(&mut self) {
        let input = self.child.as_mut().unwrap().take_stdin().unwrap();
        std::io::Write::write_all(&mut std::fs::File::from(input), b"\n").unwrap();
    }

    /// Waits for its end: the signal that ended it.
    pub fn signal(mut self) -> Option<i32> {
        let status = self.child.take().unwrap().wait_blocking().unwrap();
        std::os::unix::process::ExitStatusExt::signal(&status)
    }
}

impl Drop for Fork {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // It may have ended.
            let _ = child.handle().signal(Signal::SIGKILL);
            let _ = child.wait_blocking();
        }
    }
}

/// An executor's container with this id and these resources, and nothing else.
pub fn container(id: &str, resources: &str) -> Container {
    Container {
        id: ContainerId::root(id),
        class: Class::Executor,
        sandbox: PathBuf::from("/nonexistent"),
        user: None,
        command: mesos::executor_info::CommandInfo::default(),
        info: None,
        executor: None,
        task: None,
        resources: Resources::parse(resources, "*").unwrap(),
        limits: BTreeMap::new(),
        parent_pid: None,
    }
}

/// A container below another one.
pub fn nested(parent: &Container, id: &str) -> Container {
    let mut nested = parent.clone();
    let parent = Some(Box::new(parent.id.clone()));
    nested.id = ContainerId { value: id.to_owned(), parent };
    nested.class = Class::Nested;
    nested
}

/// A callback, and what it was called with.
pub fn limited() -> (Limited, mpsc::Receiver<Limitation>) {
    let (send, receive) = mpsc::channel();
    (Arc::new(move |limitation| drop(send.send(limitation))), receive)
}

/// The next limitation.
pub fn next(limitations: &mpsc::Receiver<Limitation>) -> Limitation {
    limitations.recv_timeout(PATIENCE).expect("a limitation")
}

/// Waits for something to become true.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} does not happen");
        // Polls the condition.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a script as isolators want it: what it prints, and whether it succeeds.
pub fn run(script: &str, preparation: Preparation) -> (String, bool) {
    let command = Command::new("/bin/sh").args(["-c", &format!("exec 2>&1; {script}")]);
    let mut child = preparation.equip(command).stdout(Stdio::Pipe).spawn().unwrap();
    let mut text = String::new();
    let mut output = std::fs::File::from(child.take_stdout().unwrap());
    std::io::Read::read_to_string(&mut output, &mut text).unwrap();
    (text, child.wait_blocking().unwrap().success())
}

/// With mounts of its own, as `filesystem/linux` makes them.
pub fn alone(mut preparation: Preparation) -> Preparation {
    preparation.namespaces.push(Namespace::Mount);
    let slave = ChildHook::Mount(Mount {
        target: "/".into(),
        flags: (MsFlags::MS_SLAVE | MsFlags::MS_REC).bits(),
        ..Mount::default()
    });
    preparation.hooks.insert(0, slave);
    preparation
}

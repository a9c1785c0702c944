//! Containers that are isolated by the kernel, and what is fetched for them, on a real agent.
//!
//! What needs root or a controller of cgroups says so where that is missing.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use mesos_framework::{Reason, TaskState};
use serde_json::Value;

use crate::daemons::{Cluster, get_json, wait_for};
use crate::recorder::{Session, durable, shell};

/// Where version 1 of cgroups is mounted on machines that have it.
const MOUNT: &str = "/sys/fs/cgroup";

/// The cgroups of one test, which go when it ends.
struct Cgroups {
    root: String,
}

impl Cgroups {
    /// Unless this is no machine for it.
    fn new(test: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let is_root = nix::unistd::geteuid().is_root();
        let controllers = ["cpu", "memory", "freezer"];
        let mounted = |name: &&str| PathBuf::from(MOUNT).join(name).join("cgroup.procs").exists();
        if !is_root || !controllers.iter().all(mounted) {
            eprintln!("{test} needs root and version 1 of cgroups: not run");
            return None;
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Some(Self { root: format!("mesos-test-{}-{next}", std::process::id()) })
    }

    fn flags(&self) -> [String; 3] {
        [
            "--launcher=linux".to_owned(),
            "--isolation=cgroups/cpu,cgroups/mem,filesystem/linux,namespaces/pid".to_owned(),
            format!("--cgroups_root={}", self.root),
        ]
    }

    fn cluster(&self) -> Cluster {
        let flags = self.flags();
        Cluster::start_with(1, &[], &flags.each_ref().map(String::as_str))
    }

    /// The cgroups of containers, in all hierarchies.
    fn of_containers(&self) -> Vec<PathBuf> {
        let hierarchies = fs::read_dir(MOUNT).expect("cgroups are mounted").flatten();
        let roots = hierarchies.filter_map(|one| fs::read_dir(one.path().join(&self.root)).ok());
        let below = roots.flat_map(|root| root.flatten().map(|entry| entry.path()));
        below.filter(|path| path.is_dir()).collect()
    }
}

impl Cgroups {
    /// Kills what is in them, and removes those that are empty. Says whether all are gone.
    fn remove(&self) -> bool {
        for path in self.of_containers() {
            for pid in fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default().lines() {
                let pid = pid.parse().map(nix::unistd::Pid::from_raw);
                // It may have ended by itself.
                let _ = pid.map(|pid| nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL));
            }
            let _ = fs::remove_dir(path);
        }
        let hierarchies = fs::read_dir(MOUNT).into_iter().flatten().flatten();
        let roots = hierarchies.map(|hierarchy| hierarchy.path().join(&self.root));
        // Every root is tried.
        roots.filter(|root| fs::remove_dir(root).is_err() && root.exists()).count() == 0
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for _ in 0..500 {
            if self.remove() {
                return;
            }
            // Polls until what was killed is reaped: till then it is in its cgroup.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// What the agent says of the container of a task's executor.
fn statistics(cluster: &Cluster, task: &str) -> Option<Value> {
    let url = format!("http://{}/monitor/statistics", cluster.agent_address(0));
    let all = get_json(&url)?;
    let one = all.as_array()?.iter().find(|one| one["executor_id"] == task)?;
    Some(one["statistics"].clone())
}

#[test]
fn a_task_that_takes_too_much_memory_ends_for_that_reason_and_its_neighbour_lives() {
    let Some(cgroups) = Cgroups::new("killing a task for its memory") else { return };
    let cluster = cgroups.cluster();
    let go = cluster.folder().join("go");
    let quiet = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    // `tail` keeps the last line, and there is but one.
    let greedy = shell("greedy", "head -c 400M /dev/zero | tail > /dev/null").mem(64.0);
    let tasks = [shell("quiet", quiet), greedy];
    let session = Session::start(durable("memory"), &cluster.address(), tasks);
    let status = session.record.wait_for("greedy", TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLimitationMemory), "{:?}", status.message);
    let message = status.message.unwrap_or_default();
    assert!(message.contains("Memory limit exceeded"), "{message}");
    let limited = status.limitation.expect("it names what there was too much of").resources;
    assert_eq!(limited[0].name, "mem");
    session.record.wait_for("quiet", TaskState::Running);
    let shown = wait_for("what the neighbour uses", || {
        statistics(&cluster, "quiet").filter(|shown| shown["mem_total_bytes"].is_number())
    });
    assert!(shown["cpus_user_time_secs"].is_number(), "{shown}");
    fs::write(go, "").expect("the folder is there");
    session.record.wait_for("quiet", TaskState::Finished);
    session.finish();
    wait_for("the cgroups go", || cgroups.of_containers().is_empty().then_some(()));
}

#[test]
fn a_container_is_alone_with_its_processes() {
    let Some(cgroups) = Cgroups::new("a namespace of processes") else { return };
    let cluster = cgroups.cluster();
    let out = cluster.folder().join("processes");
    let command = format!("ls /proc | grep -c '^[0-9]*$' > {}", out.display());
    let session = Session::start(durable("pids"), &cluster.address(), [shell("t", command)]);
    session.record.wait_for("t", TaskState::Finished);
    let count: u32 = fs::read_to_string(out).unwrap().trim().parse().unwrap();
    assert!((1..10).contains(&count), "it sees {count} processes");
    session.finish();
}

#[test]
fn an_agent_that_dies_finds_its_cgroups_again_and_destroys_those_of_strangers() {
    let Some(cgroups) = Cgroups::new("recovering cgroups") else { return };
    let mut cluster = cgroups.cluster();
    let task = shell("t", "setsid sleep 1000 & exec sleep 1000");
    let session = Session::start(durable("survivor"), &cluster.address(), [task]);
    session.record.wait_for("t", TaskState::Running);
    let before = cgroups.of_containers();
    assert!(!before.is_empty());
    cluster.agents[0].take().expect("it runs").kill();
    let stranger = PathBuf::from(MOUNT).join("freezer").join(&cgroups.root).join("stranger");
    fs::create_dir(&stranger).expect("cgroups can be made");
    cluster.start_agent(0);
    cluster.wait_for_agents(1);
    wait_for("the stranger goes", || (!stranger.exists()).then_some(()));
    assert_eq!(cgroups.of_containers(), before, "the task's are kept");
    session.kill("t");
    session.record.wait_for("t", TaskState::Killed);
    session.finish();
    wait_for("the cgroups go", || cgroups.of_containers().is_empty().then_some(()));
    assert!(cluster.task_processes().is_empty(), "nothing of it lives on");
}

#[test]
fn files_are_fetched_into_the_sandbox_before_the_task_runs() {
    let cluster = Cluster::start(1);
    let source = cluster.folder().join("greeting.txt");
    fs::write(&source, "hello").expect("the folder is there");
    let out = cluster.folder().join("out");
    let copy = shell("copy", format!("cat greeting.txt > {}", out.display()))
        .uri(source.display().to_string());
    let missing = shell("missing", "true").uri(cluster.folder().join("x").display().to_string());
    let session = Session::start(durable("fetch"), &cluster.address(), [copy, missing]);
    session.record.wait_for("copy", TaskState::Finished);
    assert_eq!(fs::read_to_string(out).unwrap(), "hello");
    let status = session.record.wait_for("missing", TaskState::Failed);
    assert_eq!(status.reason, Some(Reason::ContainerLaunchFailed));
    let message = status.message.unwrap_or_default();
    assert!(message.contains("Failed to fetch all URIs"), "{message}");
    session.finish();
}

#[test]
fn isolation_that_cannot_be_had_is_an_error_at_the_start() {
    for (flag, words) in [
        ("--isolation=cgroups/cpus", "Unknown or unsupported isolator 'cgroups/cpus'"),
        ("--isolation=namespaces/pid", "'linux' launcher must be used to enable pid namespace"),
        ("--launcher=docker", "Unknown or unsupported launcher: docker"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let ended = std::process::Command::new(crate::daemons::mesos())
            .args(["agent", "--ip=127.0.0.1", "--port=0", "--master=127.0.0.1:1", flag])
            .arg(format!("--work_dir={}", folder.path().display()))
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && text.contains(words), "{flag}: {text}");
    }
}

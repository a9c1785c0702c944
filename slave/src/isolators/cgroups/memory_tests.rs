use super::*;
use crate::isolators::testing::{Fork, OwnCgroup, container, limited, next, own_cgroup, v1};
use std::path::Path;
use std::sync::mpsc::Receiver;

fn limits(mem: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("mem".to_owned(), mem)])
}

fn resources(text: &str) -> Resources {
    Resources::parse(text, "*").unwrap()
}

fn mb(count: u64) -> u64 {
    count * Bytes::MEGABYTE
}

/// A cgroup of version 2 as the kernel shows it.
fn v2_fixture() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::new(folder.path());
    let files = [
        ("memory.low", "0\n"),
        ("memory.max", "max\n"),
        ("memory.current", "5242880\n"),
        ("memory.peak", "70254592\n"),
        ("memory.swap.current", "4096\n"),
        ("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n"),
        (
            "memory.stat",
            "anon 1048576\nfile 2097152\nkernel 65536\nsock 128\nfile_mapped 8192\nunevictable 5\n",
        ),
    ];
    for (name, text) in files {
        fs::write(node.file(name), text).unwrap();
    }
    (folder, node)
}

fn v2_memory(node: &Node) -> (Memory, Receiver<Limitation>) {
    let (limited, limitations) = limited();
    (Memory::new(Version::V2, node, false, limited).unwrap(), limitations)
}

/// A regular file cannot be waited for; what would be done then is what is looked at.
fn known(memory: &mut Memory, id: &ContainerId, limited: bool) {
    let counter = EventFd::new().unwrap();
    let ticket = memory.watcher.watch(Source::Counter(counter), Box::new(|| false)).unwrap();
    let pressures = [None, None, None];
    memory.containers.insert(id.clone(), Watched { ticket, limited, task: false, pressures });
}

#[test]
fn version_2_has_files_of_its_own() {
    let (_folder, node) = v2_fixture();
    let (mut memory, _) = v2_memory(&node);
    let id = ContainerId::root("c");
    known(&mut memory, &id, false);
    let mut update = |text: &str, limits: &BTreeMap<String, f64>| {
        memory.update(&id, &node, &resources(text), limits).unwrap();
        (node.number("memory.low").unwrap(), node.number("memory.max").unwrap())
    };
    let none = BTreeMap::new();
    assert_eq!(update("mem:1", &none), (mb(32), mb(32)), "the least");
    assert_eq!(update("mem:64", &none), (mb(64), mb(64)), "raised");
    assert_eq!(update("mem:48", &none), (mb(48), mb(64)), "never lowered");
    assert_eq!(update("mem:48", &limits(128.9)), (mb(48), mb(128)), "a limit of its own");
    assert_eq!(update("mem:48", &limits(f64::INFINITY)), (mb(48), u64::MAX));
    assert_eq!(update("mem:50", &none), (mb(50), u64::MAX));
    let error = memory.update(&id, &node, &resources("cpus:1"), &none).unwrap_err();
    let text = "Failed to update subsystem 'memory': No memory resource given";
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_is_used_is_counted_in_version_2() {
    let (_folder, node) = v2_fixture();
    let (mut memory, _) = v2_memory(&node);
    let mut into = ResourceStatistics::default();
    memory.usage(&ContainerId::root("c"), &node, &mut into).unwrap();
    let expected = ResourceStatistics {
        mem_total_bytes: Some(mb(5)),
        mem_kmem_usage_bytes: Some(65_536),
        mem_kmem_tcp_usage_bytes: Some(128),
        mem_file_bytes: Some(mb(2)),
        mem_cache_bytes: Some(mb(2)),
        mem_anon_bytes: Some(mb(1)),
        mem_rss_bytes: Some(mb(1)),
        mem_mapped_file_bytes: Some(8192),
        mem_swap_bytes: Some(4096),
        mem_unevictable_bytes: Some(5),
        ..ResourceStatistics::default()
    };
    assert_eq!(into, expected);
}

#[test]
fn only_a_kill_is_a_limitation_in_version_2() {
    let (_folder, node) = v2_fixture();
    let (memory, limitations) = v2_memory(&node);
    fs::write(node.file("memory.max"), "67108864\n").unwrap();
    let mut action = memory.on_oom_v2(&ContainerId::root("c"), &node).unwrap();
    fs::write(node.file("memory.events"), "low 0\nmax 99\noom 2\noom_kill 0\n").unwrap();
    assert!(action(), "it goes on");
    assert!(limitations.try_recv().is_err());
    fs::write(node.file("memory.events"), "low 0\nmax 99\noom 2\noom_kill 1\n").unwrap();
    assert!(!action());
    let limitation = limitations.try_recv().unwrap();
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    let start = "Memory limit exceeded: Requested: 64MB Maximum Used: 67MB\n\n\
                 MEMORY STATISTICS: \nanon 1048576\n";
    assert!(limitation.message.starts_with(start), "{}", limitation.message);
    assert_eq!(limitation.resources, [Resource::of_scalar("mem", 67.0)]);
}

#[test]
fn swap_cannot_be_limited_everywhere() {
    let (_folder, node) = v2_fixture();
    for (version, text) in [
        (Version::V1, "'memory.memsw.limit_in_bytes' is not available"),
        (Version::V2, "--cgroups_limit_swap is not supported with version 2 of cgroups"),
    ] {
        let error = Memory::new(version, &node, true, limited().0).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_less_is_promised_the_earlier_it_is_killed() {
    assert_eq!(score(mb(0), mb(1000)), 1000);
    assert_eq!(score(mb(250), mb(1000)), 750);
    assert_eq!(score(mb(2000), mb(1000)), 0);
    assert!(total_memory() > mb(64) && total_memory() < UNLIMITED);
}

/// A container in a real cgroup of version 1.
fn real(mount: &Path, id: &str, text: &str) -> (OwnCgroup, Node, Memory, Receiver<Limitation>) {
    let root = own_cgroup(mount);
    let node = super::super::v1::create(mount, &root.relative().join(id)).unwrap();
    let (limited, limitations) = limited();
    let above = Node::new(mount.join(root.relative()));
    let mut memory = Memory::new(Version::V1, &above, false, limited).unwrap();
    let made = container(id, text);
    memory.prepare(&made, &node).unwrap();
    memory.update(&made.id, &node, &made.resources, &BTreeMap::new()).unwrap();
    (root, node, memory, limitations)
}

/// A program that uses so many megabytes, and waits.
fn hungry(megabytes: u64) -> Fork {
    Fork::waiting(&format!("x=$(head -c {} /dev/zero | tr '\\0' x); sleep 1000", mb(megabytes)))
}

#[test]
fn too_much_memory_is_a_limitation() {
    let Some(mount) = v1("memory", "the limit of memory") else { return };
    let (_root, node, mut memory, limitations) = real(&mount, "c", "mem:64");
    assert_eq!(node.number("memory.limit_in_bytes").unwrap(), mb(64));
    let mut fork = hungry(128);
    memory.isolate(&ContainerId::root("c"), &node, fork.pid()).unwrap();
    node.assign(fork.pid()).unwrap();
    fork.go();
    let limitation = next(&limitations);
    assert_eq!(limitation.container, ContainerId::root("c"));
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    let start = "Memory limit exceeded: Requested: 64MB Maximum Used: ";
    assert!(limitation.message.starts_with(start), "{}", limitation.message);
    assert!(limitation.message.contains("\n\nMEMORY STATISTICS: \n"), "{}", limitation.message);
    assert!(limitation.message.contains("total_rss "), "{}", limitation.message);
    assert!(limitations.try_recv().is_err(), "once");
    memory.cleanup(&ContainerId::root("c"));
    assert!(!memory.containers.contains_key(&ContainerId::root("c")));
}

#[test]
fn within_its_limit_a_container_is_left_alone_and_counted() {
    let Some(mount) = v1("memory", "what is used of memory") else { return };
    let (_root, node, mut memory, limitations) = real(&mount, "c", "mem:256");
    let id = ContainerId::root("c");
    let mut fork = hungry(24);
    node.assign(fork.pid()).unwrap();
    fork.go();
    let used = |memory: &mut Memory| {
        let mut into = ResourceStatistics::default();
        memory.usage(&id, &node, &mut into).unwrap();
        into
    };
    let memory = std::cell::RefCell::new(&mut memory);
    crate::isolators::testing::eventually("memory is used", || {
        used(&mut memory.borrow_mut()).mem_rss_bytes.unwrap() >= mb(20)
    });
    let memory = memory.into_inner();
    let into = used(memory);
    assert!(into.mem_total_bytes >= into.mem_rss_bytes, "{into:?}");
    assert!(into.mem_total_bytes.unwrap() <= mb(256), "{into:?}");
    assert_eq!(into.mem_anon_bytes, into.mem_rss_bytes);
    assert!(into.mem_low_pressure_counter.is_some(), "{into:?}");
    // The hard limit stays where it is, the soft one follows.
    memory.update(&id, &node, &resources("mem:128"), &BTreeMap::new()).unwrap();
    assert_eq!(node.number("memory.limit_in_bytes").unwrap(), mb(256));
    assert_eq!(node.number("memory.soft_limit_in_bytes").unwrap(), mb(128));
    memory.update(&id, &node, &resources("mem:300"), &BTreeMap::new()).unwrap();
    assert_eq!(node.number("memory.limit_in_bytes").unwrap(), mb(300));
    memory.update(&id, &node, &resources("mem:300"), &limits(f64::INFINITY)).unwrap();
    assert!(node.number("memory.limit_in_bytes").unwrap() > mb(1 << 30));
    memory.cleanup(&id);
    drop(fork);
    node.remove().unwrap();
    assert!(limitations.try_recv().is_err(), "its end is none");
}

#[test]
fn a_task_that_may_burst_is_killed_before_others() {
    let Some(mount) = v1("memory", "the score of bursting tasks") else { return };
    let root = own_cgroup(&mount);
    let node = super::super::v1::create(&mount, &root.relative().join("c")).unwrap();
    let above = Node::new(mount.join(root.relative()));
    let mut memory = Memory::new(Version::V1, &above, false, limited().0).unwrap();
    let mut made = container("c", "mem:64");
    made.task = Some(mesos::task::TaskInfo::default());
    memory.prepare(&made, &node).unwrap();
    memory.update(&made.id, &node, &made.resources, &limits(128.0)).unwrap();
    let fork = Fork::sleeping();
    memory.isolate(&made.id, &node, fork.pid()).unwrap();
    let read = fs::read_to_string(format!("/proc/{}/oom_score_adj", fork.pid())).unwrap();
    assert_eq!(read.trim(), score(mb(64), total_memory()).to_string());
    assert_ne!(read.trim(), "0");
}

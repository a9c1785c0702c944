use super::*;
use crate::isolators::testing::{
    Fork, OwnCgroup, container, limited, nested, next, own_cgroups, skipped, v1, v2,
};
use mesos::container::{ContainerInfo, LinuxInfo};
use mesos::task::Reason;
use node::Node;
use std::sync::mpsc::Receiver;

/// The isolator with these names on the real hierarchies of version 1.
fn real(
    names: &[&str],
    what: &str,
) -> Option<(OwnCgroup, Cgroups, Settings, Receiver<crate::isolators::Limitation>)> {
    let mut mounts = Vec::new();
    for name in names {
        for controller in controller::of_isolator(name, Version::V1).unwrap() {
            mounts.push(v1(controller, what)?);
        }
    }
    let root = own_cgroups(mounts);
    // Version 1, whatever the machine's habits are.
    let hierarchy = "/nonexistent".into();
    let settings = Settings { root: root.name().to_owned(), hierarchy, ..Settings::default() };
    let (limited, limitations) = limited();
    let cgroups = Cgroups::new(names, &settings, &limited).unwrap();
    Some((root, cgroups, settings, limitations))
}

fn nodes(cgroups: &Cgroups, id: &ContainerId) -> Vec<Node> {
    cgroups.groups.iter().map(|group| group.hierarchy.node(id).unwrap()).collect()
}

#[test]
fn a_container_has_cgroups_from_its_launch_to_its_end() {
    let names = ["cpu", "mem", "pids"];
    let Some((_root, mut cgroups, _, _)) = real(&names, "the life of cgroups") else { return };
    let mut made = container("c", "cpus:0.5;mem:64");
    let nobody = 65_534;
    made.user = Some(libprocess::subprocess::Identity { uid: nobody, gid: nobody, groups: vec![] });
    cgroups.prepare(&made).unwrap();
    let error = cgroups.prepare(&made).unwrap_err();
    assert_eq!(error.to_string(), "Container has already been prepared");
    let fork = Fork::sleeping();
    cgroups.isolate(&made.id, fork.pid()).unwrap();
    for node in nodes(&cgroups, &made.id) {
        assert_eq!(node.pids(node::PROCESSES).unwrap(), [fork.pid()], "{node:?}");
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(node.path()).unwrap());
        assert_eq!(owner, nobody, "{node:?}");
    }
    let mut into = ResourceStatistics::default();
    cgroups.usage(&made.id, &mut into).unwrap();
    assert!(into.cpus_user_time_secs.is_some() && into.mem_total_bytes.is_some(), "{into:?}");
    cgroups.cleanup(&made.id).unwrap();
    cgroups.cleanup(&made.id).unwrap();
    assert_eq!(fork.signal(), Some(9), "what is left is killed");
    assert!(nodes(&cgroups, &made.id).iter().all(|node| !node.exists()));
    let error = cgroups.usage(&made.id, &mut into).unwrap_err();
    assert_eq!(error.to_string(), "Unknown container c");
}

#[test]
fn containers_below_are_in_their_parents_cgroups_unless_they_say_otherwise() {
    let Some((_root, mut cgroups, _, _)) = real(&["cpu", "mem"], "nested cgroups") else { return };
    let parent = container("c", "cpus:1;mem:64");
    cgroups.prepare(&parent).unwrap();
    let sharing = nested(&parent, "sharing");
    let mut own = nested(&parent, "own");
    let linux = LinuxInfo { share_cgroups: Some(false), ..LinuxInfo::default() };
    let info = ContainerInfo { linux_info: Some(Box::new(linux)), ..ContainerInfo::default() };
    own.info = Some(Box::new(info));
    let mut session = own.clone();
    session.id = nested(&own, "session").id;
    session.class = Class::Session;
    let forks = [Fork::sleeping(), Fork::sleeping(), Fork::sleeping()];
    for (made, fork) in [&sharing, &own, &session].into_iter().zip(&forks) {
        cgroups.prepare(made).unwrap();
        cgroups.isolate(&made.id, fork.pid()).unwrap();
    }
    for node in nodes(&cgroups, &parent.id) {
        assert_eq!(node.pids(node::PROCESSES).unwrap(), [forks[0].pid()]);
    }
    for node in nodes(&cgroups, &own.id) {
        let mut expected = vec![forks[1].pid(), forks[2].pid()];
        expected.sort();
        let mut found = node.pids(node::PROCESSES).unwrap();
        found.sort();
        assert_eq!(found, expected);
    }
    for made in [&session, &own, &sharing, &parent] {
        cgroups.cleanup(&made.id).unwrap();
    }
    assert!(nodes(&cgroups, &parent.id).iter().all(|node| !node.exists()));
}

#[test]
fn the_next_agent_takes_known_containers_back_and_destroys_others() {
    let what = "the recovery of cgroups";
    let Some((_root, mut cgroups, settings, _)) = real(&["cpu", "mem"], what) else { return };
    let (known, other) = (container("k", "cpus:1;mem:64"), container("o", "cpus:1;mem:64"));
    let forks = [Fork::sleeping(), Fork::waiting("sleep 1000 & sleep 1000")];
    for (made, fork) in [&known, &other].into_iter().zip(&forks) {
        cgroups.prepare(made).unwrap();
        cgroups.isolate(&made.id, fork.pid()).unwrap();
    }
    drop(cgroups);
    let (limited, limitations) = limited();
    let mut cgroups = Cgroups::new(&["cpu", "mem"], &settings, &limited).unwrap();
    let recovered = Recovered {
        id: known.id.clone(),
        class: Class::Executor,
        pid: Some(forks[0].pid()),
        sandbox: "/nonexistent".into(),
        resources: known.resources.clone(),
    };
    let gone = Recovered { id: ContainerId::root("gone"), ..recovered.clone() };
    cgroups.recover(&[recovered, gone]).unwrap();
    let [kept, destroyed] = forks;
    assert_eq!(destroyed.signal(), Some(9));
    assert!(nodes(&cgroups, &other.id).iter().all(|node| !node.exists()));
    let mut into = ResourceStatistics::default();
    cgroups.usage(&known.id, &mut into).unwrap();
    assert!(into.mem_total_bytes.is_some());
    // Its memory is watched again, and its hard limit is not lowered.
    let less = Resources::parse("cpus:1;mem:32", "*").unwrap();
    cgroups.update(&known.id, &less, &BTreeMap::new()).unwrap();
    let mut hungry = Fork::waiting("x=$(head -c 134217728 /dev/zero | tr '\\0' x); sleep 1000");
    cgroups.isolate(&known.id, hungry.pid()).unwrap();
    hungry.go();
    let limitation = next(&limitations);
    assert_eq!(limitation.reason, Reason::ContainerLimitationMemory);
    assert!(limitation.message.contains("Requested: 64MB"), "{}", limitation.message);
    drop((kept, hungry));
    cgroups.cleanup(&known.id).unwrap();
}

#[test]
fn what_is_half_made_is_taken_away() {
    let Some((root, mut cgroups, ..)) = real(&["cpu"], "a launch that fails") else { return };
    let made = container("c", "mem:64");
    let error = cgroups.prepare(&made).unwrap_err();
    let text = "Failed to update subsystem 'cpu': No cpus resource given";
    assert_eq!(error.to_string(), text);
    assert!(nodes(&cgroups, &made.id)[0].exists());
    cgroups.cleanup(&made.id).unwrap();
    assert!(!nodes(&cgroups, &made.id)[0].exists());
    // What somebody else has made is no container of ours.
    let theirs = nodes(&cgroups, &made.id)[0].clone();
    theirs.make().unwrap();
    let error = cgroups.prepare(&container("c", "cpus:1")).unwrap_err().to_string();
    assert!(error.ends_with("/c' already exists"), "{error}");
    theirs.remove().unwrap();
    drop(root);
}

#[test]
fn version_2_has_leaves() {
    let Some(mount) = v2("the life of cgroups of version 2") else { return };
    let root = own_cgroups(vec![mount.clone()]);
    let settings =
        Settings { root: root.name().to_owned(), hierarchy: mount.clone(), ..Settings::default() };
    let there = Mounts::read().unwrap().controllers(Version::V2);
    if !there.contains("hugetlb") {
        return skipped("the life of cgroups of version 2", "it has no hugetlb");
    }
    let mut cgroups = Cgroups::new(&["hugetlb"], &settings, &limited().0).unwrap();
    let made = container("c", "cpus:1");
    cgroups.prepare(&made).unwrap();
    let fork = Fork::sleeping();
    cgroups.isolate(&made.id, fork.pid()).unwrap();
    let node = nodes(&cgroups, &made.id).remove(0);
    assert_eq!(node.child(v2::LEAF).pids(node::PROCESSES).unwrap(), [fork.pid()]);
    assert!(node.read("cgroup.controllers").unwrap().contains("hugetlb"));
    cgroups.cleanup(&made.id).unwrap();
    assert_eq!(fork.signal(), Some(9));
    assert!(!node.exists());
}

#[test]
fn what_the_kernel_has_not_got_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut mounts = Mounts::default();
    for name in ["cpu", "cpuacct", "freezer"] {
        mounts.v1.insert(name.to_owned(), folder.path().join(name));
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let new = |names: &[&str], settings: &Settings| {
        Cgroups::with_mounts(names, settings, &limited().0, &mounts)
    };
    let settings = Settings::default();
    let error = |name| new(&[name], &settings).unwrap_err().to_string();
    assert_eq!(error("nonsense"), "Unknown or unsupported isolator 'cgroups/nonsense'");
    assert_eq!(error("net_cls"), "Unknown or unsupported isolator 'cgroups/net_cls'");
    assert_eq!(
        error("mem"),
        "Failed to prepare hierarchy for the subsystem 'memory': it is not mounted, or not enabled \
         by the kernel"
    );
    let all = new(&["all"], &settings).unwrap();
    let names: Vec<&str> = all
        .groups
        .iter()
        .flat_map(|group| group.controllers.iter().map(|controller| controller.name()))
        .collect();
    assert_eq!(names, ["cpu", "cpuacct"]);
    let none = Cgroups::with_mounts(&["all"], &settings, &limited().0, &Mounts::default());
    assert_eq!(none.unwrap_err().to_string(), "No subsystems are enabled by the kernel");
}

//! `filesystem/linux`: every container has mounts of its own; persistent volumes are mounted in
//! its sandbox (row IS-13).
//!
//! What the agent mounts below its work directory is seen in containers, since that is a shared
//! mount and their copies are slaves of it. Nothing that a container mounts is seen outside.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use libprocess::subprocess::{ChildHook, Mount, Namespace};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::mountinfo;
use super::places::{PersistentVolume, failed, give, persistent_volumes, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};

/// The isolator.
#[derive(Debug)]
pub struct FilesystemLinux {
    work_dir: PathBuf,
    containers: BTreeMap<ContainerId, Known>,
}

#[derive(Debug)]
struct Known {
    sandbox: PathBuf,
    volumes: Vec<PersistentVolume>,
}

impl FilesystemLinux {
    /// For sandboxes and volumes below this folder, which becomes a shared mount.
    ///
    /// # Errors
    /// It cannot be made one.
    pub fn new(work_dir: impl Into<PathBuf>) -> Result<Self, IsolatorError> {
        let work_dir = work_dir.into();
        let work_dir = fs::canonicalize(&work_dir).map_err(failed("resolve", &work_dir))?;
        share(&work_dir)?;
        Ok(Self { work_dir, containers: BTreeMap::new() })
    }

    fn in_use(&self, volume: &PersistentVolume, besides: &ContainerId) -> bool {
        let uses = |known: &Known| known.volumes.iter().any(|one| one.source == volume.source);
        self.containers.iter().any(|(id, known)| id != besides && uses(known))
    }

    /// Unmounts all that is mounted below a sandbox, the last first.
    fn unmount_below(&self, sandbox: &Path) -> Result<(), IsolatorError> {
        let Ok(sandbox) = fs::canonicalize(sandbox) else { return Ok(()) };
        let table = mountinfo::read()?;
        let inside = |target: &Path| target != sandbox && target.starts_with(&sandbox);
        for entry in table.iter().rev().filter(|entry| inside(&entry.target)) {
            unmount(&entry.target)?;
        }
        Ok(())
    }
}

/// Makes a folder a mount whose changes others see, in a group of its own.
fn share(folder: &Path) -> Result<(), IsolatorError> {
    let table = mountinfo::read()?;
    let found = mountinfo::containing(&table, folder);
    let there = found.filter(|entry| entry.target == folder);
    let alone = there.filter(|entry| entry.shared.is_some()).is_some_and(|entry| {
        let above = table.iter().find(|above| above.id == entry.parent);
        above.is_none_or(|above| above.shared != entry.shared)
    });
    if alone {
        return Ok(());
    }
    let none = None::<&str>;
    let act = |source: Option<&Path>, flags, what| {
        mount(source, folder, none, flags, none).map_err(|errno| failed(what, folder)(errno.into()))
    };
    if there.is_none() {
        act(Some(folder), MsFlags::MS_BIND, "bind to itself")?;
    }
    // First away from the group that it was in.
    act(None, MsFlags::MS_SLAVE, "mark as a slave mount")?;
    act(None, MsFlags::MS_SHARED, "mark as a shared mount")
}

fn unmount(target: &Path) -> Result<(), IsolatorError> {
    // What still uses it does so until it ends.
    let done = umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
    done.map_err(|errno| failed("unmount", target)(errno.into()))
}

fn mount_volume(volume: &PersistentVolume, target: &Path) -> Result<(), IsolatorError> {
    let none = None::<&str>;
    if fs::symlink_metadata(target).is_ok_and(|found| found.file_type().is_symlink()) {
        return refused(format!("the mount point '{}' is a link", target.display()));
    }
    fs::create_dir_all(target).map_err(failed("create the mount point at", target))?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&volume.source), target, none, flags, none)
        .map_err(|errno| failed("mount the persistent volume at", target)(errno.into()))?;
    if volume.read_only {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, target, none, flags, none)
            .map_err(|errno| failed("make read-only", target)(errno.into()))?;
    }
    Ok(())
}

/// The namespace of mounts of another process.
fn namespace_of(container: &Container) -> Result<Preparation, IsolatorError> {
    let Some(pid) = container.parent_pid else {
        return refused("the container above has no process whose mounts could be entered");
    };
    let path = PathBuf::from(format!("/proc/{pid}/ns/{}", Namespace::Mount.name()));
    let file = File::open(&path).map_err(failed("open", &path))?;
    Ok(Preparation { joins: vec![(Namespace::Mount, file.into())], ..Preparation::default() })
}

impl Isolator for FilesystemLinux {
    fn name(&self) -> &'static str {
        "filesystem/linux"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let containers = known.iter().filter(|one| one.class != Class::Session);
        for one in containers {
            // An update with the volumes follows; those that are mounted already stay.
            let known = Known { sandbox: one.sandbox.clone(), volumes: Vec::new() };
            self.containers.insert(one.id.clone(), known);
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let volumes = container.info.as_ref().is_some_and(|info| !info.volumes.is_empty());
        if container.class == Class::Session {
            if volumes {
                return refused("Volumes not supported for DEBUG containers");
            }
            return namespace_of(container);
        }
        if container.class == Class::Standalone
            && !container.resources.persistent_volumes().is_empty()
        {
            return refused("Persistent volumes are not supported for standalone containers");
        }
        if self.containers.contains_key(&container.id) {
            return refused("Container has already been prepared");
        }
        let sandbox = container.sandbox.clone();
        self.containers.insert(container.id.clone(), Known { sandbox, volumes: Vec::new() });
        if container.class == Class::Executor {
            self.update(&container.id, &container.resources, &container.limits)?;
        }
        let slave = ChildHook::Mount(Mount {
            target: "/".into(),
            flags: (MsFlags::MS_SLAVE | MsFlags::MS_REC).bits(),
            ..Mount::default()
        });
        Ok(Preparation {
            namespaces: vec![Namespace::Mount],
            hooks: vec![slave],
            ..Preparation::default()
        })
    }

    fn update(
        &mut self,
        id: &ContainerId,
        resources: &Resources,
        _: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        let wanted = persistent_volumes(&self.work_dir, resources)?;
        let Some(known) = self.containers.get(id) else {
            return refused(format!("Unknown container {id}"));
        };
        let sandbox = known.sandbox.clone();
        for gone in known.volumes.iter().filter(|one| !wanted.contains(one)) {
            let target = sandbox.join(&gone.name);
            unmount(&target)?;
            let what = "remove persistent volume mount point at";
            fs::remove_dir(&target).map_err(failed(what, &target))?;
        }
        let table = mountinfo::read()?;
        for fresh in wanted.iter().filter(|one| !known.volumes.contains(one)) {
            if fresh.resource.shared.is_none() || !self.in_use(fresh, id) {
                give(&fresh.source, &sandbox)?;
            }
            let target = sandbox.join(&fresh.name);
            let real = fs::canonicalize(&target).unwrap_or_else(|_| target.clone());
            // The last agent's mounts are still there.
            if !table.iter().any(|entry| entry.target == real) {
                mount_volume(fresh, &target)?;
            }
        }
        if let Some(known) = self.containers.get_mut(id) {
            known.volumes = wanted;
        }
        Ok(())
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        let Some(known) = self.containers.remove(id) else { return Ok(()) };
        self.unmount_below(&known.sandbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, container, nested, root, run};

    /// A work directory whose mounts go with it.
    struct WorkDir(tempfile::TempDir);

    impl WorkDir {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> PathBuf {
            fs::canonicalize(self.0.path()).unwrap()
        }
    }

    impl Drop for WorkDir {
        fn drop(&mut self) {
            let table = mountinfo::read().unwrap();
            let path = self.path();
            for entry in table.iter().rev().filter(|entry| entry.target.starts_with(&path)) {
                // The one below may have been a copy of one above.
                let _ = unmount(&entry.target);
            }
        }
    }

    fn resources(mode: &str) -> String {
        format!(
            r#"[{{"name":"disk","type":"SCALAR","scalar":{{"value":64}},
            "reservations":[{{"type":"DYNAMIC","role":"web"}}],
            "disk":{{"persistence":{{"id":"v"}},
            "volume":{{"mode":"{mode}","container_path":"data"}}}}}}]"#
        )
    }

    fn made(work: &WorkDir, text: &str) -> Container {
        let mut made = container("c", text);
        made.sandbox = work.path().join("sandbox");
        for path in [&made.sandbox, &work.path().join("volumes/roles/web/v")] {
            fs::create_dir_all(path).unwrap();
        }
        made
    }

    #[test]
    fn mounts_of_a_container_are_its_own() {
        if !root("a namespace of mounts") {
            return;
        }
        let work = WorkDir::new();
        let mut isolator = FilesystemLinux::new(work.path()).unwrap();
        let table = mountinfo::read().unwrap();
        let entry = mountinfo::containing(&table, &work.path()).unwrap();
        assert_eq!(entry.target, work.path());
        assert!(entry.shared.is_some());
        // Once is enough.
        drop(FilesystemLinux::new(work.path()).unwrap());
        assert_eq!(mountinfo::read().unwrap().len(), table.len());
        let made = made(&work, "cpus:1");
        let preparation = isolator.prepare(&made).unwrap();
        let sandbox = made.sandbox.display();
        let script = format!(
            "mkdir {sandbox}/m && mount -t tmpfs none {sandbox}/m && echo x > {sandbox}/m/inside \
             && cat {sandbox}/m/inside"
        );
        assert_eq!(run(&script, preparation), ("x\n".to_owned(), true));
        assert!(made.sandbox.join("m").is_dir());
        assert!(!made.sandbox.join("m/inside").exists(), "nobody else sees it");
        isolator.cleanup(&made.id).unwrap();
    }

    #[test]
    fn persistent_volumes_are_mounted_and_seen_inside() {
        if !root("mounts of persistent volumes") {
            return;
        }
        let work = WorkDir::new();
        let mut isolator = FilesystemLinux::new(work.path()).unwrap();
        let mut made = made(&work, "cpus:1");
        let preparation = isolator.prepare(&made).unwrap();
        let data = made.sandbox.join("data");
        // It is there already when the volume comes.
        let script =
            format!("until [ -e {0}/in ]; do sleep 0.01; done; cat {0}/in", data.display());
        let mut fork = {
            let command = libprocess::subprocess::Command::new("sh").args(["-c", &script]);
            preparation.equip(command).stdout(libprocess::subprocess::Stdio::Pipe)
        }
        .spawn()
        .unwrap();
        fs::write(work.path().join("volumes/roles/web/v/in"), "seen").unwrap();
        let with = Resources::parse(&resources("RW"), "*").unwrap();
        isolator.update(&made.id, &with, &BTreeMap::new()).unwrap();
        let mut text = String::new();
        let mut output = File::from(fork.take_stdout().unwrap());
        std::io::Read::read_to_string(&mut output, &mut text).unwrap();
        assert_eq!(text, "seen");
        fork.wait_blocking().unwrap();
        // The next agent leaves it where it is, and takes it away.
        let mut next = FilesystemLinux::new(work.path()).unwrap();
        let known = Recovered {
            id: made.id.clone(),
            class: Class::Executor,
            pid: None,
            sandbox: made.sandbox.clone(),
            resources: Resources::new(),
        };
        let count = mountinfo::read().unwrap().len();
        next.recover(&[known]).unwrap();
        next.update(&made.id, &with, &BTreeMap::new()).unwrap();
        assert_eq!(mountinfo::read().unwrap().len(), count);
        next.update(&made.id, &Resources::new(), &BTreeMap::new()).unwrap();
        assert!(!data.exists());
        // A read-only one.
        next.cleanup(&made.id).unwrap();
        made.resources = Resources::parse(&resources("RO"), "*").unwrap();
        next.prepare(&made).unwrap();
        assert!(fs::write(data.join("out"), "").is_err());
        assert_eq!(fs::read_to_string(data.join("in")).unwrap(), "seen");
        next.cleanup(&made.id).unwrap();
        assert!(!data.join("in").exists());
        made.class = Class::Standalone;
        let error = next.prepare(&made).unwrap_err().to_string();
        assert_eq!(error, "Persistent volumes are not supported for standalone containers");
    }

    #[test]
    fn a_session_enters_the_mounts_of_the_container_above() {
        if !root("entering mounts") {
            return;
        }
        let work = WorkDir::new();
        let mut isolator = FilesystemLinux::new(work.path()).unwrap();
        let made = made(&work, "cpus:1");
        let preparation = isolator.prepare(&made).unwrap();
        let shell = libprocess::subprocess::Command::new("sleep").arg("1000");
        let fork = Fork::new(preparation.equip(shell));
        let mut session = nested(&made, "s");
        session.class = Class::Session;
        assert!(isolator.prepare(&session).is_err(), "nobody to enter");
        session.parent_pid = Some(fork.pid());
        let preparation = isolator.prepare(&session).unwrap();
        let (text, _) = run("readlink /proc/self/ns/mnt", preparation);
        let path = |pid| fs::read_link(format!("/proc/{pid}/ns/mnt")).unwrap();
        assert_eq!(text.trim(), path(fork.pid().to_string()).to_str().unwrap());
        assert_ne!(path(fork.pid().to_string()), path("self".to_owned()));
        isolator.cleanup(&made.id).unwrap();
    }
}

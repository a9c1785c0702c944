//! `volume/host_path`: files and folders of the machine in containers (row IS-19).

use std::fs;
use std::path::{Component, Path, PathBuf};

use libprocess::subprocess::{ChildHook, Mount};
use mesos::volume::{
    HostPath as Source, MountPropagationMode, Volume, VolumeMode, VolumeSourceType,
};
use nix::mount::MsFlags;

use super::mountinfo;
use super::places::{bind, failed, mount_point, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// Its name in `--isolation`.
pub const NAME: &str = "volume/host_path";

/// The isolator.
#[derive(Debug, Default)]
pub struct HostPath {
    /// `--host_path_volume_force_creation`: below these, what is not there is made.
    creatable: Vec<PathBuf>,
}

impl HostPath {
    /// With the folders, separated by colons, below which others may be made.
    pub fn new(force_creation: Option<&str>) -> Self {
        let folders = force_creation.unwrap_or_default().split(':');
        let creatable = folders.filter(|text| !text.is_empty()).map(PathBuf::from).collect();
        Self { creatable }
    }

    fn make(&self, path: &Path) -> Result<(), IsolatorError> {
        let shown = path.display();
        if self.creatable.is_empty() {
            return refused(format!("Path '{shown}' in HOST_PATH volume does not exist"));
        }
        let plain = path.components().all(|part| part != Component::ParentDir);
        if !plain || !self.creatable.iter().any(|folder| path.starts_with(folder)) {
            return refused(format!(
                "Path '{shown}' in HOST_PATH volume does not exist and is not whitelisted for \
                 creation"
            ));
        }
        fs::create_dir_all(path).map_err(failed("create the host path at", path))
    }
}

/// The path of the machine that a volume stands for, if it does.
fn source(volume: &Volume) -> Result<Option<Source>, IsolatorError> {
    let new = volume.source.as_ref().filter(|one| one.r#type == Some(VolumeSourceType::HostPath));
    if let Some(new) = new {
        let Some(host) = &new.host_path else {
            return refused("'source.host_path' is not set for HOST_PATH volume");
        };
        if !Path::new(&host.path).is_absolute() {
            return refused(format!("Path '{}' in HOST_PATH volume is not absolute", host.path));
        }
        return Ok(Some(host.clone()));
    }
    // The older way; where that is relative it is a path in the sandbox.
    let old = volume.host_path.clone().filter(|path| Path::new(path).is_absolute());
    Ok(old.map(|path| Source { path, mount_propagation: None }))
}

/// What makes mounts of the container below `host` seen outside: its mount stays shared.
fn propagate(host: &Path) -> Result<ChildHook, IsolatorError> {
    let path = fs::canonicalize(host).map_err(failed("resolve", host))?;
    let table = mountinfo::read()?;
    let shown = host.display();
    let Some(entry) = mountinfo::containing(&table, &path) else {
        return refused(format!("Cannot find the mount containing host path '{shown}'"));
    };
    if entry.shared.is_none() {
        return refused(format!(
            "Cannot setup bidirectional mount propagation for host path '{shown}' because it is \
             not under a shared mount"
        ));
    }
    Ok(ChildHook::Mount(Mount {
        target: entry.target.clone(),
        flags: MsFlags::MS_SHARED.bits(),
        ..Mount::default()
    }))
}

impl Isolator for HostPath {
    fn name(&self) -> &'static str {
        NAME
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let mut hooks = Vec::new();
        for volume in container.info.iter().flat_map(|info| &info.volumes) {
            let Some(source) = source(volume)? else { continue };
            if container.class == Class::Session {
                return refused("HOST_PATH volume is not supported for DEBUG containers");
            }
            let host = Path::new(&source.path);
            if !host.exists() {
                self.make(host)?;
            }
            let mode = source.mount_propagation.and_then(|propagation| propagation.mode);
            if mode == Some(MountPropagationMode::Bidirectional) {
                hooks.push(propagate(host)?);
            }
            let target = mount_point(&container.sandbox, &volume.container_path, host)?;
            if target != host {
                hooks.extend(bind(host, &target, volume.mode == VolumeMode::Ro));
            }
        }
        Ok(Preparation { hooks, ..Preparation::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{alone, container, root, run};
    use mesos::container::ContainerInfo;

    fn made(sandbox: &Path, volumes: serde_json::Value) -> Container {
        let mut made = container("c", "cpus:1");
        made.sandbox = sandbox.to_owned();
        let volumes: Vec<Volume> = serde_json::from_value(volumes).unwrap();
        made.info = Some(Box::new(ContainerInfo { volumes, ..ContainerInfo::default() }));
        made
    }

    fn volume(host: &Path, container_path: &str, mode: &str) -> serde_json::Value {
        serde_json::json!([{
            "mode": mode,
            "container_path": container_path,
            "source": {"type": "HOST_PATH", "host_path": {"path": host}},
        }])
    }

    #[test]
    fn files_of_the_machine_are_in_the_sandbox() {
        if !root("volumes of the machine") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, host) = (folder.path().join("sandbox"), folder.path().join("host"));
        fs::create_dir_all(&sandbox).unwrap();
        fs::create_dir_all(&host).unwrap();
        fs::write(host.join("file"), "of the machine\n").unwrap();
        let mut isolator = HostPath::default();
        let script = format!("cd {}; cat in/file; echo x > in/new; ls in", sandbox.display());
        let one = made(&sandbox, volume(&host, "in", "RW"));
        let (text, _) = run(&script, alone(isolator.prepare(&one).unwrap()));
        assert_eq!(text, "of the machine\nfile\nnew\n");
        assert!(host.join("new").exists());
        fs::remove_file(host.join("new")).unwrap();
        let one = made(&sandbox, volume(&host, "in", "RO"));
        let (text, _) = run(&script, alone(isolator.prepare(&one).unwrap()));
        assert!(text.contains("Read-only file system"), "{text}");
        assert!(!host.join("new").exists());
        // A single file, in the older way.
        let volumes = serde_json::json!([
            {"mode": "RW", "container_path": "a/one", "host_path": host.join("file")},
            {"mode": "RW", "container_path": "two", "host_path": "relative"},
        ]);
        let one = made(&sandbox, volumes);
        let script = format!("cat {}/a/one", sandbox.display());
        let (text, _) = run(&script, alone(isolator.prepare(&one).unwrap()));
        assert_eq!(text, "of the machine\n");
        assert!(!sandbox.join("two").exists(), "that one is somebody else's");
    }

    #[test]
    fn what_is_not_there_is_made_where_that_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("allowed/deep/er");
        let error = |isolator: &mut HostPath, path: &Path| {
            isolator.prepare(&made(folder.path(), volume(path, "in", "RW"))).unwrap_err()
        };
        let text = error(&mut HostPath::default(), &new).to_string();
        let expected = format!("Path '{}' in HOST_PATH volume does not exist", new.display());
        assert_eq!(text, expected);
        let list = format!("/nonexistent:{}", folder.path().join("allowed").display());
        let mut isolator = HostPath::new(Some(&list));
        for path in ["allowed-not", "allowed/../other"] {
            let text = error(&mut isolator, &folder.path().join(path)).to_string();
            assert!(text.ends_with("is not whitelisted for creation"), "{text}");
        }
        isolator.prepare(&made(folder.path(), volume(&new, "in", "RW"))).unwrap();
        assert!(new.is_dir());
    }

    #[test]
    fn volumes_that_lead_elsewhere_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = HostPath::default();
        let mut prepare = |host: &str, path: &str| {
            let one = made(folder.path(), volume(host.as_ref(), path, "RW"));
            isolator.prepare(&one).unwrap_err().to_string()
        };
        assert_eq!(prepare("etc", "in"), "Path 'etc' in HOST_PATH volume is not absolute");
        assert!(prepare("/etc", "../out").ends_with("leads out of the sandbox"));
        assert!(prepare("/etc", "/nonexistent").starts_with("Mount point '/nonexistent' is an"));
        let mut session = made(folder.path(), volume("/etc".as_ref(), "in", "RW"));
        session.class = Class::Session;
        let error = isolator.prepare(&session).unwrap_err().to_string();
        assert_eq!(error, "HOST_PATH volume is not supported for DEBUG containers");
    }

    #[test]
    fn mounts_are_only_told_where_they_are_shared() {
        let table = mountinfo::parse("1 0 8:1 / / rw - ext4 /dev/sda1 rw");
        assert_eq!(table[0].shared, None);
        let there = mountinfo::read().unwrap();
        let etc = mountinfo::containing(&there, "/etc".as_ref()).unwrap();
        match propagate("/etc".as_ref()) {
            Ok(ChildHook::Mount(mount)) => {
                assert!(etc.shared.is_some());
                assert_eq!(mount.target, etc.target);
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(etc.shared.is_none());
                assert!(error.to_string().ends_with("it is not under a shared mount"), "{error}");
            }
        }
    }
}

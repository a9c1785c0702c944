//! `volume/sandbox_path`: a folder of a sandbox, its own or the parent's, in another place of the
//! container (row IS-20). With mounts of its own that is a mount, without them a link.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use mesos::ids::ContainerId;
use mesos::volume::{SandboxPath as Source, SandboxPathType, Volume, VolumeMode, VolumeSourceType};

use super::places::{beneath, bind, failed, mount_point, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};

/// Its name in `--isolation`.
pub const NAME: &str = "volume/sandbox_path";

/// The isolator.
#[derive(Debug)]
pub struct SandboxPath {
    /// Whether containers have mounts of their own.
    mounts: bool,
    sandboxes: BTreeMap<ContainerId, PathBuf>,
}

impl SandboxPath {
    /// `mounts` says whether containers have mounts of their own.
    pub fn new(mounts: bool) -> Self {
        Self { mounts, sandboxes: BTreeMap::new() }
    }

    /// The folder whose part a volume is, and that part.
    fn source(
        &self,
        container: &Container,
        volume: &Volume,
        source: &Source,
    ) -> Result<PathBuf, IsolatorError> {
        let kind = source.r#type.unwrap_or(SandboxPathType::Unknown);
        let root = match (kind, &container.id.parent) {
            (SandboxPathType::Unknown, _) => return refused("Unknown SANDBOX_PATH volume type"),
            (SandboxPathType::Own, _) if !Path::new(&volume.container_path).is_absolute() => {
                // A link would do.
                let what = "'container_path' is relative for SANDBOX_PATH volume SELF type";
                return refused(what);
            }
            (SandboxPathType::Own, _) => &container.sandbox,
            (SandboxPathType::Parent, None) => {
                return refused("SANDBOX_PATH volume PARENT type only works for nested container");
            }
            (SandboxPathType::Parent, Some(parent)) => match self.sandboxes.get(parent) {
                Some(sandbox) => sandbox,
                None => return refused("Failed to locate the sandbox for the parent container"),
            },
        };
        if Path::new(&source.path).is_absolute() {
            return refused(format!("Path '{}' in SANDBOX_PATH volume is absolute", source.path));
        }
        let path = beneath(root, &source.path)?;
        if !path.exists() {
            fs::create_dir_all(&path).map_err(failed("create the directory", &path))?;
            let owner = fs::metadata(root).map_err(failed("stat", root))?;
            let what = "change the ownership of the SANDBOX_PATH volume at";
            chown(&path, Some(owner.uid()), Some(owner.gid())).map_err(failed(what, &path))?;
        }
        Ok(path)
    }
}

/// The part of a sandbox that a volume stands for, if it does.
fn wanted(volume: &Volume) -> Result<Option<Source>, IsolatorError> {
    let kind = Some(VolumeSourceType::SandboxPath);
    if let Some(new) = volume.source.as_ref().filter(|source| source.r#type == kind) {
        let Some(source) = &new.sandbox_path else {
            return refused("'source.sandbox_path' is not set for SANDBOX_PATH volume");
        };
        return Ok(Some(source.clone()));
    }
    // The older way.
    let old = volume.host_path.clone().filter(|path| !Path::new(path).is_absolute());
    Ok(old.map(|path| Source { r#type: Some(SandboxPathType::Own), path }))
}

impl Isolator for SandboxPath {
    fn name(&self) -> &'static str {
        NAME
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        self.sandboxes.extend(known.iter().map(|one| (one.id.clone(), one.sandbox.clone())));
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        self.sandboxes.insert(container.id.clone(), container.sandbox.clone());
        let mut hooks = Vec::new();
        for volume in container.info.iter().flat_map(|info| &info.volumes) {
            let Some(source) = wanted(volume)? else { continue };
            if container.class == Class::Session {
                return refused("SANDBOX_PATH volume is not supported for DEBUG containers");
            }
            if !self.mounts && Path::new(&volume.container_path).is_absolute() {
                return refused(
                    "The 'linux' launcher and 'filesystem/linux' isolator must be enabled to \
                     support SANDBOX_PATH volume with absolute container path",
                );
            }
            let source = self.source(container, volume, &source)?;
            if self.mounts {
                let target = mount_point(&container.sandbox, &volume.container_path, &source)?;
                hooks.extend(bind(&source, &target, volume.mode == VolumeMode::Ro));
            } else {
                link(&container.sandbox, &volume.container_path, &source)?;
            }
        }
        Ok(Preparation { hooks, ..Preparation::default() })
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        self.sandboxes.remove(id);
        Ok(())
    }
}

fn link(sandbox: &Path, container_path: &str, source: &Path) -> Result<(), IsolatorError> {
    let target = beneath(sandbox, container_path)?;
    if let Some(above) = target.parent() {
        fs::create_dir_all(above).map_err(failed("create the directory", above))?;
    }
    symlink(source, &target).map_err(failed("symlink the volume at", &target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, nested, root, run};
    use libprocess::subprocess::{ChildHook, Mount, Namespace};
    use mesos::container::ContainerInfo;
    use nix::mount::MsFlags;

    fn pair(folder: &Path) -> (Container, Container) {
        let mut parent = container("c", "cpus:1");
        parent.sandbox = folder.join("parent");
        let mut child = nested(&parent, "n");
        child.sandbox = folder.join("parent/containers/n");
        fs::create_dir_all(&child.sandbox).unwrap();
        (parent, child)
    }

    fn with(mut made: Container, kind: &str, path: &str, container_path: &str) -> Container {
        let volume = serde_json::json!({
            "mode": "RW",
            "container_path": container_path,
            "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": kind, "path": path}},
        });
        let volumes = vec![serde_json::from_value(volume).unwrap()];
        made.info = Some(Box::new(ContainerInfo { volumes, ..ContainerInfo::default() }));
        made
    }

    #[test]
    fn without_mounts_a_volume_of_the_parent_is_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (parent, child) = pair(folder.path());
        let mut isolator = SandboxPath::new(false);
        isolator.prepare(&parent).unwrap();
        let one = with(child.clone(), "PARENT", "shared", "here/it");
        assert!(isolator.prepare(&one).unwrap().hooks.is_empty());
        let link = child.sandbox.join("here/it");
        assert_eq!(fs::read_link(link).unwrap(), parent.sandbox.join("shared"));
        assert!(parent.sandbox.join("shared").is_dir());
        let one = with(child, "PARENT", "shared", "/mnt/it");
        let error = isolator.prepare(&one).unwrap_err().to_string();
        assert!(error.ends_with("volume with absolute container path"), "{error}");
    }

    #[test]
    fn with_mounts_it_is_a_mount() {
        if !root("mounts of parts of sandboxes") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (parent, child) = pair(folder.path());
        let mut isolator = SandboxPath::new(true);
        let known = Recovered {
            id: parent.id.clone(),
            class: Class::Executor,
            pid: None,
            sandbox: parent.sandbox.clone(),
            resources: parent.resources.clone(),
        };
        isolator.recover(&[known]).unwrap();
        let slave = || {
            ChildHook::Mount(Mount {
                target: "/".into(),
                flags: (MsFlags::MS_SLAVE | MsFlags::MS_REC).bits(),
                ..Mount::default()
            })
        };
        let alone = |mut preparation: Preparation| {
            preparation.namespaces.push(Namespace::Mount);
            preparation.hooks.insert(0, slave());
            preparation
        };
        let one = with(child.clone(), "PARENT", "shared", "here");
        let script = format!("echo x > {}/here/file", child.sandbox.display());
        let (text, fine) = run(&script, alone(isolator.prepare(&one).unwrap()));
        assert!(fine, "{text}");
        assert!(parent.sandbox.join("shared/file").exists());
        assert!(!child.sandbox.join("here/file").exists());
        // An own folder somewhere else.
        let one = with(child.clone(), "SELF", "tmp", "/mnt");
        let (text, fine) = run("echo x > /mnt/file", alone(isolator.prepare(&one).unwrap()));
        assert!(fine, "{text}");
        assert!(child.sandbox.join("tmp/file").exists());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (parent, child) = pair(folder.path());
        let mut isolator = SandboxPath::new(true);
        let mut error = |one: Container| isolator.prepare(&one).unwrap_err().to_string();
        let unknown = "Failed to locate the sandbox for the parent container";
        assert_eq!(error(with(child.clone(), "PARENT", "a", "b")), unknown);
        let nobody = "SANDBOX_PATH volume PARENT type only works for nested container";
        assert_eq!(error(with(parent.clone(), "PARENT", "a", "b")), nobody);
        let absolute = "Path '/a' in SANDBOX_PATH volume is absolute";
        assert_eq!(error(with(child.clone(), "PARENT", "/a", "b")), absolute);
        let relative = "'container_path' is relative for SANDBOX_PATH volume SELF type";
        assert_eq!(error(with(child.clone(), "SELF", "a", "b")), relative);
        assert!(error(with(child.clone(), "PARENT", "../x", "b")).ends_with("of the sandbox"));
        let kind = "Unknown SANDBOX_PATH volume type";
        assert_eq!(error(with(child, "UNKNOWN", "a", "b")), kind);
    }
}

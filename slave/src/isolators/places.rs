//! Places that several isolators mount or link: paths in sandboxes, persistent volumes, binds.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Component, Path, PathBuf};

use libprocess::subprocess::{ChildHook, Mount};
use mesos::resource::{DiskSourceType, Resource};
use mesos::resources::{Resources, reservation_role};

use nix::mount::MsFlags;

use super::IsolatorError;

/// An error of the file system.
pub fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IsolatorError {
    let path = path.to_owned();
    move |source| IsolatorError::Io { what, path, source }
}

/// An error in words.
pub fn refused<T>(text: impl Into<String>) -> Result<T, IsolatorError> {
    Err(IsolatorError::Refused(text.into()))
}

/// A path below a folder that belongs to a user: it must not lead out of the folder, neither by
/// its parts nor by the links in it. What is there of it need not be all.
///
/// # Errors
/// It leads out.
pub fn beneath(folder: &Path, relative: &str) -> Result<PathBuf, IsolatorError> {
    let mut path = folder.to_owned();
    for part in Path::new(relative).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => continue,
            _ => return refused(format!("Path '{relative}' leads out of the sandbox")),
        }
        if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_symlink()) {
            let end = fs::canonicalize(&path).map_err(failed("resolve", &path))?;
            let folder = fs::canonicalize(folder).map_err(failed("resolve", folder))?;
            if !end.starts_with(folder) {
                return refused(format!("Path '{relative}' leads out of the sandbox"));
            }
        }
    }
    Ok(path)
}

/// Makes something to mount on: a folder for a folder, a file for anything else.
///
/// # Errors
/// The file system refuses.
pub fn make_mount_point(source: &Path, target: &Path) -> Result<(), IsolatorError> {
    if source.is_dir() {
        return fs::create_dir_all(target).map_err(failed("create the mount point at", target));
    }
    if let Some(above) = target.parent() {
        fs::create_dir_all(above).map_err(failed("create the directory", above))?;
    }
    if target.exists() {
        return Ok(());
    }
    fs::File::create(target).map(drop).map_err(failed("touch the mount point at", target))
}

/// Where a path of a volume is in the container: below its sandbox, if it is relative.
///
/// # Errors
/// It leads out of the sandbox, or is absolute and not there: nothing is made outside of sandboxes.
pub fn mount_point(
    sandbox: &Path,
    container_path: &str,
    source: &Path,
) -> Result<PathBuf, IsolatorError> {
    if !Path::new(container_path).is_absolute() {
        let target = beneath(sandbox, container_path)?;
        make_mount_point(source, &target)?;
        return Ok(target);
    }
    if !Path::new(container_path).exists() {
        return refused(format!(
            "Mount point '{container_path}' is an absolute path. It must exist if the container \
             shares the host filesystem"
        ));
    }
    Ok(PathBuf::from(container_path))
}

/// The hooks that show a file or folder in another place.
pub fn bind(source: &Path, target: &Path, read_only: bool) -> Vec<ChildHook> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    let mount = |source: Option<&Path>, flags: MsFlags| {
        ChildHook::Mount(Mount {
            source: source.map(Path::to_owned),
            target: target.to_owned(),
            flags: flags.bits(),
            ..Mount::default()
        })
    };
    let mut hooks = vec![mount(Some(source), flags)];
    if read_only {
        // The kernel takes this only of a mount that is there.
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        hooks.push(mount(None, flags));
    }
    hooks
}

/// A persistent volume in a container.
#[derive(Debug, Clone, PartialEq)]
pub struct PersistentVolume {
    /// The resource.
    pub resource: Resource,
    /// Its place in the sandbox, which is one name.
    pub name: String,
    /// Where it is on the machine.
    pub source: PathBuf,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// The persistent volumes of a container. What is not right below the sandbox is left out, as in
/// Mesos, whose master lets nothing else through.
///
/// # Errors
/// One has no place on the machine.
pub fn persistent_volumes(
    work_dir: &Path,
    resources: &Resources,
) -> Result<Vec<PersistentVolume>, IsolatorError> {
    let mut found = Vec::new();
    for resource in resources.persistent_volumes().iter() {
        let volume = resource.disk.as_ref().and_then(|disk| disk.volume.as_ref());
        let Some(volume) = volume else { continue };
        let name = volume.container_path.as_str();
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            tracing::warn!("leaving out the persistent volume at '{name}', which is no name");
            continue;
        }
        found.push(PersistentVolume {
            resource: resource.clone(),
            name: name.to_owned(),
            source: persistent_path(work_dir, resource)?,
            read_only: volume.mode == mesos::volume::VolumeMode::Ro,
        });
    }
    Ok(found)
}

/// Where a persistent volume is: `<root>/volumes/roles/<role>/<id>` in Mesos's layout, or a disk
/// of its own.
///
/// # Errors
/// It is of a kind that is no folder.
pub fn persistent_path(work_dir: &Path, resource: &Resource) -> Result<PathBuf, IsolatorError> {
    let disk = resource.disk.as_ref();
    let id = disk.and_then(|disk| disk.persistence.as_ref()).map(|one| one.id.as_str());
    let Some(id) = id.filter(|id| !id.is_empty() && !id.contains('/') && *id != "..") else {
        return refused("the persistent volume has no id that can be the name of a folder");
    };
    let role = reservation_role(resource).unwrap_or("*");
    let below = |root: &Path| root.join("volumes/roles").join(role.replace('/', " ")).join(id);
    let root = |path: Option<&String>| {
        path.map(|path| work_dir.join(path))
            .ok_or_else(|| IsolatorError::Refused(format!("the disk of volume '{id}' has no root")))
    };
    let Some(source) = disk.and_then(|disk| disk.source.as_ref()) else {
        return Ok(below(work_dir));
    };
    match source.r#type {
        DiskSourceType::Path => {
            let path = source.path.as_ref().and_then(|path| path.root.as_ref());
            Ok(below(&root(path)?))
        }
        DiskSourceType::Mount => root(source.mount.as_ref().and_then(|one| one.root.as_ref())),
        other => refused(format!("a persistent volume cannot be on a disk of type {other:?}")),
    }
}

/// Gives a volume to the owner of a sandbox; root needs no such thing.
///
/// # Errors
/// The file system refuses.
pub fn give(volume: &Path, sandbox: &Path) -> Result<(), IsolatorError> {
    let owner = fs::metadata(sandbox).map_err(failed("get ownership for", sandbox))?;
    if owner.uid() == 0 {
        return Ok(());
    }
    let what = "change the ownership of the persistent volume at";
    chown(volume, Some(owner.uid()), Some(owner.gid())).map_err(failed(what, volume))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_sandbox() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = folder.path();
        assert_eq!(beneath(sandbox, "a/./b").unwrap(), sandbox.join("a/b"));
        fs::create_dir(sandbox.join("inner")).unwrap();
        std::os::unix::fs::symlink("inner", sandbox.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", sandbox.join("out")).unwrap();
        std::os::unix::fs::symlink("/nonexistent/x", sandbox.join("dangling")).unwrap();
        assert_eq!(beneath(sandbox, "in/b").unwrap(), sandbox.join("in/b"));
        for path in ["..", "a/../../b", "/etc", "out", "out/passwd", "dangling"] {
            assert!(beneath(sandbox, path).is_err(), "{path}");
        }
    }

    #[test]
    fn volumes_have_mesos_s_places() {
        let parse = |disk: &str| {
            let text = format!(
                r#"[{{"name":"disk","type":"SCALAR","scalar":{{"value":64}},
                "reservations":[{{"type":"DYNAMIC","role":"eng/web"}}],"disk":{disk}}}]"#
            );
            Resources::parse(&text, "*").unwrap()
        };
        let plain = r#"{"persistence":{"id":"id1"},
            "volume":{"mode":"RO","container_path":"data"}}"#;
        let found = persistent_volumes("/w".as_ref(), &parse(plain)).unwrap();
        assert_eq!(found[0].source, Path::new("/w/volumes/roles/eng web/id1"));
        assert_eq!((found[0].name.as_str(), found[0].read_only), ("data", true));
        let mount = r#"{"persistence":{"id":"id1"},"source":{"type":"MOUNT","mount":{"root":"/d"}},
            "volume":{"mode":"RW","container_path":"data"}}"#;
        let found = persistent_volumes("/w".as_ref(), &parse(mount)).unwrap();
        assert_eq!(found[0].source, Path::new("/d"));
        let path = r#"{"persistence":{"id":"id1"},"source":{"type":"PATH","path":{"root":"d"}},
            "volume":{"mode":"RW","container_path":"data"}}"#;
        let found = persistent_volumes("/w".as_ref(), &parse(path)).unwrap();
        assert_eq!(found[0].source, Path::new("/w/d/volumes/roles/eng web/id1"));
        let deep = r#"{"persistence":{"id":"id1"},
            "volume":{"mode":"RW","container_path":"a/b"}}"#;
        assert_eq!(persistent_volumes("/w".as_ref(), &parse(deep)).unwrap(), []);
    }

    #[test]
    fn mount_points_are_like_what_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, host) = (folder.path().join("s"), folder.path().join("h"));
        fs::create_dir_all(&sandbox).unwrap();
        fs::write(&host, "").unwrap();
        let file = mount_point(&sandbox, "a/file", &host).unwrap();
        assert!(file.is_file());
        assert!(mount_point(&sandbox, "a/folder", folder.path()).unwrap().is_dir());
        mount_point(&sandbox, "a/file", &host).unwrap();
        let error = mount_point(&sandbox, "/nonexistent/x", &host).unwrap_err().to_string();
        assert!(error.starts_with("Mount point '/nonexistent/x' is an absolute path."), "{error}");
        assert_eq!(mount_point(&sandbox, "/etc", folder.path()).unwrap(), Path::new("/etc"));
    }
}

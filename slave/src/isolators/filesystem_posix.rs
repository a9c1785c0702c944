//! `filesystem/posix`: containers see the machine's files; persistent volumes are links in their
//! sandboxes (row IS-12).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mesos::ids::ContainerId;
use mesos::resources::Resources;

use super::places::{PersistentVolume, failed, give, persistent_volumes, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};

/// The isolator.
#[derive(Debug)]
pub struct FilesystemPosix {
    work_dir: PathBuf,
    containers: BTreeMap<ContainerId, Known>,
}

#[derive(Debug)]
struct Known {
    sandbox: PathBuf,
    volumes: Vec<PersistentVolume>,
}

impl FilesystemPosix {
    /// For sandboxes and volumes below this folder.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into(), containers: BTreeMap::new() }
    }

    fn in_use(&self, volume: &PersistentVolume, besides: &ContainerId) -> bool {
        let uses = |known: &Known| known.volumes.iter().any(|one| one.source == volume.source);
        self.containers.iter().any(|(id, known)| id != besides && uses(known))
    }
}

impl Isolator for FilesystemPosix {
    fn name(&self) -> &'static str {
        "filesystem/posix"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, class: Class) -> bool {
        class != Class::Session
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        for one in known.iter().filter(|one| one.class != Class::Session) {
            let known = Known { sandbox: one.sandbox.clone(), volumes: Vec::new() };
            self.containers.insert(one.id.clone(), known);
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        if self.containers.contains_key(&container.id) {
            return refused("Container has already been prepared");
        }
        let image = container.info.as_ref().and_then(|info| info.mesos.as_ref());
        if image.is_some_and(|mesos| mesos.image.is_some()) {
            return refused("Container root filesystems not supported");
        }
        let sandbox = container.sandbox.clone();
        self.containers.insert(container.id.clone(), Known { sandbox, volumes: Vec::new() });
        self.update(&container.id, &container.resources, &container.limits)?;
        Ok(Preparation::default())
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
        for gone in known.volumes.iter().filter(|one| !wanted.contains(one)) {
            let link = known.sandbox.join(&gone.name);
            let what = "remove the symlink for the unneeded persistent volume at";
            match fs::remove_file(&link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(what, &link)(error));
                }
                _ => {}
            }
        }
        for fresh in wanted.iter().filter(|one| !known.volumes.contains(one)) {
            // Whose it is, is for the first to say where several may use it.
            if fresh.resource.shared.is_none() || !self.in_use(fresh, id) {
                give(&fresh.source, &known.sandbox)?;
            }
            link(&fresh.source, &known.sandbox.join(&fresh.name))?;
            if fresh.read_only {
                let source = fresh.source.display();
                tracing::warn!("container {id} can write to the read-only volume '{source}'");
            }
        }
        if let Some(known) = self.containers.get_mut(id) {
            known.volumes = wanted;
        }
        Ok(())
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        // The links go with the sandbox.
        self.containers.remove(id);
        Ok(())
    }
}

/// Links a volume. An agent that has been restarted finds the links of the last one.
fn link(source: &Path, link: &Path) -> Result<(), IsolatorError> {
    match symlink(source, link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let end = |path: &Path| fs::canonicalize(path).map_err(failed("resolve", path));
            let (there, wanted) = (end(link)?, end(source)?);
            if there == wanted {
                return Ok(());
            }
            refused(format!(
                "The existing symlink '{}' points to '{}' and the new target is '{}'",
                link.display(),
                there.display(),
                wanted.display()
            ))
        }
        other => other.map_err(failed("symlink persistent volume to", link)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::container;

    fn volumes(ids: &[&str]) -> String {
        let one = |id: &&str| {
            format!(
                r#"{{"name":"disk","type":"SCALAR","scalar":{{"value":64}},
                "reservations":[{{"type":"DYNAMIC","role":"web"}}],
                "disk":{{"persistence":{{"id":"{id}"}},
                "volume":{{"mode":"RW","container_path":"at-{id}"}}}}}}"#
            )
        };
        format!("[{}]", ids.iter().map(one).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn volumes_are_links_that_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = folder.path().join("sandbox");
        let place = |id: &str| folder.path().join("volumes/roles/web").join(id);
        for path in [sandbox.clone(), place("a"), place("b")] {
            fs::create_dir_all(path).unwrap();
        }
        let mut isolator = FilesystemPosix::new(folder.path());
        let mut made = container("c", &volumes(&["a"]));
        made.sandbox = sandbox.clone();
        isolator.prepare(&made).unwrap();
        assert!(isolator.prepare(&made).is_err());
        fs::write(sandbox.join("at-a/file"), "kept").unwrap();
        let none = BTreeMap::new();
        let resources = |ids: &[&str]| Resources::parse(&volumes(ids), "*").unwrap();
        isolator.update(&made.id, &resources(&["a", "b"]), &none).unwrap();
        assert_eq!(fs::read_link(sandbox.join("at-b")).unwrap(), place("b"));
        isolator.update(&made.id, &resources(&["b"]), &none).unwrap();
        assert!(!sandbox.join("at-a").exists());
        assert_eq!(fs::read_to_string(place("a").join("file")).unwrap(), "kept");
        // The next agent finds the link, which leads where it should.
        let mut next = FilesystemPosix::new(folder.path());
        let known = Recovered {
            id: made.id.clone(),
            class: Class::Executor,
            pid: None,
            sandbox: sandbox.clone(),
            resources: Resources::new(),
        };
        next.recover(&[known]).unwrap();
        next.update(&made.id, &resources(&["b"]), &none).unwrap();
        fs::remove_file(sandbox.join("at-b")).unwrap();
        symlink("/etc", sandbox.join("at-b")).unwrap();
        next.cleanup(&made.id).unwrap();
        made.resources = resources(&["b"]);
        let error = next.prepare(&made).unwrap_err().to_string();
        assert!(error.ends_with("volumes/roles/web/b'"), "{error}");
        assert!(error.contains("points to '/etc'"), "{error}");
    }

    #[test]
    fn images_are_refused() {
        use mesos::container::{ContainerInfo, Image, MesosInfo};
        let mut made = container("c", "cpus:1");
        let mesos = Some(MesosInfo { image: Some(Box::new(Image::default())) });
        made.info = Some(Box::new(ContainerInfo { mesos, ..ContainerInfo::default() }));
        let error = FilesystemPosix::new("/w").prepare(&made).unwrap_err();
        assert_eq!(error.to_string(), "Container root filesystems not supported");
    }
}

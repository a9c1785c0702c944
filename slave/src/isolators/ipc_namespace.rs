//! `namespaces/ipc`: shared memory, semaphores and queues of one's own, and `/dev/shm` (row IS-26).
//!
//! | `ipc_mode` | on top | below |
//! |---|---|---|
//! | not set | own namespace, the agent's `/dev/shm` | parent's namespace, agent's `/dev/shm` |
//! | `PRIVATE` | both its own | both its own |
//! | `SHARE_PARENT` | both the agent's | both the parent's |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use libprocess::subprocess::Namespace;
use libprocess::units::Bytes;
use mesos::container::IpcMode;
use mesos::ids::ContainerId;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::mountinfo;
use super::places::{bind, failed, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation, Recovered};

const SHM: &str = "/dev/shm";

/// The isolator.
#[derive(Debug)]
pub struct IpcNamespace {
    settings: Settings,
    /// The shared memory that containers see, where it is not the agent's.
    shm: BTreeMap<ContainerId, PathBuf>,
}

/// What the operator decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--default_container_shm_size`.
    pub shm_size: Option<Bytes>,
    /// `--disallow_sharing_agent_ipc_namespace`.
    pub disallow_sharing: bool,
    /// The folder to mount shared memory in.
    pub state_dir: PathBuf,
}

impl IpcNamespace {
    /// With these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, shm: BTreeMap::new() }
    }

    fn place(&self, id: &ContainerId) -> PathBuf {
        self.settings.state_dir.join("shm").join(id.to_string())
    }

    /// Mounts shared memory for a container, in the agent's namespace: others may come to share it.
    fn make_shm(
        &mut self,
        id: &ContainerId,
        size: Option<Bytes>,
    ) -> Result<PathBuf, IsolatorError> {
        let place = self.place(id);
        let what = "create container shared memory directory";
        fs::create_dir_all(&place).map_err(failed(what, &place))?;
        let size = size.map(|size| format!(",size={}", size.0)).unwrap_or_default();
        let options = format!("mode=1777{size}");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_STRICTATIME;
        mount(Some("tmpfs"), &place, Some("tmpfs"), flags, Some(options.as_str()))
            .map_err(|errno| failed("mount", &place)(errno.into()))?;
        self.shm.insert(id.clone(), place.clone());
        Ok(place)
    }

    fn unmount(&self, place: &Path) -> Result<(), IsolatorError> {
        let what = "unmount container shared memory directory";
        let done = umount2(place, MntFlags::MNT_DETACH);
        done.map_err(|errno| failed(what, place)(errno.into()))?;
        fs::remove_dir(place).map_err(failed("remove", place))
    }

    fn size(&self, container: &Container) -> Result<Option<Bytes>, IsolatorError> {
        let linux = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
        let Some(linux) = linux else { return Ok(None) };
        match linux.shm_size {
            None => Ok(self.settings.shm_size),
            Some(_) if linux.ipc_mode != Some(IpcMode::Private) => refused(
                "Only support specifying the size of /dev/shm when the IPC mode is `PRIVATE`",
            ),
            Some(megabytes) => Ok(Bytes::from_megabytes(u64::from(megabytes))),
        }
    }

    fn private(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let size = self.size(container)?;
        let shm = self.make_shm(&container.id, size)?;
        let hooks = bind(&shm, SHM.as_ref(), false);
        Ok(Preparation { namespaces: vec![Namespace::Ipc], hooks, ..Preparation::default() })
    }
}

fn join(container: &Container) -> Result<Preparation, IsolatorError> {
    let Some(pid) = container.parent_pid else {
        return refused("the container above has no process to share a namespace with");
    };
    let path = PathBuf::from(format!("/proc/{pid}/ns/ipc"));
    let file = File::open(&path).map_err(failed("open", &path))?;
    Ok(Preparation { joins: vec![(Namespace::Ipc, file.into())], ..Preparation::default() })
}

impl Isolator for IpcNamespace {
    fn name(&self) -> &'static str {
        "namespaces/ipc"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let table = mountinfo::read()?;
        let mounted: Vec<PathBuf> = table.into_iter().map(|entry| entry.target).collect();
        for one in known {
            let place = self.place(&one.id);
            if mounted.contains(&place) {
                self.shm.insert(one.id.clone(), place);
            }
        }
        let folder = self.settings.state_dir.join("shm");
        for place in mounted.iter().filter(|place| place.parent() == Some(&folder)) {
            if !self.shm.values().any(|known| known == place) {
                // Nobody's any more.
                self.unmount(place)?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let linux = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
        let mode = linux.and_then(|linux| linux.ipc_mode);
        self.size(container)?;
        let nested = container.id.parent.as_deref();
        match (mode, nested) {
            (Some(IpcMode::Private), Some(_)) if container.class == Class::Session => {
                refused("Private IPC mode is not supported for DEBUG containers")
            }
            (_, Some(_)) if container.class == Class::Session => join(container),
            (Some(IpcMode::Unknown), _) => refused("Unknown IPC mode"),
            (Some(IpcMode::Private), _) => self.private(container),
            (None, None) => {
                Ok(Preparation { namespaces: vec![Namespace::Ipc], ..Preparation::default() })
            }
            (None, Some(_)) => join(container),
            (Some(IpcMode::ShareParent), None) if self.settings.disallow_sharing => {
                refused("Sharing agent IPC namespace with top-level container is not allowed")
            }
            (Some(IpcMode::ShareParent), None) => Ok(Preparation::default()),
            (Some(IpcMode::ShareParent), Some(parent)) => {
                let mut preparation = join(container)?;
                if let Some(shm) = self.shm.get(parent).cloned() {
                    preparation.hooks = bind(&shm, SHM.as_ref(), false);
                    // Who is below that one shares the same; the mount is its owner's.
                    self.shm.insert(container.id.clone(), shm);
                }
                Ok(preparation)
            }
        }
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        match self.shm.remove(id) {
            Some(place) if place == self.place(id) => self.unmount(&place),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, alone, container, nested, root, run};
    use libprocess::subprocess::Command;
    use mesos::container::{ContainerInfo, LinuxInfo};

    fn with(mut made: Container, mode: Option<IpcMode>, shm_size: Option<u32>) -> Container {
        let linux = LinuxInfo { ipc_mode: mode, shm_size, ..LinuxInfo::default() };
        let linux_info = Some(Box::new(linux));
        made.info = Some(Box::new(ContainerInfo { linux_info, ..ContainerInfo::default() }));
        made
    }

    fn isolator(folder: &tempfile::TempDir, disallow_sharing: bool) -> IpcNamespace {
        let state_dir = fs::canonicalize(folder.path()).unwrap();
        IpcNamespace::new(Settings { shm_size: Some(Bytes(1 << 20)), disallow_sharing, state_dir })
    }

    const LOOK: &str = "readlink /proc/self/ns/ipc; stat -f -c '%b %S' /dev/shm";

    #[test]
    fn private_means_its_own_shared_memory() {
        if !root("a namespace of shared memory") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = isolator(&folder, false);
        let own = fs::read_link("/proc/self/ns/ipc").unwrap().display().to_string();
        let parent = with(container("c", "cpus:1"), Some(IpcMode::Private), Some(2));
        let preparation = alone(isolator.prepare(&parent).unwrap());
        let fork = Fork::new(preparation.equip(Command::new("sleep").arg("1000")));
        let theirs = fs::read_link(format!("/proc/{}/ns/ipc", fork.pid())).unwrap();
        let theirs = theirs.display().to_string();
        assert_ne!(theirs, own);
        // Below, with everything of the parent's.
        let mut child = with(nested(&parent, "n"), Some(IpcMode::ShareParent), None);
        child.parent_pid = Some(fork.pid());
        let (text, _) = run(LOOK, alone(isolator.prepare(&child).unwrap()));
        assert_eq!(text, format!("{theirs}\n512 4096\n"), "2 MB");
        // Below, with its own, of the size that is the default.
        let mut child = with(nested(&parent, "m"), Some(IpcMode::Private), None);
        child.parent_pid = Some(fork.pid());
        let (text, _) = run(LOOK, alone(isolator.prepare(&child).unwrap()));
        assert!(text.ends_with("256 4096\n") && !text.starts_with(&theirs), "{text}");
        // The next agent knows whose they are.
        let mut next = IpcNamespace::new(isolator.settings.clone());
        let known = Recovered {
            id: parent.id.clone(),
            class: Class::Executor,
            pid: Some(fork.pid()),
            sandbox: "/nonexistent".into(),
            resources: parent.resources.clone(),
        };
        next.recover(&[known]).unwrap();
        let left = |next: &IpcNamespace| {
            fs::read_dir(next.settings.state_dir.join("shm")).unwrap().count()
        };
        assert_eq!(left(&next), 1);
        next.cleanup(&child.id).unwrap();
        next.cleanup(&parent.id).unwrap();
        assert_eq!(left(&next), 0);
    }

    #[test]
    fn what_is_not_said_is_as_it_was_before_there_were_modes() {
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = isolator(&folder, false);
        let parent = container("c", "cpus:1");
        let preparation = isolator.prepare(&parent).unwrap();
        assert_eq!(preparation.namespaces, [Namespace::Ipc]);
        assert!(preparation.hooks.is_empty());
        let mut child = nested(&parent, "n");
        child.parent_pid = Some(std::process::id());
        for class in [Class::Nested, Class::Session] {
            child.class = class;
            let preparation = isolator.prepare(&child).unwrap();
            assert!(preparation.namespaces.is_empty());
            assert_eq!(preparation.joins[0].0, Namespace::Ipc);
        }
        let share = with(parent, Some(IpcMode::ShareParent), None);
        assert!(isolator.prepare(&share).unwrap().namespaces.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = isolator(&folder, true);
        let mut error = |one: &Container| isolator.prepare(one).unwrap_err().to_string();
        let made = container("c", "cpus:1");
        let text = "Only support specifying the size of /dev/shm when the IPC mode is `PRIVATE`";
        assert_eq!(error(&with(made.clone(), None, Some(1))), text);
        let text = "Sharing agent IPC namespace with top-level container is not allowed";
        assert_eq!(error(&with(made.clone(), Some(IpcMode::ShareParent), None)), text);
        assert_eq!(error(&with(made.clone(), Some(IpcMode::Unknown), None)), "Unknown IPC mode");
        let mut session = with(nested(&made, "s"), Some(IpcMode::Private), None);
        session.class = Class::Session;
        let text = "Private IPC mode is not supported for DEBUG containers";
        assert_eq!(error(&session), text);
    }
}

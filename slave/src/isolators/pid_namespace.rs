//! `namespaces/pid`: containers see their own processes only (row IS-25). When the first one ends,
//! the kernel ends the others.
//!
//! A container below another one that wants a namespace of its own gets one beside its parent's,
//! not in it as in Mesos: the kernel makes one in another only for a process that is in there
//! already. The parent does not see its processes, then, and they do not end with the parent's
//! namespace; the agent ends them.

use std::fs::{self, File};
use std::path::PathBuf;

use libprocess::subprocess::{ChildHook, Mount, Namespace};
use mesos::ids::ContainerId;
use nix::mount::MsFlags;

use super::places::{failed, refused};
use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// The isolator.
#[derive(Debug)]
pub struct PidNamespace {
    /// `--disallow_sharing_agent_pid_namespace`.
    disallow_sharing: bool,
    /// Where what was mounted on `/proc` is moved to.
    state_dir: PathBuf,
}

impl PidNamespace {
    /// Keeps what it needs below `state_dir`.
    pub fn new(disallow_sharing: bool, state_dir: impl Into<PathBuf>) -> Self {
        Self { disallow_sharing, state_dir: state_dir.into() }
    }

    fn old_proc(&self, id: &ContainerId) -> PathBuf {
        self.state_dir.join("proc").join(id.to_string())
    }
}

/// `/proc` of the namespace that the child is in.
fn mount_proc() -> ChildHook {
    ChildHook::Mount(Mount {
        source: Some("proc".into()),
        target: "/proc".into(),
        kind: Some("proc".to_owned()),
        flags: (MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC).bits(),
        data: None,
    })
}

impl Isolator for PidNamespace {
    fn name(&self) -> &'static str {
        "namespaces/pid"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let linux = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
        let share = linux.and_then(|linux| linux.share_pid_namespace).unwrap_or(false);
        let mut preparation = Preparation::default();
        if container.id.parent.is_some() {
            if !share && container.class != Class::Session {
                preparation.namespaces.push(Namespace::Pid);
                preparation.hooks.push(mount_proc());
                return Ok(preparation);
            }
            let Some(pid) = container.parent_pid else {
                return refused("the container above has no process to share a namespace with");
            };
            let path = PathBuf::from(format!("/proc/{pid}/ns/pid"));
            let file = File::open(&path).map_err(failed("open", &path))?;
            preparation.joins.push((Namespace::Pid, file.into()));
            if container.class == Class::Session {
                return Ok(preparation);
            }
        } else if share {
            if self.disallow_sharing {
                return refused(
                    "Sharing agent pid namespace with top-level container is not allowed",
                );
            }
            return Ok(preparation);
        }
        if share {
            // It may be the namespace that `/proc` is of, of which no second one can be mounted
            // over the first.
            let old = self.old_proc(&container.id);
            fs::create_dir_all(&old).map_err(failed("create host proc mount point at", &old))?;
            preparation.hooks.push(ChildHook::Mount(Mount {
                source: Some("/proc".into()),
                target: old,
                flags: MsFlags::MS_MOVE.bits(),
                ..Mount::default()
            }));
        } else {
            preparation.namespaces.push(Namespace::Pid);
        }
        preparation.hooks.push(mount_proc());
        Ok(preparation)
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        // In this namespace nothing is mounted there, and for most containers there is none.
        let _ = fs::remove_dir(self.old_proc(id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, alone, container, nested, root, run};
    use libprocess::subprocess::Command;
    use mesos::container::{ContainerInfo, LinuxInfo};

    fn sharing(mut made: Container) -> Container {
        let linux = LinuxInfo { share_pid_namespace: Some(true), ..LinuxInfo::default() };
        let linux_info = Some(Box::new(linux));
        made.info = Some(Box::new(ContainerInfo { linux_info, ..ContainerInfo::default() }));
        made
    }

    #[test]
    fn a_container_is_alone_with_its_processes() {
        if !root("a namespace of pids") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = PidNamespace::new(false, folder.path());
        let made = container("c", "cpus:1");
        let preparation = alone(isolator.prepare(&made).unwrap());
        let (text, _) = run("echo $$; cd /proc; echo [0-9]*", preparation);
        assert_eq!(text, "1\n1\n");
        let preparation = isolator.prepare(&sharing(made)).unwrap();
        assert!(preparation.namespaces.is_empty() && preparation.hooks.is_empty());
        let mut strict = PidNamespace::new(true, folder.path());
        let error = strict.prepare(&sharing(container("c", "cpus:1"))).unwrap_err().to_string();
        let text = "Sharing agent pid namespace with top-level container is not allowed";
        assert_eq!(error, text);
    }

    #[test]
    fn those_below_are_in_the_namespace_above_or_in_one_of_their_own_there() {
        if !root("nested namespaces of pids") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut isolator = PidNamespace::new(true, folder.path());
        let made = container("c", "cpus:1");
        let preparation = alone(isolator.prepare(&made).unwrap());
        // The first of a namespace ignores what it does not handle; that is fine here.
        let parent = Fork::new(preparation.equip(Command::new("sleep").arg("1000")));
        let mut child = nested(&made, "n");
        assert!(isolator.prepare(&sharing(child.clone())).is_err(), "nobody is above");
        child.parent_pid = Some(parent.pid());
        let (text, _) = run("cd /proc; echo [0-9]*", alone(isolator.prepare(&child).unwrap()));
        assert_eq!(text, "1\n", "its own");
        let shared = alone(isolator.prepare(&sharing(child.clone())).unwrap());
        let (text, fine) = run("cat /proc/1/comm; cat /proc/self/comm", shared);
        assert_eq!((text.as_str(), fine), ("sleep\ncat\n", true), "the parent's");
        let mut session = child.clone();
        session.class = Class::Session;
        let preparation = isolator.prepare(&session).unwrap();
        assert!(preparation.namespaces.is_empty() && preparation.hooks.is_empty());
        let (text, _) = run("echo $$", preparation);
        assert!(text.trim().parse::<u32>().unwrap() < 50, "{text}");
        isolator.cleanup(&sharing(child).id).unwrap();
        assert!(fs::read_dir(folder.path().join("proc")).unwrap().next().is_none());
    }
}

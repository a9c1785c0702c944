//! What happens between the fork and the program: in the parent, in the child, in which namespaces.
//!
//! ```text
//!   parent:  clone ──▶ parent hooks, with the pid ──▶ go ──────────────▶ learns of errors
//!   child:     └────── waits, where there are such ───▶ namespaces, child hooks ──▶ program
//! ```
//!
//! A parent hook may do anything: put the child into a cgroup, map its users, move a network
//! interface into its namespace. A child hook runs where next to nothing is allowed, which is why
//! hooks are data, prepared before the fork, and [`ChildHook::custom`] is unsafe.

use nix::libc;
use nix::sys::resource::Resource;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A kind of namespace (row LP-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// What is mounted where.
    Mount,
    /// Processes: the child is the first one of a new namespace, and everything in it ends with it.
    /// It is over only when all others have been reaped, those that joined it by their own parents.
    Pid,
    /// Shared memory, semaphores and queues.
    Ipc,
    /// Names of host and domain.
    Uts,
    /// Interfaces, routes, sockets.
    Network,
    /// Users and groups. Who maps them is a parent hook.
    User,
    /// What the child sees as the root of the cgroups.
    Cgroup,
}

impl Namespace {
    /// The name of its file in `/proc/<pid>/ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Network => "net",
            Self::User => "user",
            Self::Cgroup => "cgroup",
        }
    }

    /// The flag of `clone`, `setns` and `unshare`.
    pub(super) const fn flag(self) -> libc::c_int {
        match self {
            Self::Mount => libc::CLONE_NEWNS,
            Self::Pid => libc::CLONE_NEWPID,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::Uts => libc::CLONE_NEWUTS,
            Self::Network => libc::CLONE_NEWNET,
            Self::User => libc::CLONE_NEWUSER,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
        }
    }
}

/// Names of namespaces for an error, such as `pid, mnt`.
pub(super) fn names(namespaces: &[Namespace]) -> String {
    namespaces.iter().map(|namespace| namespace.name()).collect::<Vec<_>>().join(", ")
}

/// Runs in the parent while the child waits: see
/// [`Command::parent_hook`](super::Command::parent_hook).
pub(super) struct ParentHook {
    pub name: &'static str,
    pub run: Box<dyn FnOnce(i32) -> io::Result<()> + Send>,
}

impl fmt::Debug for ParentHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParentHook").field(&self.name).finish()
    }
}

/// A file system to be mounted: the arguments of `mount(2)`.
#[derive(Clone, Debug, Default)]
pub struct Mount {
    /// What is mounted, where there is something.
    pub source: Option<PathBuf>,
    /// Where it is mounted.
    pub target: PathBuf,
    /// The file system, such as `proc`.
    pub kind: Option<String>,
    /// `MS_…`, or-ed.
    pub flags: u64,
    /// Options of the file system.
    pub data: Option<String>,
}

/// Runs in the child before its program does: see
/// [`Command::child_hook`](super::Command::child_hook).
#[derive(Debug)]
pub enum ChildHook {
    /// Limits a resource; the limits are in its own unit, octets for most.
    Rlimit {
        /// Which.
        resource: Resource,
        /// What holds at present.
        soft: u64,
        /// What the process may raise it to.
        hard: u64,
    },
    /// The permissions that new files do not get.
    Umask(u32),
    /// Mounts something. In the machine's own namespace that outlives the child.
    Mount(Mount),
    /// Makes a folder the root. Hooks behind it, and the folder of the command, are below it.
    Chroot(PathBuf),
    /// Leaves a descriptor open for the program, under the same number.
    KeepOpen(OwnedFd),
    /// Anything else.
    Custom(CustomHook),
}

/// Code for the child: see [`ChildHook::custom`].
pub struct CustomHook {
    pub(super) name: &'static str,
    pub(super) run: Box<dyn FnMut() -> io::Result<()> + Send>,
}

impl fmt::Debug for CustomHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomHook").field(&self.name).finish()
    }
}

impl ChildHook {
    /// Code of the caller's. Of its error only the number gets through
    /// ([`io::Error::raw_os_error`]); others become `EIO`.
    ///
    /// # Safety
    /// It runs in the child of a program with threads, on a small stack: it may make system calls,
    /// but must not allocate or free memory, take locks, panic, or use what does (see
    /// signal-safety(7)).
    pub unsafe fn custom(
        name: &'static str,
        run: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self::Custom(CustomHook { name, run: Box::new(run) })
    }

    /// What it does, for an error that begins with `cannot`.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Rlimit { resource, soft, hard } => {
                format!("limit {resource:?} to {soft} and {hard}")
            }
            Self::Umask(mask) => format!("set the umask {mask:03o}"),
            Self::Mount(mount) => {
                let source = mount.source.as_ref().map(|source| source.display().to_string());
                let what = source.or_else(|| mount.kind.clone()).unwrap_or_default();
                format!("mount {what} on {}", mount.target.display())
            }
            Self::Chroot(path) => format!("make {} the root", path.display()),
            Self::KeepOpen(fd) => format!("keep {fd:?} open"),
            Self::Custom(hook) => hook.name.to_owned(),
        }
    }
}

//! Isolators: what a container may use, see and do; one concept a file (rows IS-01 to IS-38).
//!
//! ```text
//!   prepare ──▶ (born, waiting) ──▶ isolate ──▶ (its program runs) ──▶ cleanup
//!                                      │  update, usage, status  ▲
//!   recover ───────────────────────────┴─────────────────────────┘
//! ```
//!
//! The containerizer asks the isolators of `--isolation` in their order, and in the opposite order
//! to clean up. All of it happens on the containerizer's thread: whatever takes long is done on a
//! thread of the isolator's own, and told by [`Limited`].
//!
//! An isolator that fails to prepare or isolate fails the launch; what it has made until then it
//! takes away in `cleanup`, which is called for whatever was prepared, and may be called again.

pub mod capabilities;
pub mod cgroups;
pub mod disk_du;
pub mod filesystem_linux;
pub mod filesystem_posix;
pub mod host_path;
pub mod ipc_namespace;
pub mod mountinfo;
pub mod nnp;
pub mod pid_namespace;
pub mod places;
pub mod ports;
pub mod posix;
pub mod rlimits;
pub mod sandbox_path;
pub mod seccomp;
pub mod select;
pub mod settings;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use libprocess::subprocess::{ChildHook, Command, Identity, Namespace};
use mesos::container::{ContainerInfo, ContainerStatus};
use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use mesos::task::{Reason, TaskInfo};

pub use self::select::{SelectError, select};
pub use self::settings::{Settings, SettingsError};

/// What a container is there for; it decides which isolators have to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// An executor's.
    Executor,
    /// Below another one, whose resources it shares.
    Nested,
    /// A session in another one, whose namespaces it enters.
    Session,
    /// An operator's, which belongs to no framework.
    Standalone,
}

/// A container that is to be made.
#[derive(Debug, Clone)]
pub struct Container {
    /// Which.
    pub id: ContainerId,
    /// What it is there for.
    pub class: Class,
    /// Its sandbox, which exists and belongs to its user.
    pub sandbox: PathBuf,
    /// Who it runs as; the agent's own user if there is none.
    pub user: Option<Identity>,
    /// What to run.
    pub command: CommandInfo,
    /// What it should be like.
    pub info: Option<Box<ContainerInfo>>,
    /// The executor, where it is one's.
    pub executor: Option<ExecutorInfo>,
    /// The task, where the executor is made for one.
    pub task: Option<TaskInfo>,
    /// What it is promised.
    pub resources: Resources,
    /// What it may use beyond that, by the name of the resource; infinity where nothing limits it
    /// (row OP-19).
    pub limits: BTreeMap<String, f64>,
    /// The leading process of the container above it.
    pub parent_pid: Option<u32>,
}

/// A container of the last run.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// Which.
    pub id: ContainerId,
    /// What it is there for.
    pub class: Class,
    /// Its leading process, where that is known.
    pub pid: Option<u32>,
    /// Its sandbox.
    pub sandbox: PathBuf,
    /// What it is promised.
    pub resources: Resources,
}

/// What an isolator wants of a launch. The parts of all isolators are put together in order.
#[derive(Debug, Default)]
pub struct Preparation {
    /// Variables, which win over those of the container.
    pub environment: Vec<(String, String)>,
    /// Namespaces of its own.
    pub namespaces: Vec<Namespace>,
    /// Namespaces of others.
    pub joins: Vec<(Namespace, std::os::fd::OwnedFd)>,
    /// What happens in the child before it becomes its user.
    pub hooks: Vec<ChildHook>,
    /// What happens in the child once it is its user, right before its program.
    pub last_hooks: Vec<ChildHook>,
}

impl Preparation {
    /// Adds all of it but the environment to the command that starts the container.
    pub fn equip(self, mut command: Command) -> Command {
        command = command.new_namespaces(self.namespaces);
        for (namespace, fd) in self.joins {
            command = command.join_namespace(namespace, fd);
        }
        command = self.hooks.into_iter().fold(command, Command::child_hook);
        self.last_hooks.into_iter().fold(command, Command::last_hook)
    }
}

/// A limit that a container ran into: it is to be destroyed for this (row CT-17).
#[derive(Debug, Clone, PartialEq)]
pub struct Limitation {
    /// The container.
    pub container: ContainerId,
    /// Why, for the status of its tasks.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// What it used too much of.
    pub resources: Vec<Resource>,
}

/// Takes limitations to the containerizer. It may be called from any thread, and for containers
/// that are no more.
pub type Limited = Arc<dyn Fn(Limitation) + Send + Sync>;

/// Why a container cannot be isolated. The text goes to the framework.
#[derive(Debug, thiserror::Error)]
pub enum IsolatorError {
    /// The file system, or what the kernel shows as one, refuses.
    #[error("failed to {what} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was asked for makes no sense, or cannot be had here.
    #[error("{0}")]
    Refused(String),
}

/// Sees to one thing about containers.
pub trait Isolator: Debug + Send {
    /// Its name in `--isolation`.
    fn name(&self) -> &'static str;

    /// Whether it has to do with containers of this class.
    fn handles(&self, class: Class) -> bool {
        matches!(class, Class::Executor | Class::Standalone)
    }

    /// Whether a container's program must not run before [`isolate`](Self::isolate) is done, as it
    /// may where an isolator only watches. Waiting makes launches slower.
    fn holds(&self) -> bool {
        true
    }

    /// Takes the containers of the last run back. What it finds of any other, it destroys.
    ///
    /// # Errors
    /// It does not know all of them: what it cannot find it does not limit. That is logged as an
    /// error, and the agent goes on, where Mesos would stop.
    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let _ = known;
        Ok(())
    }

    /// Makes ready for a container.
    ///
    /// # Errors
    /// The container cannot be made.
    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let _ = container;
        Ok(Preparation::default())
    }

    /// Gets hold of its first process, which waits for that.
    ///
    /// # Errors
    /// The container cannot be made.
    fn isolate(&mut self, container: &ContainerId, pid: u32) -> Result<(), IsolatorError> {
        let _ = (container, pid);
        Ok(())
    }

    /// Changes what it may use.
    ///
    /// # Errors
    /// That is not in force; the container will be destroyed.
    fn update(
        &mut self,
        container: &ContainerId,
        resources: &Resources,
        limits: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        let _ = (container, resources, limits);
        Ok(())
    }

    /// Adds what it knows of what a container uses.
    ///
    /// # Errors
    /// That cannot be found out; what others know is shown all the same.
    fn usage(
        &mut self,
        container: &ContainerId,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        let _ = (container, into);
        Ok(())
    }

    /// Adds what it knows of how a container is.
    fn status(&mut self, container: &ContainerId, into: &mut ContainerStatus) {
        let _ = (container, into);
    }

    /// Takes away what was made for a container, whose processes are gone. Of an unknown container
    /// there is nothing to take away.
    ///
    /// # Errors
    /// Something is left; it does not keep the container from being gone.
    fn cleanup(&mut self, container: &ContainerId) -> Result<(), IsolatorError> {
        let _ = container;
        Ok(())
    }
}

//! Launchers: how a container's processes come to life, are found again, and are killed (rows
//! CT-03, CT-04). One is chosen for all containers, by `--launcher`.

pub mod linux;
pub mod posix;

use std::fmt::Debug;
use std::path::PathBuf;

use libprocess::subprocess::Command;
use mesos::ids::ContainerId;
use slave_core::effect::RecoverContainer;

use super::LaunchError;

/// A container that is to be killed.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which.
    pub container: ContainerId,
    /// Its leading process, where that is known.
    pub leader: Option<u32>,
    /// Whether that process has ended, so that only what it left behind is to be killed.
    pub ended: bool,
    /// Whether it has cleaned up behind itself: ours do, when they end by themselves.
    pub tidy: bool,
    /// Its sandbox.
    pub directory: PathBuf,
}

/// Kills a container, and returns when that is done.
pub type Kill = Box<dyn FnOnce() + Send>;

/// Gives birth to containers, and kills them.
pub trait Launcher: Debug + Send {
    /// Adds what this launcher needs to the command that starts a container's first process.
    ///
    /// # Errors
    /// The container cannot be made.
    fn equip(&mut self, container: &ContainerId, command: Command) -> Result<Command, LaunchError>;

    /// Whether what is started with it waits until it is isolated, at any rate.
    fn waits(&self) -> bool {
        false
    }

    /// Finds the containers of the last run. Those that are not `known` are killed; the answer is
    /// the leading process of each that is known, in their order, where one lives.
    fn recover(&mut self, known: &[RecoverContainer]) -> Vec<Option<u32>>;

    /// Kills a container, or gives back what does, if that takes its time. It may be asked for more
    /// than once.
    fn kill(&self, target: Target) -> Option<Kill>;

    /// Takes away what is left of a container without processes.
    fn clean_up(&mut self, container: &ContainerId) {
        let _ = container;
    }
}

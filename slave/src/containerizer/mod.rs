//! What makes containers, watches them and destroys them.
//!
//! The agent speaks to a [`Containerizer`] with orders that return at once, and hears what became
//! of them as events, in the order in which it happened. There is one containerizer yet,
//! [`mesos`]; others (Docker) take the same place.
//!
//! Reading order: this trait, [`mesos`] (who does what when), [`birth`] (how a container becomes
//! processes), [`isolation`] (all isolators together), [`launcher`] (how processes are born and
//! killed), [`sandbox`], [`program`] (what an executor is run as), [`tree`] (finding and killing
//! processes), [`forked`] (the pid on disk), [`contained`] (containers that are not executors'),
//! [`runtime`] (what is kept of them), [`init`] (their first process), [`usage`].

pub mod birth;
pub mod contained;
pub mod forked;
pub mod init;
pub mod isolation;
pub mod launcher;
pub mod mesos;
pub mod program;
pub mod runtime;
pub mod sandbox;
pub mod tree;
pub mod usage;

use std::sync::Arc;

use ::mesos::ids::ContainerId;
use ::mesos::resources::Resources;
use libprocess::subprocess::SpawnError;
use slave_core::containers::call::{ContainerRequest, ContainerSpec};
use slave_core::effect::{LaunchSpec, Limits, RecoverContainer};
use slave_core::event::Event;

use crate::isolators::IsolatorError;

/// Takes the events of a containerizer to the agent. It may be called from any thread.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;

/// Makes containers. Orders return at once and are carried out one after the other; each is
/// answered by the event that the effect of the same name promises.
pub trait Containerizer: Send {
    /// Makes a container and runs an executor in it.
    fn launch(&self, spec: LaunchSpec);

    /// Watches the containers of the last run again, and destroys those that nobody knows.
    fn recover(&self, containers: Vec<RecoverContainer>);

    /// Changes what a container may use.
    fn update(&self, container: ContainerId, resources: Resources, limits: Limits);

    /// Kills everything in a container.
    fn destroy(&self, container: ContainerId);

    /// Makes a container that is not an executor's.
    fn launch_contained(&self, spec: ContainerSpec);

    /// Sends the leading process of a container a signal.
    fn signal(&self, container: ContainerId, signal: i32, request: ContainerRequest);

    /// What a session writes, once: it is there when the session has been launched.
    fn take_output(&self, container: &ContainerId) -> Option<contained::Output>;
}

/// Why a container could not be made. The text goes to the framework.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A part of the sandbox could not be made.
    #[error("cannot {what} '{}': {source}", path.display())]
    Sandbox {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system does not know the user.
    #[error("user '{0}' does not exist on this agent")]
    UnknownUser(String),
    /// The agent may not become that user.
    #[error(
        "cannot run as user '{wanted}': the agent runs as '{own}', and only root can switch \
         users; start the agent as root or with --no-switch_user"
    )]
    OtherUser {
        /// The user that the framework wants.
        wanted: String,
        /// The user of the agent.
        own: String,
    },
    /// The task asks for something that is not there yet.
    #[error("{0} is not supported by this agent")]
    Unsupported(String),
    /// There is nothing to run.
    #[error("the command of executor '{0}' has no value")]
    NoCommand(String),
    /// The limits of a resource contradict each other.
    #[error("the limits of '{0}' need a soft and a hard limit, the soft one not above the other")]
    Rlimit(String),
    /// The program could not be started.
    #[error("{}", chain(.0))]
    Spawn(#[from] SpawnError),
    /// It cannot be isolated.
    #[error(transparent)]
    Isolate(#[from] IsolatorError),
    /// The next agent would not find the container.
    #[error(transparent)]
    Forked(#[from] forked::ForkedError),
}

/// An error with what is behind it.
fn chain(error: &SpawnError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

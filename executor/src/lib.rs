//! Executors: the programs that run tasks on behalf of an agent.
//!
//! [`driver`] holds the conversation with the agent for any executor. [`command`] is the executor
//! that the agent starts for a task with a command, one process per task; [`default`] runs groups
//! of tasks, each task in a container that the agent nests in the executor's own. Both must start
//! in a few milliseconds and stay small: one worker, no logging framework.
//!
//! It deliberately does not decide where a task runs, does not isolate it, and does not fetch
//! anything: that is the agent's work. Docker containers are not in it yet. Executors that speak
//! Mesos's HTTP executor API need nothing of this crate.
//!
//! Reading order: [`environment`], [`driver`]; [`check`]; [`task_process`], [`command`];
//! [`agent_api`], [`default`]; [`log`], [`program`].

pub mod agent_api;
pub mod check;
pub mod command;
pub mod default;
pub mod driver;
pub mod environment;
pub mod log;
pub mod program;
pub mod task_process;

use libprocess::{Node, NodeConfig};

pub use command::CommandExecutor;
pub use default::DefaultExecutor;
pub use driver::{Driver, Executor};
pub use environment::Environment;

/// What went wrong before an executor could run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is not that of an executor.
    #[error(transparent)]
    Environment(#[from] environment::EnvironmentError),
    /// A variable for libprocess holds something else than it should.
    #[error(transparent)]
    Libprocess(#[from] libprocess::EnvError),
    /// There is no node.
    #[error("cannot start the executor: {0}")]
    Node(#[from] libprocess::NodeError),
}

/// Runs `executor` with what the environment of this process says, until it stops.
///
/// # Errors
/// See [`StartError`].
pub fn run<E: Executor>(executor: E) -> Result<(), StartError> {
    let environment = Environment::from_process()?;
    let config = NodeConfig { workers: 1, ..NodeConfig::from_env()? };
    let node = Node::start(config)?;
    let pid = driver::spawn(&node, environment, executor)?;
    node.wait(&pid).blocking(None);
    node.shutdown();
    Ok(())
}

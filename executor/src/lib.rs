//! Executors: the programs that run tasks on behalf of an agent.
//!
//! [`driver`] holds the conversation with the agent for any executor; [`command`] is the executor
//! that the agent starts for a task with a command, one process per task. It must therefore start
//! in a few milliseconds and fit in two megabytes: one worker, no logging framework.
//!
//! It deliberately does not decide where a task runs, does not isolate it, and does not fetch
//! anything: that is the agent's work. Health checks, task groups and docker containers are not
//! in it yet. Executors that speak Mesos's HTTP executor API need nothing of this crate.
//!
//! Reading order: [`environment`], [`driver`], [`command`], [`task_process`], [`log`].

pub mod command;
pub mod driver;
pub mod environment;
pub mod log;
pub mod task_process;

use std::process::ExitCode;

use libprocess::{Node, NodeConfig};

pub use command::CommandExecutor;
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

/// The whole of `mesos executor`: runs the command executor, and says what to exit with.
pub fn command_executor_main() -> ExitCode {
    log::to_stderr();
    match run(CommandExecutor::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("executor: {error}");
            ExitCode::FAILURE
        }
    }
}

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

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// The node does not run.
    #[error("cannot run the executor: {0}")]
    Run(#[source] std::io::Error),
    /// There is no node.
    #[error("cannot start the executor: {0}")]
    Node(#[from] libprocess::NodeError),
}

/// Runs `executor` with what the environment of this process says, and ends the process when it
/// stops. This thread does all the work: there is no other.
///
/// # Errors
/// See [`StartError`]; otherwise it does not return.
pub fn run<E: Executor>(executor: E) -> Result<Infallible, StartError> {
    let environment = Environment::from_process()?;
    let (node, runner) = Node::on_this_thread(NodeConfig::from_env()?)?;
    let told = Arc::new(AtomicBool::new(false));
    let pid = driver::spawn_told(&node, environment, executor, told.clone())?;
    node.clone().handle().spawn(async move {
        node.wait(&pid).await;
        if !told.load(Ordering::Acquire) {
            node.flush().await;
        }
        exit(0);
    });
    runner.run().map_err(StartError::Run)?;
    exit(0)
}

/// Ends the process at once. The system takes back what it holds in a fraction of the time that
/// taking it apart takes, and there is one executor per task.
fn exit(status: i32) -> ! {
    // SAFETY: it only ends the process. Nothing is buffered: executors write to stderr only.
    unsafe { nix::libc::_exit(status) }
}

//! `mesos master` and `mesos agent`: one daemon, until a signal or its own end.

use std::process::ExitCode;

use libprocess::logging::{self, LogConfig};
use libprocess::{Node, NodeConfig};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::commands::{self, Invoked};
use crate::error::{CliError, with_causes};
use crate::output::warn;
use crate::signals::{self, Interrupt};

/// What is added to a signal's number when a signal ended the program.
const SIGNALLED: u8 = 128;

/// A daemon in its node.
pub struct Daemon<T> {
    /// Where it lives.
    pub node: Node,
    /// The daemon itself.
    pub handle: T,
    /// What the user should know about its flags.
    pub warnings: Vec<String>,
}

/// Runs a master.
pub fn master_main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<master::Flags>(&invoked)? else {
        return Ok(ExitCode::SUCCESS);
    };
    commands::no_arguments(&parsed.positional)?;
    let flags = parsed.flags;
    start_logging(flags.daemon.log_config("mesos-master"))?;
    allow_open_files(&invoked.program);
    let daemon = start_master(&flags)?;
    let handle = daemon.handle.clone();
    let over = async move { handle.ended().await };
    let result = serve(&invoked, &daemon, over);
    daemon.handle.stop();
    daemon.node.shutdown();
    result
}

/// Runs an agent. Its executors live on when it ends by a signal, as a restarted agent expects.
pub fn agent_main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<slave::Flags>(&invoked)? else {
        return Ok(ExitCode::SUCCESS);
    };
    commands::no_arguments(&parsed.positional)?;
    let flags = parsed.flags;
    start_logging(flags.daemon.log_config("mesos-agent"))?;
    let daemon = start_agent(&flags)?;
    let handle = daemon.handle.clone();
    let over = async move { handle.ended().await };
    let result = serve(&invoked, &daemon, over);
    daemon.handle.stop();
    daemon.node.shutdown();
    result
}

/// Starts a master in a node of its own.
pub fn start_master(flags: &master::Flags) -> Result<Daemon<master::MasterHandle>, CliError> {
    let fail = |error: &dyn std::error::Error| cannot_start("the master", error);
    let (config, warnings) = master::Config::from_flags(flags).map_err(|error| fail(&error))?;
    let node = start_node(master::config::node_config(flags).map_err(|error| fail(&error))?)?;
    match master::start(&node, config) {
        Ok(handle) => Ok(Daemon { node, handle, warnings }),
        Err(error) => {
            node.shutdown();
            Err(fail(&error))
        }
    }
}

/// Starts an agent in a node of its own. Its command executors are this binary.
pub fn start_agent(flags: &slave::Flags) -> Result<Daemon<slave::AgentHandle>, CliError> {
    let fail = |error: &dyn std::error::Error| cannot_start("the agent", error);
    let (config, warnings) = slave::Config::from_flags(flags).map_err(|error| fail(&error))?;
    let node = start_node(slave::config::node_config(flags).map_err(|error| fail(&error))?)?;
    match slave::start(&node, config) {
        Ok(handle) => Ok(Daemon { node, handle, warnings }),
        Err(error) => {
            node.shutdown();
            Err(fail(&error))
        }
    }
}

/// A master holds a connection for each agent and framework, and what a shell allows by default is
/// made for programs with a few files. Agents stay as they are: their tasks inherit the limit.
fn allow_open_files(program: &str) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn(program, &format!("cannot raise the limit of open files: {error}"));
    }
}

fn start_node(config: NodeConfig) -> Result<Node, CliError> {
    let address = config.bind;
    Node::start(config).map_err(|error| cannot_start(&format!("a node at {address}"), &error))
}

fn cannot_start(what: &str, error: &dyn std::error::Error) -> CliError {
    CliError::Start { what: what.to_owned(), reason: with_causes(error) }
}

fn start_logging(config: LogConfig) -> Result<(), CliError> {
    // Mesos's log library reads this one; nothing else says how much detail is wanted.
    let verbosity = std::env::var("GLOG_v").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    logging::init(LogConfig { verbosity, ..config })
        .map_err(|error| cannot_start("logging", &error))
}

/// Waits for a signal, or until the daemon is over; a reason for that is an error.
fn serve<T>(
    invoked: &Invoked,
    daemon: &Daemon<T>,
    over: impl Future<Output = Option<String>>,
) -> Result<ExitCode, CliError> {
    for warning in &daemon.warnings {
        warn(&invoked.program, warning);
    }
    let (sender, mut interrupts) = mpsc::unbounded_channel::<Interrupt>();
    signals::on_interrupt(move |interrupt| {
        if interrupt.count > 1 {
            std::process::exit(i32::from(SIGNALLED) + interrupt.signal as i32);
        }
        // Nobody listens when the daemon is ending by itself.
        let _ = sender.send(interrupt);
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|source| CliError::System { what: "start a runtime", source })?;
    let reason = runtime.block_on(async {
        tokio::select! {
            _ = interrupts.recv() => None,
            reason = over => reason,
        }
    });
    match reason {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => Err(CliError::Ended { program: invoked.program.clone(), reason }),
    }
}

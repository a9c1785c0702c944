//! A master and its agents in this program, each in a node of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libprocess::flags::{FlagSet, Invocation};

use crate::daemon::{self, Daemon};
use crate::error::CliError;
use crate::leader;

/// How long agents may take to register.
const REGISTRATION: Duration = Duration::from_secs(20);

/// How often that is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The address that all nodes listen on.
    pub ip: IpAddr,
    /// The master's port; 0 for a free one.
    pub port: u16,
    /// How many agents.
    pub agents: usize,
    /// What each agent offers; what the machine has if absent.
    pub resources: Option<String>,
    /// Where master and agents keep what they keep.
    pub work_dir: PathBuf,
}

/// A cluster that runs.
pub struct Cluster {
    master: Daemon<master::MasterHandle>,
    agents: Vec<Daemon<slave::AgentHandle>>,
}

impl Cluster {
    /// Starts it, and waits until all agents have registered.
    pub fn start(plan: &Plan) -> Result<Self, CliError> {
        let master = start_master(plan)?;
        let mut cluster = Self { master, agents: Vec::new() };
        let started = (1..=plan.agents).try_for_each(|number| {
            let agent = start_agent(plan, number, cluster.address())?;
            cluster.agents.push(agent);
            Ok(())
        });
        match started.and_then(|()| cluster.wait_for_agents()) {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.stop();
                Err(error)
            }
        }
    }

    /// Where the master is.
    pub fn address(&self) -> SocketAddr {
        self.master.node.address()
    }

    /// Where the agents are.
    pub fn agents(&self) -> impl Iterator<Item = SocketAddr> {
        self.agents.iter().map(|agent| agent.node.address())
    }

    fn wait_for_agents(&self) -> Result<(), CliError> {
        let deadline = Instant::now() + REGISTRATION;
        let master = self.address().to_string();
        loop {
            let registered = match leader::get(&master, "/state", REGISTRATION) {
                Ok((_, state)) => state["activated_slaves"].as_f64().unwrap_or(0.0),
                // A master answers 503 until it leads.
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => 0.0,
            };
            if registered >= self.agents.len() as f64 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(CliError::Start {
                    what: format!("{} agents", self.agents.len()),
                    reason: format!("only {registered} registered within {REGISTRATION:?}"),
                });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends all of it. Executors that outlive their agents are the caller's to end.
    pub fn stop(self) {
        for agent in &self.agents {
            agent.handle.stop();
            agent.node.shutdown();
        }
        self.master.handle.stop();
        self.master.node.shutdown();
    }
}

fn start_master(plan: &Plan) -> Result<Daemon<master::MasterHandle>, CliError> {
    let arguments = [
        format!("--ip={}", plan.ip),
        format!("--port={}", plan.port),
        format!("--work_dir={}", directory(plan, "master")?),
        "--no-hostname_lookup".to_owned(),
    ];
    daemon::start_master(&read(arguments)?)
}

fn start_agent(
    plan: &Plan,
    number: usize,
    master: SocketAddr,
) -> Result<Daemon<slave::AgentHandle>, CliError> {
    let mut arguments = vec![
        format!("--master={master}"),
        format!("--ip={}", plan.ip),
        "--port=0".to_owned(),
        format!("--work_dir={}", directory(plan, &format!("agent-{number}"))?),
        "--no-hostname_lookup".to_owned(),
        // The master is this very program: there is no stampede to spread.
        "--registration_backoff_factor=10ms".to_owned(),
    ];
    arguments.extend(plan.resources.iter().map(|text| format!("--resources={text}")));
    daemon::start_agent(&read(arguments)?)
}

/// Flags from a command line of our own making. The environment is not meant for a part of the
/// cluster.
fn read<T: FlagSet>(arguments: impl IntoIterator<Item = String>) -> Result<T, CliError> {
    match T::parse("", arguments, [])? {
        Invocation::Run(parsed) => Ok(parsed.flags),
        Invocation::Help | Invocation::Version => Err(CliError::NoCommand),
    }
}

/// Makes a directory in the work directory.
fn directory(plan: &Plan, name: &str) -> Result<String, CliError> {
    let path = plan.work_dir.join(name);
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path.display().to_string()),
        Err(source) => Err(CliError::Path { path, source }),
    }
}

//! `mesos local`: a whole cluster in one program, for a command or until Ctrl-C.
//!
//! ```text
//!   starting ----> running ---- command ended, or Ctrl-C ----> ending ----> gone
//!                                                                |
//!                     second Ctrl-C: at once, without asking ----+
//! ```
//!
//! Master and agents are nodes of this program on the loopback interface; executors and tasks are
//! child processes. When it ends, by whatever of these ways, no process and no directory is left.
//!
//! Reading order: this file, [`cluster`], [`command`], [`tree`].

pub mod cluster;
mod command;
mod tree;

use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use libprocess::logging::{self, LogConfig};
use nix::sys::signal::Signal;

use crate::commands::{self, Invoked};
use crate::error::{CliError, with_causes};
use crate::output::count;
use crate::signals::{self, Interrupt};
use cluster::{Cluster, Plan};

/// The master's port when nobody asks for another and it is free.
const PORT: u16 = 5050;

/// How long processes may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(2);

/// What a program gives that was interrupted.
const INTERRUPTED: u8 = 130;

libprocess::flags! {
    /// What `mesos local` understands.
    pub struct Flags {
        /// How many agents to run.
        agents: usize = "3" { names: &["num_agents", "num_slaves"] };
        /// Directory in which master and agents keep their state, and which is left there.
        /// A temporary one that is removed at the end, if it is left out.
        work_dir: Option<PathBuf>;
        /// IP address on which master and agents listen.
        ip: IpAddr = "127.0.0.1";
        /// Port of the master. If it is left out, 5050, or any if that is taken or if there is a
        /// command, which finds the address in MESOS_MASTER.
        port: Option<u16>;
        /// What each agent offers, for example `cpus:2;mem:1024`. What the machine has, if it is
        /// left out.
        resources: Option<String>;
        /// Shows what master and agents log.
        verbose: bool = "false";
    }
}

/// What the main thread waits for.
enum Wake {
    Interrupted(Interrupt),
    CommandEnded(u8),
}

/// Runs the cluster.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<Flags>(&invoked)? else { return Ok(ExitCode::SUCCESS) };
    let (flags, command) = (parsed.flags, parsed.positional);
    start_logging(&flags)?;
    let work_dir = WorkDir::new(flags.work_dir.as_deref())?;
    tree::adopt_orphans()
        .map_err(|error| CliError::System { what: "adopt orphans", source: error.into() })?;
    let (sender, wakes) = channel();
    watch_interrupts(sender.clone(), work_dir.clone())?;
    let result = serve(&flags, &command, &work_dir, sender, &wakes);
    tree::end(GRACE);
    work_dir.remove();
    result.map(ExitCode::from)
}

fn start_logging(flags: &Flags) -> Result<(), CliError> {
    let config = LogConfig {
        program: "mesos-local".to_owned(),
        quiet: !flags.verbose,
        ..LogConfig::default()
    };
    logging::init(config).map_err(|error| CliError::Start {
        what: "logging".to_owned(),
        reason: with_causes(&error),
    })
}

/// Passes interruptions on; the second one ends everything at once.
fn watch_interrupts(sender: Sender<Wake>, work_dir: Arc<WorkDir>) -> Result<(), CliError> {
    signals::on_interrupt(move |interrupt| {
        if interrupt.count > 1 {
            tree::kill_all();
            work_dir.remove();
            std::process::exit(i32::from(INTERRUPTED));
        }
        // The main thread may be ending already.
        let _ = sender.send(Wake::Interrupted(interrupt));
    })
}

/// Starts the cluster and waits; gives the exit code.
fn serve(
    flags: &Flags,
    command: &[String],
    work_dir: &WorkDir,
    sender: Sender<Wake>,
    wakes: &Receiver<Wake>,
) -> Result<u8, CliError> {
    let cluster = start_cluster(flags, !command.is_empty(), &work_dir.path)?;
    let result = match command {
        [] => {
            print_welcome(&cluster);
            // Only interruptions can come.
            let _ = wakes.recv();
            eprintln!("\nending: tasks are killed; Ctrl-C again to leave at once");
            Ok(0)
        }
        command => run_command(command, &cluster, sender, wakes),
    };
    cluster.stop();
    result
}

fn start_cluster(flags: &Flags, for_command: bool, work_dir: &Path) -> Result<Cluster, CliError> {
    let plan = |port| Plan {
        ip: flags.ip,
        port,
        agents: flags.agents,
        resources: flags.resources.clone(),
        work_dir: work_dir.to_owned(),
    };
    match flags.port {
        Some(port) => Cluster::start(&plan(port)),
        None if for_command => Cluster::start(&plan(0)),
        None => match Cluster::start(&plan(PORT)) {
            Err(CliError::Start { reason, .. }) if reason.contains("in use") => {
                Cluster::start(&plan(0))
            }
            other => other,
        },
    }
}

fn run_command(
    command: &[String],
    cluster: &Cluster,
    sender: Sender<Wake>,
    wakes: &Receiver<Wake>,
) -> Result<u8, CliError> {
    let mut child = command::start(command, cluster.address())?;
    let id = child.id();
    std::thread::spawn(move || {
        let code = child.wait().map_or(1, command::exit_code);
        // The main thread waits for this, unless it was interrupted before.
        let _ = sender.send(Wake::CommandEnded(code));
    });
    loop {
        match wakes.recv() {
            Ok(Wake::CommandEnded(code)) => return Ok(code),
            Ok(Wake::Interrupted(interrupt)) => {
                // Ctrl-C on a terminal reaches the command without our help.
                if interrupt.signal != Signal::SIGINT || !std::io::stdin().is_terminal() {
                    command::signal(id, interrupt.signal);
                }
            }
            Err(_) => return Ok(INTERRUPTED),
        }
    }
}

fn print_welcome(cluster: &Cluster) {
    let master = cluster.address();
    let agents: Vec<String> = cluster.agents().map(|address| address.to_string()).collect();
    println!("master  http://{master}");
    println!("{}  {}", if agents.len() == 1 { "agent " } else { "agents" }, agents.join(", "));
    let flag = if master.port() == PORT { String::new() } else { format!(" --master={master}") };
    println!("\nTry, in another terminal:\n");
    let mesos = own_name();
    println!("  {mesos} run{flag} -- echo hello");
    println!("  {mesos} status{flag}");
    println!("  curl http://{master}/state");
    println!("\n{} ready. Ctrl-C ends it.", count(agents.len(), "agent"));
}

/// How the user can call this binary again: by the path with which it was called, if any.
fn own_name() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.ends_with("/mesos") { called } else { "mesos".to_owned() }
}

/// Where a cluster keeps its state.
#[derive(Debug)]
struct WorkDir {
    path: PathBuf,
    temporary: bool,
}

impl WorkDir {
    /// The directory that the user wants, or a new temporary one.
    fn new(wanted: Option<&Path>) -> Result<Arc<Self>, CliError> {
        let (path, temporary) = match wanted {
            Some(path) => {
                let absolute = std::path::absolute(path)
                    .map_err(|source| CliError::Path { path: path.to_owned(), source })?;
                (absolute, false)
            }
            None => {
                let template = std::env::temp_dir().join("mesos-local-XXXXXX");
                let made = nix::unistd::mkdtemp(&template);
                let path = made.map_err(|error| CliError::Path {
                    path: template.clone(),
                    source: error.into(),
                })?;
                (path, true)
            }
        };
        Ok(Arc::new(Self { path, temporary }))
    }

    /// Removes it if it is temporary.
    fn remove(&self) {
        if !self.temporary {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            if error.kind() != std::io::ErrorKind::NotFound {
                eprintln!("cannot remove {}: {error}", self.path.display());
            }
        }
    }
}

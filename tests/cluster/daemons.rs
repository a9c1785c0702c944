//! A cluster of real daemons, each of which can be killed and started again.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libprocess::http::client::Client;
use slave::isolators::mountinfo;
use tempfile::TempDir;

/// How long anything may take before a test gives up. Machines that run tests may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub fn mesos() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // target/debug/deps/cluster-0123 -> target/debug/mesos
    let folder = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let binary = folder.join("mesos");
    assert!(binary.exists(), "{} is missing: run `make test`", binary.display());
    binary
}

/// Waits until `condition` gives something.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        // Polls `condition` until PATIENCE is over.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One daemon; killed when it is dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(log: &Path, arguments: &[String]) -> Self {
        let open = || {
            let file = fs::OpenOptions::new().create(true).append(true).open(log);
            file.unwrap_or_else(|error| panic!("{}: {error}", log.display()))
        };
        let child = Command::new(mesos())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("the binary starts");
        Self { child }
    }

    /// The process.
    #[allow(dead_code)] // The benchmarks weigh it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    #[allow(dead_code)] // Few do.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        // It may have ended by itself; either way it is no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A master and agents, on ports and in directories of their own.
pub struct Cluster {
    folder: TempDir,
    master_port: u16,
    agent_ports: Vec<u16>,
    master_flags: Vec<String>,
    agent_flags: Vec<String>,
    pub master: Option<Daemon>,
    pub agents: Vec<Option<Daemon>>,
}

impl Cluster {
    /// Starts a master and this many agents, and waits until they are registered.
    #[allow(dead_code)] // Not every test takes it as it is.
    pub fn start(agents: usize) -> Self {
        Self::start_with(agents, &[], &[])
    }

    /// As [`Cluster::start`], with more flags for the master and for the agents.
    pub fn start_with(agents: usize, master_flags: &[&str], agent_flags: &[&str]) -> Self {
        let own = |flags: &[&str]| flags.iter().map(|&flag| flag.to_owned()).collect();
        let mut cluster = Self {
            folder: tempfile::Builder::new().prefix("mesos-cluster-").tempdir().expect("a folder"),
            master_port: free_port(),
            agent_ports: (0..agents).map(|_| free_port()).collect(),
            master_flags: own(master_flags),
            agent_flags: own(agent_flags),
            master: None,
            agents: (0..agents).map(|_| None).collect(),
        };
        cluster.start_master();
        for agent in 0..agents {
            cluster.start_agent(agent);
        }
        cluster.wait_for_agents(agents);
        cluster
    }

    /// `host:port` of an agent.
    #[allow(dead_code)] // Not every test speaks to it by itself.
    pub fn agent_address(&self, agent: usize) -> String {
        format!("127.0.0.1:{}", self.agent_ports[agent])
    }

    /// `host:port` of the master.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.master_port)
    }

    /// A folder for whatever a test writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the master, on the port and from the directory that it had before.
    pub fn start_master(&mut self) {
        let mut arguments = vec![
            "master".to_owned(),
            "--ip=127.0.0.1".to_owned(),
            "--hostname=127.0.0.1".to_owned(),
            format!("--port={}", self.master_port),
            format!("--work_dir={}", self.folder.path().join("master").display()),
        ];
        arguments.extend_from_slice(&self.master_flags);
        self.master = Some(Daemon::start(&self.folder.path().join("master.log"), &arguments));
    }

    /// Starts an agent, on the port and from the directory that it had before.
    pub fn start_agent(&mut self, agent: usize) {
        let mut arguments = vec![
            "agent".to_owned(),
            "--ip=127.0.0.1".to_owned(),
            "--hostname=127.0.0.1".to_owned(),
            format!("--master={}", self.address()),
            format!("--port={}", self.agent_ports[agent]),
            format!("--work_dir={}", self.folder.path().join(format!("agent-{agent}")).display()),
            "--resources=cpus:4;mem:4096;disk:10000;ports:[31000-32000]".to_owned(),
        ];
        arguments.extend_from_slice(&self.agent_flags);
        let log = self.folder.path().join(format!("agent-{agent}.log"));
        self.agents[agent] = Some(Daemon::start(&log, &arguments));
    }

    /// What the master's `/state` says, if it answers.
    pub fn state(&self) -> Option<serde_json::Value> {
        get_json(&format!("http://{}/state", self.address()))
    }

    /// Waits until this many agents are in use.
    pub fn wait_for_agents(&self, count: usize) {
        wait_for("agents register", || {
            let state = self.state()?;
            (state["activated_slaves"].as_f64()? == count as f64).then_some(())
        });
    }

    /// Every process whose environment names this cluster's folder: executors and tasks.
    pub fn task_processes(&self) -> Vec<i32> {
        let folder = self.folder.path().display().to_string();
        let entries = fs::read_dir("/proc").expect("/proc");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok())
            .filter(|pid: &i32| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                String::from_utf8_lossy(&environment).contains(&folder)
            })
            .collect()
    }

    /// The end of every daemon's log, for whoever looks for the cause of a failure.
    fn print_logs(&self) {
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(40)..];
                eprintln!("--- {}\n{}", path.display(), tail.join("\n"));
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
        for agent in self.agents.iter_mut().flatten() {
            agent.kill();
        }
        // Executors of checkpointing frameworks outlive their agents: that is their purpose.
        for pid in self.task_processes() {
            let mut kill = Command::new("kill");
            // It may have ended by itself.
            let _ = kill.args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        // Where containers have mounts of their own, an agent's work directory is a mount, which
        // outlives the agent for the sake of the next one, and would keep the folder from going.
        for entry in mountinfo::read().unwrap_or_default().iter().rev() {
            if entry.target.starts_with(self.folder.path()) {
                // It may have gone with one that it was on.
                let _ = nix::mount::umount2(&entry.target, nix::mount::MntFlags::MNT_DETACH);
            }
        }
    }
}

/// The text behind a URL, if it answers 200.
#[allow(dead_code)] // Not every test reads text.
pub fn get_text(url: &str) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let request = Client::new().get(url).timeout(Duration::from_secs(5));
    let response = runtime.block_on(request.send()).ok()?;
    (response.status == 200).then(|| String::from_utf8_lossy(&response.body).into_owned())
}

/// The JSON behind a URL, if it answers 200.
pub fn get_json(url: &str) -> Option<serde_json::Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let request = Client::new().get(url).timeout(Duration::from_secs(5));
    let response = runtime.block_on(request.send()).ok()?;
    response.json().ok()
}

/// A port that nobody listens on. It must be the same after a restart, so that it cannot be
/// left to the daemon to choose.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

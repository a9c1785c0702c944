//! A cluster for one test: a master that the test plays, a real agent, real executors.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use libprocess::{Context, Node, NodeConfig, Pid, Process, Upid};
use mesos::agent::AgentInfo;
use mesos::executor_info::CommandInfo;
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{AgentId, FrameworkId, TaskId};
use mesos::internal::{
    AgentRegistered, AgentReregistered, AgentToMaster, KillTask, MasterToAgent, ReregisterAgent,
    RunTask, StatusUpdate, StatusUpdateAcknowledgement,
};
use mesos::resources::Resources;
use mesos::task::{KillPolicy, TaskInfo, TaskState};
use nix::unistd::{User, geteuid};
use slave::AgentHandle;
use slave::containerizer::program::BuiltIn;
use slave::containerizer::{forked, tree};

/// How long anything may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What the played master has heard.
#[derive(Debug)]
pub enum Heard {
    Registered,
    Reregistered(Box<ReregisterAgent>),
    Update(Box<StatusUpdate>),
}

/// Admits every agent, and passes on what it hears.
struct Master {
    heard: Sender<Heard>,
    acknowledges: bool,
}

impl Process for Master {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in AgentToMaster::NAMES {
            context.install(name, Self::receive);
        }
    }
}

impl Master {
    fn receive(&mut self, context: &mut Context<Self>, from: &Upid, message: AgentToMaster) {
        let heard = match message {
            AgentToMaster::RegisterAgent(_) => {
                let agent_id = AgentId::from("agent-S0");
                send(context, from, AgentRegistered { agent_id, connection: None });
                Heard::Registered
            }
            AgentToMaster::ReregisterAgent(message) => {
                let agent_id = message.agent.id.clone().unwrap_or_default();
                let answer = AgentReregistered { agent_id, ..AgentReregistered::default() };
                send(context, from, answer);
                Heard::Reregistered(Box::new(message))
            }
            AgentToMaster::StatusUpdate(update) => {
                if self.acknowledges {
                    send(context, from, acknowledgement(&update));
                }
                Heard::Update(Box::new(update))
            }
            _ => return,
        };
        // The test may be over.
        let _ = self.heard.send(heard);
    }
}

fn send(context: &Context<Master>, to: &Upid, message: impl Into<MasterToAgent>) {
    let message = message.into();
    context.send(to, message.name(), message);
}

fn acknowledgement(update: &StatusUpdate) -> StatusUpdateAcknowledgement {
    StatusUpdateAcknowledgement {
        agent_id: update.agent_id.clone().unwrap_or_default(),
        framework_id: update.framework_id.clone(),
        task_id: update.status.task_id.clone(),
        uuid: update.uuid.clone().unwrap_or_default(),
    }
}

/// The cluster. Dropping it ends the agent, kills what it ran and removes the directory.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub framework: FrameworkInfo,
    heard: Receiver<Heard>,
    seen: RefCell<HashSet<Vec<u8>>>,
    master_node: Node,
    master: Pid<Master>,
    agent: Option<(Node, AgentHandle)>,
    address: Option<SocketAddr>,
}

impl Cluster {
    /// A master, and an agent that is registered with it.
    pub fn start() -> Self {
        let mut cluster = Self::without_agent();
        cluster.start_agent();
        assert!(matches!(cluster.hear(), Heard::Registered));
        cluster.await_state(|snapshot| snapshot.state == slave_core::AgentState::Running);
        cluster
    }

    pub fn without_agent() -> Self {
        let master_node = Node::start(NodeConfig { workers: 1, ..NodeConfig::default() }).unwrap();
        let (sender, heard) = channel();
        let master = Master { heard: sender, acknowledges: true };
        let master = master_node.spawn("master", master).unwrap();
        let framework = FrameworkInfo {
            id: Some(FrameworkId::from("framework-1")),
            name: "test".into(),
            user: User::from_uid(geteuid()).unwrap().unwrap().name,
            ..FrameworkInfo::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let seen = RefCell::default();
        Self { dir, framework, heard, seen, master_node, master, agent: None, address: None }
    }

    /// Starts the agent, at the place of the last one if there was one.
    pub fn start_agent(&mut self) {
        let bind = self.address.unwrap_or_else(own_address);
        let delegate = Some(slave::PROCESS_ID.to_owned());
        let config = NodeConfig { bind, delegate, workers: 1, ..NodeConfig::default() };
        let node = Node::start(config).unwrap();
        self.address = Some(node.address());
        let info = AgentInfo {
            resources: Resources::parse("cpus:4;mem:1024;disk:1024", "*").unwrap().to_vec(),
            ..AgentInfo::default()
        };
        let master = self.master_node.address().to_string();
        let mut config = slave::Config::new(master, self.dir.path(), info).unwrap();
        config.executor = BuiltIn {
            program: PathBuf::from(env!("CARGO_BIN_EXE_mesos-executor")),
            arguments: Vec::new(),
        };
        config.core.registration_backoff = Duration::from_millis(1);
        config.core.executor_reregistration_timeout = Duration::from_secs(10);
        let agent = slave::start(&node, config).unwrap();
        self.agent = Some((node, agent));
    }

    /// Ends the agent as if it had been killed: nobody is told.
    pub fn kill_agent(&mut self) {
        if let Some((node, agent)) = self.agent.take() {
            agent.stop();
            node.shutdown();
        }
    }

    pub fn agent(&self) -> &AgentHandle {
        &self.agent.as_ref().unwrap().1
    }

    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    /// Whether the master acknowledges updates by itself.
    pub fn acknowledge_updates(&self, acknowledges: bool) {
        self.master_node.dispatch(&self.master, move |master: &mut Master, _| {
            master.acknowledges = acknowledges;
        });
    }

    pub fn hear(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("the agent said nothing")
    }

    /// The next update; what else is heard is left out.
    pub fn update(&self) -> StatusUpdate {
        loop {
            if let Heard::Update(update) = self.hear() {
                self.is_new(&update);
                return *update;
            }
        }
    }

    /// The next updates are these states; the last of them is returned.
    pub fn expect(&self, states: &[TaskState]) -> StatusUpdate {
        let mut last = None;
        for state in states {
            let update = self.update();
            assert_eq!(update.status.state, *state, "{update:?}");
            last = Some(update);
        }
        last.unwrap()
    }

    /// Whether it is heard for the first time.
    fn is_new(&self, update: &StatusUpdate) -> bool {
        let uuid = update.uuid.as_ref().map(|uuid| uuid.to_vec());
        uuid.is_none_or(|uuid| self.seen.borrow_mut().insert(uuid))
    }

    /// As [`Cluster::expect`], without updates that have been heard before: an agent that was
    /// killed before it took note of an acknowledgement sends once more.
    pub fn expect_with_repeats(&self, states: &[TaskState]) -> StatusUpdate {
        let mut last = None;
        for state in states {
            let update = loop {
                if let Heard::Update(update) = self.hear()
                    && self.is_new(&update)
                {
                    break *update;
                }
            };
            assert_eq!(update.status.state, *state, "{update:?}");
            last = Some(update);
        }
        last.unwrap()
    }

    pub fn send(&self, message: impl Into<MasterToAgent>) {
        let message = message.into();
        let to = Upid::new(slave::PROCESS_ID, self.address());
        self.master_node.send(Some(self.master.upid()), &to, message.name(), message);
    }

    pub fn acknowledge(&self, update: &StatusUpdate) {
        self.send(acknowledgement(update));
    }

    pub fn launch(&self, task: TaskInfo) {
        self.send(RunTask { framework: self.framework.clone(), task, ..RunTask::default() });
    }

    pub fn kill(&self, task: &str, grace: Option<Duration>) {
        let kill_policy = grace.map(|grace| KillPolicy { grace_period: Some(grace.into()) });
        let framework_id = self.framework.id.clone().unwrap();
        self.send(KillTask { framework_id, task_id: TaskId::from(task), kill_policy });
    }

    pub fn has_capability(&mut self, kind: FrameworkCapabilityType) {
        self.framework.capabilities.push(FrameworkCapability { r#type: Some(kind) });
    }

    /// The sandbox of the only executor with this id.
    pub fn sandbox(&self, task: &str) -> PathBuf {
        let framework = self.framework.id.clone().unwrap();
        let latest = format!("slaves/agent-S0/frameworks/{framework}/executors/{task}/runs/latest");
        self.dir.path().canonicalize().unwrap().join(latest).canonicalize().unwrap()
    }

    pub fn await_state(&self, condition: impl Fn(&slave_core::Snapshot) -> bool) {
        eventually(|| condition(&self.agent().snapshot()));
    }

    /// Every living process of the cluster's containers.
    pub fn processes(&self) -> Vec<u32> {
        let root = self.dir.path().canonicalize().unwrap();
        let marked = tree::marked_below(&root).into_iter().map(|marked| marked.pid);
        marked.filter(|pid| forked::start_time(*pid).is_some()).collect()
    }

    pub fn expect_no_processes(&self) {
        eventually(|| self.processes().is_empty());
    }

    pub fn get(&self, target: &str) -> (u16, serde_json::Value) {
        get(self.address(), target)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_agent();
        if let Ok(root) = self.dir.path().canonicalize() {
            tree::kill_marked(&root);
        }
        self.master_node.shutdown();
    }
}

/// A loopback address that no other test uses: nobody takes an agent's port while it is down.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, high.max(1), low, COUNT.fetch_add(1, Ordering::Relaxed));
    SocketAddr::from((ip, 0))
}

/// A task that runs a line of shell.
pub fn task(id: &str, line: &str) -> TaskInfo {
    let command = CommandInfo { value: Some(line.to_owned()), ..CommandInfo::default() };
    TaskInfo {
        name: id.to_owned(),
        task_id: TaskId::from(id),
        agent_id: AgentId::from("agent-S0"),
        resources: Resources::parse("cpus:0.1;mem:32", "*").unwrap().to_vec(),
        command: Some(Box::new(command)),
        ..TaskInfo::default()
    }
}

/// Waits until a condition of the machine holds.
pub fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen in time");
        // Polls what the kernel tells nobody of: files and processes.
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn await_file(path: &Path) {
    eventually(|| path.exists());
}

/// One request; the status, and the body if it is JSON.
pub fn get(address: SocketAddr, target: &str) -> (u16, serde_json::Value) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

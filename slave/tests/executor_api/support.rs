//! A real agent between a master and an executor, both played by the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use libprocess::{Context, Node, NodeConfig, Pid, Process, Upid};
use mesos::agent::AgentInfo;
use mesos::executor_info::{CommandInfo, ExecutorInfo, ExecutorInfoType};
use mesos::framework::FrameworkInfo;
use mesos::internal::{
    AgentRegistered, AgentReregistered, AgentToMaster, MasterToAgent, RunTask, StatusUpdate,
    StatusUpdateAcknowledgement,
};
use mesos::resources::Resources;
use mesos::task::TaskInfo;
use nix::unistd::{User, geteuid};
use serde_json::{Value, json};
use slave::AgentHandle;
use slave::containerizer::tree;

/// How long anything may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Admits every agent, acknowledges every update, and passes on what it hears.
struct Master(Sender<AgentToMaster>);

impl Process for Master {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in AgentToMaster::NAMES {
            context.install(name, Self::receive);
        }
    }
}

impl Master {
    fn receive(&mut self, context: &mut Context<Self>, from: &Upid, message: AgentToMaster) {
        let answer: Option<MasterToAgent> = match &message {
            AgentToMaster::RegisterAgent(_) => {
                Some(AgentRegistered { agent_id: "agent-S0".into(), connection: None }.into())
            }
            AgentToMaster::ReregisterAgent(message) => {
                let agent_id = message.agent.id.clone().unwrap_or_default();
                Some(AgentReregistered { agent_id, ..AgentReregistered::default() }.into())
            }
            AgentToMaster::StatusUpdate(update) => Some(acknowledgement(update).into()),
            _ => None,
        };
        if let Some(answer) = answer {
            context.send(from, answer.name(), answer);
        }
        // The test may be over.
        let _ = self.0.send(message);
    }
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
    dir: tempfile::TempDir,
    framework: FrameworkInfo,
    heard: Receiver<AgentToMaster>,
    master_node: Node,
    master: Pid<Master>,
    agent: Option<(Node, AgentHandle)>,
    /// The agent's address stays the same over a restart.
    address: SocketAddr,
    stream_limit_bytes: usize,
}

impl Cluster {
    /// A master, and an agent that is registered with it.
    pub fn start() -> Self {
        Self::with_stream_limit(1024 * 1024)
    }

    pub fn with_stream_limit(stream_limit_bytes: usize) -> Self {
        let master_node = Node::start(NodeConfig { workers: 1, ..NodeConfig::default() }).unwrap();
        let (sender, heard) = channel();
        let master = master_node.spawn("master", Master(sender)).unwrap();
        let framework = FrameworkInfo {
            id: Some("framework-1".into()),
            name: "test".into(),
            user: User::from_uid(geteuid()).unwrap().unwrap().name,
            checkpoint: true,
            ..FrameworkInfo::default()
        };
        let mut cluster = Self {
            dir: tempfile::tempdir().unwrap(),
            framework,
            heard,
            master_node,
            master,
            agent: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            stream_limit_bytes,
        };
        cluster.start_agent();
        cluster.await_state(|snapshot| snapshot.state == slave_core::AgentState::Running);
        cluster
    }

    /// Starts the agent, at the place of the last one if there was one.
    pub fn start_agent(&mut self) {
        let delegate = Some(slave::PROCESS_ID.to_owned());
        let config =
            NodeConfig { bind: self.address, delegate, workers: 1, ..NodeConfig::default() };
        let node = Node::start(config).unwrap();
        self.address = node.address();
        let info = AgentInfo {
            resources: Resources::parse("cpus:4;mem:1024", "*").unwrap().to_vec(),
            ..AgentInfo::default()
        };
        let master = self.master_node.address().to_string();
        let mut config = slave::Config::new(master, self.dir.path(), info).unwrap();
        config.stream_limit_bytes = self.stream_limit_bytes;
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

    pub fn send(&self, message: impl Into<MasterToAgent>) {
        let message = message.into();
        let to = Upid::new(slave::PROCESS_ID, self.address);
        self.master_node.send(Some(self.master.upid()), &to, message.name(), message);
    }

    /// Launches a task of executor `e1`, which the test plays: its container only sleeps.
    pub fn launch(&self, task: &str) {
        let command = CommandInfo { value: Some("sleep 1000".into()), ..CommandInfo::default() };
        let executor = ExecutorInfo {
            r#type: Some(ExecutorInfoType::Custom),
            executor_id: "e1".into(),
            command: Some(Box::new(command)),
            data: Some("executor data".into()),
            ..ExecutorInfo::default()
        };
        let task = TaskInfo {
            name: task.to_owned(),
            task_id: task.into(),
            agent_id: "agent-S0".into(),
            resources: Resources::parse("cpus:0.1;mem:32", "*").unwrap().to_vec(),
            executor: Some(Box::new(executor)),
            data: Some("task data".into()),
            ..TaskInfo::default()
        };
        self.send(RunTask { framework: self.framework.clone(), task, ..RunTask::default() });
    }

    /// Waits until the agent waits for executor `e1`.
    pub fn await_container(&self) {
        self.await_state(|snapshot| snapshot.executors().any(|e| e.launched.is_some()));
    }

    pub fn await_state(&self, condition: impl Fn(&slave_core::Snapshot) -> bool) {
        let agent = &self.agent.as_ref().unwrap().1;
        eventually(|| condition(&agent.snapshot()));
    }

    /// The next message to the master that `pick` picks.
    pub fn hear<T>(&self, pick: impl Fn(AgentToMaster) -> Option<T>) -> T {
        loop {
            let message = self.heard.recv_timeout(PATIENCE).expect("the agent said nothing");
            if let Some(picked) = pick(message) {
                return picked;
            }
        }
    }

    pub fn update(&self) -> StatusUpdate {
        self.hear(|message| match message {
            AgentToMaster::StatusUpdate(update) => Some(update),
            _ => None,
        })
    }

    /// One call with a JSON body.
    pub fn call(&self, call: &Value) -> Answer {
        self.post("/slave(1)/api/v1/executor", &[JSON], call.to_string().as_bytes())
    }

    /// One request: the answer up to its end.
    pub fn post(&self, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        self.request("POST", path, headers, body).finish()
    }

    /// One request; the answer is read as far as its headers.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n");
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Answer::read(stream)
    }

    /// Subscribes `e1`, and gives the stream of events.
    pub fn subscribe(&self, tasks: Value, updates: Value) -> Answer {
        let body = json!({"unacknowledged_tasks": tasks, "unacknowledged_updates": updates});
        let call = executor_call("SUBSCRIBE", "subscribe", &body).to_string();
        let headers = [JSON, "Accept: application/json"];
        self.request("POST", "/api/v1/executor", &headers, call.as_bytes())
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let answer = self.request("GET", "/metrics/snapshot", &[], b"").finish();
        serde_json::from_slice::<Value>(&answer.body).ok()?.get(name)?.as_f64()
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

pub const JSON: &str = "Content-Type: application/json";

/// A call of `e1`.
pub fn executor_call(kind: &str, name: &str, body: &Value) -> Value {
    json!({
        "framework_id": {"value": "framework-1"}, "executor_id": {"value": "e1"},
        "type": kind, name: body,
    })
}

/// The body of an update whose uuid ends so.
pub fn update(task: &str, state: &str, id: u8) -> Value {
    let uuid = mesos::bytes::Bytes::from([b"0123456\x4089abcde".as_slice(), &[id]].concat());
    json!({"status": {
        "task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR",
        "uuid": serde_json::to_value(uuid).unwrap(),
    }})
}

/// An answer, read from its connection as far as wanted.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    connection: BufReader<TcpStream>,
}

impl Answer {
    fn read(stream: TcpStream) -> Self {
        let mut connection = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            connection.read_line(&mut line).expect("the agent answers in time");
            line.trim_end().to_owned()
        };
        let status = line().split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Self { status: status.expect("a status"), headers, body: Vec::new(), connection }
    }

    fn finish(mut self) -> Self {
        if let Some(length) = self.header("content-length") {
            self.body = vec![0; length.parse().unwrap()];
            self.connection.read_exact(&mut self.body).unwrap();
        } else {
            while let Some(chunk) = self.chunk() {
                self.body.extend(chunk);
            }
        }
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The next chunk of the body; nothing at its end, or at the end of the connection.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        self.connection.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.connection.read_exact(&mut chunk).ok()?;
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// The next event. It is one record, and one chunk.
    pub fn record(&mut self) -> Option<Vec<u8>> {
        let chunk = self.chunk()?;
        let newline = chunk.iter().position(|octet| *octet == b'\n').expect("a length");
        let length: usize = std::str::from_utf8(&chunk[..newline]).unwrap().parse().unwrap();
        let record = chunk[newline + 1..].to_vec();
        assert_eq!(record.len(), length);
        Some(record)
    }

    /// The next event, which is of this type.
    pub fn event(&mut self, kind: &str) -> Value {
        let record = self.record().expect("the stream goes on");
        let event: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(event["type"], kind, "{event}");
        event
    }
}

/// Waits until a condition holds.
pub fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen in time");
        // Polls the state of the agent, which tells nobody of its changes.
        std::thread::sleep(Duration::from_millis(5));
    }
}

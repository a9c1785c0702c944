//! An agent that says what the test tells it to say.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use libprocess::{Context, Node, NodeConfig, Pid, Process, Upid};
use mesos::agent::{AgentCapability, AgentCapabilityType, AgentInfo};
use mesos::ids::{AgentId, FrameworkId};
use mesos::internal::{
    AgentRegistered, AgentToMaster, MasterToAgent, PongAgent, RegisterAgent, RunTask, StatusUpdate,
};
use mesos::resources::Resources;
use mesos::task::{TaskInfo, TaskState, TaskStatus};

use super::PATIENCE;

struct Mouth {
    heard: Sender<MasterToAgent>,
}

impl Process for Mouth {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in MasterToAgent::NAMES {
            context.install(name, |mouth: &mut Self, context, from, message: MasterToAgent| {
                if let MasterToAgent::PingAgent(_) = message {
                    let pong = AgentToMaster::from(PongAgent {});
                    return context.send(from, pong.name(), pong);
                }
                // The test may have ended.
                let _ = mouth.heard.send(message);
            });
        }
    }
}

/// An agent in a node of its own.
pub struct Puppet {
    pub node: Node,
    pid: Pid<Mouth>,
    master: Upid,
    heard: Receiver<MasterToAgent>,
    pub id: AgentId,
}

impl Puppet {
    /// An agent that has not said anything yet.
    pub fn new(master: SocketAddr) -> Self {
        let node = Node::start(NodeConfig { workers: 1, ..NodeConfig::default() }).unwrap();
        let (sender, heard) = channel();
        let pid = node.spawn("slave(1)", Mouth { heard: sender }).unwrap();
        let master = Upid::new("master", master);
        Self { node, pid, master, heard, id: AgentId::default() }
    }

    /// An agent that is registered.
    pub fn registered(master: SocketAddr) -> Self {
        let mut puppet = Self::new(master);
        let info = puppet.info();
        puppet.say(RegisterAgent {
            agent: info,
            version: "1.11.0".to_owned(),
            agent_capabilities: capabilities(),
            ..RegisterAgent::default()
        });
        let AgentRegistered { agent_id, .. } = puppet.hear(|message| match message {
            MasterToAgent::AgentRegistered(registered) => Some(registered),
            _ => None,
        });
        puppet.id = agent_id;
        puppet
    }

    pub fn info(&self) -> AgentInfo {
        let address = self.node.address();
        let resources = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]";
        AgentInfo {
            hostname: "127.0.0.1".to_owned(),
            port: i32::from(address.port()),
            resources: Resources::parse(resources, "*").unwrap().to_vec(),
            ..AgentInfo::default()
        }
    }

    pub fn say(&self, message: impl Into<AgentToMaster>) {
        let message = message.into();
        self.node.send(Some(self.pid.upid()), &self.master, message.name(), message);
    }

    /// Waits for a message; others are skipped.
    pub fn hear<T>(&self, wanted: impl Fn(MasterToAgent) -> Option<T>) -> T {
        loop {
            let message = self.heard.recv_timeout(PATIENCE).expect("the master says nothing");
            if let Some(wanted) = wanted(message) {
                return wanted;
            }
        }
    }

    /// Waits for a task.
    pub fn hear_task(&self) -> (FrameworkId, TaskInfo) {
        self.hear(|message| match message {
            MasterToAgent::RunTask(RunTask { framework, task, .. }) => {
                Some((framework.id.unwrap(), task))
            }
            _ => None,
        })
    }

    /// Says what became of a task.
    pub fn update(&self, framework: &FrameworkId, task: &TaskInfo, state: TaskState) {
        let uuid = uuid::Uuid::new_v4().as_bytes().to_vec();
        let status = TaskStatus {
            task_id: task.task_id.clone(),
            state,
            agent_id: Some(self.id.clone()),
            timestamp: Some(1.5),
            uuid: Some(uuid.clone().into()),
            ..TaskStatus::default()
        };
        self.say(StatusUpdate {
            framework_id: framework.clone(),
            agent_id: Some(self.id.clone()),
            status,
            timestamp: 1.5,
            uuid: Some(uuid.into()),
            latest_state: Some(state),
            ..StatusUpdate::default()
        });
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.node.shutdown();
    }
}

/// What current agents can do.
pub fn capabilities() -> Vec<AgentCapability> {
    let all = AgentCapabilityType::ALL.iter().skip(1);
    all.map(|kind| AgentCapability { r#type: Some(*kind) }).collect()
}

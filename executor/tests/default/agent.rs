//! An agent that the test plays: it takes executors in, acknowledges their updates, and runs
//! containers as plain processes. It can be killed and started again; its containers live on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::{DefaultExecutor, Environment};
use libprocess::http::{BodyWriter, Help, Reply, Request, Response, StatusCode};
use libprocess::subprocess::{self, Command, Signal, Stdio};
use libprocess::{Context, Node, NodeConfig, Pid, Process, Upid};
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::{
    AgentToExecutor, ExecutorRegistered, ExecutorReregistered, ExecutorToAgent, KillTask,
    ReconnectExecutor, RunTaskGroup, ShutdownExecutor, StatusUpdate, StatusUpdateAcknowledgement,
};
use mesos::json;
use mesos::task::{KillPolicy, TaskGroupInfo, TaskInfo, TaskState};
use mesos::v1::agent::{Call, CallType, ResponseType, WaitNestedContainerResponse};

/// How long anything may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A container: a process, or what is left of it.
#[derive(Default)]
struct Running {
    pid: i32,
    status: Option<i32>,
    waiting: Vec<Reply>,
    /// What ends with a session.
    session: Option<BodyWriter>,
}

/// What outlives the agent.
#[derive(Default)]
struct World {
    containers: BTreeMap<String, Running>,
    /// Every call that was answered, by type and container.
    calls: Vec<(CallType, String)>,
    /// How many calls are answered as if the agent were not ready.
    not_ready: usize,
    /// Tasks (their commands) that are refused.
    refused: BTreeSet<String>,
}

struct Agent {
    world: Arc<Mutex<World>>,
    told: Sender<StatusUpdate>,
    recovers: Option<Upid>,
    known: Sender<Upid>,
}

impl Process for Agent {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in ExecutorToAgent::NAMES {
            context.install(name, Self::receive);
        }
        context.route("/api/v1", Help::new("the operator API"), Self::api);
        if let Some(executor) = self.recovers.take() {
            send(context, &executor, ReconnectExecutor { agent_id: agent_id() });
        }
    }
}

fn agent_id() -> AgentId {
    "agent-S0".into()
}

fn send(context: &Context<Agent>, to: &Upid, message: impl Into<AgentToExecutor>) {
    let message = message.into();
    context.send(to, message.name(), message);
}

impl Agent {
    fn receive(&mut self, context: &mut Context<Self>, from: &Upid, message: ExecutorToAgent) {
        match message {
            ExecutorToAgent::RegisterExecutor(_) => {
                let kind = FrameworkCapabilityType::KillingState;
                let capabilities = vec![FrameworkCapability { r#type: Some(kind) }];
                let framework_info = FrameworkInfo { capabilities, ..FrameworkInfo::default() };
                let answer = ExecutorRegistered {
                    framework_info,
                    container_id: Some(ContainerId::root("executor")),
                    ..ExecutorRegistered::default()
                };
                self.meet(context, from);
                send(context, from, answer);
            }
            ExecutorToAgent::ReregisterExecutor(message) => {
                self.meet(context, from);
                send(context, from, ExecutorReregistered::default());
                for update in message.updates {
                    self.take(context, from, update);
                }
            }
            ExecutorToAgent::StatusUpdate(update) => self.take(context, from, update),
            ExecutorToAgent::ExecutorToFramework(_) => {}
        }
    }

    fn meet(&mut self, context: &mut Context<Self>, executor: &Upid) {
        context.link(executor, libprocess::LinkMode::Reuse);
        // The test may be over.
        let _ = self.known.send(executor.clone());
    }

    fn take(&mut self, context: &Context<Self>, from: &Upid, update: StatusUpdate) {
        let acknowledgement = StatusUpdateAcknowledgement {
            agent_id: agent_id(),
            framework_id: update.framework_id.clone(),
            task_id: update.status.task_id.clone(),
            uuid: update.uuid.clone().unwrap(),
        };
        send(context, from, acknowledgement);
        let _ = self.told.send(update);
    }

    fn api(&mut self, _: &mut Context<Self>, request: Request, reply: Reply) {
        let call: Call = json::from_slice(&request.body, "Call").unwrap();
        let mut world = self.world.lock().unwrap();
        if world.not_ready > 0 {
            world.not_ready -= 1;
            let text = "Agent has not finished recovery";
            return reply.send(Response::text(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        let kind = call.r#type.unwrap();
        let container = container_of(&call).to_string();
        world.calls.push((kind, container.clone()));
        let missing = || Response::text(StatusCode::NOT_FOUND, "Container cannot be found");
        match kind {
            CallType::LaunchContainer => {
                let command = call.launch_container.unwrap().command;
                let line = command.unwrap().value.unwrap_or_default();
                if world.refused.contains(&line) {
                    return reply.send(Response::bad_request("the container is refused"));
                }
                if world.containers.contains_key(&container) {
                    return reply.send(Response::accepted());
                }
                let pid = self.run(&container, &line);
                world.containers.insert(container, Running { pid, ..Running::default() });
                reply.send(Response::ok());
            }
            CallType::LaunchNestedContainerSession => {
                let command = call.launch_nested_container_session.unwrap().command;
                let pid = self.run(&container, &command.unwrap().value.unwrap());
                let (answer, writer) = Response::stream("application/recordio", 1024);
                writer.on_closed(move || kill(pid, Signal::SIGKILL));
                let session = Some(writer);
                world.containers.insert(container, Running { pid, session, ..Running::default() });
                reply.send(answer);
            }
            CallType::WaitNestedContainer => match world.containers.get_mut(&container) {
                None => reply.send(missing()),
                Some(Running { status: Some(status), .. }) => reply.send(ended(*status)),
                Some(running) => running.waiting.push(reply),
            },
            CallType::KillNestedContainer => match world.containers.get(&container) {
                Some(Running { status: None, pid, .. }) => {
                    let signal = call.kill_nested_container.unwrap().signal.unwrap();
                    kill(*pid, Signal::try_from(signal).unwrap());
                    reply.send(Response::ok());
                }
                _ => reply.send(missing()),
            },
            CallType::RemoveNestedContainer => match world.containers.remove(&container) {
                Some(_) => reply.send(Response::ok()),
                None => reply.send(missing()),
            },
            other => panic!("the executor should not call {other}"),
        }
    }

    fn run(&self, container: &str, line: &str) -> i32 {
        let child = Command::new("/bin/sh")
            .args(["-c", line])
            .stdout(Stdio::Null)
            .new_session()
            .spawn()
            .unwrap();
        let pid = child.pid();
        let (world, container) = (self.world.clone(), container.to_owned());
        // The container outlives the agent, so it is waited for beside it.
        std::thread::spawn(move || {
            let status = child.wait_blocking().unwrap().into_raw();
            let mut world = world.lock().unwrap();
            if let Some(running) = world.containers.get_mut(&container) {
                running.status = Some(status);
                running.session.take().iter().for_each(BodyWriter::close);
                running.waiting.drain(..).for_each(|reply| reply.send(ended(status)));
            }
        });
        pid
    }
}

fn kill(leader: i32, signal: Signal) {
    // It may have ended just now.
    let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(leader), signal);
}

fn container_of(call: &Call) -> ContainerId {
    let call = call.clone();
    let ids = [
        call.launch_container.map(|call| call.container_id),
        call.launch_nested_container_session.map(|call| call.container_id),
        call.wait_nested_container.map(|call| call.container_id),
        call.kill_nested_container.map(|call| call.container_id),
        call.remove_nested_container.map(|call| call.container_id),
    ];
    ids.into_iter().flatten().next().unwrap()
}

fn ended(status: i32) -> Response {
    let response = mesos::v1::agent::Response {
        r#type: Some(ResponseType::WaitNestedContainer),
        wait_nested_container: Some(WaitNestedContainerResponse {
            exit_status: Some(status),
            ..WaitNestedContainerResponse::default()
        }),
        ..mesos::v1::agent::Response::default()
    };
    Response::ok_json(json::to_vec(&response))
}

/// An executor under an agent. Dropping it ends both, and kills the containers.
pub struct Stage {
    pub dir: tempfile::TempDir,
    world: Arc<Mutex<World>>,
    address: SocketAddr,
    agent: Option<(Node, Pid<Agent>)>,
    executor_node: Node,
    executor: Upid,
    told: Receiver<StatusUpdate>,
    tell: Sender<StatusUpdate>,
}

impl Stage {
    /// An agent, and an executor that is registered with it.
    pub fn set() -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let (tell, told) = channel();
        let (node, pid, known) = start_agent(own_address(), &world, &tell, None);
        let dir = tempfile::tempdir().unwrap();
        let config = NodeConfig { workers: 1, ..NodeConfig::default() };
        let executor_node = Node::start(config).unwrap();
        let environment = environment(&node, dir.path().to_owned());
        executor::driver::spawn(&executor_node, environment, DefaultExecutor::new(None)).unwrap();
        let executor = known.recv_timeout(PATIENCE).expect("the executor does not register");
        let address = node.address();
        let agent = Some((node, pid));
        Self { dir, world, address, agent, executor_node, executor, told, tell }
    }

    /// Ends the agent as if it had been killed.
    pub fn kill_agent(&mut self) {
        if let Some((node, _)) = self.agent.take() {
            node.shutdown();
            for running in self.world.lock().unwrap().containers.values_mut() {
                running.waiting.clear();
            }
        }
    }

    /// Starts it again, and waits until the executor has come back.
    pub fn start_agent(&mut self) {
        let recovers = Some(self.executor.clone());
        let (node, pid, known) = start_agent(self.address, &self.world, &self.tell, recovers);
        known.recv_timeout(PATIENCE).expect("the executor does not come back");
        self.agent = Some((node, pid));
    }

    /// Answers this many calls as an agent that recovers does.
    pub fn be_busy(&self, calls: usize) {
        self.world.lock().unwrap().not_ready = calls;
    }

    /// Refuses to launch this command.
    pub fn refuse(&self, line: &str) {
        self.world.lock().unwrap().refused.insert(line.to_owned());
    }

    pub fn launch(&self, tasks: impl IntoIterator<Item = TaskInfo>) {
        let tasks = tasks.into_iter().collect();
        self.send(RunTaskGroup { task_group: TaskGroupInfo { tasks }, ..RunTaskGroup::default() });
    }

    pub fn kill(&self, task: &str, grace: Option<Duration>) {
        let kill_policy = grace.map(|grace| KillPolicy { grace_period: Some(grace.into()) });
        self.send(KillTask { task_id: TaskId::from(task), kill_policy, ..KillTask::default() });
    }

    pub fn shut_down(&self) {
        self.send(ShutdownExecutor::default());
    }

    fn send(&self, message: impl Into<AgentToExecutor>) {
        let (node, pid) = self.agent.as_ref().unwrap();
        let (message, to) = (message.into(), self.executor.clone());
        node.dispatch(pid, move |_: &mut Agent, context| send(context, &to, message));
    }

    /// The next update.
    pub fn told(&self) -> StatusUpdate {
        self.told.recv_timeout(PATIENCE).expect("the executor says nothing")
    }

    /// The next updates are these, in any order between tasks; gives the last one of each.
    pub fn expect<const N: usize>(
        &self,
        expected: [(&str, &[TaskState]); N],
    ) -> BTreeMap<String, StatusUpdate> {
        let mut left: BTreeMap<String, Vec<TaskState>> =
            expected.iter().map(|(task, states)| ((*task).to_owned(), states.to_vec())).collect();
        let mut last = BTreeMap::new();
        while left.values().any(|states| !states.is_empty()) {
            let update = self.told();
            let task = update.status.task_id.to_string();
            let states = left.get_mut(&task).unwrap_or_else(|| panic!("unexpected: {update:?}"));
            assert!(!states.is_empty(), "unexpected: {update:?}");
            assert_eq!(states.remove(0), update.status.state, "{update:?}");
            last.insert(task, update);
        }
        last
    }

    /// Waits until the executor has ended by itself.
    pub fn expect_end(&self) {
        let ended = self.executor_node.wait(&self.executor).blocking(Some(PATIENCE));
        assert!(ended, "the executor goes on");
    }

    pub fn calls(&self, kind: CallType) -> Vec<String> {
        let world = self.world.lock().unwrap();
        let calls = world.calls.iter().filter(|(other, _)| *other == kind);
        calls.map(|(_, container)| container.clone()).collect()
    }

    /// The containers that are there, running or ended.
    pub fn containers(&self) -> Vec<String> {
        self.world.lock().unwrap().containers.keys().cloned().collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.executor_node.shutdown();
        self.kill_agent();
        for running in self.world.lock().unwrap().containers.values() {
            if running.status.is_none() {
                // It may have ended just now.
                let _ = subprocess::kill_tree(running.pid, Signal::SIGKILL);
            }
        }
    }
}

fn start_agent(
    bind: SocketAddr,
    world: &Arc<Mutex<World>>,
    told: &Sender<StatusUpdate>,
    recovers: Option<Upid>,
) -> (Node, Pid<Agent>, Receiver<Upid>) {
    let config = NodeConfig { bind, workers: 1, ..NodeConfig::default() };
    let node = Node::start(config).unwrap();
    let (known, knows) = channel();
    let (world, told) = (world.clone(), told.clone());
    let agent = Agent { world, told, recovers, known };
    let pid = node.spawn("slave(1)", agent).unwrap();
    (node, pid, knows)
}

/// A loopback address that no other test uses: nobody takes the agent's port while it is down.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from((Ipv4Addr::new(127, high.max(1), low, count), 0))
}

fn environment(agent: &Node, directory: PathBuf) -> Environment {
    Environment {
        framework_id: FrameworkId::from("framework"),
        executor_id: ExecutorId::from("executor"),
        agent_id: agent_id(),
        agent: Upid::new("slave(1)", agent.address()),
        directory,
        checkpoint: true,
        recovery_timeout: PATIENCE,
        shutdown_grace_period: Duration::from_secs(5),
    }
}

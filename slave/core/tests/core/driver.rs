//! Drives an agent by hand: a clock, a disk, and a record of everything that it does.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use mesos::agent::AgentInfo;
use mesos::bytes::Bytes;
use mesos::executor_info::{CommandInfo, ExecutorInfo, ExecutorInfoType};
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::{ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::{
    AgentRegistered, AgentReregistered, AgentToExecutor, AgentToMaster, ExecutorToAgent, KillTask,
    MasterToAgent, PingAgent, RegisterExecutor, RunTask, RunTaskGroup, StatusUpdate,
    StatusUpdateAcknowledgement,
};
use mesos::master_info::MasterInfo;
use mesos::resources::Resources;
use mesos::task::{TaskGroupInfo, TaskInfo, TaskState, TaskStatus};
use mesos::time::Time;
use mesos::v1::executor;
use slave_core::checkpoint::{Checkpoint, RecoveredState};
use slave_core::containers::call::{
    ContainerAnswer, ContainerEffect, ContainerRequest, ContainerSpec,
};
use slave_core::effect::{LaunchSpec, Limits, RecoverContainer, Response};
use slave_core::event::{ContainerTermination, LaunchedContainer, Leader};
use slave_core::executor::Executor;
use slave_core::framework::Framework;
use slave_core::ids::{ExecutorPid, MasterPid, RequestId, TimerId, WriteId};
use slave_core::metrics::Counter;
use slave_core::{Agent, AgentState, Config, Effect, Effects, Event, Snapshot};

use crate::disk::Disk;

pub const AGENT: &str = "m1-S0";

pub struct Driver {
    pub agent: Agent,
    pub now: Time,
    pub disk: Disk,
    /// Whether writes succeed at once; otherwise [`Driver::write`] does them.
    pub writes_at_once: bool,
    pub writes: VecDeque<(WriteId, Checkpoint)>,
    timers: BTreeMap<TimerId, Time>,
    /// Everything that the agent did and the accessors below have not taken.
    effects: Vec<Effect>,
    pub counts: BTreeMap<Counter, u64>,
    pub exit: Option<Option<String>>,
}

pub fn config() -> Config {
    let info = AgentInfo {
        hostname: "node1".to_string(),
        port: 5051,
        resources: resources("cpus:4;mem:4096;disk:10000;ports:[31000-32000]"),
        ..AgentInfo::default()
    };
    Config::new(info, "10.0.0.1", 5051, "/var/lib/mesos")
}

pub fn resources(text: &str) -> Vec<mesos::resource::Resource> {
    Resources::parse(text, "*").expect("resources of a test are well formed").to_vec()
}

pub fn master() -> MasterPid {
    MasterPid::new("master@10.0.0.9:5050")
}

pub fn framework(id: &str) -> FrameworkInfo {
    FrameworkInfo {
        user: "alice".to_string(),
        name: id.to_string(),
        id: Some(id.into()),
        ..FrameworkInfo::default()
    }
}

pub fn checkpointing(id: &str) -> FrameworkInfo {
    FrameworkInfo { checkpoint: true, ..framework(id) }
}

pub fn partition_aware(mut info: FrameworkInfo) -> FrameworkInfo {
    let r#type = Some(FrameworkCapabilityType::PartitionAware);
    info.capabilities.push(FrameworkCapability { r#type });
    info
}

/// A task that brings its own command.
pub fn command_task(id: &str) -> TaskInfo {
    TaskInfo {
        name: id.to_string(),
        task_id: id.into(),
        agent_id: AGENT.into(),
        resources: resources("cpus:1;mem:64"),
        command: Some(Box::new(CommandInfo {
            value: Some("sleep 1000".to_string()),
            ..CommandInfo::default()
        })),
        ..TaskInfo::default()
    }
}

/// A task for an executor of its framework's own.
pub fn custom_task(id: &str, executor: &str) -> TaskInfo {
    TaskInfo {
        executor: Some(Box::new(executor_info(executor, ExecutorInfoType::Custom))),
        command: None,
        ..command_task(id)
    }
}

pub fn executor_info(id: &str, kind: ExecutorInfoType) -> ExecutorInfo {
    ExecutorInfo {
        r#type: Some(kind),
        executor_id: id.into(),
        command: Some(Box::new(CommandInfo {
            value: Some("./executor".to_string()),
            ..CommandInfo::default()
        })),
        resources: resources("cpus:0.1;mem:32"),
        ..ExecutorInfo::default()
    }
}

pub fn pid(executor: &str) -> ExecutorPid {
    ExecutorPid::new(format!("executor({executor})@10.0.0.1:31999"))
}

pub fn uuid(text: &str) -> Bytes {
    Bytes::from(format!("{text:0>16}").as_bytes())
}

pub fn framework_of(snapshot: &Snapshot, id: &str) -> std::sync::Arc<Framework> {
    snapshot.frameworks.get(&FrameworkId::from(id)).expect("the framework is known").clone()
}

/// An update as an executor sends it.
pub fn update(framework: &str, task: &str, state: TaskState, id: &str) -> StatusUpdate {
    let status = TaskStatus { task_id: task.into(), state, ..TaskStatus::default() };
    StatusUpdate {
        framework_id: framework.into(),
        status,
        timestamp: 1.5,
        uuid: Some(uuid(id)),
        ..StatusUpdate::default()
    }
}

impl Driver {
    /// An agent that has not recovered yet.
    pub fn fresh(config: Config, seed: u64) -> Self {
        Self {
            agent: Agent::new(config, seed),
            now: Time::EPOCH + Duration::from_secs(1_000_000),
            disk: Disk::default(),
            writes_at_once: true,
            writes: VecDeque::new(),
            timers: BTreeMap::new(),
            effects: Vec::new(),
            counts: BTreeMap::new(),
            exit: None,
        }
    }

    /// An agent that is registered.
    pub fn registered() -> Self {
        Self::registered_with(config())
    }

    pub fn registered_with(config: Config) -> Self {
        let mut driver = Self::fresh(config, 7);
        driver.event(Event::Recovered(RecoveredState::default()));
        driver.register();
        driver.forget();
        driver
    }

    /// The next run of this agent, on the same disk, while it recovers.
    pub fn restart(self) -> Self {
        self.restart_with(config(), |_| {})
    }

    pub fn restart_with(self, config: Config, change: impl FnOnce(&mut RecoveredState)) -> Self {
        let mut state = self.disk.recovered();
        change(&mut state);
        let mut next = Self::fresh(config, 8);
        next.now = self.now + Duration::from_secs(3);
        next.disk = self.disk;
        next.event(Event::Recovered(state));
        next
    }

    pub fn event(&mut self, event: Event) {
        let mut out = Effects::new();
        self.agent.step(self.now, event, &mut out);
        for effect in out.drain() {
            match effect {
                Effect::SetTimer { timer, after } => {
                    self.timers.insert(timer, self.now + after);
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Checkpoint { id, what } => self.writes.push_back((id, what)),
                Effect::Count { counter, by } => *self.counts.entry(counter).or_default() += by,
                Effect::Exit { error } => self.exit = Some(error),
                Effect::Log { .. } => {}
                other => self.effects.push(other),
            }
        }
        while self.writes_at_once && self.write() {}
    }

    /// Does the oldest write. Says whether there was one.
    pub fn write(&mut self) -> bool {
        let Some((id, what)) = self.writes.pop_front() else { return false };
        self.disk.write(what);
        self.event(Event::Checkpointed { id, result: Ok(()) });
        true
    }

    /// Lets time pass, and timers fire in their order.
    pub fn advance(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some((timer, at)) = self.next_timer().filter(|(_, at)| *at <= until) {
            self.timers.remove(&timer);
            self.now = at;
            self.event(Event::TimerFired { timer });
        }
        self.now = until;
    }

    /// Lets time pass while the master pings.
    pub fn advance_pinged(&mut self, span: Duration) {
        let until = self.now + span;
        while self.now < until {
            self.master_says(PingAgent { connected: true });
            self.advance(until.since(self.now).min(Duration::from_secs(15)));
        }
    }

    pub fn next_timer(&self) -> Option<(TimerId, Time)> {
        self.timers.iter().map(|(timer, at)| (*timer, *at)).min_by_key(|(timer, at)| (*at, *timer))
    }

    pub fn detect(&mut self, master: &MasterPid) {
        let leader = Leader { pid: master.clone(), info: MasterInfo::default() };
        self.event(Event::MasterDetected { master: Some(leader) });
    }

    pub fn master_says(&mut self, message: impl Into<MasterToAgent>) {
        self.event(Event::MasterMessage { from: master(), message: message.into() });
    }

    pub fn executor_says(&mut self, from: &ExecutorPid, message: impl Into<ExecutorToAgent>) {
        self.event(Event::ExecutorMessage { from: from.clone(), message: message.into() });
    }

    /// Finds the master and registers with it, as a new agent or an old one.
    pub fn register(&mut self) {
        self.detect(&master());
        self.advance(Duration::from_secs(1));
        self.admit();
    }

    /// Answers the agent's request to be admitted.
    pub fn admit(&mut self) {
        let sent = self.sent();
        let new = sent.iter().any(|m| matches!(m, AgentToMaster::RegisterAgent(_)));
        let old = sent.iter().any(|m| matches!(m, AgentToMaster::ReregisterAgent(_)));
        assert!(new || old, "the agent asks to be admitted: {sent:?}");
        let agent_id = AGENT.into();
        if new {
            self.master_says(AgentRegistered { agent_id, connection: None });
        } else {
            self.master_says(AgentReregistered { agent_id, ..AgentReregistered::default() });
        }
        assert_eq!(self.snapshot().state, AgentState::Running);
    }

    pub fn run(&mut self, framework: &FrameworkInfo, task: TaskInfo) {
        self.run_expecting(framework, task, None);
    }

    pub fn run_expecting(
        &mut self,
        framework: &FrameworkInfo,
        task: TaskInfo,
        launch_executor: Option<bool>,
    ) {
        let framework = framework.clone();
        self.master_says(RunTask { framework, task, launch_executor, ..RunTask::default() });
    }

    pub fn run_group(&mut self, framework: &FrameworkInfo, executor: &str, tasks: &[&str]) {
        self.master_says(RunTaskGroup {
            framework: framework.clone(),
            executor: executor_info(executor, ExecutorInfoType::Default),
            task_group: TaskGroupInfo { tasks: tasks.iter().map(|id| command_task(id)).collect() },
            ..RunTaskGroup::default()
        });
    }

    /// Lets the last container that was asked for come up.
    pub fn container_up(&mut self) -> LaunchSpec {
        let spec = self.launches().pop().expect("a container was asked for");
        self.disk.fork(&spec.container, 4711);
        let launched = LaunchedContainer { pid: Some(4711), network_infos: Vec::new() };
        let container = spec.container.clone();
        self.event(Event::ContainerLaunched { container, result: Ok(launched) });
        spec
    }

    pub fn executor_registers(&mut self, framework: &str, executor: &str) -> ExecutorPid {
        let from = pid(executor);
        let message =
            RegisterExecutor { framework_id: framework.into(), executor_id: executor.into() };
        self.executor_says(&from, message);
        from
    }

    /// Launches a command task as far as its executor having it.
    pub fn start(&mut self, framework: &FrameworkInfo, id: &str) -> ContainerId {
        self.run(framework, command_task(id));
        let container = self.container_up().container;
        let name = framework.id.clone().expect("test frameworks have ids");
        self.executor_registers(name.as_str(), id);
        assert!(self.told().iter().any(|(_, m)| matches!(m, AgentToExecutor::RunTask(_))));
        container
    }

    /// Launches a task of a custom executor as far as the executor having it.
    pub fn start_custom(&mut self, framework: &FrameworkInfo, task: &str, executor: &str) {
        self.run(framework, custom_task(task, executor));
        self.container_up();
        let name = framework.id.clone().expect("test frameworks have ids");
        self.executor_registers(name.as_str(), executor);
        self.forget();
    }

    pub fn terminated(&mut self, container: &ContainerId, termination: ContainerTermination) {
        self.event(Event::ContainerTerminated { container: container.clone(), termination });
    }

    pub fn acknowledge(&mut self, update: &StatusUpdate) {
        self.master_says(StatusUpdateAcknowledgement {
            agent_id: AGENT.into(),
            framework_id: update.framework_id.clone(),
            task_id: update.status.task_id.clone(),
            uuid: update.uuid.clone().expect("forwarded updates have uuids"),
        });
    }

    pub fn kill(&mut self, framework: &str, task: &str) {
        self.master_says(KillTask {
            framework_id: framework.into(),
            task_id: task.into(),
            kill_policy: None,
        });
    }

    pub fn snapshot(&self) -> Snapshot {
        self.agent.snapshot()
    }

    pub fn framework(&self, id: &str) -> std::sync::Arc<Framework> {
        framework_of(&self.snapshot(), id)
    }

    pub fn executor(&self, framework: &str, executor: &str) -> Executor {
        let framework = self.framework(framework);
        let executor = framework.executors.get(&ExecutorId::from(executor));
        Executor::clone(executor.expect("the executor is known"))
    }

    pub fn task_state(&self, framework: &str, executor: &str, task: &str) -> Option<TaskState> {
        let executor = self.executor(framework, executor);
        let id = TaskId::from(task);
        let live = executor.launched_tasks.get(&id);
        live.or_else(|| executor.terminated_tasks.get(&id)).map(|task| task.state)
    }

    /// Forgets what the agent did so far.
    pub fn forget(&mut self) {
        self.effects.clear();
    }

    fn take<T>(&mut self, pick: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        self.effects.retain(|effect| match pick(effect) {
            Some(found) => {
                picked.push(found);
                false
            }
            None => true,
        });
        picked
    }

    pub fn sent(&mut self) -> Vec<AgentToMaster> {
        self.take(|effect| match effect {
            Effect::Send { message, .. } => Some(message.clone()),
            _ => None,
        })
    }

    /// The updates that were sent to the master.
    pub fn forwarded(&mut self) -> Vec<StatusUpdate> {
        self.take(|effect| match effect {
            Effect::Send { message: AgentToMaster::StatusUpdate(update), .. } => {
                Some(update.clone())
            }
            _ => None,
        })
    }

    /// The one update that was sent to the master.
    pub fn forwarded_one(&mut self) -> StatusUpdate {
        let mut updates = self.forwarded();
        assert_eq!(updates.len(), 1, "one update is forwarded: {updates:?}");
        updates.remove(0)
    }

    /// The one update that was sent to the master when the agent registered.
    pub fn sent_after_registration(&mut self) -> StatusUpdate {
        assert_eq!(self.snapshot().state, AgentState::Running);
        self.forwarded_one()
    }

    pub fn told(&mut self) -> Vec<(ExecutorPid, AgentToExecutor)> {
        self.take(|effect| match effect {
            Effect::SendExecutor { to, message } => Some((to.clone(), message.clone())),
            _ => None,
        })
    }

    /// The names of the messages that executors were sent.
    pub fn told_names(&mut self) -> Vec<&'static str> {
        self.told().iter().map(|(_, message)| message.name()).collect()
    }

    /// Makes a call of the executor API, and gives its answer.
    pub fn call(&mut self, request: u64, call: executor::Call) -> Response {
        let request = RequestId(request);
        self.event(Event::ExecutorCall { request, call: Box::new(call) });
        let mut answers = self.take(|effect| match effect {
            Effect::Respond { request: answered, response } if *answered == request => {
                Some(response.clone())
            }
            _ => None,
        });
        assert_eq!(answers.len(), 1, "a call is answered once, at once");
        answers.remove(0)
    }

    /// What was written to a stream.
    pub fn events(&mut self, stream: u64) -> Vec<executor::Event> {
        self.take(|effect| match effect {
            Effect::SendEvent { stream: to, event } if to.0 == stream => Some((**event).clone()),
            _ => None,
        })
    }

    /// The streams that were ended.
    pub fn closed(&mut self) -> Vec<RequestId> {
        self.take(|effect| match effect {
            Effect::CloseStream(stream) => Some(*stream),
            _ => None,
        })
    }

    /// Puts every change of resources in force that was asked for.
    pub fn resized_all(&mut self) {
        for (container, _) in self.resizes() {
            self.event(Event::ContainerUpdated { container, result: Ok(()) });
        }
    }

    pub fn launches(&mut self) -> Vec<LaunchSpec> {
        self.take(|effect| match effect {
            Effect::LaunchContainer(spec) => Some((**spec).clone()),
            _ => None,
        })
    }

    pub fn resizes(&mut self) -> Vec<(ContainerId, Resources)> {
        self.take(|effect| match effect {
            Effect::UpdateContainer { container, resources, .. } => {
                Some((container.clone(), resources.clone()))
            }
            _ => None,
        })
    }

    /// What containers are promised from now on, and what they may use beyond that.
    pub fn grants(&mut self) -> Vec<(Resources, Limits)> {
        self.take(|effect| match effect {
            Effect::UpdateContainer { resources, limits, .. } => {
                Some((resources.clone(), limits.clone()))
            }
            _ => None,
        })
    }

    pub fn destroyed(&mut self) -> Vec<ContainerId> {
        self.take(|effect| match effect {
            Effect::DestroyContainer(container) => Some(container.clone()),
            _ => None,
        })
    }

    pub fn removed(&mut self) -> Vec<PathBuf> {
        self.take(|effect| match effect {
            Effect::RemovePath(path) => Some(path.clone()),
            _ => None,
        })
    }

    /// What the agent wants done about containers that are not executors'.
    pub fn container_effects(&mut self) -> Vec<ContainerEffect> {
        self.take(|effect| match effect {
            Effect::Container(effect) => Some(effect.clone()),
            _ => None,
        })
    }

    pub fn container_answers(&mut self) -> Vec<(ContainerRequest, ContainerAnswer)> {
        self.take(|effect| match effect {
            Effect::Container(ContainerEffect::Answer { request, answer }) => {
                Some((*request, answer.clone()))
            }
            _ => None,
        })
    }

    pub fn contained_launches(&mut self) -> Vec<ContainerSpec> {
        self.take(|effect| match effect {
            Effect::Container(ContainerEffect::Launch(spec)) => Some((**spec).clone()),
            _ => None,
        })
    }

    pub fn recover_containers(&mut self) -> Vec<RecoverContainer> {
        let all = self.take(|effect| match effect {
            Effect::RecoverContainers(containers) => Some(containers.clone()),
            _ => None,
        });
        all.into_iter().flatten().collect()
    }

    pub fn links_to_master(&mut self) -> usize {
        self.take(|effect| matches!(effect, Effect::LinkMaster(_)).then_some(())).len()
    }

    pub fn looks_for_master(&mut self) -> bool {
        let asked = self.take(|effect| matches!(effect, Effect::DetectMaster).then_some(()));
        !asked.is_empty()
    }

    pub fn count(&self, counter: Counter) -> u64 {
        self.counts.get(&counter).copied().unwrap_or_default()
    }
}

//! The machine that an agent runs on: its core, its disk, its containers, its timers.

use std::collections::{BTreeMap, BTreeSet};

use mesos::agent::AgentInfo;
use mesos::ids::ContainerId;
use mesos::internal::AgentToMaster;
use mesos::master_info::MasterInfo;
use mesos::resource::Resource;
use mesos::value::{Scalar, ValueType};
use slave_core::effect::{Effect, LaunchSpec, RecoverContainer};
use slave_core::event::{ContainerTermination, Event, LaunchedContainer, Leader};
use slave_core::ids::{ExecutorPid, MasterPid, RequestId, TimerId, WriteId};
use slave_core::{Agent, Config, Effects};

use crate::disk::Disk;
use crate::executor::ExecutorId;
use crate::executor_api::Caller;
use crate::master_host::agent_pid;
use crate::network::{Endpoint, brief};
use crate::world::{Action, Message, World};

/// An agent, alive or not, and what survives it.
pub struct AgentHost {
    index: usize,
    /// The core, while the process lives.
    pub core: Option<Agent>,
    /// How often it was started.
    pub incarnation: u64,
    /// What is on disk.
    pub disk: Disk,
    rebooted: bool,
    detecting: bool,
    cancelled: BTreeSet<TimerId>,
    /// Whose the calls and streams of the executor API are.
    pub callers: BTreeMap<RequestId, Caller>,
}

impl AgentHost {
    /// A machine on which no agent has run yet.
    pub fn new(index: usize) -> Self {
        Self {
            index,
            core: None,
            incarnation: 0,
            disk: Disk::default(),
            rebooted: false,
            detecting: false,
            cancelled: BTreeSet::new(),
            callers: BTreeMap::new(),
        }
    }

    fn config(&self) -> Config {
        let ip = format!("10.0.0.{}", self.index + 1);
        let info = AgentInfo {
            hostname: ip.clone(),
            port: 5051,
            resources: vec![scalar("cpus", 4.0), scalar("mem", 4096.0)],
            ..AgentInfo::default()
        };
        Config::new(info, &ip, 5051, "/var/lib/mesos")
    }
}

/// A scalar resource that is reserved to nobody.
pub fn scalar(name: &str, value: f64) -> Resource {
    Resource {
        name: name.to_owned(),
        r#type: ValueType::Scalar,
        scalar: Some(Scalar { value }),
        ..Resource::default()
    }
}

impl World {
    /// Starts an agent from what its disk holds.
    pub fn start_agent(&mut self, agent: usize) {
        if self.agents[agent].core.is_some() {
            return;
        }
        let seed = self.rng.u64(..);
        let host = &mut self.agents[agent];
        host.incarnation += 1;
        host.detecting = false;
        host.core = Some(Agent::new(host.config(), seed));
        let rebooted = std::mem::take(&mut host.rebooted);
        let state = host.disk.recover(rebooted);
        self.note(|| format!("agent {agent} starts (rebooted: {rebooted})"));
        self.agent_step(agent, Event::Recovered(state));
    }

    /// Kills an agent at this instant, or its whole machine.
    pub fn kill_agent(&mut self, agent: usize, reboot: bool) {
        if self.agents[agent].core.is_none() {
            return;
        }
        self.note(|| format!("agent {agent} is killed (reboot: {reboot})"));
        let pending = self.agents[agent].disk.pending();
        let reached = self.rng.usize(0..=pending);
        let host = &mut self.agents[agent];
        host.core = None;
        host.rebooted = reboot;
        host.disk.crash(reached);
        host.cancelled.clear();
        host.callers.clear();
        self.break_all(Endpoint::Agent(agent));
        let on_it: Vec<ExecutorId> =
            self.executors.values().filter(|e| e.agent == agent).map(|e| e.id).collect();
        for executor in on_it {
            // Without checkpoints a container does not outlive its agent.
            if reboot || !self.executors[&executor].outlives_agent {
                self.break_all(Endpoint::Executor(executor));
                self.executors.remove(&executor);
            }
        }
        let wait = self.millis(10..60_000);
        self.after(wait, Action::StartAgent { agent });
    }

    /// Tells an agent who leads, some time after it has changed.
    pub fn announce_master(&mut self, agent: usize) {
        let host = &self.agents[agent];
        if host.core.is_none() || !host.detecting {
            return;
        }
        let master = self.master.core.is_some().then(|| Leader {
            pid: MasterPid::new("master@10.0.0.100:5050"),
            info: MasterInfo {
                id: format!("M{}", self.master.incarnation),
                port: 5050,
                pid: Some("master@10.0.0.100:5050".to_owned()),
                ..MasterInfo::default()
            },
        });
        self.agent_hears(agent, Event::MasterDetected { master });
    }

    /// A timer of an agent's core runs out.
    pub fn agent_timer(&mut self, agent: usize, incarnation: u64, timer: TimerId) {
        let current = self.incarnation(&Endpoint::Agent(agent)) == Some(incarnation);
        if current && !self.agents[agent].cancelled.remove(&timer) {
            self.agent_step(agent, Event::TimerFired { timer });
        }
    }

    /// A write of an agent is done.
    pub fn checkpointed(&mut self, agent: usize, incarnation: u64, write: WriteId) {
        if self.incarnation(&Endpoint::Agent(agent)) != Some(incarnation) {
            return;
        }
        let done = self.agents[agent].disk.finish_oldest();
        debug_assert_eq!(done, Some(write));
        self.agent_step(agent, Event::Checkpointed { id: write, result: Ok(()) });
    }

    /// An agent learns that a link is broken.
    pub fn agent_loses(&mut self, agent: usize, peer: Endpoint) {
        match peer {
            Endpoint::Master => {
                let master = MasterPid::new("master@10.0.0.100:5050");
                self.agent_step(agent, Event::MasterExited { master });
                self.announce_master(agent);
            }
            Endpoint::Executor(executor) => {
                for executor in self.peers_lost(agent, executor) {
                    self.agent_step(agent, Event::ExecutorExited { executor });
                }
            }
            Endpoint::Agent(_) | Endpoint::Scheduler(_) | Endpoint::Operator => {}
        }
    }

    /// A message reaches an agent.
    pub fn agent_receives(&mut self, agent: usize, from: Endpoint, message: Message) {
        if self.agents[agent].core.is_none() {
            return;
        }
        self.note(|| format!("{from} → agent {agent}: {}", brief(&message)));
        let event = match (from, message) {
            (Endpoint::Master, Message::MasterToAgent(message)) => {
                Event::MasterMessage { from: MasterPid::new("master@10.0.0.100:5050"), message }
            }
            (Endpoint::Executor(executor), Message::ExecutorToAgent(message)) => {
                Event::ExecutorMessage { from: executor.pid(), message }
            }
            (Endpoint::Executor(executor), Message::ExecutorCall { attempt, call }) => {
                self.agent_is_called(agent, executor, attempt, call)
            }
            (from, message) => unreachable!("{message:?} from {from:?}"),
        };
        self.agent_step(agent, event);
    }

    /// A container has been made, or could not be.
    pub fn container_made(&mut self, agent: usize, incarnation: u64, executor: ExecutorId) {
        let Some(made) = self.executors.get(&executor) else { return };
        let container = made.container.clone();
        if self.incarnation(&Endpoint::Agent(agent)) != Some(incarnation) {
            return;
        }
        let result =
            Ok(LaunchedContainer { pid: Some(executor.0 as u32), network_infos: Vec::new() });
        self.agent_step(agent, Event::ContainerLaunched { container, result });
        self.start_executor(executor);
    }

    /// An executor's process is no more; its agent notices.
    pub fn executor_ends(&mut self, id: ExecutorId, status: Option<i32>) {
        let Some(executor) = self.executors.remove(&id) else { return };
        self.break_all(Endpoint::Executor(id));
        let host = &self.agents[executor.agent];
        if host.core.is_none() || !executor.watched_by(host.incarnation) {
            return;
        }
        let termination = ContainerTermination { status, ..ContainerTermination::default() };
        let container = executor.container;
        self.agent_hears(executor.agent, Event::ContainerTerminated { container, termination });
    }

    /// Has an agent's core told of something, a moment from now: the shell never answers an
    /// effect in the middle of performing effects.
    fn agent_hears(&mut self, agent: usize, event: Event) {
        let incarnation = self.agents[agent].incarnation;
        let wait = self.millis(0..3);
        self.after(wait, Action::AgentHears { agent, incarnation, event: Box::new(event) });
    }

    /// One step of the core, and its effects.
    pub fn agent_step(&mut self, agent: usize, event: Event) {
        let Some(core) = self.agents[agent].core.as_mut() else { return };
        let mut effects = Effects::new();
        core.step(self.now, event, &mut effects);
        let effects: Vec<Effect> = effects.drain().collect();
        for effect in effects {
            if self.agents[agent].core.is_none() {
                return;
            }
            self.agent_effect(agent, effect);
        }
    }

    fn agent_effect(&mut self, agent: usize, effect: Effect) {
        let me = Endpoint::Agent(agent);
        let incarnation = self.agents[agent].incarnation;
        match effect {
            Effect::Send { message, .. } => {
                self.watch_forwarding(agent, &message);
                self.send(me, Endpoint::Master, Message::AgentToMaster(message));
            }
            Effect::SendExecutor { to, message } => {
                if let Some(executor) = ExecutorId::from_pid(&to) {
                    let message = Message::AgentToExecutor(message);
                    self.send(me, Endpoint::Executor(executor), message);
                }
            }
            effect @ (Effect::Respond { .. }
            | Effect::SendEvent { .. }
            | Effect::CloseStream(_)) => {
                self.agent_answers(agent, effect);
            }
            Effect::LinkMaster(_) => self.link(me, Endpoint::Master),
            Effect::LinkExecutor(pid) => {
                if let Some(executor) = ExecutorId::from_pid(&pid) {
                    self.link(me, Endpoint::Executor(executor));
                }
            }
            Effect::DetectMaster => {
                self.agents[agent].detecting = true;
                self.announce_master(agent);
            }
            Effect::Checkpoint { id, what } => {
                self.agents[agent].disk.write(id, what);
                let wait =
                    std::time::Duration::from_millis(2 * self.agents[agent].disk.pending() as u64);
                self.after(wait, Action::Checkpointed { agent, incarnation, write: id });
            }
            Effect::LaunchContainer(spec) => self.launch_container(agent, *spec),
            Effect::RecoverContainers(list) => self.recover_containers(agent, list),
            Effect::UpdateContainer { container, .. } => {
                if self.container_lives(agent, &container) {
                    let result = Ok(());
                    self.agent_hears(agent, Event::ContainerUpdated { container, result });
                }
            }
            Effect::DestroyContainer(container) => {
                let found = self.executors.values().find(|e| e.container == container);
                if let Some(id) = found.map(|executor| executor.id) {
                    self.note(|| format!("agent {agent} destroys executor {}", id.0));
                    self.executor_ends(id, Some(9));
                }
            }
            Effect::SetTimer { timer, after } => {
                self.after(after, Action::AgentTimer { agent, incarnation, timer });
            }
            Effect::CancelTimer(timer) => {
                self.agents[agent].cancelled.insert(timer);
            }
            // Frameworks of the simulation do not ask for containers below their tasks.
            Effect::Container(_) => {}
            Effect::MeasureDisk => self.agent_hears(agent, Event::DiskUsage(0.1)),
            Effect::RemovePath(path) => {
                self.agent_hears(agent, Event::PathRemoved { path, result: Ok(()) });
            }
            Effect::Count { .. } => {}
            Effect::Log { text, .. } => self.note(|| format!("agent {agent}: {text}")),
            Effect::Exit { error } => {
                self.note(|| format!("agent {agent} exits: {error:?}"));
                self.kill_agent(agent, false);
            }
        }
    }

    fn container_lives(&self, agent: usize, container: &ContainerId) -> bool {
        self.executors.values().any(|e| e.agent == agent && e.container == *container)
    }

    fn launch_container(&mut self, agent: usize, spec: LaunchSpec) {
        let incarnation = self.agents[agent].incarnation;
        let id = ExecutorId(self.number());
        self.note(|| format!("agent {agent} launches executor {}", id.0));
        if spec.forked_pid_path.is_some() {
            self.agents[agent].disk.forked(&spec.container, id.0 as u32);
        }
        self.create_executor(id, agent, incarnation, spec);
        let wait = self.millis(1..300);
        self.after(wait, Action::ContainerMade { agent, incarnation, executor: id });
    }

    fn recover_containers(&mut self, agent: usize, list: Vec<RecoverContainer>) {
        let incarnation = self.agents[agent].incarnation;
        let mut missing = Vec::new();
        for wanted in &list {
            let found = self
                .executors
                .values_mut()
                .find(|e| e.agent == agent && e.container == wanted.container);
            match found {
                Some(executor) => executor.watcher = incarnation,
                None => missing.push(wanted.container.clone()),
            }
        }
        let orphans: Vec<ExecutorId> = self
            .executors
            .values()
            .filter(|e| e.agent == agent && e.watcher != incarnation)
            .map(|e| e.id)
            .collect();
        for orphan in orphans {
            self.note(|| format!("agent {agent} destroys orphan {}", orphan.0));
            self.break_all(Endpoint::Executor(orphan));
            self.executors.remove(&orphan);
        }
        for container in missing {
            let termination = ContainerTermination::default();
            self.agent_hears(agent, Event::ContainerTerminated { container, termination });
        }
    }

    /// An update that a checkpointing framework is to get must be on disk when it leaves.
    fn watch_forwarding(&mut self, agent: usize, message: &AgentToMaster) {
        let AgentToMaster::StatusUpdate(update) = message else { return };
        let Some(uuid) = &update.uuid else { return };
        let checkpoints = self
            .schedulers
            .iter()
            .find(|s| s.id.as_ref() == Some(&update.framework_id))
            .is_some_and(|s| s.info.checkpoint);
        let disk = &self.agents[agent].disk;
        let task = &update.status.task_id;
        // What was made on the way to an executor, before it had a run, is not kept.
        let made_by_agent = update.executor_id.is_none();
        if checkpoints && !made_by_agent && !disk.holds_update(&update.framework_id, task, uuid) {
            let what = format!("{} of {task} leaves agent {agent}", update.status.state);
            self.violate("updates_are_checkpointed_before_they_leave", what);
        }
    }
}

/// What an executor's pid is, for the type of the core.
pub fn executor_pid(agent: usize, number: u64) -> ExecutorPid {
    ExecutorPid::new(format!("executor({number})@{}", agent_pid(agent)))
}

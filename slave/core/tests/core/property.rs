//! Random histories: whatever happens in whichever order, some things hold.
//!
//! A world of a master, executors, containers and a disk surrounds one agent. Every step picks
//! something that may happen next; after each the invariants of [`World::observe`] are checked,
//! and at the end everything that was begun must come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::framework::FrameworkInfo;
use mesos::ids::{ContainerId, FrameworkId, TaskId};
use mesos::internal::{
    AgentRegistered, AgentReregistered, AgentToExecutor, AgentToMaster, KillTask, PingAgent,
    ReconcileTasks, RegisterExecutor, ReregisterExecutor, ShutdownFramework, StatusUpdate,
};
use mesos::resources::Resources;
use mesos::task::{TaskInfo, TaskState, TaskStatus};
use slave_core::checkpoint::UpdateRecord;
use slave_core::effect::ExecutorKind;
use slave_core::event::ContainerTermination;
use slave_core::executor::{Executor, ExecutorState};
use slave_core::ids::ExecutorPid;
use slave_core::{AgentState, Event};

use crate::driver::{
    AGENT, Driver, checkpointing, command_task, config, custom_task, framework, master,
    partition_aware,
};

const SEEDS: u64 = 40;
const STEPS: usize = 250;

#[test]
fn random_histories_keep_the_invariants() {
    let wanted = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = wanted.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| World::new(seed).live());
        if let Err(panic) = outcome {
            eprintln!("replay with: SEED={seed} cargo test -p slave-core --test core property");
            std::panic::resume_unwind(panic);
        }
    }
}

type Key = (FrameworkId, TaskId);

struct World {
    rng: fastrand::Rng,
    driver: Option<Driver>,
    incarnation: u32,
    containers: BTreeMap<ContainerId, Container>,
    /// Changes of resources that are under way.
    resizes: Vec<ContainerId>,
    /// What the master believes.
    tasks: BTreeMap<Key, MasterTask>,
    frameworks: BTreeMap<FrameworkId, FrameworkInfo>,
    /// Frameworks that are over; an agent that comes back with one is told so.
    ended: BTreeSet<FrameworkId>,
    /// The agent waits for an answer; true if it has an id.
    asks: Option<bool>,
    next: u64,
}

#[derive(Debug)]
struct Container {
    framework: FrameworkId,
    executor: String,
    checkpoint: bool,
    pid: ExecutorPid,
    up: bool,
    doomed: bool,
    /// It was asked to exit.
    leaving: bool,
    link: Link,
    limits: Resources,
    tasks: BTreeMap<TaskId, Option<TaskState>>,
    /// Tasks that no update was confirmed of.
    fresh: BTreeMap<TaskId, TaskInfo>,
    unconfirmed: Vec<StatusUpdate>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    /// It has never been registered.
    New,
    Connected,
    /// It waits for the agent to ask for it, or comes back by itself.
    Broken,
}

#[derive(Debug, Default)]
struct MasterTask {
    over: bool,
    /// What executors said of it, in order.
    said: Vec<Bytes>,
    /// What executors may forget, because the agent said so.
    confirmed: BTreeSet<Bytes>,
    /// What arrived, in order, with whether its acknowledgement was sent.
    arrived: Vec<(Bytes, bool)>,
    /// When the last of it arrived.
    incarnation: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut driver = Driver::registered();
        driver.writes_at_once = false;
        Self {
            rng: fastrand::Rng::with_seed(seed),
            driver: Some(driver),
            incarnation: 0,
            containers: BTreeMap::new(),
            resizes: Vec::new(),
            tasks: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            ended: BTreeSet::new(),
            asks: None,
            next: 0,
        }
    }

    fn live(mut self) {
        for _ in 0..STEPS {
            self.step();
            self.observe();
        }
        self.finish();
    }

    fn driver(&mut self) -> &mut Driver {
        self.driver.as_mut().expect("there is an agent between steps")
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..12 => self.run_task(),
            12..17 => self.kill_task(),
            17..32 => self.acknowledge(),
            32..52 => {
                self.driver().write();
            }
            52..64 => self.advance_container(false),
            64..84 => self.advance_executor(false),
            84..90 => {
                let span = Duration::from_millis(self.rng.u64(0..12_000));
                self.driver().advance(span);
            }
            90..94 => self.answer_agent(),
            94 => self.driver().event(Event::MasterExited { master: master() }),
            95 => self.break_link(),
            96 => self.driver().master_says(PingAgent { connected: true }),
            97 => self.restart(),
            98 => self.shutdown_framework(),
            _ => self.crash_container(),
        }
    }

    fn is_registered(&mut self) -> bool {
        self.driver().snapshot().state == AgentState::Running
    }

    fn run_task(&mut self) {
        let kind = self.rng.u32(0..3);
        let name = format!("f{kind}");
        let base = self.frameworks.keys().rfind(|id| id.as_str().starts_with(&name)).cloned();
        let number = self.number();
        let id = base.unwrap_or_else(|| FrameworkId::new(format!("{name}-{number}")));
        let info = match kind {
            0 => framework(id.as_str()),
            1 => checkpointing(id.as_str()),
            _ => partition_aware(checkpointing(id.as_str())),
        };
        self.frameworks.insert(id.clone(), info.clone());
        let name = format!("t{}", self.number());
        let task = match self.rng.bool() {
            true => command_task(&name),
            false => custom_task(&name, &format!("e{}", self.rng.u32(0..2))),
        };
        self.tasks.insert((id, task.task_id.clone()), MasterTask::default());
        // If the agent is not registered, it learns of the task when it is.
        self.driver().run(&info, task);
    }

    fn kill_task(&mut self) {
        let keys: Vec<Key> = self.tasks.keys().cloned().collect();
        if let Some((framework_id, task_id)) = self.rng.choice(keys) {
            let kill_policy = None;
            self.driver().master_says(KillTask { framework_id, task_id, kill_policy });
        }
    }

    fn acknowledge(&mut self) {
        let keys: Vec<Key> = self.tasks.keys().cloned().collect();
        let Some(key) = self.rng.choice(keys) else { return };
        let wrong = self.rng.u32(0..10) == 0;
        self.acknowledge_task(key, wrong);
    }

    fn acknowledge_task(&mut self, key: Key, wrong: bool) {
        let registered = self.is_registered();
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let Some((uuid, acknowledged)) = task.arrived.last_mut() else { return };
        let uuid = if wrong { crate::driver::uuid("wrong") } else { uuid.clone() };
        *acknowledged |= !wrong && registered;
        let update = StatusUpdate {
            framework_id: key.0,
            status: TaskStatus { task_id: key.1, ..TaskStatus::default() },
            uuid: Some(uuid),
            ..StatusUpdate::default()
        };
        if registered {
            self.driver().acknowledge(&update);
        }
    }

    fn advance_container(&mut self, only_good: bool) {
        if !self.resizes.is_empty() {
            let container = self.resizes.remove(0);
            let fails = !only_good && self.rng.u32(0..30) == 0;
            let result = if fails { Err("no".to_string()) } else { Ok(()) };
            self.driver().event(Event::ContainerUpdated { container, result });
            return;
        }
        let ids: Vec<ContainerId> = self.containers.keys().cloned().collect();
        let Some(id) = self.rng.choice(ids) else { return };
        let fails = !only_good && self.rng.u32(0..20) == 0;
        let container = self.containers.get_mut(&id).expect("it was just chosen");
        if container.doomed || (container.leaving && container.up) {
            self.end_container(&id);
        } else if !container.up {
            container.up = !fails;
            if fails {
                self.containers.remove(&id);
                let result = Err("no".to_string());
                self.driver().event(Event::ContainerLaunched { container: id, result });
            } else {
                self.driver().disk.fork(&id, 4711);
                let result = Ok(Default::default());
                self.driver().event(Event::ContainerLaunched { container: id, result });
            }
        }
    }

    fn end_container(&mut self, id: &ContainerId) {
        self.containers.remove(id);
        self.driver().terminated(id, ContainerTermination::default());
    }

    fn crash_container(&mut self) {
        let up = self.containers.iter().filter(|(_, container)| container.up);
        let ids: Vec<ContainerId> = up.map(|(id, _)| id.clone()).collect();
        if let Some(id) = self.rng.choice(ids) {
            self.end_container(&id);
        }
    }

    fn break_link(&mut self) {
        let connected = self.containers.values_mut().filter(|c| c.link == Link::Connected);
        let mut connected: Vec<&mut Container> = connected.collect();
        if connected.is_empty() {
            return;
        }
        let index = self.rng.usize(0..connected.len());
        connected[index].link = Link::Broken;
        let executor = connected[index].pid.clone();
        self.driver().event(Event::ExecutorExited { executor });
    }

    fn advance_executor(&mut self, only_good: bool) {
        let up = self.containers.iter().filter(|(_, container)| container.up);
        let ids: Vec<ContainerId> = up.map(|(id, _)| id.clone()).collect();
        let Some(id) = self.rng.choice(ids) else { return };
        let number = self.number();
        let repeat = !only_good && self.rng.u32(0..8) == 0;
        let fails = self.rng.u32(0..4) == 0;
        let pick = self.rng.usize(..);
        let container = self.containers.get_mut(&id).expect("it was just chosen");
        match container.link {
            Link::New => {
                let message = RegisterExecutor {
                    framework_id: container.framework.clone(),
                    executor_id: container.executor.as_str().into(),
                };
                let pid = container.pid.clone();
                self.driver().executor_says(&pid, message);
            }
            Link::Broken => {
                container.pid = ExecutorPid::new(format!("{id}-{number}"));
                let message = ReregisterExecutor {
                    framework_id: container.framework.clone(),
                    executor_id: container.executor.as_str().into(),
                    tasks: container.fresh.values().cloned().collect(),
                    updates: container.unconfirmed.clone(),
                };
                let pid = container.pid.clone();
                self.driver().executor_says(&pid, message);
            }
            Link::Connected if repeat && !container.unconfirmed.is_empty() => {
                let update = container.unconfirmed[pick % container.unconfirmed.len()].clone();
                let pid = container.pid.clone();
                self.driver().executor_says(&pid, update);
            }
            Link::Connected => {
                let live = container.tasks.iter_mut().filter(|(_, state)| !is_over(**state));
                let mut live: Vec<_> = live.collect();
                if live.is_empty() {
                    return;
                }
                let index = pick % live.len();
                let (task, state) = &mut live[index];
                let next = match **state {
                    None => TaskState::Starting,
                    Some(TaskState::Starting) => TaskState::Running,
                    Some(TaskState::Killing) => TaskState::Killed,
                    _ if fails => TaskState::Failed,
                    _ => TaskState::Finished,
                };
                **state = Some(next);
                let task = (*task).clone();
                let uuid = number.to_string();
                let name = container.framework.to_string();
                let update = crate::driver::update(&name, task.as_str(), next, &uuid);
                container.unconfirmed.push(update.clone());
                let pid = container.pid.clone();
                let key = (container.framework.clone(), task);
                if let Some(known) = self.tasks.get_mut(&key) {
                    known.said.extend(update.uuid.clone());
                }
                self.driver().executor_says(&pid, update);
            }
        }
    }

    fn answer_agent(&mut self) {
        let Some(old) = self.asks.take() else { return };
        if !old {
            let message = AgentRegistered { agent_id: AGENT.into(), connection: None };
            return self.driver().master_says(message);
        }
        let mut reconciliations = Vec::new();
        for (id, info) in &self.frameworks {
            let own = self.tasks.iter().filter(|((owner, _), task)| owner == id && !task.over);
            let statuses = own.map(|((_, task), _)| TaskStatus {
                task_id: task.clone(),
                ..TaskStatus::default()
            });
            reconciliations.push(ReconcileTasks {
                framework_id: id.clone(),
                statuses: statuses.collect(),
                framework: Some(info.clone()),
            });
        }
        let agent_id = AGENT.into();
        self.driver().master_says(AgentReregistered {
            agent_id,
            reconciliations,
            connection: None,
        });
        for framework_id in self.ended.clone() {
            self.driver().master_says(ShutdownFramework { framework_id });
        }
    }

    fn shutdown_framework(&mut self) {
        let ids: Vec<FrameworkId> = self.frameworks.keys().cloned().collect();
        let Some(id) = self.rng.choice(ids) else { return };
        if !self.is_registered() {
            return;
        }
        self.frameworks.remove(&id);
        self.ended.insert(id.clone());
        self.tasks.retain(|(owner, _), _| *owner != id);
        self.driver().master_says(ShutdownFramework { framework_id: id });
    }

    /// Kills the agent in the middle of whatever it does, and starts it again.
    fn restart(&mut self) {
        let old = self.driver.take().expect("there is an agent between steps");
        self.incarnation += 1;
        self.asks = None;
        self.resizes.clear();
        // What does not checkpoint dies with the agent; what was being made is not there.
        self.containers.retain(|_, container| container.up && container.checkpoint);
        for container in self.containers.values_mut() {
            if container.link == Link::Connected {
                container.link = Link::Broken;
            }
        }
        let seed = self.rng.u64(..);
        let mut next = Driver::fresh(config(), seed);
        next.writes_at_once = false;
        next.now = old.now + Duration::from_secs(1);
        next.event(Event::Recovered(old.disk.recovered()));
        next.disk = old.disk;
        self.driver = Some(next);
        self.observe();
    }

    /// Takes in what the agent did, and checks it.
    fn observe(&mut self) {
        if self.driver().looks_for_master() {
            self.driver().detect(&master());
        }
        for container in self.driver().recover_containers() {
            if !self.containers.contains_key(&container.container) {
                self.driver().terminated(&container.container, ContainerTermination::default());
            }
        }
        self.observe_containers();
        for (pid, message) in self.driver().told() {
            self.observe_told(&pid, message);
        }
        for message in self.driver().sent() {
            match message {
                AgentToMaster::RegisterAgent(_) => self.asks = Some(false),
                AgentToMaster::ReregisterAgent(_) => self.asks = Some(true),
                AgentToMaster::StatusUpdate(update) => self.observe_update(&update),
                _ => {}
            }
        }
        for path in self.driver().removed() {
            self.driver().event(Event::PathRemoved { path, result: Ok(()) });
        }
        self.check_snapshot();
        assert_eq!(self.driver().exit, None, "nothing here is fatal");
    }

    fn observe_containers(&mut self) {
        for spec in self.driver().launches() {
            let checkpoint = spec.forked_pid_path.is_some();
            if checkpoint {
                let written = self.driver().disk.has_run(&spec.container);
                assert!(written, "an executor is written before it is launched");
            }
            let container = Container {
                framework: spec.framework_id,
                executor: spec.executor.executor_id.to_string(),
                checkpoint,
                pid: ExecutorPid::new(spec.container.to_string()),
                up: false,
                doomed: false,
                leaving: false,
                link: Link::New,
                limits: spec.resources,
                tasks: BTreeMap::new(),
                fresh: BTreeMap::new(),
                unconfirmed: Vec::new(),
            };
            assert_eq!(spec.kind == ExecutorKind::Command, spec.task.is_some());
            let old = self.containers.insert(spec.container, container);
            assert!(old.is_none(), "a container is launched once");
        }
        for id in self.driver().destroyed() {
            if let Some(container) = self.containers.get_mut(&id) {
                container.doomed = true;
            }
        }
        for (id, resources) in self.driver().resizes() {
            let container = self.containers.get_mut(&id).expect("only what lives is changed");
            container.limits = resources;
            self.resizes.push(id);
        }
    }

    fn observe_told(&mut self, pid: &ExecutorPid, message: AgentToExecutor) {
        let found = self.containers.iter_mut().find(|(_, container)| container.pid == *pid);
        let Some((own, container)) = found else { return };
        match message {
            AgentToExecutor::ExecutorRegistered(_) | AgentToExecutor::ExecutorReregistered(_) => {
                container.link = Link::Connected;
            }
            AgentToExecutor::RunTask(run) => {
                let id = run.task.task_id.clone();
                let driver = self.driver.as_ref().expect("there is an agent");
                if container.checkpoint {
                    assert!(driver.disk.has_task(&id), "a task is written before it is given");
                    assert!(driver.disk.has_pid(pid), "its executor is found again");
                }
                assert!(!self.resizes.contains(own), "a task is given what it may use first");
                container.fresh.insert(id.clone(), run.task);
                let old = container.tasks.insert(id, None);
                assert!(old.is_none(), "a task is given once");
            }
            AgentToExecutor::KillTask(kill) => {
                if let Some(state) = container.tasks.get_mut(&kill.task_id)
                    && !is_over(*state)
                {
                    *state = Some(TaskState::Killing);
                }
            }
            AgentToExecutor::StatusUpdateAcknowledgement(confirmed) => {
                container.unconfirmed.retain(|u| u.uuid.as_ref() != Some(&confirmed.uuid));
                container.fresh.remove(&confirmed.task_id);
                let key = (confirmed.framework_id, confirmed.task_id);
                if let Some(task) = self.tasks.get_mut(&key) {
                    task.confirmed.insert(confirmed.uuid);
                }
            }
            AgentToExecutor::ShutdownExecutor(_) => container.leaving = true,
            _ => {}
        }
    }

    /// Updates arrive in order, one at a time, and not before they are written.
    fn observe_update(&mut self, update: &StatusUpdate) {
        let key = (update.framework_id.clone(), update.status.task_id.clone());
        let uuid = update.uuid.clone().expect("forwarded updates have uuids");
        let incarnation = self.incarnation;
        let ours = update.executor_id.is_some();
        let checkpoint = self.frameworks.get(&key.0).is_some_and(|info| info.checkpoint);
        let disk = self.driver.as_ref().map(|driver| driver.disk.updates(&key.1));
        let log = disk.unwrap_or_default();
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let position = |of: &Bytes| task.said.iter().position(|known| known == of);
        match task.arrived.last_mut() {
            Some((last, acknowledged)) if *last == uuid => *acknowledged = false,
            Some((last, acknowledged)) => {
                let lasting = ours && checkpoint;
                assert!(
                    *acknowledged || (!lasting && task.incarnation != incarnation),
                    "{key:?}: the next update waits for the acknowledgement of the last"
                );
                let known = UpdateRecord::Acknowledged(last.clone());
                assert!(
                    !lasting || position(last).is_none() || log.contains(&known),
                    "{key:?}: the acknowledgement of the last is written before the next"
                );
                if let (Some(last), Some(this)) = (position(last), position(&uuid)) {
                    assert!(last < this, "{key:?}: updates arrive in their order");
                }
                task.arrived.push((uuid.clone(), false));
            }
            None => task.arrived.push((uuid.clone(), false)),
        }
        task.incarnation = incarnation;
        task.over |= update.status.state.is_terminal();
        if ours && checkpoint {
            let written = log.iter().any(|record| {
                matches!(record, UpdateRecord::Update(u) if u.uuid.as_ref() == Some(&uuid))
            });
            assert!(written, "{key:?}: an update is written before it is forwarded");
        }
    }

    fn check_snapshot(&mut self) {
        let snapshot = self.driver().snapshot();
        if snapshot.state == AgentState::Recovering {
            return;
        }
        let mut live = BTreeSet::new();
        let mut expected = Resources::new();
        for executor in snapshot.executors() {
            for task in executor.launched_tasks.values() {
                assert!(!task.state.is_terminal());
                expected += task.resources();
            }
            assert!(executor.terminated_tasks.values().all(|task| task.state.is_terminal()));
            if executor.state == ExecutorState::Terminated {
                assert!(executor.launched_tasks.is_empty() && executor.queued.is_empty());
                continue;
            }
            expected += executor.info.resources();
            for queued in &executor.queued {
                queued.tasks.iter().for_each(|task| expected += task.resources());
            }
            live.insert(executor.container.clone());
            if executor.state == ExecutorState::Running {
                let container = self.containers.get(&executor.container);
                let container = container.expect("an executor that runs has a container");
                // A container that was recovered is fitted when its executor comes back.
                assert_eq!(container.limits, executor.allocated());
            }
        }
        assert_eq!(snapshot.allocated(), expected, "resources add up");
        for (id, container) in &self.containers {
            assert!(live.contains(id) || container.doomed, "{id} has an executor or is doomed");
        }
    }

    /// Lets everything that was begun come to its end, and checks that it does.
    fn finish(mut self) {
        for round in 0..4_000 {
            while self.driver().write() {
                self.observe();
            }
            self.answer_agent();
            self.observe();
            self.advance_container(true);
            self.observe();
            self.advance_executor(true);
            self.observe();
            self.acknowledge_all();
            if round % 20 == 0 {
                self.driver().master_says(PingAgent { connected: true });
                self.driver().advance(Duration::from_secs(2));
                self.observe();
            }
            if self.tasks.values().all(|task| task.over) && round % 50 == 49 {
                // Executors that have nothing to do leave.
                self.crash_container();
                self.observe();
            }
            let over = self.tasks.values().all(|task| task.over) && self.containers.is_empty();
            if over && self.driver().snapshot().frameworks.is_empty() {
                break;
            }
        }
        for (key, task) in &self.tasks {
            assert!(task.over, "{key:?} comes to an end: {task:?}");
            let arrived = |uuid| task.arrived.iter().any(|(known, _)| known == uuid);
            let lasting = self.frameworks.get(&key.0).is_some_and(|info| info.checkpoint);
            assert!(
                !lasting || task.confirmed.iter().all(arrived),
                "{key:?}: what an executor may forget reaches the framework: {task:?}"
            );
        }
        let snapshot = self.driver().snapshot();
        let left: Vec<String> = snapshot.executors().map(describe).collect();
        assert!(left.is_empty(), "nothing is left: {left:#?} {:#?}", self.containers);
        assert!(snapshot.frameworks.is_empty());
        assert!(self.containers.is_empty());
    }

    fn acknowledge_all(&mut self) {
        let open = self.tasks.iter().filter(|(_, task)| task.arrived.last().is_some_and(|a| !a.1));
        let keys: Vec<Key> = open.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.acknowledge_task(key, false);
        }
        self.observe();
    }
}

fn describe(executor: &Executor) -> String {
    let tasks = |tasks: &imbl::OrdMap<TaskId, std::sync::Arc<mesos::task::Task>>| {
        let states: Vec<_> = tasks.iter().map(|(id, task)| (id.to_string(), task.state)).collect();
        states
    };
    format!(
        "{} {:?} in {}, {} queued, launched {:?}, terminated {:?}",
        executor.id,
        executor.state,
        executor.container,
        executor.queued.len(),
        tasks(&executor.launched_tasks),
        tasks(&executor.terminated_tasks),
    )
}

fn is_over(state: Option<TaskState>) -> bool {
    state.is_some_and(TaskState::is_terminal)
}

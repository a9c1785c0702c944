//! Whatever happens, in whatever order: nothing is counted twice or forgotten, and the same events
//! give the same effects.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use master_core::event::Event;
use master_core::{Config, invariants};
use mesos::framework::{
    AttributeConstraint, ConstraintGroup, ConstraintPredicate, ConstraintSelector, FrameworkInfo,
    OfferConstraints, PseudoattributeType, RoleConstraints, TextMatches,
};
use mesos::ids::{AgentId, TaskId};
use mesos::internal::{MasterToAgent, UnregisterAgent, UpdateAgent};
use mesos::maintenance::{Schedule, Window};
use mesos::offer::Offer;
use mesos::task::{Task, TaskState};
use mesos::v1;
use mesos::v1::scheduler::{
    CallType, Kill, Reconcile, ReconcileTask, Revive, Suppress, UpdateFramework,
};
use support::maintenance::{down_call, hour, machine, schedule_call, up_call};
use support::{AgentHandle, Scheduler, World, framework, plain_framework, task, update, uuid};

/// An agent that runs what it is told to run.
struct Actor {
    handle: AgentHandle,
    is_linked: bool,
    frameworks: BTreeMap<String, FrameworkInfo>,
    tasks: BTreeMap<TaskId, Task>,
}

struct Chaos {
    world: World,
    rng: fastrand::Rng,
    agents: Vec<Actor>,
    schedulers: Vec<(Scheduler, FrameworkInfo, bool)>,
    offers: Vec<(usize, Offer)>,
    next_task: u64,
}

const RESOURCES: &str = "cpus:4;mem:1024;disk:1000;ports:[100-110]";

/// Everything that takes long takes seconds.
fn hasty() -> Config {
    Config {
        offer_timeout: Some(Duration::from_secs(20)),
        agent_ping_timeout: Duration::from_secs(2),
        max_agent_ping_timeouts: 2,
        agent_reregister_timeout: Duration::from_secs(15),
        max_completed_tasks_per_framework: 5,
        max_unreachable_tasks_per_framework: 3,
        ..Config::default()
    }
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut world = World::standby(hasty(), seed);
        world.elect("M", Default::default());
        let rng = fastrand::Rng::with_seed(seed);
        let (agents, schedulers, offers) = (Vec::new(), Vec::new(), Vec::new());
        Self { world, rng, agents, schedulers, offers, next_task: 0 }
    }

    fn step(&mut self) {
        match self.rng.u8(..100) {
            0..4 => self.add_agent(),
            4..7 => self.break_link(),
            7..13 => self.return_agent(),
            13..14 => self.unregister(),
            14..18 => self.add_scheduler(),
            18..20 => self.disconnect(),
            20..25 => self.resubscribe(),
            25..45 => self.accept(),
            45..52 => self.decline(),
            52..70 => self.progress(),
            70..76 => self.acknowledge(),
            76..78 => self.kill(),
            78..80 => self.revive(),
            80..82 => self.suppress(),
            82..83 => self.teardown(),
            83..85 => self.resize(),
            85..87 => self.toggle_stores(),
            87..88 => self.fail_over(),
            88..90 => self.reconcile(),
            90..92 => self.choose_agents(),
            92..93 => self.mark_gone(),
            93..95 => self.maintain(),
            95..96 => self.answer_inverse(),
            _ => self.world.advance(Duration::from_millis(self.rng.u64(..3000))),
        }
        self.listen();
        invariants::check(&self.world.master).expect("invariants hold");
    }

    /// Agents run what they were told to run; schedulers take note of offers.
    fn listen(&mut self) {
        for agent in &mut self.agents {
            for message in self.world.received(&agent.handle.pid) {
                match message {
                    MasterToAgent::RunTask(run) if agent.is_linked => {
                        let id = run.framework.id.clone().unwrap();
                        let task = Task::new(&run.task, &id, TaskState::Staging);
                        agent.frameworks.insert(id.to_string(), run.framework);
                        agent.tasks.insert(task.task_id.clone(), task);
                    }
                    MasterToAgent::ShutdownFramework(message) => {
                        agent.tasks.retain(|_, task| task.framework_id != message.framework_id);
                        agent.frameworks.remove(message.framework_id.as_str());
                    }
                    _ => {}
                }
            }
        }
        for index in 0..self.schedulers.len() {
            let (scheduler, _, _) = self.schedulers[index].clone();
            let offers = self.world.offers(&scheduler);
            self.offers.extend(offers.into_iter().map(|offer| (index, offer)));
        }
    }

    fn pick<T>(rng: &mut fastrand::Rng, from: &[T]) -> Option<usize> {
        (!from.is_empty()).then(|| rng.usize(..from.len()))
    }

    fn add_agent(&mut self) {
        if self.agents.len() < 6 && self.world.held_stores.is_none() {
            let handle = self.world.agent(RESOURCES);
            let (frameworks, tasks) = Default::default();
            self.agents.push(Actor { handle, is_linked: true, frameworks, tasks });
        }
    }

    fn break_link(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent = &mut self.agents[index];
        agent.is_linked = false;
        self.world.answers_pings = self.rng.bool();
        self.world.event(Event::AgentExited { pid: agent.handle.pid.clone() });
    }

    fn return_agent(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent = &mut self.agents[index];
        agent.is_linked = true;
        if self.rng.u8(..4) == 0 {
            agent.tasks.pop_first();
        }
        let frameworks = agent.frameworks.values().cloned().collect();
        let tasks = agent.tasks.values().cloned().collect();
        self.world.reregister(&agent.handle, frameworks, tasks);
    }

    fn unregister(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent = self.agents.swap_remove(index).handle;
        self.world.agent_says(&agent.pid, UnregisterAgent { agent_id: agent.id });
    }

    fn add_scheduler(&mut self) {
        if self.schedulers.len() < 5 {
            let role = ["a", "b", "c"][self.rng.usize(..3)];
            let is_plain = self.rng.u8(..4) == 0;
            let mut info = if is_plain { plain_framework() } else { framework(role) };
            info.checkpoint = self.rng.bool();
            let scheduler = self.world.subscribe(info.clone());
            info.id = Some(scheduler.id.clone());
            self.schedulers.push((scheduler, info, true));
        }
    }

    fn disconnect(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.schedulers) else { return };
        let (scheduler, _, connected) = &mut self.schedulers[index];
        *connected = false;
        self.world.disconnect(&scheduler.clone());
    }

    fn resubscribe(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.schedulers) else { return };
        let info = self.schedulers[index].1.clone();
        let id = info.id.clone().unwrap();
        let state = self.world.snapshot();
        if state.completed_frameworks.iter().any(|framework| framework.id == id) {
            let (connection, _) = self.world.try_subscribe(info);
            let events = self.world.events_on(connection);
            assert_eq!(events[0].error.as_ref().unwrap().message, "Framework has been removed");
            self.schedulers.swap_remove(index);
            self.offers.clear();
        } else {
            let scheduler = self.world.subscribe(info.clone());
            self.schedulers[index] = (scheduler, info, true);
        }
    }

    fn connected(&mut self) -> Option<Scheduler> {
        let live: Vec<Scheduler> =
            self.schedulers.iter().filter(|s| s.2).map(|s| s.0.clone()).collect();
        let state = self.world.snapshot();
        let live: Vec<Scheduler> =
            live.into_iter().filter(|s| state.frameworks.contains_key(&s.id)).collect();
        Self::pick(&mut self.rng, &live).map(|index| live[index].clone())
    }

    fn take_offer(&mut self) -> Option<(Scheduler, Offer)> {
        let index = Self::pick(&mut self.rng, &self.offers)?;
        let (owner, offer) = self.offers.swap_remove(index);
        let (scheduler, _, connected) = self.schedulers.get(owner)?.clone();
        let is_known = self.world.snapshot().frameworks.contains_key(&scheduler.id);
        (connected && is_known).then_some((scheduler, offer))
    }

    fn accept(&mut self) {
        let Some((scheduler, offer)) = self.take_offer() else { return };
        let tasks = (0..self.rng.u8(..3)).map(|_| {
            self.next_task += 1;
            let port = self.rng.u64(100..111);
            let sizes = ["cpus:0.5;mem:10", "cpus:2;mem:700", "mem:64", "cpus:1"];
            let size = match self.rng.usize(..5) {
                4 => format!("cpus:0.1;ports:[{port}-{port}]"),
                size => sizes[size].to_owned(),
            };
            task(&format!("t{}", self.next_task), &offer, &size)
        });
        let tasks = tasks.collect();
        let refuse = [0.0, 1.0, 5.0, 100.0][self.rng.usize(..4)];
        self.world.accept(&scheduler, &[&offer], tasks, refuse);
    }

    fn decline(&mut self) {
        let Some((scheduler, offer)) = self.take_offer() else { return };
        let refuse = [0.0, -1.0, 5.0, 1e12][self.rng.usize(..4)];
        self.world.decline(&scheduler, &[offer], refuse);
    }

    /// A task gets on.
    fn progress(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent = &mut self.agents[index];
        let Some(task) = agent.tasks.values_mut().nth(self.rng.usize(..4)) else { return };
        let states = [TaskState::Running, TaskState::Finished, TaskState::Failed];
        task.state = states[self.rng.usize(..3)];
        let (id, state) = (task.task_id.clone(), task.state);
        let who = Scheduler {
            connection: master_core::event::ConnectionId(0),
            stream: String::new(),
            id: task.framework_id.clone(),
        };
        let message = update(&agent.handle, &who, id.as_str(), state);
        if state.is_terminal() {
            agent.tasks.remove(&id);
        }
        if agent.is_linked {
            let pid = agent.handle.pid.clone();
            self.world.agent_says(&pid, message);
        }
    }

    /// A scheduler takes note of an update of one of its tasks.
    fn acknowledge(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        let state = self.world.snapshot();
        let framework = &state.frameworks[&scheduler.id];
        let tasks: Vec<_> = framework.tasks.values().cloned().collect();
        let Some(index) = Self::pick(&mut self.rng, &tasks) else { return };
        let (task, id) = (&tasks[index], tasks[index].agent_id.clone());
        if let Some(handle) = self.handle(&id) {
            self.world.acknowledge(&scheduler, &handle, task.task_id.as_str(), task.state);
        }
        let _ = uuid(task.task_id.as_str(), task.state);
    }

    fn handle(&self, id: &AgentId) -> Option<AgentHandle> {
        self.agents.iter().find(|agent| agent.handle.id == *id).map(|agent| agent.handle.clone())
    }

    fn kill(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        let task_id = TaskId::from(format!("t{}", self.rng.u64(..=self.next_task)));
        self.world.call(&scheduler, CallType::Kill, |call| {
            call.kill = Some(Kill { task_id, ..Kill::default() });
        });
    }

    fn revive(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        self.world.call(&scheduler, CallType::Revive, |call| call.revive = Some(Revive::default()));
    }

    fn suppress(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        self.world.call(&scheduler, CallType::Suppress, |call| {
            call.suppress = Some(Suppress::default());
        });
    }

    /// A scheduler asks about what it has, or about what it may never have had.
    fn reconcile(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        let id = |rng: &mut fastrand::Rng, n| TaskId::from(format!("t{}", rng.u64(..=n)));
        let tasks = (0..self.rng.u8(..3)).map(|_| {
            let agent = Self::pick(&mut self.rng, &self.agents);
            let agent_id = agent.map(|index| self.agents[index].handle.id.clone());
            ReconcileTask { task_id: id(&mut self.rng, self.next_task), agent_id }
        });
        let tasks = tasks.collect();
        self.world.call(&scheduler, CallType::Reconcile, |call| {
            call.reconcile = Some(Reconcile { tasks });
        });
    }

    /// A scheduler wants offers of some agents only, or of all again.
    fn choose_agents(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        let info = (*self.world.snapshot().frameworks[&scheduler.id].info).clone();
        let role = info.effective_roles().pop_first().unwrap();
        let regex = format!("10\\.0\\.0\\.[{}-9]*", self.rng.u8(..9));
        let constraint = AttributeConstraint {
            selector: ConstraintSelector {
                pseudoattribute_type: Some(PseudoattributeType::Hostname),
                attribute_name: None,
            },
            predicate: ConstraintPredicate {
                text_matches: Some(TextMatches { regex }),
                ..ConstraintPredicate::default()
            },
        };
        let group = ConstraintGroup { attribute_constraints: vec![constraint] };
        let constraints = RoleConstraints { groups: vec![group] };
        let constraints = OfferConstraints { role_constraints: [(role, constraints)].into() };
        let offer_constraints = self.rng.bool().then_some(constraints);
        let response = self.world.call(&scheduler, CallType::UpdateFramework, |call| {
            let suppressed_roles = Vec::new();
            let body =
                UpdateFramework { framework_info: info, suppressed_roles, offer_constraints };
            call.update_framework = Some(body);
        });
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// An operator gives up an agent, wherever it is.
    fn mark_gone(&mut self) {
        if self.world.held_stores.is_some() {
            // Whoever asks would have to wait.
            return;
        }
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent_id = self.agents.swap_remove(index).handle.id;
        let response = self.world.operator(v1::master::Call {
            r#type: Some(v1::master::CallType::MarkAgentGone),
            mark_agent_gone: Some(v1::master::MarkAgentGone { agent_id }),
            ..v1::master::Call::default()
        });
        assert!([200, 404, 503].contains(&response.status), "{response:?}");
    }

    /// An operator plans maintenance anew, or brings machines down or up.
    fn maintain(&mut self) {
        if self.world.held_stores.is_some() {
            return;
        }
        let status = self.world.snapshot().maintenance_status();
        let draining: Vec<_> = status.draining_machines.into_iter().map(|of| of.id).collect();
        let call = match self.rng.u8(..3) {
            0 if !draining.is_empty() => down_call(draining),
            1 if !status.down_machines.is_empty() => up_call(status.down_machines),
            _ => {
                let rng = &mut self.rng;
                let mut named: Vec<_> =
                    self.agents.iter().map(|agent| machine(&agent.handle)).collect();
                named.retain(|_| rng.bool());
                named.extend(status.down_machines);
                named.sort_by_key(|machine| machine.ip.clone());
                named.dedup();
                let unavailability = hour(rng.i64(1..3));
                let window = Window { machine_ids: named, unavailability };
                let windows = (!window.machine_ids.is_empty()).then_some(window);
                schedule_call(Schedule { windows: windows.into_iter().collect() })
            }
        };
        let response = self.world.operator(call);
        assert_eq!(response.status, 200, "{response:?}");
    }

    fn answer_inverse(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        let state = self.world.snapshot();
        let Some(agent) = Self::pick(&mut self.rng, &self.agents) else { return };
        let agent = self.agents[agent].handle.id.clone();
        let offers = state.inverse_offers.values().filter(|offer| offer.agent == agent);
        let offers = offers.filter_map(|o| Some(o.to_v1(&**state.agents.get(&o.agent)?)));
        let offers: Vec<_> = offers.collect();
        let refuse = [0.0, -1.0, 5.0, 1e12][self.rng.usize(..4)];
        let accepts = self.rng.bool();
        let offers: Vec<_> = offers.iter().collect();
        self.world.answer(&scheduler, &offers, accepts, Some(refuse));
    }

    fn teardown(&mut self) {
        let Some(scheduler) = self.connected() else { return };
        self.world.call(&scheduler, CallType::Teardown, |_| {});
    }

    /// An agent has revocable resources to spare, or no longer.
    fn resize(&mut self) {
        let Some(index) = Self::pick(&mut self.rng, &self.agents) else { return };
        let AgentHandle { pid, id, .. } = self.agents[index].handle.clone();
        let mut spare = support::parse(&format!("cpus:{}", self.rng.u8(1..4))).to_vec();
        spare[0].revocable = Some(Default::default());
        let message = UpdateAgent {
            agent_id: id,
            update_oversubscribed_resources: Some(true),
            oversubscribed_resources: spare,
            ..UpdateAgent::default()
        };
        self.world.agent_says(&pid, message);
    }

    /// The master dies, and another one takes over.
    fn fail_over(&mut self) {
        let standby = World::standby(hasty(), self.rng.u64(..));
        let world = std::mem::replace(&mut self.world, standby);
        self.world = world.failover(hasty());
        self.offers.clear();
        self.schedulers.iter_mut().for_each(|scheduler| scheduler.2 = false);
        self.agents.iter_mut().for_each(|agent| agent.is_linked = false);
    }

    fn toggle_stores(&mut self) {
        match self.world.held_stores {
            Some(_) => self.world.release_stores(),
            None => self.world.held_stores = Some(Vec::new()),
        }
    }
}

#[test]
fn resources_are_conserved_whatever_happens() {
    for seed in 0..24 {
        let mut chaos = Chaos::new(seed);
        let steps = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..400 {
                chaos.step();
            }
        }));
        if let Err(panic) = steps {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_same_events_give_the_same_effects() {
    let run = |seed| {
        let mut chaos = Chaos::new(seed);
        chaos.world.trace = Some(Vec::new());
        for _ in 0..300 {
            chaos.step();
        }
        chaos.world.trace
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

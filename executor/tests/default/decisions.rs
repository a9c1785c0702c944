//! What the core decides about groups: launches, waits, and what a lost agent means.

use std::time::Duration;

use executor::default::core::{
    Core, Effect, Event, Found, Launched, Slot, Surroundings, Timer, Waited,
};
use mesos::executor_info::CommandInfo;
use mesos::ids::{ContainerId, TaskId};
use mesos::resource::{AllocationInfo, DiskInfo, Resource};
use mesos::task::TaskState::{Failed, Finished, Running, Starting};
use mesos::task::{TaskGroupInfo, TaskInfo, TaskState, TaskStatus};
use mesos::time::Time;
use mesos::v1::agent::{LaunchContainer, WaitNestedContainerResponse};
use mesos::volume::{SandboxPathType, Volume, VolumeMode};

/// A core with a clock, and what it wants done.
pub struct Harness {
    core: Core,
    now: Time,
    launches: u32,
    pub effects: Vec<Effect>,
}

/// A task that runs a line of shell.
pub fn task(id: &str) -> TaskInfo {
    let command = CommandInfo { value: Some("true".to_owned()), ..CommandInfo::default() };
    TaskInfo {
        name: id.to_owned(),
        task_id: TaskId::from(id),
        command: Some(Box::new(command)),
        ..TaskInfo::default()
    }
}

impl Harness {
    /// An executor that is registered.
    pub fn new() -> Self {
        let mut harness =
            Self { core: Core::default(), now: Time::EPOCH, launches: 0, effects: Vec::new() };
        harness.step(Event::Registered(Surroundings {
            container: ContainerId::root("executor"),
            ip: "10.0.0.1".to_owned(),
            reports_killing: true,
            shutdown_grace_period: Duration::from_secs(5),
        }));
        harness
    }

    pub fn step(&mut self, event: Event) {
        self.core.step(self.now, event, &mut self.effects);
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub fn launch<const N: usize>(&mut self, tasks: [TaskInfo; N]) {
        let ids = (0..N).map(|index| format!("c{}-{index}", self.launches)).collect();
        self.launches += 1;
        self.step(Event::Launch { group: TaskGroupInfo { tasks: tasks.to_vec() }, ids });
    }

    /// A group whose containers run; the slots of its tasks.
    pub fn running<const N: usize>(&mut self, tasks: [TaskInfo; N]) -> [Slot; N] {
        self.launch(tasks);
        let slots: Vec<Slot> = self.launches().into_iter().map(|(slot, _)| slot).collect();
        for slot in &slots {
            self.step(Event::Launched(*slot, Launched::Started));
        }
        self.effects.retain(|effect| !matches!(effect, Effect::Update(_)));
        slots.try_into().unwrap()
    }

    /// The container of a task has ended.
    pub fn ends(&mut self, slot: Slot, status: i32) {
        let response =
            WaitNestedContainerResponse { exit_status: Some(status), ..Default::default() };
        self.waited(slot, Waited::Ended(response));
    }

    /// The last wait for a container is answered.
    pub fn waited(&mut self, slot: Slot, waited: Waited) {
        let attempt = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Wait { slot: other, attempt, .. } if *other == slot => Some(*attempt),
            _ => None,
        });
        self.step(Event::Waited(slot, attempt.expect("nobody waits for it"), waited));
    }

    /// Takes out what was told since the last time.
    pub fn told(&mut self) -> Vec<TaskStatus> {
        let mut told = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Update(status) => {
                told.push((**status).clone());
                false
            }
            _ => true,
        });
        told
    }

    /// The same, as tasks and states.
    pub fn states(&mut self) -> Vec<(String, TaskState)> {
        let told = self.told();
        told.into_iter().map(|status| (status.task_id.to_string(), status.state)).collect()
    }

    /// Takes out the launches since the last time.
    pub fn launches(&mut self) -> Vec<(Slot, LaunchContainer)> {
        let mut launches = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Launch(slot, call) => {
                launches.push((*slot, (**call).clone()));
                false
            }
            _ => true,
        });
        launches
    }

    /// The waits and kills since the last time are gone.
    pub fn clear(&mut self) {
        self.effects.clear();
    }

    pub fn has_stopped(&self) -> bool {
        self.effects.contains(&Effect::Stop)
    }

    pub fn waits(&self) -> Vec<Slot> {
        let waits = self.effects.iter().filter_map(|effect| match effect {
            Effect::Wait { slot, .. } => Some(*slot),
            _ => None,
        });
        waits.collect()
    }

    fn finds(&self) -> Vec<Slot> {
        let finds = self.effects.iter().filter_map(|effect| match effect {
            Effect::Find(slot, _) => Some(*slot),
            _ => None,
        });
        finds.collect()
    }

    pub fn kills(&self) -> Vec<(Slot, i32)> {
        let kills = self.effects.iter().filter_map(|effect| match effect {
            Effect::Kill { slot, signal, .. } => Some((*slot, *signal)),
            _ => None,
        });
        kills.collect()
    }

    /// Whether a timer was set, and for when.
    pub fn timer(&self, wanted: Timer) -> Option<Duration> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::SetTimer(timer, after) if *timer == wanted => Some(*after),
            _ => None,
        })
    }
}

/// Tasks and states, for comparisons.
pub fn are<const N: usize>(expected: [(&str, TaskState); N]) -> Vec<(String, TaskState)> {
    expected.map(|(task, state)| (task.to_owned(), state)).to_vec()
}

#[test]
fn a_group_runs_when_all_of_it_is_launched() {
    let mut harness = Harness::new();
    harness.launch([task("a"), task("b")]);
    let told = harness.told();
    assert_eq!(told.iter().map(|s| s.state).collect::<Vec<_>>(), [Starting, Starting]);
    let container = told[0].container_status.clone().unwrap().container_id.unwrap();
    assert_eq!(container.to_string(), "executor.c0-0");
    let launches = harness.launches();
    assert_eq!(launches[1].1.container_id.to_string(), "executor.c0-1");
    harness.step(Event::Launched(launches[0].0, Launched::Started));
    assert_eq!(harness.states(), []);
    assert_eq!(harness.waits(), []);
    harness.step(Event::Launched(launches[1].0, Launched::Started));
    assert_eq!(harness.states(), are([("a", Running), ("b", Running)]));
    assert_eq!(harness.waits(), [launches[0].0, launches[1].0]);
    let linked = |task: &str| {
        harness.effects.iter().any(|effect| {
            matches!(effect, Effect::LinkSandbox { task: linked, .. } if linked.as_str() == task)
        })
    };
    assert!(linked("a") && linked("b"));
}

#[test]
fn the_executor_ends_when_its_last_task_is_over_and_acknowledged() {
    let mut harness = Harness::new();
    let [a, b] = harness.running([task("a"), task("b")]);
    harness.ends(a, 0);
    assert_eq!(harness.states(), are([("a", Finished)]));
    assert_eq!(harness.kills(), [], "a task that ends well takes nobody along");
    harness.step(Event::Acknowledged { left: 0 });
    assert!(!harness.has_stopped(), "b runs");
    harness.ends(b, 0);
    let last = harness.told().pop().unwrap();
    assert_eq!(last.message.as_deref(), Some("Command exited with status 0"));
    assert!(!harness.has_stopped(), "nobody has acknowledged the end of b");
    harness.step(Event::Acknowledged { left: 0 });
    assert!(harness.has_stopped());
}

#[test]
fn an_end_that_nobody_acknowledges_is_waited_for_a_minute() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    harness.ends(a, 0);
    assert_eq!(harness.timer(Timer::Acknowledgements), Some(Duration::from_secs(60)));
    // Another group has come in the meantime.
    let [b] = harness.running([task("b")]);
    harness.step(Event::TimerFired(Timer::Acknowledgements));
    assert!(!harness.has_stopped());
    harness.ends(b, 0);
    // Without an agent nobody can acknowledge; the next one can.
    harness.step(Event::Disconnected);
    harness.step(Event::TimerFired(Timer::Acknowledgements));
    assert!(!harness.has_stopped());
    harness.step(Event::Reregistered);
    harness.step(Event::TimerFired(Timer::Acknowledgements));
    assert!(harness.has_stopped());
}

#[test]
fn a_launch_that_is_refused_fails_its_group() {
    let mut harness = Harness::new();
    harness.launch([task("a"), task("b")]);
    let launches = harness.launches();
    harness.told();
    let refused = Launched::Refused("no such image".to_owned());
    harness.step(Event::Launched(launches[0].0, refused));
    assert_eq!(harness.states(), []);
    harness.step(Event::Launched(launches[1].0, Launched::Started));
    let told = harness.told();
    let states: Vec<_> = told.iter().map(|s| (s.task_id.as_str(), s.state)).collect();
    assert_eq!(states, [("b", Running), ("a", Failed), ("b", TaskState::Killing)]);
    assert_eq!(told[1].message.as_deref(), Some("no such image"));
    assert_eq!(harness.waits(), [launches[1].0]);
    harness.ends(launches[1].0, 15);
    assert_eq!(harness.states(), are([("b", TaskState::Killed)]));
}

#[test]
fn an_agent_that_is_not_ready_is_asked_again() {
    let mut harness = Harness::new();
    harness.launch([task("a")]);
    let [(slot, first)] = &harness.launches()[..] else { panic!() };
    let (slot, first) = (*slot, first.clone());
    harness.step(Event::Launched(slot, Launched::Unavailable("recovering".to_owned())));
    assert_eq!(harness.timer(Timer::Launch(slot)), Some(Duration::from_secs(1)));
    harness.step(Event::TimerFired(Timer::Launch(slot)));
    assert_eq!(harness.launches(), [(slot, first)]);
    harness.step(Event::Launched(slot, Launched::Started));
    harness.waited(slot, Waited::Unavailable("recovering".to_owned()));
    harness.clear();
    harness.step(Event::TimerFired(Timer::Wait(slot)));
    assert_eq!(harness.waits(), [slot]);
}

#[test]
fn the_next_agent_is_asked_for_what_the_last_one_did_not_answer() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    harness.launch([task("b")]);
    let [(b, _)] = harness.launches()[..] else { panic!() };
    harness.step(Event::Disconnected);
    harness.clear();
    let gone = || "connection refused".to_owned();
    harness.step(Event::Launched(b, Launched::Lost(gone())));
    harness.step(Event::Waited(a, 0, Waited::Unavailable(gone())));
    assert_eq!(harness.timer(Timer::Wait(a)), None, "nobody is there to be asked");
    harness.step(Event::Reregistered);
    assert_eq!(harness.waits(), [a]);
    assert_eq!(harness.finds(), [b], "it may have run, and must not run twice");
    assert_eq!(harness.launches().len(), 0);
    harness.told();
    harness.step(Event::Waited(a, 0, Waited::Missing));
    assert_eq!(harness.states(), [], "that was the last agent's answer");
    harness.ends(a, 0);
    harness.step(Event::Found(b, Found::There));
    assert_eq!(harness.states(), are([("a", Finished), ("b", Running)]));
}

#[test]
fn a_launch_that_was_lost_is_done_again_if_it_was_not_done() {
    let mut harness = Harness::new();
    harness.launch([task("a")]);
    let [(a, first)] = &harness.launches()[..] else { panic!() };
    let (a, first) = (*a, first.clone());
    harness.step(Event::Launched(a, Launched::Lost("broken pipe".to_owned())));
    harness.step(Event::TimerFired(Timer::Launch(a)));
    assert_eq!((harness.finds(), harness.launches().len()), (vec![a], 0));
    harness.step(Event::Found(a, Found::Unavailable("recovering".to_owned())));
    harness.step(Event::TimerFired(Timer::Launch(a)));
    harness.step(Event::Found(a, Found::Missing));
    assert_eq!(harness.launches(), [(a, first)]);
    harness.step(Event::Launched(a, Launched::Started));
    assert_eq!(harness.states(), are([("a", Starting), ("a", Running)]));
}

#[test]
fn groups_are_nothing_to_each_other() {
    let mut harness = Harness::new();
    let [a] = harness.running([task("a")]);
    let [b] = harness.running([task("b")]);
    harness.clear();
    harness.ends_with_attempt(a, 0, 1 << 8);
    assert_eq!(harness.states(), are([("a", Failed)]));
    assert_eq!(harness.kills(), []);
    harness.step(Event::Acknowledged { left: 0 });
    assert!(!harness.has_stopped());
    harness.ends_with_attempt(b, 0, 0);
    assert_eq!(harness.states(), are([("b", Finished)]));
}

impl Harness {
    fn ends_with_attempt(&mut self, slot: Slot, attempt: u32, status: i32) {
        let response =
            WaitNestedContainerResponse { exit_status: Some(status), ..Default::default() };
        self.step(Event::Waited(slot, attempt, Waited::Ended(response)));
    }
}

#[test]
fn a_task_of_the_same_id_may_follow() {
    let mut harness = Harness::new();
    let [first] = harness.running([task("a")]);
    harness.ends(first, 0);
    let [second] = harness.running([task("a")]);
    assert_ne!(first, second);
    harness.told();
    harness.step(Event::Waited(first, 0, Waited::Missing));
    harness.step(Event::TimerFired(Timer::Completion(first)));
    assert_eq!(harness.states(), [], "the first is over, and says nothing of the second");
}

#[test]
fn a_task_finds_its_role_its_address_and_the_volumes_of_its_executor() {
    let mut harness = Harness::new();
    let mut with_volume = task("a");
    let volume =
        Volume { mode: VolumeMode::Ro, container_path: "data".to_owned(), ..Volume::default() };
    let disk = DiskInfo { volume: Some(volume), ..DiskInfo::default() };
    with_volume.resources.push(Resource {
        name: "disk".to_owned(),
        allocation_info: Some(AllocationInfo { role: Some("web".to_owned()) }),
        disk: Some(Box::new(disk)),
        ..Resource::default()
    });
    harness.launch([with_volume.clone()]);
    let [(_, call)] = &harness.launches()[..] else { panic!() };
    assert_eq!(call.resources, with_volume.resources);
    let variables = &call.command.as_ref().unwrap().environment.as_ref().unwrap().variables;
    let pairs: Vec<_> = variables.iter().map(|v| (&*v.name, v.value.as_deref())).collect();
    let expected =
        [("MESOS_CONTAINER_IP", Some("10.0.0.1")), ("MESOS_ALLOCATION_ROLE", Some("web"))];
    assert_eq!(pairs, expected);
    let volume = &call.container.as_ref().unwrap().volumes[0];
    assert_eq!((volume.mode, volume.container_path.as_str()), (VolumeMode::Ro, "data"));
    let path = volume.source.as_ref().unwrap().sandbox_path.as_ref().unwrap();
    assert_eq!((path.r#type, path.path.as_str()), (Some(SandboxPathType::Parent), "data"));
}

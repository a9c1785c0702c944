//! Machines are scheduled for maintenance, go down, and come up again.

mod support;

use master_core::Config;
use master_core::effect::Response;
use master_core::event::{Event, RequestId};
use mesos::agent::{AgentInfo, MachineId, MachineMode};
use mesos::internal::MasterToAgent;
use mesos::maintenance::{Schedule, Window};
use mesos::task::{Reason, StatusSource, TaskState};
use mesos::v1::master::{Call, CallType};
use mesos::v1::scheduler::EventType;
use support::maintenance::{down_call, hour, machine, schedule_call, up_call, windows};
use support::{
    AgentHandle, Scheduler, World, framework, kinds, plain_framework, registration, task,
};

const ALL: &str = "cpus:4;mem:4096";

/// A request that waits, since writes are held back.
fn ask(world: &mut World, call: Call) -> RequestId {
    world.number += 1;
    let request = RequestId(world.number);
    world.event(Event::OperatorCall { request, principal: None, call });
    request
}

/// What an agent was told as it was told to shut down.
fn shutdowns(world: &mut World, agent: &AgentHandle) -> Vec<String> {
    let messages = world.received(&agent.pid).into_iter();
    let shutdowns = messages.filter_map(|message| match message {
        MasterToAgent::ShutdownAgent(message) => message.message,
        _ => None,
    });
    shutdowns.collect()
}

fn run(world: &mut World, who: &Scheduler, id: &str) {
    let offer = world.offers(who).remove(0);
    world.accept(who, &[&offer], vec![task(id, &offer, "cpus:1;mem:100")], 0.0);
    world.advance_secs(1);
}

#[test]
fn offers_are_made_anew_and_say_when_the_machine_is_away() {
    let mut world = World::new();
    let (agent, other) = (world.agent(ALL), world.agent(ALL));
    let scheduler = world.subscribe(framework("r"));
    let before = world.offers(&scheduler);
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|offer| offer.unavailability.is_none()));
    world.schedule(&[(&[&agent], 7)]);
    let events = world.events(&scheduler);
    use EventType::{InverseOffers, Offers, Rescind};
    assert_eq!(kinds(&events), [Rescind, Offers, InverseOffers], "at once");
    let old = before.iter().find(|offer| offer.agent_id == agent.id).unwrap();
    assert_eq!(events[0].rescind.as_ref().unwrap().offer_id, old.id);
    let offers = &events[1].offers.as_ref().unwrap().offers;
    assert_eq!(offers.len(), 1, "of {} nothing has changed", other.id);
    assert_eq!(offers[0].agent_id, agent.id);
    assert_eq!(offers[0].unavailability, Some(hour(7)));
    // An agent that joins such a machine later knows it too.
    let late = world.agent_at(&format!("slave(2)@{}:5052", agent.pid.ip()), ALL);
    let offer = world.offers(&scheduler).remove(0);
    assert_eq!((offer.agent_id, offer.unavailability), (late.id, Some(hour(7))));
    world.schedule(&[]);
    let events = world.events(&scheduler);
    let offers = events.iter().filter_map(|event| event.offers.as_ref());
    let offers: Vec<_> = offers.flat_map(|event| &event.offers).collect();
    assert_eq!(offers.len(), 2);
    assert!(offers.iter().all(|offer| offer.unavailability.is_none()));
}

#[test]
fn a_machine_drains_goes_down_and_comes_up() {
    let mut world = World::new();
    let (agent, other) = (world.agent(ALL), world.agent(ALL));
    assert_eq!(world.mode(&agent), MachineMode::Up);
    world.schedule(&[(&[&agent], 7), (&[&other], 8)]);
    assert_eq!(world.snapshot().maintenance_schedule(), windows(&[(&[&agent], 7), (&[&other], 8)]));
    assert_eq!(world.mode(&agent), MachineMode::Draining);
    assert_eq!(world.down(&[&agent]), Response::ok());
    assert_eq!(world.mode(&agent), MachineMode::Down);
    assert_eq!(world.mode(&other), MachineMode::Draining);
    assert_eq!(world.up(&[&agent]), Response::ok());
    assert_eq!(world.mode(&agent), MachineMode::Up);
    assert_eq!(world.snapshot().maintenance_schedule(), windows(&[(&[&other], 8)]));
    world.schedule(&[]);
    assert_eq!(world.mode(&other), MachineMode::Up);
    assert_eq!(world.snapshot().maintenance_schedule(), Schedule::default());
}

#[test]
fn what_runs_on_a_machine_that_goes_down_is_lost() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r"));
    let simple = world.subscribe(plain_framework());
    run(&mut world, &scheduler, "t");
    world.schedule(&[(&[&agent], 7)]);
    world.events(&scheduler);
    world.events(&simple);
    world.received(&agent.pid);
    assert_eq!(world.down(&[&agent]), Response::ok());
    assert_eq!(shutdowns(&mut world, &agent), ["Operator initiated 'Machine DOWN'"]);
    let events = world.events(&scheduler);
    let status = events.iter().find_map(|event| event.update.as_ref()).unwrap().status.clone();
    assert_eq!((status.task_id.as_str(), status.state), ("t", TaskState::Lost));
    assert_eq!(status.source, Some(StatusSource::Master));
    assert_eq!(status.reason, Some(Reason::AgentRemoved));
    let message = format!("Agent {} removed: Operator initiated 'Machine DOWN'", agent.pid.ip());
    assert_eq!(status.message, Some(message));
    assert!(kinds(&events).contains(&EventType::RescindInverseOffer));
    for events in [events, world.events(&simple)] {
        let failure = events.iter().find_map(|event| event.failure.as_ref()).unwrap();
        assert_eq!(failure.agent_id, Some(agent.id.clone()));
    }
    assert!(world.snapshot().agents.is_empty());
    assert!(world.registry.agents.is_empty());
    assert_eq!(world.count("master/slave_removals"), 1);
    world.advance_secs(120);
    assert!(world.offers(&scheduler).is_empty());
}

#[test]
fn nobody_comes_to_a_machine_that_is_down() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    world.schedule(&[(&[&agent], 7)]);
    world.down(&[&agent]);
    world.received(&agent.pid);
    world.reregister(&agent, Vec::new(), Vec::new());
    assert_eq!(shutdowns(&mut world, &agent), ["Machine is `DOWN`"]);
    let shouting =
        AgentInfo { hostname: agent.info.hostname.to_uppercase(), ..AgentInfo::default() };
    world.agent_says(&agent.pid, registration(&shouting));
    assert_eq!(shutdowns(&mut world, &agent), ["Machine is `DOWN`"]);
    assert!(world.snapshot().agents.is_empty());
    // Both the name and the address make the machine.
    let renamed = AgentInfo { hostname: "other".to_owned(), ..AgentInfo::default() };
    world.agent_says(&agent.pid, registration(&renamed));
    assert!(shutdowns(&mut world, &agent).is_empty());
    assert_eq!(world.snapshot().agents.len(), 1);
    assert_eq!(world.up(&[&agent]), Response::ok());
    world.reregister(&agent, Vec::new(), Vec::new());
    assert!(world.snapshot().agents[&agent.id].unavailability.is_none());
}

#[test]
fn what_is_wrong_is_refused_in_the_words_of_mesos() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let id = machine(&agent);
    let shown = format!(r#"{{"hostname":"{0}","ip":"{0}"}}"#, agent.pid.ip());
    let says = |world: &mut World, call: Call| {
        let response = world.operator(call);
        assert_eq!(response.status, 400, "{response:?}");
        response.body
    };
    let empty = Schedule { windows: vec![Window::default()] };
    assert_eq!(
        says(&mut world, schedule_call(empty)),
        "List of machines in the maintenance window is empty"
    );
    assert_eq!(says(&mut world, down_call(vec![])), "List of machines is empty");
    assert_eq!(says(&mut world, up_call(vec![])), "List of machines is empty");
    let stranger = MachineId { hostname: Some("nosuch".to_owned()), ip: None };
    assert_eq!(
        says(&mut world, down_call(vec![stranger])),
        r#"Machine '{"hostname":"nosuch"}' is not part of a maintenance schedule"#
    );
    assert_eq!(
        says(&mut world, down_call(vec![id.clone()])),
        format!("Machine '{shown}' is not in DRAINING mode and cannot be brought down")
    );
    world.schedule(&[(&[&agent], 7)]);
    assert_eq!(
        says(&mut world, up_call(vec![id.clone()])),
        format!("Machine '{shown}' is not in DOWN mode and cannot be brought up")
    );
    world.down(&[&agent]);
    assert_eq!(
        says(&mut world, schedule_call(Schedule::default())),
        format!("Machine '{shown}' is deactivated and cannot be removed from the schedule")
    );
    for kind in
        [CallType::UpdateMaintenanceSchedule, CallType::StartMaintenance, CallType::StopMaintenance]
    {
        let field = kind.as_str().to_ascii_lowercase();
        let call = Call { r#type: Some(kind), ..Call::default() };
        let expected =
            format!("Failed to validate master::Call: Expecting '{field}' to be present");
        assert_eq!(says(&mut world, call), expected);
    }
}

#[test]
fn operators_are_answered_once_it_is_durable_one_after_the_other() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r"));
    world.events(&scheduler);
    world.held_stores = Some(Vec::new());
    let id = machine(&agent);
    let schedule = windows(&[(&[&agent], 7)]);
    let asked = [
        ask(&mut world, schedule_call(schedule.clone())),
        // Each is checked against what will be.
        ask(&mut world, down_call(vec![id.clone()])),
        ask(&mut world, schedule_call(Schedule::default())),
        ask(&mut world, up_call(vec![id])),
        ask(&mut world, schedule_call(schedule)),
    ];
    assert_eq!(world.mode(&agent), MachineMode::Up);
    assert_eq!(kinds(&world.events(&scheduler)), [], "nothing has happened yet");
    // The third was refused at once.
    assert_eq!(world.response(asked[2]).status, 400);
    world.release_stores();
    for request in [asked[0], asked[1], asked[3], asked[4]] {
        assert_eq!(world.response(request), Response::ok());
    }
    assert_eq!(world.mode(&agent), MachineMode::Draining);
    assert!(world.snapshot().agents.is_empty(), "it was down in between");
    assert_eq!(world.aborted, None);
}

#[test]
fn an_agent_that_comes_as_its_machine_goes_down_does_not_stay() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    world.schedule(&[(&[&agent], 7)]);
    let newcomer = format!("slave(2)@{}:5052", agent.pid.ip());
    let newcomer = master_core::event::AgentPid::new(newcomer);
    world.held_stores = Some(Vec::new());
    // One is being admitted, and the other comes back with another description.
    world.agent_says(&newcomer, registration(&agent.info.clone().without_id()));
    let changed = AgentInfo { port: 7, ..agent.info.clone() };
    let changed = AgentHandle { info: changed, ..agent.clone() };
    world.reregister(&changed, Vec::new(), Vec::new());
    let request = ask(&mut world, down_call(vec![machine(&agent)]));
    world.release_stores();
    assert_eq!(world.response(request), Response::ok());
    assert!(world.snapshot().agents.is_empty(), "{:?}", world.snapshot().agents);
    assert!(world.registry.agents.is_empty());
    let told = shutdowns(&mut world, &AgentHandle { pid: newcomer, ..agent.clone() });
    assert_eq!(told, ["Operator initiated 'Machine DOWN'"]);
    assert_eq!(world.count("master/slave_removals"), 2);
}

trait WithoutId {
    fn without_id(self) -> Self;
}

impl WithoutId for AgentInfo {
    fn without_id(self) -> Self {
        Self { id: None, ..self }
    }
}

#[test]
fn another_master_knows_the_schedule_and_the_modes() {
    let mut world = World::new();
    let (agent, other) = (world.agent(ALL), world.agent(ALL));
    world.schedule(&[(&[&agent, &other], 7)]);
    world.down(&[&other]);
    let mut world = world.failover(Config::default());
    assert_eq!(world.mode(&agent), MachineMode::Draining);
    assert_eq!(world.mode(&other), MachineMode::Down);
    assert_eq!(world.snapshot().maintenance_schedule(), windows(&[(&[&agent, &other], 7)]));
    world.reregister(&other, Vec::new(), Vec::new());
    assert_eq!(shutdowns(&mut world, &other), ["Machine is `DOWN`"]);
    world.reregister(&agent, Vec::new(), Vec::new());
    let scheduler = world.subscribe(framework("r"));
    assert_eq!(world.offers(&scheduler)[0].unavailability, Some(hour(7)));
    assert_eq!(world.up(&[&other]), Response::ok());
    assert_eq!(world.down(&[&agent]), Response::ok());
}

#[test]
fn a_master_that_dies_with_the_write_under_way_has_promised_nothing() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    world.schedule(&[(&[&agent], 7)]);
    world.held_stores = Some(Vec::new());
    ask(&mut world, down_call(vec![machine(&agent)]));
    let mut world = world.failover(Config::default());
    assert_eq!(world.mode(&agent), MachineMode::Draining);
    world.reregister(&agent, Vec::new(), Vec::new());
    assert!(world.snapshot().agents.contains_key(&agent.id));
}

//! Frameworks are asked to let go of machines that go away.

mod support;

use std::time::Duration;

use master_core::Config;
use master_core::event::Event;
use master_core::invariants;
use mesos::maintenance::{InverseOfferResponse, InverseOfferStatus};
use mesos::offer::InverseOffer;
use mesos::task::TaskState;
use mesos::v1::scheduler::{CallType, EventType};
use support::maintenance::{hour, inverse_offers, rescinded};
use support::{AgentHandle, Scheduler, World, framework, kinds, task};

const ALL: &str = "cpus:4;mem:4096";

/// A scheduler that runs task `t` on an agent, and wants nothing more of it.
fn tenant(world: &mut World) -> (AgentHandle, Scheduler) {
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1;mem:100")], 1e9);
    (agent, scheduler)
}

fn asked(world: &mut World, who: &Scheduler) -> Vec<InverseOffer> {
    let asked = inverse_offers(&world.events(who));
    invariants::check(&world.master).expect("invariants hold");
    asked
}

fn statuses(world: &World) -> Vec<InverseOfferStatus> {
    let machines = world.snapshot().maintenance_status().draining_machines;
    machines.into_iter().flat_map(|machine| machine.statuses).collect()
}

#[test]
fn whoever_holds_something_is_asked_once() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    let stranger = world.subscribe(framework("s"));
    let offers = world.offers(&stranger);
    world.decline(&stranger, &offers, 1e9);
    world.schedule(&[(&[&agent], 7)]);
    let all = asked(&mut world, &scheduler);
    let [offer] = &all[..] else { panic!("one inverse offer: {all:?}") };
    assert_eq!(offer.framework_id, scheduler.id);
    assert_eq!(offer.agent_id, Some(agent.id.clone()));
    assert_eq!(offer.unavailability, hour(7));
    assert!(offer.resources.is_empty());
    let url = offer.url.as_ref().unwrap();
    assert_eq!((url.scheme.as_str(), url.path.as_deref()), ("http", Some("/slave(1)")));
    assert_eq!(url.address.ip.as_deref(), Some(agent.pid.ip()));
    assert_eq!(asked(&mut world, &stranger), [], "it holds nothing there");
    world.advance_secs(60);
    assert_eq!(asked(&mut world, &scheduler), [], "it has not answered yet");
    let framework = &world.snapshot().frameworks[&scheduler.id];
    assert!(framework.inverse_offers.contains(&offer.id));
    // What is only offered is worth as much, as in Mesos.
    world.call(&stranger, CallType::Revive, |_| {});
    let events = world.events(&stranger);
    assert_eq!(kinds(&events).last(), Some(&EventType::InverseOffers), "{events:?}");
}

#[test]
fn answers_are_remembered_and_asked_for_again() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    world.schedule(&[(&[&agent], 7)]);
    let first = asked(&mut world, &scheduler).remove(0);
    assert_eq!(statuses(&world), []);
    world.answer(&scheduler, &[&first], true, Some(10.0));
    let status = |world: &World, status| InverseOfferStatus {
        status,
        framework_id: scheduler.id.clone(),
        timestamp: world.now.into(),
    };
    assert_eq!(statuses(&world), [status(&world, InverseOfferResponse::Accept)]);
    world.advance_secs(9);
    assert_eq!(asked(&mut world, &scheduler), []);
    world.advance_secs(2);
    let second = asked(&mut world, &scheduler).remove(0);
    assert_ne!(second.id, first.id);
    world.answer(&scheduler, &[&second], false, Some(0.0));
    assert_eq!(statuses(&world), [status(&world, InverseOfferResponse::Decline)], "the latest");
    assert_eq!(asked(&mut world, &scheduler), [], "not before the next batch");
    world.advance_secs(1);
    let third = asked(&mut world, &scheduler).remove(0);
    // Five seconds unless something else is said.
    world.answer(&scheduler, &[&third], false, None);
    world.advance_secs(4);
    assert_eq!(asked(&mut world, &scheduler), []);
    world.advance_secs(2);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
    world.call(&scheduler, CallType::Suppress, |_| {});
    world.finish(&agent, &scheduler, "t");
    let last = world.snapshot().inverse_offers.keys().next().cloned().unwrap();
    let last = InverseOffer { id: last, ..third };
    world.answer(&scheduler, &[&last], true, Some(0.0));
    world.advance_secs(60);
    assert_eq!(asked(&mut world, &scheduler), [], "it holds nothing any more");
}

#[test]
fn another_schedule_takes_them_back() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    let other = world.agent(ALL);
    let offers = world.offers(&scheduler);
    world.decline(&scheduler, &offers, 1e9);
    world.schedule(&[(&[&agent], 7)]);
    let first = asked(&mut world, &scheduler).remove(0);
    // Nothing changes for this agent.
    world.schedule(&[(&[&agent], 7), (&[&other], 8)]);
    assert_eq!(kinds(&world.events(&scheduler)), []);
    world.schedule(&[(&[&agent], 9)]);
    let events = world.events(&scheduler);
    assert_eq!(rescinded(&events), std::slice::from_ref(&first.id));
    let second = inverse_offers(&events).remove(0);
    assert_eq!(second.unavailability, hour(9));
    world.answer(&scheduler, &[&first], true, None);
    assert_eq!(statuses(&world), [], "the first is no longer valid");
    world.answer(&scheduler, &[&second, &second], true, Some(1e9));
    assert_eq!(statuses(&world).len(), 1, "although it was named twice");
    // What was answered to another plan, and its filter, are void.
    world.schedule(&[(&[&agent], 10)]);
    assert_eq!(statuses(&world), []);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
    world.schedule(&[]);
    assert_eq!(rescinded(&world.events(&scheduler)).len(), 1);
    assert!(world.snapshot().inverse_offers.is_empty());
    world.advance_secs(10);
    assert_eq!(asked(&mut world, &scheduler), []);
}

#[test]
fn they_end_when_they_are_not_answered_in_time() {
    let timeout = Some(Duration::from_secs(20));
    let mut world = World::with(Config { offer_timeout: timeout, ..Config::default() });
    let (agent, scheduler) = tenant(&mut world);
    world.schedule(&[(&[&agent], 7)]);
    let first = asked(&mut world, &scheduler).remove(0);
    world.advance_secs(19);
    assert_eq!(asked(&mut world, &scheduler), []);
    world.advance_secs(2);
    let events = world.events(&scheduler);
    assert_eq!(rescinded(&events), [first.id]);
    assert_eq!(inverse_offers(&events).len(), 1, "and are made again");
    assert_eq!(statuses(&world), [], "no answer is not an answer");
}

#[test]
fn whoever_is_away_is_asked_on_return() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    world.schedule(&[(&[&agent], 7)]);
    let first = asked(&mut world, &scheduler).remove(0);
    world.answer(&scheduler, &[&first], false, Some(1e9));
    // The scheduler goes, and its filter with it.
    world.disconnect(&scheduler);
    assert!(world.snapshot().inverse_offers.is_empty());
    invariants::check(&world.master).expect("invariants hold");
    let mut info = framework("r");
    info.id = Some(scheduler.id.clone());
    let scheduler = world.subscribe(info.clone());
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
    // Another one takes over: the old one's are void.
    let scheduler = world.subscribe(info);
    world.advance_secs(1);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
    // The agent goes.
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    let events = world.events(&scheduler);
    assert_eq!(rescinded(&events).len(), 1);
    invariants::check(&world.master).expect("invariants hold");
    world.advance_secs(5);
    assert_eq!(asked(&mut world, &scheduler), []);
    let state = world.snapshot();
    let framework = &state.frameworks[&scheduler.id];
    let tasks = framework.tasks.values().map(|task| (**task).clone()).collect();
    let info = (*framework.info).clone();
    world.reregister(&agent, vec![info], tasks);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
    // The framework ends.
    world.call(&scheduler, CallType::Teardown, |_| {});
    assert!(world.snapshot().inverse_offers.is_empty());
    assert_eq!(statuses(&world).len(), 1, "its answer is remembered with it");
    invariants::check(&world.master).expect("invariants hold");
}

#[test]
fn only_its_framework_answers_an_inverse_offer() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    let other = world.subscribe(framework("s"));
    world.schedule(&[(&[&agent], 7)]);
    let offer = asked(&mut world, &scheduler).remove(0);
    world.answer(&other, &[&offer], true, None);
    assert_eq!(statuses(&world), []);
    assert!(world.snapshot().inverse_offers.contains_key(&offer.id));
}

#[test]
fn revive_ends_the_filter() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    world.schedule(&[(&[&agent], 7)]);
    let offer = asked(&mut world, &scheduler).remove(0);
    world.answer(&scheduler, &[&offer], true, Some(1e12));
    world.advance_secs(3600);
    assert_eq!(asked(&mut world, &scheduler), []);
    world.call(&scheduler, CallType::Revive, |_| {});
    world.advance_secs(1);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
}

#[test]
fn many_are_asked_in_several_steps() {
    let mut world = World::with(Config { max_agents_per_allocation: 2, ..Config::default() });
    let agents: Vec<AgentHandle> = (0..5).map(|_| world.agent(ALL)).collect();
    let scheduler = world.subscribe(framework("r"));
    world.advance_secs(1);
    assert_eq!(world.offers(&scheduler).len(), 5);
    let all: Vec<&AgentHandle> = agents.iter().collect();
    world.schedule(&[(&all, 7)]);
    assert!(asked(&mut world, &scheduler).len() < 5, "others have their turn first");
    world.advance(Duration::ZERO);
    assert_eq!(world.snapshot().inverse_offers.len(), 5);
}

#[test]
fn another_master_asks_anew() {
    let mut world = World::new();
    let (agent, scheduler) = tenant(&mut world);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.schedule(&[(&[&agent], 7)]);
    let offer = asked(&mut world, &scheduler).remove(0);
    world.answer(&scheduler, &[&offer], true, Some(1e9));
    let state = world.snapshot();
    let framework = &state.frameworks[&scheduler.id];
    let tasks = framework.tasks.values().map(|task| (**task).clone()).collect();
    let info = (*framework.info).clone();
    let mut world = world.failover(Config::default());
    world.reregister(&agent, vec![info.clone()], tasks);
    assert_eq!(statuses(&world), []);
    let scheduler = world.subscribe(info);
    assert_eq!(asked(&mut world, &scheduler).len(), 1);
}

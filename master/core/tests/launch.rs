//! ACCEPT: from an offer to a task that is over.

mod support;

use mesos::internal::MasterToAgent;
use mesos::task::{Reason, StatusSource, TaskState};
use mesos::v1::scheduler::EventType;
use support::{World, amount, framework, kinds, parse, task};

const ALL: &str = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]";

#[test]
fn a_task_goes_from_offer_to_acknowledged_end() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let events = world.events(&scheduler);
    let expected = [EventType::Subscribed, EventType::Heartbeat, EventType::Offers];
    assert_eq!(kinds(&events), expected);
    let offer = events[2].offers.as_ref().unwrap().offers[0].clone();
    assert_eq!(offer.id.as_str(), "M-O0");
    assert_eq!(offer.agent_id, agent.id);
    assert_eq!(amount(&offer), parse(ALL));

    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1;mem:64")], 0.0);
    let launched = world.launched(&agent);
    assert_eq!(launched.len(), 1);
    let role = launched[0].resources[0].allocation_info.as_ref().unwrap().role.as_deref();
    assert_eq!(role, Some("r1"));

    world.update(&agent, &scheduler, "t", TaskState::Running);
    let statuses = world.statuses(&scheduler);
    assert_eq!(statuses[0].state, TaskState::Running);
    assert!(statuses[0].uuid.is_some());
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    let told = world.received(&agent.pid);
    assert!(matches!(&told[..], [MasterToAgent::StatusUpdateAcknowledgement(_)]));
    assert_eq!(world.snapshot().frameworks[&scheduler.id].tasks.len(), 1);

    world.finish(&agent, &scheduler, "t");
    let snapshot = world.snapshot();
    let framework = &snapshot.frameworks[&scheduler.id];
    assert!(framework.tasks.is_empty());
    assert_eq!(framework.completed_tasks.len(), 1);
    assert!(framework.used.is_empty());
    assert!(snapshot.agents[&agent.id].used.is_empty());
    assert_eq!(world.count("master/tasks_finished"), 1);
}

#[test]
fn what_is_left_is_offered_again_at_the_next_interval() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1.5;mem:192")], 0.0);
    assert!(world.offers(&scheduler).is_empty());
    world.advance_secs(1);
    let rest = world.offers(&scheduler);
    assert_eq!(amount(&rest[0]), parse("cpus:2.5;mem:3904;disk:10000;ports:[31000-32000]"));
    // What the task gives back comes at once.
    world.update(&agent, &scheduler, "t", TaskState::Finished);
    let freed = world.offers(&scheduler);
    assert_eq!(amount(&freed[0]), parse("cpus:1.5;mem:192"));
}

#[test]
fn a_task_that_asks_for_too_much_is_an_error_in_mesos_words() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("big", &offer, "cpus:100;mem:64")], 0.0);
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!(status.state, TaskState::Error);
    assert_eq!(status.source, Some(StatusSource::Master));
    assert_eq!(status.reason, Some(Reason::TaskInvalid));
    assert_eq!(status.uuid, None);
    let words = status.message.unwrap();
    assert!(
        words.starts_with(
            "Total resources cpus(allocated: r1):100; mem(allocated: r1):64 required by task and \
             its executor is more than available "
        ),
        "{words}"
    );
    assert!(world.launched(&agent).is_empty());
    world.advance_secs(1);
    assert_eq!(amount(&world.offers(&scheduler)[0]), parse(ALL));
}

#[test]
fn an_offer_is_accepted_once() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("a", &offer, "cpus:1;mem:64")], 0.0);
    world.accept(&scheduler, &[&offer], vec![task("b", &offer, "cpus:1;mem:64")], 0.0);
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!(status.state, TaskState::Dropped);
    assert_eq!(status.reason, Some(Reason::InvalidOffers));
    let words = format!("Task launched with invalid offers: Offer {} is no longer valid", offer.id);
    assert_eq!(status.message.as_deref(), Some(&*words));
}

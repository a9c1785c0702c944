//! Agents register, come back, fall silent and leave.

mod support;

use std::time::Duration;

use master_core::event::{AgentPid, Event};
use master_core::registry::Operation;
use master_core::{Config, Response};
use mesos::framework::FrameworkInfo;
use mesos::ids::TaskId;
use mesos::internal::{MasterToAgent, UnregisterAgent, UpdateAgent};
use mesos::task::{Reason, Task, TaskState};
use mesos::v1::master::{Call, CallType, EventType, MarkAgentGone};
use mesos::v1::scheduler;
use support::{
    AgentHandle, Scheduler, World, agent_info, framework, plain_framework, registration, task,
};

const ALL: &str = "cpus:4;mem:4096";

/// A world with one agent on which a task of one framework runs.
fn running(info: FrameworkInfo) -> (World, AgentHandle, Scheduler) {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(info);
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1;mem:64")], 0.0);
    world.launched(&agent);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    world.received(&agent.pid);
    world.events(&scheduler);
    (world, agent, scheduler)
}

/// The task as its agent would report it.
fn known_task(world: &World, scheduler: &Scheduler) -> Task {
    let state = world.snapshot();
    (*state.frameworks[&scheduler.id].tasks[&TaskId::from("t")]).clone()
}

fn info_of(world: &World, scheduler: &Scheduler) -> FrameworkInfo {
    (*world.snapshot().frameworks[&scheduler.id].info).clone()
}

fn shutdown_words(messages: &[MasterToAgent]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        MasterToAgent::ShutdownAgent(message) => message.message.clone(),
        _ => None,
    })
}

#[test]
fn nothing_is_said_before_the_registry_knows() {
    let mut world = World::new();
    world.held_stores = Some(Vec::new());
    let pid = AgentPid::new("slave(1)@10.0.0.9:5051");
    let info = agent_info(&pid, ALL);
    world.agent_says(&pid, registration(&info));
    world.agent_says(&pid, registration(&info));
    assert!(world.received(&pid).is_empty());
    let held = world.held_stores.as_ref().unwrap();
    assert!(matches!(&held[0].1[..], [Operation::AdmitAgent { .. }]));
    assert_eq!(held.len(), 1, "admission is asked for once");
    world.release_stores();
    let told = world.received(&pid);
    let [MasterToAgent::AgentRegistered(registered)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(registered.agent_id.as_str(), "M-S0");
    let terms = registered.connection.as_ref().unwrap();
    assert_eq!(terms.total_ping_timeout_seconds, Some(75.0));
    // The acknowledgement is lost: the agent asks again and is told the same.
    world.agent_says(&pid, registration(&info));
    assert_eq!(world.received(&pid), told);
    assert_eq!(world.snapshot().agents.len(), 1);
}

#[test]
fn a_failed_write_ends_the_master() {
    let mut world = World::new();
    world.held_stores = Some(Vec::new());
    let pid = AgentPid::new("slave(1)@10.0.0.9:5051");
    world.agent_says(&pid, registration(&agent_info(&pid, ALL)));
    let (store, _) = world.held_stores.take().unwrap().remove(0);
    world.event(Event::Stored { store, result: Err("disk full".to_owned()) });
    let words = "failed to update the registry: disk full";
    assert_eq!(world.aborted.as_deref(), Some(words));
    assert!(world.received(&pid).is_empty());
    let (_, response) = world.try_subscribe(framework("r1"));
    assert_eq!(response.status, 503);
}

#[test]
fn old_agents_and_nonsense_are_ignored() {
    let mut world = World::new();
    let pid = AgentPid::new("slave(1)@10.0.0.9:5051");
    let info = agent_info(&pid, ALL);
    for version in ["", "0.28.2", "x"] {
        let mut message = registration(&info);
        message.version = version.to_owned();
        world.agent_says(&pid, message);
    }
    let mut message = registration(&info);
    message.agent.resources[0].scalar = None;
    world.agent_says(&pid, message);
    assert!(world.snapshot().agents.is_empty());
    assert!(world.received(&pid).is_empty());
}

#[test]
fn a_new_agent_at_an_address_replaces_the_disconnected_one() {
    let mut world = World::new();
    let old = world.agent_at("slave(1)@10.0.0.1:5051", ALL);
    world.event(Event::AgentExited { pid: old.pid.clone() });
    let new = world.agent_at("slave(1)@10.0.0.1:5051", ALL);
    assert_ne!(old.id, new.id);
    assert_eq!(world.snapshot().agents.keys().collect::<Vec<_>>(), [&new.id]);
    assert_eq!(world.count("master/slave_removals/reason_registered"), 1);
    assert!(!world.registry.agents.contains_key(&old.id));
}

#[test]
fn silence_makes_an_agent_unreachable() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.answers_pings = false;
    // The first ping goes out after 15 seconds; the fifth is missed 75 seconds later.
    world.advance(Duration::from_secs(89));
    assert!(world.snapshot().agents.contains_key(&agent.id));
    world.events(&scheduler);
    world.advance_secs(2);
    let state = world.snapshot();
    assert!(state.agents.is_empty());
    assert!(state.registry.unreachable.contains_key(&agent.id));
    let framework = &state.frameworks[&scheduler.id];
    assert!(framework.tasks.is_empty() && framework.used.is_empty());
    assert_eq!(framework.unreachable_tasks.len(), 1);
    let events = world.events(&scheduler);
    let status = &events.iter().find_map(|event| event.update.as_ref()).unwrap().status;
    assert_eq!(status.state, TaskState::Unreachable);
    assert_eq!(status.reason, Some(Reason::AgentRemoved));
    assert!(status.unreachable_time.is_some() && status.uuid.is_none());
    let failure = events.iter().find_map(|event| event.failure.as_ref()).unwrap();
    assert_eq!(failure.agent_id.as_ref(), Some(&agent.id));
    assert_eq!(failure.executor_id, None);
    assert_eq!(world.count("master/slave_removals/reason_unhealthy"), 1);
}

#[test]
fn an_unreachable_agent_comes_back_with_its_tasks() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let (known, info) = (known_task(&world, &scheduler), info_of(&world, &scheduler));
    world.answers_pings = false;
    world.advance_secs(91);
    world.received(&agent.pid);
    world.events(&scheduler);
    world.reregister(&agent, vec![info], vec![known]);
    let told = world.received(&agent.pid);
    assert!(told.iter().any(|message| matches!(message, MasterToAgent::AgentReregistered(_))));
    assert_eq!(shutdown_words(&told), None);
    let state = world.snapshot();
    assert!(state.registry.unreachable.is_empty());
    let framework = &state.frameworks[&scheduler.id];
    assert_eq!(framework.tasks[&TaskId::from("t")].state, TaskState::Running);
    assert!(framework.unreachable_tasks.is_empty());
    let events = world.events(&scheduler);
    let status = &events[0].update.as_ref().unwrap().status;
    assert_eq!(status.state, TaskState::Running);
    assert_eq!(status.reason, Some(Reason::AgentReregistered));
}

#[test]
fn a_broken_link_keeps_the_tasks_of_those_who_checkpoint() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let (known, info) = (known_task(&world, &scheduler), info_of(&world, &scheduler));
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    let state = world.snapshot();
    assert!(!state.agents[&agent.id].connected && !state.agents[&agent.id].active);
    assert_eq!(state.frameworks[&scheduler.id].tasks.len(), 1);
    assert!(world.statuses(&scheduler).is_empty());
    // Pings say that the agent should register again.
    world.advance_secs(15);
    let told = world.received(&agent.pid);
    let [MasterToAgent::PingAgent(ping)] = &told[..] else { panic!("{told:?}") };
    assert!(!ping.connected);
    world.reregister(&agent, vec![info], vec![known]);
    let state = world.snapshot();
    assert!(state.agents[&agent.id].connected && state.agents[&agent.id].active);
    assert!(state.agents[&agent.id].reregistered.is_some());
    world.advance_secs(3600);
    assert!(world.snapshot().agents.contains_key(&agent.id), "its deadline is off");
}

#[test]
fn a_broken_link_loses_the_tasks_of_those_who_do_not() {
    let info = FrameworkInfo { checkpoint: false, ..framework("r1") };
    let (mut world, agent, scheduler) = running(info);
    let known = known_task(&world, &scheduler);
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!((status.state, status.reason), (TaskState::Lost, Some(Reason::AgentDisconnected)));
    assert_eq!(status.message.as_deref(), Some("Agent 10.0.0.1 disconnected"));
    assert!(world.snapshot().frameworks[&scheduler.id].tasks.is_empty());
    // It was the link and not the agent: what runs must count.
    let info = info_of(&world, &scheduler);
    world.reregister(&agent, vec![info], vec![known]);
    let state = world.snapshot();
    assert_eq!(state.frameworks[&scheduler.id].tasks.len(), 1);
    assert_eq!(state.agents[&agent.id].used_in_total().cpus(), Some(1.0));
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Running);
}

#[test]
fn the_end_of_a_task_is_not_told_as_a_return() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.update(&agent, &scheduler, "t", TaskState::Finished);
    let known = known_task(&world, &scheduler);
    world.acknowledge(&scheduler, &agent, "t", TaskState::Finished);
    assert!(world.snapshot().frameworks[&scheduler.id].tasks.is_empty());
    world.events(&scheduler);
    // The agent died before it had written the acknowledgement down.
    let info = info_of(&world, &scheduler);
    world.reregister(&agent, vec![info], vec![known]);
    assert!(world.statuses(&scheduler).is_empty());
    world.update(&agent, &scheduler, "t", TaskState::Finished);
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Finished);
}

#[test]
fn those_without_partition_awareness_hear_of_lost_tasks() {
    let (mut world, agent, scheduler) = running(plain_framework());
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Lost);
    assert_eq!(world.count("master/tasks_lost"), 1);
    assert_eq!(world.count("master/task_lost/source_master/reason_slave_disconnected"), 1);
}

#[test]
fn a_disconnected_agent_has_ten_minutes() {
    let (mut world, agent, _) = running(framework("r1"));
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    world.advance_secs(599);
    assert!(world.snapshot().agents.contains_key(&agent.id), "it answers pings");
    world.advance_secs(2);
    assert!(world.snapshot().registry.unreachable.contains_key(&agent.id));
}

#[test]
fn a_returning_agent_must_account_for_what_it_does_not_mention() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.reregister(&agent, vec![], vec![]);
    let told = world.received(&agent.pid);
    let reply = told.iter().find_map(|message| match message {
        MasterToAgent::AgentReregistered(reply) => Some(reply),
        _ => None,
    });
    let reconciliations = &reply.unwrap().reconciliations;
    assert_eq!(reconciliations[0].framework_id, scheduler.id);
    assert_eq!(reconciliations[0].statuses[0].task_id, TaskId::from("t"));
    assert!(reconciliations[0].framework.is_some());
    // The agent answers through the usual way.
    world.update(&agent, &scheduler, "t", TaskState::Dropped);
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Dropped);
    assert!(world.snapshot().agents[&agent.id].used.is_empty());
}

#[test]
fn another_machine_cannot_take_an_agents_id() {
    let mut world = World::new();
    let mut agent = world.agent(ALL);
    let old = agent.pid.clone();
    agent.pid = AgentPid::new("slave(1)@10.9.9.9:5051");
    world.reregister(&agent, vec![], vec![]);
    assert!(shutdown_words(&world.received(&agent.pid)).is_some());
    assert_eq!(world.snapshot().agents[&agent.id].pid, old);
    // Another port of the same machine can: the agent was restarted.
    agent.pid = AgentPid::new(format!("slave(1)@{}:6051", old.ip()));
    world.reregister(&agent, vec![], vec![]);
    assert_eq!(world.snapshot().agents[&agent.id].pid, agent.pid);
}

#[test]
fn an_agent_comes_back_with_other_resources() {
    let mut world = World::new();
    let mut agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    agent.info.resources = support::parse("cpus:8;mem:4096").to_vec();
    world.reregister(&agent, vec![], vec![]);
    assert_eq!(*world.registry.agents[&agent.id].info, agent.info);
    let events = world.events(&scheduler);
    assert_eq!(events[0].rescind.as_ref().unwrap().offer_id, offer.id);
    let offer = &events[1].offers.as_ref().unwrap().offers[0];
    assert_eq!(support::amount(offer), support::parse("cpus:8;mem:4096"));
}

#[test]
fn an_agent_unregisters() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let message = UnregisterAgent { agent_id: agent.id.clone() };
    // Nobody else can say so.
    world.agent_says(&AgentPid::new("slave(1)@10.6.6.6:1"), message.clone());
    assert_eq!(world.snapshot().agents.len(), 1);
    world.held_stores = Some(Vec::new());
    world.agent_says(&agent.pid, message);
    assert!(world.snapshot().agents.is_empty(), "it gets nothing to do from now on");
    assert!(world.events(&scheduler).is_empty(), "frameworks hear of it once it is durable");
    world.release_stores();
    let events = world.events(&scheduler);
    let status = &events[0].update.as_ref().unwrap().status;
    assert_eq!((status.state, status.reason), (TaskState::Lost, Some(Reason::AgentRemoved)));
    let words = "Agent 10.0.0.1 removed: the agent unregistered";
    assert_eq!(status.message.as_deref(), Some(words));
    assert_eq!(events[1].r#type, Some(scheduler::EventType::Failure));
    assert_eq!(world.count("master/slave_removals/reason_unregistered"), 1);
    // What it still says is stale.
    world.update(&agent, &scheduler, "t", TaskState::Finished);
    assert_eq!(world.count("master/invalid_status_updates"), 1);
}

#[test]
fn gone_is_for_ever() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let call = Call {
        r#type: Some(CallType::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: agent.id.clone() }),
        ..Call::default()
    };
    assert_eq!(world.operator(call.clone()), Response::ok());
    assert!(shutdown_words(&world.received(&agent.pid)).is_some());
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!(status.state, TaskState::GoneByOperator);
    world.reregister(&agent, vec![], vec![]);
    assert!(shutdown_words(&world.received(&agent.pid)).is_some());
    assert!(world.snapshot().agents.is_empty());
    assert_eq!(world.operator(call), Response::ok(), "saying it twice is fine");
    let unknown = Call {
        r#type: Some(CallType::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: "nosuch".into() }),
        ..Call::default()
    };
    assert_eq!(world.operator(unknown).status, 404);
}

#[test]
fn a_new_master_waits_for_the_agents_of_the_old_one() {
    let (world, agent, scheduler) = running(framework("r1"));
    let lost = {
        let mut world = world;
        let lost = world.agent(ALL);
        let info = info_of(&world, &scheduler);
        let known = known_task(&world, &scheduler);
        let mut world = world.failover(Config::default());
        assert_eq!(world.snapshot().recovered_agents.len(), 2);
        world.reregister(&agent, vec![info], vec![known]);
        let state = world.snapshot();
        assert_eq!(state.agents[&agent.id].used_in_total().cpus(), Some(1.0));
        // Its framework is known through it, until its scheduler comes back.
        let framework = &state.frameworks[&scheduler.id];
        assert_eq!(framework.state, master_core::state::FrameworkState::Recovered);
        assert_eq!(framework.tasks.len(), 1);
        let back = FrameworkInfo { id: Some(scheduler.id.clone()), ..support::framework("r1") };
        let back = world.subscribe(back);
        assert_eq!(back.id, scheduler.id);
        assert_eq!(world.offers(&back).len(), 1);
        assert_eq!(world.snapshot().frameworks[&back.id].tasks.len(), 1);
        world.advance_secs(601);
        let state = world.snapshot();
        assert!(state.registry.unreachable.contains_key(&lost.id));
        assert!(state.recovered_agents.is_empty());
        assert_eq!(world.count("master/recovery_slave_removals"), 1);
        lost
    };
    assert_ne!(lost.id, agent.id);
}

#[test]
fn too_many_missing_agents_end_the_new_master() {
    let mut world = World::new();
    world.agent(ALL);
    let config = Config { recovery_agent_removal_limit: 0.5, ..Config::default() };
    let mut world = world.failover(config);
    world.advance_secs(601);
    assert!(world.aborted.is_some());
    assert!(world.registry.unreachable.is_empty());
}

#[test]
fn the_registry_forgets_agents_that_were_lost_long_ago() {
    let config = Config { registry_max_agent_age: Duration::from_secs(600), ..Config::default() };
    let mut world = World::with(config);
    let agent = world.agent(ALL);
    world.answers_pings = false;
    world.advance_secs(91);
    assert_eq!(world.registry.unreachable.len(), 1);
    world.advance_secs(16 * 60);
    assert!(world.registry.unreachable.is_empty());
    // Even then it may come back (row MA-18).
    world.reregister(&agent, vec![], vec![]);
    assert!(world.snapshot().agents.contains_key(&agent.id));
}

#[test]
fn revocable_resources_come_and_go() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let mut spare = support::parse("cpus:2").to_vec();
    spare[0].revocable = Some(Default::default());
    let message = UpdateAgent {
        agent_id: agent.id.clone(),
        update_oversubscribed_resources: Some(true),
        oversubscribed_resources: spare,
        ..UpdateAgent::default()
    };
    world.agent_says(&agent.pid, message.clone());
    let total = &world.snapshot().agents[&agent.id].total;
    assert_eq!(total.revocable().cpus(), Some(2.0));
    let scheduler = world.subscribe(framework("r1"));
    assert_eq!(support::amount(&world.offers(&scheduler)[0]), support::parse(ALL));
    let none = UpdateAgent { oversubscribed_resources: vec![], ..message };
    world.agent_says(&agent.pid, none);
    assert_eq!(world.snapshot().agents[&agent.id].total, support::parse(ALL));
}

#[test]
fn operators_hear_of_agents() {
    let mut world = World::new();
    world.event(Event::OperatorsListening { count: 1 });
    let agent = world.agent(ALL);
    world.agent_says(&agent.pid, UnregisterAgent { agent_id: agent.id.clone() });
    let kinds: Vec<_> = world.published.iter().map(|event| event.r#type.unwrap()).collect();
    assert_eq!(kinds, [EventType::AgentAdded, EventType::AgentRemoved]);
}

#[test]
fn what_ran_on_an_unreachable_agent_is_given_up_when_it_is_gone() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.answers_pings = false;
    world.advance_secs(91);
    world.events(&scheduler);
    let call = Call {
        r#type: Some(CallType::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: agent.id.clone() }),
        ..Call::default()
    };
    assert_eq!(world.operator(call), Response::ok());
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!(status.state, TaskState::GoneByOperator);
    assert_eq!(status.reason, Some(Reason::AgentRemovedByOperator));
    assert_eq!(
        (status.message.as_deref(), status.uuid),
        (Some("Agent has been marked gone"), None)
    );
    let state = world.snapshot();
    let framework = &state.frameworks[&scheduler.id];
    assert!(framework.unreachable_tasks.is_empty());
    assert_eq!(framework.completed_tasks[0].state, TaskState::GoneByOperator);
}

#[test]
fn those_without_partition_awareness_hear_that_gone_tasks_are_lost() {
    let info = FrameworkInfo { failover_timeout: 60.0, ..plain_framework() };
    let (mut world, agent, scheduler) = running(info);
    let call = Call {
        r#type: Some(CallType::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: agent.id.clone() }),
        ..Call::default()
    };
    assert_eq!(world.operator(call), Response::ok());
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!((status.state, status.reason), (TaskState::Lost, Some(Reason::AgentRemoved)));
}

#[test]
fn agents_that_contradict_themselves_are_ignored() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let (known, info) = (known_task(&world, &scheduler), info_of(&world, &scheduler));
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    world.received(&agent.pid);
    world.reregister(&agent, vec![], vec![known.clone()]);
    assert!(world.received(&agent.pid).is_empty(), "whose task is it?");
    assert!(!world.snapshot().agents[&agent.id].connected);
    world.reregister(&agent, vec![info], vec![known]);
    assert!(world.snapshot().agents[&agent.id].connected);
}

#[test]
fn updates_without_a_uuid_are_invalid() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let mut update = support::update(&agent, &scheduler, "t", TaskState::Finished);
    update.uuid = None;
    world.agent_says(&agent.pid, update.clone());
    update.uuid = Some("short".into());
    world.agent_says(&agent.pid, update);
    assert!(world.events(&scheduler).is_empty());
    assert_eq!(world.count("master/invalid_status_updates"), 2);
    assert_eq!(known_task(&world, &scheduler).state, TaskState::Running);
}

//! RECONCILE and KILL of tasks in every state of their agent; RECONCILE_OPERATIONS.

mod support;

use master_core::event::Event;
use mesos::ids::TaskId;
use mesos::internal::{MasterToAgent, UnregisterAgent};
use mesos::operation::OperationState;
use mesos::task::{Reason, StatusSource, Task, TaskState, TaskStatus};
use mesos::v1::master::{Call, CallType as OperatorCall, MarkAgentGone};
use mesos::v1::scheduler::{
    CallType, Kill, Reconcile, ReconcileOperation, ReconcileOperations, ReconcileTask,
};
use support::{AgentHandle, Scheduler, World, framework, plain_framework, task};

const ALL: &str = "cpus:4;mem:4096";

/// A world with one agent on which the scheduler's task `t` runs.
fn start() -> (World, AgentHandle, Scheduler) {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1")], 3600.0);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    world.received(&agent.pid);
    world.events(&scheduler);
    (world, agent, scheduler)
}

/// What is said of a task that the framework does not have.
fn said_of(
    world: &mut World,
    who: &Scheduler,
    id: &str,
    agent: Option<&AgentHandle>,
) -> Option<TaskStatus> {
    world.events(who);
    let agent_id = agent.map(|agent| agent.id.clone());
    let tasks = vec![ReconcileTask { task_id: id.into(), agent_id }];
    world.call(who, CallType::Reconcile, |call| call.reconcile = Some(Reconcile { tasks }));
    world.statuses(who).into_iter().next()
}

fn state_of(
    world: &mut World,
    who: &Scheduler,
    id: &str,
    agent: &AgentHandle,
) -> Option<TaskState> {
    said_of(world, who, id, Some(agent)).map(|status| status.state)
}

fn operation_state(
    world: &mut World,
    who: &Scheduler,
    agent: Option<&str>,
) -> (OperationState, String) {
    world.events(who);
    let operation = ReconcileOperation {
        operation_id: "o".into(),
        agent_id: agent.map(Into::into),
        resource_provider_id: Some("p".into()),
    };
    let body = ReconcileOperations { operations: vec![operation] };
    world.call(who, CallType::ReconcileOperations, |call| call.reconcile_operations = Some(body));
    let events = world.events(who);
    let status = events[0].update_operation_status.clone().unwrap().status;
    assert_eq!(status.agent_id.as_ref().map(|id| id.as_str()), agent);
    assert_eq!(status.resource_provider_id, Some("p".into()));
    assert_eq!((status.operation_id, status.uuid), (Some("o".into()), None));
    (status.state, status.message.unwrap())
}

fn mark_gone(world: &mut World, agent: &AgentHandle) {
    let request = master_core::event::RequestId(9000);
    let call = Call {
        r#type: Some(OperatorCall::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: agent.id.clone() }),
        ..Call::default()
    };
    world.event(Event::OperatorCall { request, principal: None, call });
}

fn lose(world: &mut World) {
    world.answers_pings = false;
    world.advance_secs(91);
}

#[test]
fn registered_agents_have_what_they_say() {
    let (mut world, agent, scheduler) = start();
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Running));
    let status = said_of(&mut world, &scheduler, "u", Some(&agent)).unwrap();
    assert_eq!(status.state, TaskState::Gone);
    assert_eq!(status.source, Some(StatusSource::Master));
    assert_eq!(status.reason, Some(Reason::Reconciliation));
    assert_eq!((status.uuid, status.agent_id), (None, Some(agent.id.clone())));
}

#[test]
fn disconnected_agents_are_still_registered() {
    let (mut world, agent, scheduler) = start();
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Running));
    assert_eq!(state_of(&mut world, &scheduler, "u", &agent), Some(TaskState::Gone));
    // What the framework has is listed, wherever it is.
    world.call(&scheduler, CallType::Reconcile, |call| call.reconcile = Some(Reconcile::default()));
    assert_eq!(world.statuses(&scheduler).len(), 1);
}

#[test]
fn agents_that_are_being_lost_are_registered_until_that_is_durable() {
    let (mut world, agent, scheduler) = start();
    world.held_stores = Some(Vec::new());
    lose(&mut world);
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Running));
    assert_eq!(state_of(&mut world, &scheduler, "u", &agent), Some(TaskState::Gone));
    world.release_stores();
    let status = said_of(&mut world, &scheduler, "t", Some(&agent)).unwrap();
    assert_eq!(status.state, TaskState::Unreachable);
    assert_eq!(status.message.as_deref(), Some("Reconciliation: Task is unreachable"));
    assert!(status.unreachable_time.is_some());
    assert_eq!(state_of(&mut world, &scheduler, "u", &agent), Some(TaskState::Unreachable));
    // Whoever does not say where it should be is told no more than Mesos tells.
    let status = said_of(&mut world, &scheduler, "t", None).unwrap();
    assert_eq!(status.state, TaskState::Unknown);
}

#[test]
fn agents_that_come_back_are_unreachable_until_that_is_durable() {
    let (mut world, agent, scheduler) = start();
    let info = (*world.snapshot().frameworks[&scheduler.id].info).clone();
    let known = (*world.snapshot().frameworks[&scheduler.id].tasks[&TaskId::from("t")]).clone();
    lose(&mut world);
    world.held_stores = Some(Vec::new());
    world.reregister(&agent, vec![info], vec![known]);
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Unreachable));
    world.release_stores();
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Running));
}

#[test]
fn agents_that_are_gone_are_gone() {
    let (mut world, agent, scheduler) = start();
    world.held_stores = Some(Vec::new());
    mark_gone(&mut world, &agent);
    assert_eq!(state_of(&mut world, &scheduler, "u", &agent), Some(TaskState::Gone));
    world.release_stores();
    let status = said_of(&mut world, &scheduler, "t", Some(&agent)).unwrap();
    assert_eq!(status.state, TaskState::GoneByOperator);
    assert_eq!(status.message.as_deref(), Some("Reconciliation: Task is gone"));
}

#[test]
fn nothing_is_said_of_an_agent_that_is_being_removed() {
    let (mut world, agent, scheduler) = start();
    world.held_stores = Some(Vec::new());
    world.agent_says(&agent.pid, UnregisterAgent { agent_id: agent.id.clone() });
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), None);
    world.release_stores();
    assert_eq!(state_of(&mut world, &scheduler, "t", &agent), Some(TaskState::Unknown));
}

#[test]
fn nothing_is_said_of_an_agent_that_may_come_back_after_a_failover() {
    let (world, agent, scheduler) = start();
    let info = (*world.snapshot().frameworks[&scheduler.id].info).clone();
    let known = (*world.snapshot().frameworks[&scheduler.id].tasks[&TaskId::from("t")]).clone();
    let mut world = world.failover(Default::default());
    let back = world.subscribe(info.clone());
    let stranger = AgentHandle { id: "nosuch".into(), ..agent.clone() };
    assert_eq!(state_of(&mut world, &back, "t", &agent), None);
    assert!(said_of(&mut world, &back, "t", None).is_none(), "it may be on that agent");
    assert_eq!(state_of(&mut world, &back, "t", &stranger), Some(TaskState::Unknown));
    world.reregister(&agent, vec![info], vec![known]);
    assert_eq!(said_of(&mut world, &back, "t", None).unwrap().state, TaskState::Running);
    assert_eq!(said_of(&mut world, &back, "u", None).unwrap().state, TaskState::Unknown);
}

#[test]
fn those_without_partition_awareness_hear_of_lost_tasks_only() {
    let (mut world, agent, _) = start();
    let plain = world.subscribe(plain_framework());
    assert_eq!(state_of(&mut world, &plain, "u", &agent), Some(TaskState::Lost));
    lose(&mut world);
    let status = said_of(&mut world, &plain, "u", Some(&agent)).unwrap();
    assert_eq!(status.state, TaskState::Lost);
    assert!(status.unreachable_time.is_some());
    mark_gone(&mut world, &agent);
    assert_eq!(state_of(&mut world, &plain, "u", &agent), Some(TaskState::Lost));
}

#[test]
fn operations_are_unknown_wherever_their_agent_is() {
    let (mut world, agent, scheduler) = start();
    let id = agent.id.as_str();
    let said = operation_state(&mut world, &scheduler, Some(id));
    assert_eq!(said, (OperationState::Unknown, "Reconciliation: Operation is unknown".to_owned()));
    let said = operation_state(&mut world, &scheduler, Some("nosuch"));
    let words = "Reconciliation: Both operation and agent are unknown";
    assert_eq!(said, (OperationState::Unknown, words.to_owned()));
    let said = operation_state(&mut world, &scheduler, None);
    let words = "Reconciliation: Operation is unknown and no 'agent_id' was provided";
    assert_eq!(said, (OperationState::Unknown, words.to_owned()));
    lose(&mut world);
    let said = operation_state(&mut world, &scheduler, Some(id));
    assert_eq!(
        said,
        (OperationState::Unreachable, "Reconciliation: Agent is unreachable".to_owned())
    );
    mark_gone(&mut world, &agent);
    let said = operation_state(&mut world, &scheduler, Some(id));
    let words = "Reconciliation: Agent marked gone by operator";
    assert_eq!(said, (OperationState::GoneByOperator, words.to_owned()));
}

#[test]
fn operations_on_an_agent_that_may_come_back_are_recovering() {
    let (world, agent, _) = start();
    let mut world = world.failover(Default::default());
    let scheduler = world.subscribe(framework("r1"));
    let said = operation_state(&mut world, &scheduler, Some(agent.id.as_str()));
    let words = "Reconciliation: Agent is recovered but has not re-registered";
    assert_eq!(said, (OperationState::Recovering, words.to_owned()));
    // A framework that has none and asks for all hears nothing.
    world.events(&scheduler);
    world.call(&scheduler, CallType::ReconcileOperations, |call| {
        call.reconcile_operations = Some(ReconcileOperations::default());
    });
    assert!(world.events(&scheduler).is_empty());
}

// Kill.

fn kill(world: &mut World, who: &Scheduler, id: &str) {
    world.events(who);
    world.call(who, CallType::Kill, |call| {
        call.kill = Some(Kill { task_id: id.into(), ..Kill::default() });
    });
}

fn kills(messages: &[MasterToAgent]) -> Vec<&str> {
    let kills = messages.iter().filter_map(|message| match message {
        MasterToAgent::KillTask(kill) => Some(kill.task_id.as_str()),
        _ => None,
    });
    kills.collect()
}

fn as_reported(world: &World, who: &Scheduler, state: TaskState) -> Task {
    let known = &world.snapshot().frameworks[&who.id].tasks[&TaskId::from("t")];
    Task { state, ..(**known).clone() }
}

#[test]
fn a_task_is_killed_in_every_state_until_its_end_is_acknowledged() {
    let (mut world, agent, scheduler) = start();
    for state in [TaskState::Starting, TaskState::Running, TaskState::Killing, TaskState::Killed] {
        world.update(&agent, &scheduler, "t", state);
        world.received(&agent.pid);
        kill(&mut world, &scheduler, "t");
        assert_eq!(kills(&world.received(&agent.pid)), ["t"], "{state}");
    }
    world.acknowledge(&scheduler, &agent, "t", TaskState::Killed);
    kill(&mut world, &scheduler, "t");
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Unknown);
}

#[test]
fn a_task_that_was_just_launched_is_killed() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1")], 3600.0);
    world.received(&agent.pid);
    kill(&mut world, &scheduler, "t");
    assert_eq!(kills(&world.received(&agent.pid)), ["t"]);
}

#[test]
fn an_agent_that_was_away_hears_of_the_kill_when_it_comes_back() {
    let (mut world, agent, scheduler) = start();
    let info = (*world.snapshot().frameworks[&scheduler.id].info).clone();
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    kill(&mut world, &scheduler, "t");
    assert!(kills(&world.received(&agent.pid)).is_empty());
    assert!(world.events(&scheduler).is_empty());
    let running = as_reported(&world, &scheduler, TaskState::Running);
    world.reregister(&agent, vec![info.clone()], vec![running.clone()]);
    assert_eq!(kills(&world.received(&agent.pid)), ["t"]);
    // And again, until the task is over: the message may be lost.
    world.reregister(&agent, vec![info.clone()], vec![running]);
    assert_eq!(kills(&world.received(&agent.pid)), ["t"]);
    let over = as_reported(&world, &scheduler, TaskState::Killed);
    world.reregister(&agent, vec![info], vec![over]);
    assert!(kills(&world.received(&agent.pid)).is_empty());
    world.update(&agent, &scheduler, "t", TaskState::Killed);
    world.acknowledge(&scheduler, &agent, "t", TaskState::Killed);
    assert!(world.snapshot().agents[&agent.id].killed_tasks.is_empty(), "nothing piles up");
}

#[test]
fn killing_what_is_unreachable_says_so() {
    let (mut world, agent, scheduler) = start();
    lose(&mut world);
    world.events(&scheduler);
    world.call(&scheduler, CallType::Kill, |call| {
        let agent_id = Some(agent.id.clone());
        call.kill = Some(Kill { task_id: "t".into(), agent_id, kill_policy: None });
    });
    assert_eq!(world.statuses(&scheduler)[0].state, TaskState::Unreachable);
}

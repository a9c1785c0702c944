//! Frameworks lose their schedulers, change, and end.

mod support;

use master_core::{Config, Response};
use mesos::framework::FrameworkInfo;
use mesos::internal::MasterToAgent;
use mesos::task::{Reason, TaskState};
use mesos::v1::master::{Call, CallType as OperatorCall, EventType, Teardown};
use mesos::v1::scheduler::{CallType, UpdateFramework};
use support::{AgentHandle, Scheduler, World, framework, task};

fn running(info: FrameworkInfo) -> (World, AgentHandle, Scheduler) {
    let mut world = World::new();
    let agent = world.agent("cpus:4;mem:4096");
    let scheduler = world.subscribe(info);
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1;mem:64")], 0.0);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.received(&agent.pid);
    (world, agent, scheduler)
}

fn shut_down(messages: &[MasterToAgent]) -> bool {
    messages.iter().any(|message| matches!(message, MasterToAgent::ShutdownFramework(_)))
}

#[test]
fn a_scheduler_has_its_failover_timeout_to_come_back() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.disconnect(&scheduler);
    let state = world.snapshot();
    assert!(state.offers.is_empty());
    assert_eq!(state.frameworks[&scheduler.id].tasks.len(), 1);
    world.advance_secs(59);
    let back = FrameworkInfo { id: Some(scheduler.id.clone()), ..framework("r1") };
    let back = world.subscribe(back);
    assert_eq!(world.offers(&back).len(), 1);
    world.advance_secs(120);
    assert!(world.snapshot().frameworks.contains_key(&back.id), "the timer is off");
    world.disconnect(&back);
    world.received(&agent.pid);
    world.advance_secs(61);
    let state = world.snapshot();
    assert!(state.frameworks.is_empty());
    assert!(shut_down(&world.received(&agent.pid)));
    let completed = &state.completed_frameworks[0];
    let task = &completed.completed_tasks[0];
    assert_eq!(task.state, TaskState::Killed);
    let last = task.statuses.last().unwrap();
    assert_eq!(last.reason, Some(Reason::FrameworkRemoved));
    assert_eq!(last.message, Some(format!("Framework {} removed", back.id)));
    assert!(state.agents[&agent.id].used.is_empty());
}

#[test]
fn without_a_timeout_the_end_comes_at_once() {
    let (mut world, agent, scheduler) =
        running(FrameworkInfo { failover_timeout: 0.0, ..framework("r1") });
    world.disconnect(&scheduler);
    world.advance_secs(0);
    assert!(world.snapshot().frameworks.is_empty());
    assert!(shut_down(&world.received(&agent.pid)));
}

#[test]
fn teardown_ends_everything() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    assert_eq!(world.call(&scheduler, CallType::Teardown, |_| {}), Response::accepted());
    assert!(world.closed.contains(&scheduler.connection));
    assert!(shut_down(&world.received(&agent.pid)));
    let other = world.subscribe(framework("r2"));
    assert_eq!(world.offers(&other)[0].resources.len(), 2, "all of the agent is free again");
}

#[test]
fn only_agents_that_know_a_framework_hear_of_its_end() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let stranger = world.agent("cpus:1");
    world.call(&scheduler, CallType::Teardown, |_| {});
    assert!(shut_down(&world.received(&agent.pid)));
    assert!(!shut_down(&world.received(&stranger.pid)));
}

#[test]
fn an_operator_ends_a_framework() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let call = Call {
        r#type: Some(OperatorCall::Teardown),
        teardown: Some(Teardown { framework_id: scheduler.id.clone() }),
        ..Call::default()
    };
    assert_eq!(world.operator(call.clone()), Response::ok());
    assert!(world.closed.contains(&scheduler.connection));
    assert!(shut_down(&world.received(&agent.pid)));
    let words = "No framework found with specified ID";
    assert_eq!(world.operator(call), Response::bad_request(words));
}

#[test]
fn an_agent_that_missed_the_end_is_told_when_it_comes_back() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    let state = world.snapshot();
    let info = (*state.frameworks[&scheduler.id].info).clone();
    let tasks: Vec<_> =
        state.frameworks[&scheduler.id].tasks.values().map(|task| (**task).clone()).collect();
    world.event(master_core::Event::AgentExited { pid: agent.pid.clone() });
    world.call(&scheduler, CallType::Teardown, |_| {});
    world.received(&agent.pid);
    world.reregister(&agent, vec![info], tasks);
    assert!(shut_down(&world.received(&agent.pid)));
    let state = world.snapshot();
    assert!(state.frameworks.is_empty());
    assert!(state.agents[&agent.id].used.is_empty());
}

#[test]
fn the_last_frameworks_are_remembered() {
    let config = Config { max_completed_frameworks: 2, ..Config::default() };
    let mut world = World::with(config);
    for _ in 0..4 {
        let scheduler = world.subscribe(framework("r1"));
        world.call(&scheduler, CallType::Teardown, |_| {});
    }
    let state = world.snapshot();
    let ids: Vec<_> = state.completed_frameworks.iter().map(|f| f.id.to_string()).collect();
    assert_eq!(ids, ["M-0002", "M-0003"]);
}

#[test]
fn the_last_tasks_are_remembered() {
    let config = Config { max_completed_tasks_per_framework: 2, ..Config::default() };
    let mut world = World::with(config);
    let agent = world.agent("cpus:4;mem:4096");
    let scheduler = world.subscribe(framework("r1"));
    for id in ["a", "b", "c"] {
        let offer = world.offers(&scheduler).remove(0);
        world.accept(&scheduler, &[&offer], vec![task(id, &offer, "cpus:4;mem:4096")], 0.0);
        world.events(&scheduler);
        world.update(&agent, &scheduler, id, TaskState::Finished);
        world.acknowledge(&scheduler, &agent, id, TaskState::Finished);
    }
    let state = world.snapshot();
    let completed = &state.frameworks[&scheduler.id].completed_tasks;
    let ids: Vec<_> = completed.iter().map(|task| task.task_id.to_string()).collect();
    assert_eq!(ids, ["b", "c"]);
}

fn update(world: &mut World, who: &Scheduler, info: FrameworkInfo) -> Response {
    let info = FrameworkInfo { id: Some(who.id.clone()), ..info };
    world.call(who, CallType::UpdateFramework, |call| {
        let body = UpdateFramework { framework_info: info, ..UpdateFramework::default() };
        call.update_framework = Some(body);
    })
}

#[test]
fn a_framework_changes_its_roles() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.advance_secs(1);
    let offer = world.offers(&scheduler).remove(0);
    let info = FrameworkInfo { roles: vec!["r2".to_owned()], ..framework("r1") };
    assert_eq!(update(&mut world, &scheduler, info), Response::ok());
    let events = world.events(&scheduler);
    assert_eq!(events[0].rescind.as_ref().unwrap().offer_id, offer.id);
    world.advance_secs(1);
    let offers = world.offers(&scheduler);
    assert_eq!(offers[0].allocation_info.as_ref().unwrap().role.as_deref(), Some("r2"));
    let told = world.received(&agent.pid);
    assert!(told.iter().any(|message| matches!(message, MasterToAgent::UpdateFramework(_))));
    // What it holds in the old role stays until it is over.
    world.finish(&agent, &scheduler, "t");
    assert!(world.snapshot().agents[&agent.id].used.is_empty());
}

#[test]
fn what_never_changes_is_refused_in_mesos_words() {
    let (mut world, _, scheduler) = running(framework("r1"));
    let other_user = FrameworkInfo { user: "other".to_owned(), ..framework("r1") };
    let words = "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; \
                 attempted to update from 'root' to 'other'";
    assert_eq!(update(&mut world, &scheduler, other_user), Response::bad_request(words));
    let volatile = FrameworkInfo { checkpoint: false, ..framework("r1") };
    let words = "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is \
                 unsupported; attempted to update from 'true' to 'false'";
    assert_eq!(update(&mut world, &scheduler, volatile), Response::bad_request(words));
    // SUBSCRIBE ignores the same changes.
    let changed = FrameworkInfo {
        id: Some(scheduler.id.clone()),
        user: "other".to_owned(),
        name: "renamed".to_owned(),
        checkpoint: false,
        ..framework("r1")
    };
    world.subscribe(changed);
    let info = world.snapshot().frameworks[&scheduler.id].info.clone();
    assert_eq!((&*info.user, &*info.name, info.checkpoint), ("root", "renamed", true));
}

#[test]
fn root_and_roles_may_be_forbidden() {
    let roles = Some(["r1".to_owned()].into());
    let config = Config { root_submissions: false, roles, ..Config::default() };
    let mut world = World::with(config);
    let mut refused = |info: FrameworkInfo| {
        let (connection, _) = world.try_subscribe(info);
        world.events_on(connection)[0].error.clone().map(|error| error.message)
    };
    let words = "User 'root' is not allowed to run frameworks without --root_submissions set";
    assert_eq!(refused(framework("r1")).as_deref(), Some(words));
    let user = |role: &str| FrameworkInfo { user: "u".to_owned(), ..framework(role) };
    let words = "Roles { r2 } are not present in the master's --roles";
    assert_eq!(refused(user("r2")).as_deref(), Some(words));
    assert_eq!(refused(user("r1")), None);
}

#[test]
fn operators_hear_of_frameworks_and_tasks() {
    let mut world = World::new();
    world.event(master_core::Event::OperatorsListening { count: 1 });
    let agent = world.agent("cpus:4;mem:4096");
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1")], 0.0);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.call(&scheduler, CallType::Teardown, |_| {});
    let kinds: Vec<_> = world.published.iter().map(|event| event.r#type.unwrap()).collect();
    let expected = [
        EventType::AgentAdded,
        EventType::FrameworkAdded,
        EventType::TaskAdded,
        EventType::TaskUpdated,
        EventType::TaskUpdated,
        EventType::FrameworkRemoved,
    ];
    assert_eq!(kinds, expected, "a repeated update is told once");
    let last = world.published[4].task_updated.as_ref().unwrap();
    assert_eq!((last.state, last.status.state), (TaskState::Killed, TaskState::Killed));
}

#[test]
fn tasks_that_nobody_can_reach_end_with_their_framework() {
    let (mut world, _, scheduler) = running(framework("r1"));
    world.event(master_core::Event::OperatorsListening { count: 1 });
    world.answers_pings = false;
    world.advance_secs(91);
    assert_eq!(world.snapshot().frameworks[&scheduler.id].unreachable_tasks.len(), 1);
    world.published.clear();
    world.call(&scheduler, CallType::Teardown, |_| {});
    let state = world.snapshot();
    let over = &state.completed_frameworks[0];
    assert!(over.unreachable_tasks.is_empty());
    let task = &over.completed_tasks[0];
    assert_eq!(task.state, TaskState::Killed);
    assert_eq!(task.statuses.last().unwrap().reason, Some(Reason::FrameworkRemoved));
    let kinds: Vec<_> = world.published.iter().map(|event| event.r#type.unwrap()).collect();
    assert_eq!(kinds, [EventType::TaskUpdated, EventType::FrameworkRemoved]);
}

#[test]
fn the_last_tasks_that_were_lost_are_remembered() {
    let config = Config { max_unreachable_tasks_per_framework: 2, ..Config::default() };
    let mut world = World::with(config);
    let scheduler = world.subscribe(framework("r1"));
    world.answers_pings = false;
    // In the order of their names the first would be the last.
    for id in ["c", "b", "a"] {
        world.agent("cpus:4;mem:4096");
        let offer = world.offers(&scheduler).remove(0);
        world.accept(&scheduler, &[&offer], vec![task(id, &offer, "cpus:4;mem:4096")], 0.0);
        world.advance_secs(91);
    }
    let state = world.snapshot();
    let lost = &state.frameworks[&scheduler.id].unreachable_tasks;
    let ids: Vec<_> = lost.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn updates_that_make_no_sense_are_refused_in_mesos_words() {
    let (mut world, _, scheduler) = running(framework("r1"));
    let before = world.snapshot().frameworks[&scheduler.id].info.clone();
    let bad_role = FrameworkInfo { roles: vec!["-".to_owned()], ..framework("r1") };
    let words = "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: \
                 Role component '-' is invalid because it starts with a dash";
    assert_eq!(update(&mut world, &scheduler, bad_role), Response::bad_request(words));
    let other = FrameworkInfo { principal: Some("p".to_owned()), ..framework("r1") };
    let words = "FrameworkInfo update is not valid: Changing framework's principal is not allowed.";
    assert_eq!(update(&mut world, &scheduler, other), Response::bad_request(words));
    let info = FrameworkInfo { id: Some(scheduler.id.clone()), ..framework("r1") };
    let response = world.call(&scheduler, CallType::UpdateFramework, |call| {
        call.update_framework = Some(UpdateFramework {
            framework_info: info,
            suppressed_roles: vec!["zz".to_owned()],
            ..UpdateFramework::default()
        });
    });
    let words = "'UpdateFramework' call is not valid: Suppressed roles { zz } are not contained in \
                 the set of roles";
    assert_eq!(response, Response::bad_request(words));
    assert_eq!(world.snapshot().frameworks[&scheduler.id].info, before);
}

#[test]
fn only_what_has_changed_is_told() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.event(master_core::Event::OperatorsListening { count: 1 });
    let updates = |messages: Vec<MasterToAgent>| {
        messages.iter().filter(|m| matches!(m, MasterToAgent::UpdateFramework(_))).count()
    };
    assert_eq!(update(&mut world, &scheduler, framework("r1")), Response::ok());
    assert_eq!(updates(world.received(&agent.pid)), 0);
    assert!(world.published.is_empty());
    let renamed = FrameworkInfo { name: "renamed".to_owned(), ..framework("r1") };
    assert_eq!(update(&mut world, &scheduler, renamed), Response::ok());
    assert_eq!(updates(world.received(&agent.pid)), 1);
    assert_eq!(world.published.len(), 1);
}

#[test]
fn operators_hear_of_every_check() {
    let (mut world, agent, scheduler) = running(framework("r1"));
    world.event(master_core::Event::OperatorsListening { count: 1 });
    let running = support::update(&agent, &scheduler, "t", TaskState::Running);
    world.agent_says(&agent.pid, running.clone());
    assert!(world.published.is_empty(), "it is running already");
    for reason in [Reason::TaskCheckStatusUpdated, Reason::TaskHealthCheckStatusUpdated] {
        let mut checked = running.clone();
        checked.status.reason = Some(reason);
        world.agent_says(&agent.pid, checked);
        assert_eq!(world.published.len(), 1, "{reason}");
        world.published.clear();
    }
}

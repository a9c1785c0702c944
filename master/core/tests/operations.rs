//! ACCEPT: operations that make no sense, that may leave things out, and that follow each other.

mod support;

use mesos::check::{HealthCheck, HealthCheckHttp, HealthCheckType};
use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::internal::MasterToAgent;
use mesos::offer::Offer;
use mesos::operation::{
    Launch, LaunchGroup, OfferOperation, OfferOperationType as Type, OperationState, Reserve,
};
use mesos::resource::Resource;
use mesos::task::{Reason, TaskGroupInfo, TaskInfo, TaskState};
use support::{AgentHandle, Scheduler, World, amount, framework, parse, plain_framework, task};

const ALL: &str = "cpus:4;mem:4096;disk:1000";

fn start() -> (World, AgentHandle, Scheduler, Offer) {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    (world, agent, scheduler, offer)
}

fn launch(tasks: Vec<TaskInfo>) -> OfferOperation {
    OfferOperation {
        r#type: Some(Type::Launch),
        launch: Some(Launch { task_infos: tasks }),
        ..OfferOperation::default()
    }
}

fn group(tasks: Vec<TaskInfo>) -> OfferOperation {
    let executor = ExecutorInfo {
        r#type: Some(mesos::executor_info::ExecutorInfoType::Default),
        executor_id: "dx".into(),
        framework_id: Some("M-0000".into()),
        resources: parse("cpus:0.1;mem:32;disk:1").to_vec(),
        ..ExecutorInfo::default()
    };
    OfferOperation {
        r#type: Some(Type::LaunchGroup),
        launch_group: Some(LaunchGroup { executor, task_group: TaskGroupInfo { tasks } }),
        ..OfferOperation::default()
    }
}

fn reserve(resources: Vec<Resource>) -> OfferOperation {
    OfferOperation {
        r#type: Some(Type::Reserve),
        reserve: Some(Reserve { resources, source: Vec::new() }),
        ..OfferOperation::default()
    }
}

fn accept(world: &mut World, who: &Scheduler, offer: &Offer, operations: Vec<OfferOperation>) {
    world.accept_ids(who, vec![offer.id.clone()], operations, 0.0);
}

fn negative() -> Vec<Resource> {
    vec![Resource::of_scalar("cpus", -1.0)]
}

#[test]
fn launches_with_an_id_are_errors() {
    let (mut world, agent, scheduler, offer) = start();
    let named = |operation| OfferOperation { id: Some("i".into()), ..operation };
    let operations = vec![
        named(launch(vec![task("a", &offer, "cpus:1")])),
        named(group(vec![task("b", &offer, "cpus:1")])),
    ];
    accept(&mut world, &scheduler, &offer, operations);
    let said: Vec<_> = world
        .statuses(&scheduler)
        .into_iter()
        .map(|status| (status.state, status.reason.unwrap(), status.message.unwrap()))
        .collect();
    let words = |kind| format!("The `id` field cannot be set on {kind} operations");
    let expected = [
        (TaskState::Error, Reason::TaskInvalid, words("LAUNCH")),
        (TaskState::Error, Reason::TaskGroupInvalid, words("LAUNCH_GROUP")),
    ];
    assert_eq!(said, expected);
    assert!(world.launched(&agent).is_empty());
}

#[test]
fn one_invalid_resource_spoils_its_operation_and_no_other() {
    let (mut world, agent, scheduler, offer) = start();
    let bad = TaskInfo { resources: negative(), ..task("bad", &offer, "cpus:1") };
    let operations = vec![
        launch(vec![task("beside", &offer, "cpus:1"), bad]),
        launch(vec![task("good", &offer, "cpus:1")]),
    ];
    accept(&mut world, &scheduler, &offer, operations);
    let said = world.statuses(&scheduler);
    let words = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0";
    for (status, id) in said.iter().zip(["beside", "bad"]) {
        assert_eq!((status.task_id.as_str(), status.state), (id, TaskState::Error));
        assert_eq!(status.message.as_deref(), Some(words));
    }
    assert_eq!(said.len(), 2);
    let launched: Vec<_> = world.launched(&agent).into_iter().map(|task| task.task_id).collect();
    assert_eq!(launched, ["good".into()]);
}

#[test]
fn operations_follow_each_other() {
    let (mut world, agent, scheduler, offer) = start();
    let operations = vec![
        launch(vec![task("a", &offer, "cpus:3")]),
        launch(vec![task("b", &offer, "cpus:3")]),
        launch(vec![task("c", &offer, "cpus:1")]),
    ];
    accept(&mut world, &scheduler, &offer, operations);
    let refused = world.statuses(&scheduler);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].task_id.as_str(), "b", "what the first left is not enough");
    assert_eq!(world.launched(&agent).len(), 2);
    world.advance_secs(1);
    assert_eq!(amount(&world.offers(&scheduler)[0]), parse("mem:4096;disk:1000"));
}

#[test]
fn operations_that_make_no_sense_are_errors_for_those_who_gave_an_id() {
    let (mut world, _, scheduler, offer) = start();
    let named = |operation| OfferOperation { id: Some("i".into()), ..operation };
    let bodyless = OfferOperation { r#type: Some(Type::Create), ..OfferOperation::default() };
    let unknown = OfferOperation::default();
    let operations =
        vec![reserve(negative()), named(reserve(negative())), named(bodyless), named(unknown)];
    accept(&mut world, &scheduler, &offer, operations);
    let events = world.events(&scheduler);
    let said: Vec<_> = events
        .iter()
        .map(|event| &event.update_operation_status.as_ref().unwrap().status)
        .map(|status| (status.state, status.message.as_deref().unwrap()))
        .collect();
    let expected = [
        "Operation attempted with invalid resources: Resource 'cpus:-1' is invalid: Invalid \
         scalar resource: value <= 0",
        "Operation attempted with invalid resources: A CREATE offer operation must have the \
         Offer.Operation.create field set.",
    ];
    assert_eq!(said, expected.map(|words| (OperationState::Error, words)));
    world.advance_secs(1);
    assert_eq!(amount(&world.offers(&scheduler)[0]), parse(ALL), "nothing has changed");
}

#[test]
fn what_older_frameworks_leave_out_is_filled_in() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(plain_framework());
    let offer = world.offers(&scheduler).remove(0);
    let health_check = Some(Box::new(HealthCheck {
        http: Some(HealthCheckHttp { port: 80, ..HealthCheckHttp::default() }),
        ..HealthCheck::default()
    }));
    let executor = ExecutorInfo {
        executor_id: "x".into(),
        command: Some(Box::new(CommandInfo {
            value: Some("./x".to_owned()),
            ..CommandInfo::default()
        })),
        resources: vec![Resource {
            role: Some("*".to_owned()),
            ..Resource::of_scalar("cpus", 0.1)
        }],
        ..ExecutorInfo::default()
    };
    let info = TaskInfo {
        command: None,
        executor: Some(Box::new(executor)),
        health_check,
        ..task("t", &offer, "cpus:1")
    };
    world.accept(&scheduler, &[&offer], vec![info], 0.0);
    let launched = world.launched(&agent).remove(0);
    assert_eq!(launched.health_check.unwrap().r#type, Some(HealthCheckType::Http));
    let executor = launched.executor.unwrap();
    assert_eq!(executor.framework_id.as_ref(), Some(&scheduler.id));
    for resource in launched.resources.iter().chain(&executor.resources) {
        let role = resource.allocation_info.as_ref().unwrap().role.as_deref();
        assert_eq!((role, &resource.role), (Some("*"), &None));
    }
}

#[test]
fn tasks_of_a_group_are_given_its_executor() {
    let (mut world, agent, scheduler, offer) = start();
    accept(&mut world, &scheduler, &offer, vec![group(vec![task("t", &offer, "cpus:1")])]);
    let told = world.received(&agent.pid);
    let run = told.iter().find_map(|message| match message {
        MasterToAgent::RunTaskGroup(run) => Some(run),
        _ => None,
    });
    let run = run.unwrap();
    assert_eq!(run.task_group.tasks[0].executor.as_deref(), Some(&run.executor));
    // Unlike with single tasks, whose executor it is must be said.
    world.advance_secs(1);
    let offer = world.offers(&scheduler).remove(0);
    let mut nobodys = group(vec![task("u", &offer, "cpus:1")]);
    nobodys.launch_group.as_mut().unwrap().executor.framework_id = None;
    accept(&mut world, &scheduler, &offer, vec![nobodys]);
    let words = "'ExecutorInfo.framework_id' must be set";
    assert_eq!(world.statuses(&scheduler)[0].message.as_deref(), Some(words));
}

#[test]
fn accepting_with_nothing_is_declining() {
    let (mut world, _, scheduler, offer) = start();
    world.accept_ids(&scheduler, vec![offer.id], Vec::new(), 60.0);
    assert_eq!(world.count("master/messages_decline_offers"), 0, "Mesos does not count it so");
    world.advance_secs(59);
    assert!(world.offers(&scheduler).is_empty());
    world.advance_secs(2);
    let offer = world.offers(&scheduler).remove(0);
    accept(&mut world, &scheduler, &offer, vec![launch(Vec::new())]);
    assert_eq!(world.count("master/messages_decline_offers"), 1);
    assert_eq!(world.count("master/messages_launch_tasks"), 0);
}

#[test]
fn nobody_answers_the_offers_of_others() {
    let (mut world, agent, scheduler, offer) = start();
    let thief = world.subscribe(framework("r1"));
    world.events(&thief);
    accept(&mut world, &thief, &offer, vec![launch(vec![task("t", &offer, "cpus:1")])]);
    let status = world.statuses(&thief).remove(0);
    assert_eq!((status.state, status.reason), (TaskState::Dropped, Some(Reason::InvalidOffers)));
    world.decline(&thief, &[offer.clone()], 0.0);
    assert!(world.events(&scheduler).is_empty());
    accept(&mut world, &scheduler, &offer, vec![launch(vec![task("t", &offer, "cpus:1")])]);
    assert_eq!(world.launched(&agent).len(), 1, "the offer still stands");
}

#[test]
fn no_offers_and_offers_twice_are_invalid() {
    let (mut world, _, scheduler, offer) = start();
    let mut says = |ids| {
        world.accept_ids(&scheduler, ids, vec![launch(vec![task("t", &offer, "cpus:1")])], 0.0);
        world.statuses(&scheduler).remove(0).message.unwrap()
    };
    assert_eq!(says(vec![]), "Task launched with invalid offers: No offers specified");
    let words =
        format!("Task launched with invalid offers: Duplicate offer {} in offer list", offer.id);
    assert_eq!(says(vec![offer.id.clone(), offer.id.clone()]), words);
}

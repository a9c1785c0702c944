//! LAUNCH_GROUP: all tasks of a group, or none.

mod support;

use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::internal::MasterToAgent;
use mesos::offer::Offer;
use mesos::operation::{LaunchGroup, OfferOperation, OfferOperationType};
use mesos::task::{Reason, TaskGroupInfo, TaskInfo, TaskState};
use support::{Scheduler, World, framework, task};

fn group(tasks: Vec<TaskInfo>) -> OfferOperation {
    let executor = ExecutorInfo {
        r#type: Some(ExecutorInfoType::Default),
        executor_id: "dx".into(),
        framework_id: Some("M-0000".into()),
        resources: support::parse("cpus:0.1;mem:32;disk:1").to_vec(),
        ..ExecutorInfo::default()
    };
    OfferOperation {
        r#type: Some(OfferOperationType::LaunchGroup),
        launch_group: Some(LaunchGroup { executor, task_group: TaskGroupInfo { tasks } }),
        ..OfferOperation::default()
    }
}

fn start() -> (World, support::AgentHandle, Scheduler, Offer) {
    let mut world = World::new();
    let agent = world.agent("cpus:4;mem:4096;disk:1000");
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    (world, agent, scheduler, offer)
}

#[test]
fn a_group_is_launched_under_one_executor() {
    let (mut world, agent, scheduler, offer) = start();
    let tasks = vec![task("g1", &offer, "cpus:1"), task("g2", &offer, "cpus:1")];
    world.accept_ids(&scheduler, vec![offer.id.clone()], vec![group(tasks)], 0.0);
    let told = world.received(&agent.pid);
    let run = told.iter().find_map(|message| match message {
        MasterToAgent::RunTaskGroup(run) => Some(run),
        _ => None,
    });
    let run = run.unwrap();
    assert_eq!(run.task_group.tasks.len(), 2);
    assert_eq!(run.launch_executor, Some(true));
    assert_eq!(run.executor.framework_id.as_ref(), Some(&scheduler.id));
    let state = world.snapshot();
    assert_eq!(state.agents[&agent.id].used_in_total().cpus(), Some(2.1));
    let framework = &state.frameworks[&scheduler.id];
    assert!(framework.tasks.values().all(|t| t.executor_id == Some("dx".into())));
    // Offers tell of executors that run already.
    world.advance_secs(1);
    assert_eq!(world.offers(&scheduler)[0].executor_ids, ["dx".into()]);
}

#[test]
fn one_bad_task_spoils_the_group() {
    let (mut world, agent, scheduler, offer) = start();
    let tasks = vec![
        task("g1", &offer, "cpus:1"),
        TaskInfo { resources: vec![], ..task("g2", &offer, "cpus:1") },
    ];
    world.accept_ids(&scheduler, vec![offer.id.clone()], vec![group(tasks)], 0.0);
    let statuses = world.statuses(&scheduler);
    assert_eq!(statuses.len(), 2);
    for status in statuses {
        assert_eq!(status.state, TaskState::Error);
        assert_eq!(status.reason, Some(Reason::TaskGroupInvalid));
        let words = "Task 'g2' is invalid: Task uses no resources";
        assert_eq!(status.message.as_deref(), Some(words));
    }
    assert!(world.launched(&agent).is_empty());
    assert!(world.snapshot().agents[&agent.id].used.is_empty());
}

#[test]
fn a_group_must_fit_as_a_whole() {
    let (mut world, agent, scheduler, offer) = start();
    let tasks = vec![task("g1", &offer, "cpus:2"), task("g2", &offer, "cpus:2")];
    world.accept_ids(&scheduler, vec![offer.id.clone()], vec![group(tasks)], 0.0);
    assert_eq!(world.statuses(&scheduler).len(), 2, "the executor needs a tenth of a processor");
    assert!(world.launched(&agent).is_empty());
}

#[test]
fn operations_that_cannot_be_carried_out_are_answered_if_they_have_an_id() {
    let (mut world, _, scheduler, offer) = start();
    let reserve = |id: Option<&str>| OfferOperation {
        r#type: Some(OfferOperationType::Reserve),
        id: id.map(Into::into),
        reserve: Some(Default::default()),
        ..OfferOperation::default()
    };
    let operations = vec![reserve(None), reserve(Some("op"))];
    world.accept_ids(&scheduler, vec![offer.id.clone()], operations, 0.0);
    let events = world.events(&scheduler);
    assert_eq!(events.len(), 1);
    let status = &events[0].update_operation_status.as_ref().unwrap().status;
    assert_eq!(status.state.as_str(), "OPERATION_ERROR");
    assert_eq!(status.message.as_deref(), Some("RESERVE is not supported by this master"));
    assert_eq!((&status.uuid, &status.agent_id), (&None, &None));
    let id = offer.id;
    world.accept_ids(&scheduler, vec![id.clone()], vec![reserve(Some("late"))], 0.0);
    let events = world.events(&scheduler);
    let status = &events[0].update_operation_status.as_ref().unwrap().status;
    assert_eq!(status.state.as_str(), "OPERATION_ERROR");
    let words = format!("Operation attempted with invalid offers: Offer {id} is no longer valid");
    assert_eq!(status.message, Some(words));
}

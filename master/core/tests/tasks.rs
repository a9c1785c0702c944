//! KILL, RECONCILE, MESSAGE, SHUTDOWN, and what executors say. The words are a real Mesos's.

mod support;

use master_core::Response;
use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::ids::TaskId;
use mesos::internal::{ExecutorToFramework, ExitedExecutor, MasterToAgent};
use mesos::task::{KillPolicy, Reason, StatusSource, TaskInfo, TaskState, TaskStatus};
use mesos::v1::scheduler::{
    CallType, EventType, Kill, MessageCall, Reconcile, ReconcileOperation, ReconcileOperations,
    ReconcileTask, Shutdown,
};
use support::{AgentHandle, Scheduler, World, framework, plain_framework, task};

const ALL: &str = "cpus:4;mem:4096";

fn start() -> (World, AgentHandle, Scheduler) {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    (world, agent, scheduler)
}

fn launch(
    world: &mut World,
    who: &Scheduler,
    tasks: impl FnOnce(&mesos::offer::Offer) -> Vec<TaskInfo>,
) {
    let offer = world.offers(who).remove(0);
    let tasks = tasks(&offer);
    world.accept(who, &[&offer], tasks, 3600.0);
}

fn reconcile(
    world: &mut World,
    who: &Scheduler,
    tasks: &[(&str, Option<&str>)],
) -> Vec<TaskStatus> {
    let tasks = tasks.iter().map(|(task, agent)| ReconcileTask {
        task_id: (*task).into(),
        agent_id: agent.map(Into::into),
    });
    let body = Reconcile { tasks: tasks.collect() };
    world.call(who, CallType::Reconcile, |call| call.reconcile = Some(body));
    world.statuses(who)
}

/// A task under an executor of the framework's own.
fn own_executor(id: &str, offer: &mesos::offer::Offer) -> TaskInfo {
    let executor = ExecutorInfo {
        executor_id: "x".into(),
        command: Some(Box::new(CommandInfo {
            value: Some("./x".to_owned()),
            ..CommandInfo::default()
        })),
        resources: support::parse("cpus:0.5;mem:32").to_vec(),
        ..ExecutorInfo::default()
    };
    TaskInfo {
        command: None,
        executor: Some(Box::new(executor)),
        ..task(id, offer, "cpus:1;mem:64")
    }
}

#[test]
fn kill_goes_to_the_agent() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| vec![task("t", offer, "cpus:1")]);
    world.launched(&agent);
    let policy = KillPolicy { grace_period: Some(mesos::time::DurationInfo { nanoseconds: 7 }) };
    world.call(&scheduler, CallType::Kill, |call| {
        call.kill =
            Some(Kill { task_id: "t".into(), agent_id: None, kill_policy: Some(policy.clone()) });
    });
    let told = world.received(&agent.pid);
    let [MasterToAgent::KillTask(kill)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((kill.task_id.as_str(), &kill.kill_policy), ("t", &Some(policy)));
    // On another agent there is no such task.
    world.call(&scheduler, CallType::Kill, |call| {
        call.kill =
            Some(Kill { task_id: "t".into(), agent_id: Some("else".into()), kill_policy: None });
    });
    assert!(world.received(&agent.pid).is_empty());
    assert_eq!(world.count("master/messages_kill_task"), 2);
}

#[test]
fn killing_what_is_unknown_is_answered() {
    let (mut world, _, scheduler) = start();
    world.call(&scheduler, CallType::Kill, |call| {
        call.kill = Some(Kill { task_id: "nosuch".into(), ..Kill::default() });
    });
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!(status.state, TaskState::Unknown);
    assert_eq!(status.message.as_deref(), Some("Reconciliation: Task is unknown"));
    assert_eq!(status.reason, Some(Reason::Reconciliation));
    assert_eq!((status.source, status.uuid), (Some(StatusSource::Master), None));
}

#[test]
fn explicit_reconciliation_says_what_is_known() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| vec![task("t", offer, "cpus:1")]);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    world.events(&scheduler);
    let id = agent.id.as_str();
    let asked = [("t", Some(id)), ("u", None), ("u", Some(id)), ("u", Some("nosuch"))];
    let said: Vec<_> = reconcile(&mut world, &scheduler, &asked)
        .into_iter()
        .map(|status| (status.state, status.message.unwrap(), status.agent_id))
        .collect();
    let expected = [
        (TaskState::Running, "Reconciliation: Latest task state", Some(id)),
        (TaskState::Unknown, "Reconciliation: Task is unknown", None),
        (TaskState::Gone, "Reconciliation: Task is unknown to the agent", Some(id)),
        (TaskState::Unknown, "Reconciliation: Task is unknown", Some("nosuch")),
    ];
    let expected =
        expected.map(|(state, words, agent)| (state, words.to_owned(), agent.map(Into::into)));
    assert_eq!(said, expected);
}

#[test]
fn implicit_reconciliation_lists_what_the_framework_has() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| {
        vec![task("a", offer, "cpus:1"), task("b", offer, "cpus:1"), task("c", offer, "cpus:1")]
    });
    world.update(&agent, &scheduler, "b", TaskState::Running);
    world.finish(&agent, &scheduler, "c");
    world.events(&scheduler);
    let said: Vec<_> = reconcile(&mut world, &scheduler, &[])
        .into_iter()
        .map(|status| (status.task_id.to_string(), status.state))
        .collect();
    let expected = [("a", TaskState::Staging), ("b", TaskState::Running)];
    assert_eq!(said, expected.map(|(id, state)| (id.to_owned(), state)));
}

#[test]
fn reconciliation_says_the_state_that_the_scheduler_has_seen() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| vec![task("t", offer, "cpus:1")]);
    let mut update = support::update(&agent, &scheduler, "t", TaskState::Running);
    update.latest_state = Some(TaskState::Finished);
    world.agent_says(&agent.pid, update);
    let state = world.snapshot();
    let known = &state.frameworks[&scheduler.id].tasks[&TaskId::from("t")];
    assert_eq!(known.state, TaskState::Finished);
    assert!(state.agents[&agent.id].used.is_empty(), "its resources are free already");
    world.events(&scheduler);
    assert_eq!(reconcile(&mut world, &scheduler, &[("t", None)])[0].state, TaskState::Running);
    // The acknowledgement of RUNNING is not the end.
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    assert_eq!(world.snapshot().frameworks[&scheduler.id].tasks.len(), 1);
    world.finish(&agent, &scheduler, "t");
    assert!(world.snapshot().frameworks[&scheduler.id].tasks.is_empty());
}

#[test]
fn those_without_partition_awareness_are_told_lost() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(plain_framework());
    assert_eq!(reconcile(&mut world, &scheduler, &[("u", None)])[0].state, TaskState::Lost);
}

#[test]
fn nothing_is_said_while_nobody_can_tell() {
    let (world, agent, _) = start();
    let mut world = world.failover(Default::default());
    let scheduler = world.subscribe(framework("r1"));
    world.events(&scheduler);
    let id = agent.id.as_str();
    assert!(reconcile(&mut world, &scheduler, &[("t", None), ("t", Some(id))]).is_empty());
    world.advance_secs(601);
    world.events(&scheduler);
    let said = reconcile(&mut world, &scheduler, &[("t", None), ("t", Some(id))]);
    assert_eq!(said[0].state, TaskState::Unknown);
    assert_eq!(said[1].state, TaskState::Unreachable);
    assert!(said[1].unreachable_time.is_some());
}

#[test]
fn operations_are_unknown() {
    let (mut world, agent, scheduler) = start();
    let operation = ReconcileOperation {
        operation_id: "nosuch-op".into(),
        agent_id: Some(agent.id.clone()),
        resource_provider_id: None,
    };
    world.events(&scheduler);
    world.call(&scheduler, CallType::ReconcileOperations, |call| {
        call.reconcile_operations = Some(ReconcileOperations { operations: vec![operation] });
    });
    let events = world.events(&scheduler);
    let status = &events[0].update_operation_status.as_ref().unwrap().status;
    assert_eq!(status.state.as_str(), "OPERATION_UNKNOWN");
    assert_eq!(status.message.as_deref(), Some("Reconciliation: Operation is unknown"));
    assert_eq!(status.agent_id.as_ref(), Some(&agent.id));
}

#[test]
fn an_executor_is_counted_once_and_until_it_exits() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| {
        vec![own_executor("a", offer), own_executor("b", offer)]
    });
    let runs: Vec<_> = world
        .received(&agent.pid)
        .into_iter()
        .filter_map(|message| match message {
            MasterToAgent::RunTask(run) => Some(run.launch_executor.unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(runs, [true, false], "the second task joins the executor of the first");
    let cpus = |world: &World| world.snapshot().agents[&agent.id].used_in_total().cpus();
    assert_eq!(cpus(&world), Some(2.5));
    world.finish(&agent, &scheduler, "a");
    world.finish(&agent, &scheduler, "b");
    assert_eq!(cpus(&world), Some(0.5));
    world.events(&scheduler);
    let exit = ExitedExecutor {
        agent_id: agent.id.clone(),
        framework_id: scheduler.id.clone(),
        executor_id: "x".into(),
        status: 9,
    };
    world.agent_says(&agent.pid, exit);
    assert_eq!(cpus(&world), None);
    let events = world.events(&scheduler);
    let failure = events[0].failure.as_ref().unwrap();
    assert_eq!(failure.agent_id.as_ref(), Some(&agent.id));
    assert_eq!((failure.executor_id.clone().unwrap().as_str(), failure.status), ("x", Some(9)));
}

#[test]
fn an_executor_that_changes_is_refused() {
    let (mut world, _, scheduler) = start();
    launch(&mut world, &scheduler, |offer| {
        let mut other = own_executor("b", offer);
        other.executor.as_mut().unwrap().name = Some("other".to_owned());
        vec![own_executor("a", offer), other]
    });
    let status = world.statuses(&scheduler).remove(0);
    assert_eq!((status.task_id.as_str(), status.state), ("b", TaskState::Error));
    let words = status.message.unwrap();
    assert!(
        words.starts_with("ExecutorInfo is not compatible with existing ExecutorInfo"),
        "{words}"
    );
}

#[test]
fn tasks_are_checked_in_mesos_words() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| {
        let good = task("good", offer, "cpus:0.1");
        let executor = own_executor("x", offer).executor;
        vec![
            good.clone(),
            good.clone(),
            TaskInfo { task_id: "a/b".into(), ..good.clone() },
            TaskInfo { task_id: "n1".into(), resources: vec![], ..good.clone() },
            TaskInfo { task_id: "n2".into(), agent_id: "other".into(), ..good.clone() },
            TaskInfo { task_id: "n3".into(), command: None, ..good.clone() },
            TaskInfo { task_id: "n4".into(), executor, ..good.clone() },
        ]
    });
    let said: Vec<_> = world.statuses(&scheduler).into_iter().map(|s| s.message.unwrap()).collect();
    let xor = "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
    let expected = [
        "Task has duplicate ID: good".to_owned(),
        "'a/b' contains invalid characters".to_owned(),
        "Task uses no resources".to_owned(),
        format!("Task uses invalid agent other while agent {} is expected", agent.id),
        xor.to_owned(),
        xor.to_owned(),
    ];
    assert_eq!(said, expected);
    assert_eq!(world.launched(&agent).len(), 1);
    assert_eq!(world.count("master/tasks_error"), 6);
}

#[test]
fn messages_pass_both_ways() {
    let (mut world, agent, scheduler) = start();
    world.received(&agent.pid);
    world.events(&scheduler);
    let body = |agent: &str| MessageCall {
        agent_id: agent.into(),
        executor_id: "x".into(),
        data: "hi".into(),
    };
    world.call(&scheduler, CallType::Message, |call| call.message = Some(body(agent.id.as_str())));
    world.call(&scheduler, CallType::Message, |call| call.message = Some(body("nosuch")));
    let told = world.received(&agent.pid);
    assert!(matches!(&told[..], [MasterToAgent::FrameworkToExecutor(m)] if &*m.data == b"hi"));
    assert_eq!(world.count("master/valid_framework_to_executor_messages"), 1);
    assert_eq!(world.count("master/invalid_framework_to_executor_messages"), 1);
    let answer = |framework: &str| ExecutorToFramework {
        agent_id: agent.id.clone(),
        framework_id: framework.into(),
        executor_id: "x".into(),
        data: "ho".into(),
    };
    world.agent_says(&agent.pid, answer(scheduler.id.as_str()));
    world.agent_says(&agent.pid, answer("nosuch"));
    let events = world.events(&scheduler);
    assert_eq!(support::kinds(&events), [EventType::Message]);
    assert_eq!(&*events[0].message.as_ref().unwrap().data, b"ho");
    assert_eq!(world.count("master/invalid_executor_to_framework_messages"), 1);
}

#[test]
fn shutdown_goes_to_the_agent_whatever_it_names() {
    let (mut world, agent, scheduler) = start();
    world.received(&agent.pid);
    let body = Shutdown { executor_id: "nosuch".into(), agent_id: agent.id.clone() };
    let response = world.call(&scheduler, CallType::Shutdown, |call| call.shutdown = Some(body));
    assert_eq!(response, Response::accepted());
    let told = world.received(&agent.pid);
    assert!(matches!(&told[..], [MasterToAgent::ShutdownExecutor(_)]));
}

#[test]
fn wrong_acknowledgements_are_counted_and_dropped() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| vec![task("t", offer, "cpus:1")]);
    world.launched(&agent);
    // Nothing was sent that could be acknowledged.
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    assert!(world.received(&agent.pid).is_empty());
    assert_eq!(world.count("master/invalid_status_update_acknowledgements"), 1);
    // One for a task that the master has forgotten goes to the agent, which may know better.
    world.acknowledge(&scheduler, &agent, "nosuch", TaskState::Running);
    assert_eq!(world.received(&agent.pid).len(), 1);
    // The wrong one for a terminal update does not end the task.
    world.update(&agent, &scheduler, "t", TaskState::Failed);
    world.acknowledge(&scheduler, &agent, "t", TaskState::Running);
    assert_eq!(world.snapshot().frameworks[&scheduler.id].tasks.len(), 1);
}

#[test]
fn updates_wait_for_a_scheduler_that_is_away() {
    let (mut world, agent, scheduler) = start();
    launch(&mut world, &scheduler, |offer| vec![task("t", offer, "cpus:1")]);
    world.disconnect(&scheduler);
    world.events(&scheduler);
    world.update(&agent, &scheduler, "t", TaskState::Running);
    assert_eq!(world.count("master/invalid_status_updates"), 1);
    let info = mesos::framework::FrameworkInfo { id: Some(scheduler.id), ..framework("r1") };
    let back = world.subscribe(info);
    // The agent tries again.
    world.update(&agent, &back, "t", TaskState::Running);
    assert_eq!(world.statuses(&back)[0].state, TaskState::Running);
    let state = world.snapshot();
    let known = &state.frameworks[&back.id].tasks[&TaskId::from("t")];
    assert_eq!(known.statuses.len(), 1, "the same update twice is one status");
}

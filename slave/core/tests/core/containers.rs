//! Containers that are not executors': nested ones, and those that stand alone.

use mesos::container::{ContainerInfo, ContainerInfoType, ContainerStatus};
use mesos::executor_info::CommandInfo;
use mesos::ids::ContainerId;
use mesos::task::TaskState;
use mesos::volume::{SandboxPath, SandboxPathType, Volume, VolumeSource, VolumeSourceType};
use slave_core::checkpoint::{RecoveredContainer, RecoveredState};
use slave_core::containers::ContainerState;
use slave_core::containers::call::{
    ContainerAnswer, ContainerCall, ContainerEffect, ContainerEvent, ContainerLaunch,
    ContainerRequest, ContainerSpec,
};
use slave_core::event::{ContainerTermination, LaunchedContainer};
use slave_core::{AgentState, Event};

use crate::driver::{Driver, checkpointing, config, framework, pid, update};

fn nested(parent: &ContainerId, value: &str) -> ContainerId {
    ContainerId { value: value.to_string(), parent: Some(Box::new(parent.clone())) }
}

fn launch(container: &ContainerId) -> ContainerLaunch {
    let command = CommandInfo { value: Some("true".to_string()), ..CommandInfo::default() };
    ContainerLaunch { container: container.clone(), command, ..ContainerLaunch::default() }
}

fn ended_with(status: i32) -> ContainerTermination {
    ContainerTermination { status: Some(status), ..ContainerTermination::default() }
}

fn answered_with(status: i32) -> ContainerAnswer {
    ContainerAnswer::Ended(Box::new(ended_with(status)))
}

/// Asks, and gives what is answered at once.
fn ask(driver: &mut Driver, request: u64, call: ContainerCall) -> Option<ContainerAnswer> {
    let request = ContainerRequest(request);
    driver.event(Event::Container(ContainerEvent::Call { request, call }));
    let mut answers = driver.container_answers();
    assert!(answers.len() <= 1, "one call, one answer: {answers:?}");
    answers.pop().map(|(to, answer)| {
        assert_eq!(to, request);
        answer
    })
}

fn wait(driver: &mut Driver, request: u64, id: &ContainerId) -> Option<ContainerAnswer> {
    ask(driver, request, ContainerCall::Wait(id.clone()))
}

fn up(driver: &mut Driver, id: &ContainerId, pid: u32) {
    let launched = LaunchedContainer { pid: Some(pid), network_infos: Vec::new() };
    driver.event(Event::ContainerLaunched { container: id.clone(), result: Ok(launched) });
}

/// Launches a container as far as its running.
fn start(driver: &mut Driver, id: &ContainerId) -> ContainerSpec {
    assert_eq!(ask(driver, 1, ContainerCall::Launch(Box::new(launch(id)))), None);
    let spec = driver.contained_launches().pop().expect("it is launched");
    up(driver, id, 99);
    assert_eq!(driver.container_answers(), [(ContainerRequest(1), ContainerAnswer::Launched)]);
    spec
}

fn refused(text: &str) -> Option<ContainerAnswer> {
    Some(ContainerAnswer::Refused(text.to_string()))
}

fn state(driver: &Driver, id: &ContainerId) -> Option<ContainerState> {
    driver.snapshot().containers.get(id).map(|container| container.state)
}

#[test]
fn a_nested_container_lives_in_its_parents_sandbox() {
    let mut driver = Driver::registered();
    let root = driver.start(&checkpointing("f1"), "t1");
    let (check, deep) = (nested(&root, "check"), nested(&nested(&root, "check"), "deep"));
    let spec = start(&mut driver, &check);
    let runs = "/var/lib/mesos/slaves/m1-S0/frameworks/f1/executors/t1/runs";
    let sandbox = format!("{runs}/{root}/containers/check");
    assert_eq!(spec.sandbox.display().to_string(), sandbox);
    assert_eq!(spec.working_directory, spec.sandbox);
    assert_eq!(spec.user.as_deref(), Some("alice"), "the user is the parent's");
    assert!(spec.survives, "the framework checkpoints");
    let expected = [("MESOS_SANDBOX", &sandbox), ("MESOS_DIRECTORY", &sandbox)];
    for (name, value) in expected {
        let found = spec.environment.iter().rev().find(|(key, _)| key == name);
        assert_eq!(found.map(|(_, value)| value), Some(value));
    }
    assert!(!spec.environment.iter().any(|(name, _)| name == "MESOS_EXECUTOR_ID"));
    let below = start(&mut driver, &deep);
    assert_eq!(below.sandbox.display().to_string(), format!("{sandbox}/containers/deep"));
}

#[test]
fn a_task_in_a_nested_container_is_told_with_its_process() {
    let mut driver = Driver::registered();
    driver.start_custom(&framework("f1"), "t1", "e1");
    let id = nested(&driver.executor("f1", "e1").container, "n");
    let says = |driver: &mut Driver, state, uuid: &str| {
        let mut update = update("f1", "t1", state, uuid);
        let container_id = Some(id.clone());
        let status = ContainerStatus { container_id, ..ContainerStatus::default() };
        update.status.container_status = Some(Box::new(status));
        driver.executor_says(&pid("e1"), update);
        let told = driver.forwarded().pop().expect("it is forwarded");
        driver.acknowledge(&told);
        *told.status.container_status.expect("it is in a container")
    };
    let before = says(&mut driver, TaskState::Starting, "1");
    assert_eq!((before.executor_pid, before.network_infos.len()), (None, 0));
    start(&mut driver, &id);
    let running = says(&mut driver, TaskState::Running, "2");
    assert_eq!((running.executor_pid, running.network_infos.len()), (Some(99), 1));
    assert_eq!(running.container_id, Some(id.clone()));
}

#[test]
fn the_end_of_a_container_is_told_now_and_later() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    start(&mut driver, &id);
    assert_eq!(wait(&mut driver, 2, &id), None);
    driver.terminated(&id, ended_with(1024));
    assert_eq!(driver.container_answers(), [(ContainerRequest(2), answered_with(1024))]);
    assert_eq!(wait(&mut driver, 3, &id), Some(answered_with(1024)));
    let text = format!("Container {root}.other cannot be found");
    let unknown = wait(&mut driver, 4, &nested(&root, "other"));
    assert_eq!(unknown, Some(ContainerAnswer::NotFound(text)));
}

#[test]
fn who_waits_in_vain_is_forgotten() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    start(&mut driver, &id);
    assert_eq!(wait(&mut driver, 2, &id), None);
    driver.event(Event::Container(ContainerEvent::Abandoned(ContainerRequest(2))));
    driver.terminated(&id, ended_with(0));
    assert_eq!(driver.container_answers(), []);
}

#[test]
fn launches_that_cannot_be_are_refused() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let mut says =
        |launch: ContainerLaunch| ask(&mut driver, 1, ContainerCall::Launch(Box::new(launch)));
    let orphan = nested(&ContainerId::root("nosuch"), "n");
    assert_eq!(says(launch(&orphan)), refused("Parent container nosuch does not exist"));
    assert_eq!(says(launch(&root)), Some(ContainerAnswer::AlreadyLaunched));
    let info = |kind| {
        let info = ContainerInfo { r#type: kind, ..ContainerInfo::default() };
        ContainerLaunch { info: Some(Box::new(info)), ..launch(&nested(&root, "n")) }
    };
    let docker = info(ContainerInfoType::Docker);
    assert_eq!(says(docker), refused("The provided ContainerInfo is not supported"));
    let mut volumes = info(ContainerInfoType::Mesos);
    volumes.info.as_mut().unwrap().volumes = vec![shared(SandboxPathType::Parent, "../../x")];
    let text = "Path '../../x' of a SANDBOX_PATH volume leads out of the sandbox";
    assert_eq!(says(volumes), refused(text));
    let deep = (0..40).fold(root.clone(), |parent, _| nested(&parent, "n"));
    assert!(matches!(says(launch(&deep)), Some(ContainerAnswer::Refused(_))));
}

fn shared(kind: SandboxPathType, path: &str) -> Volume {
    let sandbox_path = SandboxPath { r#type: Some(kind), path: path.to_string() };
    Volume {
        container_path: "data".to_string(),
        source: Some(Box::new(VolumeSource {
            r#type: Some(VolumeSourceType::SandboxPath),
            sandbox_path: Some(sandbox_path),
            ..VolumeSource::default()
        })),
        ..Volume::default()
    }
}

#[test]
fn a_volume_of_the_parent_is_a_link_to_its_sandbox() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let info = ContainerInfo {
        r#type: ContainerInfoType::Mesos,
        volumes: vec![shared(SandboxPathType::Parent, "shared")],
        ..ContainerInfo::default()
    };
    let launch = ContainerLaunch { info: Some(Box::new(info)), ..launch(&nested(&root, "n")) };
    assert_eq!(ask(&mut driver, 1, ContainerCall::Launch(Box::new(launch))), None);
    let spec = driver.contained_launches().pop().expect("it is launched");
    assert_eq!(spec.links[0].path, spec.sandbox.join("data"));
    let parent = spec.sandbox.parent().and_then(|path| path.parent()).unwrap();
    assert_eq!(spec.links[0].target, parent.join("shared"));
}

#[test]
fn a_launch_that_fails_leaves_nothing() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    assert_eq!(ask(&mut driver, 1, ContainerCall::Launch(Box::new(launch(&id)))), None);
    assert_eq!(wait(&mut driver, 2, &id), None);
    let result = Err("no room".to_string());
    driver.event(Event::ContainerLaunched { container: id.clone(), result });
    let nothing = ContainerAnswer::Ended(Box::default());
    let refusal = ContainerAnswer::Refused("no room".to_string());
    let expected = [(ContainerRequest(1), refusal), (ContainerRequest(2), nothing)];
    assert_eq!(driver.container_answers(), expected);
    assert_eq!(state(&driver, &id), None);
    start(&mut driver, &id);
}

#[test]
fn children_end_before_their_parents() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let (one, two) = (nested(&root, "one"), nested(&nested(&root, "one"), "two"));
    start(&mut driver, &one);
    start(&mut driver, &two);
    driver.forget();
    // The process of the first has ended, yet the container ends with what is below it.
    driver.terminated(&one, ended_with(0));
    assert_eq!(driver.destroyed(), [two.clone()]);
    assert_eq!(wait(&mut driver, 5, &one), None);
    let below = ContainerCall::Launch(Box::new(launch(&nested(&one, "three"))));
    let text = format!("Parent container {one} is in 'DESTROYING' state");
    assert_eq!(ask(&mut driver, 6, below), refused(&text));
    driver.terminated(&two, ended_with(9));
    assert_eq!(driver.container_answers(), [(ContainerRequest(5), answered_with(0))]);
    assert_eq!(wait(&mut driver, 7, &two), Some(answered_with(9)));
}

#[test]
fn an_executor_ends_after_what_is_below_it() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    start(&mut driver, &id);
    driver.forget();
    driver.terminated(&root, ended_with(0));
    assert_eq!(driver.destroyed(), [id.clone()]);
    assert_eq!(driver.forwarded(), [], "the task ends with the whole container");
    assert_eq!(wait(&mut driver, 2, &root), None);
    driver.terminated(&id, ended_with(9));
    assert_eq!(driver.forwarded().len(), 1);
    assert_eq!(driver.container_answers(), [(ContainerRequest(2), answered_with(0))]);
    assert_eq!(state(&driver, &id), None, "nothing is remembered below a root that is over");
    let traces = format!("/var/lib/mesos/runtime/containers/{root}");
    assert!(driver.removed().iter().any(|path| path.display().to_string() == traces));
    let text = format!("Container {id} cannot be found");
    assert_eq!(wait(&mut driver, 3, &id), Some(ContainerAnswer::NotFound(text)));
}

#[test]
fn an_executor_is_destroyed_after_what_is_below_it() {
    let mut driver = Driver::registered();
    driver.start_custom(&framework("f1"), "t1", "e1");
    let root = driver.executor("f1", "e1").container;
    let id = nested(&root, "n");
    start(&mut driver, &id);
    driver.event(Event::ExecutorExited { executor: pid("e1") });
    driver.advance_pinged(config().executor_registration_timeout * 2);
    assert_eq!(driver.destroyed(), [id.clone()], "the executor has not come back");
    driver.terminated(&id, ended_with(9));
    assert_eq!(driver.destroyed(), [root]);
}

#[test]
fn signals_go_to_what_runs() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    let kill =
        |container: &ContainerId| ContainerCall::Kill { container: container.clone(), signal: 15 };
    let text = format!("Container '{id}' cannot be found (or is already killed)");
    let missing = Some(ContainerAnswer::NotFound(text));
    assert_eq!(ask(&mut driver, 1, kill(&id)), missing);
    assert_eq!(ask(&mut driver, 1, ContainerCall::Launch(Box::new(launch(&id)))), None);
    driver.contained_launches();
    assert_eq!(ask(&mut driver, 2, kill(&id)), Some(ContainerAnswer::Done));
    assert_eq!(driver.destroyed(), [id.clone()], "there is no process to signal yet");
    assert_eq!(ask(&mut driver, 5, kill(&id)), Some(ContainerAnswer::Done), "it ends already");
    assert_eq!(driver.container_effects(), [], "what has no process gets no signal");
    up(&mut driver, &id, 99);
    driver.terminated(&id, ended_with(9));
    driver.container_answers();
    start(&mut driver, &id);
    assert_eq!(ask(&mut driver, 3, kill(&id)), None);
    let request = ContainerRequest(3);
    let signal = ContainerEffect::Signal { container: id.clone(), signal: 15, request };
    assert_eq!(driver.container_effects(), [signal]);
    let result = Err("No such process".to_string());
    driver.event(Event::Container(ContainerEvent::Signalled { request, result }));
    let text = "Unable to send signal to container: No such process".to_string();
    assert_eq!(driver.container_answers(), [(request, ContainerAnswer::Failed(text))]);
    driver.terminated(&id, ended_with(9));
    assert_eq!(ask(&mut driver, 4, kill(&id)), missing);
}

#[test]
fn a_container_that_has_ended_can_be_removed() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    let remove = |id: &ContainerId| ContainerCall::Remove(id.clone());
    let spec = start(&mut driver, &id);
    let text = "Nested container has not terminated yet".to_string();
    assert_eq!(ask(&mut driver, 2, remove(&id)), Some(ContainerAnswer::Failed(text)));
    driver.terminated(&id, ended_with(0));
    assert_eq!(ask(&mut driver, 3, remove(&id)), None);
    let paths = driver.removed();
    assert!(paths.contains(&spec.sandbox) && paths.contains(&spec.runtime), "{paths:?}");
    let text = format!("Container {id} is being removed");
    let again = ContainerCall::Launch(Box::new(launch(&id)));
    assert_eq!(ask(&mut driver, 4, again), refused(&text));
    for path in paths {
        driver.event(Event::PathRemoved { path, result: Ok(()) });
    }
    assert_eq!(driver.container_answers(), [(ContainerRequest(3), ContainerAnswer::Done)]);
    assert_eq!(state(&driver, &id), None);
    let stray = nested(&ContainerId::root("nosuch"), "n");
    let text = "Unknown root container".to_string();
    assert_eq!(ask(&mut driver, 5, remove(&stray)), Some(ContainerAnswer::Failed(text)));
    assert!(matches!(ask(&mut driver, 6, remove(&root)), Some(ContainerAnswer::Refused(_))));
}

#[test]
fn a_session_inherits_and_ends_with_its_connection() {
    let mut driver = Driver::registered();
    let root = driver.start(&checkpointing("f1"), "t1");
    let id = nested(&root, "s");
    let session = ContainerLaunch { session: true, ..launch(&id) };
    assert_eq!(ask(&mut driver, 1, ContainerCall::Launch(Box::new(session))), None);
    let spec = driver.contained_launches().pop().expect("it is launched");
    assert!(spec.environment.iter().any(|(name, _)| name == "MESOS_EXECUTOR_ID"));
    let own = spec.environment.iter().rev().find(|(name, _)| name == "MESOS_SANDBOX");
    let parent = driver.executor("f1", "t1").directory;
    assert_eq!(own.map(|(_, value)| value.clone()), Some(parent.display().to_string()));
    assert_eq!(spec.working_directory, parent);
    assert!(!spec.survives);
    up(&mut driver, &id, 99);
    driver.forget();
    driver.event(Event::Container(ContainerEvent::Abandoned(ContainerRequest(1))));
    assert_eq!(driver.destroyed(), [id]);
}

#[test]
fn a_container_alone_is_its_own_root() {
    let mut driver = Driver::registered();
    let id = ContainerId::root("alone");
    let spec = start(&mut driver, &id);
    assert_eq!(spec.sandbox.display().to_string(), "/var/lib/mesos/containers/alone");
    assert_eq!(spec.user, None);
    let below = nested(&id, "n");
    start(&mut driver, &below);
    driver.forget();
    driver.terminated(&id, ended_with(0));
    assert_eq!(driver.destroyed(), [below.clone()]);
    driver.terminated(&below, ended_with(9));
    assert_eq!(driver.snapshot().containers.len(), 0);
    assert_eq!(driver.removed(), [std::path::Path::new("/var/lib/mesos/runtime/containers/alone")]);
}

/// The containers that were known, as the next agent finds them.
fn left(driver: &Driver, ended: &[&ContainerId]) -> Vec<RecoveredContainer> {
    let snapshot = driver.snapshot();
    let found = snapshot.containers.values().map(|container| {
        let ended = ended.contains(&&container.spec.container);
        RecoveredContainer {
            spec: (*container.spec).clone(),
            pid: container.pid.filter(|_| !ended),
            status: ended.then_some(256),
        }
    });
    // The order on the disk is anybody's guess.
    found.rev().collect()
}

#[test]
fn containers_are_found_again_by_the_next_agent() {
    let mut driver = Driver::registered();
    let root = driver.start(&checkpointing("f1"), "t1");
    let alone = ContainerId::root("alone");
    let (runs, over) = (nested(&root, "runs"), nested(&root, "over"));
    let below = nested(&runs, "below");
    for id in [&runs, &over, &below, &alone] {
        start(&mut driver, id);
    }
    let session = nested(&root, "session");
    let call = ContainerLaunch { session: true, ..launch(&session) };
    ask(&mut driver, 1, ContainerCall::Launch(Box::new(call)));
    up(&mut driver, &session, 7);
    let mut containers = left(&driver, &[&over]);
    let stray = nested(&ContainerId::root("stray"), "n");
    let spec = ContainerSpec { container: stray, ..ContainerSpec::default() };
    containers.push(RecoveredContainer { spec, ..RecoveredContainer::default() });
    let mut driver = driver.restart_with(config(), |state: &mut RecoveredState| {
        state.containers = containers;
    });
    assert_eq!(driver.snapshot().state, AgentState::Recovering);
    let mut watched: Vec<_> =
        driver.recover_containers().into_iter().map(|one| one.container).collect();
    watched.sort();
    let mut expected = vec![root.clone(), runs.clone(), below.clone(), session.clone(), alone];
    expected.sort();
    assert_eq!(watched, expected);
    assert_eq!(driver.destroyed(), [session], "whoever asked for it is gone");
    let traces = std::path::PathBuf::from("/var/lib/mesos/runtime/containers/stray");
    assert_eq!(driver.removed(), [traces]);
    assert_eq!(wait(&mut driver, 1, &over), Some(answered_with(256)));
    assert_eq!(wait(&mut driver, 2, &below), None);
    driver.terminated(&below, ended_with(15));
    assert_eq!(driver.container_answers(), [(ContainerRequest(2), answered_with(15))]);
}

#[test]
fn no_container_outlives_the_machine() {
    let mut driver = Driver::registered();
    let root = driver.start(&checkpointing("f1"), "t1");
    start(&mut driver, &nested(&root, "n"));
    let containers = left(&driver, &[]);
    let mut driver = driver.restart_with(config(), |state: &mut RecoveredState| {
        state.rebooted = true;
        state.containers = containers;
    });
    assert_eq!(driver.snapshot().containers.len(), 0);
    let traces = format!("/var/lib/mesos/runtime/containers/{root}");
    assert!(driver.removed().iter().any(|path| path.display().to_string() == traces));
}

#[test]
fn an_update_says_how_a_nested_container_is_reached_while_it_runs() {
    let mut driver = Driver::registered();
    let root = driver.start(&framework("f1"), "t1");
    let id = nested(&root, "n");
    start(&mut driver, &id);
    driver.forget();
    let tell = |driver: &mut Driver, state, uuid| {
        let mut update = update("f1", "t1", state, uuid);
        let container_id = Some(id.clone());
        update.status.container_status =
            Some(Box::new(ContainerStatus { container_id, ..ContainerStatus::default() }));
        driver.executor_says(&pid("t1"), update);
        let told = driver.forwarded_one();
        driver.acknowledge(&told);
        *told.status.container_status.expect("it says in which container")
    };
    let running = tell(&mut driver, TaskState::Running, "1");
    assert_eq!((running.container_id.as_ref(), running.executor_pid), (Some(&id), Some(99)));
    let address = running.network_infos[0].ip_addresses[0].ip_address.as_deref();
    assert_eq!(address, Some("10.0.0.1"));
    driver.terminated(&id, ended_with(0));
    let over = tell(&mut driver, TaskState::Finished, "2");
    assert_eq!((over.container_id.as_ref(), over.executor_pid), (Some(&id), None));
    assert!(over.network_infos.is_empty());
}

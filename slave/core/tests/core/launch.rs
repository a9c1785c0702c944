use mesos::executor_info::{Environment, EnvironmentVariable};
use mesos::framework::FrameworkInfo;
use mesos::internal::{AgentToExecutor, AgentToMaster};
use mesos::resources::Resources;
use mesos::task::{Reason, TaskState};
use mesos::value::Scalar;
use slave_core::Event;
use slave_core::effect::ExecutorKind;
use slave_core::executor::ExecutorState;

use crate::driver::{
    Driver, checkpointing, command_task, config, custom_task, framework, partition_aware, update,
};

#[test]
fn a_command_task_gets_an_executor_of_its_own() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), command_task("t1"));
    let spec = driver.container_up();
    assert_eq!(spec.kind, ExecutorKind::Command);
    assert_eq!(spec.executor.executor_id.as_str(), "t1");
    assert_eq!(spec.resources.cpus(), Some(1.1), "the task's and the executor's own");
    assert_eq!(spec.resources.mem(), Some(96.0));
    assert_eq!(spec.user.as_deref(), Some("alice"));
    assert_eq!(spec.forked_pid_path, None);
    assert_eq!(
        spec.directory.to_str(),
        Some(
            format!(
                "/var/lib/mesos/slaves/m1-S0/frameworks/f1/executors/t1/runs/{}",
                spec.container
            )
            .as_str()
        )
    );
    assert_eq!(driver.executor("f1", "t1").queued.len(), 1);
    let executor = driver.executor_registers("f1", "t1");
    let told = driver.told();
    assert_eq!(told[0].0, executor);
    let names: Vec<_> = told.iter().map(|(_, message)| message.name()).collect();
    assert_eq!(names, ["ExecutorRegistered", "RunTask"]);
    assert!(driver.resizes().is_empty(), "its container was made for the task");
    assert_eq!(driver.task_state("f1", "t1", "t1"), Some(TaskState::Staging));
}

/// Else what it says of the task could not name the process of its container.
#[test]
fn an_executor_that_is_quicker_than_the_news_of_its_container_waits_for_its_task() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), command_task("t1"));
    let executor = driver.executor_registers("f1", "t1");
    assert_eq!(driver.told_names(), ["ExecutorRegistered"]);
    driver.container_up();
    assert_eq!(driver.told_names(), ["RunTask"]);
    driver.executor_says(&executor, update("f1", "t1", TaskState::Running, "u1"));
    let container = driver.forwarded_one().status.container_status;
    assert_eq!(container.and_then(|container| container.executor_pid), Some(4711));
}

/// As soon as one task has a limit, all that is limited nowhere counts with what it is promised.
#[test]
fn limits_of_tasks_add_up() {
    let mut driver = Driver::registered();
    let limited = |id: &str, cpus: f64, mem: f64| {
        let mut task = custom_task(id, "e1");
        for (name, value) in [("cpus", cpus), ("mem", mem)] {
            task.limits.insert(name.to_string(), Scalar { value });
        }
        task
    };
    driver.run(&framework("f1"), limited("t1", 2.0, f64::INFINITY));
    let spec = driver.container_up();
    let promised = spec.resources.cpus().unwrap_or_default();
    let executor = driver.executor("f1", "e1");
    let own: f64 = executor.info.resources.iter().filter_map(cpus_of).sum();
    let expected = [("cpus".to_string(), 2.0 + own), ("mem".to_string(), f64::INFINITY)];
    assert_eq!(spec.limits, expected.into());
    driver.executor_registers("f1", "e1");
    driver.forget();
    driver.run(&framework("f1"), custom_task("t2", "e1"));
    let grants = driver.grants();
    let [(resources, limits)] = &grants[..] else { panic!("it grows once: {grants:?}") };
    let more = resources.cpus().unwrap_or_default() - promised;
    assert_eq!(limits["cpus"], 2.0 + own + more);
    assert_eq!(limits["mem"], f64::INFINITY);
}

fn cpus_of(resource: &mesos::resource::Resource) -> Option<f64> {
    Some(resource.scalar.as_ref().filter(|_| resource.name == "cpus")?.value)
}

#[test]
fn an_executor_finds_what_mesos_promises() {
    let mut driver = Driver::registered();
    let mut task = command_task("t1");
    if let Some(command) = &mut task.command {
        let variable = EnvironmentVariable {
            name: "MINE".to_string(),
            value: Some("1".to_string()),
            ..Default::default()
        };
        command.environment = Some(Environment { variables: vec![variable] });
        command.user = Some("bob".to_string());
    }
    driver.run(&framework("f1"), task.clone());
    let spec = driver.container_up();
    let get = |name: &str| {
        let found = spec.environment.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let directory = spec.directory.to_str();
    let expected = [
        ("MINE", Some("1")),
        ("LIBPROCESS_IP", Some("10.0.0.1")),
        ("LIBPROCESS_PORT", Some("0")),
        ("MESOS_AGENT_ENDPOINT", Some("10.0.0.1:5051")),
        ("MESOS_CHECKPOINT", Some("0")),
        ("MESOS_DIRECTORY", directory),
        ("MESOS_SANDBOX", directory),
        ("MESOS_EXECUTOR_ID", Some("t1")),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", Some("5secs")),
        ("MESOS_FRAMEWORK_ID", Some("f1")),
        ("MESOS_HTTP_COMMAND_EXECUTOR", Some("0")),
        ("MESOS_SLAVE_ID", Some("m1-S0")),
        ("MESOS_SLAVE_PID", Some("slave(1)@10.0.0.1:5051")),
        ("MESOS_RECOVERY_TIMEOUT", None),
        ("PATH", Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
    ];
    for (name, value) in expected {
        assert_eq!(get(name), value, "{name}");
    }
    assert_eq!(spec.user.as_deref(), Some("bob"));
    assert_eq!(spec.task, Some(task));
    assert_eq!(spec.command.value, None, "the shell knows the built-in program");
}

#[test]
fn nobody_is_switched_to_where_that_is_off() {
    let config = slave_core::Config { switch_user: false, ..config() };
    let mut driver = Driver::registered_with(config);
    driver.run(&framework("f1"), command_task("t1"));
    assert_eq!(driver.container_up().user, None);
}

#[test]
fn a_checkpointing_framework_is_written_before_it_runs() {
    let mut driver = Driver::registered();
    driver.writes_at_once = false;
    driver.run(&checkpointing("f1"), command_task("t1"));
    assert!(driver.launches().is_empty());
    assert!(driver.write(), "the framework");
    assert!(driver.launches().is_empty());
    assert!(driver.write(), "the executor");
    let spec = driver.container_up();
    let variables: Vec<_> = spec.environment.iter().map(|(name, _)| name.as_str()).collect();
    assert!(variables.contains(&"MESOS_RECOVERY_TIMEOUT"));
    assert!(variables.contains(&"MESOS_SUBSCRIPTION_BACKOFF_MAX"));
    let pid_path = spec.forked_pid_path.expect("the pid is kept");
    assert!(pid_path.ends_with("pids/forked.pid"));
    assert!(pid_path.starts_with("/var/lib/mesos/meta/slaves/m1-S0/frameworks/f1"));
    driver.executor_registers("f1", "t1");
    assert_eq!(driver.told_names(), ["ExecutorRegistered"], "the task is not written yet");
    assert!(driver.write(), "the task");
    assert!(driver.told().is_empty(), "nor is the executor's pid");
    assert!(driver.write(), "the executor's pid");
    assert_eq!(driver.told_names(), ["RunTask"]);
    assert!(!driver.write());
}

#[test]
fn a_failed_write_ends_the_agent() {
    let mut driver = Driver::registered();
    driver.writes_at_once = false;
    driver.run(&checkpointing("f1"), command_task("t1"));
    let (id, _) = driver.writes.pop_front().expect("the framework is written");
    driver.event(Event::Checkpointed { id, result: Err("disk full".to_string()) });
    assert!(matches!(&driver.exit, Some(Some(error)) if error.contains("disk full")));
    assert!(driver.launches().is_empty());
}

#[test]
fn tasks_share_an_executor_and_its_container_grows() {
    let mut driver = Driver::registered();
    let info = framework("f1");
    driver.run_expecting(&info, custom_task("t1", "e1"), Some(true));
    driver.run_expecting(&info, custom_task("t2", "e1"), Some(false));
    let spec = driver.container_up();
    assert_eq!(spec.kind, ExecutorKind::Custom);
    assert_eq!(spec.resources.cpus(), Some(1.1), "it was made for the first task");
    driver.executor_registers("f1", "e1");
    assert_eq!(driver.told_names(), ["ExecutorRegistered"]);
    let (container, resources) = driver.resizes().pop().expect("its container grows");
    assert_eq!(resources.cpus(), Some(2.1));
    driver.event(Event::ContainerUpdated { container: container.clone(), result: Ok(()) });
    assert_eq!(driver.told_names(), ["RunTask", "RunTask"]);
    driver.run(&info, custom_task("t3", "e1"));
    assert!(driver.told().is_empty());
    driver.event(Event::ContainerUpdated { container, result: Ok(()) });
    assert_eq!(driver.told_names(), ["RunTask"]);
    assert!(driver.launches().is_empty());
}

#[test]
fn a_container_that_cannot_grow_is_destroyed() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.run(&info, custom_task("t1", "e1"));
    driver.run(&info, custom_task("t2", "e1"));
    let container = driver.container_up().container;
    driver.executor_registers("f1", "e1");
    let failed = Err("no memory".to_string());
    driver.event(Event::ContainerUpdated { container: container.clone(), result: failed });
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, Default::default());
    let updates = driver.forwarded();
    assert_eq!(updates.len(), 2);
    for update in updates {
        assert_eq!(update.status.state, TaskState::Gone);
        assert_eq!(update.status.reason, Some(Reason::ContainerUpdateFailed));
        let message = update.status.message.unwrap_or_default();
        assert_eq!(message, "Failed to update resources for container: no memory");
    }
}

#[test]
fn a_group_is_given_as_one() {
    let mut driver = Driver::registered();
    driver.run_group(&framework("f1"), "e1", &["g1", "g2"]);
    let spec = driver.container_up();
    assert_eq!(spec.kind, ExecutorKind::Default);
    assert_eq!(spec.resources.cpus(), Some(2.1));
    driver.executor_registers("f1", "e1");
    let told = driver.told();
    let Some((_, AgentToExecutor::RunTaskGroup(message))) = told.last() else {
        panic!("the group is given: {told:?}");
    };
    assert_eq!(message.task_group.tasks.len(), 2);
    let executor = driver.executor("f1", "e1");
    let ids: Vec<_> = executor.launched_tasks.values().map(|t| t.executor_id.clone()).collect();
    assert_eq!(ids, [Some("e1".into()), Some("e1".into())]);
}

#[test]
fn no_executor_is_made_where_none_is_expected() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.run_expecting(&info, custom_task("t1", "e1"), Some(false));
    assert!(driver.launches().is_empty());
    let update = driver.forwarded_one();
    assert_eq!(update.status.state, TaskState::Dropped);
    assert_eq!(update.status.reason, Some(Reason::ExecutorTerminated));
    driver.acknowledge(&update);
    assert!(driver.snapshot().frameworks.is_empty(), "nothing of it is left");
}

#[test]
fn an_executor_that_runs_is_not_made_again() {
    let mut driver = Driver::registered();
    let info = framework("f1");
    driver.run_expecting(&info, custom_task("t1", "e1"), Some(true));
    driver.container_up();
    driver.run_expecting(&info, custom_task("t2", "e1"), Some(true));
    let sent = driver.sent();
    let [AgentToMaster::StatusUpdate(update)] = &sent[..] else {
        panic!("the launch is dropped, and the executor is there: {sent:?}");
    };
    assert_eq!(update.status.task_id.as_str(), "t2");
    assert_eq!(update.status.state, TaskState::Lost);
    assert_eq!(driver.executor("f1", "e1").queued.len(), 1);
}

#[test]
fn a_command_task_does_not_take_an_executor_over() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.run_expecting(&info, custom_task("t1", "e1"), Some(true));
    driver.run_expecting(&info, command_task("e1"), Some(false));
    let update = driver.forwarded_one();
    assert_eq!(update.status.task_id.as_str(), "e1");
    assert_eq!(update.status.state, TaskState::Dropped);
    assert_eq!(update.status.reason, Some(Reason::TaskInvalid));
    let text = "Cannot reuse an already existing executor for a command task";
    assert_eq!(update.status.message.as_deref(), Some(text));
}

#[test]
fn an_executor_that_is_over_does_not_count_twice() {
    let mut driver = Driver::registered();
    let info = partition_aware(framework("f1"));
    driver.run_expecting(&info, custom_task("t1", "e1"), Some(true));
    let container = driver.container_up().container;
    driver.terminated(&container, Default::default());
    driver.forget();
    // The end of the task is not acknowledged; the master counts on a new executor.
    driver.run_expecting(&info, custom_task("t2", "e1"), Some(true));
    let sent = driver.sent();
    let [AgentToMaster::StatusUpdate(update), AgentToMaster::ExitedExecutor(exited)] = &sent[..]
    else {
        panic!("the task is dropped, and so is the executor: {sent:?}");
    };
    assert_eq!(update.status.state, TaskState::Dropped);
    assert_eq!(exited.executor_id.as_str(), "e1");
}

#[test]
fn a_launch_for_an_ending_executor_is_dropped() {
    let mut driver = Driver::registered();
    let info = framework("f1");
    driver.run(&info, custom_task("t1", "e1"));
    driver.container_up();
    driver.executor_registers("f1", "e1");
    driver.master_says(mesos::internal::ShutdownExecutor {
        executor_id: Some("e1".into()),
        framework_id: Some("f1".into()),
    });
    driver.run(&info, custom_task("t2", "e1"));
    let update = driver.forwarded_one();
    assert_eq!(update.status.state, TaskState::Lost);
    assert_eq!(update.status.message.as_deref(), Some("Executor terminating"));
    assert_eq!(driver.executor("f1", "e1").state, ExecutorState::Terminating);
}

#[test]
fn ids_that_leave_the_work_directory_are_refused() {
    for (framework_id, task) in [("../../etc", "t1"), ("f1", ".."), ("f1", "a/b"), ("f1", "")] {
        let mut driver = Driver::registered();
        let info = FrameworkInfo { checkpoint: true, ..framework(framework_id) };
        driver.run(&info, command_task(task));
        assert!(driver.launches().is_empty(), "{framework_id} {task}");
        let update = driver.forwarded_one();
        assert_eq!(update.status.reason, Some(Reason::TaskInvalid));
    }
}

#[test]
fn resources_in_use_follow_the_tasks() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.start(&framework("f2"), "t2");
    let expected = Resources::parse("cpus:2.2;mem:192", "*").expect("well formed");
    assert_eq!(driver.snapshot().allocated(), expected);
}

use std::time::Duration;

use mesos::internal::{AgentToMaster, ShutdownAgent, ShutdownExecutor, ShutdownFramework};
use mesos::task::{Reason, TaskState};
use mesos::time::DurationInfo;
use slave_core::event::{ContainerTermination, Signal};
use slave_core::executor::ExecutorState;
use slave_core::metrics::Counter;
use slave_core::{AgentState, Config, Event};

use crate::driver::{
    Driver, checkpointing, command_task, config, custom_task, framework, partition_aware, pid,
    resources, update,
};

fn exit(status: i32) -> ContainerTermination {
    ContainerTermination { status: Some(status << 8), ..ContainerTermination::default() }
}

#[test]
fn a_command_task_fails_with_its_executor() {
    let mut driver = Driver::registered();
    let container = driver.start(&partition_aware(framework("f1")), "t1");
    driver.terminated(&container, exit(1));
    let sent = driver.sent();
    let [AgentToMaster::StatusUpdate(end)] = &sent[..] else {
        panic!("masters do not know of command executors: {sent:?}");
    };
    assert_eq!(end.status.state, TaskState::Failed);
    assert_eq!(end.status.reason, Some(Reason::ExecutorTerminated));
    assert_eq!(end.status.message.as_deref(), Some("Executor terminated"));
    assert_eq!(driver.executor("f1", "t1").state, ExecutorState::Terminated);
    driver.acknowledge(end);
    let snapshot = driver.snapshot();
    assert!(snapshot.frameworks.is_empty());
    assert_eq!(snapshot.completed_frameworks.len(), 1);
    let executors = &snapshot.completed_frameworks[0].completed_executors;
    assert_eq!(executors[0].completed_tasks[0].state, TaskState::Failed);
    assert_eq!(driver.count(Counter::ExecutorsTerminated), 1);
    assert_eq!(driver.count(Counter::TasksFailed), 1);
}

#[test]
fn tasks_of_a_custom_executor_fail_with_it() {
    for info in [framework("f1"), partition_aware(framework("f1"))] {
        let mut driver = Driver::registered();
        driver.run(&info, custom_task("t1", "e1"));
        let container = driver.container_up().container;
        driver.executor_registers("f1", "e1");
        driver.run(&info, custom_task("t2", "e1"));
        driver.forget();
        driver.terminated(&container, exit(3));
        let sent = driver.sent();
        let [
            AgentToMaster::StatusUpdate(first),
            AgentToMaster::StatusUpdate(second),
            AgentToMaster::ExitedExecutor(exited),
        ] = &sent[..]
        else {
            panic!("both tasks and the executor end: {sent:?}");
        };
        assert_eq!(first.status.state, TaskState::Failed);
        assert_eq!(second.status.state, TaskState::Failed);
        assert_eq!(exited.status, 3 << 8);
    }
}

#[test]
fn what_the_containerizer_knows_reaches_the_framework() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), custom_task("t1", "e1"));
    let container = driver.container_up().container;
    driver.executor_registers("f1", "e1");
    let limited_resources = resources("mem:96");
    let termination = ContainerTermination {
        status: Some(9),
        state: Some(TaskState::Failed),
        reason: Some(Reason::ContainerLimitationMemory),
        message: Some("Memory limit exceeded".to_string()),
        limited_resources: limited_resources.clone(),
    };
    driver.terminated(&container, termination);
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Failed);
    assert_eq!(end.status.reason, Some(Reason::ContainerLimitationMemory));
    assert_eq!(end.status.message.as_deref(), Some("Memory limit exceeded"));
    assert_eq!(end.status.limitation.map(|l| l.resources), Some(limited_resources));
}

#[test]
fn a_container_that_cannot_be_made_fails_the_task() {
    let mut driver = Driver::registered();
    driver.run(&framework("f1"), command_task("t1"));
    let container = driver.launches()[0].container.clone();
    driver.event(Event::ContainerLaunched { container, result: Err("no such user".into()) });
    let end = driver.forwarded_one();
    assert_eq!(end.status.state, TaskState::Failed);
    assert_eq!(end.status.reason, Some(Reason::ContainerLaunchFailed));
    let message = end.status.message.unwrap_or_default();
    assert_eq!(message, "Failed to launch container: no such user");
    assert_eq!(driver.count(Counter::ContainerLaunchErrors), 1);
}

#[test]
fn tasks_that_are_over_stay_over() {
    let mut driver = Driver::registered();
    let container = driver.start(&framework("f1"), "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Finished, "1"));
    let end = driver.forwarded_one();
    driver.terminated(&container, exit(0));
    assert!(driver.forwarded().is_empty());
    assert_eq!(driver.snapshot().frameworks.len(), 1, "its end is not acknowledged");
    driver.acknowledge(&end);
    assert!(driver.snapshot().frameworks.is_empty());
}

#[test]
fn an_executor_may_take_its_grace_to_shut_down() {
    let mut driver = Driver::registered();
    let mut task = custom_task("t1", "e1");
    if let Some(executor) = &mut task.executor {
        executor.shutdown_grace_period = Some(DurationInfo { nanoseconds: 20_000_000_000 });
    }
    driver.run(&framework("f1"), task);
    let container = driver.container_up().container;
    driver.executor_registers("f1", "e1");
    driver.forget();
    driver.master_says(ShutdownExecutor {
        executor_id: Some("e1".into()),
        framework_id: Some("f1".into()),
    });
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
    driver.advance(Duration::from_secs(19));
    assert!(driver.destroyed().is_empty());
    driver.advance(Duration::from_secs(1));
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
}

#[test]
fn a_framework_that_is_shut_down_ends_silently() {
    let mut driver = Driver::registered();
    let container = driver.start(&framework("f1"), "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    driver.forget();
    driver.master_says(ShutdownFramework { framework_id: "f1".into() });
    assert_eq!(driver.told_names(), ["ShutdownExecutor"]);
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Killed, "2"));
    driver.run(&framework("f1"), command_task("t2"));
    driver.advance(Duration::from_secs(60));
    assert!(driver.forwarded().is_empty(), "nobody is there to acknowledge");
    assert_eq!(driver.destroyed(), std::slice::from_ref(&container));
    driver.terminated(&container, exit(0));
    assert!(driver.snapshot().frameworks.is_empty());
    assert!(driver.forwarded().is_empty());
    assert!(driver.launches().is_empty());
}

#[test]
fn histories_are_bounded() {
    let config = Config {
        max_completed_frameworks: 2,
        max_completed_executors_per_framework: 3,
        max_completed_tasks_per_executor: 4,
        ..config()
    };
    let mut driver = Driver::registered_with(config);
    for name in ["f1", "f2", "f3"] {
        let container = driver.start(&framework(name), &format!("{name}-only"));
        driver.terminated(&container, exit(0));
        let end = driver.forwarded_one();
        driver.acknowledge(&end);
    }
    let names: Vec<_> =
        driver.snapshot().completed_frameworks.iter().map(|f| f.id.to_string()).collect();
    assert_eq!(names, ["f2", "f3"]);
    driver.start(&framework("f4"), "keeper");
    for number in 0..5 {
        let container = driver.start(&framework("f4"), &format!("t{number}"));
        driver.terminated(&container, exit(0));
        let end = driver.forwarded_one();
        driver.acknowledge(&end);
    }
    let framework = driver.framework("f4");
    let executors = &framework.completed_executors;
    let ids: Vec<_> = executors.iter().map(|e| e.id.to_string()).collect();
    assert_eq!(ids, ["t2", "t3", "t4"]);
}

#[test]
fn a_framework_that_comes_back_has_its_history() {
    let mut driver = Driver::registered();
    let container = driver.start(&framework("f1"), "t1");
    driver.terminated(&container, exit(0));
    let end = driver.forwarded_one();
    driver.acknowledge(&end);
    driver.start(&framework("f1"), "t2");
    assert!(driver.snapshot().completed_frameworks.is_empty());
    assert_eq!(driver.framework("f1").completed_executors.len(), 1);
}

#[test]
fn a_shutdown_by_the_master_kills_everything_and_forgets_the_agent() {
    let mut driver = Driver::registered();
    let first = driver.start(&checkpointing("f1"), "t1");
    let second = driver.start(&framework("f2"), "t2");
    driver.master_says(ShutdownAgent { message: None });
    assert_eq!(driver.snapshot().state, AgentState::Terminating);
    assert_eq!(driver.told_names(), ["ShutdownExecutor", "ShutdownExecutor"]);
    driver.terminated(&first, exit(0));
    assert_eq!(driver.exit, None);
    driver.terminated(&second, exit(0));
    assert_eq!(driver.exit, Some(None));
    assert_eq!(driver.disk.recovered().agent, None, "the next start is a new agent");
}

#[test]
fn sigusr1_unregisters() {
    let mut driver = Driver::registered();
    driver.event(Event::Signal(Signal::Unregister));
    assert!(matches!(driver.sent()[..], [AgentToMaster::UnregisterAgent(_)]));
    assert_eq!(driver.exit, Some(None));
}

#[test]
fn sigterm_leaves_executors_alone() {
    let mut driver = Driver::registered();
    driver.start(&checkpointing("f1"), "t1");
    driver.event(Event::Signal(Signal::Terminate));
    assert_eq!(driver.exit, Some(None));
    assert!(driver.told().is_empty());
    assert!(driver.destroyed().is_empty());
    assert!(driver.disk.recovered().agent.is_some());
}

use std::collections::BTreeMap;
use std::sync::Arc;

use mesos::ids::TaskId;
use mesos::task::TaskState;
use slave_core::metrics::{Counter, gauges};

use crate::driver::{Driver, command_task, framework, framework_of, pid, update};

#[test]
fn a_snapshot_does_not_change() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    let before = driver.snapshot();
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    driver.start(&framework("f2"), "t2");
    let state = |snapshot: &slave_core::Snapshot| {
        let framework = framework_of(snapshot, "f1");
        let task = framework.executor_of(&"t1".into()).map(|e| e.launched_tasks.clone());
        task.and_then(|tasks| tasks.get(&TaskId::from("t1")).map(|task| task.state))
    };
    assert_eq!(state(&before), Some(TaskState::Staging));
    assert_eq!(state(&driver.snapshot()), Some(TaskState::Running));
    assert_eq!(before.frameworks.len(), 1);
}

#[test]
fn a_snapshot_shares_what_has_not_changed() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.start(&framework("f2"), "t2");
    let before = driver.snapshot();
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    let after = driver.snapshot();
    let same = |id: &str| Arc::ptr_eq(&framework_of(&before, id), &framework_of(&after, id));
    assert!(!same("f1"));
    assert!(same("f2"));
}

#[test]
fn gauges_say_what_mesos_says() {
    let mut driver = Driver::registered();
    driver.start(&framework("f1"), "t1");
    driver.run(&framework("f1"), command_task("t2"));
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Running, "1"));
    let gauges: BTreeMap<_, _> = gauges(&driver.snapshot(), driver.now).into_iter().collect();
    let expected = [
        ("slave/registered", 1.0),
        ("slave/frameworks_active", 1.0),
        ("slave/executors_running", 1.0),
        ("slave/executors_registering", 1.0),
        ("slave/executors_terminating", 0.0),
        ("slave/tasks_running", 1.0),
        ("slave/tasks_staging", 1.0),
        ("slave/cpus_total", 4.0),
        ("slave/cpus_used", 2.2),
        ("slave/cpus_percent", 0.55),
        ("slave/mem_used", 192.0),
        ("slave/gpus_total", 0.0),
        ("slave/cpus_revocable_total", 0.0),
        ("slave/executor_directory_max_allowed_age_secs", 604_800.0),
    ];
    for (name, value) in expected {
        let found = gauges.get(name).copied().unwrap_or(f64::NAN);
        assert!((found - value).abs() < 1e-9, "{name} is {found}, not {value}");
    }
    assert_eq!(gauges.len(), 6 + 3 + 4 + 24);
}

#[test]
fn counters_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> =
        Counter::ALL.iter().map(|counter| counter.name()).collect();
    assert_eq!(names.len(), Counter::ALL.len());
}

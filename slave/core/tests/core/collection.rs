use std::time::Duration;

use mesos::task::TaskState;
use slave_core::Event;
use slave_core::metrics::Counter;

use crate::driver::{Driver, checkpointing, command_task, framework, pid, update};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// An agent on which one task has come and gone.
fn used(info: &mesos::framework::FrameworkInfo) -> Driver {
    let mut driver = Driver::registered();
    let container = driver.start(info, "t1");
    driver.executor_says(&pid("t1"), update("f1", "t1", TaskState::Finished, "1"));
    let end = driver.forwarded_one();
    driver.acknowledge(&end);
    driver.terminated(&container, Default::default());
    driver.forget();
    driver
}

fn removed(driver: &mut Driver) -> Vec<String> {
    driver.removed().iter().map(|path| path.display().to_string()).collect()
}

#[test]
fn dead_sandboxes_are_kept_for_a_week() {
    let mut driver = used(&framework("f1"));
    driver.advance(WEEK - Duration::from_secs(1));
    assert!(driver.removed().is_empty());
    driver.advance(Duration::from_secs(1));
    let paths = removed(&mut driver);
    let framework = "/var/lib/mesos/slaves/m1-S0/frameworks/f1".to_string();
    assert!(paths.contains(&framework), "{paths:?}");
}

#[test]
fn a_full_disk_brings_removals_forward() {
    let mut driver = used(&framework("f1"));
    driver.event(Event::DiskUsage(0.4));
    assert!(driver.removed().is_empty());
    assert_eq!(driver.snapshot().gc_max_age, WEEK / 2);
    driver.advance(WEEK / 2);
    assert!(!driver.removed().is_empty());
    let mut driver = used(&framework("f1"));
    driver.event(Event::DiskUsage(0.95));
    assert!(!driver.removed().is_empty());
}

#[test]
fn a_directory_that_is_used_again_is_kept() {
    let mut driver = used(&framework("f1"));
    driver.advance(WEEK / 2);
    driver.register();
    driver.start(&framework("f1"), "t1");
    driver.advance(WEEK);
    let paths = removed(&mut driver);
    assert!(paths.iter().all(|path| path.contains("/runs/")), "only the old run goes: {paths:?}");
    assert!(!paths.is_empty());
}

#[test]
fn a_launch_waits_for_a_removal_that_would_take_it_with_it() {
    let mut driver = used(&framework("f1"));
    driver.event(Event::DiskUsage(1.0));
    let removing = driver.removed();
    driver.run(&framework("f1"), command_task("t2"));
    assert!(driver.launches().is_empty());
    assert_eq!(driver.framework("f1").pending.len(), 1);
    for path in removing {
        driver.event(Event::PathRemoved { path, result: Ok(()) });
    }
    assert_eq!(driver.launches().len(), 1);
    assert!(driver.count(Counter::PathRemovalsSucceeded) > 0);
}

#[test]
fn a_removal_that_failed_is_counted() {
    let mut driver = used(&framework("f1"));
    driver.event(Event::DiskUsage(1.0));
    for path in driver.removed() {
        let result = Err("busy".to_string());
        driver.event(Event::PathRemoved { path, result });
    }
    assert!(driver.count(Counter::PathRemovalsFailed) > 0);
}

#[test]
fn checkpoints_are_collected_like_sandboxes() {
    let mut driver = used(&checkpointing("f1"));
    driver.event(Event::DiskUsage(1.0));
    let paths = removed(&mut driver);
    let meta = "/var/lib/mesos/meta/slaves/m1-S0/frameworks/f1";
    assert!(paths.iter().any(|path| path.starts_with(meta)), "{paths:?}");
}

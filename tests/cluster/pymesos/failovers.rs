//! Schedulers on pymesos that come and go while their tasks go on.

use serde_json::{Value, json};

use super::scheduler::{Scheduler, WHOLE_LIFE, assert_ran_once, durable, held, let_go};
use crate::daemons::{Cluster, wait_for};

/// A scheduler that carries on as a framework that is there already.
fn successor(cluster: &Cluster, id: &Value) -> Scheduler {
    let mut framework = durable("framework");
    framework["id"] = id.clone();
    let scheduler = Scheduler::start_with(cluster, &framework, json!({"use_addict": true}));
    scheduler.client.wait_for("reregistered", |_| true);
    scheduler
}

#[test]
fn a_scheduler_dies_and_another_carries_on() {
    let cluster = Cluster::start(1);
    let mut first = Scheduler::start(&cluster, "framework");
    let id = first.wait_registered();
    first.launch([held(&cluster, "a"), held(&cluster, "b")]);
    first.wait_for("a", "TASK_RUNNING");
    first.wait_for("b", "TASK_RUNNING");
    first.client.kill();
    // Its end is told to nobody, and is told again.
    let_go(&cluster, "a");
    let mut second = successor(&cluster, &id);
    second.wait_for("a", "TASK_FINISHED");
    let_go(&cluster, "b");
    second.wait_for("b", "TASK_FINISHED");
    // The last that the first heard may be told again: it died before or after it acknowledged.
    let running = second.updates("b").iter().filter(|s| s["state"] == "TASK_RUNNING").count();
    second.assert_told_once("b", &WHOLE_LIFE[2 - running.min(1)..]);
    second.launch([held(&cluster, "c")]);
    second.wait_for("c", "TASK_RUNNING");
    for task in ["a", "b", "c"] {
        assert_ran_once(&cluster, task);
    }
    second.stop();
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
}

#[test]
fn a_second_scheduler_takes_over() {
    let cluster = Cluster::start(1);
    let mut first = Scheduler::start(&cluster, "framework");
    let id = first.wait_registered();
    first.launch([held(&cluster, "t")]);
    first.wait_for("t", "TASK_RUNNING");
    // The first has learned nothing of the other: it would take over again, and again.
    let mut framework = durable("framework");
    framework["id"] = id;
    let mut second = Scheduler::start_with(&cluster, &framework, json!({}));
    let error = first.client.wait_for("error", |_| true);
    assert_eq!(error[0], "Framework failed over");
    first.client.kill();
    second.client.wait_for("reregistered", |_| true);
    // What is asked on a stream that the first then ends is answered to nobody: ask again.
    wait_for("the second hears of the task", || {
        let task = json!([[{"task_id": {"value": "t"}}]]);
        second.client.try_call("reconcileTasks", task).ok()?;
        second.updates("t").pop()
    });
    let_go(&cluster, "t");
    second.wait_for("t", "TASK_FINISHED");
    assert_ran_once(&cluster, "t");
    second.stop();
}

#[test]
fn a_scheduler_that_stops_for_another_leaves_its_tasks() {
    let cluster = Cluster::start(1);
    let mut first = Scheduler::start(&cluster, "framework");
    let id = first.wait_registered();
    first.launch([held(&cluster, "t")]);
    first.wait_for("t", "TASK_RUNNING");
    let failover = true;
    first.client.call("stop", json!([failover]));
    assert_eq!(first.client.join(), Some(0));
    let mut second = successor(&cluster, &id);
    second.client.call("reconcileTasks", json!([[]]));
    second.wait_for("t", "TASK_RUNNING");
    assert_ran_once(&cluster, "t");
    // This one stops for good.
    second.stop();
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    let completed = wait_for("the framework is completed", || {
        let state = cluster.state()?;
        state["completed_frameworks"].as_array()?.first().cloned()
    });
    assert_eq!(completed["id"], id["value"]);
}

//! `kill -9` of master and agent under schedulers on pymesos.

use super::scheduler::{Scheduler, WHOLE_LIFE, assert_ran_once, held, let_go};
use crate::daemons::Cluster;

#[test]
fn the_master_dies() {
    let mut cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    let id = scheduler.wait_registered();
    scheduler.launch([held(&cluster, "a"), held(&cluster, "b")]);
    scheduler.wait_for("a", "TASK_RUNNING");
    scheduler.wait_for("b", "TASK_RUNNING");
    for (round, task) in ["a", "b"].into_iter().enumerate() {
        cluster.master.take().expect("it runs").kill();
        // The task ends while there is no master.
        let_go(&cluster, task);
        cluster.start_master();
        scheduler.client.wait_for_count("disconnected", round + 1);
        scheduler.client.wait_for_count("reregistered", round + 1);
        scheduler.wait_for(task, "TASK_FINISHED");
    }
    for task in ["a", "b"] {
        assert_ran_once(&cluster, task);
        scheduler.assert_told_once(task, &WHOLE_LIFE);
    }
    assert_eq!(scheduler.wait_registered(), id, "registered once");
    assert_eq!(scheduler.client.heard("registered").len(), 1);
    // The new master offers what is free.
    let count = scheduler.client.heard("resourceOffers").len();
    scheduler.client.call("reviveOffers", serde_json::json!([]));
    scheduler.client.wait_for_count("resourceOffers", count.max(2));
    scheduler.stop();
}

#[test]
fn the_agent_dies() {
    let mut cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    scheduler.launch([held(&cluster, "a"), held(&cluster, "b")]);
    scheduler.wait_for("a", "TASK_RUNNING");
    scheduler.wait_for("b", "TASK_RUNNING");
    cluster.agents[0].take().expect("it runs").kill();
    let_go(&cluster, "a");
    cluster.start_agent(0);
    scheduler.wait_for("a", "TASK_FINISHED");
    let_go(&cluster, "b");
    scheduler.wait_for("b", "TASK_FINISHED");
    for task in ["a", "b"] {
        assert_ran_once(&cluster, task);
        scheduler.assert_told_once(task, &WHOLE_LIFE);
    }
    scheduler.stop();
}

#[test]
fn an_agent_that_stays_away_is_told() {
    let flags = ["--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2"];
    let mut cluster = Cluster::start_with(1, &flags, &[]);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    scheduler.launch([held(&cluster, "t")]);
    let running = scheduler.wait_for("t", "TASK_RUNNING");
    let offer = scheduler.offer();
    cluster.agents[0].take().expect("it runs").kill();
    let rescinded = scheduler.client.wait_for("offerRescinded", |_| true);
    assert_eq!(rescinded[0], offer["id"]);
    let lost = scheduler.client.wait_for("slaveLost", |_| true);
    assert_eq!(lost[0], running["agent_id"]);
    let status = scheduler.wait_for("t", "TASK_LOST");
    assert_eq!(status["reason"], "REASON_AGENT_REMOVED");
    scheduler.stop();
}

//! Executors on pymesos.

use serde_json::{Value, json};

use super::client::written;
use super::scheduler::{Scheduler, WHOLE_LIFE, assert_ran_once, custom, durable, let_go, on};
use crate::daemons::{Cluster, wait_for};

/// pymesos waits about two seconds before it tries again.
const PATIENT: &str = "--executor_reregistration_timeout=15secs";

fn executor_pid(status: &Value) -> String {
    let pid = &status["container_status"]["executor_pid"];
    pid.as_u64().expect("a running task has a process").to_string()
}

fn kill(pid: &str) {
    let killed = std::process::Command::new("kill").args(["-9", pid]).status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn messages_pass_both_ways_and_tasks_end() {
    let cluster = Cluster::start(1);
    for (round, arguments) in ["", "addict"].into_iter().enumerate() {
        let mut framework = durable("custom");
        // Executors of frameworks without checkpoints find themselves in another environment.
        framework["checkpoint"] = json!(round == 0);
        let mut scheduler = Scheduler::start_with(&cluster, &framework, json!({}));
        let [a, b] = ["a", "b"].map(|id| format!("{id}{round}"));
        let mut task = custom(&cluster, &b, arguments);
        task["data"] = json!("Zm9ydHktdHdv");
        scheduler.launch([custom(&cluster, &a, arguments), task]);
        let running = scheduler.wait_for(&a, "TASK_RUNNING");
        scheduler.wait_for(&b, "TASK_RUNNING");

        let (executor, agent) = (json!({"value": "e"}), running["agent_id"].clone());
        let message = json!([executor, agent, "aGVsbG8="]);
        scheduler.client.call("sendFrameworkMessage", message);
        let heard = scheduler.client.wait_for("frameworkMessage", |_| true);
        assert_eq!(heard, [executor, agent, json!("eW91IHNhaWQgaGVsbG8=")], "you said hello");
        scheduler.kill_task(&a);
        let killed = scheduler.wait_for(&a, "TASK_KILLED");
        assert_eq!(killed["message"], "as you wish");
        let_go(&cluster, &b);
        let finished = scheduler.wait_for(&b, "TASK_FINISHED");
        assert_eq!(finished["data"], "Zm9ydHktdHdv");
        scheduler.assert_told_once(&b, &WHOLE_LIFE);
        assert_ran_once(&cluster, &a);
        scheduler.stop();
        // The end of the framework is the end of its executor, which is asked first.
        wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
        let asked = written(&cluster, "events").lines().filter(|line| *line == "shutdown").count();
        assert_eq!(asked, round + 1);
    }
}

#[test]
fn a_group_of_tasks_reaches_an_executor_whole() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "groups");
    let framework = scheduler.wait_registered();
    for (round, ids) in [["a", "b"], ["c", "d"]].into_iter().enumerate() {
        let offer = scheduler.offer();
        let mut executor = custom(&cluster, "t", "addict")["executor"].take();
        executor["type"] = json!("CUSTOM");
        executor["framework_id"] = framework.clone();
        let task = |id: &&str| {
            let mut task = on(&offer, custom(&cluster, id, ""));
            task.as_object_mut().expect("an object").remove("executor");
            task
        };
        let tasks: Vec<Value> = ids.iter().map(task).collect();
        let group = json!({"executor": executor, "task_group": {"tasks": tasks}});
        let operation = json!({"type": "LAUNCH_GROUP", "launch_group": group});
        let filters = json!({"refuse_seconds": 0});
        scheduler.client.call("acceptOffers", json!([offer["id"], [operation], filters]));
        for id in ids {
            scheduler.wait_for(id, "TASK_RUNNING");
            assert_ran_once(&cluster, id);
        }
        let events = written(&cluster, "events");
        let groups = events.lines().filter(|line| *line == "group of 2").count();
        assert_eq!(groups, round + 1, "{events}");
    }
    // What a kill does to the others is for the executor to say.
    scheduler.kill_task("a");
    scheduler.wait_for("a", "TASK_KILLED");
    for id in ["b", "c", "d"] {
        let_go(&cluster, id);
        scheduler.wait_for(id, "TASK_FINISHED");
        scheduler.assert_told_once(id, &WHOLE_LIFE);
    }
    scheduler.stop();
}

#[test]
fn an_agent_dies_under_an_executor() {
    let mut cluster = Cluster::start_with(1, &[], &[PATIENT]);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    scheduler.launch(["a", "b", "c"].map(|id| custom(&cluster, id, "")));
    for id in ["a", "b", "c"] {
        scheduler.wait_for(id, "TASK_RUNNING");
    }
    let before = cluster.task_processes();
    cluster.agents[0].take().expect("it runs").kill();
    // One task ends while nobody listens, the others after the agent is back.
    let_go(&cluster, "a");
    assert_eq!(cluster.task_processes(), before, "executors outlive their agent");
    cluster.start_agent(0);
    scheduler.wait_for("a", "TASK_FINISHED");
    let_go(&cluster, "b");
    scheduler.wait_for("b", "TASK_FINISHED");
    scheduler.kill_task("c");
    scheduler.wait_for("c", "TASK_KILLED");
    for id in ["a", "b"] {
        assert_ran_once(&cluster, id);
        scheduler.assert_told_once(id, &WHOLE_LIFE);
    }
    let events = written(&cluster, "events");
    assert!(events.contains("disconnected\n") && events.contains("reregistered\n"), "{events}");
    scheduler.stop();
}

#[test]
fn an_agent_dies_while_tasks_end() {
    let mut cluster = Cluster::start_with(1, &[], &[PATIENT]);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    let rounds = [["a", "b"], ["c", "d"]];
    scheduler.launch(rounds.concat().iter().map(|id| custom(&cluster, id, "addict")));
    for id in rounds.concat() {
        scheduler.wait_for(id, "TASK_RUNNING");
    }
    for round in rounds {
        // Their ends and the end of the agent cross each other.
        round.iter().for_each(|id| let_go(&cluster, id));
        cluster.agents[0].take().expect("it runs").kill();
        cluster.start_agent(0);
        round.iter().for_each(|id| drop(scheduler.wait_for(id, "TASK_FINISHED")));
    }
    for id in rounds.concat() {
        assert_ran_once(&cluster, id);
        scheduler.assert_told_once(id, &WHOLE_LIFE);
    }
    scheduler.stop();
}

#[test]
fn without_checkpoints_executors_end_with_their_agent() {
    let mut cluster = Cluster::start(1);
    let mut framework = durable("fleeting");
    framework["checkpoint"] = json!(false);
    let mut scheduler = Scheduler::start_with(&cluster, &framework, json!({}));
    scheduler.launch([custom(&cluster, "t", "")]);
    let running = scheduler.wait_for("t", "TASK_RUNNING");
    cluster.agents[0].take().expect("it runs").kill();
    let lost = scheduler.wait_for("t", "TASK_LOST");
    assert_eq!(lost["source"], "SOURCE_MASTER");
    cluster.start_agent(0);
    cluster.wait_for_agents(1);
    // pymesos comes back whatever its environment says, and is told that it has no place here.
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
    assert_eq!(scheduler.offer()["agent_id"], running["agent_id"]);
    scheduler.stop();
}

#[test]
fn a_master_dies_above_an_executor() {
    let mut cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "survivor");
    scheduler.launch(["a", "b"].map(|id| custom(&cluster, id, "")));
    let running = scheduler.wait_for("a", "TASK_RUNNING");
    scheduler.wait_for("b", "TASK_RUNNING");
    cluster.master.take().expect("it runs").kill();
    let_go(&cluster, "a");
    cluster.start_master();
    scheduler.client.wait_for("reregistered", |_| true);
    scheduler.wait_for("a", "TASK_FINISHED");
    cluster.wait_for_agents(1);
    let message = json!([{"value": "e"}, running["agent_id"], "aGVsbG8="]);
    scheduler.client.call("sendFrameworkMessage", message);
    scheduler.client.wait_for("frameworkMessage", |_| true);
    let_go(&cluster, "b");
    scheduler.wait_for("b", "TASK_FINISHED");
    for id in ["a", "b"] {
        assert_ran_once(&cluster, id);
        scheduler.assert_told_once(id, &WHOLE_LIFE);
    }
    scheduler.stop();
}

#[test]
fn an_executor_that_dies_is_told() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "custom");
    scheduler.launch([custom(&cluster, "t", "")]);
    let running = scheduler.wait_for("t", "TASK_RUNNING");
    kill(&executor_pid(&running));
    let lost = scheduler.client.wait_for("executorLost", |_| true);
    assert_eq!(lost, [json!({"value": "e"}), running["agent_id"].clone(), json!(9)]);
    let failed = scheduler.wait_for("t", "TASK_FAILED");
    assert_eq!(failed["reason"], "REASON_EXECUTOR_TERMINATED");
    scheduler.stop();
}

//! Schedulers on pymesos, and every call that it knows.

use std::process::Command;

use serde_json::{Value, json};

use super::client::{program, python};
use super::scheduler::{Scheduler, WHOLE_LIFE, durable, held, let_go, on, resources, shell};
use crate::daemons::{Cluster, wait_for};

#[test]
fn a_whole_framework_runs_to_its_end() {
    let cluster = Cluster::start(2);
    let mut command = Command::new(python());
    let command = command.arg(program("squares.py")).args([&cluster.address(), "50"]);
    let output = command.output().expect("Python starts");
    let (text, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert_eq!(text, "40425 [('squares', b'hello to you')]\n", "{log}");
    // Its end has torn it down.
    let completed = wait_for("the framework is completed", || {
        let state = cluster.state()?;
        state["completed_frameworks"].as_array()?.first().cloned()
    });
    assert_eq!(completed["name"], "squares");
    wait_for("no process is left", || cluster.task_processes().is_empty().then_some(()));
}

#[test]
fn command_tasks_run_with_and_without_addict() {
    let cluster = Cluster::start(1);
    for use_addict in [false, true] {
        let framework = durable("commands");
        let keywords = json!({"use_addict": use_addict, "principal": "me", "secret": "mine"});
        let mut scheduler = Scheduler::start_with(&cluster, &framework, keywords);
        let registered = scheduler.client.wait_for("registered", |_| true);
        assert_eq!(registered[1]["version"], "1.11.0");
        scheduler.launch([shell("good", "true"), shell("bad", "exit 7")]);
        scheduler.wait_for("good", "TASK_FINISHED");
        let failed = scheduler.wait_for("bad", "TASK_FAILED");
        assert_eq!(failed["message"], "Command exited with status 7");
        scheduler.assert_told_once("good", &WHOLE_LIFE);
        scheduler.client.wait_for("processHeartBeat", |_| true);
        scheduler.stop();
    }
}

#[test]
fn offers_are_declined_suppressed_and_revived() {
    let cluster = Cluster::start(1);
    let mut first = Scheduler::start(&cluster, "first");
    let long = json!({"refuse_seconds": 3600});
    let offer = first.offer();
    first.client.call("declineOffer", json!([offer["id"], long]));
    first.client.call("reviveOffers", json!([]));
    let offer = first.offer();
    first.client.call("suppressOffers", json!([]));
    // A launch without tasks is a decline.
    first.client.call("launchTasks", json!([offer["id"], [], {"refuse_seconds": 0}]));

    // What the first does not want goes to the second, and stays there although it is refused.
    let mut second = Scheduler::start(&cluster, "second");
    let offer = second.offer();
    second.client.call("declineOffer", json!([offer["id"], long]));
    first.client.call("requestResources", json!([[{"resources": resources()}]]));
    assert_eq!(first.client.heard("resourceOffers").len(), 2, "it is suppressed");
    first.client.call("reviveOffers", json!([]));
    let offer = first.offer();
    first.client.call("acceptOffers", json!([[offer["id"]], [], long]));
    first.stop();
    second.stop();
}

#[test]
fn roles_are_offered_revived_and_suppressed_one_by_one() {
    let cluster = Cluster::start(1);
    let mut framework = durable("roles");
    framework["roles"] = json!(["a", "b"]);
    framework["capabilities"] = json!([{"type": "MULTI_ROLE"}]);
    let mut scheduler = Scheduler::start_with(&cluster, &framework, json!({"use_addict": true}));
    let mut roles = Vec::new();
    for _ in 0..2 {
        let offer = scheduler.offer();
        let role = offer["allocation_info"]["role"].as_str().expect("a role").to_owned();
        assert_eq!(offer["resources"][0]["allocation_info"]["role"], role.as_str());
        scheduler.client.call("suppressOffers", json!([[role]]));
        scheduler.client.call("declineOffer", json!([offer["id"], {"refuse_seconds": 0}]));
        roles.push(role);
    }
    roles.sort();
    assert_eq!(roles, ["a", "b"], "each is offered the agent when the other is suppressed");
    scheduler.client.call("reviveOffers", json!([["b"]]));
    let offer = scheduler.offer();
    assert_eq!(offer["allocation_info"]["role"], "b");
    let task = on(&offer, shell("t", "true"));
    scheduler.client.call("launchTasks", json!([offer["id"], [task]]));
    scheduler.wait_for("t", "TASK_FINISHED");
    scheduler.stop();
}

#[test]
fn tasks_are_killed_and_reconciled() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "killer");
    scheduler.launch([held(&cluster, "a"), held(&cluster, "b")]);
    scheduler.wait_for("a", "TASK_RUNNING");
    scheduler.wait_for("b", "TASK_RUNNING");
    let reconciled = |scheduler: &Scheduler, task: &str| {
        let about = |status: &Value| {
            status["task_id"]["value"] == task && status["reason"] == "REASON_RECONCILIATION"
        };
        let heard = scheduler.client.wait_for("statusUpdate", |args| about(&args[0]));
        (heard[0]["state"].clone(), heard[0].get("uuid").is_some())
    };
    let tasks = json!([[{"task_id": {"value": "a"}}, {"task_id": {"value": "nobody"}}]]);
    scheduler.client.call("reconcileTasks", tasks);
    assert_eq!(reconciled(&scheduler, "a"), (json!("TASK_RUNNING"), false));
    assert_eq!(reconciled(&scheduler, "nobody"), (json!("TASK_LOST"), false));
    // Only who was asked for was told.
    assert_eq!(scheduler.updates("b").len(), 2);
    scheduler.client.call("reconcileTasks", json!([[]]));
    assert_eq!(reconciled(&scheduler, "b"), (json!("TASK_RUNNING"), false));

    scheduler.kill_task("a");
    let killed = scheduler.wait_for("a", "TASK_KILLED");
    assert_eq!(killed["source"], "SOURCE_EXECUTOR");
    scheduler.kill_task("nobody");
    let_go(&cluster, "b");
    scheduler.wait_for("b", "TASK_FINISHED");
    scheduler.stop();
}

#[test]
fn operations_and_inverse_offers_are_asked_about() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "curious");
    let agent = scheduler.offer()["agent_id"].clone();
    let operation = json!({"operation_id": {"value": "nosuch"}, "agent_id": agent});
    scheduler.client.call("reconcileOperations", json!([[operation]]));
    let status = scheduler.client.wait_for("operationStatusUpdate", |_| true)[0].clone();
    assert_eq!(status["operation_id"]["value"], "nosuch");
    assert_eq!(status["state"], "OPERATION_UNKNOWN");
    assert_eq!(status["agent_id"], agent);
    let nobodys = json!([{"value": "nosuch"}]);
    scheduler.client.call("acceptInverseOffers", nobodys.clone());
    scheduler.client.call("declineInverseOffer", nobodys);
    scheduler.stop();
}

#[test]
fn updates_wait_for_their_acknowledgement() {
    let cluster = Cluster::start(1);
    let keywords = json!({"implicit_acknowledgements": false});
    let mut scheduler = Scheduler::start_with(&cluster, &durable("slow"), keywords);
    scheduler.launch([shell("t", "true")]);
    for state in WHOLE_LIFE {
        let status = scheduler.wait_for("t", state);
        let told = scheduler.updates("t").iter().filter(|update| update["state"] != state).count();
        assert_eq!(WHOLE_LIFE[told], state, "one at a time");
        scheduler.client.call("acknowledgeStatusUpdate", json!([status]));
    }
    scheduler.stop();
}

#[test]
fn a_group_runs_under_the_default_executor() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "groups");
    let framework = scheduler.wait_registered();
    let offer = scheduler.offer();
    let tasks: Vec<Value> = ["a", "b"].iter().map(|id| on(&offer, shell(id, "true"))).collect();
    let executor = json!({"type": "DEFAULT", "executor_id": {"value": "default"},
                          "framework_id": framework, "resources": resources()});
    let group = json!({"executor": executor, "task_group": {"tasks": tasks}});
    let operation = json!({"type": "LAUNCH_GROUP", "launch_group": group});
    scheduler.client.call("acceptOffers", json!([offer["id"], [operation]]));
    for id in ["a", "b"] {
        scheduler.wait_for(id, "TASK_FINISHED");
        scheduler.assert_told_once(id, &WHOLE_LIFE);
    }
    scheduler.stop();
}

#[test]
fn what_is_wrong_is_told() {
    let cluster = Cluster::start(1);
    let mut scheduler = Scheduler::start(&cluster, "wrong");
    // What the master refuses is raised, in Mesos's words.
    let refused = scheduler.client.try_call("killTask", json!([{}])).expect_err("no id");
    assert!(refused.starts_with("Failed to send request 400"), "{refused}");
    assert!(refused.contains("kill.task_id"), "{refused}");
    // What it cannot do is an update.
    let mut large = shell("large", "true");
    large["resources"][0]["scalar"]["value"] = json!(1000);
    scheduler.launch([large]);
    let status = scheduler.wait_for("large", "TASK_ERROR");
    assert_eq!(status["reason"], "REASON_TASK_INVALID");
    let offer = scheduler.offer();
    let task = on(&offer, shell("late", "true"));
    scheduler.client.call("launchTasks", json!([{"value": "nosuch"}, [task]]));
    let status = scheduler.wait_for("late", "TASK_LOST");
    assert_eq!(status["reason"], "REASON_INVALID_OFFERS");
    // None of this has hurt it.
    let task = on(&offer, shell("t", "true"));
    scheduler.client.call("launchTasks", json!([offer["id"], [task]]));
    scheduler.wait_for("t", "TASK_FINISHED");
    scheduler.stop();
}

#[test]
fn a_framework_that_cannot_be_is_told_why() {
    let cluster = Cluster::start(1);
    let mut framework = durable("roles");
    framework["roles"] = json!(["a"]);
    // Without MULTI_ROLE this is not allowed.
    let scheduler = Scheduler::start_with(&cluster, &framework, json!({}));
    let error = scheduler.client.wait_for("error", |_| true);
    assert!(error[0].as_str().is_some_and(|text| text.contains("MULTI_ROLE")), "{error:?}");
}

//! Ten thousand calls that somebody has bent: whatever a scheduler says, the master lives, counts
//! right, and other frameworks notice nothing.
//!
//! Each call starts sound, in an offer's own words, and is then bent in one to three places. What
//! no longer reads as a call is for the layers above.

mod support;

use master_core::event::{Event, RequestId};
use master_core::{Config, invariants};
use mesos::json;
use mesos::offer::Offer;
use mesos::v1::scheduler::{Call, CallType, EventType};
use serde_json::{Value, json};
use support::{Scheduler, World, framework, task};

const ALL: &str = "cpus:4;mem:4096;disk:1000;ports:[100-200]";

/// What is put where something else belongs: mostly of the same kind, so that it can be read.
fn odd(rng: &mut fastrand::Rng, instead_of: &Value) -> Value {
    let is_fitting = |value: &&Value| match instead_of {
        Value::String(_) => value.is_string(),
        Value::Number(_) => value.is_number(),
        _ => true,
    };
    let any = rng.u8(..5) == 0;
    let values = odd_values();
    let fitting: Vec<&Value> = values.iter().filter(|value| any || is_fitting(value)).collect();
    fitting[rng.usize(..fitting.len())].clone()
}

fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("*"),
        json!("../x"),
        json!("\u{0}"),
        json!("x".repeat(300)),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(-1e308),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!("Infinity"),
        json!("NaN"),
        json!(true),
        json!([]),
        json!({}),
        json!("SCALAR"),
        json!("RANGES"),
        json!("SET"),
        json!("DEFAULT"),
        json!("AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
}

/// Every place of a value, as a path.
fn places(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    out.push(path.clone());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        places(child, path, out);
        path.pop();
    }
}

/// Bends a value in one place: something is replaced, left out, said twice, or said elsewhere.
fn bend(rng: &mut fastrand::Rng, value: &mut Value) {
    let mut all = Vec::new();
    places(value, &mut Vec::new(), &mut all);
    let pointer = |path: &[String]| path.iter().map(|key| format!("/{key}")).collect::<String>();
    let target = all[rng.usize(..all.len())].clone();
    let Some((key, parent)) = target.split_last() else { return };
    let source = all[rng.usize(..all.len())].clone();
    let copy = value.pointer(&pointer(&source)).cloned().unwrap_or_default();
    let Some(parent) = value.pointer_mut(&pointer(parent)) else { return };
    match (rng.u8(..6), parent) {
        (0, Value::Object(fields)) => drop(fields.remove(key)),
        (0, Value::Array(items)) => drop(items.pop()),
        (1, Value::Array(items)) if items.len() < 8 => items.extend(items.first().cloned()),
        (2, Value::Object(fields)) => drop(fields.insert(key.clone(), copy)),
        (_, Value::Object(fields)) => {
            if let Some(field) = fields.get_mut(key) {
                *field = odd(rng, field);
            }
        }
        (_, Value::Array(items)) => {
            if let Some(item) = key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                *item = odd(rng, item);
            }
        }
        _ => {}
    }
}

/// A sound call of each type.
fn sound(kind: CallType, who: &Scheduler, offer: &Offer, number: u64) -> Value {
    let task_info = json::to_value(&task(&format!("t{number}"), offer, "cpus:0.1;mem:8"));
    let agent = json!({"value": offer.agent_id.as_str()});
    let (task, uuid) = (json!({"value": "t1"}), "MDEyMzQ1Njc4OWFiY2RlZg==");
    let ids = json!([{"value": offer.id.as_str()}]);
    let info = {
        let info = framework("r1");
        json::to_value(&mesos::framework::FrameworkInfo { id: Some(who.id.clone()), ..info })
    };
    let constraint = json!({"selector": {"attribute_name": "rack"},
        "predicate": {"text_not_matches": {"regex": "a.*"}}});
    let constraints = json!({"role_constraints": {"r1": {"groups": [
        {"attribute_constraints": [constraint]}]}}});
    let executor = json!({"type": "DEFAULT", "executor_id": {"value": "dx"},
        "framework_id": {"value": who.id.as_str()}, "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
            {"name": "disk", "type": "SCALAR", "scalar": {"value": 1}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 150, "end": 151}]}}]});
    let mut rich = task_info.clone();
    rich["health_check"] =
        json!({"type": "HTTP", "http": {"port": 80, "path": "/", "scheme": "http"}});
    rich["check"] = json!({"type": "COMMAND", "command": {"command": {"value": "true"}}});
    rich["kill_policy"] = json!({"grace_period": {"nanoseconds": 5}});
    rich["max_completion_time"] = json!({"nanoseconds": 5});
    rich["limits"] = json!({"cpus": {"value": 1.0}, "mem": {"value": "Infinity"}});
    rich["container"] = json!({"type": "MESOS", "volumes": [{"mode": "RW", "container_path": "p",
        "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "q"}}}],
        "linux_info": {"share_cgroups": true}});
    rich["command"]["environment"] = json!({"variables": [{"name": "V", "value": "v"}]});
    let reserve = json!({"type": "RESERVE", "id": {"value": "o"}, "reserve": {"resources": [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [
            {"type": "DYNAMIC", "role": "r1", "principal": "p"}]}]}});
    let group = json!({"type": "LAUNCH_GROUP", "launch_group": {"executor": executor,
        "task_group": {"tasks": [task_info.clone()]}}});
    let launch = json!({"type": "LAUNCH", "launch": {"task_infos": [rich]}});
    let inverse = json!({"inverse_offer_ids": ids.clone(), "filters": {"refuse_seconds": 1.0}});
    let body = match kind {
        CallType::Accept => json!({"offer_ids": ids, "filters": {"refuse_seconds": 0.0},
            "operations": [launch, reserve, group]}),
        CallType::Decline => json!({"offer_ids": ids, "filters": {"refuse_seconds": 0.0}}),
        CallType::AcceptInverseOffers | CallType::DeclineInverseOffers => inverse,
        CallType::Kill => json!({"task_id": task, "agent_id": agent,
            "kill_policy": {"grace_period": {"nanoseconds": 1}}}),
        CallType::Shutdown => json!({"executor_id": {"value": "dx"}, "agent_id": agent}),
        CallType::Acknowledge => json!({"agent_id": agent, "task_id": task, "uuid": uuid}),
        CallType::AcknowledgeOperationStatus => json!({"agent_id": agent, "uuid": uuid,
            "operation_id": {"value": "o"}}),
        CallType::Reconcile => json!({"tasks": [{"task_id": task, "agent_id": agent}]}),
        CallType::ReconcileOperations => json!({"operations": [
            {"operation_id": {"value": "o"}, "agent_id": agent}]}),
        CallType::Message => {
            json!({"agent_id": agent, "executor_id": {"value": "dx"}, "data": uuid})
        }
        CallType::Request => json!({"requests": [{"agent_id": agent}]}),
        CallType::UpdateFramework => json!({"framework_info": info,
            "suppressed_roles": [], "offer_constraints": constraints}),
        _ => json!({"roles": ["r1"]}),
    };
    let mut call = json!({"type": kind.as_str(), "framework_id": {"value": who.id.as_str()}});
    call[kind.as_str().to_lowercase()] = body;
    call
}

fn bent_calls(seed: u64, calls: u64) {
    use CallType::*;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::with(Config::default());
    let agent = world.agent(ALL);
    let bystander = world.subscribe(framework("other"));
    world.call(&bystander, Suppress, |call| call.suppress = Some(Default::default()));
    let offers = world.offers(&bystander);
    world.decline(&bystander, &offers, 0.0);
    let mut who = world.subscribe(framework("r1"));
    let mut read = 0;
    for number in 0..calls {
        let kinds = [
            Accept,
            Accept,
            Accept,
            Accept,
            Decline,
            AcceptInverseOffers,
            DeclineInverseOffers,
            Revive,
            Kill,
            Shutdown,
            Acknowledge,
            AcknowledgeOperationStatus,
            Reconcile,
            ReconcileOperations,
            Message,
            Request,
            Suppress,
            UpdateFramework,
        ];
        let kind = kinds[rng.usize(..kinds.len())];
        if !world.snapshot().frameworks.contains_key(&who.id) {
            // A bent call has torn it down.
            who = world.subscribe(framework("r1"));
        }
        world.events(&who);
        let id =
            world.snapshot().offers.values().find(|o| o.framework == who.id).map(|o| o.id.clone());
        let id = id.unwrap_or_else(|| "nosuch".into());
        let offer = Offer { id, agent_id: agent.id.clone(), ..Offer::default() };
        let mut call = sound(kind, &who, &offer, number);
        for _ in 0..rng.u8(1..4) {
            bend(&mut rng, &mut call);
        }
        if let Ok(call) = json::from_value::<Call>(call, "Call") {
            read += 1;
            let request = RequestId(1_000_000 + number);
            let stream_id = Some(who.stream.clone());
            world.event(Event::FrameworkCall { request, stream_id, principal: None, call });
            assert!([200, 202, 400, 403, 501].contains(&world.response(request).status));
        }
        if rng.u8(..4) == 0 {
            world.advance_secs(1);
        }
        if number % 8 == 0 {
            invariants::check(&world.master).expect("invariants hold");
        }
    }
    assert!(read > calls / 4, "{read} of {calls} calls could be read");
    assert!(world.count("master/tasks_error") > 10, "some are refused");
    assert!(!world.launched(&agent).is_empty(), "some are not bent where it matters");
    assert_eq!(world.aborted, None);
    let heard = world.events(&bystander);
    assert!(heard.iter().all(|event| event.r#type == Some(EventType::Heartbeat)), "{heard:?}");
}

#[test]
fn bent_calls_do_no_harm() {
    for seed in 0..10 {
        let run = std::panic::AssertUnwindSafe(|| bent_calls(seed, 1_000));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

//! Ten thousand calls that somebody has bent: whatever a scheduler says, the master lives, counts
//! right, and other frameworks notice nothing. Bent words of agents it survives too.
//!
//! Each call starts sound, in an offer's own words, and is then bent in one to three places. What
//! no longer reads as a call is for the layers above.

mod support;

use master_core::event::{Event, RequestId};
use master_core::{Config, invariants};
use mesos::internal::{
    AgentToMaster, ExitedExecutor, RegisterAgent, ReregisterAgent, StatusUpdate, UpdateAgent,
};
use mesos::json;
use mesos::offer::Offer;
use mesos::v1::scheduler::{Call, CallType, EventType};
use serde_json::{Value, json};
use support::bend::bend;
use support::{AgentHandle, Scheduler, World, framework, task};

const ALL: &str = "cpus:4;mem:4096;disk:1000;ports:[100-200]";

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
            {"name": "ports", "type": "RANGES",
             "ranges": {"range": [{"begin": 150, "end": 151}]}}]});
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

/// What an agent says, of itself and of what it runs.
fn sound_words(agent: &AgentHandle, who: &Scheduler, number: u64) -> [Value; 5] {
    let (agent_id, framework) =
        (json!({"value": agent.id.as_str()}), json!({"value": who.id.as_str()}));
    let ports = json!({"name": "ports", "type": "RANGES", "ranges": {"range": [
        {"begin": 100, "end": 110}]}});
    let cpus = json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1},
        "allocation_info": {"role": "r1"}});
    let volume = json!({"name": "disk", "type": "SCALAR", "scalar": {"value": 5},
        "reservations": [{"type": "DYNAMIC", "role": "r1"}],
        "disk": {"persistence": {"id": "v"}, "volume": {"mode": "RW", "container_path": "p"}}});
    let task = json!({"name": "t", "task_id": {"value": format!("t{}", number % 50)},
        "framework_id": framework, "agent_id": agent_id, "state": "TASK_RUNNING",
        "resources": [cpus], "executor_id": {"value": "x"}});
    let executor = json!({"executor_id": {"value": "x"}, "framework_id": framework,
        "type": "CUSTOM", "command": {"value": "x"}, "resources": [cpus]});
    let mut info = json::to_value(&framework_info(who));
    info["id"] = framework.clone();
    let coming_back = json!({"version": "1.11.0", "agent": json::to_value(&agent.info),
        "checkpointed_resources": [volume], "frameworks": [info], "tasks": [task],
        "executor_infos": [executor]});
    let status = json!({"task_id": {"value": format!("t{}", number % 50)}, "state": "TASK_FINISHED",
        "source": "SOURCE_EXECUTOR"});
    let update = json!({"framework_id": framework, "agent_id": agent_id, "timestamp": 1.0,
        "uuid": "MDEyMzQ1Njc4OWFiY2RlZg==", "status": status, "latest_state": "TASK_FINISHED"});
    let spare = json!({"agent_id": agent_id, "update_oversubscribed_resources": true,
        "oversubscribed_resources": [cpus, ports]});
    let exit = json!({"agent_id": agent_id, "framework_id": framework,
        "executor_id": {"value": "x"}, "status": 9});
    let newcomer = json!({"version": "1.11.0", "agent": json::to_value(&agent.info)});
    [coming_back, update, spare, exit, newcomer]
}

fn framework_info(who: &Scheduler) -> mesos::framework::FrameworkInfo {
    mesos::framework::FrameworkInfo { id: Some(who.id.clone()), ..framework("r1") }
}

fn bent_words(seed: u64, words: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::with(Config::default());
    let agent = world.agent(ALL);
    let who = world.subscribe(framework("r1"));
    let mut read = 0;
    for number in 0..words {
        let mut said = sound_words(&agent, &who, number);
        let kind = rng.usize(..said.len());
        for _ in 0..rng.u8(..4) {
            bend(&mut rng, &mut said[kind]);
        }
        let said = std::mem::take(&mut said[kind]);
        let message: Option<AgentToMaster> = match kind {
            0 => json::from_value::<ReregisterAgent>(said, "M").ok().map(Into::into),
            1 => json::from_value::<StatusUpdate>(said, "M").ok().map(Into::into),
            2 => json::from_value::<UpdateAgent>(said, "M").ok().map(Into::into),
            3 => json::from_value::<ExitedExecutor>(said, "M").ok().map(Into::into),
            _ => json::from_value::<RegisterAgent>(said, "M").ok().map(Into::into),
        };
        if let Some(message) = message {
            read += 1;
            world.agent_says(&agent.pid, message);
        }
        let offers = world.offers(&who);
        world.decline(&who, &offers, 0.0);
        if rng.u8(..4) == 0 {
            world.advance_secs(1);
        }
    }
    assert!(read > words / 4, "{read} of {words} words could be read");
    assert_eq!(world.aborted, None);
}

#[test]
fn bent_words_of_agents_do_not_end_the_master() {
    for seed in 0..4 {
        let run = std::panic::AssertUnwindSafe(|| bent_words(seed, 500));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

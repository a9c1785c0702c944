//! What is measured: of each framework, of the cluster, of the allocator.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use master_core::Effect;
use master_core::effect::Measure;
use master_core::event::Event;
use master_core::metrics::{self, Kind, Metric};
use mesos::framework::FrameworkInfo;
use mesos::ids::OfferId;
use mesos::operation::{OfferOperation, OfferOperationType, Reserve};
use mesos::task::TaskState;
use mesos::v1::scheduler::{Call, CallType, Decline};
use support::{Scheduler, World, framework, task};

/// All metrics of a world.
fn list(world: &World, per_framework: bool) -> Vec<Metric> {
    let mut list = Vec::new();
    let reading = world.master.allocator().reading();
    metrics::read(&world.snapshot(), &reading, per_framework, &mut |metric| list.push(metric));
    list
}

/// All metrics of a world, by name.
fn read(world: &World) -> BTreeMap<String, f64> {
    let metrics = list(world, true);
    let named = metrics.into_iter().map(|metric| {
        let mut name = metric.template.into_owned();
        for (label, value) in &metric.labels {
            let value = if *label == "framework" { metrics::encode(value) } else { value.clone() };
            name = name.replace(&format!("{{{label}}}"), &value);
        }
        assert!(!name.contains('{'), "{name}");
        (name, metric.value)
    });
    let mut found = BTreeMap::new();
    for (name, value) in named {
        assert_eq!(found.insert(name.clone(), value), None, "{name} is there twice");
    }
    found
}

/// The metrics of one framework that are not zero, by what follows its name and id.
fn of(world: &World, who: &Scheduler, name: &str) -> Vec<(String, f64)> {
    let prefix = format!("master/frameworks/{name}/{}/", who.id);
    let all = read(world).into_iter().filter(|(_, value)| *value != 0.0);
    all.filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value))).collect()
}

fn expect(found: &[(String, f64)], expected: &[(&str, f64)]) {
    let found: Vec<(&str, f64)> = found.iter().map(|(name, value)| (&**name, *value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_framework_has_the_metrics_of_mesos() {
    let mut world = World::new();
    let info = FrameworkInfo { name: "a b/c".to_owned(), ..framework("r1") };
    let who = world.subscribe(info);
    let prefix = format!("master/frameworks/a%20b%2Fc/{}/", who.id);
    let metrics = read(&world);
    let mine = metrics.keys().filter_map(|name| name.strip_prefix(&prefix)).collect::<Vec<_>>();
    let recorded = include_str!("golden/framework_metrics.txt");
    assert_eq!(mine, recorded.lines().collect::<Vec<_>>());
}

#[test]
fn calls_events_offers_and_tasks_of_a_framework_are_counted() {
    let mut world = World::new();
    let agent = world.agent("cpus:4;mem:4096");
    let who = world.subscribe(framework("r1"));
    let offers = world.offers(&who);
    world.accept(&who, &[&offers[0]], vec![task("t1", &offers[0], "cpus:1;mem:64")], 0.0);
    world.update(&agent, &who, "t1", TaskState::Running);
    expect(
        &of(&world, &who, "test"),
        &[
            ("calls", 2.0),
            ("calls/accept", 1.0),
            ("calls/subscribe", 1.0),
            ("events", 4.0),
            ("events/heartbeat", 1.0),
            ("events/offers", 1.0),
            ("events/subscribed", 1.0),
            ("events/update", 1.0),
            ("offers/accepted", 1.0),
            ("offers/sent", 1.0),
            ("operations", 1.0),
            ("operations/launch", 1.0),
            ("subscribed", 1.0),
            ("tasks/active/task_running", 1.0),
        ],
    );
    world.finish(&agent, &who, "t1");
    world.advance_secs(10);
    let offers = world.offers(&who);
    assert!(!offers.is_empty());
    world.decline(&who, &offers, 1e6);
    // An offer that is not there is not declined.
    world.call(&who, CallType::Decline, |call| {
        call.decline = Some(Decline { offer_ids: vec![OfferId::from("none")], filters: None });
    });
    world.call(&who, CallType::Suppress, |_| {});
    let metrics: BTreeMap<String, f64> = of(&world, &who, "test").into_iter().collect();
    assert_eq!(metrics["calls/decline"], 2.0);
    assert_eq!(metrics["offers/declined"], offers.len() as f64);
    assert_eq!(metrics["tasks/terminal/task_finished"], 1.0);
    assert_eq!(metrics["roles/r1/suppressed"], 1.0);
    assert!(!metrics.contains_key("tasks/active/task_running"));
    assert_eq!(
        metrics["calls"],
        metrics.iter().filter(|(n, _)| n.starts_with("calls/")).fold(0.0, |sum, (_, v)| sum + v)
    );
}

#[test]
fn rescinds_and_failovers_of_a_framework_are_counted() {
    let mut world = World::new();
    let agent = world.agent("cpus:4;mem:4096");
    let first = world.subscribe(framework("r1"));
    assert_eq!(world.offers(&first).len(), 1);
    world.event(Event::AgentExited { pid: agent.pid.clone() });
    let info = FrameworkInfo { id: Some(first.id.clone()), ..framework("r1") };
    let second = world.subscribe(info);
    let metrics: BTreeMap<String, f64> = of(&world, &second, "test").into_iter().collect();
    assert_eq!(metrics["offers/rescinded"], 1.0);
    assert_eq!(metrics["events/rescind"], 1.0);
    assert_eq!(metrics["events/error"], 1.0, "the first scheduler was told");
    assert_eq!(metrics["calls/subscribe"], 2.0);
    assert_eq!(world.count("master/messages_register_framework"), 1);
    assert_eq!(world.count("master/messages_reregister_framework"), 1);
}

#[test]
fn the_metrics_of_a_framework_stay_for_as_long_as_it_is_remembered() {
    let config = master_core::Config { max_completed_frameworks: 1, ..Default::default() };
    let mut world = World::with(config);
    let first = world.subscribe(framework("r1"));
    world.call(&first, CallType::Teardown, |_| {});
    let metrics: BTreeMap<String, f64> = of(&world, &first, "test").into_iter().collect();
    assert_eq!(metrics["calls/teardown"], 1.0);
    assert!(!metrics.contains_key("subscribed"));
    let second = world.subscribe(framework("r1"));
    world.call(&second, CallType::Teardown, |_| {});
    assert_eq!(of(&world, &first, "test"), []);
    assert!(!of(&world, &second, "test").is_empty());
    let metrics = list(&world, false);
    assert!(metrics.iter().all(|metric| !metric.template.contains("{framework}")));
}

#[test]
fn invalid_calls_are_counted_where_mesos_does() {
    let mut world = World::new();
    let who = world.subscribe(framework("r1"));
    let call = Call {
        framework_id: Some(who.id.clone()),
        r#type: Some(CallType::Acknowledge),
        ..Call::default()
    };
    assert_eq!(world.raw_call(Some(&who.stream), call).status, 400);
    assert_eq!(world.count("master/invalid_status_update_acknowledgements"), 1);
    let metrics: BTreeMap<String, f64> = of(&world, &who, "test").into_iter().collect();
    assert!(!metrics.contains_key("calls/acknowledge"));
    // A call from a stranger's stream is a call of the framework all the same.
    let call = Call {
        framework_id: Some(who.id.clone()),
        r#type: Some(CallType::Revive),
        ..Call::default()
    };
    assert_eq!(world.raw_call(Some("another"), call).status, 400);
    let metrics: BTreeMap<String, f64> = of(&world, &who, "test").into_iter().collect();
    assert_eq!(metrics["calls/revive"], 1.0);
}

#[test]
fn the_allocator_shows_roles_filters_and_consumption() {
    let mut world = World::new();
    let agent = world.agent("cpus:2;mem:2048;cpus(a/b):2");
    let who = world.subscribe(framework("a/b"));
    let offers = world.offers(&who);
    world.accept(&who, &[&offers[0]], vec![task("t1", &offers[0], "cpus:1;mem:64")], 0.0);
    world.update(&agent, &who, "t1", TaskState::Running);
    world.advance_secs(10);
    let offers = world.offers(&who);
    world.decline(&who, &offers, 60.0);
    let metrics = read(&world);
    assert_eq!(metrics["allocator/mesos/offer_filters/roles/a/b/active"], 1.0);
    assert_eq!(metrics["allocator/mesos/roles/a/b/shares/dominant"], 0.25);
    let consumed = |role: &str, name: &str| {
        metrics[&format!("allocator/mesos/quota/roles/{role}/resources/{name}/consumed")]
    };
    for role in ["a", "a/b"] {
        assert_eq!(consumed(role, "cpus"), 3.0, "two reserved, one in use");
        assert_eq!(consumed(role, "mem"), 64.0);
        assert_eq!(consumed(role, "disk"), 0.0);
    }
    assert_eq!(metrics["allocator/mesos/resources/cpus/total"], 4.0);
    assert_eq!(metrics["allocator/mesos/resources/cpus/offered_or_allocated"], 1.0);
    assert_eq!(metrics["master/cpus_used"], 1.0);
    assert_eq!(metrics["allocator/mesos/event_queue_dispatches"], 0.0);
}

#[test]
fn runs_of_the_allocator_are_counted_and_measured() {
    let mut world = World::new();
    let before = world.count("allocator/mesos/allocation_runs");
    world.advance_secs(3);
    assert_eq!(world.count("allocator/mesos/allocation_runs"), before + 3, "idle ones too");
    world.agent("cpus:2;mem:2048");
    let who = world.subscribe(framework("r1"));
    // Shows another second each time that it is read.
    fn read() -> Duration {
        use std::sync::atomic::{AtomicU64, Ordering};
        static SHOWN: AtomicU64 = AtomicU64::new(0);
        Duration::from_secs(SHOWN.fetch_add(1, Ordering::Relaxed))
    }
    world.master.measure_with(read);
    // What was offered is to be offered again.
    let event = Event::ConnectionClosed { connection: who.connection };
    let mut out = Vec::new();
    world.master.step(world.now, event, &mut out);
    let measured = |out: &[Effect]| {
        let of = |effect: &Effect| match effect {
            Effect::Measure { what, took } => Some((*what, *took)),
            _ => None,
        };
        out.iter().filter_map(of).collect::<Vec<_>>()
    };
    let second = Duration::from_secs(1);
    assert_eq!(
        measured(&out),
        [(Measure::AllocationLatency, second), (Measure::AllocationRun, second)],
    );
}

#[test]
fn operations_that_are_refused_are_counted() {
    let mut world = World::new();
    world.agent("cpus:2;mem:2048");
    let who = world.subscribe(framework("r1"));
    let offers = world.offers(&who);
    let operation = OfferOperation {
        r#type: Some(OfferOperationType::Reserve),
        reserve: Some(Reserve::default()),
        ..OfferOperation::default()
    };
    world.accept_ids(&who, vec![offers[0].id.clone()], vec![operation], 0.0);
    let metrics = read(&world);
    assert_eq!(metrics["master/operations/reserve/error"], 1.0);
    assert_eq!(metrics["master/operations/reserve/total"], 1.0);
    assert_eq!(metrics["master/operations/error"], 1.0);
    assert_eq!(metrics["master/operations/total"], 1.0);
    assert_eq!(metrics["master/operations/create/error"], 0.0);
    let all = list(&world, true);
    let total = all.iter().find(|metric| metric.template == "master/operations/total").unwrap();
    assert_eq!(total.kind, Kind::Sum);
}

#[test]
fn messages_to_a_master_that_does_not_lead_are_dropped() {
    let mut world = World::standby(master_core::Config::default(), 1);
    let pid = master_core::event::AgentPid::new("slave(1)@127.0.0.1:1".to_owned());
    world.agent_says(&pid, mesos::internal::PongAgent::default());
    assert_eq!(world.count("master/dropped_messages"), 1);
}

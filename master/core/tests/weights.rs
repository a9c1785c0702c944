//! Operators set weights, and shares follow.

mod support;

use std::collections::BTreeMap;

use master_core::Config;
use master_core::effect::Response;
use mesos::master_info::WeightInfo;
use mesos::v1::master::{Call, CallType, UpdateWeights};
use mesos::v1::scheduler::EventType;
use support::{World, framework, kinds};

fn call(weights: &[(&str, f64)]) -> Call {
    let info = |(role, weight): &(&str, f64)| WeightInfo {
        weight: *weight,
        role: Some((*role).to_owned()),
    };
    let weight_infos = weights.iter().map(info).collect();
    Call {
        r#type: Some(CallType::UpdateWeights),
        update_weights: Some(UpdateWeights { weight_infos }),
        ..Call::default()
    }
}

fn weights(world: &World) -> Vec<(String, f64)> {
    world.snapshot().registry.weights.into_iter().collect()
}

#[test]
fn offers_are_made_anew_by_the_new_weights() {
    let mut world = World::new();
    let [heavy, light] = ["heavy", "light"].map(|role| world.subscribe(framework(role)));
    for _ in 0..6 {
        world.agent("cpus:1;mem:100");
        world.advance_secs(1);
    }
    let count =
        |world: &World, who: &support::Scheduler| world.snapshot().frameworks[&who.id].offers.len();
    assert_eq!((count(&world, &heavy), count(&world, &light)), (3, 3));
    world.events(&heavy);
    assert_eq!(world.operator(call(&[("heavy", 5.0)])), Response::ok());
    assert_eq!(kinds(&world.events(&heavy)), [EventType::Rescind; 3]);
    world.advance_secs(1);
    assert_eq!((count(&world, &heavy), count(&world, &light)), (5, 1));
    // Weights of roles that nobody is in concern nobody.
    world.events(&heavy);
    assert_eq!(world.operator(call(&[("nobody", 5.0)])), Response::ok());
    assert_eq!(kinds(&world.events(&heavy)), []);
    assert_eq!(weights(&world), [("heavy".to_owned(), 5.0), ("nobody".to_owned(), 5.0)]);
}

#[test]
fn operators_are_answered_once_weights_are_durable() {
    let mut world = World::new();
    assert_eq!(world.operator(call(&[])), Response::ok());
    assert_eq!(world.operator(call(&[("a", 0.0)])).status, 400);
    let nothing = Call { r#type: Some(CallType::UpdateWeights), ..Call::default() };
    let words = "Failed to validate master::Call: Expecting 'update_weights' to be present";
    assert_eq!(world.operator(nothing), Response::bad_request(words));
    world.held_stores = Some(Vec::new());
    let request = master_core::event::RequestId(1000);
    let event =
        master_core::Event::OperatorCall { request, principal: None, call: call(&[("a", 2.0)]) };
    world.event(event);
    assert_eq!(weights(&world), []);
    world.release_stores();
    assert_eq!(world.response(request), Response::ok());
    assert_eq!(weights(&world), [("a".to_owned(), 2.0)]);
}

#[test]
fn the_registry_counts_and_the_flag_only_where_it_has_none() {
    let with = |weights: &[(&str, f64)]| {
        let weights = weights.iter().map(|(role, weight)| ((*role).to_owned(), *weight));
        Config { weights: weights.collect::<BTreeMap<_, _>>(), ..Config::default() }
    };
    let world = World::with(with(&[("a", 2.0)]));
    assert_eq!(weights(&world), [("a".to_owned(), 2.0)], "the flag");
    let mut world = world.failover(with(&[("a", 7.0), ("b", 7.0)]));
    assert_eq!(weights(&world), [("a".to_owned(), 2.0)], "the registry");
    // What the registry says counts for shares too.
    let [heavy, light] = ["a", "b"].map(|role| world.subscribe(framework(role)));
    for _ in 0..3 {
        world.agent("cpus:1;mem:100");
        world.advance_secs(1);
    }
    let state = world.snapshot();
    let count = |who: &support::Scheduler| state.frameworks[&who.id].offers.len();
    assert_eq!((count(&heavy), count(&light)), (2, 1));
}

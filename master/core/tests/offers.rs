//! Offers: who gets them, filters, REVIVE, SUPPRESS, RESCIND.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use master_core::Config;
use mesos::offer::Offer;
use mesos::v1::scheduler::{CallType, Decline, EventType, Revive, Suppress};
use support::{World, amount, framework, kinds, parse, task};

const ALL: &str = "cpus:4;mem:4096";

fn roles(offers: &[Offer]) -> Vec<&str> {
    offers.iter().map(|o| o.allocation_info.as_ref().unwrap().role.as_deref().unwrap()).collect()
}

#[test]
fn declined_resources_stay_hidden_for_as_long_as_was_said() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    world.decline(&scheduler, &offers, 10.0);
    world.advance_secs(9);
    assert!(world.offers(&scheduler).is_empty());
    world.advance_secs(2);
    let offers = world.offers(&scheduler);
    assert_eq!(offers.len(), 1);
    // Five seconds unless something else is said; negative is nothing said.
    for filters in [None, Some(-3.0)] {
        let offers = std::mem::take(&mut world.offers(&scheduler));
        assert!(offers.is_empty());
        let current = world.snapshot().offers.keys().next().cloned().unwrap();
        world.call(&scheduler, CallType::Decline, |call| {
            let filters = filters.map(|refuse_seconds| mesos::offer::Filters { refuse_seconds });
            call.decline = Some(Decline { offer_ids: vec![current], filters });
        });
        world.advance_secs(4);
        assert!(world.offers(&scheduler).is_empty());
        world.advance_secs(2);
        assert_eq!(world.snapshot().offers.len(), 1);
        world.events(&scheduler);
    }
}

#[test]
fn zero_means_the_next_interval() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    world.decline(&scheduler, &offers, 0.0);
    assert!(world.offers(&scheduler).is_empty(), "an offer that was refused does not bounce back");
    world.advance_secs(1);
    assert_eq!(world.offers(&scheduler).len(), 1);
}

#[test]
fn what_one_declines_the_other_is_offered_at_once() {
    let mut world = World::new();
    world.agent(ALL);
    let one = world.subscribe(framework("one"));
    let other = world.subscribe(framework("other"));
    let offers = world.offers(&one);
    world.decline(&one, &offers, 60.0);
    assert_eq!(roles(&world.offers(&other)), ["other"]);
}

#[test]
fn more_than_was_declined_is_offered() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("t", &offer, "cpus:1;mem:1024")], 3600.0);
    world.advance_secs(60);
    assert!(world.offers(&scheduler).is_empty(), "leftovers are filtered like a decline");
    world.finish(&agent, &scheduler, "t");
    assert_eq!(amount(&world.offers(&scheduler)[0]), parse(ALL));
}

#[test]
fn revive_clears_filters_and_suppression() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    world.decline(&scheduler, &offers, 3600.0);
    world.call(&scheduler, CallType::Revive, |_| {});
    let offers = world.offers(&scheduler);
    assert_eq!(offers.len(), 1, "at once");
    world.call(&scheduler, CallType::Suppress, |call| call.suppress = Some(Suppress::default()));
    world.decline(&scheduler, &offers, 0.0);
    world.advance_secs(10);
    assert!(world.offers(&scheduler).is_empty());
    let state = world.snapshot();
    assert!(state.frameworks[&scheduler.id].suppressed_roles.contains("r1"));
    world.call(&scheduler, CallType::Revive, |call| {
        call.revive = Some(Revive { roles: vec!["r1".to_owned()] });
    });
    assert_eq!(world.offers(&scheduler).len(), 1);
}

#[test]
fn roles_that_the_framework_is_not_in_are_ignored() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    world.call(&scheduler, CallType::Suppress, |call| {
        call.suppress = Some(Suppress { roles: vec!["zz".to_owned()] });
    });
    world.decline(&scheduler, &offers, 0.0);
    world.advance_secs(1);
    assert_eq!(world.offers(&scheduler).len(), 1);
}

#[test]
fn the_neediest_role_comes_first() {
    let mut world = World::new();
    let first = world.agent(ALL);
    let rich = world.subscribe(framework("rich"));
    let offer = world.offers(&rich).remove(0);
    world.accept(&rich, &[&offer], vec![task("t", &offer, "cpus:4;mem:4096")], 0.0);
    world.update(&first, &rich, "t", mesos::task::TaskState::Running);
    let poor = world.subscribe(framework("poor"));
    world.agent(ALL);
    assert_eq!(world.offers(&poor).len(), 1);
    assert!(world.offers(&rich).is_empty());
}

#[test]
fn many_agents_are_shared_evenly() {
    let mut world = World::new();
    let schedulers: Vec<_> = (0..4).map(|_| world.subscribe(framework("r1"))).collect();
    for _ in 0..20 {
        world.agent(ALL);
    }
    let counts: Vec<usize> = schedulers.iter().map(|s| world.offers(s).len()).collect();
    assert_eq!(counts, [5, 5, 5, 5]);
}

#[test]
fn too_little_is_not_offered() {
    let mut world = World::new();
    world.agent("cpus:0.009;mem:31");
    world.agent("cpus:0.01;mem:1");
    world.agent("mem:32");
    let scheduler = world.subscribe(framework("r1"));
    let mut offered: Vec<String> =
        world.offers(&scheduler).iter().map(|offer| amount(offer).to_string()).collect();
    offered.sort();
    assert_eq!(offered, ["cpus:0.01; mem:1", "mem:32"]);
}

#[test]
fn machines_with_gpus_are_for_those_who_know_gpus() {
    let mut world = World::new();
    world.agent("cpus:4;mem:4096;gpus:1");
    let plain = world.subscribe(framework("r1"));
    assert!(world.offers(&plain).is_empty());
    let mut info = framework("r2");
    info.capabilities.push(mesos::framework::FrameworkCapability {
        r#type: Some(mesos::framework::FrameworkCapabilityType::GpuResources),
    });
    let knowing = world.subscribe(info);
    assert_eq!(world.offers(&knowing).len(), 1);
}

#[test]
fn reservations_are_for_their_role() {
    let mut world = World::new();
    world.agent("cpus(eng):2;mem(eng):512;cpus:2;mem:512");
    let other = world.subscribe(framework("other"));
    let eng = world.subscribe(framework("eng"));
    assert_eq!(amount(&world.offers(&other)[0]), parse("cpus:2;mem:512"));
    assert_eq!(amount(&world.offers(&eng)[0]), parse("cpus(eng):2;mem(eng):512"));
}

#[test]
fn offers_end_when_they_are_not_answered_in_time() {
    let config = Config { offer_timeout: Some(Duration::from_secs(30)), ..Config::default() };
    let mut world = World::with(config);
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    world.events(&scheduler);
    world.advance_secs(31);
    let events = world.events(&scheduler);
    let expected =
        [EventType::Heartbeat, EventType::Rescind, EventType::Heartbeat, EventType::Offers];
    let mut kinds = kinds(&events);
    kinds.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(kinds, expected);
}

#[test]
fn a_broken_link_takes_the_offers_back() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.event(master_core::Event::AgentExited { pid: agent.pid.clone() });
    let events = world.events(&scheduler);
    assert_eq!(events[0].rescind.as_ref().unwrap().offer_id, offer.id);
    world.advance_secs(5);
    assert!(world.offers(&scheduler).is_empty());
    world.reregister(&agent, vec![], vec![]);
    assert_eq!(world.offers(&scheduler).len(), 1, "at once");
}

#[test]
fn a_framework_may_ask_for_larger_offers() {
    use mesos::framework::{MinAllocatableResources, OfferFilterQuantities, OfferFilters};
    let mut info = framework("r1");
    let two_cpus = BTreeMap::from([("cpus".to_owned(), mesos::value::Scalar { value: 2.0 })]);
    let quantities = vec![OfferFilterQuantities { quantities: two_cpus }];
    let rule =
        OfferFilters { min_allocatable_resources: Some(MinAllocatableResources { quantities }) };
    info.offer_filters.insert("r1".to_owned(), rule);
    let mut world = World::new();
    world.agent("cpus:1;mem:4096");
    world.agent("cpus:2;mem:4096");
    let scheduler = world.subscribe(info);
    let offers = world.offers(&scheduler);
    assert_eq!(offers.len(), 1);
    assert_eq!(amount(&offers[0]), parse("cpus:2;mem:4096"));
}

#[test]
fn an_allocation_that_would_take_long_lets_others_have_their_turn() {
    let config = Config { max_agents_per_allocation: 10, ..Config::default() };
    let mut world = World::with(config);
    for _ in 0..25 {
        world.agent(ALL);
    }
    let scheduler = world.subscribe(framework("r1"));
    assert_eq!(world.offers(&scheduler).len(), 10);
    world.advance(Duration::ZERO);
    assert_eq!(world.offers(&scheduler).len(), 15);
}

#[test]
fn offers_of_one_agent_are_accepted_together() {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&offer], vec![task("a", &offer, "cpus:2;mem:2048")], 0.0);
    world.advance_secs(1);
    let rest = world.offers(&scheduler).remove(0);
    world.finish(&agent, &scheduler, "a");
    let freed = world.offers(&scheduler).remove(0);
    world.accept(&scheduler, &[&rest, &freed], vec![task("b", &rest, "cpus:4;mem:4096")], 0.0);
    assert_eq!(world.launched(&agent).len(), 2);
}

#[test]
fn offers_of_two_agents_are_not() {
    let mut world = World::new();
    world.agent(ALL);
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    let infos = vec![task("t", &offers[0], "cpus:1")];
    world.accept(&scheduler, &[&offers[0], &offers[1]], infos, 0.0);
    let status = world.statuses(&scheduler).remove(0);
    let words = status.message.unwrap();
    assert!(words.contains("Aggregated offers must belong to one single agent"), "{words}");
    world.advance_secs(1);
    assert_eq!(world.offers(&scheduler).len(), 2, "both come again");
}

/// What a scheduler is told of an offer that is no longer to be had.
fn rescinded(world: &mut World, who: &support::Scheduler) -> Vec<String> {
    let events = world.events(who).into_iter();
    events.filter_map(|event| event.rescind).map(|body| body.offer_id.to_string()).collect()
}

fn offered() -> (World, support::AgentHandle, support::Scheduler, Offer) {
    let mut world = World::new();
    let agent = world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offer = world.offers(&scheduler).remove(0);
    (world, agent, scheduler, offer)
}

#[test]
fn an_agent_that_leaves_takes_its_offers_along() {
    let (mut world, agent, scheduler, offer) = offered();
    let message = mesos::internal::UnregisterAgent { agent_id: agent.id.clone() };
    world.agent_says(&agent.pid, message);
    assert_eq!(rescinded(&mut world, &scheduler), [offer.id.to_string()]);
}

#[test]
fn an_agent_that_falls_silent_takes_its_offers_along() {
    let (mut world, _, scheduler, offer) = offered();
    world.answers_pings = false;
    world.advance_secs(91);
    assert_eq!(rescinded(&mut world, &scheduler), [offer.id.to_string()]);
}

#[test]
fn an_agent_that_is_gone_takes_its_offers_along() {
    use mesos::v1::master::{Call, CallType, MarkAgentGone};
    let (mut world, agent, scheduler, offer) = offered();
    world.operator(Call {
        r#type: Some(CallType::MarkAgentGone),
        mark_agent_gone: Some(MarkAgentGone { agent_id: agent.id.clone() }),
        ..Call::default()
    });
    assert_eq!(rescinded(&mut world, &scheduler), [offer.id.to_string()]);
}

#[test]
fn offers_of_resources_that_are_spare_no_longer_are_taken_back() {
    let (mut world, agent, scheduler, offer) = offered();
    let mut spare = parse("cpus:2").to_vec();
    spare[0].revocable = Some(Default::default());
    let message = mesos::internal::UpdateAgent {
        agent_id: agent.id.clone(),
        update_oversubscribed_resources: Some(true),
        oversubscribed_resources: spare,
        ..Default::default()
    };
    world.agent_says(&agent.pid, message);
    assert_eq!(rescinded(&mut world, &scheduler), [offer.id.to_string()]);
}

#[test]
fn a_refusal_lasts_a_year_at_most() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    const HOUR: Duration = Duration::from_secs(60 * 60);
    for refuse_seconds in [1e12, f64::INFINITY] {
        let mut world = World::new();
        world.agent(ALL);
        let scheduler = world.subscribe(framework("r1"));
        let offers = world.offers(&scheduler);
        world.decline(&scheduler, &offers, refuse_seconds);
        world.leap(YEAR - HOUR);
        assert!(world.offers(&scheduler).is_empty());
        world.leap(2 * HOUR);
        assert_eq!(world.offers(&scheduler).len(), 1, "{refuse_seconds}");
    }
}

#[test]
fn what_is_no_number_is_nothing_said() {
    let mut world = World::new();
    world.agent(ALL);
    let scheduler = world.subscribe(framework("r1"));
    let offers = world.offers(&scheduler);
    world.decline(&scheduler, &offers, f64::NAN);
    world.advance_secs(4);
    assert!(world.offers(&scheduler).is_empty());
    world.advance_secs(2);
    assert_eq!(world.offers(&scheduler).len(), 1);
}

#[test]
fn offers_in_several_roles_are_apart() {
    let mut world = World::new();
    let mut info = framework("r1");
    info.roles.push("r2".to_owned());
    let scheduler = world.subscribe(info);
    world.agent(ALL);
    world.agent(ALL);
    let offers = world.offers(&scheduler);
    assert_eq!(offers.len(), 2);
    for offer in &offers {
        let role = offer.allocation_info.as_ref().unwrap().role.clone();
        let of = |r: &mesos::resource::Resource| r.allocation_info.as_ref().unwrap().role.clone();
        assert!(offer.resources.iter().all(|resource| of(resource) == role));
    }
    let mut roles = roles(&offers);
    roles.sort_unstable();
    assert_eq!(roles, ["r1", "r2"]);
}

#[test]
fn offers_in_two_roles_cannot_be_accepted_together() {
    let mut world = World::new();
    let agent = world.agent("cpus(r1):2;mem(r1):1024;cpus(r2):2;mem(r2):1024");
    let mut info = framework("r1");
    info.roles.push("r2".to_owned());
    let scheduler = world.subscribe(info);
    let offers = world.offers(&scheduler);
    assert_eq!(offers.len(), 2);
    let tasks = vec![task("t", &offers[0], "cpus:1")];
    world.accept(&scheduler, &[&offers[0], &offers[1]], tasks, 0.0);
    let words = world.statuses(&scheduler).remove(0).message.unwrap();
    let start = "Task launched with invalid offers: Aggregated offers must be allocated to the \
                 same role.";
    assert!(words.starts_with(start), "{words}");
    assert!(world.launched(&agent).is_empty());
}

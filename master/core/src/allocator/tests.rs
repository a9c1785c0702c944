//! Scenarios for the allocator alone; `tests/offers.rs` has those seen from outside.

use super::*;

fn allocator() -> Allocator {
    Allocator::new(&Config::default())
}

fn traits(roles: &[&str]) -> FrameworkTraits {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    FrameworkTraits { roles: Arc::new(roles), ..FrameworkTraits::default() }
}

fn resources(text: &str) -> Resources {
    Resources::parse(text, "*").expect("test resources are valid")
}

fn add_framework(allocator: &mut Allocator, id: &str, roles: &[&str]) {
    allocator.add_framework(&id.into(), traits(roles), true, &BTreeMap::new());
}

fn add_agents(allocator: &mut Allocator, count: usize, each: &str) {
    for number in 0..count {
        let id = AgentId::from(format!("S{number:05}"));
        allocator.add_agent(&id, resources(each), &BTreeMap::new(), true);
    }
}

fn run(allocator: &mut Allocator) -> Vec<Allocation> {
    let mut out = Vec::new();
    allocator.allocate(&mut fastrand::Rng::with_seed(1), usize::MAX, &mut out);
    out
}

fn counts(allocations: &[Allocation]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for allocation in allocations {
        *counts.entry(allocation.framework.to_string()).or_default() += 1;
    }
    counts
}

const NOW: Time = Time::EPOCH;
const EACH: &str = "cpus:4;mem:4096";

#[test]
fn roles_share_first_and_their_frameworks_then() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "a1", &["a"]);
    add_framework(&mut allocator, "a2", &["a"]);
    add_framework(&mut allocator, "b1", &["b"]);
    add_agents(&mut allocator, 40, EACH);
    let counts = counts(&run(&mut allocator));
    let expected = [("a1", 10), ("a2", 10), ("b1", 20)];
    assert_eq!(counts, expected.map(|(id, count)| (id.to_owned(), count)).into());
}

#[test]
fn weights_count() {
    let weights = BTreeMap::from([("b".to_owned(), 3.0)]);
    let mut allocator = Allocator::new(&Config { weights, ..Config::default() });
    add_framework(&mut allocator, "a", &["a"]);
    add_framework(&mut allocator, "b", &["b"]);
    add_agents(&mut allocator, 40, EACH);
    let counts = counts(&run(&mut allocator));
    assert_eq!((counts["a"], counts["b"]), (10, 30));
}

#[test]
fn what_is_excluded_does_not_count() {
    let excluded = ["mem".to_owned()].into();
    let config = Config { fair_sharing_excluded_resource_names: excluded, ..Config::default() };
    let mut allocator = Allocator::new(&config);
    add_framework(&mut allocator, "a", &["a"]);
    add_agents(&mut allocator, 1, "mem:4096");
    run(&mut allocator);
    assert_eq!(allocator.reading().shares, [(Role::from("a"), 0.0)]);
}

#[test]
fn a_framework_holds_what_it_held_before() {
    let mut allocator = allocator();
    let id = FrameworkId::from("a");
    let mut used = resources("cpus:4;mem:4096");
    used.allocate("a");
    allocator.add_framework(&id, traits(&["a"]), true, &BTreeMap::new());
    add_framework(&mut allocator, "b", &["b"]);
    let on = BTreeMap::from([(id.clone(), used.clone())]);
    allocator.add_agent(&"S0".into(), resources("cpus:8;mem:8192"), &on, true);
    let allocations = run(&mut allocator);
    assert_eq!(counts(&allocations), [("b".to_owned(), 1)].into());
    assert_eq!(allocator.available(&"S0".into()), Some(&Resources::default()));
    allocator.recover(&id, &"S0".into(), &used, Recovery::AtOnce, NOW);
    assert_eq!(counts(&run(&mut allocator)), [("a".to_owned(), 1)].into());
}

#[test]
fn only_those_who_may_want_it_are_asked() {
    let mut allocator = allocator();
    add_agents(&mut allocator, 3, EACH);
    assert!(run(&mut allocator).is_empty());
    assert!(!allocator.is_due(), "nobody is there to want anything");
    for number in 0..50 {
        add_framework(&mut allocator, &format!("f{number:02}"), &["a"]);
        for allocation in run(&mut allocator) {
            let Allocation { framework, agent, resources, .. } = allocation;
            let refused = Recovery::Refused(Duration::from_secs(3600));
            allocator.recover(&framework, &agent, &resources, refused, NOW);
            // Whoever was asked before has refused: the new one is the last.
            assert!(run(&mut allocator).is_empty());
        }
    }
    assert_eq!(allocator.reading().filters, [(Role::from("a"), 150)].into());
    let revived = FrameworkId::from("f07");
    allocator.revive(&revived, &["a".to_owned()].into());
    assert!(allocator.due.values().all(|scope| *scope == Scope::Only([7].into())));
    assert_eq!(counts(&run(&mut allocator)), [("f07".to_owned(), 3)].into());
}

#[test]
fn filters_end_with_a_batch() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "a", &["a"]);
    add_agents(&mut allocator, 1, EACH);
    let allocation = run(&mut allocator).remove(0);
    let refused = Recovery::Refused(Duration::from_millis(10));
    allocator.recover(
        &allocation.framework,
        &allocation.agent,
        &allocation.resources,
        refused,
        NOW,
    );
    assert!(run(&mut allocator).is_empty());
    allocator.begin_batch(NOW + Duration::from_millis(500));
    assert!(run(&mut allocator).is_empty(), "a filter lasts for an interval at least");
    allocator.begin_batch(NOW + Duration::from_secs(1));
    assert_eq!(run(&mut allocator).len(), 1);
    assert!(allocator.reading().filters.is_empty());
}

#[test]
fn filters_are_bounded() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "a", &["a"]);
    add_agents(&mut allocator, 1, "cpus:400;mem:400");
    let id = FrameworkId::from("a");
    let all = run(&mut allocator).remove(0).resources;
    for number in 1..100 {
        // Shapes of which none contains another.
        let mut part = resources(&format!("cpus:{number};mem:{}", 100 - number));
        part.allocate("a");
        allocator.recover(&id, &"S00000".into(), &part, Recovery::Refused(Duration::MAX), NOW);
    }
    assert!(all.contains(&resources("")));
    assert_eq!(allocator.reading().filters, [(Role::from("a"), 16)].into());
    allocator.deactivate_framework(&id);
    assert!(allocator.reading().filters.is_empty());
}

#[test]
fn an_agent_that_shrinks_below_what_is_used_offers_nothing() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "a", &["a"]);
    add_agents(&mut allocator, 1, EACH);
    let allocation = run(&mut allocator).remove(0);
    let agent = allocation.agent.clone();
    allocator.update_agent(&agent, resources("cpus:1;mem:8192"));
    let more = run(&mut allocator);
    assert_eq!(more.len(), 1);
    let mut rest = more[0].resources.clone();
    rest.unallocate();
    assert_eq!(rest, resources("mem:4096"));
    // What comes back first makes up for what is missing.
    let id = FrameworkId::from("a");
    allocator.recover(&id, &agent, &allocation.resources, Recovery::AtOnce, NOW);
    assert_eq!(allocator.available(&agent), Some(&resources("cpus:1;mem:4096")));
}

#[test]
fn a_role_that_was_left_counts_until_nothing_is_held_in_it() {
    let mut allocator = allocator();
    add_framework(&mut allocator, "a", &["a"]);
    add_agents(&mut allocator, 1, EACH);
    let id = FrameworkId::from("a");
    let allocation = run(&mut allocator).remove(0);
    allocator.update_framework(&id, traits(&["b"]));
    assert_eq!(allocator.reading().shares, [(Role::from("a"), 1.0), (Role::from("b"), 0.0)]);
    allocator.recover(&id, &allocation.agent, &allocation.resources, Recovery::AtOnce, NOW);
    assert_eq!(allocator.reading().shares, [(Role::from("b"), 0.0)]);
    assert_eq!(run(&mut allocator)[0].role, Role::from("b"));
}

#[test]
fn the_sorter_breaks_ties_by_turns() {
    let mut sorter = Sorter::new(Quantities::default());
    for name in ["a", "b", "c"] {
        sorter.add(&name, 1.0);
        sorter.activate(&name);
    }
    let first = |sorter: &Sorter<&'static str>| *sorter.iter().next().unwrap();
    let mut served = Vec::new();
    for _ in 0..6 {
        let name = first(&sorter);
        served.push(name);
        sorter.allocated(&name, &Quantities::default());
    }
    assert_eq!(served, ["a", "b", "c", "a", "b", "c"]);
}

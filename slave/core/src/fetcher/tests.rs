//! Containers that fetch, alone and at the same time.

use super::cache::CacheFile;
use super::*;

struct World {
    fetcher: Fetcher,
    effects: Vec<Effect>,
}

impl World {
    fn new(cache_bytes: u64, processes: usize) -> Self {
        Self { fetcher: Fetcher::new(cache_bytes, processes), effects: Vec::new() }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        self.fetcher.step(event, &mut out);
        self.effects.extend(out.clone());
        out
    }

    fn fetch(&mut self, container: &str, uris: &[Uri]) -> Vec<Effect> {
        self.step(Event::Fetch { container: id(container), user: None, uris: uris.to_vec() })
    }

    fn sized(&mut self, container: &str, sizes: &[u64]) -> Vec<Effect> {
        let sizes = sizes.iter().map(|size| Ok(*size)).collect();
        self.step(Event::Sized { container: id(container), sizes })
    }

    fn ended(&mut self, container: &str, sizes: &[(u64, u64)]) -> Vec<Effect> {
        let measured = sizes
            .iter()
            .map(|(id, size)| Measured { id: EntryId(*id), size_bytes: Some(*size) })
            .collect();
        self.step(Event::Ended { container: id(container), result: Ok(()), measured })
    }

    fn failed(&mut self, container: &str) -> Vec<Effect> {
        let result = Err("exited with status 1".to_owned());
        self.step(Event::Ended { container: id(container), result, measured: vec![] })
    }
}

fn id(container: &str) -> ContainerId {
    ContainerId::root(container)
}

fn cached(value: &str) -> Uri {
    Uri { value: value.to_owned(), cache: Some(true), ..Uri::default() }
}

fn plain(value: &str) -> Uri {
    Uri { value: value.to_owned(), ..Uri::default() }
}

fn actions(effects: &[Effect], container: &str) -> Vec<Action> {
    let items = effects.iter().find_map(|effect| match effect {
        Effect::Run { container: found, items, .. } if *found == id(container) => Some(items),
        _ => None,
    });
    items.expect("the container runs").iter().map(|item| item.action).collect()
}

fn finished(effects: &[Effect], container: &str) -> Result<(), String> {
    let result = effects.iter().find_map(|effect| match effect {
        Effect::Finished { container: found, result } if *found == id(container) => Some(result),
        _ => None,
    });
    result.expect("the container is finished").clone().map_err(|error| error.to_string())
}

fn file(name: &str) -> Effect {
    Effect::Remove(CacheFile { user: None, name: name.to_owned() })
}

#[test]
fn without_the_cache_it_runs_at_once() {
    let mut world = World::new(100, 4);
    let effects = world.fetch("a", &[plain("/x/1"), plain("/x/2")]);
    assert_eq!(actions(&effects, "a"), [Action::Bypass, Action::Bypass]);
    assert_eq!(finished(&world.ended("a", &[]), "a"), Ok(()));
    assert_eq!(finished(&world.fetch("b", &[]), "b"), Ok(()));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let mut world = World::new(100, 4);
    let effects = world.fetch("a", &[plain("/x/1"), plain("http://host")]);
    let error = "Could not fetch: Malformed URI (missing path): http://host";
    assert_eq!(finished(&effects, "a"), Err(error.to_owned()));
    assert_eq!(effects.len(), 1);
    world.fetch("b", &[plain("/x/1")]);
    assert!(finished(&world.fetch("b", &[plain("/x/1")]), "b").is_err(), "at most one");
}

#[test]
fn a_failure_is_told_in_mesos_s_words() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[plain("/x/1")]);
    let error = "Failed to fetch all URIs for container 'a': exited with status 1";
    assert_eq!(finished(&world.failed("a"), "a"), Err(error.to_owned()));
}

#[test]
fn a_file_is_downloaded_once_for_all_who_want_it() {
    let mut world = World::new(100, 4);
    let effects = world.fetch("a", &[cached("/x/1"), cached("/x/1")]);
    assert!(matches!(&effects[..], [Effect::FindSizes { uris, .. }] if uris == &["/x/1"]));
    assert_eq!(world.fetch("b", &[cached("/x/1")]), []);
    assert_eq!(world.fetch("c", &[plain("/x/2"), cached("/x/1")]), []);
    let effects = world.sized("a", &[40]);
    assert_eq!(actions(&effects, "a"), [Action::Download, Action::Retrieve]);
    let effects = world.ended("a", &[(1, 40)]);
    assert_eq!(finished(&effects, "a"), Ok(()));
    assert_eq!(actions(&effects, "b"), [Action::Retrieve]);
    assert_eq!(actions(&effects, "c"), [Action::Bypass, Action::Retrieve]);
    world.ended("b", &[(1, 40)]);
    world.ended("c", &[(1, 40)]);
    assert_eq!(actions(&world.fetch("d", &[cached("/x/1")]), "d"), [Action::Retrieve]);
    assert_eq!(world.fetcher.cache().used_bytes(), 40);
}

#[test]
fn whoever_waited_for_a_download_that_failed_goes_without_the_cache() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[cached("/x/1")]);
    world.fetch("b", &[cached("/x/1")]);
    world.sized("a", &[40]);
    let effects = world.failed("a");
    assert!(effects.contains(&file("c1-1")), "what there is of it goes");
    assert_eq!(actions(&effects, "b"), [Action::Bypass]);
    assert_eq!(world.fetcher.cache().used_bytes(), 0);
    let effects = world.fetch("c", &[cached("/x/1")]);
    assert!(matches!(effects[..], [Effect::FindSizes { .. }]), "the next tries again");
}

#[test]
fn without_size_or_room_the_cache_is_bypassed() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[cached("/x/1"), cached("/x/2"), cached("/x/3")]);
    let effects = world.step(Event::Sized {
        container: id("a"),
        sizes: vec![Ok(101), Err("no answer".to_owned())],
    });
    assert_eq!(actions(&effects, "a"), [Action::Bypass; 3]);
    let bypassed = effects.iter().filter(|effect| matches!(effect, Effect::Bypassed { .. }));
    assert_eq!(bypassed.count(), 3);
    let mut world = World::new(0, 4);
    assert_eq!(actions(&world.fetch("a", &[cached("/x/1")]), "a"), [Action::Bypass]);
}

#[test]
fn what_is_old_makes_room_and_what_is_in_use_does_not() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[cached("/x/1")]);
    world.sized("a", &[60]);
    world.ended("a", &[(1, 60)]);
    world.fetch("b", &[cached("/x/1")]);
    world.fetch("c", &[cached("/x/2")]);
    assert_eq!(actions(&world.sized("c", &[60]), "c"), [Action::Bypass]);
    world.ended("b", &[(1, 60)]);
    world.fetch("d", &[cached("/x/3")]);
    let effects = world.sized("d", &[60]);
    assert_eq!(effects[0], file("c1-1"));
    assert_eq!(actions(&effects, "d"), [Action::Download]);
}

#[test]
fn a_file_that_grew_or_vanished_is_forgotten() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[cached("/x/1")]);
    world.sized("a", &[40]);
    let effects = world.ended("a", &[(1, 41)]);
    assert_eq!(finished(&effects, "a"), Ok(()), "it has its file all the same");
    assert!(effects.contains(&file("c1-1")));
    world.fetch("b", &[cached("/x/1")]);
    world.sized("b", &[41]);
    world.ended("b", &[(2, 41)]);
    world.fetch("c", &[cached("/x/1")]);
    world.ended("c", &[]);
    assert_eq!(world.fetcher.cache().used_bytes(), 0, "somebody removed it");
}

#[test]
fn only_so_many_processes_run_at_once() {
    let mut world = World::new(100, 2);
    for container in ["a", "b", "c", "d"] {
        world.fetch(container, &[plain("/x/1")]);
    }
    assert_eq!(world.effects.len(), 2);
    let effects = world.ended("b", &[]);
    actions(&effects, "c");
    assert_eq!(effects.len(), 2);
    let effects = world.failed("a");
    actions(&effects, "d");
}

#[test]
fn cancelling_ends_every_phase() {
    let mut world = World::new(100, 1);
    let cancelled = |container: &str| {
        Err(format!("Fetching the URIs of container '{container}' was cancelled"))
    };
    let cancel = |container: &str| Event::Cancel { container: id(container) };
    let kill = |container: &str| Effect::Kill { container: id(container) };
    world.fetch("a", &[cached("/x/1")]);
    world.fetch("b", &[cached("/x/1")]);
    world.fetch("c", &[cached("/x/2")]);
    // Its process ends before it is over.
    assert_eq!(world.step(cancel("a")), [kill("a")]);
    // It waits for the file of the first, and for a process.
    assert_eq!(finished(&world.step(cancel("b")), "b"), cancelled("b"));
    assert_eq!(finished(&world.step(cancel("c")), "c"), cancelled("c"));
    assert_eq!(finished(&world.sized("a", &[]), "a"), cancelled("a"));
    world.fetch("d", &[plain("/x/3")]);
    assert_eq!(world.step(cancel("d")), [kill("d")]);
    assert_eq!(finished(&world.failed("d"), "d"), cancelled("d"));
    assert_eq!(world.step(cancel("d")), [], "it is over");
    assert_eq!(world.fetcher.active, 0);
    assert!(world.fetcher.queue.is_empty() && world.fetcher.fetches.is_empty());
}

#[test]
fn users_have_files_of_their_own() {
    let mut world = World::new(100, 4);
    world.fetch("a", &[cached("/x/1")]);
    let effects = world.step(Event::Fetch {
        container: id("b"),
        user: Some("nobody".to_owned()),
        uris: vec![cached("/x/1")],
    });
    assert!(matches!(effects[..], [Effect::FindSizes { .. }]));
}

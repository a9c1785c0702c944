//! Fetching the URIs of containers: who waits for whom, what comes out of the cache, how many
//! processes run at once (rows FE-01, FE-03, FE-06). The shell downloads; see its `fetcher`.
//!
//! ```text
//!   fetch ─▶ SIZING ─▶ WAITING ─▶ RUNNING ─▶ (finished)
//!              │          │          │
//!              └ cancel ──┴──────────┴────▶ (finished, once its process has ended)
//! ```
//!
//! - SIZING: a process finds out how large the new files of the cache will be. Skipped if there
//!   are none.
//! - WAITING: others download files of the cache that this container wants too. Whoever waits has
//!   come later than the one that it waits for, so nobody waits in a circle.
//! - RUNNING: one process does all the rest, one URI after the other.
//!
//! Whatever goes wrong with the cache, the file is fetched without it. A process waits in a queue
//! when as many run as may; whoever merely WAITS holds no place.
//!
//! Reading order: [`uri`] (what a URI means), [`cache`] (the books), this file.

pub mod cache;
mod contract;
pub mod uri;

use std::collections::{BTreeMap, VecDeque};

use mesos::executor_info::Uri;
use mesos::ids::ContainerId;

use cache::{Cache, EntryId, Key};
pub use contract::{Action, Effect, Event, FetchError, Item, Measured};

/// How many processes run at once, unless somebody decides otherwise.
pub const DEFAULT_PROCESSES: usize = 64;

/// How one URI is got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    /// This container brings the file into the cache.
    Bring(EntryId),
    /// The file comes from the cache, when it is there.
    Take(EntryId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The process that finds out sizes is wanted, or runs.
    Sizing,
    Waiting,
    /// The process that fetches is wanted, or runs.
    Running,
}

#[derive(Debug)]
struct Fetch {
    user: Option<String>,
    uris: Vec<(Uri, Way)>,
    phase: Phase,
    /// Whether its process runs.
    active: bool,
    cancelled: bool,
}

/// Everything that is being fetched, and the books of the cache.
#[derive(Debug)]
pub struct Fetcher {
    cache: Cache,
    fetches: BTreeMap<ContainerId, Fetch>,
    /// Who wants a process, first come first served.
    queue: VecDeque<ContainerId>,
    active: usize,
    max_active: usize,
}

impl Fetcher {
    /// A fetcher with an empty cache. At least one process may run.
    pub fn new(cache_bytes: u64, max_processes: usize) -> Self {
        Self {
            cache: Cache::new(cache_bytes),
            fetches: BTreeMap::new(),
            queue: VecDeque::new(),
            active: 0,
            max_active: max_processes.max(1),
        }
    }

    /// The books of the cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Takes an event and says what is to be done, in order.
    pub fn step(&mut self, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Fetch { container, user, uris } => self.fetch(container, user, uris, out),
            Event::Sized { container, sizes } => self.sized(&container, sizes, out),
            Event::Ended { container, result, measured } => {
                self.ended(&container, result, &measured, out);
            }
            Event::Cancel { container } => self.cancel(&container, out),
        }
        self.advance(out);
    }

    fn fetch(
        &mut self,
        container: ContainerId,
        user: Option<String>,
        uris: Vec<Uri>,
        out: &mut Vec<Effect>,
    ) {
        let invalid = uris.iter().find_map(|uri| uri::validate(uri).err());
        let refused = match invalid {
            Some(error) => Some(FetchError::Invalid(error)),
            None if self.fetches.contains_key(&container) => {
                Some(FetchError::Twice(container.clone()))
            }
            None => None,
        };
        if let Some(error) = refused {
            out.push(Effect::Finished { container, result: Err(error) });
            return;
        }
        if uris.is_empty() {
            out.push(Effect::Finished { container, result: Ok(()) });
            return;
        }
        let mut fresh = false;
        let mut planned = Vec::with_capacity(uris.len());
        for uri in uris {
            let way = self.plan(&user, &uri);
            fresh |= matches!(way, Way::Bring(_));
            planned.push((uri, way));
        }
        let phase = if fresh { Phase::Sizing } else { Phase::Waiting };
        if fresh {
            self.queue.push_back(container.clone());
        }
        let fetch = Fetch { user, uris: planned, phase, active: false, cancelled: false };
        self.fetches.insert(container, fetch);
    }

    fn plan(&mut self, user: &Option<String>, uri: &Uri) -> Way {
        if uri.cache != Some(true) || self.cache.space_bytes() == 0 {
            return Way::Direct;
        }
        let key = Key { user: user.clone(), uri: uri.value.clone() };
        if let Some(id) = self.cache.find(&key) {
            return Way::Take(id);
        }
        // It is valid, so it has a name.
        let name = uri::basename(&uri.value).unwrap_or_default();
        Way::Bring(self.cache.create(key, name))
    }

    fn sized(
        &mut self,
        container: &ContainerId,
        sizes: Vec<Result<u64, String>>,
        out: &mut Vec<Effect>,
    ) {
        let Some(fetch) = self.fetches.get_mut(container) else { return };
        if fetch.phase != Phase::Sizing || !fetch.active {
            return;
        }
        fetch.active = false;
        self.active -= 1;
        if fetch.cancelled {
            self.finish(container, Err(FetchError::Cancelled(container.clone())), out);
            return;
        }
        fetch.phase = Phase::Waiting;
        let brought = fetch.brought();
        let mut sizes = sizes.into_iter();
        for (uri, id) in brought {
            let size = sizes.next().unwrap_or_else(|| Err("it was not found out".to_owned()));
            let claimed = match size {
                Err(error) => Err(format!("Could not determine size of cache file: {error}")),
                Ok(bytes) => self
                    .cache
                    .claim(id, bytes)
                    .map_err(|error| format!("Failed to reserve space in the cache: {error}")),
            };
            match claimed {
                Ok(victims) => out.extend(victims.into_iter().map(Effect::Remove)),
                Err(why) => {
                    out.push(Effect::Bypassed { uri, why });
                    self.forget(id, out);
                }
            }
        }
    }

    fn ended(
        &mut self,
        container: &ContainerId,
        result: Result<(), String>,
        measured: &[Measured],
        out: &mut Vec<Effect>,
    ) {
        let Some(fetch) = self.fetches.get_mut(container) else { return };
        if fetch.phase != Phase::Running || !fetch.active {
            return;
        }
        fetch.active = false;
        self.active -= 1;
        if fetch.cancelled {
            self.finish(container, Err(FetchError::Cancelled(container.clone())), out);
            return;
        }
        if result.is_ok() {
            let ways: Vec<Way> = fetch.uris.iter().map(|(_, way)| *way).collect();
            for way in ways {
                self.settle(way, measured, out);
            }
        }
        let failed = |why| FetchError::Failed { container: container.clone(), why };
        self.finish(container, result.map_err(failed), out);
    }

    /// A file of the cache was brought, or used: is it there, and as large as it may be?
    fn settle(&mut self, way: Way, measured: &[Measured], out: &mut Vec<Effect>) {
        let (id, brought) = match way {
            Way::Direct => return,
            Way::Bring(id) => (id, true),
            Way::Take(id) => (id, false),
        };
        let found = measured.iter().find(|measured| measured.id == id);
        let stays = match found.and_then(|measured| measured.size_bytes) {
            None => false,
            Some(size) if brought => self.cache.complete(id, size),
            Some(_) => true,
        };
        if !stays {
            self.forget(id, out);
        }
    }

    /// Ends a fetch. What it did not bring, it will not bring.
    fn finish(
        &mut self,
        container: &ContainerId,
        result: Result<(), FetchError>,
        out: &mut Vec<Effect>,
    ) {
        let Some(fetch) = self.fetches.remove(container) else { return };
        self.queue.retain(|waiting| waiting != container);
        for (_, way) in fetch.uris {
            match way {
                Way::Direct => {}
                Way::Bring(id) if !self.cache.is_ready(id) => self.forget(id, out),
                Way::Bring(id) | Way::Take(id) => self.cache.release(id),
            }
        }
        out.push(Effect::Finished { container: container.clone(), result });
    }

    /// Forgets a file; whoever wanted it goes without the cache, unless a process has it already.
    fn forget(&mut self, id: EntryId, out: &mut Vec<Effect>) {
        out.extend(self.cache.forget(id).map(Effect::Remove));
        for fetch in self.fetches.values_mut().filter(|fetch| !fetch.is_started()) {
            for (_, way) in &mut fetch.uris {
                if matches!(way, Way::Bring(other) | Way::Take(other) if *other == id) {
                    *way = Way::Direct;
                }
            }
        }
    }

    fn cancel(&mut self, container: &ContainerId, out: &mut Vec<Effect>) {
        let Some(fetch) = self.fetches.get_mut(container) else { return };
        fetch.cancelled = true;
        if fetch.active {
            out.push(Effect::Kill { container: container.clone() });
        } else {
            self.finish(container, Err(FetchError::Cancelled(container.clone())), out);
        }
    }

    /// Goes on with whoever waits for nothing any more, and starts what may be started.
    fn advance(&mut self, out: &mut Vec<Effect>) {
        for (container, fetch) in &mut self.fetches {
            let ready = |way: &Way| match way {
                Way::Direct | Way::Bring(_) => true,
                Way::Take(id) => self.cache.is_ready(*id) || fetch.brings(*id),
            };
            if fetch.phase == Phase::Waiting && fetch.uris.iter().all(|(_, way)| ready(way)) {
                fetch.phase = Phase::Running;
                self.queue.push_back(container.clone());
            }
        }
        while self.active < self.max_active {
            let Some(container) = self.queue.pop_front() else { return };
            let Some(fetch) = self.fetches.get_mut(&container) else { continue };
            fetch.active = true;
            self.active += 1;
            let user = fetch.user.clone();
            out.push(match fetch.phase {
                Phase::Running => {
                    let items = fetch.items(&self.cache);
                    Effect::Run { container, user, items }
                }
                _ => {
                    let uris = fetch.brought().into_iter().map(|(uri, _)| uri).collect();
                    Effect::FindSizes { container, uris }
                }
            });
        }
    }
}

impl Fetch {
    /// The URIs whose files it brings into the cache.
    fn brought(&self) -> Vec<(String, EntryId)> {
        let brought = self.uris.iter().filter_map(|(uri, way)| match way {
            Way::Bring(id) => Some((uri.value.clone(), *id)),
            _ => None,
        });
        brought.collect()
    }

    fn brings(&self, id: EntryId) -> bool {
        self.uris.iter().any(|(_, way)| *way == Way::Bring(id))
    }

    /// Whether the process that fetches has its orders.
    fn is_started(&self) -> bool {
        self.phase == Phase::Running && self.active
    }

    fn items(&self, cache: &Cache) -> Vec<Item> {
        let item = |(uri, way): &(Uri, Way)| {
            let (action, id) = match way {
                Way::Direct => (Action::Bypass, None),
                Way::Bring(id) => (Action::Download, Some(*id)),
                Way::Take(id) => (Action::Retrieve, Some(*id)),
            };
            let file = id.and_then(|id| Some((id, cache.file(id)?)));
            // Without a file there is nothing to take.
            let action = if file.is_some() { action } else { Action::Bypass };
            Item { uri: uri.clone(), action, file }
        };
        self.uris.iter().map(item).collect()
    }
}

#[cfg(test)]
mod tests;

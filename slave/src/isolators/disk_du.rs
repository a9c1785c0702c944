//! `disk/du`: how much the sandboxes and volumes of containers hold, and whether that is too much
//! (row IS-10).
//!
//! ```text
//!   update: what to look at ──▶ thread: counts all, one after the other ──▶ usage, limitation
//!                                  ▲──────────── after the interval ◀─────────┘
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use libprocess::units::Bytes;
use mesos::ids::ContainerId;
use mesos::resource::{DiskSourceType, Resource};
use mesos::resources::Resources;
use mesos::statistics::{DiskStatistics, ResourceStatistics};
use mesos::task::Reason;

use super::places::refused;
use super::{
    Class, Container, Isolator, IsolatorError, Limitation, Limited, Preparation, Recovered,
};

/// The unit in which the system counts what a file takes up.
const BLOCK: u64 = 512;

/// The isolator.
#[derive(Debug)]
pub struct DiskUsage {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something new to look at, or the end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    containers: BTreeMap<ContainerId, Known>,
    fresh: bool,
    end: bool,
}

#[derive(Debug)]
struct Known {
    sandbox: PathBuf,
    /// What the container's disk resources stand for.
    places: BTreeMap<PathBuf, Place>,
    /// Whether it has been reported.
    reported: bool,
}

#[derive(Debug, Clone)]
struct Place {
    quota: Vec<Resource>,
    used: Option<u64>,
}

impl Place {
    fn limit(&self) -> u64 {
        let megabytes = Resources::from(&self.quota).disk().unwrap_or_default();
        (megabytes * Bytes::MEGABYTE as f64) as u64
    }

    /// Whether the file system keeps the limit by itself.
    fn is_disk_of_its_own(&self) -> bool {
        self.quota.iter().any(|resource| {
            let source = resource.disk.as_ref().and_then(|disk| disk.source.as_ref());
            source.is_some_and(|source| source.r#type == DiskSourceType::Mount)
        })
    }
}

impl DiskUsage {
    /// Starts the thread. `interval` is `--container_disk_watch_interval`; with `enforce`
    /// (`--enforce_container_disk_quota`) too much is a limitation.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(interval: Duration, enforce: bool, limited: Limited) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let limited = enforce.then_some(limited);
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("disk-usage".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || theirs.run(interval, limited.as_ref()))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    fn insert(&self, id: &ContainerId, sandbox: &Path) {
        let known = Known { sandbox: sandbox.to_owned(), places: BTreeMap::new(), reported: false };
        self.shared.lock().containers.insert(id.clone(), known);
    }
}

impl Drop for DiskUsage {
    fn drop(&mut self) {
        self.shared.lock().end = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, interval: Duration, limited: Option<&Limited>) {
        loop {
            let containers: Vec<ContainerId> = {
                let mut state = self.lock();
                state.fresh = false;
                state.containers.keys().cloned().collect()
            };
            for id in containers {
                if self.lock().end {
                    return;
                }
                self.look(&id, limited);
            }
            let state = self.lock();
            let idle = |state: &mut State| !state.fresh && !state.end;
            let waited = self.changed.wait_timeout_while(state, interval, idle);
            if waited.unwrap_or_else(PoisonError::into_inner).0.end {
                return;
            }
        }
    }

    fn look(&self, id: &ContainerId, limited: Option<&Limited>) {
        let (sandbox, places) = match self.lock().containers.get(id) {
            Some(known) => {
                (known.sandbox.clone(), known.places.keys().cloned().collect::<Vec<_>>())
            }
            None => return,
        };
        for path in &places {
            let others = places.iter().filter(|other| *other != path);
            let without: HashSet<&Path> = match *path == sandbox {
                true => others.map(PathBuf::as_path).collect(),
                false => HashSet::new(),
            };
            let used = self.count(path, &without);
            if self.lock().end {
                return;
            }
            let limitation = self.note(id, path, used);
            if let (Some(limitation), Some(limited)) = (limitation, limited) {
                limited(limitation);
            }
        }
    }

    /// Writes down what a place holds, and says once if that is too much.
    fn note(&self, id: &ContainerId, path: &Path, used: u64) -> Option<Limitation> {
        let mut state = self.lock();
        let known = state.containers.get_mut(id)?;
        let place = known.places.get_mut(path)?;
        place.used = Some(used);
        let limit = place.limit();
        if known.reported || place.is_disk_of_its_own() || used <= limit {
            return None;
        }
        known.reported = true;
        Some(Limitation {
            container: id.clone(),
            reason: Reason::ContainerLimitationDisk,
            message: format!("Disk usage ({}) exceeds quota ({})", Bytes(used), Bytes(limit)),
            resources: place.quota.clone(),
        })
    }

    /// How much is below a path, without some others, as `du` counts: what files take up, each
    /// once, links not followed. What cannot be read counts nothing.
    fn count(&self, top: &Path, without: &HashSet<&Path>) -> u64 {
        let mut sum = 0;
        let mut linked = HashSet::new();
        // A volume may be a link in the sandbox.
        let top = fs::canonicalize(top).unwrap_or_else(|_| top.to_owned());
        let mut folders = vec![top.clone()];
        sum += fs::metadata(&top).map(|found| found.blocks() * BLOCK).unwrap_or_default();
        while let Some(folder) = folders.pop() {
            if self.lock().end {
                return sum;
            }
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(found) = entry.metadata() else { continue };
                if without.contains(path.as_path()) {
                    continue;
                }
                if found.nlink() > 1
                    && !found.is_dir()
                    && !linked.insert((found.dev(), found.ino()))
                {
                    continue;
                }
                sum += found.blocks() * BLOCK;
                if found.is_dir() {
                    folders.push(path);
                }
            }
        }
        sum
    }
}

/// What the disk resources of a container stand for: its sandbox, and volumes in it.
fn places(sandbox: &Path, resources: &Resources) -> BTreeMap<PathBuf, Place> {
    let mut found: BTreeMap<PathBuf, Place> = BTreeMap::new();
    for resource in resources.iter().filter(|resource| resource.name == "disk") {
        let volume = resource.disk.as_ref().and_then(|disk| disk.volume.as_ref());
        // An absolute path takes the sandbox's place.
        let path = volume.map_or(sandbox.to_owned(), |one| sandbox.join(&one.container_path));
        let place = found.entry(path).or_insert(Place { quota: Vec::new(), used: None });
        place.quota.push(resource.clone());
    }
    found
}

impl Isolator for DiskUsage {
    fn name(&self) -> &'static str {
        "disk/du"
    }

    fn holds(&self) -> bool {
        false
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let handled = |one: &&Recovered| matches!(one.class, Class::Executor | Class::Standalone);
        for one in known.iter().filter(handled) {
            self.insert(&one.id, &one.sandbox);
            self.update(&one.id, &one.resources, &BTreeMap::new())?;
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        if self.shared.lock().containers.contains_key(&container.id) {
            return refused("Container has already been prepared");
        }
        self.insert(&container.id, &container.sandbox);
        self.update(&container.id, &container.resources, &container.limits)?;
        Ok(Preparation::default())
    }

    fn update(
        &mut self,
        id: &ContainerId,
        resources: &Resources,
        _: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        let mut state = self.shared.lock();
        let Some(known) = state.containers.get_mut(id) else {
            tracing::warn!("ignoring the disk of the unknown container {id}");
            return Ok(());
        };
        let mut wanted = places(&known.sandbox, resources);
        for (path, place) in &mut wanted {
            place.used = known.places.get(path).and_then(|old| old.used);
        }
        let fresh = wanted.values().any(|place| place.used.is_none());
        known.places = wanted;
        state.fresh |= fresh;
        drop(state);
        if fresh {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn usage(
        &mut self,
        id: &ContainerId,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        let state = self.shared.lock();
        let Some(known) = state.containers.get(id) else {
            return refused(format!("Unknown container {id}"));
        };
        for (path, place) in known.places.iter().filter(|(path, _)| **path != known.sandbox) {
            let disk = place.quota.first().and_then(|resource| resource.disk.as_ref());
            tracing::trace!("{} holds {:?}", path.display(), place.used);
            into.disk_statistics.push(DiskStatistics {
                source: disk.and_then(|disk| disk.source.clone()),
                persistence: disk.and_then(|disk| disk.persistence.clone()),
                limit_bytes: Some(place.limit()),
                used_bytes: place.used,
            });
        }
        if let Some(place) = known.places.get(&known.sandbox) {
            let used = Some(place.used.unwrap_or_default());
            into.disk_limit_bytes = Some(place.limit());
            into.disk_used_bytes = used;
            into.disk_statistics.push(DiskStatistics {
                limit_bytes: Some(place.limit()),
                used_bytes: used,
                ..DiskStatistics::default()
            });
        }
        Ok(())
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        self.shared.lock().containers.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, eventually, limited, next};
    use std::cell::RefCell;

    const MB: usize = 1 << 20;
    const SOON: Duration = Duration::from_millis(5);

    fn made(sandbox: &Path, resources: &str) -> Container {
        let mut made = container("c", resources);
        made.sandbox = sandbox.to_owned();
        made
    }

    fn used(isolator: &RefCell<DiskUsage>) -> ResourceStatistics {
        let mut into = ResourceStatistics::default();
        isolator.borrow_mut().usage(&ContainerId::root("c"), &mut into).unwrap();
        into
    }

    #[test]
    fn what_files_take_up_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::write(path("a/b/file"), vec![1; MB]).unwrap();
        fs::hard_link(path("a/b/file"), path("again")).unwrap();
        std::os::unix::fs::symlink("/", path("everything")).unwrap();
        fs::create_dir(path("volume")).unwrap();
        fs::write(path("volume/file"), vec![1; MB]).unwrap();
        // A hole takes up nothing.
        fs::File::create(path("sparse")).unwrap().set_len(1 << 30).unwrap();
        let shared = Shared::default();
        let volume = path("volume");
        let used = shared.count(folder.path(), &HashSet::from([volume.as_path()]));
        assert!((MB as u64..MB as u64 + (64 << 10)).contains(&used), "{used}");
        let all = shared.count(folder.path(), &HashSet::new());
        assert!(all > 2 * MB as u64, "{all}");
        assert_eq!(shared.count("/nonexistent".as_ref(), &HashSet::new()), 0);
    }

    #[test]
    fn too_much_is_a_limitation_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (callback, limitations) = limited();
        let mut strict = DiskUsage::start(SOON, true, callback).unwrap();
        let (callback, ignored) = limited();
        let mut mild = DiskUsage::start(SOON, false, callback).unwrap();
        let made = made(folder.path(), "disk:1");
        strict.prepare(&made).unwrap();
        mild.prepare(&made).unwrap();
        assert!(mild.prepare(&made).is_err());
        fs::write(folder.path().join("file"), vec![1; 2 * MB]).unwrap();
        let limitation = next(&limitations);
        assert_eq!(limitation.reason, Reason::ContainerLimitationDisk);
        let message = &limitation.message;
        let start =
            message.starts_with("Disk usage (") && message.ends_with(") exceeds quota (1MB)");
        assert!(start, "{message}");
        assert_eq!(limitation.resources, made.resources.to_vec());
        let mild = RefCell::new(mild);
        eventually("it is counted", || {
            used(&mild).disk_used_bytes.is_some_and(|used| used > 2 * MB as u64)
        });
        let into = used(&mild);
        assert_eq!(into.disk_limit_bytes, Some(MB as u64));
        assert_eq!(into.disk_statistics.len(), 1);
        let mut mild = mild.into_inner();
        mild.cleanup(&made.id).unwrap();
        assert!(mild.usage(&made.id, &mut ResourceStatistics::default()).is_err());
        drop((strict, mild));
        assert!(ignored.try_recv().is_err());
        assert!(limitations.try_recv().is_err(), "once");
    }

    #[test]
    fn volumes_are_counted_apart() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("data");
        fs::create_dir(&volume).unwrap();
        fs::write(volume.join("file"), vec![1; MB]).unwrap();
        let resources = r#"[
            {"name":"disk","type":"SCALAR","scalar":{"value":8}},
            {"name":"disk","type":"SCALAR","scalar":{"value":64},
             "reservations":[{"type":"DYNAMIC","role":"web"}],
             "disk":{"persistence":{"id":"v"},"volume":{"mode":"RW","container_path":"data"}}}]"#;
        let mut isolator = DiskUsage::start(SOON, true, limited().0).unwrap();
        isolator.prepare(&made(folder.path(), resources)).unwrap();
        let isolator = RefCell::new(isolator);
        eventually("both are counted", || {
            let into = used(&isolator);
            into.disk_statistics[0].used_bytes.is_some_and(|used| used >= MB as u64)
                && into.disk_used_bytes.is_some_and(|used| used > 0)
        });
        let into = used(&isolator);
        assert!(into.disk_used_bytes.unwrap() < MB as u64, "{into:?}");
        assert_eq!(into.disk_limit_bytes, Some(8 * MB as u64));
        assert_eq!(into.disk_statistics[0].limit_bytes, Some(64 * MB as u64));
        assert_eq!(into.disk_statistics[0].persistence.as_ref().unwrap().id, "v");
        // A disk of its own keeps its limit by itself.
        let place = Place {
            quota: vec![
                serde_json::from_value(serde_json::json!({
                    "name": "disk", "type": "SCALAR", "scalar": {"value": 1},
                    "disk": {"source": {"type": "MOUNT"}},
                }))
                .unwrap(),
            ],
            used: None,
        };
        assert!(place.is_disk_of_its_own());
    }
}

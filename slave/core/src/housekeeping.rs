//! Collecting what ended executors and frameworks left on the disk (rows SB-04, SB-05).

use std::path::{Path, PathBuf};

use mesos::ids::FrameworkId;
use mesos::time::Time;

use crate::agent::{Agent, ExecutorKey};
use crate::checkpoint::RunId;
use crate::effect::Effect;
use crate::gc::max_age;
use crate::metrics::Counter;
use crate::pending::Timer;
use crate::step::Step;

impl Agent {
    /// Schedules the directories of a run that is over, and of its executor, which a later run
    /// takes back.
    pub(crate) fn collect_run(&mut self, io: &mut Step<'_>, run: &RunId) {
        let key = ExecutorKey { framework: run.framework.clone(), executor: run.executor.clone() };
        let at = io.now + self.config.gc_delay;
        for layout in [self.paths.work(), self.paths.meta()] {
            self.collector.schedule(layout.run(run), at);
        }
        for path in self.executor_directories(&key) {
            self.collector.schedule(path, at);
        }
        self.plan_collection(io);
    }

    pub(crate) fn collect_framework(&mut self, io: &mut Step<'_>, id: &FrameworkId) {
        let at = io.now + self.config.gc_delay;
        for path in self.framework_directories(id) {
            self.collector.schedule(path, at);
        }
        self.plan_collection(io);
    }

    /// Takes the directories of an executor and its framework back into use.
    pub(crate) fn keep_directories_of(&mut self, key: &ExecutorKey) {
        for path in self.directories_of(key) {
            self.collector.unschedule(&path);
        }
    }

    /// Whether a removal is under way that a new run of this executor would race with.
    pub(crate) fn is_removing_directories_of(&self, key: &ExecutorKey) -> bool {
        self.directories_of(key).iter().any(|path| self.collector.is_removing(path))
    }

    fn directories_of(&self, key: &ExecutorKey) -> Vec<PathBuf> {
        let mut paths = self.executor_directories(key);
        paths.extend(self.framework_directories(&key.framework));
        paths
    }

    pub(crate) fn executor_directories(&self, key: &ExecutorKey) -> Vec<PathBuf> {
        let agent = self.id();
        let layouts = [self.paths.work(), self.paths.meta()];
        layouts.iter().map(|l| l.executor(&agent, &key.framework, &key.executor)).collect()
    }

    pub(crate) fn framework_directories(&self, id: &FrameworkId) -> Vec<PathBuf> {
        let agent = self.id();
        let layouts = [self.paths.work(), self.paths.meta()];
        layouts.iter().map(|layout| layout.framework(&agent, id)).collect()
    }

    /// Sets the time of the next collection.
    pub(crate) fn plan_collection(&mut self, io: &mut Step<'_>) {
        let Some(next) = self.collector.next() else {
            self.timers.cancel(io, &Timer::Collect);
            return;
        };
        let sooner = self.config.gc_delay.saturating_sub(self.gc_max_age);
        let wait = next.since(io.now).saturating_sub(sooner);
        self.timers.set(io, Timer::Collect, wait);
    }

    /// Removes what is due: what was scheduled for now, or what is older than a full disk allows.
    pub(crate) fn collect(&mut self, io: &mut Step<'_>) {
        let sooner = self.config.gc_delay.saturating_sub(self.gc_max_age);
        for path in self.collector.collect(io.now + sooner) {
            io.info(format!("removing {}", path.display()));
            io.push(Effect::RemovePath(path));
        }
        self.plan_collection(io);
    }

    pub(crate) fn path_removed(
        &mut self,
        io: &mut Step<'_>,
        path: &Path,
        result: Result<(), String>,
    ) {
        if self.contained_path_removed(io, path, &result) || !self.collector.removed(path) {
            return;
        }
        match result {
            Ok(()) => io.count(Counter::PathRemovalsSucceeded),
            Err(error) => {
                io.count(Counter::PathRemovalsFailed);
                io.error(format!("failed to remove {}: {error}", path.display()));
            }
        }
        self.start_pending(io);
    }

    /// Asks how full the disk is, now and again later.
    pub(crate) fn watch_disk(&mut self, io: &mut Step<'_>) {
        io.push(Effect::MeasureDisk);
        self.timers.set(io, Timer::WatchDisk, self.config.disk_watch_interval);
    }

    pub(crate) fn disk_usage(&mut self, io: &mut Step<'_>, usage: f64) {
        let headroom = self.config.gc_disk_headroom;
        self.gc_max_age = max_age(self.config.gc_delay, headroom, usage);
        self.collect(io);
    }

    /// Schedules a directory that the last run of the agent left behind.
    pub(crate) fn collect_old(&mut self, path: PathBuf, modified: Time) {
        self.collector.schedule(path, modified + self.config.gc_delay);
    }
}

//! Which directories are collected, and when (rows SB-04, SB-05).
//!
//! A directory that nothing uses is scheduled for removal one `gc_delay` after it was last
//! changed. As the disk fills, the age that is allowed shrinks, and removals come forward.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesos::time::Time;

/// The directories that wait to be removed, and those that are being removed.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// As octets, which compare several times as fast as paths; the agent's own have one form.
    by_path: BTreeMap<OsString, Time>,
    by_time: BTreeSet<(Time, PathBuf)>,
    removing: BTreeSet<PathBuf>,
}

impl Collector {
    /// Schedules a removal, in the place of an earlier schedule.
    pub(crate) fn schedule(&mut self, path: PathBuf, at: Time) {
        self.unschedule(&path);
        self.by_time.insert((at, path.clone()));
        self.by_path.insert(path.into(), at);
    }

    /// Takes a directory back into use, unless its removal has begun.
    pub(crate) fn unschedule(&mut self, path: &Path) {
        if let Some((path, at)) = self.by_path.remove_entry(path.as_os_str()) {
            self.by_time.remove(&(at, path.into()));
        }
    }

    /// Whether a removal is under way that takes this path with it.
    pub(crate) fn is_removing(&self, path: &Path) -> bool {
        path.ancestors().any(|ancestor| self.removing.contains(ancestor))
    }

    /// Begins the removal of everything that is due by a time, and says what that is. A directory
    /// below one that is being removed goes with it.
    pub(crate) fn collect(&mut self, until: Time) -> Vec<PathBuf> {
        let mut due = Vec::new();
        while let Some((at, path)) = self.by_time.pop_first() {
            if at > until {
                self.by_time.insert((at, path));
                break;
            }
            self.by_path.remove(path.as_os_str());
            if !self.is_removing(&path) {
                self.removing.insert(path.clone());
                due.push(path);
            }
        }
        due
    }

    /// Notes that a removal is over.
    pub(crate) fn removed(&mut self, path: &Path) -> bool {
        self.removing.remove(path)
    }

    /// When the next removal is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// How many directories wait.
    pub(crate) fn pending(&self) -> usize {
        self.by_path.len()
    }
}

/// The largest age of a dead sandbox when this part of the disk is in use (row SB-04).
pub(crate) fn max_age(delay: Duration, headroom: f64, usage: f64) -> Duration {
    let part = (1.0 - headroom - usage).clamp(0.0, 1.0);
    if part.is_nan() { delay } else { delay.mul_f64(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn collects_what_is_due_oldest_first() {
        let mut collector = Collector::default();
        collector.schedule("/w/b".into(), at(2));
        collector.schedule("/w/a".into(), at(3));
        collector.schedule("/w/c".into(), at(9));
        assert_eq!(collector.collect(at(5)), [PathBuf::from("/w/b"), "/w/a".into()]);
        assert_eq!(collector.next(), Some(at(9)));
        assert_eq!(collector.pending(), 1);
    }

    #[test]
    fn a_new_schedule_replaces_the_old_one() {
        let mut collector = Collector::default();
        collector.schedule("/w/a".into(), at(2));
        collector.schedule("/w/a".into(), at(8));
        assert_eq!(collector.collect(at(5)), [] as [PathBuf; 0]);
        collector.unschedule(Path::new("/w/a"));
        assert_eq!(collector.next(), None);
    }

    #[test]
    fn a_removal_takes_what_is_below_with_it() {
        let mut collector = Collector::default();
        collector.schedule("/w/f".into(), at(1));
        collector.schedule("/w/f/runs/1".into(), at(2));
        assert_eq!(collector.collect(at(5)), [PathBuf::from("/w/f")]);
        assert!(collector.is_removing(Path::new("/w/f/runs/2")));
        assert!(!collector.is_removing(Path::new("/w/fg")));
        assert!(collector.removed(Path::new("/w/f")));
        assert!(!collector.is_removing(Path::new("/w/f/runs/2")));
    }

    #[test]
    fn a_full_disk_allows_no_age() {
        let week = Duration::from_secs(7 * 24 * 3600);
        assert_eq!(max_age(week, 0.1, 0.95), Duration::ZERO);
        assert_eq!(max_age(week, 0.1, 0.4), week.mul_f64(0.5));
        assert_eq!(max_age(week, 0.0, 0.0), week);
        assert_eq!(max_age(week, 0.1, f64::NAN), week);
    }
}

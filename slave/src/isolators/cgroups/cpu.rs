//! `cgroups/cpu`: shares, bandwidth and time of processors (rows IS-02, OP-19, CT-20).
//!
//! A container gets processors by its share whenever there are too few. Only with
//! `--cgroups_enable_cfs`, or a limit of its own, it gets no more than so much.

use std::collections::BTreeMap;

use mesos::ids::ContainerId;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use nix::unistd::{SysconfVar, sysconf};

use super::controller::Controller;
use super::mounts::Version;
use super::node::{Node, PROCESSES};
use crate::isolators::IsolatorError;

/// The share of a processor, in version 1.
const SHARES: u64 = 1024;
/// The same where it may be taken back, with `--revocable_cpu_low_priority`.
const SHARES_REVOCABLE: u64 = 10;
/// What the kernel makes of anything less.
const MIN_SHARES: u64 = 2;
/// The share of a processor, in version 2.
const WEIGHT: u64 = 100;
const WEIGHT_REVOCABLE: u64 = 1;
const MIN_WEIGHT: u64 = 1;
const MAX_WEIGHT: u64 = 10_000;
/// How often what may be used is given out, in microseconds.
const PERIOD_US: u64 = 100_000;
/// The least that is given out, in microseconds.
const MIN_QUOTA_US: u64 = 1000;

/// The controller `cpu`.
#[derive(Debug)]
pub struct Cpu {
    /// The version of the hierarchy.
    pub version: Version,
    /// `--cgroups_enable_cfs`: what is promised is also the limit.
    pub cfs: bool,
    /// `--revocable_cpu_low_priority`.
    pub revocable_low_priority: bool,
    /// `--cgroups_cpu_enable_pids_and_tids_count`; in version 1 it is the other controller's.
    pub count: bool,
}

impl Cpu {
    fn share(&self, resources: &Resources, cpus: f64) -> u64 {
        let low = self.revocable_low_priority && resources.revocable().cpus().is_some();
        let (full, reduced, least, most) = match self.version {
            Version::V1 => (SHARES, SHARES_REVOCABLE, MIN_SHARES, u64::MAX),
            Version::V2 => (WEIGHT, WEIGHT_REVOCABLE, MIN_WEIGHT, MAX_WEIGHT),
        };
        let each = if low { reduced } else { full };
        ((each as f64 * cpus) as u64).clamp(least, most)
    }

    /// The bandwidth per period, in microseconds; nothing for as much as there is.
    fn quota(&self, cpus: f64, limits: &BTreeMap<String, f64>) -> Bandwidth {
        let most = match limits.get("cpus") {
            Some(limit) if limit.is_infinite() => return Bandwidth::Unlimited,
            Some(limit) => *limit,
            None if self.cfs => cpus,
            None => return Bandwidth::Unset,
        };
        Bandwidth::Quota(((PERIOD_US as f64 * most) as u64).max(MIN_QUOTA_US))
    }
}

#[derive(Debug, PartialEq)]
enum Bandwidth {
    Unset,
    Unlimited,
    Quota(u64),
}

impl Controller for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn update(
        &mut self,
        _: &ContainerId,
        node: &Node,
        resources: &Resources,
        limits: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        let Some(cpus) = resources.cpus() else {
            let what = "Failed to update subsystem 'cpu': No cpus resource given";
            return Err(IsolatorError::Refused(what.to_owned()));
        };
        let share = self.share(resources, cpus).to_string();
        let quota = self.quota(cpus, limits);
        match self.version {
            Version::V1 => {
                node.write("cpu.shares", share)?;
                let quota = match quota {
                    Bandwidth::Unset => return Ok(()),
                    Bandwidth::Unlimited => "-1".to_owned(),
                    Bandwidth::Quota(quota) => quota.to_string(),
                };
                node.write("cpu.cfs_period_us", PERIOD_US.to_string())?;
                node.write("cpu.cfs_quota_us", quota)
            }
            Version::V2 => {
                node.write("cpu.weight", share)?;
                let quota = match quota {
                    Bandwidth::Unset | Bandwidth::Unlimited => "max".to_owned(),
                    Bandwidth::Quota(quota) => quota.to_string(),
                };
                node.write("cpu.max", format!("{quota} {PERIOD_US}"))
            }
        }
    }

    fn usage(
        &mut self,
        _: &ContainerId,
        node: &Node,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        if self.version == Version::V1 && !self.cfs {
            return Ok(());
        }
        let stat = node.table("cpu.stat")?;
        let count =
            |name: &str| stat.get(name).map(|count| (*count).try_into().unwrap_or(u32::MAX));
        into.cpus_nr_periods = count("nr_periods");
        into.cpus_nr_throttled = count("nr_throttled");
        let seconds =
            |name: &str, per_second: f64| stat.get(name).map(|amount| *amount as f64 / per_second);
        match self.version {
            Version::V1 => into.cpus_throttled_time_secs = seconds("throttled_time", 1e9),
            Version::V2 => {
                into.cpus_throttled_time_secs = seconds("throttled_usec", 1e6);
                into.cpus_user_time_secs = seconds("user_usec", 1e6);
                into.cpus_system_time_secs = seconds("system_usec", 1e6);
                if self.count {
                    count_members(&super::v2::leaf(node), "cgroup.threads", into)?;
                }
            }
        }
        Ok(())
    }
}

/// The controller `cpuacct` of version 1: time that was used.
#[derive(Debug)]
pub struct Accounting {
    /// `--cgroups_cpu_enable_pids_and_tids_count`.
    pub count: bool,
}

impl Controller for Accounting {
    fn name(&self) -> &'static str {
        "cpuacct"
    }

    fn usage(
        &mut self,
        _: &ContainerId,
        node: &Node,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        if self.count {
            count_members(node, "tasks", into)?;
        }
        let stat = node.table("cpuacct.stat")?;
        let ticks = match sysconf(SysconfVar::CLK_TCK) {
            Ok(Some(ticks)) if ticks > 0 => ticks as f64,
            _ => 100.0,
        };
        if let (Some(user), Some(system)) = (stat.get("user"), stat.get("system")) {
            into.cpus_user_time_secs = Some(*user as f64 / ticks);
            into.cpus_system_time_secs = Some(*system as f64 / ticks);
        }
        Ok(())
    }
}

fn count_members(
    node: &Node,
    threads: &str,
    into: &mut ResourceStatistics,
) -> Result<(), IsolatorError> {
    let count = |name| Ok::<_, IsolatorError>(node.pids(name)?.len().try_into().ok());
    into.processes = count(PROCESSES)?;
    into.threads = count(threads)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, eventually, own_cgroup, v1};
    use std::fs;
    use std::time::{Duration, Instant};

    fn cpu(version: Version, cfs: bool) -> Cpu {
        Cpu { version, cfs, revocable_low_priority: true, count: true }
    }

    fn resources(text: &str) -> Resources {
        Resources::parse(text, "*").unwrap()
    }

    fn fixture(files: &[(&str, &str)]) -> (tempfile::TempDir, Node) {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path());
        for (name, text) in files {
            fs::create_dir_all(node.file(name).parent().unwrap()).unwrap();
            fs::write(node.file(name), text).unwrap();
        }
        (folder, node)
    }

    fn update(mut cpu: Cpu, node: &Node, text: &str, limit: Option<f64>) {
        let limits = limit.map(|limit| ("cpus".to_owned(), limit)).into_iter().collect();
        cpu.update(&ContainerId::root("c"), node, &resources(text), &limits).unwrap();
    }

    #[test]
    fn shares_are_1024_per_processor_and_at_least_2() {
        let v1 = cpu(Version::V1, false);
        let share = |cpu: &Cpu, text| cpu.share(&resources(text), resources(text).cpus().unwrap());
        assert_eq!(share(&v1, "cpus:0.5"), 512);
        assert_eq!(share(&v1, "cpus:3"), 3072);
        assert_eq!(share(&v1, "cpus:0.001"), 2);
        let v2 = cpu(Version::V2, false);
        assert_eq!(share(&v2, "cpus:0.5"), 50);
        assert_eq!(share(&v2, "cpus:0.001"), 1);
        assert_eq!(share(&v2, "cpus:500"), 10_000);
        let revocable = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"revocable":{}}]"#;
        assert_eq!(share(&v1, revocable), 20);
        assert_eq!(share(&v2, revocable), 2);
        let equal = Cpu { revocable_low_priority: false, ..v1 };
        assert_eq!(share(&equal, revocable), 2048);
    }

    #[test]
    fn the_quota_is_the_limit_or_with_the_flag_what_is_promised() {
        let limits = |limit| BTreeMap::from([("cpus".to_owned(), limit)]);
        let (with, without) = (cpu(Version::V1, true), cpu(Version::V1, false));
        assert_eq!(without.quota(0.5, &BTreeMap::new()), Bandwidth::Unset);
        assert_eq!(with.quota(0.5, &BTreeMap::new()), Bandwidth::Quota(50_000));
        assert_eq!(with.quota(0.001, &BTreeMap::new()), Bandwidth::Quota(1000));
        for cpu in [with, without] {
            assert_eq!(cpu.quota(0.5, &limits(2.0)), Bandwidth::Quota(200_000));
            assert_eq!(cpu.quota(0.5, &limits(f64::INFINITY)), Bandwidth::Unlimited);
        }
    }

    #[test]
    fn version_1_has_files_of_its_own() {
        let names = ["cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us"];
        let (_folder, node) = fixture(&names.map(|name| (name, "")));
        update(cpu(Version::V1, false), &node, "cpus:2", None);
        assert_eq!(node.read("cpu.shares").unwrap(), "2048");
        assert_eq!(node.read("cpu.cfs_quota_us").unwrap(), "");
        update(cpu(Version::V1, false), &node, "cpus:2", Some(f64::INFINITY));
        assert_eq!(node.read("cpu.cfs_quota_us").unwrap(), "-1");
        assert_eq!(node.read("cpu.cfs_period_us").unwrap(), "100000");
        let error = cpu(Version::V1, false).update(
            &ContainerId::root("c"),
            &node,
            &resources("mem:1"),
            &BTreeMap::new(),
        );
        let text = "Failed to update subsystem 'cpu': No cpus resource given";
        assert_eq!(error.unwrap_err().to_string(), text);
    }

    #[test]
    fn version_2_has_others() {
        let stat = "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\n\
                    nr_periods 7\nnr_throttled 3\nthrottled_usec 250000\n";
        let (_folder, node) = fixture(&[
            ("cpu.weight", ""),
            ("cpu.max", ""),
            ("cpu.stat", stat),
            ("leaf/cgroup.procs", "1\n2\n"),
            ("leaf/cgroup.threads", "1\n2\n3\n"),
        ]);
        update(cpu(Version::V2, true), &node, "cpus:1.5", None);
        assert_eq!(node.read("cpu.weight").unwrap(), "150");
        assert_eq!(node.read("cpu.max").unwrap(), "150000 100000");
        fs::write(node.file("cpu.max"), "").unwrap();
        update(cpu(Version::V2, false), &node, "cpus:1.5", None);
        assert_eq!(node.read("cpu.max").unwrap(), "max 100000");
        let mut into = ResourceStatistics::default();
        let id = ContainerId::root("c");
        cpu(Version::V2, false).usage(&id, &node, &mut into).unwrap();
        assert_eq!((into.cpus_user_time_secs, into.cpus_system_time_secs), (Some(2.0), Some(1.5)));
        assert_eq!((into.cpus_nr_periods, into.cpus_nr_throttled), (Some(7), Some(3)));
        assert_eq!(into.cpus_throttled_time_secs, Some(0.25));
        assert_eq!((into.processes, into.threads), (Some(2), Some(3)));
    }

    #[test]
    fn version_1_counts_in_ticks() {
        let (_folder, node) = fixture(&[
            ("cpuacct.stat", "user 250\nsystem 50\n"),
            ("cgroup.procs", "1\n"),
            ("tasks", "1\n2\n"),
        ]);
        let mut into = ResourceStatistics::default();
        let mut accounting = Accounting { count: true };
        accounting.usage(&ContainerId::root("c"), &node, &mut into).unwrap();
        assert_eq!((into.cpus_user_time_secs, into.cpus_system_time_secs), (Some(2.5), Some(0.5)));
        assert_eq!((into.processes, into.threads), (Some(1), Some(2)));
    }

    /// The time of processors, in seconds.
    fn used(node: &Node) -> f64 {
        let mut into = ResourceStatistics::default();
        Accounting { count: false }.usage(&ContainerId::root("c"), node, &mut into).unwrap();
        into.cpus_user_time_secs.unwrap() + into.cpus_system_time_secs.unwrap()
    }

    #[test]
    fn half_a_processor_is_half_a_processor() {
        let what = "the limit of processors";
        let Some(mount) = v1("cpu", what) else { return };
        let Some(accounts) = v1("cpuacct", what) else { return };
        let root = own_cgroup(&mount);
        let path = root.relative().join("a");
        let node = super::super::v1::create(&mount, &path).unwrap();
        let others = own_cgroup(&accounts);
        let counted = super::super::v1::create(&accounts, others.relative()).unwrap();
        update(cpu(Version::V1, true), &node, "cpus:0.5", None);
        let mut fork = Fork::waiting("while :; do :; done");
        node.assign(fork.pid()).unwrap();
        counted.assign(fork.pid()).unwrap();
        fork.go();
        eventually("it runs", || used(&counted) > 0.1);
        let (start, before) = (Instant::now(), used(&counted));
        eventually("two seconds pass", || start.elapsed() > Duration::from_secs(2));
        let rate = (used(&counted) - before) / start.elapsed().as_secs_f64();
        // At most: a busy machine may give less. Ticks and periods are not exact.
        assert!(rate < 0.55, "{rate}");
        let mut into = ResourceStatistics::default();
        cpu(Version::V1, true).usage(&ContainerId::root("c"), &node, &mut into).unwrap();
        assert!(into.cpus_nr_throttled.unwrap() > 0, "{into:?}");
    }
}

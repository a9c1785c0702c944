//! Where cgroups are, as the kernel's table of mounts says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::isolators::IsolatorError;
use crate::isolators::mountinfo::{self, Entry};

/// Everything that a mount of version 1 may have as an option beside its controllers.
const OPTIONS: &[&str] =
    &["rw", "ro", "xattr", "clone_children", "noprefix", "all", "none", "cpuset_v2_mode"];

/// Which cgroups containers are put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy per controller, or a few together.
    V1,
    /// One hierarchy for all.
    V2,
}

/// The hierarchies that are mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Those of version 1, by controller. Several controllers may have the same.
    pub v1: BTreeMap<String, PathBuf>,
    /// That of version 2.
    pub v2: Option<PathBuf>,
}

impl Mounts {
    /// Looks them up.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn read() -> Result<Self, IsolatorError> {
        Ok(Self::of(&mountinfo::read()?))
    }

    /// Looks them up in a table. Of several mounts of a hierarchy the first counts that shows all
    /// of it.
    pub fn of(table: &[Entry]) -> Self {
        let mut found = Self::default();
        for mount in table.iter().filter(|mount| mount.root == "/") {
            match mount.kind.as_str() {
                "cgroup2" => {
                    found.v2.get_or_insert_with(|| mount.target.clone());
                }
                "cgroup" => {
                    for controller in controllers(mount) {
                        let target = || mount.target.clone();
                        found.v1.entry(controller.to_owned()).or_insert_with(target);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The version to use: the second where it is mounted at `hierarchy` itself
    /// (`--cgroups_hierarchy`), as systems with nothing else have it (row CT-15).
    pub fn version(&self, hierarchy: &Path) -> Version {
        if self.v2.as_deref() == Some(hierarchy) { Version::V2 } else { Version::V1 }
    }

    /// The controllers that can be had in a version.
    pub fn controllers(&self, version: Version) -> BTreeSet<String> {
        match version {
            Version::V1 => self.v1.keys().cloned().collect(),
            Version::V2 => {
                let names = self.v2.as_ref().map(|mount| mount.join("cgroup.controllers"));
                let names = names.and_then(|path| fs::read_to_string(path).ok());
                names.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
            }
        }
    }
}

fn controllers(mount: &Entry) -> impl Iterator<Item = &str> {
    let named = |option: &&str| !option.contains('=') && !OPTIONS.contains(option);
    mount.super_options.split(',').filter(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
25 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
26 25 0:23 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,size=4096k,mode=755
27 26 0:24 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
28 26 0:25 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
31 26 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:14 - cgroup cgroup rw,cpu,cpuacct
32 26 0:29 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory
33 30 0:29 /docker/abc /containers/memory rw - cgroup cgroup rw,memory
34 26 0:30 / /odd\\040place rw - cgroup cgroup rw,release_agent=/x,pids
";

    #[test]
    fn hierarchies_are_found_by_controller() {
        let mounts = Mounts::of(&mountinfo::parse(HYBRID));
        let of = |name: &str| mounts.v1.get(name).and_then(|path| path.to_str());
        assert_eq!(of("cpu"), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(of("cpuacct"), of("cpu"));
        assert_eq!(of("memory"), Some("/sys/fs/cgroup/memory"));
        assert_eq!(of("pids"), Some("/odd place"));
        assert_eq!(mounts.v1.len(), 4, "{mounts:?}");
        assert_eq!(mounts.v2, Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mounts.version("/sys/fs/cgroup".as_ref()), Version::V1);
        assert_eq!(mounts.version("/sys/fs/cgroup/unified".as_ref()), Version::V2);
        assert!(mounts.controllers(Version::V1).contains("memory"));
    }

    #[test]
    fn a_system_with_version_2_alone_uses_it() {
        let line = "30 25 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let mounts = Mounts::of(&mountinfo::parse(line));
        assert_eq!(mounts.version("/sys/fs/cgroup".as_ref()), Version::V2);
    }
}

//! What the machine has, for resources that the operator does not name (rows SL-03, SL-04).

use std::fs;
use std::path::Path;

use mesos::resource::Resource;
use mesos::resources::{ResourceError, Resources, parse_list, parse_one};
use nix::sys::statvfs::statvfs;

const MEGABYTE: u64 = 1024 * 1024;
const GIGABYTE: u64 = 1024 * MEGABYTE;

/// The ports that an agent offers where nobody says otherwise.
const PORTS: &str = "[31000-32000]";

/// The resources of an agent: those of `text`, and what the machine has of the standard ones that
/// it does not name. A part is left for the system and for the agent itself.
///
/// # Errors
/// The text is not a list of resources.
pub fn resources(
    text: Option<&str>,
    default_role: &str,
    work_dir: &Path,
) -> Result<Vec<Resource>, ResourceError> {
    let mut list = parse_list(text.unwrap_or_default(), default_role)?;
    let found = [
        ("cpus", cpus().to_string()),
        ("mem", mem_megabytes(total_memory()).to_string()),
        ("disk", disk_megabytes(total_disk(work_dir)).to_string()),
        ("ports", PORTS.to_owned()),
    ];
    for (name, value) in found {
        if !list.iter().any(|resource| resource.name == name) {
            list.push(parse_one(name, &value, default_role)?);
        }
    }
    Ok(Resources::try_from_list(list)?.to_vec())
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// All memory, or a gigabyte where it cannot be found.
fn total_memory() -> u64 {
    let kilobytes = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kilobytes.map_or(GIGABYTE, |kilobytes| kilobytes * 1024)
}

/// The file system that `work_dir` is on, or will be; ten gigabytes where it cannot be found.
fn total_disk(work_dir: &Path) -> u64 {
    let existing = work_dir.ancestors().find(|path| path.exists());
    let found = existing.and_then(|path| statvfs(path).ok());
    found.map_or(10 * GIGABYTE, |disk| disk.blocks() as u64 * disk.fragment_size() as u64)
}

/// A gigabyte is left for the system; on a small machine, half.
fn mem_megabytes(total: u64) -> u64 {
    let offered = if total >= 2 * GIGABYTE { total - GIGABYTE } else { total / 2 };
    offered / MEGABYTE
}

/// Five gigabytes are left for the system; on a small disk, half.
fn disk_megabytes(total: u64) -> u64 {
    let offered = if total >= 10 * GIGABYTE { total - 5 * GIGABYTE } else { total / 2 };
    offered / MEGABYTE
}

/// The part of the file system of `work_dir` that is in use, 0 to 1.
///
/// # Errors
/// The file system does not answer.
pub fn disk_usage(work_dir: &Path) -> Result<f64, nix::Error> {
    let disk = statvfs(work_dir)?;
    let (total, free) = (disk.blocks() as f64, disk.blocks_free() as f64);
    Ok(if total > 0.0 { (total - free) / total } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_left_for_the_system() {
        assert_eq!(mem_megabytes(8 * GIGABYTE), 7 * 1024);
        assert_eq!(mem_megabytes(GIGABYTE), 512);
        assert_eq!(disk_megabytes(100 * GIGABYTE), 95 * 1024);
        assert_eq!(disk_megabytes(4 * GIGABYTE), 2 * 1024);
    }

    #[test]
    fn what_the_operator_names_is_not_looked_for() {
        let all = resources(Some("cpus:0.5;ports:[1-2]"), "*", Path::new("/")).unwrap();
        let all: Resources = all.into_iter().collect();
        assert_eq!(all.cpus(), Some(0.5));
        assert_eq!(all.ports().map(|ports| ports.count()), Some(2));
        assert!(all.mem().is_some_and(|mem| mem > 0.0));
        assert!(all.disk().is_some_and(|disk| disk > 0.0));
        let given = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":3}}]"#;
        let all = resources(Some(given), "*", Path::new("/no/such/place")).unwrap();
        let all: Resources = all.into_iter().collect();
        assert_eq!(all.cpus(), Some(3.0));
    }

    #[test]
    fn a_disk_is_in_use_to_a_part() {
        let usage = disk_usage(Path::new("/")).unwrap();
        assert!((0.0..=1.0).contains(&usage));
    }
}

//! What processes use, as `/proc` tells (rows IS-01, IS-02 of the posix isolators).

use std::fs;
use std::time::SystemTime;

use mesos::statistics::ResourceStatistics;
use nix::unistd::{SysconfVar, sysconf};

use super::tree;

/// The time, in seconds since 1970.
pub fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// What a process and everything below it use: time of processors, and memory.
pub fn of_tree(root: u32) -> ResourceStatistics {
    let unit = |variable, otherwise| match sysconf(variable) {
        Ok(Some(value)) if value > 0 => value as u64,
        _ => otherwise,
    };
    let (ticks, page) = (unit(SysconfVar::CLK_TCK, 100), unit(SysconfVar::PAGE_SIZE, 4096));
    let mut sum = Usage::default();
    for pid in tree::descendants(root).into_iter().chain([root]) {
        if let Some(usage) = usage(pid) {
            sum.user += usage.user;
            sum.system += usage.system;
            sum.pages += usage.pages;
        }
    }
    let seconds = |sum: u64| Some(sum as f64 / ticks as f64);
    ResourceStatistics {
        cpus_user_time_secs: seconds(sum.user),
        cpus_system_time_secs: seconds(sum.system),
        mem_rss_bytes: Some(sum.pages * page),
        ..ResourceStatistics::default()
    }
}

#[derive(Debug, Default, PartialEq)]
struct Usage {
    user: u64,
    system: u64,
    pages: u64,
}

fn usage(pid: u32) -> Option<Usage> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `/proc/<pid>/stat`. The second field is the program's name in parentheses, which may hold
/// anything; the third is the first after it.
fn parse(stat: &str) -> Option<Usage> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Usage { user: field(14)?, system: field(15)?, pages: field(24)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 0 0 20 0 1 0 99 1000 250 1";
        assert_eq!(parse(stat), Some(Usage { user: 50, system: 60, pages: 250 }));
        assert_eq!(parse("7 (x"), None);
    }

    #[test]
    fn this_program_uses_memory() {
        let statistics = of_tree(std::process::id());
        assert!(statistics.mem_rss_bytes.is_some_and(|octets| octets > 100_000));
        assert!(now() > 1.7e9);
    }
}

//! `cgroups/mem`: limits of memory, and what happens to those who pass them (rows IS-03, OP-19,
//! CT-20).
//!
//! ```text
//!   promised (at least 32 MB) ──▶ soft limit, always
//!   limit, or what is promised ─▶ hard limit, at first and when it is raised: lowering it below
//!                                 what is used would kill a container that did nothing wrong
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;

use libprocess::units::Bytes;
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::statistics::ResourceStatistics;
use mesos::task::Reason;
use nix::sys::eventfd::EventFd;

use super::controller::Controller;
use super::mounts::Version;
use super::node::Node;
use super::watcher::{self, Action, Source, Ticket, Watcher};
use crate::isolators::{Container, IsolatorError, Limitation, Limited};

/// The least that a container gets, in octets.
const MIN_MEMORY: u64 = 32 * Bytes::MEGABYTE;

/// Above any limit that the kernel of version 1 counts with: a word less a page.
const UNLIMITED: u64 = i64::MAX as u64;

/// How badly the kernel needs memory, in version 1.
const PRESSURES: [&str; 3] = ["low", "medium", "critical"];

/// The controller `memory`.
#[derive(Debug)]
pub struct Memory {
    files: Files,
    /// `--cgroups_limit_swap`: the hard limit holds for memory and swap together.
    limit_swap: bool,
    watcher: Watcher,
    limited: Callback,
    containers: HashMap<ContainerId, Watched>,
}

/// A callback that can be shown.
#[derive(Clone)]
struct Callback(Limited);

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limited")
    }
}

#[derive(Debug)]
struct Watched {
    ticket: Ticket,
    /// Whether the hard limit has been set.
    limited: bool,
    /// Whether its task may be killed for more memory than it was promised, where the machine has
    /// too little.
    task: bool,
    pressures: [Option<Pressure>; 3],
}

#[derive(Debug)]
struct Pressure {
    counter: EventFd,
    seen: u64,
}

/// The names of files in a version.
#[derive(Debug, Clone, Copy)]
struct Files {
    version: Version,
    soft: &'static str,
    hard: &'static str,
    used: &'static str,
    peak: &'static str,
}

impl Files {
    fn of(version: Version) -> Self {
        match version {
            Version::V1 => Self {
                version,
                soft: "memory.soft_limit_in_bytes",
                hard: "memory.limit_in_bytes",
                used: "memory.usage_in_bytes",
                peak: "memory.max_usage_in_bytes",
            },
            Version::V2 => Self {
                version,
                soft: "memory.low",
                hard: "memory.max",
                used: "memory.current",
                peak: "memory.peak",
            },
        }
    }
}

const MEMSW_LIMIT: &str = "memory.memsw.limit_in_bytes";

impl Memory {
    /// Looks at the hierarchy, and starts to listen. `root` is the cgroup above those of
    /// containers.
    ///
    /// # Errors
    /// What the flags ask for cannot be had.
    pub fn new(
        version: Version,
        root: &Node,
        limit_swap: bool,
        limited: Limited,
    ) -> Result<Self, IsolatorError> {
        if limit_swap && version == Version::V2 {
            let what = "--cgroups_limit_swap is not supported with version 2 of cgroups";
            return Err(IsolatorError::Refused(what.to_owned()));
        }
        if limit_swap && !root.has(MEMSW_LIMIT) {
            let what = format!("'{MEMSW_LIMIT}' is not available");
            return Err(IsolatorError::Refused(what));
        }
        let watcher = Watcher::start().map_err(|source| IsolatorError::Io {
            what: "listen for events of",
            path: root.path().to_owned(),
            source,
        })?;
        let (files, containers) = (Files::of(version), HashMap::new());
        Ok(Self { files, limit_swap, watcher, limited: Callback(limited), containers })
    }

    fn listen(&mut self, id: &ContainerId, node: &Node) -> Result<Ticket, IsolatorError> {
        let (source, action) = match self.files.version {
            Version::V1 => {
                let counter = watcher::counter(node, "memory.oom_control", "")?;
                (Source::Counter(counter), self.on_oom_v1(id, node))
            }
            Version::V2 => {
                let file = watcher::file(node, "memory.events")?;
                (Source::File(file), self.on_oom_v2(id, node)?)
            }
        };
        self.watcher.watch(source, action).map_err(|source| IsolatorError::Io {
            what: "listen for events of",
            path: node.path().to_owned(),
            source,
        })
    }

    fn on_oom_v1(&self, id: &ContainerId, node: &Node) -> Action {
        let (id, node, files) = (id.clone(), node.clone(), self.files);
        let limited = Arc::clone(&self.limited.0);
        Box::new(move || {
            // The kernel also says so when the cgroup goes away.
            if node.exists() {
                limited(limitation(&id, &node, files));
            }
            false
        })
    }

    fn on_oom_v2(&self, id: &ContainerId, node: &Node) -> Result<Action, IsolatorError> {
        let kills = |node: &Node| {
            let events = node.table("memory.events");
            events.map(|events| events.get("oom_kill").copied().unwrap_or_default())
        };
        let (before, files) = (kills(node)?, self.files);
        let (id, node, limited) = (id.clone(), node.clone(), Arc::clone(&self.limited.0));
        Ok(Box::new(move || match kills(&node) {
            // It is gone.
            Err(_) => false,
            // Something else has happened, such as memory taken back.
            Ok(now) if now <= before => true,
            Ok(_) => {
                limited(limitation(&id, &node, files));
                false
            }
        }))
    }

    fn pressures(&self, id: &ContainerId, node: &Node) -> [Option<Pressure>; 3] {
        if self.files.version == Version::V2 {
            return [None, None, None];
        }
        PRESSURES.map(|level| match watcher::counter(node, "memory.pressure_level", level) {
            Ok(counter) => Some(Pressure { counter, seen: 0 }),
            Err(error) => {
                tracing::warn!("cannot count {level} pressure of memory in {id}: {error}");
                None
            }
        })
    }

    fn begin(&mut self, id: &ContainerId, node: &Node, limited: bool, task: bool) -> Started {
        let ticket = self.listen(id, node)?;
        let pressures = self.pressures(id, node);
        self.containers.insert(id.clone(), Watched { ticket, limited, task, pressures });
        Ok(())
    }

    /// Sets the hard limit; nothing for none.
    fn set_hard(&self, node: &Node, limit: Option<u64>, raised: bool) -> Result<(), IsolatorError> {
        let value = match (limit, self.files.version) {
            (Some(limit), _) => limit.to_string(),
            (None, Version::V1) => "-1".to_owned(),
            (None, Version::V2) => "max".to_owned(),
        };
        // The limit of memory is never above that of memory and swap.
        if self.limit_swap && raised {
            node.write(MEMSW_LIMIT, &value)?;
        }
        node.write(self.files.hard, &value)?;
        if self.limit_swap && !raised {
            node.write(MEMSW_LIMIT, &value)?;
        }
        Ok(())
    }
}

type Started = Result<(), IsolatorError>;

/// What a container did that met its limit, in Mesos's words.
fn limitation(id: &ContainerId, node: &Node, files: Files) -> Limitation {
    let mut message = "Memory limit exceeded: ".to_owned();
    if let Ok(limit) = node.number(files.hard) {
        message += &format!("Requested: {} ", Bytes(limit));
    }
    let peak = node.number(files.peak).or_else(|_| node.number(files.used)).ok();
    if let Some(peak) = peak {
        message += &format!("Maximum Used: {}\n", Bytes(peak));
    }
    if let Ok(stat) = node.read("memory.stat") {
        message += &format!("\nMEMORY STATISTICS: \n{stat}\n\n");
    }
    let used = Bytes(peak.unwrap_or_default()).as_megabytes();
    Limitation {
        container: id.clone(),
        reason: Reason::ContainerLimitationMemory,
        message,
        resources: vec![Resource::of_scalar("mem", used)],
    }
}

fn unknown(what: &str, id: &ContainerId) -> IsolatorError {
    IsolatorError::Refused(format!("Failed to {what} subsystem 'memory': Unknown container {id}"))
}

fn megabytes(amount: f64) -> u64 {
    ((amount * Bytes::MEGABYTE as f64) as u64).max(MIN_MEMORY)
}

impl Controller for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn recover(&mut self, id: &ContainerId, node: &Node) -> Started {
        self.begin(id, node, true, false)
    }

    fn prepare(&mut self, container: &Container, node: &Node) -> Started {
        let task = container.task.is_some() || container.id.parent.is_some();
        self.begin(&container.id, node, false, task)
    }

    fn isolate(&mut self, id: &ContainerId, node: &Node, pid: u32) -> Started {
        let known = self.containers.get(id).ok_or_else(|| unknown("isolate", id))?;
        let soft = node.number(self.files.soft)?;
        if !known.task || soft >= node.number(self.files.hard)? {
            return Ok(());
        }
        let path = format!("/proc/{pid}/oom_score_adj");
        fs::write(&path, score(soft, total_memory()).to_string()).map_err(|source| {
            IsolatorError::Io { what: "set the OOM score in", path: path.into(), source }
        })
    }

    fn update(
        &mut self,
        id: &ContainerId,
        node: &Node,
        resources: &Resources,
        limits: &BTreeMap<String, f64>,
    ) -> Started {
        let known = self.containers.get(id).ok_or_else(|| unknown("update", id))?;
        let Some(promised) = resources.mem() else {
            let what = "Failed to update subsystem 'memory': No memory resource given";
            return Err(IsolatorError::Refused(what.to_owned()));
        };
        let soft = megabytes(promised);
        node.write(self.files.soft, soft.to_string())?;
        let hard = match limits.get("mem") {
            Some(limit) if limit.is_infinite() => None,
            // Mesos counts a limit in whole megabytes.
            Some(limit) => Some(megabytes(limit.trunc())),
            None => Some(soft),
        };
        let raised = known.limited;
        if raised
            && hard.is_some_and(|hard| node.number(self.files.hard).is_ok_and(|old| hard <= old))
        {
            return Ok(());
        }
        self.set_hard(node, hard, raised)?;
        if let Some(known) = self.containers.get_mut(id) {
            known.limited = true;
        }
        Ok(())
    }

    fn usage(&mut self, id: &ContainerId, node: &Node, into: &mut ResourceStatistics) -> Started {
        into.mem_total_bytes = Some(node.number(self.files.used)?);
        let stat = node.table("memory.stat")?;
        let of = |name: &str| stat.get(name).copied();
        match self.files.version {
            Version::V1 => {
                into.mem_kmem_usage_bytes = node.number("memory.kmem.usage_in_bytes").ok();
                into.mem_kmem_tcp_usage_bytes = node.number("memory.kmem.tcp.usage_in_bytes").ok();
                if self.limit_swap {
                    into.mem_total_memsw_bytes = Some(node.number("memory.memsw.usage_in_bytes")?);
                }
                into.mem_cache_bytes = of("total_cache");
                into.mem_rss_bytes = of("total_rss");
                into.mem_mapped_file_bytes = of("total_mapped_file");
                into.mem_swap_bytes = of("total_swap");
                into.mem_unevictable_bytes = of("total_unevictable");
            }
            Version::V2 => {
                into.mem_kmem_usage_bytes = of("kernel");
                into.mem_kmem_tcp_usage_bytes = of("sock");
                into.mem_cache_bytes = of("file");
                into.mem_rss_bytes = of("anon");
                into.mem_mapped_file_bytes = of("file_mapped");
                into.mem_swap_bytes = node.number("memory.swap.current").ok();
                into.mem_unevictable_bytes = of("unevictable");
            }
        }
        // The older names of the same.
        into.mem_file_bytes = into.mem_cache_bytes;
        into.mem_anon_bytes = into.mem_rss_bytes;
        if let Some(known) = self.containers.get_mut(id) {
            let [low, medium, critical] = &mut known.pressures;
            into.mem_low_pressure_counter = count(low);
            into.mem_medium_pressure_counter = count(medium);
            into.mem_critical_pressure_counter = count(critical);
        }
        Ok(())
    }

    fn cleanup(&mut self, id: &ContainerId) {
        if let Some(known) = self.containers.remove(id) {
            self.watcher.forget(known.ticket);
        }
    }
}

fn count(pressure: &mut Option<Pressure>) -> Option<u64> {
    let pressure = pressure.as_mut()?;
    // Reading fails when nothing has happened since.
    pressure.seen += pressure.counter.read().unwrap_or_default();
    Some(pressure.seen)
}

/// How much earlier than others a process is killed that uses more than it was promised, where the
/// machine has too little: its use and this add up to the most that there is (row CT-20).
fn score(promised: u64, total: u64) -> u64 {
    1000 - (u128::from(promised) * 1000 / u128::from(total.max(1))).min(1000) as u64
}

/// The memory of the machine, in octets.
fn total_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or(UNLIMITED, |kilobytes| kilobytes * Bytes::KILOBYTE)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;

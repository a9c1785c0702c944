//! `network/ports`: whether containers listen on ports that they were not given (row IS-35).
//!
//! A thread looks up, every so often, which sockets listen, and which processes of containers
//! have them open. What is not allocated is told once; with `--enforce_container_ports` it is a
//! limitation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use libprocess::subprocess::tree;
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::task::Reason;
use mesos::value::Ranges;

use super::{
    Class, Container, Isolator, IsolatorError, Limitation, Limited, Preparation, Recovered,
};

/// The state of a listening socket in the kernel's tables.
const LISTENING: &str = "0A";

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--container_ports_watch_interval`.
    pub interval: Duration,
    /// `--enforce_container_ports`.
    pub enforce: bool,
    /// The ports that are looked at; all, if there is nothing here
    /// (`--check_agent_port_range_only`, `--container_ports_isolated_range`).
    pub looked_at: Option<Ranges>,
}

/// The isolator.
#[derive(Debug)]
pub struct Ports {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Those on top: ports are theirs, whoever of them listens.
    containers: BTreeMap<ContainerId, Known>,
    end: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// The leading processes of the container and of those below it.
    leaders: BTreeMap<ContainerId, u32>,
    /// What it was given; unknown until the agent says so, after a restart.
    allocated: Option<Ranges>,
    /// What each was seen to listen on, when that was told.
    told: BTreeMap<ContainerId, BTreeSet<u16>>,
}

impl Ports {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(settings: Settings, limited: Limited) -> io::Result<Self> {
        let state = Mutex::default();
        let shared = Arc::new(Shared { settings, state, ended: Condvar::new() });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("ports".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || theirs.run(&limited))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.shared.lock().end = true;
        self.shared.ended.notify_all();
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

    fn run(&self, limited: &Limited) {
        loop {
            let state = self.lock();
            let going = |state: &mut State| !state.end;
            let waited = self.ended.wait_timeout_while(state, self.settings.interval, going);
            let state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.end {
                return;
            }
            let leaders: Vec<(ContainerId, ContainerId, u32)> = state
                .containers
                .iter()
                .flat_map(|(root, known)| {
                    known.leaders.iter().map(move |(id, pid)| (root.clone(), id.clone(), *pid))
                })
                .collect();
            drop(state);
            let sockets = if leaders.is_empty() { HashMap::new() } else { listening() };
            for (root, id, pid) in leaders {
                let ports = self.ports_of(pid, &sockets);
                if let Some(limitation) = self.check(&root, &id, ports) {
                    limited(limitation);
                }
            }
        }
    }

    fn ports_of(&self, leader: u32, sockets: &HashMap<u64, u16>) -> BTreeSet<u16> {
        let looked_at = |port: &u16| {
            let one = Ranges::from_iter([(u64::from(*port), u64::from(*port))]);
            self.settings.looked_at.as_ref().is_none_or(|ranges| ranges.contains(&one))
        };
        let mut pids = tree::members(leader.cast_signed()).unwrap_or_default();
        pids.insert(leader.cast_signed());
        let open = pids.into_iter().flat_map(open_sockets);
        open.filter_map(|inode| sockets.get(&inode).copied()).filter(looked_at).collect()
    }

    fn check(
        &self,
        root: &ContainerId,
        id: &ContainerId,
        ports: BTreeSet<u16>,
    ) -> Option<Limitation> {
        let mut state = self.lock();
        let known = state.containers.get_mut(root)?;
        let pairs = ports.iter().map(|port| (u64::from(*port), u64::from(*port)));
        let mut wrong: Ranges = pairs.collect();
        wrong.subtract(known.allocated.as_ref()?);
        if wrong.is_empty() || known.told.get(id) == Some(&ports) {
            return None;
        }
        known.told.insert(id.clone(), ports);
        let message = format!("Container {id} is listening on unallocated port(s): {wrong}");
        tracing::info!("{message}");
        let ranges = wrong.range.iter().map(|range| (range.begin, range.end));
        let limitation = Limitation {
            container: root.clone(),
            reason: Reason::ContainerLimitation,
            message,
            resources: vec![Resource::of_ranges("ports", ranges)],
        };
        self.settings.enforce.then_some(limitation)
    }
}

/// The ports of listening sockets of this machine, by the number of the socket.
fn listening() -> HashMap<u64, u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.flat_map(|text| text.lines().filter_map(listener).collect::<Vec<_>>()).collect()
}

/// Reads a line such as `0: 0100007F:1F90 00000000:0000 0A … inode …`.
fn listener(line: &str) -> Option<(u64, u16)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, address, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    let (_, port) = address.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (*state == LISTENING).then_some((inode.parse().ok()?, port))
}

/// The numbers of the sockets that a process has open. It may have ended meanwhile.
fn open_sockets(pid: i32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter_map(|target| {
            let text = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            text.parse().ok()
        })
        .collect()
}

fn top(id: &ContainerId) -> &ContainerId {
    id.parent.as_deref().map_or(id, top)
}

/// Whether a container has a network of its own, where it may listen on what it likes.
fn has_network(container: &Container) -> bool {
    let networks = container.info.iter().flat_map(|info| &info.network_infos);
    networks.into_iter().any(|network| network.name.is_some())
}

impl Isolator for Ports {
    fn name(&self) -> &'static str {
        "network/ports"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, class: Class) -> bool {
        // Standalone containers have no ports that could be theirs, and Mesos leaves them alone.
        class != Class::Standalone
    }

    fn recover(&mut self, known: &[Recovered]) -> Result<(), IsolatorError> {
        let mut state = self.shared.lock();
        let containers = known.iter().filter(|one| one.class != Class::Standalone);
        for one in containers {
            let entry = state.containers.entry(top(&one.id).clone()).or_default();
            if let Some(pid) = one.pid {
                entry.leaders.insert(one.id.clone(), pid);
            }
        }
        Ok(())
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        if container.id.parent.is_none() && !has_network(container) {
            self.shared.lock().containers.insert(container.id.clone(), Known::default());
            self.update(&container.id, &container.resources, &container.limits)?;
        }
        Ok(Preparation::default())
    }

    fn isolate(&mut self, id: &ContainerId, pid: u32) -> Result<(), IsolatorError> {
        if let Some(known) = self.shared.lock().containers.get_mut(top(id)) {
            known.leaders.insert(id.clone(), pid);
        }
        Ok(())
    }

    fn update(
        &mut self,
        id: &ContainerId,
        resources: &Resources,
        _: &BTreeMap<String, f64>,
    ) -> Result<(), IsolatorError> {
        if let Some(known) = self.shared.lock().containers.get_mut(id) {
            known.allocated = Some(resources.ports().unwrap_or_default());
        }
        Ok(())
    }

    fn cleanup(&mut self, id: &ContainerId) -> Result<(), IsolatorError> {
        let mut state = self.shared.lock();
        state.containers.remove(id);
        if let Some(known) = state.containers.get_mut(top(id)) {
            known.leaders.remove(id);
            known.told.remove(id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{Fork, container, limited, nested, next};
    use libprocess::subprocess::{ChildHook, Command};
    use std::net::TcpListener;

    /// A child that has an own listening socket open, and the port.
    fn listening_child() -> (Fork, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let command = Command::new("sleep").arg("1000").new_session();
        (Fork::new(command.child_hook(ChildHook::KeepOpen(listener.into()))), port)
    }

    fn start(
        enforce: bool,
        looked_at: Option<Ranges>,
    ) -> (Ports, std::sync::mpsc::Receiver<Limitation>) {
        let (limited, limitations) = limited();
        let interval = Duration::from_millis(5);
        let ports = Ports::start(Settings { interval, enforce, looked_at }, limited).unwrap();
        (ports, limitations)
    }

    #[test]
    fn tables_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                    1000        0 34567 1 0000000000000000 100 0 0 10 0";
        assert_eq!(listener(line), Some((34_567, 8080)));
        assert_eq!(listener(&line.replace(" 0A ", " 01 ")), None);
        let six = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(listener(&six), Some((34_567, 8080)));
        assert_eq!(listener("  sl  local_address rem_address   st"), None);
        let (fork, port) = listening_child();
        let sockets = open_sockets(fork.pid().cast_signed());
        assert!(sockets.iter().any(|inode| listening().get(inode) == Some(&port)));
    }

    #[test]
    fn a_port_that_was_not_given_is_a_limitation() {
        let (mut ports, limitations) = start(true, None);
        let (fork, port) = listening_child();
        let made = container("c", "cpus:1;ports:[1-2]");
        ports.prepare(&made).unwrap();
        ports.isolate(&made.id, fork.pid()).unwrap();
        let limitation = next(&limitations);
        let text = format!("Container c is listening on unallocated port(s): [{port}-{port}]");
        assert_eq!(limitation.message, text);
        assert_eq!(limitation.reason, Reason::ContainerLimitation);
        let range = (u64::from(port), u64::from(port));
        assert_eq!(limitation.resources, [Resource::of_ranges("ports", [range])]);
        ports.cleanup(&made.id).unwrap();
    }

    #[test]
    fn who_is_below_has_the_ports_of_who_is_above() {
        let (mut ports, limitations) = start(true, None);
        let ((fine, port), (wrong, other)) = (listening_child(), listening_child());
        let made = container("c", &format!("cpus:1;ports:[{port}-{port}]"));
        let (first, second) = (nested(&made, "a"), nested(&made, "b"));
        for one in [&made, &first, &second] {
            ports.prepare(one).unwrap();
        }
        ports.isolate(&first.id, fine.pid()).unwrap();
        ports.isolate(&second.id, wrong.pid()).unwrap();
        let limitation = next(&limitations);
        assert_eq!(limitation.container, made.id);
        let text = format!("Container c.b is listening on unallocated port(s): [{other}-{other}]");
        assert_eq!(limitation.message, text);
    }

    #[test]
    fn only_what_is_asked_for_is_looked_at() {
        let (fork, port) = listening_child();
        let sockets = listening();
        let ranges = |begin, end| Some(Ranges::from_iter([(begin, end)]));
        let (ports, _) = start(true, ranges(1, 2));
        assert!(ports.shared.ports_of(fork.pid(), &sockets).is_empty());
        let (ports, limitations) = start(false, ranges(u64::from(port), u64::from(port)));
        assert_eq!(ports.shared.ports_of(fork.pid(), &sockets), BTreeSet::from([port]));
        // Without the flag it is only said.
        let made = container("c", "cpus:1");
        let mut ports = ports;
        ports.prepare(&made).unwrap();
        let check = ports.shared.check(&made.id, &made.id, BTreeSet::from([port]));
        assert_eq!(check, None);
        let state = ports.shared.lock();
        assert_eq!(state.containers[&made.id].told[&made.id], BTreeSet::from([port]));
        drop(state);
        assert!(limitations.try_recv().is_err());
    }
}

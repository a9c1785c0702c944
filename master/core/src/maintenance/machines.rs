//! The machines of which maintenance is scheduled, their modes, and the schedule (rows MT-01,
//! MT-02, MT-06, MA-09). The transitions are drawn in [`crate::maintenance`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use imbl::OrdMap;
use mesos::agent::{MachineId, MachineInfo, MachineMode};
use mesos::maintenance::Schedule;
use mesos::offer::Unavailability;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A machine, as it is told apart from others: by host name, without regard to case, and address.
/// Both must be the same, and one that is not given is not the same as any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineKey {
    hostname: Option<String>,
    ip: Option<String>,
}

impl MachineKey {
    /// The machine of an agent.
    pub fn of_agent(hostname: &str, ip: &str) -> Self {
        Self { hostname: Some(hostname.to_ascii_lowercase()), ip: Some(ip.to_owned()) }
    }
}

impl From<&MachineId> for MachineKey {
    fn from(id: &MachineId) -> Self {
        let hostname = id.hostname.as_deref().map(str::to_ascii_lowercase);
        Self { hostname, ip: id.ip.clone() }
    }
}

impl fmt::Display for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.hostname, &self.ip) {
            (Some(hostname), Some(ip)) => write!(f, "{hostname} ({ip})"),
            (Some(hostname), None) => f.write_str(hostname),
            (None, ip) => write!(f, "({})", ip.as_deref().unwrap_or_default()),
        }
    }
}

/// What operators have decided about machines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintenance {
    /// The machines that drain or are down. The others are up.
    pub machines: OrdMap<MachineKey, MachineInfo>,
    /// The schedule as it was given, but for machines that have come up since. None was given, or
    /// all of its machines have come up, if it is absent.
    pub schedule: Option<Schedule>,
}

/// A transition that an operator makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// This is the schedule from now on.
    Schedule(Schedule),
    /// These machines go away: they were draining.
    Down(Vec<MachineId>),
    /// These machines are back: they were down.
    Up(Vec<MachineId>),
}

/// Why a transition cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("machine {machine} is {mode}, not {expected}")]
pub struct MachineError {
    /// The machine.
    pub machine: MachineKey,
    /// Its mode.
    pub mode: MachineMode,
    /// The mode from which the transition leads.
    pub expected: MachineMode,
}

impl Maintenance {
    /// A machine's mode.
    pub fn mode(&self, machine: &MachineKey) -> MachineMode {
        self.machines.get(machine).and_then(|info| info.mode).unwrap_or(MachineMode::Up)
    }

    /// When a machine will be away, if that is known.
    pub fn unavailability(&self, machine: &MachineKey) -> Option<&Unavailability> {
        self.machines.get(machine)?.unavailability.as_ref()
    }

    /// Makes a transition. Nothing changes if it cannot be made.
    ///
    /// # Errors
    /// When one of the machines is in another mode.
    pub fn apply(&mut self, change: &Change) -> Result<(), MachineError> {
        match change {
            Change::Schedule(schedule) => self.replace_schedule(schedule),
            Change::Down(ids) => {
                self.expect(ids, MachineMode::Draining)?;
                for id in ids {
                    if let Some(info) = self.machines.get_mut(&MachineKey::from(id)) {
                        info.mode = Some(MachineMode::Down);
                    }
                }
            }
            Change::Up(ids) => {
                self.expect(ids, MachineMode::Down)?;
                self.bring_up(&ids.iter().map(MachineKey::from).collect());
            }
        }
        Ok(())
    }

    fn expect(&self, ids: &[MachineId], expected: MachineMode) -> Result<(), MachineError> {
        for machine in ids.iter().map(MachineKey::from) {
            let mode = self.mode(&machine);
            if mode != expected {
                return Err(MachineError { machine, mode, expected });
            }
        }
        Ok(())
    }

    /// Machines that are new drain; those that are not named any more are up; the others keep
    /// their mode, and are away when the new schedule says.
    fn replace_schedule(&mut self, schedule: &Schedule) {
        let mut named: BTreeMap<MachineKey, MachineInfo> = BTreeMap::new();
        for window in &schedule.windows {
            for id in &window.machine_ids {
                let key = MachineKey::from(id);
                let known = self.machines.get(&key);
                let info = MachineInfo {
                    id: known.map_or_else(|| id.clone(), |info| info.id.clone()),
                    mode: known.map_or(Some(MachineMode::Draining), |info| info.mode),
                    unavailability: Some(window.unavailability.clone()),
                };
                named.insert(key, info);
            }
        }
        self.machines = named.into_iter().collect();
        self.schedule = Some(schedule.clone());
    }

    fn bring_up(&mut self, up: &BTreeSet<MachineKey>) {
        for machine in up {
            self.machines.remove(machine);
        }
        let Some(schedule) = &mut self.schedule else { return };
        for window in &mut schedule.windows {
            window.machine_ids.retain(|id| !up.contains(&id.into()));
        }
        schedule.windows.retain(|window| !window.machine_ids.is_empty());
        if schedule.windows.is_empty() {
            self.schedule = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use mesos::maintenance::Window;
    use mesos::time::TimeInfo;

    use super::*;

    fn id(hostname: &str) -> MachineId {
        MachineId { hostname: Some(hostname.to_owned()), ip: Some("10.0.0.1".to_owned()) }
    }

    fn key(hostname: &str) -> MachineKey {
        MachineKey::of_agent(hostname, "10.0.0.1")
    }

    fn away(nanoseconds: i64) -> Unavailability {
        Unavailability { start: TimeInfo { nanoseconds }, duration: None }
    }

    fn schedule(windows: &[(&[&str], i64)]) -> Change {
        let windows = windows.iter().map(|(hosts, start)| Window {
            machine_ids: hosts.iter().map(|host| id(host)).collect(),
            unavailability: away(*start),
        });
        Change::Schedule(Schedule { windows: windows.collect() })
    }

    #[test]
    fn a_machine_goes_round() {
        let mut all = Maintenance::default();
        assert_eq!(all.mode(&key("a")), MachineMode::Up);
        all.apply(&schedule(&[(&["a", "b"], 1), (&["c"], 2)])).unwrap();
        assert_eq!(all.mode(&key("a")), MachineMode::Draining);
        assert_eq!(all.unavailability(&key("c")), Some(&away(2)));
        all.apply(&Change::Down(vec![id("a"), id("c")])).unwrap();
        assert_eq!(all.mode(&key("a")), MachineMode::Down);
        // Whoever is down stays down under another schedule; whoever is no longer named is up.
        all.apply(&schedule(&[(&["a"], 3), (&["c", "d"], 4)])).unwrap();
        assert_eq!(all.mode(&key("a")), MachineMode::Down);
        assert_eq!(all.unavailability(&key("a")), Some(&away(3)));
        assert_eq!(all.mode(&key("b")), MachineMode::Up);
        assert_eq!(all.mode(&key("d")), MachineMode::Draining);
        // Whoever comes up leaves the schedule, and empty windows with it.
        all.apply(&Change::Up(vec![id("a")])).unwrap();
        assert_eq!(all.mode(&key("a")), MachineMode::Up);
        let windows = &all.schedule.as_ref().unwrap().windows;
        assert_eq!(windows.len(), 1);
        assert_eq!(windows[0].machine_ids, [id("c"), id("d")]);
        all.apply(&Change::Up(vec![id("c")])).unwrap();
        all.apply(&Change::Down(vec![id("d")])).unwrap();
        all.apply(&Change::Up(vec![id("d")])).unwrap();
        assert_eq!(all, Maintenance::default());
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let mut all = Maintenance::default();
        all.apply(&schedule(&[(&["a"], 1)])).unwrap();
        let before = all.clone();
        let error = all.apply(&Change::Down(vec![id("a"), id("b")])).unwrap_err();
        assert_eq!(error.to_string(), "machine b (10.0.0.1) is UP, not DRAINING");
        let error = all.apply(&Change::Up(vec![id("a")])).unwrap_err();
        assert_eq!(error.to_string(), "machine a (10.0.0.1) is DRAINING, not DOWN");
        assert_eq!(all, before);
    }

    #[test]
    fn a_machine_is_its_name_in_any_case_and_its_address() {
        let mut all = Maintenance::default();
        all.apply(&schedule(&[(&["Host"], 1)])).unwrap();
        assert_eq!(all.mode(&key("hOST")), MachineMode::Draining);
        assert_eq!(all.mode(&MachineKey::of_agent("host", "10.0.0.2")), MachineMode::Up);
        let nameless = MachineId { ip: Some("10.0.0.1".to_owned()), ..MachineId::default() };
        assert_eq!(all.mode(&(&nameless).into()), MachineMode::Up);
        let without = MachineId { hostname: Some("host".to_owned()), ..MachineId::default() };
        assert_eq!(all.mode(&(&without).into()), MachineMode::Up);
        // It keeps the name by which it was first known.
        all.apply(&schedule(&[(&["HOST"], 2)])).unwrap();
        assert_eq!(all.machines[&key("host")].id, id("Host"));
    }
}

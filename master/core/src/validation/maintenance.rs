//! Which machines may be scheduled, brought down and up (rows MT-01, MT-02).

use core::net::Ipv4Addr;
use std::collections::BTreeSet;

use mesos::agent::{MachineId, MachineMode};
use mesos::json;
use mesos::maintenance::Schedule;

use super::{Check, expect};
use crate::maintenance::{MachineKey, Maintenance};

/// Checks a schedule that is to replace the present one.
pub fn schedule(schedule: &Schedule, present: &Maintenance) -> Check {
    let mut named = BTreeSet::new();
    for window in &schedule.windows {
        expect(!window.machine_ids.is_empty(), || {
            "List of machines in the maintenance window is empty".to_owned()
        })?;
        let duration = window.unavailability.duration.as_ref();
        expect(duration.is_none_or(|duration| duration.nanoseconds >= 0), || {
            "Unavailability 'duration' is negative".to_owned()
        })?;
        for id in &window.machine_ids {
            machine(id)?;
            expect(named.insert(MachineKey::from(id)), || twice(id))?;
        }
    }
    let down = present.machines.iter().filter(|(_, info)| info.mode == Some(MachineMode::Down));
    for (key, info) in down {
        expect(named.contains(key), || {
            let machine = shown(&info.id);
            format!("Machine '{machine}' is deactivated and cannot be removed from the schedule")
        })?;
    }
    Ok(())
}

/// Checks a list of machines.
pub fn machines(ids: &[MachineId]) -> Check {
    expect(!ids.is_empty(), || "List of machines is empty".to_owned())?;
    let mut seen = BTreeSet::new();
    for id in ids {
        machine(id)?;
        expect(seen.insert(MachineKey::from(id)), || twice(id))?;
    }
    Ok(())
}

/// Checks that machines are in the mode from which they are to go on. Those in `known` have agents,
/// and are up unless they are scheduled.
pub fn modes(
    ids: &[MachineId],
    expected: MachineMode,
    present: &Maintenance,
    known: &BTreeSet<MachineKey>,
) -> Check {
    for id in ids {
        let key = MachineKey::from(id);
        let is_known = present.machines.contains_key(&key) || known.contains(&key);
        expect(is_known, || {
            format!("Machine '{}' is not part of a maintenance schedule", shown(id))
        })?;
        expect(present.mode(&key) == expected, || {
            let direction = if expected == MachineMode::Down { "up" } else { "down" };
            let machine = shown(id);
            format!(
                "Machine '{machine}' is not in {expected} mode and cannot be brought {direction}"
            )
        })?;
    }
    Ok(())
}

fn machine(id: &MachineId) -> Check {
    let (hostname, ip) = (id.hostname.as_deref(), id.ip.as_deref());
    let (hostname, ip) = (hostname.unwrap_or_default(), ip.unwrap_or_default());
    expect(!hostname.is_empty() || !ip.is_empty(), || {
        "Both 'hostname' and 'ip' for a machine are empty".to_owned()
    })?;
    let is_address = ip.is_empty() || ip.parse::<Ipv4Addr>().is_ok();
    expect(is_address, || format!("Failed to parse IPv4: {ip}"))
}

fn twice(id: &MachineId) -> String {
    format!("Machine '{}' appears more than once in the schedule", shown(id))
}

fn shown(id: &MachineId) -> String {
    String::from_utf8_lossy(&json::to_vec(id)).into_owned()
}

#[cfg(test)]
mod tests {
    use mesos::maintenance::Window;
    use mesos::offer::Unavailability;
    use mesos::time::DurationInfo;

    use super::*;
    use crate::maintenance::Change;
    use crate::validation::words;

    fn id(hostname: &str, ip: &str) -> MachineId {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        MachineId { hostname: text(hostname), ip: text(ip) }
    }

    fn window(machine_ids: &[MachineId]) -> Window {
        Window { machine_ids: machine_ids.to_vec(), ..Window::default() }
    }

    fn says(windows: Vec<Window>) -> String {
        words(schedule(&Schedule { windows }, &Maintenance::default()))
    }

    #[test]
    fn a_schedule_names_machines_once_each() {
        let machine = id("h", "1.2.3.4");
        assert_eq!(says(vec![]), "");
        assert_eq!(says(vec![window(std::slice::from_ref(&machine))]), "");
        assert_eq!(
            says(vec![window(std::slice::from_ref(&machine)), window(&[])]),
            "List of machines in the maintenance window is empty"
        );
        let empty = "Both 'hostname' and 'ip' for a machine are empty";
        assert_eq!(says(vec![window(&[id("", "")])]), empty);
        assert_eq!(says(vec![window(&[id("h", "x")])]), "Failed to parse IPv4: x");
        assert_eq!(says(vec![window(&[id("h", "::1")])]), "Failed to parse IPv4: ::1");
        let twice =
            r#"Machine '{"hostname":"H","ip":"1.2.3.4"}' appears more than once in the schedule"#;
        assert_eq!(says(vec![window(&[machine]), window(&[id("H", "1.2.3.4")])]), twice);
    }

    #[test]
    fn a_window_has_no_negative_length() {
        let of = |nanoseconds: i64| Window {
            unavailability: Unavailability {
                duration: Some(DurationInfo { nanoseconds }),
                ..Unavailability::default()
            },
            ..window(&[id("h", "")])
        };
        assert_eq!(says(vec![of(0)]), "");
        assert_eq!(says(vec![of(-1)]), "Unavailability 'duration' is negative");
    }

    #[test]
    fn a_machine_that_is_down_stays_in_the_schedule() {
        let mut present = Maintenance::default();
        let both = Schedule { windows: vec![window(&[id("h", ""), id("g", "")])] };
        present.apply(&Change::Schedule(both)).unwrap();
        present.apply(&Change::Down(vec![id("h", "")])).unwrap();
        let without = Schedule { windows: vec![window(&[id("g", "")])] };
        assert_eq!(
            words(schedule(&without, &present)),
            r#"Machine '{"hostname":"h"}' is deactivated and cannot be removed from the schedule"#
        );
        let with = Schedule { windows: vec![window(&[id("H", "")])] };
        assert_eq!(words(schedule(&with, &present)), "");
    }

    #[test]
    fn machines_go_from_mode_to_mode() {
        assert_eq!(words(machines(&[])), "List of machines is empty");
        let twice = r#"Machine '{"hostname":"a"}' appears more than once in the schedule"#;
        assert_eq!(words(machines(&[id("a", ""), id("a", "")])), twice);
        let mut present = Maintenance::default();
        let all = Schedule { windows: vec![window(&[id("a", "")])] };
        present.apply(&Change::Schedule(all)).unwrap();
        let known = BTreeSet::from([MachineKey::from(&id("b", ""))]);
        let says = |name: &str, mode| words(modes(&[id(name, "")], mode, &present, &known));
        use MachineMode::{Down, Draining};
        assert_eq!(says("a", Draining), "");
        assert_eq!(
            says("c", Draining),
            r#"Machine '{"hostname":"c"}' is not part of a maintenance schedule"#
        );
        assert_eq!(
            says("b", Draining),
            r#"Machine '{"hostname":"b"}' is not in DRAINING mode and cannot be brought down"#
        );
        assert_eq!(
            says("a", Down),
            r#"Machine '{"hostname":"a"}' is not in DOWN mode and cannot be brought up"#
        );
    }
}

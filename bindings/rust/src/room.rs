//! What is left of offers while tasks are placed on them.

use mesos::executor_info::{Environment, EnvironmentVariable};
use mesos::offer::Offer;
use mesos::resource::Resource;
use mesos::task::TaskInfo;
use mesos::value::{Range, Ranges, Scalar, ValueType};

use crate::task::Task;

/// Scalars have three decimals in Mesos; counting in thousandths keeps sums exact.
const THOUSANDTHS: f64 = 1_000.0;

/// The resources of one offer that no task has taken yet.
///
/// Reserved resources are taken before unreserved ones. Volumes, disks with a source, revocable
/// and shared resources are never taken: a task that wants those names them itself.
#[derive(Debug, Clone)]
pub struct Room {
    offer: Offer,
    /// Resources that may be taken, reserved ones first; scalars and ranges only.
    left: Vec<Resource>,
}

impl Room {
    /// All that an offer holds.
    pub fn of(offer: &Offer) -> Self {
        let mut left: Vec<Resource> =
            offer.resources.iter().filter(|resource| is_plain(resource)).cloned().collect();
        left.sort_by_key(|resource| !is_reserved(resource));
        Self { offer: offer.clone(), left }
    }

    /// The offer.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// How much of a scalar resource is left.
    pub fn scalar(&self, name: &str) -> f64 {
        let sum: i64 = self.scalars(name).map(quantity).sum();
        sum as f64 / THOUSANDTHS
    }

    /// Processors that are left.
    pub fn cpus(&self) -> f64 {
        self.scalar("cpus")
    }

    /// Megabytes of memory that are left.
    pub fn mem(&self) -> f64 {
        self.scalar("mem")
    }

    /// How many ports are left.
    pub fn ports(&self) -> usize {
        let ranges = self.left.iter().filter(|resource| resource.name == "ports");
        let count: u64 = ranges.flat_map(ranges_of).map(|range| range.end - range.begin + 1).sum();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Whether a task fits.
    pub fn fits(&self, task: &Task) -> bool {
        let enough = |(name, wanted): &(String, f64)| {
            self.scalars(name).map(quantity).sum::<i64>() >= thousandths(*wanted)
        };
        task.scalars.iter().all(enough) && self.ports() >= task.ports
    }

    /// Takes what a task needs, if it fits, and gives the task as it is to be launched.
    pub fn place(&mut self, task: &Task) -> Option<TaskInfo> {
        if !self.fits(task) {
            return None;
        }
        let mut taken = Vec::new();
        for (name, wanted) in &task.scalars {
            self.take_scalar(name, thousandths(*wanted), &mut taken);
        }
        let ports = self.take_ports(task.ports, &mut taken);
        let mut info = task.with(&self.offer.agent_id, taken);
        name_ports(&mut info, &ports);
        Some(info)
    }

    fn scalars(&self, name: &str) -> impl Iterator<Item = &Resource> {
        self.left.iter().filter(move |have| have.name == name && have.r#type == ValueType::Scalar)
    }

    fn take_scalar(&mut self, name: &str, mut wanted: i64, taken: &mut Vec<Resource>) {
        for have in &mut self.left {
            if have.name != name || have.r#type != ValueType::Scalar || wanted <= 0 {
                continue;
            }
            let part = quantity(have).min(wanted);
            if part <= 0 {
                continue;
            }
            wanted -= part;
            let value = |thousandths: i64| Some(Scalar { value: thousandths as f64 / THOUSANDTHS });
            taken.push(Resource { scalar: value(part), ..have.clone() });
            have.scalar = value(quantity(have) - part);
        }
    }

    fn take_ports(&mut self, mut wanted: usize, taken: &mut Vec<Resource>) -> Vec<u64> {
        let mut ports = Vec::new();
        for have in &mut self.left {
            if have.name != "ports" || wanted == 0 {
                continue;
            }
            let Some(ranges) = &mut have.ranges else { continue };
            let mut mine = Vec::new();
            while let Some(first) = ranges.range.first_mut().filter(|_| wanted > 0) {
                mine.push(first.begin);
                wanted -= 1;
                if first.begin == first.end {
                    ranges.range.remove(0);
                } else {
                    first.begin += 1;
                }
            }
            if !mine.is_empty() {
                let range = mine.iter().map(|port| Range { begin: *port, end: *port }).collect();
                taken.push(Resource { ranges: Some(Ranges { range }), ..have.clone() });
                ports.append(&mut mine);
            }
        }
        ports
    }
}

/// An unreserved scalar resource.
pub(crate) fn scalar(name: &str, quantity: f64) -> Resource {
    Resource {
        name: name.to_owned(),
        r#type: ValueType::Scalar,
        scalar: Some(Scalar { value: quantity }),
        ..Resource::default()
    }
}

fn is_plain(resource: &Resource) -> bool {
    let valued = match resource.r#type {
        ValueType::Scalar => resource.scalar.is_some(),
        // A range that ends before it begins would make no sense; it is not taken.
        ValueType::Ranges => ranges_of(resource).all(|range| range.begin <= range.end),
        ValueType::Set | ValueType::Text => false,
    };
    valued && resource.disk.is_none() && resource.revocable.is_none() && resource.shared.is_none()
}

fn is_reserved(resource: &Resource) -> bool {
    let role = resource.role.as_deref().unwrap_or("*");
    role != "*" || resource.reservation.is_some() || !resource.reservations.is_empty()
}

fn ranges_of(resource: &Resource) -> impl Iterator<Item = &Range> {
    resource.ranges.iter().flat_map(|ranges| &ranges.range)
}

fn quantity(resource: &Resource) -> i64 {
    resource.scalar.as_ref().map_or(0, |scalar| thousandths(scalar.value))
}

fn thousandths(value: f64) -> i64 {
    (value * THOUSANDTHS).round() as i64
}

/// Tells a command which ports it has.
fn name_ports(info: &mut TaskInfo, ports: &[u64]) {
    let Some(command) = info.command.as_mut().filter(|_| !ports.is_empty()) else { return };
    let environment = command.environment.get_or_insert_with(Environment::default);
    for (index, port) in ports.iter().enumerate() {
        environment.variables.push(EnvironmentVariable {
            name: format!("PORT{index}"),
            value: Some(port.to_string()),
            ..EnvironmentVariable::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(begin: u64, end: u64) -> Resource {
        Resource {
            name: "ports".into(),
            r#type: ValueType::Ranges,
            ranges: Some(Ranges { range: vec![Range { begin, end }] }),
            ..Resource::default()
        }
    }

    fn offer(resources: Vec<Resource>) -> Offer {
        Offer { agent_id: "a".into(), resources, ..Offer::default() }
    }

    #[test]
    fn tasks_are_placed_until_nothing_fits() {
        let mut room = Room::of(&offer(vec![scalar("cpus", 1.0), scalar("mem", 100.0)]));
        let task = Task::shell("t", "true").cpus(0.3).mem(10.0);
        for _ in 0..3 {
            let info = room.place(&task).expect("it fits");
            assert_eq!(info.agent_id.as_str(), "a");
            assert_eq!(info.resources[0].scalar, Some(Scalar { value: 0.3 }));
        }
        assert!(room.place(&task).is_none());
        assert_eq!(room.cpus(), 0.1);
        assert_eq!(room.mem(), 70.0);
        assert!(room.place(&Task::shell("u", "true").cpus(0.1)).is_some());
        assert_eq!(room.cpus(), 0.0);
    }

    #[test]
    fn reserved_resources_go_first_and_volumes_stay() {
        let reserved = Resource { role: Some("r".into()), ..scalar("cpus", 0.5) };
        let volume = Resource { disk: Some(Box::default()), ..scalar("disk", 50.0) };
        let mut room = Room::of(&offer(vec![scalar("cpus", 1.0), reserved, volume]));
        assert_eq!(room.scalar("disk"), 0.0);
        let info = room.place(&Task::shell("t", "true").cpus(0.7)).expect("it fits");
        let parts: Vec<_> = info
            .resources
            .iter()
            .map(|part| (part.role.as_deref(), part.scalar.as_ref().map(|scalar| scalar.value)))
            .collect();
        assert_eq!(parts, [(Some("r"), Some(0.5)), (None, Some(0.2))]);
    }

    #[test]
    fn ports_are_taken_one_by_one_and_named() {
        let mut room = Room::of(&offer(vec![ports(5, 6), ports(9, 9)]));
        let info = room.place(&Task::shell("t", "serve").ports(3)).expect("it fits");
        let variables = info.command.expect("command").environment.expect("names").variables;
        let values: Vec<_> = variables.iter().filter_map(|one| one.value.as_deref()).collect();
        assert_eq!(values, ["5", "6", "9"]);
        assert_eq!(room.ports(), 0);
        assert!(!room.fits(&Task::shell("t", "serve").ports(1)));
    }

    #[test]
    fn ranges_that_make_no_sense_are_left_alone() {
        let room = Room::of(&offer(vec![ports(9, 5)]));
        assert_eq!(room.ports(), 0);
    }
}

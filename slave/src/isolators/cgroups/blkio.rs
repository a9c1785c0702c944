//! `cgroups/blkio`: what containers read from and write to block devices (row IS-07). Nothing is
//! limited.

use std::collections::BTreeMap;

use mesos::blkio::{
    BlkioCfqStatistics, BlkioOperation, BlkioStatistics, BlkioThrottlingStatistics, BlkioValue,
};
use mesos::container::DeviceNumber;
use mesos::ids::ContainerId;
use mesos::statistics::ResourceStatistics;

use super::controller::Controller;
use super::mounts::Version;
use super::node::Node;
use crate::isolators::IsolatorError;

/// A device, or all of them together.
type Which = Option<(u64, u64)>;

/// Counters by device.
type Counters = BTreeMap<Which, Vec<BlkioValue>>;

/// The controller `blkio` of version 1, `io` of version 2.
#[derive(Debug)]
pub struct Blkio {
    /// The version of the hierarchy.
    pub version: Version,
}

impl Controller for Blkio {
    fn name(&self) -> &'static str {
        match self.version {
            Version::V1 => "blkio",
            Version::V2 => "io",
        }
    }

    fn usage(
        &mut self,
        _: &ContainerId,
        node: &Node,
        into: &mut ResourceStatistics,
    ) -> Result<(), IsolatorError> {
        let statistics = match self.version {
            Version::V1 => BlkioStatistics {
                cfq: cfq(node, ""),
                cfq_recursive: cfq(node, "_recursive"),
                throttling: throttling(
                    counters(node, "blkio.throttle.io_serviced"),
                    counters(node, "blkio.throttle.io_service_bytes"),
                ),
            },
            Version::V2 => {
                let text = node.read("io.stat")?;
                let (serviced, octets) = (v2(&text, "ios"), v2(&text, "bytes"));
                let throttling = throttling(serviced, octets);
                BlkioStatistics { throttling, ..BlkioStatistics::default() }
            }
        };
        into.blkio_statistics = Some(Box::new(statistics));
        Ok(())
    }
}

fn device(which: Which) -> Option<DeviceNumber> {
    which.map(|(major_number, minor_number)| DeviceNumber { major_number, minor_number })
}

fn throttling(serviced: Counters, octets: Counters) -> Vec<BlkioThrottlingStatistics> {
    let mut found: BTreeMap<Which, BlkioThrottlingStatistics> = BTreeMap::new();
    for (which, values) in serviced {
        found.entry(which).or_default().io_serviced = values;
    }
    for (which, values) in octets {
        found.entry(which).or_default().io_service_bytes = values;
    }
    let named = found.into_iter().map(|(which, statistics)| BlkioThrottlingStatistics {
        device: device(which),
        ..statistics
    });
    named.collect()
}

/// What the kernel's fair queueing counted, where it is in use.
fn cfq(node: &Node, suffix: &str) -> Vec<BlkioCfqStatistics> {
    let file = |name: &str| {
        let old = format!("blkio.{name}{suffix}");
        // The name since Linux 5.0.
        let name = if node.has(&old) { old } else { format!("blkio.bfq.{name}{suffix}") };
        counters(node, &name)
    };
    let mut found: BTreeMap<Which, BlkioCfqStatistics> = BTreeMap::new();
    let mut take = |name: &str, set: fn(&mut BlkioCfqStatistics, Vec<BlkioValue>)| {
        for (which, values) in file(name) {
            set(found.entry(which).or_default(), values);
        }
    };
    take("io_serviced", |one, values| one.io_serviced = values);
    take("io_service_bytes", |one, values| one.io_service_bytes = values);
    take("io_service_time", |one, values| one.io_service_time = values);
    take("io_wait_time", |one, values| one.io_wait_time = values);
    take("io_merged", |one, values| one.io_merged = values);
    take("io_queued", |one, values| one.io_queued = values);
    take("sectors", |one, values| one.sectors = values.first().and_then(|one| one.value));
    take("time", |one, values| one.time = values.first().and_then(|one| one.value));
    let named = found
        .into_iter()
        .map(|(which, statistics)| BlkioCfqStatistics { device: device(which), ..statistics });
    named.collect()
}

/// Reads lines such as `8:0 Read 4096`, `8:0 12`, and `Total 4096` for all devices together.
fn counters(node: &Node, name: &str) -> Counters {
    // Not every kernel has every file.
    let text = if node.has(name) { node.read(name).unwrap_or_default() } else { String::new() };
    let mut found = Counters::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let (which, op, value) = match parts.as_slice() {
            [device, op, value] => (number(device), operation(op), value),
            [first, value] => match number(first) {
                None => (None, operation(first), value),
                device => (device, None, value),
            },
            _ => continue,
        };
        if let Ok(value) = value.parse() {
            found.entry(which).or_default().push(BlkioValue { op, value: Some(value) });
        }
    }
    found
}

fn number(text: &str) -> Which {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn operation(text: &str) -> Option<BlkioOperation> {
    Some(match text {
        "Total" => BlkioOperation::Total,
        "Read" => BlkioOperation::Read,
        "Write" => BlkioOperation::Write,
        "Sync" => BlkioOperation::Sync,
        "Async" => BlkioOperation::Async,
        "Discard" => BlkioOperation::Discard,
        _ => return None,
    })
}

/// Reads lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
fn v2(text: &str, unit: &str) -> Counters {
    let operations =
        [("r", BlkioOperation::Read), ("w", BlkioOperation::Write), ("d", BlkioOperation::Discard)];
    let mut found = Counters::new();
    for line in text.lines() {
        let mut parts = line.split_whitespace();
        let Some(which) = parts.next().and_then(number) else { continue };
        let pairs: BTreeMap<&str, &str> = parts.filter_map(|part| part.split_once('=')).collect();
        let values: Vec<BlkioValue> = operations
            .iter()
            .filter_map(|(prefix, op)| {
                let value = pairs.get(format!("{prefix}{unit}").as_str())?.parse().ok()?;
                Some(BlkioValue { op: Some(*op), value: Some(value) })
            })
            .collect();
        let total = values.iter().filter_map(|one| one.value).sum();
        let total = BlkioValue { op: Some(BlkioOperation::Total), value: Some(total) };
        found.insert(Some(which), values.into_iter().chain([total]).collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn value(op: BlkioOperation, value: u64) -> BlkioValue {
        BlkioValue { op: Some(op), value: Some(value) }
    }

    fn statistics(version: Version, files: &[(&str, &str)]) -> BlkioStatistics {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path());
        for (name, text) in files {
            fs::write(node.file(name), text).unwrap();
        }
        let mut into = ResourceStatistics::default();
        Blkio { version }.usage(&ContainerId::root("c"), &node, &mut into).unwrap();
        *into.blkio_statistics.unwrap()
    }

    #[test]
    fn version_1_counts_by_device_and_in_all() {
        let throttle = "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\nTotal 12288\n";
        let found = statistics(
            Version::V1,
            &[
                ("blkio.throttle.io_service_bytes", throttle),
                ("blkio.bfq.io_serviced", "8:16 Read 7\nTotal 7\nodd\n"),
                ("blkio.time", "8:16 99\n"),
            ],
        );
        let all = &found.throttling[0];
        assert_eq!((&all.device, &all.io_serviced), (&None, &vec![]));
        assert_eq!(all.io_service_bytes, [value(BlkioOperation::Total, 12_288)]);
        let one = &found.throttling[1];
        assert_eq!(one.device, Some(DeviceNumber { major_number: 8, minor_number: 0 }));
        assert_eq!(one.io_service_bytes[1], value(BlkioOperation::Write, 8192));
        let cfq = &found.cfq[1];
        assert_eq!(cfq.device, Some(DeviceNumber { major_number: 8, minor_number: 16 }));
        assert_eq!((cfq.time, cfq.sectors), (Some(99), None));
        assert_eq!(cfq.io_serviced, [value(BlkioOperation::Read, 7)]);
        assert!(found.cfq_recursive.is_empty());
    }

    #[test]
    fn version_2_has_one_line_per_device() {
        let text = "8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n253:1 \n";
        let found = statistics(Version::V2, &[("io.stat", text)]);
        let one = &found.throttling[0];
        assert_eq!(one.device, Some(DeviceNumber { major_number: 8, minor_number: 0 }));
        let expected = [
            value(BlkioOperation::Read, 2),
            value(BlkioOperation::Write, 1),
            value(BlkioOperation::Discard, 0),
            value(BlkioOperation::Total, 3),
        ];
        assert_eq!(one.io_serviced, expected);
        assert_eq!(one.io_service_bytes[3], value(BlkioOperation::Total, 4608));
    }
}

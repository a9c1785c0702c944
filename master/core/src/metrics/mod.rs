//! What of the state is measured, under Mesos's names (rows MM-01 to MM-07, MM-12, FW-14).
//!
//! Everything here is computed when somebody reads, from a [`Snapshot`] and a [`Reading`] of the
//! allocator. What only ever grows and belongs to no record is counted by
//! [`Effect::Count`](crate::Effect::Count) instead.
//!
//! Reading order: here the form; `cluster` (agents, tasks, resources, operations), `framework` (of
//! each framework), `allocator` (of each role).

mod allocator;
mod cluster;
mod framework;

use std::borrow::Cow;

pub use crate::allocator::Reading;
use crate::snapshot::Snapshot;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A counter that is the sum of others: where readers add up themselves, it is left out.
    Sum,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Mesos's name, with a `{label}` for each part that varies.
    pub template: Cow<'static, str>,
    /// What stands in the place of each label. The name of a framework is to be encoded as
    /// [`encode`] does.
    pub labels: Vec<(&'static str, String)>,
    /// What it is.
    pub kind: Kind,
    /// What it says: a sentence without its full stop.
    pub help: Cow<'static, str>,
    /// The value.
    pub value: f64,
}

/// Gives all metrics of a master's state to `take`, one after the other. Those of each framework
/// are left out unless `per_framework`.
pub fn read(
    snapshot: &Snapshot,
    reading: &Reading,
    per_framework: bool,
    take: &mut dyn FnMut(Metric),
) {
    let mut metrics = Metrics { take };
    cluster::add(snapshot, &mut metrics);
    allocator::add(snapshot, reading, &mut metrics);
    if per_framework {
        for one in snapshot.completed_frameworks.iter().chain(snapshot.frameworks.values()) {
            framework::add(one, &mut metrics);
        }
    }
}

/// The printable characters that names of metrics do not hold as they are.
const RESERVED: &[u8] = b"$&+,/:;=?@ \"<>#%{}|\\^~[]`";

/// The name of a framework as it is part of a metric's name: without slashes and the like.
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        let is_plain = (0x20..=0x7f).contains(&byte) && !RESERVED.contains(&byte);
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Where metrics go.
struct Metrics<'a> {
    take: &'a mut dyn FnMut(Metric),
}

impl Metrics<'_> {
    fn gauge(&mut self, name: impl Into<Cow<'static, str>>, help: &'static str, value: f64) {
        self.push(name, &[], Kind::Gauge, help, value);
    }

    fn count(&mut self, name: &'static str, help: &'static str, count: usize) {
        self.gauge(name, help, count as f64);
    }

    fn push(
        &mut self,
        template: impl Into<Cow<'static, str>>,
        labels: &[(&'static str, &str)],
        kind: Kind,
        help: impl Into<Cow<'static, str>>,
        value: f64,
    ) {
        let labels = labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        (self.take)(Metric { template: template.into(), labels, kind, help: help.into(), value });
    }
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn names_of_frameworks_are_encoded_as_in_mesos() {
        assert_eq!(encode("mesos-execute instance"), "mesos-execute%20instance");
        assert_eq!(encode("a/b.c_d*(1)!'"), "a%2Fb.c_d*(1)!'");
        assert_eq!(encode("\u{e9}\t%"), "%C3%A9%09%25");
    }
}

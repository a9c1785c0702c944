//! Points in time and spans of time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message;

message! {
    /// A point in time, since the Unix epoch.
    pub struct TimeInfo("TimeInfo") {
        nanoseconds: i64,
    }

    /// A span of time.
    pub struct DurationInfo("DurationInfo") {
        nanoseconds: i64,
    }

    /// A span of time as `DRAIN_AGENT` alone has it: the sum of both fields.
    pub struct ProtoDuration("Duration") {
        seconds: Option<i64>,
        nanos: Option<i32>,
    }
}

/// A point in time: nanoseconds since the Unix epoch.
///
/// The cores are handed the time and never read a clock, so that a simulation can run them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The Unix epoch.
    pub const EPOCH: Time = Time(0);

    /// The time this many nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch, as Mesos's JSON carries them.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The time that has passed since `earlier`; zero if it is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl From<Time> for TimeInfo {
    fn from(time: Time) -> Self {
        TimeInfo { nanoseconds: i64::try_from(time.0).unwrap_or(i64::MAX) }
    }
}

impl From<Duration> for DurationInfo {
    fn from(span: Duration) -> Self {
        DurationInfo { nanoseconds: i64::try_from(span.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl DurationInfo {
    /// The span, or nothing if it is negative.
    pub fn to_duration(&self) -> Option<Duration> {
        u64::try_from(self.nanoseconds).ok().map(Duration::from_nanos)
    }
}

impl ProtoDuration {
    /// The span, or nothing if it is negative.
    pub fn to_duration(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.seconds.unwrap_or_default()).ok()?;
        let nanos = u64::try_from(self.nanos.unwrap_or_default()).ok()?;
        Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos))
    }
}

//! Statistics of block devices, by cgroup.

use crate::container::DeviceNumber;
use crate::{message, wire_enum};

message! {
    /// The block I/O controller has no settings to show.
    pub struct Blkio("Blkio") {
    }

    /// A counter of one operation.
    pub struct BlkioValue("Value") {
        op: Option<BlkioOperation>,
        value: Option<u64>,
    }

    /// Counters of the fair queueing scheduler.
    pub struct BlkioCfq("CFQ") {
    }

    /// Counters of the fair queueing scheduler, of one device or all. Times are in nanoseconds.
    pub struct BlkioCfqStatistics("Statistics") {
        device: Option<DeviceNumber>,
        sectors: Option<u64>,
        time: Option<u64>,
        io_serviced: Vec<BlkioValue>,
        io_service_bytes: Vec<BlkioValue>,
        io_service_time: Vec<BlkioValue>,
        io_wait_time: Vec<BlkioValue>,
        io_merged: Vec<BlkioValue>,
        io_queued: Vec<BlkioValue>,
    }

    /// Counters of throttling.
    pub struct BlkioThrottling("Throttling") {
    }

    /// Counters of throttling, of one device or all.
    pub struct BlkioThrottlingStatistics("Statistics") {
        device: Option<DeviceNumber>,
        io_serviced: Vec<BlkioValue>,
        io_service_bytes: Vec<BlkioValue>,
    }

    /// The block I/O of a container.
    pub struct BlkioStatistics("Statistics") {
        cfq: Vec<BlkioCfqStatistics>,
        cfq_recursive: Vec<BlkioCfqStatistics>,
        throttling: Vec<BlkioThrottlingStatistics>,
    }
}

wire_enum! {
    /// What a counter counts.
    pub enum BlkioOperation {
        Unknown = "UNKNOWN" (0),
        Total = "TOTAL" (1),
        Read = "READ" (2),
        Write = "WRITE" (3),
        Sync = "SYNC" (4),
        Async = "ASYNC" (5),
        Discard = "DISCARD" (6),
    }
}

//! Statistics of block devices, by cgroup.

use crate::container::DeviceNumber;
use crate::{message, wire_enum};

message! {
    /// Mesos's `CgroupInfo.Blkio`.
    pub struct Blkio("Blkio") {
    }

    /// Mesos's `CgroupInfo.Blkio.Value`.
    pub struct BlkioValue("Value") {
        op: Option<BlkioOperation>,
        value: Option<u64>,
    }

    /// Mesos's `CgroupInfo.Blkio.CFQ`.
    pub struct BlkioCfq("CFQ") {
    }

    /// Mesos's `CgroupInfo.Blkio.CFQ.Statistics`.
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

    /// Mesos's `CgroupInfo.Blkio.Throttling`.
    pub struct BlkioThrottling("Throttling") {
    }

    /// Mesos's `CgroupInfo.Blkio.Throttling.Statistics`.
    pub struct BlkioThrottlingStatistics("Statistics") {
        device: Option<DeviceNumber>,
        io_serviced: Vec<BlkioValue>,
        io_service_bytes: Vec<BlkioValue>,
    }

    /// Mesos's `CgroupInfo.Blkio.Statistics`.
    pub struct BlkioStatistics("Statistics") {
        cfq: Vec<BlkioCfqStatistics>,
        cfq_recursive: Vec<BlkioCfqStatistics>,
        throttling: Vec<BlkioThrottlingStatistics>,
    }
}

wire_enum! {
    /// Mesos's `CgroupInfo.Blkio.Operation`.
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

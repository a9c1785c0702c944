//! States of a driver, and files.

use crate::time::TimeInfo;
use crate::{message, wire_enum};

message! {
    /// A file or folder that the files API lists. `size` is in bytes, `mode` as `stat` has it.
    pub struct FileInfo("FileInfo") {
        path: String,
        nlink: Option<i32>,
        size: Option<u64>,
        mtime: Option<TimeInfo>,
        mode: Option<u32>,
        uid: Option<String>,
        gid: Option<String>,
    }
}

wire_enum! {
    /// The state of a scheduler or executor driver.
    pub enum DriverStatus {
        NotStarted = "DRIVER_NOT_STARTED" (1),
        Running = "DRIVER_RUNNING" (2),
        Aborted = "DRIVER_ABORTED" (3),
        Stopped = "DRIVER_STOPPED" (4),
    }
}

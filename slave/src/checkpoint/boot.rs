//! Whether the machine has started anew since the agent last ran (row RC-05).

use std::fs;
use std::io;

use slave_core::paths::Paths;

use super::operation::Operation;
use super::{CheckpointError, writer};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The id that the kernel drew when it started.
///
/// # Errors
/// There is no `/proc`.
pub fn current() -> Result<String, CheckpointError> {
    let id = fs::read_to_string(BOOT_ID).map_err(CheckpointError::io("read", BOOT_ID))?;
    Ok(id.trim().to_owned())
}

/// Whether the boot id of the last run differs from `current`. A first start is no reboot.
///
/// # Errors
/// The file exists and cannot be read.
pub fn rebooted(paths: &Paths, current: &str) -> Result<bool, CheckpointError> {
    let path = paths.boot_id();
    match fs::read_to_string(&path) {
        Ok(last) => Ok(last.trim() != current),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CheckpointError::io("read", path)(error)),
    }
}

/// Writes down the boot id for the next run. The last thing of recovery: an agent that stops
/// before must find the reboot again.
///
/// # Errors
/// The file cannot be written.
pub fn remember(paths: &Paths, current: &str) -> Result<(), CheckpointError> {
    let octets = current.as_bytes().to_vec();
    let operation = Operation::Replace { path: paths.boot_id(), octets };
    writer::write_batch(vec![Ok(vec![operation])]).pop().unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reboot_shows_in_the_boot_id() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        let current = current().unwrap();
        assert!(!rebooted(&paths, &current).unwrap());
        remember(&paths, &current).unwrap();
        assert!(!rebooted(&paths, &current).unwrap());
        remember(&paths, "another").unwrap();
        assert!(rebooted(&paths, &current).unwrap());
    }
}

//! How a process ended, in Mesos's words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::libc;

/// As `exited with status 1`, or `terminated with signal Killed`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => {
            let dumped = if status.core_dumped() { " (core dumped)" } else { "" };
            format!("terminated with signal {}{dumped}", name(signal))
        }
        (None, None) => format!("wait status {}", status.into_raw()),
    }
}

/// The system's own description of a signal.
fn name(signal: i32) -> String {
    // SAFETY: it returns null or a text that ends; it is copied before anybody asks again, and
    // names of signals live in memory that nobody changes.
    let text = unsafe {
        let text = libc::strsignal(signal);
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    text.unwrap_or_else(|| signal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_described_as_mesos_does() {
        assert_eq!(describe(ExitStatus::from_raw(1 << 8)), "exited with status 1");
        assert_eq!(describe(ExitStatus::from_raw(9)), "terminated with signal Killed");
    }
}

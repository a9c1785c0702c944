//! `mesos fetcher`, which the agent runs: it is in no help, and no person needs it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use slave::fetcher::program::{COMMAND, NAME};

/// What follows the name, if this program was called as the process that fetches.
pub fn arguments(program: &OsStr) -> Option<impl Iterator<Item = OsString>> {
    let called = Path::new(program).file_name().is_some_and(|name| name == NAME);
    let command = std::env::args_os().nth(1).is_some_and(|first| first == COMMAND);
    let skipped = if called { 1 } else { 2 };
    (called || command).then(|| std::env::args_os().skip(skipped))
}

//! The output of a task, shown while it runs.

use std::io::{self, Write};

use mesos_framework::{Sandbox, SandboxError};

/// How much of a file is asked for at a time.
const PART_BYTES: usize = 256 * 1024;

/// A task's standard output and error, as far as they have been shown.
pub struct Follow {
    sandbox: Sandbox,
    stdout_offset: u64,
    stderr_offset: u64,
}

/// Why the output of a task cannot be shown any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The agent does not give it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Nobody reads what this program writes.
    #[error("cannot write the task's output: {0}")]
    Write(#[from] io::Error),
}

impl Follow {
    /// Follows the task in this sandbox from the beginning of its output.
    pub fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, stdout_offset: 0, stderr_offset: 0 }
    }

    /// Shows what is new. True if anything was.
    pub fn show_new(&mut self) -> Result<bool, FollowError> {
        let out = show(&self.sandbox, "stdout", &mut self.stdout_offset, &mut io::stdout())?;
        let err = show(&self.sandbox, "stderr", &mut self.stderr_offset, &mut io::stderr())?;
        Ok(out || err)
    }
}

fn show(
    sandbox: &Sandbox,
    name: &str,
    offset: &mut u64,
    to: &mut impl Write,
) -> Result<bool, FollowError> {
    let start = *offset;
    loop {
        let part = match sandbox.read_from(name, *offset, PART_BYTES) {
            // The file is not there before the task has started.
            Err(SandboxError::Refused { status: 404, .. }) => break,
            other => other?,
        };
        to.write_all(&part)?;
        to.flush()?;
        *offset += part.len() as u64;
        if part.len() < PART_BYTES {
            break;
        }
    }
    Ok(*offset > start)
}

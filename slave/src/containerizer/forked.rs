//! The file that tells the next agent which process leads a container.
//!
//! It holds `<pid> <start time>`: a pid alone may have been given to a stranger since. The file
//! is not flushed to the disk: it has to outlive the agent, not the machine, and no process
//! outlives the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What may go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum ForkedError {
    /// The file system refused.
    #[error("cannot {what} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file does not hold two numbers.
    #[error("'{}' is damaged: '{text}' is not a pid and a start time", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
}

/// When a process started, in clock ticks since the machine did; nothing if there is none, or it
/// has ended and only waits to be reaped.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Writes down that `pid` leads the container.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, pid: u32) -> Result<(), ForkedError> {
    let fail = |what| move |source| ForkedError::Io { what, path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(fail("create the directory of"))?;
    }
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, format!("{pid} {}\n", start_time(pid).unwrap_or_default()))
        .map_err(fail("write"))?;
    fs::rename(&temporary, path).map_err(fail("replace"))
}

/// The process that leads the container, if it still lives.
///
/// # Errors
/// The file exists, and cannot be read or holds something else.
pub fn read(path: &Path) -> Result<Option<u32>, ForkedError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ForkedError::Io { what: "read", path: path.to_owned(), source });
        }
    };
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(pid)), Some(Ok(started)), None) if u32::try_from(pid).is_ok() => {
            let pid = pid as u32;
            Ok((start_time(pid) == Some(started)).then_some(pid))
        }
        _ => Err(ForkedError::Damaged { path: path.to_owned(), text: text.trim().to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_found_again_and_a_stranger_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pids/forked.pid");
        assert_eq!(read(&path).unwrap(), None);
        let us = std::process::id();
        write(&path, us).unwrap();
        assert_eq!(read(&path).unwrap(), Some(us));
        fs::write(&path, format!("{us} 1")).unwrap();
        assert_eq!(read(&path).unwrap(), None);
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(read(&path), Err(ForkedError::Damaged { .. })));
    }

    #[test]
    fn a_dead_process_has_no_start_time() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(start_time(child.id()), None);
    }
}

//! From a path that a client names to a file in a sandbox, and to nothing else (rows SB-01, SB-02).
//!
//! A sandbox has three names: its directory, the same through `latest`, and the virtual
//! `/frameworks/F/executors/E/runs/latest`. What follows the name is looked up in the sandbox, and
//! what was opened is checked: neither `..` nor a link, nor one that is changed at the wrong
//! moment, leads out of it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mesos::ids::{ExecutorId, FrameworkId};
use slave_core::Snapshot;
use slave_core::executor::Executor;
use slave_core::paths::Paths;

/// Why there is nothing to be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// No sandbox has that name, or it has no such file.
    #[error("no such file")]
    NotFound,
    /// It may not be read.
    #[error("permission denied")]
    Denied,
    /// The file system refused.
    #[error("cannot read '{}': {source}", path.display())]
    Io {
        /// The path as it was asked for.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A file or directory of a sandbox, opened for reading.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The open file.
    pub file: File,
    /// Where it really is.
    pub path: PathBuf,
}

impl Opened {
    /// A path to what is open, whoever bears its name by now.
    pub fn by_descriptor(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

/// Opens what `path` names.
pub(crate) fn open(snapshot: &Snapshot, paths: &Paths, path: &str) -> Result<Opened, FileError> {
    let (sandbox, rest) = resolve(snapshot, paths, path).ok_or(FileError::NotFound)?;
    let wanted = if rest.is_empty() { sandbox.clone() } else { sandbox.join(rest) };
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::NotFound,
        io::ErrorKind::PermissionDenied => FileError::Denied,
        _ => FileError::Io { path: PathBuf::from(path), source },
    };
    let root = fs::canonicalize(&sandbox).map_err(fail)?;
    // A pipe without a writer would block for ever.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY);
    let file = options.open(&wanted).map_err(fail)?;
    let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(fail)?;
    if path.starts_with(&root) { Ok(Opened { file, path }) } else { Err(FileError::NotFound) }
}

/// The sandbox that a path names, and what follows its name.
fn resolve<'a>(snapshot: &Snapshot, paths: &Paths, path: &'a str) -> Option<(PathBuf, &'a str)> {
    let below = match path.strip_prefix("/frameworks/") {
        Some(below) => below,
        None => {
            let agent = paths.work().agent(snapshot.info.id.as_ref()?);
            let root = agent.join("frameworks");
            path.strip_prefix(root.to_str()?)?.strip_prefix('/')?
        }
    };
    let mut parts = below.splitn(6, '/');
    let (framework, executors) = (parts.next()?, parts.next()?);
    let (executor, runs, run) = (parts.next()?, parts.next()?, parts.next()?);
    if (executors, runs) != ("executors", "runs") {
        return None;
    }
    let found = find(snapshot, &framework.into(), &executor.into(), run)?;
    Some((found.directory.clone(), parts.next().unwrap_or_default()))
}

/// The run of an executor: by its container, or the latest.
fn find<'a>(
    snapshot: &'a Snapshot,
    framework: &FrameworkId,
    executor: &ExecutorId,
    run: &str,
) -> Option<&'a Executor> {
    let over = snapshot.completed_frameworks.iter().filter(|one| one.id == *framework);
    let frameworks = snapshot.frameworks.get(framework).into_iter().chain(over.rev());
    frameworks
        .flat_map(|one| {
            let over = one.completed_executors.iter().rev();
            one.executors.get(executor).into_iter().chain(over)
        })
        .map(|one| &**one)
        .find(|one| one.id == *executor && (run == "latest" || one.container.value == run))
}

/// Every name of a sandbox of an executor that is known, with its directory.
pub(crate) fn attached(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    // Where two runs share a name, the later one bears it: those that are over come first.
    for framework in snapshot.completed_frameworks.iter().chain(snapshot.frameworks.values()) {
        let over = framework.completed_executors.iter();
        for executor in over.chain(framework.executors.values()) {
            let directory = executor.directory.display().to_string();
            let latest = executor.directory.parent().unwrap_or(Path::new("/")).join("latest");
            let shown = Paths::virtual_sandbox(&framework.id, &executor.id);
            for name in [directory.clone(), latest.display().to_string(), shown] {
                names.insert(name, directory.clone());
            }
        }
    }
    names
}

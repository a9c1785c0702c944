//! What one checkpoint does to the file system.

use std::path::{Path, PathBuf};

use mesos::ids::AgentId;
use serde::Serialize;
use slave_core::checkpoint::Checkpoint;
use slave_core::paths::Paths;

use super::{CheckpointError, record};

/// One change of the file system, durable and atomic once its batch is done.
#[derive(Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give the file this content, all of it or none.
    Replace {
        /// The file.
        path: PathBuf,
        /// Its content.
        octets: Vec<u8>,
    },
    /// Add to the end of the file.
    Append {
        /// The file.
        path: PathBuf,
        /// What to add.
        octets: Vec<u8>,
    },
    /// Make the directory and those above it.
    MakeDirectory(PathBuf),
    /// Point the symbolic link at `target`, whether it exists or not.
    Link {
        /// The link.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
    },
    /// Remove the file; one that does not exist is fine.
    Remove(PathBuf),
}

/// The changes that `what` asks for, in order.
///
/// # Errors
/// A value that MessagePack cannot hold.
pub fn operations(paths: &Paths, what: &Checkpoint) -> Result<Vec<Operation>, CheckpointError> {
    let path = paths.checkpoint(what);
    Ok(match what {
        Checkpoint::Agent(info) => {
            let id = info.id.clone().unwrap_or_default();
            vec![replace(path, info)?, latest_agent(paths, &id)]
        }
        Checkpoint::ForgetAgent => vec![Operation::Remove(path)],
        Checkpoint::Framework { info, .. } => vec![replace(path, info)?],
        Checkpoint::Executor { run, record } => {
            let meta = paths.meta();
            vec![
                replace(path, record)?,
                Operation::MakeDirectory(meta.run(run)),
                Operation::Link {
                    path: meta.latest_run(run),
                    target: PathBuf::from(&run.container.value),
                },
            ]
        }
        Checkpoint::ExecutorPid { pid, .. } => vec![replace(path, pid)?],
        Checkpoint::Task { task, .. } => vec![replace(path, task)?],
        Checkpoint::Update { record, .. } => {
            let octets = encode(&path, record)?;
            vec![Operation::Append { path, octets }]
        }
        Checkpoint::RunCompleted(_) => vec![Operation::Replace { path, octets: Vec::new() }],
    })
}

fn latest_agent(paths: &Paths, id: &AgentId) -> Operation {
    Operation::Link { path: paths.meta().latest_agent(), target: PathBuf::from(id.as_str()) }
}

fn replace<T: Serialize>(path: PathBuf, value: &T) -> Result<Operation, CheckpointError> {
    let octets = encode(&path, value)?;
    Ok(Operation::Replace { path, octets })
}

fn encode<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, CheckpointError> {
    let mut octets = Vec::new();
    record::append(value, &mut octets)
        .map_err(|source| CheckpointError::Encode { path: path.to_owned(), source })?;
    Ok(octets)
}

//! Checkpoints: what the agent writes down, and how it reads it again (rows RC-01, RC-10).
//!
//! ```text
//!   core ── Checkpoint ──▶ Writer ── one batch ──▶ files, then Checkpointed per write
//!                          (own thread)
//!   files ── recover ──▶ RecoveredState ──▶ core
//! ```
//!
//! Where the files lie is decided in [`slave_core::paths`]. A file is a sequence of [`record`]s; a
//! description is a file of one record, replaced as a whole, and the log of a task's updates grows.
//!
//! Reading order: [`record`], [`operation`] (what one checkpoint does to the file system),
//! [`writer`], [`recover`], [`boot`].

pub mod boot;
pub mod operation;
pub mod record;
pub mod recover;
pub mod writer;

use std::path::PathBuf;

pub use recover::recover;
pub use writer::Writer;

/// What may go wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {what} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A value could not be turned into octets.
    #[error("cannot encode '{}': {source}", path.display())]
    Encode {
        /// The file that it was meant for.
        path: PathBuf,
        /// Why not.
        source: rmp_serde::encode::Error,
    },
    /// A record holds octets that are not what they should be.
    #[error("cannot decode '{}': {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rmp_serde::decode::Error,
    },
    /// The file does not hold what it should.
    #[error("'{}' is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        reason: String,
    },
}

impl CheckpointError {
    /// Wraps an error of the file system.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

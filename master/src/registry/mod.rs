//! Where the registry is kept, so that it outlives the master (rows MA-08 to MA-12).
//!
//! A [`Store`] reads the registry once and then writes batches of operations, each batch in one
//! durable step. It may block: [`Registrar`] keeps it off the master's thread, and writes
//! together what is asked for while a write is under way.

mod disk;
mod memory;
mod registrar;

use std::path::PathBuf;

pub use disk::DiskStore;
use master_core::registry::{Operation, Registry};
pub use memory::MemoryStore;
pub use registrar::{Batch, Landed, Registrar};
use thiserror::Error;

use crate::config::RegistryKind;

/// Why a registry could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder of the store cannot be made.
    #[error("cannot create the folder of the registry '{path}': {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process has the store open.
    #[error("registry '{path}' is in use: another master runs with the same work directory")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// What was read is not what was written.
    #[error(
        "registry '{path}' is corrupt ({what}); restore it from a copy, or move it away to begin \
         with an empty registry: agents then register anew under new ids"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where, and how.
        what: String,
    },
    /// A newer release has written it.
    #[error("registry '{path}' has format {found}, this master reads format {known}; upgrade it")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u8,
        /// The format that this release reads.
        known: u8,
    },
    /// The store failed.
    #[error("cannot access the registry '{path}': {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the store says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What became of one write: why it was refused, if it was. A refused write changes nothing, and
/// the others of its batch are done all the same.
pub type Outcome = Result<(), String>;

/// A place where a registry is kept. Its methods may block.
pub trait Store: Send + 'static {
    /// The registry as it was written last; empty at first.
    ///
    /// # Errors
    /// When the store cannot be read, or holds what cannot have been written.
    fn fetch(&mut self) -> Result<Registry, StoreError>;

    /// Applies each group of operations, all of it or none, and makes the result durable in one
    /// step. Gives one outcome per group, in order.
    ///
    /// # Errors
    /// When the store cannot be written. Nothing may be assumed about what is durable then.
    fn write(&mut self, groups: &[Vec<Operation>]) -> Result<Vec<Outcome>, StoreError>;

    /// How many bytes it takes.
    fn size_bytes(&self) -> u64;
}

/// Opens the store that the configuration asks for.
///
/// # Errors
/// See [`StoreError`].
pub fn open(kind: &RegistryKind) -> Result<Box<dyn Store>, StoreError> {
    Ok(match kind {
        RegistryKind::InMemory => Box::<MemoryStore>::default(),
        RegistryKind::Disk(work_dir) => Box::new(DiskStore::open(work_dir)?),
    })
}

/// Applies groups of operations to a registry: a group that cannot be applied changes nothing.
fn apply(registry: &mut Registry, groups: &[Vec<Operation>]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(groups.len());
    for group in groups {
        // A clone shares everything with the original: only what changes is copied.
        let mut attempt = registry.clone();
        let applied = group.iter().try_for_each(|operation| attempt.apply(operation));
        if applied.is_ok() {
            *registry = attempt;
        }
        outcomes.push(applied.map_err(|error| error.to_string()));
    }
    outcomes
}

//! A registry in a file below the work directory: the embedded store `redb`.
//!
//! One key holds one agent, so that a write costs what it changes, not what there is:
//!
//! | key | value |
//! |---|---|
//! | `format` | one octet |
//! | `master` | the master that wrote last |
//! | `agents/ID`, `unreachable/ID`, `gone/ID` | an agent |
//! | `weights` | the weights of all roles that have one |
//! | `maintenance` | all machines that go away, and the schedule |
//!
//! A value is MessagePack behind four octets of CRC-32, which tells a damaged record from a whole
//! one. Commits are durable, and a crash between them leaves the last one: that is the store's
//! promise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flate2::Crc;
use master_core::registry::{Operation, Registry};
use mesos::ids::AgentId;
use redb::{Database, DatabaseError, ReadableTable, StorageError, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Outcome, Store, StoreError};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("registry");

const FORMAT_KEY: &str = "format";
const MASTER_KEY: &str = "master";
const WEIGHTS_KEY: &str = "weights";
const MAINTENANCE_KEY: &str = "maintenance";
const FORMAT: u8 = 1;

/// How much of the file the store may keep in memory. The registry itself is in memory already,
/// and the store is read once.
const CACHE_BYTES: usize = 1 << 20;

/// A registry in a file.
#[derive(Debug)]
pub struct DiskStore {
    path: PathBuf,
    database: Database,
    /// What is durable.
    registry: Registry,
}

/// The kinds of records of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Admitted,
    Unreachable,
    Gone,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Admitted, Self::Unreachable, Self::Gone];

    fn folder(self) -> &'static str {
        match self {
            Self::Admitted => "agents",
            Self::Unreachable => "unreachable",
            Self::Gone => "gone",
        }
    }

    fn key(self, id: &AgentId) -> String {
        format!("{}/{id}", self.folder())
    }
}

impl DiskStore {
    /// Opens the registry below `work_dir`, an empty one if there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is open elsewhere.
    pub fn open(work_dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(work_dir)
            .map_err(|source| StoreError::Folder { path: work_dir.to_owned(), source })?;
        let path = work_dir.join("registry.redb");
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = match builder.create(&path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse { path }),
            Err(DatabaseError::Storage(StorageError::Corrupted(what))) => {
                return Err(StoreError::Corrupt { path, what });
            }
            // The store reports a file that is not its own as invalid data.
            Err(DatabaseError::Storage(StorageError::Io(error)))
                if error.kind() == std::io::ErrorKind::InvalidData =>
            {
                return Err(StoreError::Corrupt { path, what: error.to_string() });
            }
            Err(error) => return Err(database_error(&path, error)),
        };
        Ok(Self { path, database, registry: Registry::default() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> Result<Registry, StoreError> {
        let failed = |error: redb::Error| storage_error(&self.path, error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let table = match transaction.open_table(TABLE) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Registry::default()),
            Err(error) => return Err(failed(error.into())),
        };
        let mut registry = Registry::default();
        let mut format = None;
        for entry in table.iter().map_err(|error| failed(error.into()))? {
            let (key, value) = entry.map_err(|error| failed(error.into()))?;
            let (key, value) = (key.value(), value.value());
            if key == FORMAT_KEY {
                format = value.first().copied();
            } else {
                self.read_record(&mut registry, key, value)?;
            }
        }
        match format {
            Some(FORMAT) => Ok(registry),
            None if registry == Registry::default() => Ok(registry),
            found => Err(StoreError::Format {
                path: self.path.clone(),
                found: found.unwrap_or(0),
                known: FORMAT,
            }),
        }
    }

    fn read_record(
        &self,
        registry: &mut Registry,
        key: &str,
        value: &[u8],
    ) -> Result<(), StoreError> {
        if key == MASTER_KEY {
            registry.master = Some(self.decode(key, value)?);
            return Ok(());
        }
        if key == WEIGHTS_KEY {
            registry.weights = self.decode(key, value)?;
            return Ok(());
        }
        if key == MAINTENANCE_KEY {
            registry.maintenance = Some(self.decode(key, value)?);
            return Ok(());
        }
        let (folder, id) = key.split_once('/').unwrap_or((key, ""));
        let id = AgentId::from(id);
        match Kind::ALL.into_iter().find(|kind| kind.folder() == folder) {
            Some(Kind::Admitted) => {
                registry.agents.insert(id, self.decode(key, value)?);
            }
            Some(Kind::Unreachable) => {
                registry.unreachable.insert(id, self.decode(key, value)?);
            }
            Some(Kind::Gone) => {
                registry.gone.insert(id, self.decode(key, value)?);
            }
            None => return Err(self.corrupt(format!("unknown record '{key}'"))),
        }
        Ok(())
    }

    fn decode<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T, StoreError> {
        let Some((sum, body)) = value.split_first_chunk::<4>() else {
            return Err(self.corrupt(format!("record '{key}' is {} bytes long", value.len())));
        };
        if u32::from_le_bytes(*sum) != checksum(body) {
            return Err(self.corrupt(format!("record '{key}' has a wrong checksum")));
        }
        rmp_serde::from_slice(body)
            .map_err(|error| self.corrupt(format!("record '{key}' cannot be read: {error}")))
    }

    fn corrupt(&self, what: String) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), what }
    }

    /// Writes the records of `touched` agents as `registry` has them.
    #[allow(clippy::result_large_err, reason = "the error is the library's, and is boxed at once")]
    fn commit(&self, registry: &Registry, touched: &Touched) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            table.insert(FORMAT_KEY, &[FORMAT][..])?;
            if touched.master
                && let Some(master) = &registry.master
            {
                table.insert(MASTER_KEY, &encode(master)[..])?;
            }
            if touched.weights {
                table.insert(WEIGHTS_KEY, &encode(&registry.weights)[..])?;
            }
            if touched.maintenance
                && let Some(maintenance) = &registry.maintenance
            {
                table.insert(MAINTENANCE_KEY, &encode(maintenance)[..])?;
            }
            for id in &touched.agents {
                for kind in Kind::ALL {
                    let record = match kind {
                        Kind::Admitted => registry.agents.get(id).map(encode),
                        Kind::Unreachable => registry.unreachable.get(id).map(encode),
                        Kind::Gone => registry.gone.get(id).map(encode),
                    };
                    let key = kind.key(id);
                    match record {
                        Some(record) => table.insert(&key[..], &record[..])?,
                        None => table.remove(&key[..])?,
                    };
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Store for DiskStore {
    fn fetch(&mut self) -> Result<Registry, StoreError> {
        self.registry = self.read()?;
        Ok(self.registry.clone())
    }

    fn write(&mut self, groups: &[Vec<Operation>]) -> Result<Vec<Outcome>, StoreError> {
        let mut registry = self.registry.clone();
        let outcomes = super::apply(&mut registry, groups);
        let mut touched = Touched::default();
        for (group, outcome) in groups.iter().zip(&outcomes) {
            if outcome.is_ok() {
                group.iter().for_each(|operation| touched.note(operation));
            }
        }
        self.commit(&registry, &touched).map_err(|error| storage_error(&self.path, error))?;
        self.registry = registry;
        Ok(outcomes)
    }

    fn size_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

/// What operations concern.
#[derive(Debug, Default)]
struct Touched {
    master: bool,
    weights: bool,
    maintenance: bool,
    agents: BTreeSet<AgentId>,
}

impl Touched {
    fn note(&mut self, operation: &Operation) {
        match operation {
            Operation::UpdateMaster { .. } => self.master = true,
            Operation::UpdateWeights { .. } => self.weights = true,
            Operation::Maintain(_) => self.maintenance = true,
            Operation::AdmitAgent { info }
            | Operation::UpdateAgent { info }
            | Operation::MarkReachable { info } => self.agents.extend(info.id.clone()),
            Operation::RemoveAgent { id }
            | Operation::MarkUnreachable { id, .. }
            | Operation::MarkGone { id, .. } => {
                self.agents.insert(id.clone());
            }
            Operation::Prune { unreachable, gone } => {
                self.agents.extend(unreachable.iter().chain(gone).cloned());
            }
        }
    }
}

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let mut value = vec![0; 4];
    // Writing into memory cannot fail, and MessagePack has keys of all kinds.
    if let Err(error) = rmp_serde::encode::write_named(&mut value, record) {
        unreachable!("a record of the registry cannot be encoded: {error}");
    }
    let sum = checksum(&value[4..]);
    value[..4].copy_from_slice(&sum.to_le_bytes());
    value
}

fn checksum(octets: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(octets);
    crc.sum()
}

fn storage_error(path: &Path, error: redb::Error) -> StoreError {
    match error {
        redb::Error::Corrupted(what) => StoreError::Corrupt { path: path.to_owned(), what },
        error => database_error(path, error),
    }
}

fn database_error(
    path: &Path,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Database { path: path.to_owned(), source: Box::new(error) }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;

//! A registry that ends with its process: `--registry=in_memory`.

use master_core::registry::{Operation, Registry};

use super::{Outcome, Store, StoreError};

/// A registry in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    registry: Registry,
}

impl Store for MemoryStore {
    fn fetch(&mut self) -> Result<Registry, StoreError> {
        Ok(self.registry.clone())
    }

    fn write(&mut self, groups: &[Vec<Operation>]) -> Result<Vec<Outcome>, StoreError> {
        Ok(super::apply(&mut self.registry, groups))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

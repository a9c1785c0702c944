//! Keeps a store off the master's thread, and batches what is written (row MA-10).
//!
//! ```text
//!            push: a batch of one          landed, queue empty
//!   idle ───────────────────────▶ writing ─────────────────────▶ idle
//!                                  │   ▲
//!                 push: is queued  └───┘ landed: all that is queued is the next batch
//! ```
//!
//! Outcomes come back in the order of the writes.

use std::time::{Duration, Instant};

use master_core::event::StoreId;
use master_core::registry::Operation;

use super::{Outcome, Store};

/// Keeps a store, or the writes that wait for it.
pub struct Registrar {
    /// Absent while a batch has it.
    store: Option<Box<dyn Store>>,
    queue: Vec<(StoreId, Vec<Operation>)>,
    size_bytes: u64,
}

impl Registrar {
    /// A registrar for a store whose registry has been fetched.
    pub fn new(store: Box<dyn Store>) -> Self {
        let size_bytes = store.size_bytes();
        Self { store: Some(store), queue: Vec::new(), size_bytes }
    }

    /// Takes one write. If none is under way, gives the batch to be written now.
    pub fn push(&mut self, id: StoreId, operations: Vec<Operation>) -> Option<Batch> {
        self.queue.push((id, operations));
        self.next_batch()
    }

    /// Takes back what a batch had, and gives its outcomes and the next batch, if writes wait.
    pub fn landed(&mut self, landed: Landed) -> (Vec<(StoreId, Outcome)>, Option<Batch>) {
        self.size_bytes = landed.store.size_bytes();
        self.store = Some(landed.store);
        (landed.outcomes, self.next_batch())
    }

    /// How many writes wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many bytes the store takes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next_batch(&mut self) -> Option<Batch> {
        if self.queue.is_empty() {
            return None;
        }
        let store = self.store.take()?;
        let (ids, groups) = self.queue.drain(..).unzip();
        Some(Batch { store, ids, groups })
    }
}

/// Writes that are made durable together.
pub struct Batch {
    store: Box<dyn Store>,
    ids: Vec<StoreId>,
    groups: Vec<Vec<Operation>>,
}

impl Batch {
    /// Writes; blocks.
    pub fn write(mut self) -> Landed {
        let since = Instant::now();
        let outcomes = match self.store.write(&self.groups) {
            Ok(outcomes) => self.ids.into_iter().zip(outcomes).collect(),
            Err(error) => self.ids.into_iter().map(|id| (id, Err(error.to_string()))).collect(),
        };
        Landed { store: self.store, outcomes, took: since.elapsed() }
    }
}

/// A batch after it was written.
pub struct Landed {
    store: Box<dyn Store>,
    outcomes: Vec<(StoreId, Outcome)>,
    /// How long it took.
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{MemoryStore, StoreError};
    use master_core::registry::Registry;
    use mesos::agent::AgentInfo;
    use std::sync::Arc;

    fn admit(id: &str) -> Vec<Operation> {
        let info = AgentInfo { id: Some(id.into()), ..AgentInfo::default() };
        vec![Operation::AdmitAgent { info: Arc::new(info) }]
    }

    #[test]
    fn what_comes_during_a_write_is_written_together_next() {
        let mut registrar = Registrar::new(Box::<MemoryStore>::default());
        let first = registrar.push(StoreId(1), admit("a")).unwrap();
        assert!(registrar.push(StoreId(2), admit("b")).is_none());
        assert!(registrar.push(StoreId(3), admit("b")).is_none());
        assert_eq!(registrar.queued(), 2);
        let (outcomes, next) = registrar.landed(first.write());
        assert_eq!(outcomes, [(StoreId(1), Ok(()))]);
        let (outcomes, next) = registrar.landed(next.unwrap().write());
        assert_eq!(outcomes[0], (StoreId(2), Ok(())));
        assert_eq!(outcomes[1].0, StoreId(3));
        assert!(outcomes[1].1.is_err(), "admitted twice");
        assert!(next.is_none());
        assert_eq!(registrar.queued(), 0);
    }

    #[test]
    fn a_store_that_fails_fails_every_write_of_the_batch() {
        struct Broken;
        impl Store for Broken {
            fn fetch(&mut self) -> Result<Registry, StoreError> {
                Ok(Registry::default())
            }
            fn write(&mut self, _: &[Vec<Operation>]) -> Result<Vec<Outcome>, StoreError> {
                Err(StoreError::InUse { path: "/x".into() })
            }
            fn size_bytes(&self) -> u64 {
                0
            }
        }
        let mut registrar = Registrar::new(Box::new(Broken));
        let batch = registrar.push(StoreId(7), admit("a")).unwrap();
        let (outcomes, _) = registrar.landed(batch.write());
        assert_eq!(outcomes[0].0, StoreId(7));
        assert!(outcomes[0].1.as_ref().unwrap_err().contains("in use"));
    }
}

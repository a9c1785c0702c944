//! How much may come out of an archive: a bomb is small and becomes large.
//!
//! | what | limit |
//! |---|---|
//! | octets that come out | 200 times those of the archive, but always 1 GiB |
//! | entries | one million |
//! | what describes one entry (long names, attributes) | 1 MiB |
//! | memory for unpacking `.xz` | 256 MiB |

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How many times its own size an archive may become.
const MAX_RATIO: u64 = 200;
/// What any archive may become.
const ALWAYS_BYTES: u64 = 1 << 30;
/// How many entries an archive may have.
pub const MAX_ENTRIES: u64 = 1_000_000;
/// How long the description of one entry may be, where it is kept in memory.
pub const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;
/// How much memory unpacking `.xz` may take, in KiB. `xz -9` needs 65.
pub const MAX_XZ_KIB: u32 = 256 * 1024;

/// What is still allowed; clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: Rc<Cell<u64>>,
    total_bytes: u64,
    entries: Rc<Cell<u64>>,
}

impl Budget {
    /// That of an archive of this size.
    pub fn of(archive_bytes: u64) -> Self {
        Self::new(archive_bytes.saturating_mul(MAX_RATIO).max(ALWAYS_BYTES), MAX_ENTRIES)
    }

    pub(super) fn new(total_bytes: u64, entries: u64) -> Self {
        let (bytes, entries) = (Rc::new(Cell::new(total_bytes)), Rc::new(Cell::new(entries)));
        Self { bytes, total_bytes, entries }
    }

    /// Another entry.
    ///
    /// # Errors
    /// There were too many.
    pub fn entry(&self) -> io::Result<()> {
        let left = self.entries.get().checked_sub(1);
        self.entries.set(left.ok_or_else(|| refused("the archive has too many entries".into()))?);
        Ok(())
    }

    /// How many octets may still come.
    pub fn left_bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// More octets.
    ///
    /// # Errors
    /// There were too many.
    pub fn spend(&self, bytes: u64) -> io::Result<()> {
        let left = self.bytes.get().checked_sub(bytes);
        let total = self.total_bytes;
        self.bytes.set(left.ok_or_else(|| {
            refused(format!("the archive becomes larger than the {total} bytes that it may"))
        })?);
        Ok(())
    }

    /// A reader whose octets are counted.
    pub fn meter<R: Read>(&self, inner: R) -> Meter<R> {
        Meter { inner, budget: self.clone(), allowance: Rc::new(Cell::new(u64::MAX)) }
    }
}

fn refused(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A reader whose octets are counted.
#[derive(Debug)]
pub struct Meter<R> {
    inner: R,
    budget: Budget,
    allowance: Rc<Cell<u64>>,
}

impl<R> Meter<R> {
    /// What the octets are counted against.
    pub fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// What may be read until it is set anew.
    pub fn allowance(&self) -> Rc<Cell<u64>> {
        self.allowance.clone()
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bytes = count as u64;
        self.budget.spend(bytes)?;
        let left = self.allowance.get().checked_sub(bytes);
        let too_long = || refused("the description of an entry is too long".to_owned());
        self.allowance.set(left.ok_or_else(too_long)?);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_archives_may_become_a_gigabyte_and_large_ones_more() {
        assert_eq!(Budget::of(10).total_bytes, 1 << 30);
        assert_eq!(Budget::of(1 << 30).total_bytes, 200 << 30);
        assert_eq!(Budget::of(u64::MAX).total_bytes, u64::MAX);
    }

    #[test]
    fn what_is_spent_is_spent_for_all() {
        let budget = Budget::new(10, 2);
        let mut text = Vec::new();
        budget.meter(&[1; 6][..]).read_to_end(&mut text).unwrap();
        let error = budget.clone().meter(&[1; 6][..]).read_to_end(&mut text).unwrap_err();
        assert_eq!(error.to_string(), "the archive becomes larger than the 10 bytes that it may");
        assert!(budget.entry().is_ok() && budget.entry().is_ok() && budget.entry().is_err());
    }
}

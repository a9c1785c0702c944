//! Entries of tar archives.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use tar::{Archive, Entry, EntryType};

use super::UnpackError;
use super::limits::{Budget, MAX_DESCRIPTION_BYTES, Meter};
use crate::fetcher::place::Place;

/// Makes all entries, in order.
pub(super) fn unpack<R: Read>(input: Meter<R>, place: &Place) -> Result<(), UnpackError> {
    let budget = input.budget();
    let allowance = input.allowance();
    let mut archive = Archive::new(input);
    let mut entries = archive.entries()?;
    loop {
        // What lies between the contents of two entries is kept in memory.
        allowance.set(MAX_DESCRIPTION_BYTES);
        let Some(entry) = entries.next() else { return Ok(()) };
        let mut entry = entry?;
        allowance.set(u64::MAX);
        budget.entry()?;
        make(&mut entry, place, &budget)?;
        // Nothing of it is left for the next turn.
        io::copy(&mut entry, &mut io::sink())?;
    }
}

fn make<R: Read>(
    entry: &mut Entry<'_, R>,
    place: &Place,
    budget: &Budget,
) -> Result<(), UnpackError> {
    let name = entry.path()?.into_owned();
    let mode = entry.header().mode()?;
    match entry.header().entry_type() {
        EntryType::Directory => place.directory(&name, mode)?,
        EntryType::Symlink => place.symlink(&name, &target(entry, &name)?)?,
        EntryType::Link => place.hard_link(&name, &target(entry, &name)?)?,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            // Old archives tell directories by their names.
            if name.as_os_str().as_encoded_bytes().ends_with(b"/") {
                place.directory(&name, mode)?;
                return Ok(());
            }
            let mut file = place.file(&name, mode)?;
            copy(entry, &mut file, budget)?;
            let seconds = i64::try_from(entry.header().mtime()?).unwrap_or_default();
            let time = TimeSpec::new(seconds, 0);
            futimens(&file, &time, &time).map_err(io::Error::from)?;
        }
        // What holds for the entries that follow, and is no file itself.
        EntryType::XGlobalHeader => {}
        other => return Err(UnpackError::Entry { name, what: what(other) }),
    }
    Ok(())
}

/// Copies the contents. Holes come out of nothing, so that nobody has counted them yet.
fn copy(input: &mut impl Read, file: &mut File, budget: &Budget) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let before = budget.left_bytes();
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let counted = before - budget.left_bytes();
        budget.spend((count as u64).saturating_sub(counted))?;
        file.write_all(&buffer[..count])?;
    }
}

fn target<R: Read>(entry: &Entry<'_, R>, name: &Path) -> Result<std::path::PathBuf, UnpackError> {
    let missing = || UnpackError::Entry { name: name.to_owned(), what: "a link to nowhere" };
    Ok(entry.link_name()?.ok_or_else(missing)?.into_owned())
}

fn what(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        _ => "of an unknown type",
    }
}

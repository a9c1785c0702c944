//! Entries of zip archives.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use nix::libc;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::UnpackError;
use super::limits::Budget;
use crate::fetcher::place::Place;

/// The longest target of a link.
const MAX_TARGET_BYTES: u64 = 4096;

/// Makes all entries, in order. What the archive says of sizes is not believed.
pub(super) fn unpack(
    input: BufReader<File>,
    place: &Place,
    budget: &Budget,
) -> Result<(), UnpackError> {
    let mut archive = ZipArchive::new(input)?;
    for index in 0..archive.len() {
        budget.entry()?;
        make(&mut archive.by_index(index)?, place, budget)?;
    }
    Ok(())
}

fn make(
    entry: &mut ZipFile<'_, BufReader<File>>,
    place: &Place,
    budget: &Budget,
) -> Result<(), UnpackError> {
    let name = PathBuf::from(entry.name()?.into_owned());
    // Archives made elsewhere than on Unix have no modes.
    let mode = entry.unix_mode();
    let kind = mode.map_or(0, |mode| mode & libc::S_IFMT);
    if kind == libc::S_IFDIR || entry.is_dir() {
        place.directory(&name, mode.unwrap_or(0o755))?;
        return Ok(());
    }
    let mut contents = budget.meter(entry);
    match kind {
        libc::S_IFLNK => {
            let mut target = String::new();
            contents.take(MAX_TARGET_BYTES).read_to_string(&mut target)?;
            place.symlink(&name, Path::new(&target))?;
        }
        0 | libc::S_IFREG => {
            let permissions = mode.map_or(0, |mode| mode & 0o777);
            // Programs that know no permissions write zero.
            let permissions = if permissions == 0 { 0o644 } else { permissions };
            let mut file = place.file(&name, permissions)?;
            io::copy(&mut contents, &mut file)?;
        }
        libc::S_IFCHR | libc::S_IFBLK => {
            return Err(UnpackError::Entry { name, what: "a device" });
        }
        libc::S_IFIFO => return Err(UnpackError::Entry { name, what: "a pipe" }),
        _ => return Err(UnpackError::Entry { name, what: "of an unknown type" }),
    }
    Ok(())
}

//! Unpacking archives that come from strangers (row FE-02).
//!
//! An archive is refused, with what is wrong with it, when an entry would lie outside of the
//! sandbox or link there, is a device or a pipe, or when it is a bomb ([`limits`]). What had been
//! unpacked before stays, for the task's owner to look at: the task does not start. Owners, set-uid
//! bits and extended attributes of entries do not count; times of changes do, in tar archives.
//!
//! Reading order: this file, [`limits`], [`tar_archive`], [`zip_archive`].

pub mod limits;
mod tar_archive;
mod zip_archive;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::place::{Place, PlaceError};
use limits::{Budget, MAX_XZ_KIB};

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive, or the disk, is damaged; or a limit was reached.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// An entry cannot be made, or must not.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The archive is damaged, or of a kind that nobody reads.
    #[error("{0}")]
    Zip(#[from] zip::result::ZipError),
    /// An entry is nothing that a task may have.
    #[error("'{}' is {what}", name.display())]
    Entry {
        /// Its name.
        name: PathBuf,
        /// What it is.
        what: &'static str,
    },
}

/// How a file is packed, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tar archive.
    Tar(Packing),
    /// A zip archive.
    Zip,
    /// One file, and no archive.
    Gzip,
}

/// How a tar archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By gzip.
    Gzip,
    /// By bzip2.
    Bzip2,
    /// By xz.
    Xz,
}

const ENDINGS: [(&str, Kind); 9] = [
    (".tar", Kind::Tar(Packing::Plain)),
    (".tgz", Kind::Tar(Packing::Gzip)),
    (".tar.gz", Kind::Tar(Packing::Gzip)),
    (".tbz2", Kind::Tar(Packing::Bzip2)),
    (".tar.bz2", Kind::Tar(Packing::Bzip2)),
    (".txz", Kind::Tar(Packing::Xz)),
    (".tar.xz", Kind::Tar(Packing::Xz)),
    (".zip", Kind::Zip),
    (".gz", Kind::Gzip),
];

impl Kind {
    /// The kind of a file with this name, if it is packed.
    pub fn of(name: &str) -> Option<Self> {
        ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, kind)| *kind)
    }
}

/// Unpacks `archive`. `name` is what the file is called in the sandbox.
///
/// # Errors
/// See [`UnpackError`].
pub fn unpack(archive: File, kind: Kind, name: &str, place: &Place) -> Result<(), UnpackError> {
    let budget = Budget::of(archive.metadata()?.len());
    unpack_within(archive, kind, name, place, &budget)
}

fn unpack_within(
    archive: File,
    kind: Kind,
    name: &str,
    place: &Place,
    budget: &Budget,
) -> Result<(), UnpackError> {
    let input = BufReader::with_capacity(64 * 1024, archive);
    match kind {
        Kind::Zip => zip_archive::unpack(input, place, budget),
        Kind::Tar(packing) => tar_archive::unpack(budget.meter(unpacked(input, packing)), place),
        Kind::Gzip => {
            let name = Path::new(name).file_name().unwrap_or_default();
            let name = name.to_str().and_then(|name| name.strip_suffix(".gz")).unwrap_or_default();
            let mut file = place.file(Path::new(name), 0o644)?;
            io::copy(&mut budget.meter(unpacked(input, Packing::Gzip)), &mut file)?;
            Ok(())
        }
    }
}

/// What is in a packed stream. Several that follow each other are one.
fn unpacked(input: BufReader<File>, packing: Packing) -> Box<dyn Read> {
    match packing {
        Packing::Plain => Box::new(input),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, MAX_XZ_KIB)),
    }
}

#[cfg(test)]
mod tests;

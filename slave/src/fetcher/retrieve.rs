//! One URI, from where it is to the sandbox (rows FE-01 to FE-04).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use slave_core::fetcher::uri::{self, Source, UriError};
use tokio::runtime::Runtime;

use super::hadoop::{Hadoop, HadoopError};
use super::info::{FetcherInfo, Item, ItemAction};
use super::net::{Net, NetError};
use super::place::{Place, PlaceError};
use super::unpack::{self, Kind, UnpackError};

/// Why a URI was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// It makes no sense.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// It was not downloaded.
    #[error("Error downloading resource: {0}")]
    Net(#[from] NetError),
    /// The server has no such file.
    #[error("Error downloading resource, received HTTP return code {0}")]
    Status(u16),
    /// The client of Hadoop did not get it.
    #[error(transparent)]
    Hadoop(#[from] HadoopError),
    /// It cannot be put where it belongs.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It was not unpacked.
    #[error("Failed to extract archive '{}' to '{}': {source}", archive.display(), to.display())]
    Unpack {
        /// The archive.
        archive: PathBuf,
        /// Whereto.
        to: PathBuf,
        /// Why not.
        source: UnpackError,
    },
    /// A local file cannot be read.
    #[error("cannot {what} '{}': {source}", path.display())]
    Local {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A directory, or something that never ends.
    #[error("`source` was not a regular file: '{}'", .0.display())]
    NotAFile(PathBuf),
    /// The agent did not say where the cache is.
    #[error("No cache file name for: {0}")]
    NoCacheFile(String),
}

/// Gets files.
#[derive(Debug)]
pub struct Retriever {
    /// Taken only when it ends.
    runtime: Option<Runtime>,
    net: Net,
    frameworks_home: String,
}

impl Retriever {
    /// As `info` says.
    ///
    /// # Errors
    /// The system has nothing to wait with.
    pub fn new(info: &FetcherInfo) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stall_timeout =
            info.stall_timeout.map(|timeout| Duration::from_nanos(timeout.nanoseconds));
        Ok(Self {
            runtime: Some(runtime),
            net: Net::new(stall_timeout),
            frameworks_home: info.frameworks_home.clone(),
        })
    }

    /// How large a file is, before it is fetched.
    ///
    /// # Errors
    /// See [`RetrieveError`].
    pub fn size(&self, uri: &str) -> Result<u64, RetrieveError> {
        let uri = uri.trim_start();
        match uri::source(uri, &self.frameworks_home)? {
            Source::Local(path) => {
                let path = PathBuf::from(path);
                match fs::metadata(&path) {
                    Ok(status) => Ok(status.len()),
                    Err(source) => Err(RetrieveError::Local { what: "find", path, source }),
                }
            }
            Source::Net => Ok(self.wait(self.net.size(uri))?),
            Source::Hadoop => Ok(Hadoop::find()?.size(uri)?),
        }
    }

    /// Fetches a file into the sandbox. Gives its path, or the sandbox's if it was unpacked there
    /// from the cache.
    ///
    /// # Errors
    /// See [`RetrieveError`].
    pub fn fetch(
        &self,
        item: &Item,
        info: &FetcherInfo,
        sandbox: &Place,
    ) -> Result<PathBuf, RetrieveError> {
        let uri = item.uri.to_uri();
        uri::validate(&uri)?;
        let name = uri::output(&uri)?;
        let path = info.sandbox_directory.join(name);
        match self.cached(item, info)? {
            Some(cached) => self.take(item, &cached, name, &path, sandbox, info),
            None => {
                let value = plain(&item.uri.value);
                tracing::info!("Fetching '{value}' directly into the sandbox directory");
                self.download(&item.uri.value, sandbox, name)?;
                if item.uri.executable == Some(true) {
                    make_executable(&path)?;
                } else if item.uri.extract {
                    let kind = Kind::of(name);
                    extract(kind, &path, name, sandbox, info, &item.uri.value)?;
                }
                Ok(path)
            }
        }
    }

    /// The file of the cache, which is downloaded if that is ours to do. None if it goes without.
    fn cached(&self, item: &Item, info: &FetcherInfo) -> Result<Option<PathBuf>, RetrieveError> {
        if item.action == ItemAction::BypassCache {
            return Ok(None);
        }
        let missing = || RetrieveError::NoCacheFile(plain(&item.uri.value));
        let directory = info.cache_directory.as_deref().ok_or_else(missing)?;
        let name = item.cache_filename.as_deref().ok_or_else(missing)?;
        let path = directory.join(name);
        if path.is_file() {
            return Ok(Some(path));
        }
        if item.action == ItemAction::RetrieveFromCache {
            tracing::warn!("Reverting to fetching directly into the sandbox: cache file missing");
            return Ok(None);
        }
        self.download(&item.uri.value, &Place::open(directory)?, name)?;
        Ok(Some(path))
    }

    fn take(
        &self,
        item: &Item,
        cached: &Path,
        name: &str,
        path: &Path,
        sandbox: &Place,
        info: &FetcherInfo,
    ) -> Result<PathBuf, RetrieveError> {
        tracing::info!("Fetching URI '{}' from cache", plain(&item.uri.value));
        if item.uri.executable == Some(true) {
            copy(cached, sandbox, name)?;
            make_executable(path)?;
            return Ok(path.to_owned());
        }
        if item.uri.extract {
            // Names in the cache end like the URI.
            let kind = Kind::of(name).or_else(|| Kind::of(cached.to_str().unwrap_or_default()));
            if extract(kind, cached, name, sandbox, info, &item.uri.value)? {
                return Ok(info.sandbox_directory.clone());
            }
        }
        copy(cached, sandbox, name)?;
        Ok(path.to_owned())
    }

    fn download(&self, uri: &str, place: &Place, name: &str) -> Result<(), RetrieveError> {
        let uri = uri.trim_start();
        match uri::source(uri, &self.frameworks_home)? {
            Source::Local(path) => copy(Path::new(&path), place, name),
            Source::Net => {
                tracing::info!("Downloading resource from '{}' to '{name}'", plain(uri));
                let mut file = place.file(Path::new(name), 0o644)?;
                match self.wait(self.net.download(uri, &mut file))? {
                    200 => Ok(()),
                    status => Err(RetrieveError::Status(status)),
                }
            }
            Source::Hadoop => {
                let hadoop = Hadoop::find()?;
                let uri_shown = plain(uri);
                tracing::info!(
                    "Downloading resource with Hadoop client from '{uri_shown}' to '{name}'"
                );
                let path = place.vacant(Path::new(name))?;
                Ok(hadoop.copy_to_local(uri, &path)?)
            }
        }
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("the runtime is taken only by drop"),
        }
    }
}

impl Drop for Retriever {
    fn drop(&mut self) {
        // Whoever looks up a name cannot be interrupted, and need not be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A URI as logs may have it: without its password.
pub fn plain(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => uri.to_owned(),
    }
}

/// Copies a local file, with the rights of this process. Only files have an end.
fn copy(from: &Path, place: &Place, name: &str) -> Result<(), RetrieveError> {
    let fail = |what| move |source| RetrieveError::Local { what, path: from.to_owned(), source };
    // Opening a pipe would wait for somebody who writes.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(from)
        .map_err(fail("open"))?;
    let status = file.metadata().map_err(fail("open"))?;
    if !status.is_file() {
        return Err(RetrieveError::NotAFile(from.to_owned()));
    }
    let mut copy = place.file(Path::new(name), status.permissions().mode() & 0o777 | 0o600)?;
    io::copy(&mut file, &mut copy).map_err(fail("copy"))?;
    Ok(())
}

fn make_executable(path: &Path) -> Result<(), RetrieveError> {
    let fail = |source| {
        let path = path.to_owned();
        RetrieveError::Local { what: "chmod executable", path, source }
    };
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(fail)
}

/// Unpacks, if there is something to unpack.
fn extract(
    kind: Option<Kind>,
    archive: &Path,
    name: &str,
    sandbox: &Place,
    info: &FetcherInfo,
    uri: &str,
) -> Result<bool, RetrieveError> {
    let Some(kind) = kind else {
        tracing::warn!(
            "Copying instead of extracting resource from URI with 'extract' flag, because it \
             does not seem to be an archive: {}",
            plain(uri)
        );
        return Ok(false);
    };
    // A bare file is named after what it is called in the sandbox.
    let name = if name.ends_with(".gz") { name } else { &format!("{name}.gz") };
    let to = &info.sandbox_directory;
    let unpacked = File::open(archive)
        .map_err(UnpackError::from)
        .and_then(|file| unpack::unpack(file, kind, name, sandbox));
    unpacked.map_err(|source| RetrieveError::Unpack {
        archive: archive.to_owned(),
        to: to.clone(),
        source,
    })?;
    tracing::info!("Extracted '{}' into '{}'", archive.display(), to.display());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_no_passwords() {
        assert_eq!(plain("http://me:secret@h/a@b"), "http://h/a@b");
        assert_eq!(plain("http://h/a@b"), "http://h/a@b");
        assert_eq!(plain("/a/b"), "/a/b");
    }
}

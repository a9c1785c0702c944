//! What the shell tells the fetcher, and what the fetcher has it do.

use mesos::executor_info::Uri;
use mesos::ids::ContainerId;

use super::cache::{CacheFile, EntryId};
use super::uri::UriError;

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A container wants files. It is answered by one [`Effect::Finished`].
    Fetch {
        /// The container. It must not be fetching already.
        container: ContainerId,
        /// The user as which files are fetched, if one was named.
        user: Option<String>,
        /// What it wants, in this order.
        uris: Vec<Uri>,
    },
    /// The process of [`Effect::FindSizes`] has ended.
    Sized {
        /// The container.
        container: ContainerId,
        /// What was found for each of the URIs; what is missing was not found out.
        sizes: Vec<Result<u64, String>>,
    },
    /// The process of [`Effect::Run`] has ended.
    Ended {
        /// The container.
        container: ContainerId,
        /// How it ended, as `exited with status 1`, unless it ended well.
        result: Result<(), String>,
        /// The files of the cache that it had to do with.
        measured: Vec<Measured>,
    },
    /// The container needs its files no more.
    Cancel {
        /// The container.
        container: ContainerId,
    },
}

/// A file of the cache, after a process had to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Which file.
    pub id: EntryId,
    /// How large it is, if it is there.
    pub size_bytes: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the process that finds out how large files are. Answered by [`Event::Sized`].
    FindSizes {
        /// The container.
        container: ContainerId,
        /// The URIs of the files.
        uris: Vec<String>,
    },
    /// Start the process that fetches. Answered by [`Event::Ended`].
    Run {
        /// The container.
        container: ContainerId,
        /// The user, if one was named.
        user: Option<String>,
        /// What it has to do, in this order.
        items: Vec<Item>,
    },
    /// Kill the process of a container. Its end is told as if it had come by itself.
    Kill {
        /// The container.
        container: ContainerId,
    },
    /// Remove a file of the cache, if there is one. Nobody uses it.
    Remove(CacheFile),
    /// A file is fetched without the cache, though it was asked for.
    Bypassed {
        /// The URI.
        uri: String,
        /// Why.
        why: String,
    },
    /// A container has its files, or will not get them.
    Finished {
        /// The container.
        container: ContainerId,
        /// Why it will not get them.
        result: Result<(), FetchError>,
    },
}

/// One URI for the process that fetches.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The URI.
    pub uri: Uri,
    /// What is to be done.
    pub action: Action,
    /// The file of the cache, unless that is bypassed.
    pub file: Option<(EntryId, CacheFile)>,
}

/// What is to be done with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Download it to the sandbox.
    Bypass,
    /// Download it to the cache, then take it from there.
    Download,
    /// Take it from the cache.
    Retrieve,
}

/// Why a container does not get its files. The words are Mesos's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// A URI makes no sense.
    #[error("Could not fetch: {0}")]
    Invalid(#[source] UriError),
    /// The process that fetches did not succeed. What it says is in the sandbox's stderr.
    #[error("Failed to fetch all URIs for container '{container}': {why}")]
    Failed {
        /// The container.
        container: ContainerId,
        /// How the process ended.
        why: String,
    },
    /// The container was destroyed meanwhile.
    #[error("Fetching the URIs of container '{0}' was cancelled")]
    Cancelled(ContainerId),
    /// The container fetches already.
    #[error("Container '{0}' is fetching its URIs already")]
    Twice(ContainerId),
}

//! What the agent tells the process that fetches: Mesos's `FetcherInfo`, as JSON.
//!
//! It comes through the standard input, since lists of URIs may be longer than a variable of the
//! environment may be, or through [`VARIABLE`] as in Mesos.

use std::path::PathBuf;
use std::time::Duration;

use mesos::executor_info::Uri;
use serde::{Deserialize, Serialize};
use slave_core::fetcher::Action;

/// The variable in which Mesos's agent puts it.
pub const VARIABLE: &str = "MESOS_FETCHER_INFO";

/// The argument that asks for the sizes of all items, one line of JSON for each, instead of the
/// files.
pub const SIZES: &str = "--sizes";

/// What is to be fetched, and whereto.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FetcherInfo {
    /// The sandbox.
    pub sandbox_directory: PathBuf,
    /// Where the user's files of the cache lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_directory: Option<PathBuf>,
    /// The files, in order.
    pub items: Vec<Item>,
    /// As whom; for the log, since the agent has seen to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What relative paths are below.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub frameworks_home: String,
    /// For how long a download may stand still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<Nanoseconds>,
}

/// A duration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nanoseconds {
    /// In nanoseconds.
    pub nanoseconds: u64,
}

impl From<Duration> for Nanoseconds {
    fn from(duration: Duration) -> Self {
        Self { nanoseconds: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX) }
    }
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Where it comes from and what becomes of it.
    pub uri: ItemUri,
    /// Whether the cache has to do with it.
    pub action: ItemAction,
    /// Its name in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_filename: Option<String>,
}

/// [`Action`] with Mesos's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ItemAction {
    /// Not through the cache.
    #[default]
    BypassCache,
    /// Into the cache and out of it.
    DownloadAndCache,
    /// Out of the cache.
    RetrieveFromCache,
}

impl From<Action> for ItemAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Bypass => Self::BypassCache,
            Action::Download => Self::DownloadAndCache,
            Action::Retrieve => Self::RetrieveFromCache,
        }
    }
}

/// `CommandInfo.URI`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemUri {
    /// The URI.
    pub value: String,
    /// Whether it becomes executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
    /// Whether an archive is unpacked.
    pub extract: bool,
    /// Its name in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_file: Option<String>,
}

impl Default for ItemUri {
    fn default() -> Self {
        Self::from(&Uri::default())
    }
}

impl From<&Uri> for ItemUri {
    fn from(uri: &Uri) -> Self {
        Self {
            value: uri.value.clone(),
            executable: uri.executable,
            extract: uri.extract,
            output_file: uri.output_file.clone(),
        }
    }
}

impl ItemUri {
    /// In the words of the vocabulary.
    pub fn to_uri(&self) -> Uri {
        Uri {
            value: self.value.clone(),
            executable: self.executable,
            extract: self.extract,
            output_file: self.output_file.clone(),
            ..Uri::default()
        }
    }
}

/// The answer to [`SIZES`] for one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// This many octets.
    Bytes(u64),
    /// Why it was not found out.
    Error(String),
}

impl From<Size> for Result<u64, String> {
    fn from(size: Size) -> Self {
        match size {
            Size::Bytes(bytes) => Ok(bytes),
            Size::Error(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_mesos_s_agent_writes() {
        let text = r#"{"sandbox_directory":"/s","cache_directory":"/c/nobody","user":"nobody",
            "items":[{"uri":{"value":"http://h/a.tgz","cache":true},"action":"DOWNLOAD_AND_CACHE",
            "cache_filename":"c1-a.tgz"}],"stall_timeout":{"nanoseconds":60000000000}}"#;
        let info: FetcherInfo = serde_json::from_str(text).unwrap();
        let item = &info.items[0];
        assert_eq!(item.action, ItemAction::DownloadAndCache);
        assert_eq!(item.cache_filename.as_deref(), Some("c1-a.tgz"));
        assert!(item.uri.extract, "which is Mesos's default");
        assert_eq!(info.stall_timeout, Some(Duration::from_secs(60).into()));
        let again = serde_json::to_string(&info).unwrap();
        assert_eq!(serde_json::from_str::<FetcherInfo>(&again).unwrap(), info);
    }
}

//! What a URI of a command means: how the file is called, and how it is got (rows FE-01, FE-02).
//!
//! As in Mesos a URI is treated as a path: a query is a part of the file's name.

use mesos::executor_info::Uri;

/// The beginning of URIs of local files.
const FILE: &str = "file://";
/// The beginnings of URIs that are got from the net by ourselves.
const NET: [&str; 4] = ["http://", "https://", "ftp://", "ftps://"];

/// Why a URI cannot be fetched. The words are Mesos's, where Mesos has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// A character that would mislead.
    #[error("Illegal characters in URI")]
    Characters,
    /// There is a host and nothing else.
    #[error("Malformed URI (missing path): {0}")]
    MissingPath(String),
    /// What follows the last slash cannot be the name of a file.
    #[error("Malformed URI (missing file name): {0}")]
    MissingName(String),
    /// There is nothing at all.
    #[error("URI output file path is empty")]
    EmptyOutput,
    /// The file would be outside.
    #[error("URI output file must be within the sandbox directory")]
    Outside,
    /// A local path would depend on where the agent runs.
    #[error("File URI only supports absolute paths")]
    RelativeFile,
    /// Nobody said what the path is relative to.
    #[error(
        "A relative path was passed for the resource but the Mesos framework home was not \
         specified. Please either provide this config option or avoid using a relative path"
    )]
    Relative,
}

/// How a file is got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is here, at this path.
    Local(String),
    /// From the net, by ourselves.
    Net,
    /// By the client of Hadoop, which knows all other schemes.
    Hadoop,
}

/// Looks at a URI before anything is done for it.
///
/// # Errors
/// See [`UriError`].
pub fn validate(uri: &Uri) -> Result<(), UriError> {
    let name = basename(&uri.value)?;
    match uri.output_file.as_deref() {
        Some("") => Err(UriError::EmptyOutput),
        Some(path) if path.starts_with('/') || path.contains('\0') => Err(UriError::Outside),
        Some(path) if path.split('/').any(|part| part == "..") => Err(UriError::Outside),
        Some(path) if is_name(last(path)) => Ok(()),
        Some(path) => Err(UriError::MissingName(path.to_owned())),
        None if is_name(name) => Ok(()),
        None => Err(UriError::MissingName(uri.value.clone())),
    }
}

/// What the file is called in the sandbox: a path without `..`, once the URI is [valid](validate).
///
/// # Errors
/// See [`UriError`].
pub fn output(uri: &Uri) -> Result<&str, UriError> {
    match uri.output_file.as_deref() {
        Some(path) => Ok(path),
        None => basename(&uri.value),
    }
}

/// What follows the last slash. It may be empty or lead elsewhere: see [`validate`].
///
/// # Errors
/// There is no path, or a character that would mislead.
pub fn basename(uri: &str) -> Result<&str, UriError> {
    let uri = uri.trim_start();
    if uri.contains(['\\', '\'', '\0']) {
        return Err(UriError::Characters);
    }
    match uri.find("://").filter(|index| *index > 1) {
        None => Ok(last(uri.trim_end_matches('/'))),
        Some(index) => match uri[index + 3..].split_once('/') {
            Some((_, path)) if !path.is_empty() => Ok(last(path)),
            _ => Err(UriError::MissingPath(uri.to_owned())),
        },
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

/// How the file is got; relative paths are below `frameworks_home`.
///
/// # Errors
/// A path is relative and must not be.
pub fn source(uri: &str, frameworks_home: &str) -> Result<Source, UriError> {
    let uri = uri.trim_start();
    let is_file = uri.starts_with(FILE);
    if !is_file && uri.contains("://") {
        let is_net = NET.iter().any(|scheme| uri.starts_with(scheme));
        return Ok(if is_net { Source::Net } else { Source::Hadoop });
    }
    let path = uri.strip_prefix(FILE).unwrap_or(uri);
    let path = path.strip_prefix("localhost").unwrap_or(path);
    match (path.starts_with('/'), is_file, frameworks_home) {
        (true, ..) => Ok(Source::Local(path.to_owned())),
        (false, true, _) => Err(UriError::RelativeFile),
        (false, false, "") => Err(UriError::Relative),
        (false, false, home) => Ok(Source::Local(format!("{}/{path}", home.trim_end_matches('/')))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(value: &str, output_file: Option<&str>) -> Uri {
        Uri {
            value: value.to_owned(),
            output_file: output_file.map(str::to_owned),
            ..Uri::default()
        }
    }

    #[test]
    fn names_are_what_follows_the_last_slash() {
        for (value, name) in [
            ("/a/b.tar.gz", "b.tar.gz"),
            ("b.tar.gz", "b.tar.gz"),
            ("  http://h/a/b.zip", "b.zip"),
            ("http://h/a/b.zip?x=1&y=2", "b.zip?x=1&y=2"),
            ("http://h/a?p=/c", "c"),
            ("hdfs://h:8020/a/b", "b"),
            ("file:///a/b", "b"),
            ("://a/b", "b"),
        ] {
            assert_eq!(basename(value), Ok(name), "{value}");
            assert_eq!(validate(&uri(value, None)), Ok(()), "{value}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (value, error) in [
            ("http://host", "Malformed URI (missing path): http://host"),
            ("http://host/", "Malformed URI (missing path): http://host/"),
            ("http://host/a/", "Malformed URI (missing file name): http://host/a/"),
            ("http://host/a/..", "Malformed URI (missing file name): http://host/a/.."),
            ("/", "Malformed URI (missing file name): /"),
            ("", "Malformed URI (missing file name): "),
            ("/a/'b", "Illegal characters in URI"),
            ("http://host/a\\b", "Illegal characters in URI"),
        ] {
            assert_eq!(validate(&uri(value, None)).unwrap_err().to_string(), error, "{value}");
        }
        assert_eq!(validate(&uri("http://host/a/", Some("b"))), Ok(()));
    }

    #[test]
    fn outputs_stay_in_the_sandbox() {
        let outside = "URI output file must be within the sandbox directory";
        for (path, error) in [
            ("", "URI output file path is empty"),
            ("/etc/passwd", outside),
            ("../x", outside),
            ("a/../../x", outside),
            ("a/..", outside),
            ("a/", "Malformed URI (missing file name): a/"),
        ] {
            let found = validate(&uri("/a/b", Some(path))).unwrap_err().to_string();
            assert_eq!(found, error, "{path}");
        }
        for path in ["x", "a/b/c", "./x", "a..b/..c"] {
            assert_eq!(validate(&uri("/a/b", Some(path))), Ok(()), "{path}");
            assert_eq!(output(&uri("/a/b", Some(path))), Ok(path));
        }
    }

    #[test]
    fn schemes_lead_to_sources() {
        let local = |path: &str| Ok(Source::Local(path.to_owned()));
        assert_eq!(source("/a/b", ""), local("/a/b"));
        assert_eq!(source(" file:///a/b", ""), local("/a/b"));
        assert_eq!(source("file://localhost/a/b", ""), local("/a/b"));
        assert_eq!(source("a/b", "/home/"), local("/home/a/b"));
        assert_eq!(source("a/b", ""), Err(UriError::Relative));
        assert_eq!(source("file://a/b", "/home"), Err(UriError::RelativeFile));
        for net in ["http://h/a", "https://h/a", "ftp://h/a", "ftps://h/a"] {
            assert_eq!(source(net, ""), Ok(Source::Net));
        }
        for other in ["hdfs://h/a", "s3n://b/a", "HTTP://h/a"] {
            assert_eq!(source(other, ""), Ok(Source::Hadoop));
        }
    }
}

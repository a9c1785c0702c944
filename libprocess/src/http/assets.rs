//! Static files: a folder, or bytes compiled into the program, behind a route (LP-15).

use super::{Body, FileBody, Response};
use std::path::{Component, Path, PathBuf};

/// Files compiled into the program: path below the route, without a leading slash, and content.
pub type Embedded = &'static [(&'static str, &'static [u8])];

/// The content type of a file by the ending of its name; `None` where it says nothing.
pub fn content_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "css" => "text/css",
        "csv" => "text/csv",
        "gif" => "image/gif",
        "gz" | "tgz" => "application/gzip",
        "htm" | "html" => "text/html",
        "ico" => "image/x-icon",
        "jpg" | "jpeg" => "image/jpeg",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "log" | "txt" | "md" => "text/plain",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tar" => "application/x-tar",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "xml" => "text/xml",
        "zip" => "application/zip",
        _ => return None,
    })
}

/// Answers with an embedded file; `index.html` for the empty path.
pub fn embedded(files: Embedded, path: &str) -> Response {
    let path = path.trim_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    match files.iter().find(|(name, _)| *name == path) {
        Some((name, content)) => Response::ok().with_body(
            content_type(name).unwrap_or("application/octet-stream"),
            bytes::Bytes::from_static(content),
        ),
        None => Response::not_found(),
    }
}

/// Answers with a file below `root`; `index.html` for a folder. Paths that climb out of `root`
/// are not found, be it by `..` or by a symbolic link.
pub fn from_folder(root: &Path, path: &str) -> Response {
    match resolve(root, path) {
        Some(path) => file(&path),
        None => Response::not_found(),
    }
}

/// Answers with a whole file, or 404.
pub fn file(path: &Path) -> Response {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut response = Response::ok().header(
                hyper::header::CONTENT_TYPE,
                content_type(&name).unwrap_or("application/octet-stream"),
            );
            let length = metadata.len();
            response.body = Body::File(FileBody::path(path, 0, length));
            response
        }
        _ => Response::not_found(),
    }
}

fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    if relative.components().any(|part| !matches!(part, Component::Normal(_))) {
        return None;
    }
    let root = root.canonicalize().ok()?;
    let mut full = root.join(relative).canonicalize().ok()?;
    if full.is_dir() {
        full = full.join("index.html").canonicalize().ok()?;
    }
    full.starts_with(&root).then_some(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::StatusCode;

    #[test]
    fn only_files_below_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("www");
        std::fs::create_dir_all(root.join("app")).unwrap();
        std::fs::write(root.join("app/index.html"), "hi").unwrap();
        std::fs::write(directory.path().join("secret"), "no").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();

        let status = |path: &str| from_folder(&root, path).status;
        assert_eq!(status("/app/index.html"), StatusCode::OK);
        assert_eq!(status("/app/"), StatusCode::OK);
        for path in ["/../secret", "/app/../../secret", "/link", "/nothing", "/"] {
            assert_eq!(status(path), StatusCode::NOT_FOUND, "{path}");
        }
        let response = from_folder(&root, "app");
        assert_eq!(response.get_header("content-type"), Some("text/html"));
        assert!(matches!(response.body, Body::File(FileBody { length: 2, .. })));
    }

    #[test]
    fn embedded_files() {
        let files: Embedded = &[("index.html", b"x"), ("js/a.js", b"y")];
        assert_eq!(embedded(files, "/").body_text(), Some("x"));
        assert_eq!(embedded(files, "/js/a.js").get_header("content-type"), Some("text/javascript"));
        assert_eq!(embedded(files, "/js").status, StatusCode::NOT_FOUND);
    }
}

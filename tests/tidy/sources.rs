//! The files under version control, as the other checks read them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file of the repository.
pub struct Source {
    /// Its path from the root of the repository, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// Every file that git knows or would add, with one of these extensions.
pub fn files(extensions: &[&str]) -> Vec<Source> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of this checkout");
    assert!(output.status.success(), "git ls-files failed: {output:?}");
    let listing = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let sources: Vec<Source> = listing
        .lines()
        .filter(|path| extensions.iter().any(|ext| path.ends_with(&format!(".{ext}"))))
        .filter_map(|path| {
            // A file may be deleted and not yet committed.
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(Source { path: path.to_owned(), text })
        })
        .collect();
    assert!(!sources.is_empty(), "no files with extensions {extensions:?}: is this a checkout?");
    sources
}

/// Whether this path holds tests rather than product.
pub fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
}

/// The lines of a Rust file before its unit tests.
pub fn product_lines(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| line.trim_end() != "#[cfg(test)]").collect()
}

/// Fails with all complaints at once, so that one run shows everything.
pub fn settle(rule: &str, complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{rule}: {} place(s)\n  {}",
        complaints.len(),
        complaints.join("\n  ")
    );
}

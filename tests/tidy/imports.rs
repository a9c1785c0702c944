//! Imports point only down, and the cores stay pure: both are lines in a `Cargo.toml`.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{files, root, settle};

/// Which of our crates each of our crates may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("libprocess", &[]),
    ("mesos", &[]),
    ("master/core", &["mesos"]),
    ("slave/core", &["mesos"]),
    ("master", &["libprocess", "mesos", "master-core"]),
    ("slave", &["libprocess", "mesos", "slave-core"]),
    ("executor", &["libprocess", "mesos"]),
    ("bindings/rust", &["libprocess", "mesos"]),
    ("cli", &["libprocess", "mesos", "master", "slave", "executor", "mesos-framework"]),
    ("examples", &["mesos", "mesos-framework"]),
];

/// What a pure crate may name beside `mesos`: nothing here performs I/O or reads a clock.
const PURE: &[&str] = &[
    "mesos",
    "base64",
    "bytes",
    "fastrand",
    "imbl",
    "regex-lite",
    "serde",
    "serde_json",
    "thiserror",
];

#[test]
fn imports_point_only_down() {
    let ours: BTreeSet<String> = workspace_paths().into_keys().collect();
    let mut complaints = Vec::new();
    for (folder, allowed) in ALLOWED {
        for dependency in dependencies(folder) {
            if ours.contains(&dependency) && !allowed.contains(&dependency.as_str()) {
                complaints.push(format!("{folder}/Cargo.toml depends on {dependency}"));
            }
        }
    }
    settle("imports point only down", complaints);
}

#[test]
fn cores_are_pure() {
    let mut complaints = Vec::new();
    for folder in ["master/core", "slave/core"] {
        for dependency in dependencies(folder) {
            if !PURE.contains(&dependency.as_str()) {
                complaints.push(format!("{folder}/Cargo.toml depends on {dependency}"));
            }
        }
    }
    for source in files(&["rs"]) {
        if !source.path.starts_with("master/core/src/")
            && !source.path.starts_with("slave/core/src/")
        {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            let impure = ["std::fs", "std::net", "std::thread", "Instant::now", "SystemTime"]
                .iter()
                .find(|name| line.contains(**name));
            if let Some(name) = impure {
                complaints.push(format!("{}:{}: {name}", source.path, index + 1));
            }
        }
    }
    settle("the cores perform no I/O and read no clock", complaints);
}

#[test]
fn every_crate_has_its_place() {
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(folder, _)| *folder).collect();
    let complaints = workspace_paths()
        .into_values()
        .filter(|folder| !known.contains(folder.as_str()))
        .map(|folder| format!("{folder} is not in the table of tests/tidy/imports.rs"))
        .collect();
    settle("every crate has its place in the order", complaints);
}

/// Our crates by name, with their folders, from the table of versions.
fn workspace_paths() -> BTreeMap<String, String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("root manifest");
    manifest
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" = { path = \"")?;
            Some((name.to_owned(), rest.split('"').next()?.to_owned()))
        })
        .collect()
}

/// The names under `[dependencies]`; what only tests use may point anywhere.
fn dependencies(folder: &str) -> Vec<String> {
    let path = root().join(folder).join("Cargo.toml");
    let manifest = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

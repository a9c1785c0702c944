//! What is kept on the disk of a nested or standalone container while it lives (row CT-14).
//!
//! ```text
//! <runtime>/spec      what it was made from
//!           pid       which process leads it: see `forked`
//!           status    the wait status of that process, once it has ended
//!           containers/<nested>/…
//! ```
//!
//! Nothing is flushed to the disk: it has to outlive the agent, not the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mesos::ids::ContainerId;
use slave_core::checkpoint::RecoveredContainer;
use slave_core::containers::call::ContainerSpec;
use slave_core::paths::{Paths, nested_sandbox};

use super::{LaunchError, forked};

/// The file that holds the pid.
pub fn pid_path(runtime: &Path) -> PathBuf {
    runtime.join("pid")
}

fn status_path(runtime: &Path) -> PathBuf {
    runtime.join("status")
}

/// Makes the directory, writes the description, and opens the file for the status, which is empty.
///
/// # Errors
/// The file system refuses.
pub fn prepare(spec: &ContainerSpec) -> Result<File, LaunchError> {
    let runtime = &spec.runtime;
    let fail = |what| move |source| LaunchError::Sandbox { what, path: runtime.clone(), source };
    // Descriptions hold the environments of containers, which are nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(runtime).map_err(fail("create"))?;
    // What a container of the same name has left behind is not this one's.
    for old in [pid_path(runtime), status_path(runtime)] {
        match fs::remove_file(&old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fail("clear")(error));
            }
            _ => {}
        }
    }
    let description = serde_json::to_vec(spec).map_err(|error| fail("describe")(error.into()))?;
    let (path, temporary) = (runtime.join("spec"), runtime.join("spec.tmp"));
    fs::write(&temporary, description).map_err(fail("write to"))?;
    fs::rename(temporary, path).map_err(fail("write to"))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(status_path(runtime)).map_err(fail("write to"))
}

/// How the process that led the container ended, if that is known.
pub fn status(runtime: &Path) -> Option<i32> {
    fs::read_to_string(status_path(runtime)).ok()?.parse().ok()
}

/// Writes down how the process ended, where it could not do so itself.
pub fn remember(runtime: &Path, status: i32) {
    if let Err(error) = fs::write(status_path(runtime), status.to_string()) {
        tracing::warn!("cannot write to '{}': {error}", runtime.display());
    }
}

/// Whether these are the traces of a container, and not only of some below it.
pub fn is_one(runtime: &Path) -> bool {
    runtime.join("spec").is_file()
}

/// Removes the traces of a container that never ran.
pub fn forget(runtime: &Path) {
    // There may be none yet; whatever stays is taken for a container that ended.
    let _ = fs::remove_dir_all(runtime);
}

/// All containers that the last run left, and what could not be read.
pub fn recover(paths: &Paths) -> (Vec<RecoveredContainer>, Vec<String>) {
    let mut found = Found::default();
    found.below(&paths.runtimes(), None, 0);
    (found.containers, found.errors)
}

/// Deeper than any container may be: what is there was put there by somebody else.
const MAX_DEPTH: usize = 64;

#[derive(Default)]
struct Found {
    containers: Vec<RecoveredContainer>,
    errors: Vec<String>,
}

impl Found {
    fn below(&mut self, directory: &Path, parent: Option<&ContainerId>, depth: usize) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) if depth < MAX_DEPTH => entries,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return self.errors.push(format!("cannot list '{}': {error}", directory.display()));
            }
            _ => return,
        };
        for entry in entries.flatten() {
            let Ok(value) = entry.file_name().into_string() else { continue };
            let id = ContainerId { value, parent: parent.cloned().map(Box::new) };
            let runtime = entry.path();
            self.container(&runtime);
            let nested = nested_sandbox(&runtime, "");
            self.below(&nested, Some(&id), depth + 1);
            // Empty directories are what an executor leaves whose containers have been removed.
            let _ = fs::remove_dir(nested).and_then(|()| fs::remove_dir(runtime));
        }
    }

    fn container(&mut self, runtime: &Path) {
        let path = runtime.join("spec");
        let octets = match fs::read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return self.errors.push(format!("cannot read '{}': {error}", path.display()));
            }
        };
        let spec: ContainerSpec = match serde_json::from_slice(&octets) {
            Ok(spec) => spec,
            Err(error) => {
                return self.errors.push(format!("'{}' is damaged: {error}", path.display()));
            }
        };
        let status = status(runtime);
        let pid = match forked::read(&pid_path(runtime)) {
            Ok(pid) => pid.filter(|_| status.is_none()),
            Err(error) => return self.errors.push(error.to_string()),
        };
        self.containers.push(RecoveredContainer { spec, pid, status });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(paths: &Paths, id: &ContainerId) -> ContainerSpec {
        let runtime = paths.runtime(id);
        ContainerSpec { container: id.clone(), runtime, ..ContainerSpec::default() }
    }

    #[test]
    fn containers_are_found_again_with_those_below_them() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        let root = ContainerId::root("r");
        let nested = ContainerId { value: "n".to_owned(), parent: Some(Box::new(root.clone())) };
        let deep = ContainerId { value: "d".to_owned(), parent: Some(Box::new(nested.clone())) };
        for id in [&nested, &deep] {
            prepare(&spec(&paths, id)).unwrap();
        }
        forked::write(&pid_path(&paths.runtime(&nested)), std::process::id()).unwrap();
        remember(&paths.runtime(&deep), 1024);
        fs::create_dir_all(paths.runtimes().join("over/containers")).unwrap();
        let (mut found, errors) = recover(&paths);
        assert_eq!(errors, [] as [String; 0]);
        found.sort_by_key(|one| one.spec.container.to_string());
        let pid = Some(std::process::id());
        assert_eq!(found[0], RecoveredContainer { spec: spec(&paths, &nested), pid, status: None });
        let spec = spec(&paths, &deep);
        assert_eq!(found[1], RecoveredContainer { spec, pid: None, status: Some(1024) });
        assert_eq!(found.len(), 2);
        assert!(!paths.runtimes().join("over").exists());
    }

    #[test]
    fn a_name_that_is_used_anew_has_no_past() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        let spec = spec(&paths, &ContainerId::root("r"));
        prepare(&spec).unwrap();
        remember(&spec.runtime, 9);
        assert_eq!(status(&spec.runtime), Some(9));
        prepare(&spec).unwrap();
        assert_eq!(status(&spec.runtime), None);
        fs::write(spec.runtime.join("spec"), "{").unwrap();
        assert_eq!(recover(&paths).1.len(), 1);
    }
}

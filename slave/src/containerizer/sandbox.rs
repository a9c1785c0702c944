//! Sandboxes: the directories that executors and their tasks live in (rows SB-01, SB-03).
//!
//! ```text
//! <work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/latest -> <container>
//!                                                                       runs/<container>/stdout
//!                                                                                        stderr
//!                                                              …/containers/<nested>/stdout
//! <work_dir>/containers/<container>/stdout
//! ```

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use libprocess::subprocess::Identity;
use nix::unistd::{Gid, Uid, User, chown, geteuid, getgrouplist};

use super::LaunchError;

/// A sandbox that has been made.
#[derive(Debug)]
pub struct Sandbox {
    /// What the executor writes to stdout goes here.
    pub stdout: File,
    /// What the executor writes to stderr goes here.
    pub stderr: File,
}

/// Whom `user` stands for: nobody else, where it is the agent's own user (row SL-24).
///
/// # Errors
/// The user does not exist, or the agent may not become it.
pub fn owner(user: Option<&str>) -> Result<Option<Identity>, LaunchError> {
    let Some(name) = user.filter(|name| !name.is_empty()) else { return Ok(None) };
    let found = User::from_name(name).ok().flatten();
    let found = found.ok_or_else(|| LaunchError::UnknownUser(name.to_owned()))?;
    let own = geteuid();
    if found.uid == own {
        return Ok(None);
    }
    if !own.is_root() {
        let own = User::from_uid(own).ok().flatten().map_or(own.to_string(), |user| user.name);
        return Err(LaunchError::OtherUser { wanted: name.to_owned(), own });
    }
    let name = CString::new(name).map_err(|_| LaunchError::UnknownUser(name.to_owned()))?;
    let groups = getgrouplist(&name, found.gid).unwrap_or_else(|_| vec![found.gid]);
    Ok(Some(Identity {
        uid: found.uid.as_raw(),
        gid: found.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
    }))
}

/// Makes the sandbox of an executor, and points `latest` beside it at it.
///
/// # Errors
/// The file system refuses.
pub fn create(directory: &Path, owner: Option<&Identity>) -> Result<Sandbox, LaunchError> {
    let sandbox = make(directory, owner)?;
    point_latest(directory).map_err(|source| LaunchError::Sandbox {
        what: "link latest to",
        path: directory.to_owned(),
        source,
    })?;
    Ok(sandbox)
}

/// Makes a sandbox.
///
/// # Errors
/// The file system refuses.
pub fn make(directory: &Path, owner: Option<&Identity>) -> Result<Sandbox, LaunchError> {
    let fail =
        |what| move |source| LaunchError::Sandbox { what, path: directory.to_owned(), source };
    if let Some(parent) = directory.parent() {
        // Other users have to pass through to get at what is theirs.
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(fail("create"))?;
    }
    match DirBuilder::new().mode(0o750).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(fail("create"))?,
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o750))
        .map_err(fail("set permissions of"))?;
    give(directory, owner)?;
    let stdout = output(&directory.join("stdout"), owner)?;
    let stderr = output(&directory.join("stderr"), owner)?;
    Ok(Sandbox { stdout, stderr })
}

fn output(path: &Path, owner: Option<&Identity>) -> Result<File, LaunchError> {
    let fail = |source| LaunchError::Sandbox { what: "open", path: path.to_owned(), source };
    let file = OpenOptions::new().append(true).create(true).mode(0o644).open(path).map_err(fail)?;
    give(path, owner)?;
    Ok(file)
}

pub(super) fn give(path: &Path, owner: Option<&Identity>) -> Result<(), LaunchError> {
    let Some(owner) = owner else { return Ok(()) };
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    chown(path, Some(uid), Some(gid)).map_err(|error| LaunchError::Sandbox {
        what: "change the owner of",
        path: path.to_owned(),
        source: error.into(),
    })
}

/// Replaces the link, so that a reader always finds one.
fn point_latest(directory: &Path) -> io::Result<()> {
    let (Some(runs), Some(name)) = (directory.parent(), directory.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let latest = runs.join("latest");
    match std::os::unix::fs::symlink(name, &latest) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // There was none: nothing is replaced.
        made => return made,
    }
    let temporary = runs.join(".latest.tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(name, &temporary)?;
    fs::rename(temporary, latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_has_its_files_and_latest_follows_the_last_one() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("slaves/s/frameworks/f/executors/e/runs");
        for run in ["one", "two"] {
            create(&runs.join(run), None).unwrap();
            assert_eq!(fs::read_link(runs.join("latest")).unwrap(), Path::new(run));
        }
        assert!(runs.join("one/stdout").is_file() && runs.join("two/stderr").is_file());
        let mode = fs::metadata(runs.join("two")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
    }

    #[test]
    fn an_unknown_user_is_refused_and_the_own_one_is_no_change() {
        let error = owner(Some("no-such-user-here")).unwrap_err();
        assert_eq!(error.to_string(), "user 'no-such-user-here' does not exist on this agent");
        let own = User::from_uid(geteuid()).unwrap().unwrap();
        assert_eq!(owner(Some(&own.name)).unwrap(), None);
        assert_eq!(owner(None).unwrap(), None);
    }
}

//! `--launcher=posix`: a session of its own, and nothing else.
//!
//! Processes that leave the session are found by the sandbox that their environment names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use libprocess::subprocess::Command;
use mesos::ids::ContainerId;
use slave_core::effect::RecoverContainer;

use super::{Kill, Launcher, Target};
use crate::containerizer::{LaunchError, tree};

/// See the module.
#[derive(Debug)]
pub struct Posix {
    work_dir: PathBuf,
}

impl Posix {
    /// A launcher of containers whose sandboxes are below `work_dir`.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into() }
    }
}

impl Launcher for Posix {
    fn equip(&mut self, _: &ContainerId, command: Command) -> Result<Command, LaunchError> {
        Ok(command.new_session())
    }

    fn recover(&mut self, known: &[RecoverContainer]) -> Vec<Option<u32>> {
        let found = tree::marked_below(&self.work_dir);
        let directories: HashSet<&Path> = known.iter().map(|one| one.directory.as_path()).collect();
        let strangers: HashSet<&Path> = found
            .iter()
            .map(|marked| marked.directory.as_path())
            .filter(|directory| !directories.contains(directory))
            .collect();
        for directory in strangers {
            tracing::warn!("killing the unknown container in {}", directory.display());
            tree::kill_marked(directory);
        }
        let leader = |container: &RecoverContainer| {
            let same = found.iter().filter(|marked| marked.directory == container.directory);
            // The pid on disk is missing where the last agent stopped right after the fork.
            container.pid.or_else(|| tree::leader(&same.cloned().collect::<Vec<_>>()))
        };
        known.iter().map(leader).collect()
    }

    fn kill(&self, target: Target) -> Option<Kill> {
        let Target { leader, ended, tidy, directory, .. } = target;
        match leader {
            Some(leader) if !ended => tree::kill_container(leader, &directory),
            Some(leader) if tidy => tree::kill_group(leader),
            Some(leader) => tree::kill_remains(leader, &directory),
            None => tree::kill_marked(&directory),
        }
        None
    }
}

//! Reads what the last run wrote down.
//!
//! It reads as much as it can, and lists what it had to leave out: whether that is fatal is the
//! core's decision (row RC-07). What a crash explains is no damage: a directory without its
//! description, which was never reported as written, and the torn tail of a log, which is cut so
//! that the log can grow again.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mesos::agent::AgentInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{AgentId, ContainerId};
use mesos::task::Task;
use mesos::time::Time;
use serde::de::DeserializeOwned;
use slave_core::checkpoint::{
    ExecutorRecord, OldDirectory, RecoveredAgent, RecoveredExecutor, RecoveredFramework,
    RecoveredRun, RecoveredState, RecoveredTask,
};
use slave_core::ids::ExecutorPid;
use slave_core::paths::Paths;

use super::record::{self, Tail};
use super::{CheckpointError, boot};
use crate::containerizer::{forked, runtime};

/// What the checkpoints below the work directory hold.
///
/// # Errors
/// The work directory itself cannot be read. Damage of single files is part of the answer.
pub fn recover(paths: &Paths) -> Result<RecoveredState, CheckpointError> {
    let rebooted = boot::rebooted(paths, &boot::current()?)?;
    let mut reader = Reader { paths, errors: Vec::new() };
    let meta = paths.meta();
    let latest = reader.link(&meta.latest_agent());
    let agent = latest.as_deref().and_then(|id| reader.agent(&AgentId::from(id)));
    let current = agent.as_ref().and(latest);
    let mut old_agents = Vec::new();
    for root in [paths.work(), meta] {
        for (name, path) in reader.directories(&root.agents()) {
            if Some(&name) != current.as_ref() {
                old_agents.push(OldDirectory { modified: modified(&path), path });
            }
        }
    }
    let (containers, damaged) = runtime::recover(paths);
    reader.errors.extend(damaged);
    Ok(RecoveredState { agent, rebooted, errors: reader.errors, old_agents, containers })
}

struct Reader<'a> {
    paths: &'a Paths,
    errors: Vec<String>,
}

impl Reader<'_> {
    fn agent(&mut self, id: &AgentId) -> Option<RecoveredAgent> {
        let directory = self.paths.meta().agent(id);
        let info: AgentInfo = self.description(&directory.join("slave.info"))?;
        let frameworks = self.directories(&directory.join("frameworks"));
        let frameworks =
            frameworks.into_iter().filter_map(|(_, path)| self.framework(&path)).collect();
        Some(RecoveredAgent { info, frameworks })
    }

    fn framework(&mut self, directory: &Path) -> Option<RecoveredFramework> {
        let info: FrameworkInfo = self.description(&directory.join("framework.info"))?;
        let executors = self.directories(&directory.join("executors"));
        let executors =
            executors.into_iter().filter_map(|(_, path)| self.executor(&path)).collect();
        Some(RecoveredFramework { info, executors })
    }

    fn executor(&mut self, directory: &Path) -> Option<RecoveredExecutor> {
        let record: ExecutorRecord = self.description(&directory.join("executor.info"))?;
        let runs = directory.join("runs");
        let latest = self.link(&runs.join("latest"));
        let mut runs: Vec<RecoveredRun> = self
            .directories(&runs)
            .into_iter()
            .map(|(name, path)| self.run(&name, &path))
            .collect();
        runs.sort_by_key(|run| {
            (Some(&run.container.value) == latest.as_ref(), run.modified, run.container.clone())
        });
        Some(RecoveredExecutor { record, runs })
    }

    fn run(&mut self, name: &str, directory: &Path) -> RecoveredRun {
        let completed = directory.join("executor.sentinel").exists();
        let pids = directory.join("pids");
        let forked_pid = match forked::read(&pids.join("forked.pid")) {
            Ok(pid) => pid,
            Err(error) => {
                self.errors.push(error.to_string());
                None
            }
        };
        let executor_pid: Option<ExecutorPid> = self.description(&pids.join("libprocess.pid"));
        let tasks = self.directories(&directory.join("tasks"));
        let tasks = tasks.into_iter().filter_map(|(_, path)| self.task(&path)).collect();
        RecoveredRun {
            container: ContainerId::root(name),
            completed,
            modified: self.modified_sandbox(directory),
            forked_pid,
            executor_pid,
            tasks,
        }
    }

    fn task(&mut self, directory: &Path) -> Option<RecoveredTask> {
        let task: Task = self.description(&directory.join("task.info"))?;
        Some(RecoveredTask { task, updates: self.log(&directory.join("task.updates")) })
    }

    /// The only record of a file, or nothing where there is no such file.
    fn description<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        match read_description(path) {
            Ok(value) => value,
            Err(error) => {
                self.errors.push(error.to_string());
                None
            }
        }
    }

    /// All whole records of a log; its torn tail is cut.
    fn log<T: DeserializeOwned>(&mut self, path: &Path) -> Vec<T> {
        let mut values = Vec::new();
        if let Err(error) = read_log(path, &mut values) {
            self.errors.push(error.to_string());
        }
        values
    }

    fn link(&mut self, path: &Path) -> Option<String> {
        match fs::read_link(path) {
            Ok(target) => Some(target.file_name()?.to_string_lossy().into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.errors.push(CheckpointError::io("follow", path)(error).to_string());
                None
            }
        }
    }

    /// The directories in a directory, by name; links such as `latest` are none.
    fn directories(&mut self, path: &Path) -> Vec<(String, PathBuf)> {
        match list(path) {
            Ok(mut found) => {
                found.sort();
                found
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.errors.push(CheckpointError::io("list", path)(error).to_string());
                Vec::new()
            }
        }
    }

    /// When the sandbox of a run was last changed, or else its checkpoints.
    fn modified_sandbox(&self, checkpoints: &Path) -> Time {
        let work_dir = self.paths.work_dir();
        let sandbox =
            checkpoints.strip_prefix(work_dir.join("meta")).map(|below| work_dir.join(below));
        match sandbox {
            Ok(sandbox) if sandbox.is_dir() => modified(&sandbox),
            _ => modified(checkpoints),
        }
    }
}

fn list(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(found)
}

fn modified(path: &Path) -> Time {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let since = modified.ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    Time::EPOCH + since.unwrap_or_default()
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    match fs::read(path) {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CheckpointError::io("read", path)(error)),
    }
}

fn read_description<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CheckpointError> {
    let Some(octets) = read_file(path)? else { return Ok(None) };
    let scan = record::scan(&octets);
    match scan.payloads[..] {
        [payload] if scan.tail == Tail::Clean => record::read(payload)
            .map(Some)
            .map_err(|source| CheckpointError::Decode { path: path.to_owned(), source }),
        _ => Err(damaged(path, format!("it does not hold one whole record: {:?}", scan.tail))),
    }
}

fn damaged(path: &Path, reason: String) -> CheckpointError {
    CheckpointError::Damaged { path: path.to_owned(), reason }
}

fn read_log<T: DeserializeOwned>(path: &Path, out: &mut Vec<T>) -> Result<(), CheckpointError> {
    let Some(octets) = read_file(path)? else { return Ok(()) };
    let scan = record::scan(&octets);
    for payload in &scan.payloads {
        out.push(
            record::read(payload)
                .map_err(|source| CheckpointError::Decode { path: path.to_owned(), source })?,
        );
    }
    if let Tail::Damaged(_) = scan.tail {
        let evidence = path.with_extension("damaged");
        fs::copy(path, &evidence).map_err(CheckpointError::io("copy to", evidence))?;
    }
    if scan.tail != Tail::Clean {
        // Also after damage: records appended behind what cannot be read would be lost.
        let file = OpenOptions::new().write(true).open(path);
        file.and_then(|file| file.set_len(scan.valid as u64))
            .map_err(CheckpointError::io("cut", path))?;
    }
    match scan.tail {
        Tail::Damaged(reason) => Err(damaged(path, reason)),
        Tail::Clean | Tail::Torn => Ok(()),
    }
}

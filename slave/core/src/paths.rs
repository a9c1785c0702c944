//! Where things lie below the agent's work directory (rows SB-01, SB-02, RC-01).
//!
//! ```text
//! slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>   the sandbox
//!                                                            runs/latest        -> <container>
//!   …/runs/<container>/containers/<nested>/containers/<nested>                  and those below
//! containers/<container>                                                        standing alone
//! runtime/containers/<container>/containers/<nested>/spec, pid, status
//! meta/boot_id
//! meta/slaves/latest                                                            -> <agent>
//! meta/slaves/<agent>/slave.info
//!   frameworks/<framework>/framework.info
//!     executors/<executor>/executor.info
//!       runs/latest                                                             -> <container>
//!       runs/<container>/executor.sentinel
//!         pids/forked.pid
//!         pids/libprocess.pid
//!         tasks/<task>/task.info
//!         tasks/<task>/task.updates
//! ```

use std::path::{Path, PathBuf};

use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};

use crate::checkpoint::{Checkpoint, RunId};

/// The layout below one work directory. Pure: it names paths and touches none.
#[derive(Debug, Clone)]
pub struct Paths {
    work_dir: PathBuf,
}

impl Paths {
    /// The layout below this directory.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into() }
    }

    /// The work directory itself.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// The root of all checkpoints.
    pub fn meta(&self) -> Layout {
        Layout { root: self.work_dir.join("meta") }
    }

    /// The root of all sandboxes.
    pub fn work(&self) -> Layout {
        Layout { root: self.work_dir.clone() }
    }

    /// Where the machine's boot id of the last run is kept.
    pub fn boot_id(&self) -> PathBuf {
        self.work_dir.join("meta/boot_id")
    }

    /// The sandbox of a run.
    pub fn sandbox(&self, run: &RunId) -> PathBuf {
        self.work().run(run)
    }

    /// The sandbox of a container that stands alone (row CT-11).
    pub fn standalone_sandbox(&self, container: &ContainerId) -> PathBuf {
        self.work_dir.join("containers").join(&container.value)
    }

    /// Where the traces of all containers lie that are not executors' (row CT-14).
    pub fn runtimes(&self) -> PathBuf {
        self.work_dir.join("runtime/containers")
    }

    /// Where the traces of a container lie that is not an executor's, and of those below it.
    pub fn runtime(&self, container: &ContainerId) -> PathBuf {
        match &container.parent {
            None => self.runtimes().join(&container.value),
            Some(parent) => nested_sandbox(&self.runtime(parent), &container.value),
        }
    }

    /// The name under which the files API shows the latest sandbox of an executor.
    pub fn virtual_sandbox(framework: &FrameworkId, executor: &ExecutorId) -> String {
        format!("/frameworks/{framework}/executors/{executor}/runs/latest")
    }

    /// Where the pid of a run's leading process is kept.
    pub fn forked_pid(&self, run: &RunId) -> PathBuf {
        self.meta().run(run).join("pids/forked.pid")
    }

    /// Where the description of a task is kept.
    pub fn task_info(&self, run: &RunId, task: &TaskId) -> PathBuf {
        self.meta().task(run, task).join("task.info")
    }

    /// Where the log of a task's updates is kept.
    pub fn task_updates(&self, run: &RunId, task: &TaskId) -> PathBuf {
        self.meta().task(run, task).join("task.updates")
    }

    /// The file that a checkpoint writes, appends to or removes.
    pub fn checkpoint(&self, what: &Checkpoint) -> PathBuf {
        let meta = self.meta();
        match what {
            Checkpoint::Agent(info) => match &info.id {
                Some(id) => meta.agent(id).join("slave.info"),
                None => meta.latest_agent(),
            },
            Checkpoint::ForgetAgent => meta.latest_agent(),
            Checkpoint::Framework { agent, info } => {
                let id = info.id.clone().unwrap_or_default();
                meta.framework(agent, &id).join("framework.info")
            }
            Checkpoint::Executor { run, .. } => {
                meta.executor(&run.agent, &run.framework, &run.executor).join("executor.info")
            }
            Checkpoint::ExecutorPid { run, .. } => meta.run(run).join("pids/libprocess.pid"),
            Checkpoint::Task { run, task } => self.task_info(run, &task.task_id),
            Checkpoint::Update { run, task, .. } => self.task_updates(run, task),
            Checkpoint::RunCompleted(run) => meta.run(run).join("executor.sentinel"),
        }
    }
}

/// The tree of agents, frameworks, executors and runs: the same for sandboxes and checkpoints.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The directory of all agents.
    pub fn agents(&self) -> PathBuf {
        self.root.join("slaves")
    }

    /// The link to the agent of the last run; it exists among the checkpoints only.
    pub fn latest_agent(&self) -> PathBuf {
        self.agents().join("latest")
    }

    /// The directory of an agent.
    pub fn agent(&self, agent: &AgentId) -> PathBuf {
        self.agents().join(agent.as_str())
    }

    /// The directory of a framework.
    pub fn framework(&self, agent: &AgentId, framework: &FrameworkId) -> PathBuf {
        self.agent(agent).join("frameworks").join(framework.as_str())
    }

    /// The directory of an executor.
    pub fn executor(
        &self,
        agent: &AgentId,
        framework: &FrameworkId,
        executor: &ExecutorId,
    ) -> PathBuf {
        self.framework(agent, framework).join("executors").join(executor.as_str())
    }

    /// The directory of a run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs(run).join(&run.container.value)
    }

    /// The link to the latest run of an executor.
    pub fn latest_run(&self, run: &RunId) -> PathBuf {
        self.runs(run).join("latest")
    }

    fn runs(&self, run: &RunId) -> PathBuf {
        self.executor(&run.agent, &run.framework, &run.executor).join("runs")
    }

    fn task(&self, run: &RunId, task: &TaskId) -> PathBuf {
        self.run(run).join("tasks").join(task.as_str())
    }
}

/// The sandbox of a container below the one whose sandbox this is.
pub fn nested_sandbox(parent: &Path, value: &str) -> PathBuf {
    parent.join("containers").join(value)
}

/// Why an id cannot name a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is empty.
    #[error("id is empty")]
    Empty,
    /// It is longer than a file name may be.
    #[error("id has {0} octets, more than {MAX_ID}")]
    TooLong(usize),
    /// It would name another directory.
    #[error("id '{0}' cannot name a directory")]
    NotAName(String),
}

/// How long a file name may be.
const MAX_ID: usize = 255;

/// Checks that an id from outside names a directory and nothing else. The master has checked it
/// too; the agent owns the disk, and trusts nobody with it.
pub fn check_id(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        _ if id.len() > MAX_ID => Err(IdError::TooLong(id.len())),
        "." | ".." | "latest" => Err(IdError::NotAName(id.to_string())),
        _ if id.contains(['/', '\0']) => Err(IdError::NotAName(id.to_string())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId {
            agent: "S0".into(),
            framework: "F1".into(),
            executor: "E2".into(),
            container: ContainerId::root("C3"),
        }
    }

    #[test]
    fn sandboxes_lie_where_mesos_puts_them() {
        let paths = Paths::new("/w");
        let sandbox = "/w/slaves/S0/frameworks/F1/executors/E2/runs/C3";
        assert_eq!(paths.sandbox(&run()), Path::new(sandbox));
        let nested = ContainerId {
            value: "C5".to_string(),
            parent: Some(Box::new(ContainerId {
                value: "C4".to_string(),
                parent: Some(Box::new(ContainerId::root("C3"))),
            })),
        };
        let below = nested_sandbox(&nested_sandbox(&paths.sandbox(&run()), "C4"), "C5");
        assert_eq!(below, Path::new(&format!("{sandbox}/containers/C4/containers/C5")));
        let runtime = Path::new("/w/runtime/containers/C3/containers/C4/containers/C5");
        assert_eq!(paths.runtime(&nested), runtime);
        let alone = paths.standalone_sandbox(&ContainerId::root("C3"));
        assert_eq!(alone, Path::new("/w/containers/C3"));
        assert_eq!(
            Paths::virtual_sandbox(&"F1".into(), &"E2".into()),
            "/frameworks/F1/executors/E2/runs/latest"
        );
    }

    #[test]
    fn checkpoints_lie_where_mesos_puts_them() {
        let paths = Paths::new("/w");
        let meta = "/w/meta/slaves/S0/frameworks/F1/executors/E2";
        let task = Box::new(mesos::task::Task { task_id: "T4".into(), ..Default::default() });
        let run_completed = Checkpoint::RunCompleted(run());
        let task = Checkpoint::Task { run: run(), task };
        let record = crate::checkpoint::UpdateRecord::Acknowledged("u".into());
        let update = Checkpoint::Update { run: run(), task: "T4".into(), record };
        let cases = [
            (run_completed, format!("{meta}/runs/C3/executor.sentinel")),
            (task, format!("{meta}/runs/C3/tasks/T4/task.info")),
            (update, format!("{meta}/runs/C3/tasks/T4/task.updates")),
            (Checkpoint::ForgetAgent, "/w/meta/slaves/latest".to_string()),
        ];
        for (what, expected) in cases {
            assert_eq!(paths.checkpoint(&what), Path::new(&expected));
        }
        let latest = format!("{meta}/runs/latest");
        assert_eq!(paths.meta().latest_run(&run()), Path::new(&latest));
    }

    #[test]
    fn an_id_names_one_directory() {
        assert_eq!(check_id("t1"), Ok(()));
        assert_eq!(check_id("a b..c"), Ok(()));
        assert_eq!(check_id(""), Err(IdError::Empty));
        assert_eq!(check_id(&"x".repeat(256)), Err(IdError::TooLong(256)));
        for id in [".", "..", "a/b", "/", "latest", "a\0b"] {
            assert_eq!(check_id(id), Err(IdError::NotAName(id.to_string())));
        }
    }
}

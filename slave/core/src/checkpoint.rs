//! What an agent writes down, and what it finds again (rows RC-01, RC-02, RC-10).
//!
//! The core says what is written and in which order; where it lies is in [`crate::paths`], and the
//! shell turns records into octets. Only frameworks that asked for it are checkpointed.

use mesos::agent::AgentInfo;
use mesos::bytes::Bytes;
use mesos::executor_info::ExecutorInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::StatusUpdate;
use mesos::task::Task;
use mesos::time::Time;
use serde::{Deserialize, Serialize};

use crate::containers::call::ContainerSpec;
use crate::effect::ExecutorKind;
use crate::ids::ExecutorPid;

/// One run of an executor, which all its checkpoints belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId {
    /// The agent.
    pub agent: AgentId,
    /// The framework.
    pub framework: FrameworkId,
    /// The executor.
    pub executor: ExecutorId,
    /// The container of the run.
    pub container: ContainerId,
}

/// Something to write. [`crate::paths::Paths::checkpoint`] says where.
#[derive(Debug, Clone, PartialEq)]
pub enum Checkpoint {
    /// Replace the description of the agent, which holds its id, and point `latest` at it.
    Agent(AgentInfo),
    /// Remove `latest`, so that the next start is a new agent.
    ForgetAgent,
    /// Replace the description of a framework.
    Framework {
        /// The agent.
        agent: AgentId,
        /// The framework, with its id.
        info: FrameworkInfo,
    },
    /// Write the description of an executor, and point `latest` at its run.
    Executor {
        /// The run that starts.
        run: RunId,
        /// The executor.
        record: Box<ExecutorRecord>,
    },
    /// Replace how an executor is reached.
    ExecutorPid {
        /// The run.
        run: RunId,
        /// The executor's peer id.
        pid: ExecutorPid,
    },
    /// Write the description of a task.
    Task {
        /// The run.
        run: RunId,
        /// The task.
        task: Box<Task>,
    },
    /// Append to the log of a task's updates.
    Update {
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// What to append.
        record: UpdateRecord,
    },
    /// Mark a run as over: nothing of it needs to be recovered.
    RunCompleted(RunId),
}

/// What is kept of an executor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorRecord {
    /// The executor.
    pub info: ExecutorInfo,
    /// Which program it is.
    pub kind: ExecutorKind,
}

/// One record in the log of a task's updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UpdateRecord {
    /// An update arrived.
    Update(Box<StatusUpdate>),
    /// The framework acknowledged the update with this uuid.
    Acknowledged(Bytes),
}

/// What the checkpoints of the last run hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredState {
    /// The agent that `latest` points at, if there is one.
    pub agent: Option<RecoveredAgent>,
    /// Whether the machine has started anew since: then no container lives (row RC-05).
    pub rebooted: bool,
    /// What was damaged and left out, one line each (row RC-07).
    pub errors: Vec<String>,
    /// Directories of agents other than that one, to be collected.
    pub old_agents: Vec<OldDirectory>,
    /// Containers that are not executors', in any order.
    pub containers: Vec<RecoveredContainer>,
}

/// A container of the last run that is not an executor's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredContainer {
    /// What it was made from.
    pub spec: ContainerSpec,
    /// The process that leads it, if it lives.
    pub pid: Option<u32>,
    /// The wait status of that process, if it has ended.
    pub status: Option<i32>,
}

/// A directory that nothing uses any more.
#[derive(Debug, Clone, PartialEq)]
pub struct OldDirectory {
    /// Where it is.
    pub path: std::path::PathBuf,
    /// When it was last changed.
    pub modified: Time,
}

/// An agent of the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredAgent {
    /// Its description, with its id.
    pub info: AgentInfo,
    /// Its frameworks, in any order.
    pub frameworks: Vec<RecoveredFramework>,
}

/// A framework of the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredFramework {
    /// Its description, with its id.
    pub info: FrameworkInfo,
    /// Its executors, in any order.
    pub executors: Vec<RecoveredExecutor>,
}

/// An executor of the last run.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveredExecutor {
    /// What was written of it.
    pub record: ExecutorRecord,
    /// Its runs; the one that `latest` points at is last.
    pub runs: Vec<RecoveredRun>,
}

/// A run of an executor of the last run of the agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredRun {
    /// Its container.
    pub container: ContainerId,
    /// Whether it was marked as over.
    pub completed: bool,
    /// When its directory was last changed.
    pub modified: Time,
    /// The process that led it, if it got that far.
    pub forked_pid: Option<u32>,
    /// How the executor was reached, if it registered.
    pub executor_pid: Option<ExecutorPid>,
    /// Its tasks, in any order.
    pub tasks: Vec<RecoveredTask>,
}

/// A task of the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveredTask {
    /// Its description.
    pub task: Task,
    /// The log of its updates, in order. A torn tail has been cut.
    pub updates: Vec<UpdateRecord>,
}

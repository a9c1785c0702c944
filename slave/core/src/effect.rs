//! What an agent does to the world.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::ids::{ContainerId, FrameworkId};
use mesos::internal::{AgentToExecutor, AgentToMaster};
use mesos::resources::Resources;
use mesos::task::TaskInfo;
use mesos::v1::executor;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::containers::call::ContainerEffect;
use crate::ids::{ExecutorPid, MasterPid, RequestId, TimerId, WriteId};
use crate::metrics::Counter;

/// What a container may use of a resource beyond what it is promised, by the name of the resource;
/// infinity where nothing limits it. A resource that is not named is limited by the promise (row
/// OP-19).
pub type Limits = BTreeMap<String, f64>;

/// Something for the shell to do.
///
/// The shell performs effects in order, and decides nothing. It may take its time with writes,
/// containers and removals, and reports their outcome with an event; it never waits for one of
/// them before it turns to the next effect.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Effect {
    /// Send a message to a master, at most once.
    Send {
        /// The receiver.
        to: MasterPid,
        /// The message.
        message: AgentToMaster,
    },
    /// Send a message to an executor, at most once.
    SendExecutor {
        /// The receiver.
        to: ExecutorPid,
        /// The message.
        message: AgentToExecutor,
    },
    /// Answer a request.
    Respond {
        /// The request.
        request: RequestId,
        /// The answer.
        response: Response,
    },
    /// Write an event to the stream of an executor. A stream whose reader is too slow is cut at a
    /// bound, and reported with `ExecutorExited`.
    SendEvent {
        /// The stream.
        stream: RequestId,
        /// The event.
        event: Box<executor::Event>,
    },
    /// End the stream of an executor, after what was written to it. Nothing reports its end.
    CloseStream(RequestId),
    /// Link to a master, over a fresh connection: an old one may be half open. When the link
    /// breaks the shell says so with `MasterExited`.
    LinkMaster(MasterPid),
    /// Link to an executor. When the link breaks the shell says so with `ExecutorExited`.
    LinkExecutor(ExecutorPid),
    /// Recovery is over: start to look for a master, and report every change with
    /// `MasterDetected`. The agent takes executors' messages from its first step on.
    DetectMaster,
    /// Write, durably and atomically. Writes take effect in the order of their effects, and are
    /// reported by `Checkpointed` in that order, singly or after a common sync.
    Checkpoint {
        /// What the outcome is reported under.
        id: WriteId,
        /// What to write.
        what: Checkpoint,
    },
    /// Make a container and run an executor in it. The shell makes the sandbox first.
    LaunchContainer(Box<LaunchSpec>),
    /// Watch the containers of the last run again. Every other container that the shell finds
    /// is destroyed without a word (row RC-09); every one that it does not find is reported
    /// with `ContainerTerminated`.
    RecoverContainers(Vec<RecoverContainer>),
    /// Change the resources of a container. Answered by `ContainerUpdated`, or not at all if the
    /// container is gone.
    UpdateContainer {
        /// The container.
        container: ContainerId,
        /// All that it is promised from now on.
        resources: Resources,
        /// What it may use beyond that.
        limits: Limits,
    },
    /// Kill every process of a container and clean up. It may be asked for more than once, and
    /// while the container is being made. Answered by `ContainerTerminated`, or by a
    /// `ContainerLaunched` that failed.
    DestroyContainer(ContainerId),
    /// What is done about containers that are not executors'.
    Container(ContainerEffect),
    /// Fire once, after this time.
    SetTimer {
        /// The timer.
        timer: TimerId,
        /// From now.
        after: Duration,
    },
    /// Forget a timer. It may have fired already.
    CancelTimer(TimerId),
    /// Find out how full the disk below `work_dir` is. Answered by `DiskUsage`.
    MeasureDisk,
    /// Remove a file tree below `work_dir`. Answered by `PathRemoved`.
    RemovePath(PathBuf),
    /// Count something for the metrics.
    Count {
        /// What.
        counter: Counter,
        /// How often.
        by: u64,
    },
    /// Tell the operator.
    Log {
        /// How loudly.
        level: Level,
        /// What.
        text: String,
    },
    /// End the process. It is the last effect; no event is expected after it.
    Exit {
        /// The error to print and to exit with failure for, if there is one.
        error: Option<String>,
    },
}

/// The answer to a request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// 200, and a stream of events begins.
    Stream,
    /// 202, without a body: the call was taken.
    Accepted,
    /// The call was refused.
    Refused {
        /// The status: 400 and above.
        status: u16,
        /// Why, in Mesos's words: clients look at them.
        text: String,
    },
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// An event that an operator may look for.
    Info,
    /// Something unexpected that was dealt with.
    Warning,
    /// Something failed.
    Error,
}

/// Everything that a container is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchSpec {
    /// The container.
    pub container: ContainerId,
    /// The framework that it works for.
    pub framework_id: FrameworkId,
    /// The executor, as the framework or the agent described it.
    pub executor: ExecutorInfo,
    /// Which program it runs.
    pub kind: ExecutorKind,
    /// What to run and fetch. For built-in kinds it has no `value`: the shell knows the program.
    pub command: CommandInfo,
    /// The task that a command executor is made for.
    pub task: Option<TaskInfo>,
    /// All variables of the executor, in order, the later winning: nothing is inherited from the
    /// agent (rows EX-08, EX-09).
    pub environment: Vec<(String, String)>,
    /// The user to run as; the agent's own if there is none (row SL-24).
    pub user: Option<String>,
    /// The sandbox (row SB-01).
    pub directory: PathBuf,
    /// What the container is promised at first: the executor's resources and its first tasks'.
    pub resources: Resources,
    /// What it may use beyond that.
    pub limits: Limits,
    /// Where to write the pid of its leading process durably, as text, after the fork and before
    /// it runs anything: only so can the next agent find it. Absent where the framework does not
    /// checkpoint; then the container must not outlive the agent.
    pub forked_pid_path: Option<PathBuf>,
}

/// Which program an executor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutorKind {
    /// Our own, made by the agent to run one command task (row EX-01).
    Command,
    /// Our own, which runs task groups (row EX-05).
    Default,
    /// The framework's own program (row EX-07).
    Custom,
}

/// A container of the last run.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoverContainer {
    /// The container.
    pub container: ContainerId,
    /// The process that leads it, if that is known.
    pub pid: Option<u32>,
    /// Its sandbox.
    pub directory: PathBuf,
    /// What it may use.
    pub resources: Resources,
}

/// The effects of a step, in order.
#[derive(Debug, Default)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// No effects yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one effect.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Takes all effects out, in order; the room stays for the next step.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.0.drain(..)
    }

    /// The effects so far, in order.
    pub fn as_slice(&self) -> &[Effect] {
        &self.0
    }
}

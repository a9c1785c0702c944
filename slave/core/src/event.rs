//! What may happen to an agent.

use mesos::container::NetworkInfo;
use mesos::ids::ContainerId;
use mesos::internal::{ExecutorToAgent, MasterToAgent};
use mesos::master_info::MasterInfo;
use mesos::resource::Resource;
use mesos::task::{Reason, TaskState};
use mesos::v1::executor;

use crate::checkpoint::RecoveredState;
use crate::containers::call::ContainerEvent;
use crate::ids::{ExecutorPid, MasterPid, RequestId, TimerId, WriteId};

/// Something that happened outside the core, in the order in which the shell learnt of it.
#[derive(Debug, Clone)]
// Boxing the large variants would cost where it counts: messages are the frequent ones.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// What the checkpoints of the last run hold. It is the first event, exactly once, before any
    /// other; a first start brings [`RecoveredState::default`].
    Recovered(RecoveredState),
    /// The detector's answer has changed: there is a leading master, or none.
    MasterDetected {
        /// The leader.
        master: Option<Leader>,
    },
    /// A message from a master.
    MasterMessage {
        /// Who sent it.
        from: MasterPid,
        /// What it says.
        message: MasterToAgent,
    },
    /// The link to a master broke.
    MasterExited {
        /// The master that the link led to.
        master: MasterPid,
    },
    /// A message from an executor, by whichever way it came.
    ExecutorMessage {
        /// Who sent it.
        from: ExecutorPid,
        /// What it says.
        message: ExecutorToAgent,
    },
    /// A call of the executor API. It is answered by `Respond` within the same step.
    ExecutorCall {
        /// The request that carries it. A good SUBSCRIBE makes it a stream of events.
        request: RequestId,
        /// What it says, as it was read.
        call: Box<executor::Call>,
    },
    /// The connection to an executor broke: its link, or its stream of events. Its container may
    /// be alive.
    ExecutorExited {
        /// The executor that the connection led to.
        executor: ExecutorPid,
    },
    /// The container of a `LaunchContainer` runs, or could not be made. After an error nothing of
    /// it is left, and no `ContainerTerminated` follows.
    ContainerLaunched {
        /// The container.
        container: ContainerId,
        /// What it runs as, or why there is none.
        result: Result<LaunchedContainer, String>,
    },
    /// The resources of an `UpdateContainer` are in force, or could not be put in force.
    ContainerUpdated {
        /// The container.
        container: ContainerId,
        /// Why not.
        result: Result<(), String>,
    },
    /// A container is no more, exactly once per container: its executor exited, an isolator hit a
    /// limit, or the agent destroyed it. After a restart it is also the answer to a container of
    /// `RecoverContainers` that the shell cannot find.
    ContainerTerminated {
        /// The container.
        container: ContainerId,
        /// How it ended.
        termination: ContainerTermination,
    },
    /// What `Checkpoint` asked for is on disk, or could not be written.
    Checkpointed {
        /// The write.
        id: WriteId,
        /// Why not.
        result: Result<(), String>,
    },
    /// The time of a timer has come.
    TimerFired {
        /// The timer.
        timer: TimerId,
    },
    /// The answer to `MeasureDisk`: the part of the disk below `work_dir` that is in use, 0 to 1.
    DiskUsage(f64),
    /// The answer to `RemovePath`.
    PathRemoved {
        /// The path, as it was asked for.
        path: std::path::PathBuf,
        /// Why not. A path that does not exist counts as removed.
        result: Result<(), String>,
    },
    /// Something about containers that are not executors'.
    Container(ContainerEvent),
    /// The operator sent a signal.
    Signal(Signal),
}

/// A leading master.
#[derive(Debug, Clone, PartialEq)]
pub struct Leader {
    /// How to reach it.
    pub pid: MasterPid,
    /// What it says of itself.
    pub info: MasterInfo,
}

/// What a container runs as.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaunchedContainer {
    /// The process that leads it.
    pub pid: Option<u32>,
    /// Its networks. Where there is none, it shares the agent's address.
    pub network_infos: Vec<NetworkInfo>,
}

/// How a container ended (row CT-17).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerTermination {
    /// The wait status of its leading process, as `waitpid` gives it, where it is known.
    pub status: Option<i32>,
    /// The state of its live tasks, where the containerizer knows better than the agent.
    pub state: Option<TaskState>,
    /// Why.
    pub reason: Option<Reason>,
    /// Why, in words.
    pub message: Option<String>,
    /// The resources whose limit it hit.
    pub limited_resources: Vec<Resource>,
}

/// What an operator asks of a running agent (row SL-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGUSR1: leave the cluster, kill everything, exit.
    Unregister,
    /// SIGTERM, SIGINT: exit at once and leave executors to the next agent.
    Terminate,
}

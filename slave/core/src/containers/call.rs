//! What the shell asks about containers, and what the core has it do: the contract of the calls
//! `LAUNCH_*`, `WAIT_*`, `KILL_*` and `REMOVE_*` of the agent's operator API.

use std::path::PathBuf;

use mesos::container::{ContainerInfo, RLimit};
use mesos::executor_info::CommandInfo;
use mesos::ids::ContainerId;
use mesos::resource::Resource;
use serde::{Deserialize, Serialize};

use crate::event::ContainerTermination;

/// Names a call that waits for its answer. The shell makes it up, never twice in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerRequest(pub u64);

/// What happens to containers that are not executors'.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerEvent {
    /// Somebody asks for something. It is answered by one [`ContainerEffect::Answer`].
    Call {
        /// What the answer is given under.
        request: ContainerRequest,
        /// What is asked for.
        call: ContainerCall,
    },
    /// Whoever asked has gone: no answer is wanted any more, and a session that the request
    /// launched is over.
    Abandoned(ContainerRequest),
    /// The outcome of a [`ContainerEffect::Signal`].
    Signalled {
        /// Who asked for it.
        request: ContainerRequest,
        /// Why it could not be sent.
        result: Result<(), String>,
    },
}

/// What is asked of containers. The shell has checked it with [`crate::validation`].
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerCall {
    /// Make one.
    Launch(Box<ContainerLaunch>),
    /// Answer once it has ended.
    Wait(ContainerId),
    /// Send its leading process a signal.
    Kill {
        /// The container.
        container: ContainerId,
        /// The number of the signal.
        signal: i32,
    },
    /// Forget it, with its sandbox.
    Remove(ContainerId),
}

/// How a container is to be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerLaunch {
    /// The container: below another one if it has a parent, alone otherwise.
    pub container: ContainerId,
    /// What to run.
    pub command: CommandInfo,
    /// What it should be like.
    pub info: Option<Box<ContainerInfo>>,
    /// What it may use.
    pub resources: Vec<Resource>,
    /// Whether it is a session: it inherits the environment and the working directory of its
    /// parent, its output goes to whoever asked, and it ends with the connection (row CT-10).
    pub session: bool,
}

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerAnswer {
    /// It runs: 200.
    Launched,
    /// It ran before: 202.
    AlreadyLaunched,
    /// It has ended, like this: 200.
    Ended(Box<ContainerTermination>),
    /// That was done: 200.
    Done,
    /// That cannot be asked for: 400.
    Refused(String),
    /// There is no such container: 404.
    NotFound(String),
    /// That went wrong: 500.
    Failed(String),
}

/// What is to be done about containers that are not executors'. Destroying and recovering them is
/// asked for as it is for executors'.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerEffect {
    /// Make one. Answered by `ContainerLaunched`, and later by `ContainerTerminated`.
    Launch(Box<ContainerSpec>),
    /// Send the leading process of a container a signal. Answered by
    /// [`ContainerEvent::Signalled`].
    Signal {
        /// The container, which may be an executor's.
        container: ContainerId,
        /// The number of the signal.
        signal: i32,
        /// Who asks.
        request: ContainerRequest,
    },
    /// Answer a call.
    Answer {
        /// Which.
        request: ContainerRequest,
        /// How.
        answer: ContainerAnswer,
    },
}

/// Everything that a container is made from. It is kept beside the container while it lives, for
/// the next agent to find.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// The container.
    pub container: ContainerId,
    /// What to run.
    pub command: CommandInfo,
    /// All its variables, in order, the later winning.
    pub environment: Vec<(String, String)>,
    /// The user to run as; the agent's own if there is none.
    pub user: Option<String>,
    /// Its sandbox, which the shell makes.
    pub sandbox: PathBuf,
    /// Where it starts: its sandbox, or that of another.
    pub working_directory: PathBuf,
    /// Where its pid, its exit status and this description are kept while it lives (row CT-14).
    pub runtime: PathBuf,
    /// What it should be like.
    #[serde(default)]
    pub info: Option<Box<ContainerInfo>>,
    /// What it may use.
    pub resources: Vec<Resource>,
    /// Limits of the system on its processes.
    pub rlimits: Vec<RLimit>,
    /// Directories that it shares: each is made if it is missing, and linked to.
    pub links: Vec<Link>,
    /// Whether it is a session.
    pub session: bool,
    /// Whether it outlives the agent. What does not is killed by the system.
    pub survives: bool,
}

/// A directory that a container shares, as a link in its sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Where the link is.
    pub path: PathBuf,
    /// The directory.
    pub target: PathBuf,
}

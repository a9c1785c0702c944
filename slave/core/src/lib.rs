//! Every decision that an agent takes, as a pure state machine.
//!
//! The shell (the crate `slave`) turns what arrives into an [`Event`], calls [`Agent::step`], and
//! performs the [`Effects`] in order. The same events from the same seed yield the same effects:
//! a simulation can run many agents in one thread and replay any failure.
//!
//! It deliberately performs no I/O: no clock, no sockets, no files, no processes, no randomness
//! that is not seeded. It knows nothing of how a container is made, how a checkpoint is encoded,
//! or how a stream of events is framed. Authentication, draining, oversubscription and operations
//! on resources are not in it yet.
//!
//! # What the shell owes the core
//!
//! - [`Event::Recovered`] comes first, exactly once.
//! - The seed differs from one start to the next: ids of containers and updates are drawn from it.
//! - Checkpoints take effect in the order of their effects, and are reported in that order.
//! - Messages of one peer come in the order in which it sent them.
//! - Every container ends with exactly one [`Event::ContainerTerminated`], or one
//!   [`Event::ContainerLaunched`] that failed.
//!
//! # Reading order
//!
//! - [`event`], [`effect`], [`checkpoint`], [`ids`], [`config`]: the contract
//! - [`paths`]: where things lie below the work directory
//! - [`agent`]: the agent's own states, and who handles which event
//! - [`framework`], [`executor`], `task`, [`snapshot`], [`metrics`]: what it knows, and how it is
//!   read
//! - [`registration`]: the way into the cluster and back
//! - `launch`, `command_executor`, `environment`: from a task to a container
//! - `executors`, [`executor_api`], `kill`, `termination`: what executors say, in actor messages
//!   and over HTTP, and how they end
//! - [`lifecycle`]: which step of making and ending a container follows which
//! - [`containers`]: containers that are not executors': nested ones, and those that stand alone
//! - [`fetcher`]: which files are fetched when, and what the cache of them holds
//! - [`validation`]: whether a call of the operator API makes sense
//! - `updates`, `streams`: status updates, reliable and in order
//! - `recovery`, [`compatibility`]: what a restarted agent makes of its checkpoints
//! - `housekeeping`, `gc`: what is collected, and when
//! - `step`, `pending`: what every handler needs

pub mod agent;
pub mod checkpoint;
mod command_executor;
pub mod compatibility;
pub mod config;
pub mod containers;
pub mod effect;
mod environment;
pub mod event;
pub mod executor;
pub mod executor_api;
mod executors;
pub mod fetcher;
pub mod framework;
mod gc;
mod housekeeping;
pub mod ids;
mod kill;
mod launch;
pub mod lifecycle;
pub mod metrics;
pub mod paths;
mod pending;
mod recovery;
pub mod registration;
pub mod snapshot;
mod step;
mod streams;
mod task;
mod termination;
mod updates;
pub mod validation;

pub use agent::{Agent, AgentState};
pub use config::Config;
pub use effect::{Effect, Effects};
pub use event::Event;
pub use snapshot::Snapshot;

//! The agent's decisions: events in, effects out. One file per entry point.

mod disk;
mod driver;

mod collection;
mod containers;
mod executor_api;
mod executors;
mod kill;
mod launch;
mod property;
mod recovery;
mod registration;
mod replay;
mod snapshot;
mod termination;
mod updates;

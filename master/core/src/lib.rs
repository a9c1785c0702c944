//! Every decision that a master takes, as a pure state machine.
//!
//! [`Master::step`] takes one [`Event`] and appends [`Effect`]s. It performs no I/O, reads no
//! clock, draws all chance from one seeded generator and visits everything in a defined order:
//! the same events give the same effects. The crate deliberately does *not* know sockets, HTTP
//! headers other than stream ids, encodings, disks or election; `master/` does. It renders no
//! endpoint either: readers take a [`Snapshot`].
//!
//! Reading order:
//!
//! - [`event`], [`effect`], [`config`]: the contract
//! - [`registry`]: what survives the master
//! - [`state`], [`snapshot`]: what the master knows, and its picture for readers; [`metrics`]
//! - [`master`]: the step; `context`, `timers` and `registrar` serve it
//! - `membership`: agents come, are watched, and are lost
//! - [`maintenance`]: machines go away for a while, and frameworks are asked to let go
//! - `frameworks`: schedulers subscribe, go, and change their frameworks
//! - `calls`: what schedulers ask for: offers, launches, kills, reconciliation
//! - `updates`: what becomes of tasks
//! - `operator`: what operators change; `weights`: the shares of roles
//! - [`validation`]: what is refused, in Mesos's words
//! - [`allocator`]: who is offered what
//! - [`invariants`]: what must hold after every step

pub mod allocator;
mod calls;
pub mod config;
mod context;
pub mod effect;
pub mod event;
mod frameworks;
pub mod invariants;
pub mod maintenance;
pub mod master;
mod membership;
pub mod metrics;
mod operator;
mod registrar;
pub mod registry;
pub mod snapshot;
pub mod state;
mod timers;
mod updates;
pub mod validation;
mod weights;

pub use config::Config;
pub use effect::{Effect, Effects, Response};
pub use event::Event;
pub use master::Master;
pub use snapshot::Snapshot;

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
//! - [`state`], [`snapshot`], [`gauges`]: what the master knows, and its picture for readers
//! - [`master`]: the step

pub mod config;
pub mod effect;
pub mod event;
pub mod gauges;
pub mod master;
pub mod registry;
pub mod snapshot;
pub mod state;

pub use config::Config;
pub use effect::{Effect, Effects, Response};
pub use event::Event;
pub use master::Master;
pub use snapshot::Snapshot;

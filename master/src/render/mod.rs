//! What readers are shown: Mesos's v0 JSON (`/state` and its parts), and the answers of the
//! operator API's getters.
//!
//! Everything here is a function of a [`View`], and runs on any thread. Values are written to
//! JSON straight from the snapshot's records; order and form are those of Mesos, since clients
//! exist that depend on them.
//!
//! Reading order: [`version`], [`task`], [`agent`], [`framework`] (one record each), [`state`],
//! [`summary`], [`roles`], [`lists`], [`registry`] (whole answers), [`v1`],
//! [`getters`].

pub mod agent;
pub mod framework;
pub mod getters;
pub mod lists;
pub mod registry;
pub mod roles;
pub mod state;
pub mod summary;
pub mod task;
pub mod v1;
pub mod version;

use std::sync::Arc;

use master_core::Snapshot;
use mesos::master_info::MasterInfo;
use mesos::resources::Resources;
use mesos::time::Time;
use serde::{Serialize, Serializer};

use crate::Config;

/// What there is to be shown, at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// What the core knows.
    pub snapshot: Snapshot,
    /// This master.
    pub info: MasterInfo,
    /// Who leads.
    pub leader: Option<MasterInfo>,
    /// When the master's process started.
    pub started: Time,
    /// What the operator has decided.
    pub config: Arc<Config>,
}

/// Resources as an object with a number or text for each name: `{"cpus": 1.0, ...}`.
fn resources<S: Serializer>(resources: &Resources, to: S) -> Result<S::Ok, S::Error> {
    resources.to_v0_object().serialize(to)
}

/// Times are seconds in v0.
fn seconds(time: Time) -> f64 {
    // Microseconds are what Mesos shows; more digits would be noise.
    (time.as_nanos() / 1_000) as f64 / 1e6
}

//! An offer that is out.

use std::sync::Arc;

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::time::Time;

/// An offer that a framework has not answered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Who may answer it.
    pub framework: FrameworkId,
    /// The agent whose resources are offered.
    pub agent: AgentId,
    /// The role that they are offered to.
    pub role: Arc<str>,
    /// When it was made.
    pub made: Time,
}

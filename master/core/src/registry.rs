//! What must survive the master: the registry, and the only transitions that change it (row MA-09).
//!
//! ```text
//!             AdmitAgent                     MarkUnreachable
//!   (unknown) ──────────▶ admitted agent ──────────────────────▶ unreachable
//!       ▲                   │  │  ▲  │                               │  │
//!       │      RemoveAgent  │  │  │  └── UpdateAgent                 │  │
//!       ├───────────────────┘  │  └───────── MarkReachable ──────────┘  │
//!       │             MarkGone │                                        │ MarkGone
//!       │ Prune                ▼                                        ▼
//!       └──────────────────── gone ◀────────────────────────────────────┘
//! ```
//!
//! Machines and their modes are drawn in [`crate::maintenance`].
//!
//! The core asks for [`Operation`]s; the store applies them with [`Registry::apply`] and makes
//! them durable; the core applies the same ones to its own copy once it hears that they are.

use imbl::OrdMap;
use mesos::agent::AgentInfo;
use mesos::ids::AgentId;
use mesos::master_info::MasterInfo;
use mesos::time::TimeInfo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

use crate::maintenance::machines::MachineError;
use crate::maintenance::{Change, Maintenance};

/// What must survive the master. Cloning it is cheap: its maps share what they have in common.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Registry {
    /// The master that wrote last.
    pub master: Option<MasterInfo>,
    /// The agents that are part of the cluster.
    pub agents: OrdMap<AgentId, AdmittedAgent>,
    /// The agents that were, fell silent, and may come back.
    pub unreachable: OrdMap<AgentId, LostAgent>,
    /// The agents that an operator has declared dead.
    pub gone: OrdMap<AgentId, LostAgent>,
    /// The shares of roles, where an operator has set any.
    pub weights: OrdMap<String, f64>,
    /// The machines that go away and when, if that was ever said.
    pub maintenance: Option<Arc<Maintenance>>,
}

/// An agent that is part of the cluster.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdmittedAgent {
    /// What it said of itself when it was admitted or last changed.
    pub info: Arc<AgentInfo>,
    /// Whether an operator has taken it out of use (row AG-12).
    pub deactivated: bool,
}

/// An agent that is no part of the cluster any more, and since when.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LostAgent {
    /// When it was lost, as frameworks are told.
    pub timestamp: TimeInfo,
    /// Whether an operator had taken it out of use.
    pub deactivated: bool,
}

/// A change of the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// A master has begun to lead.
    UpdateMaster {
        /// The master.
        info: Box<MasterInfo>,
    },
    /// A new agent joins.
    AdmitAgent {
        /// The agent, with its id.
        info: Arc<AgentInfo>,
    },
    /// An agent has come back with another description of itself (row AG-14).
    UpdateAgent {
        /// The agent, with its id.
        info: Arc<AgentInfo>,
    },
    /// An agent leaves, and its id is never used again (row AG-10).
    RemoveAgent {
        /// The agent.
        id: AgentId,
    },
    /// An agent has fallen silent (row AG-07).
    MarkUnreachable {
        /// The agent.
        id: AgentId,
        /// Since when.
        timestamp: TimeInfo,
    },
    /// An agent that is not admitted comes back: one that was unreachable, or one that the
    /// registry has forgotten (rows AG-09, MA-18).
    MarkReachable {
        /// The agent, with its id.
        info: Arc<AgentInfo>,
    },
    /// An operator declares an agent dead (row AG-11).
    MarkGone {
        /// The agent.
        id: AgentId,
        /// Since when.
        timestamp: TimeInfo,
    },
    /// Forget agents that were lost long ago (row MA-17).
    Prune {
        /// These were unreachable.
        unreachable: Vec<AgentId>,
        /// These were gone.
        gone: Vec<AgentId>,
    },
    /// Roles have other weights from now on; the others keep theirs (row RO-05).
    UpdateWeights {
        /// The weights by role.
        weights: BTreeMap<String, f64>,
    },
    /// Machines go away or come back, or are scheduled to (rows MT-01, MT-02).
    Maintain(Change),
}

/// Why an operation cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// The description of an agent lacks its id.
    #[error("agent at `{hostname}` has no id")]
    MissingId {
        /// The agent's host.
        hostname: String,
    },
    /// The agent is admitted already.
    #[error("agent {0} is already admitted")]
    AlreadyAdmitted(AgentId),
    /// The agent is not admitted.
    #[error("agent {0} is not admitted")]
    NotAdmitted(AgentId),
    /// The agent is neither admitted nor unreachable.
    #[error("agent {0} is unknown to the registry")]
    Unknown(AgentId),
    /// The agent was declared dead.
    #[error("agent {0} is gone")]
    Gone(AgentId),
    /// A machine is in another mode.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl Registry {
    /// Applies one operation. The registry is unchanged if it fails.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), RegistryError> {
        match operation {
            Operation::UpdateMaster { info } => self.master = Some((**info).clone()),
            Operation::AdmitAgent { info } => {
                let id = self.new_id(info)?;
                self.unreachable.remove(&id);
                self.agents.insert(id, AdmittedAgent { info: info.clone(), deactivated: false });
            }
            Operation::UpdateAgent { info } => {
                let id = id_of(info)?;
                let agent = self.agents.get_mut(&id).ok_or(RegistryError::NotAdmitted(id))?;
                agent.info = info.clone();
            }
            Operation::RemoveAgent { id } => {
                self.agents.remove(id).ok_or_else(|| RegistryError::NotAdmitted(id.clone()))?;
            }
            Operation::MarkUnreachable { id, timestamp } => {
                let agent =
                    self.agents.remove(id).ok_or_else(|| RegistryError::NotAdmitted(id.clone()))?;
                self.unreachable.insert(id.clone(), lost(timestamp, agent.deactivated));
            }
            Operation::MarkReachable { info } => {
                let id = self.new_id(info)?;
                let deactivated = self.unreachable.remove(&id).is_some_and(|was| was.deactivated);
                self.agents.insert(id, AdmittedAgent { info: info.clone(), deactivated });
            }
            Operation::MarkGone { id, timestamp } => {
                let admitted = self.agents.remove(id).map(|agent| agent.deactivated);
                let unreachable = self.unreachable.remove(id).map(|agent| agent.deactivated);
                let deactivated =
                    admitted.or(unreachable).ok_or_else(|| RegistryError::Unknown(id.clone()))?;
                self.gone.insert(id.clone(), lost(timestamp, deactivated));
            }
            Operation::Prune { unreachable, gone } => {
                for id in unreachable {
                    self.unreachable.remove(id);
                }
                for id in gone {
                    self.gone.remove(id);
                }
            }
            Operation::UpdateWeights { weights } => {
                self.weights.extend(weights.iter().map(|(role, weight)| (role.clone(), *weight)));
            }
            Operation::Maintain(change) => {
                let mut maintenance = self.maintenance.as_deref().cloned().unwrap_or_default();
                maintenance.apply(change)?;
                self.maintenance = Some(Arc::new(maintenance));
            }
        }
        Ok(())
    }

    /// The id in `info`, if the agent may be admitted under it.
    fn new_id(&self, info: &AgentInfo) -> Result<AgentId, RegistryError> {
        let id = id_of(info)?;
        if self.agents.contains_key(&id) {
            return Err(RegistryError::AlreadyAdmitted(id));
        }
        if self.gone.contains_key(&id) {
            return Err(RegistryError::Gone(id));
        }
        Ok(id)
    }
}

fn id_of(info: &AgentInfo) -> Result<AgentId, RegistryError> {
    let missing = || RegistryError::MissingId { hostname: info.hostname.clone() };
    info.id.clone().ok_or_else(missing)
}

fn lost(timestamp: &TimeInfo, deactivated: bool) -> LostAgent {
    LostAgent { timestamp: timestamp.clone(), deactivated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str) -> Arc<AgentInfo> {
        Arc::new(AgentInfo { id: Some(id.into()), ..AgentInfo::default() })
    }

    #[test]
    fn an_agent_goes_round() {
        let mut registry = Registry::default();
        let time = TimeInfo { nanoseconds: 7 };
        let id = AgentId::from("S0");
        registry.apply(&Operation::AdmitAgent { info: agent("S0") }).unwrap();
        let lost = Operation::MarkUnreachable { id: id.clone(), timestamp: time.clone() };
        registry.apply(&lost).unwrap();
        assert!(registry.agents.is_empty());
        assert_eq!(registry.unreachable[&id].timestamp, time);
        registry.apply(&Operation::MarkReachable { info: agent("S0") }).unwrap();
        assert!(registry.unreachable.is_empty());
        registry.apply(&Operation::MarkGone { id: id.clone(), timestamp: time }).unwrap();
        assert!(registry.agents.is_empty());
        let back = registry.apply(&Operation::MarkReachable { info: agent("S0") });
        assert_eq!(back, Err(RegistryError::Gone(id.clone())));
        registry.apply(&Operation::Prune { unreachable: vec![], gone: vec![id] }).unwrap();
        assert_eq!(registry, Registry::default());
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut registry = Registry::default();
        let id = AgentId::from("S1");
        let update = registry.apply(&Operation::UpdateAgent { info: agent("S1") });
        assert_eq!(update, Err(RegistryError::NotAdmitted(id.clone())));
        let removal = registry.apply(&Operation::RemoveAgent { id: id.clone() });
        assert_eq!(removal, Err(RegistryError::NotAdmitted(id.clone())));
        registry.apply(&Operation::AdmitAgent { info: agent("S1") }).unwrap();
        let before = registry.clone();
        let again = registry.apply(&Operation::AdmitAgent { info: agent("S1") });
        assert_eq!(again, Err(RegistryError::AlreadyAdmitted(id)));
        assert_eq!(registry, before);
    }
}

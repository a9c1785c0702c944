//! Who is to be asked to let go of which agents: the allocator's part of inverse offers (row
//! AL-28).
//!
//! An agent is *due* when somebody might have to be asked: when its machine is to go away, when
//! somebody begins to hold something there, and when an answer, or the time that a framework wants
//! to be left alone after one, is over. Nothing else is looked at, however large the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesos::ids::{AgentId, FrameworkId};
use mesos::time::Time;

use super::{Allocator, Key};

/// The agents whose machines are to go away.
#[derive(Debug, Default)]
pub(super) struct Reclaims {
    agents: BTreeMap<AgentId, Asked>,
    due: BTreeSet<AgentId>,
    due_at_next_batch: BTreeSet<AgentId>,
    /// When which filter ends.
    expiries: BTreeSet<(Time, AgentId, Key)>,
}

/// Who is not to be asked about an agent now.
#[derive(Debug, Default)]
struct Asked {
    /// They were asked and have not answered.
    outstanding: BTreeSet<Key>,
    /// They have answered, and want to be left alone until then.
    filters: BTreeMap<Key, Time>,
}

impl Reclaims {
    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Somebody may hold something on an agent who did not before.
    pub fn touch(&mut self, agent: &AgentId) {
        if self.agents.contains_key(agent) {
            self.due.insert(agent.clone());
        }
    }

    /// Somebody may hear of inverse offers who did not before.
    pub fn touch_all(&mut self) {
        self.due.extend(self.agents.keys().cloned());
    }

    /// An agent is gone, or its machine stays.
    pub fn forget(&mut self, agent: &AgentId) {
        self.drop_filters_of_agent(agent);
        self.agents.remove(agent);
        self.due.remove(agent);
        self.due_at_next_batch.remove(agent);
    }

    /// What was refused of an agent is void: it is another one now.
    pub fn drop_filters_of_agent(&mut self, agent: &AgentId) {
        let Some(asked) = self.agents.get_mut(agent) else { return };
        for (key, expires) in std::mem::take(&mut asked.filters) {
            self.expiries.remove(&(expires, agent.clone(), key));
        }
        self.due_at_next_batch.insert(agent.clone());
    }

    /// A framework's filters are void.
    pub fn drop_filters_of_framework(&mut self, framework: Key) {
        for (agent, asked) in &mut self.agents {
            if let Some(expires) = asked.filters.remove(&framework) {
                self.expiries.remove(&(expires, agent.clone(), framework));
                self.due_at_next_batch.insert(agent.clone());
            }
        }
    }

    pub fn begin_batch(&mut self, now: Time) {
        self.due.append(&mut self.due_at_next_batch);
        while let Some((expires, _, _)) = self.expiries.first()
            && *expires <= now
        {
            let Some((_, agent, framework)) = self.expiries.pop_first() else { break };
            if let Some(asked) = self.agents.get_mut(&agent) {
                asked.filters.remove(&framework);
            }
            self.due.insert(agent);
        }
    }

    /// Whether a framework was asked about an agent and has not answered.
    pub fn is_outstanding(&self, agent: &AgentId, framework: Key) -> bool {
        self.agents.get(agent).is_some_and(|asked| asked.outstanding.contains(&framework))
    }
}

impl Allocator {
    /// An agent's machine is to go away at another time than before, or not at all. Frameworks
    /// are to look at it anew; what they were asked was taken back before.
    pub fn set_unavailable(&mut self, id: &AgentId, is_unavailable: bool) {
        self.reclaims.forget(id);
        if is_unavailable {
            self.reclaims.agents.insert(id.clone(), Asked::default());
            self.reclaims.due.insert(id.clone());
        }
        // What was offered of it has just been taken back, to be offered anew at once.
        self.due_at_next_batch.remove(id);
        self.make_due(id);
    }

    /// Finds out who is to be asked about up to `limit` of the agents that are due. `holders` gives
    /// the frameworks that hold or are offered anything on an agent.
    pub fn reclaim(
        &mut self,
        limit: usize,
        holders: impl Fn(&AgentId) -> BTreeSet<FrameworkId>,
        out: &mut Vec<(FrameworkId, AgentId)>,
    ) {
        for _ in 0..limit {
            let Some(agent) = self.reclaims.due.pop_first() else { return };
            // One that is not in use is due again once it is.
            if !self.agents.get(&agent).is_some_and(|entry| entry.is_active) {
                continue;
            }
            let Some(asked) = self.reclaims.agents.get_mut(&agent) else { continue };
            for framework in holders(&agent) {
                let Some(key) = self.keys.get(&framework) else { continue };
                let is_active = self.frameworks.get(key).is_some_and(|entry| entry.is_active);
                if is_active && !asked.filters.contains_key(key) && asked.outstanding.insert(*key) {
                    out.push((framework, agent.clone()));
                }
            }
        }
    }

    /// An inverse offer is no longer out. A framework that has answered it is left alone for as
    /// long as it says, and asked again at the next batch if it says zero.
    pub fn reclaimed(
        &mut self,
        framework: &FrameworkId,
        agent: &AgentId,
        filter: Option<Duration>,
        now: Time,
    ) {
        let Some(&key) = self.keys.get(framework) else { return };
        let Some(asked) = self.reclaims.agents.get_mut(agent) else { return };
        asked.outstanding.remove(&key);
        self.reclaims.due_at_next_batch.insert(agent.clone());
        let Some(span) = filter.filter(|span| !span.is_zero()) else { return };
        let expires = now + span;
        if let Some(old) = asked.filters.insert(key, expires) {
            self.reclaims.expiries.remove(&(old, agent.clone(), key));
        }
        self.reclaims.expiries.insert((expires, agent.clone(), key));
    }

    /// A framework that holds something on an agent which goes away, and is not asked although it
    /// is time: there must be none. Looks at everything, so that it is for tests.
    pub(crate) fn unasked(
        &self,
        holders: impl Fn(&AgentId) -> BTreeSet<FrameworkId>,
    ) -> Option<(FrameworkId, AgentId)> {
        let reclaims = &self.reclaims;
        let waits =
            |id: &AgentId| reclaims.due.contains(id) || reclaims.due_at_next_batch.contains(id);
        let is_active = |id: &AgentId| self.agents.get(id).is_some_and(|entry| entry.is_active);
        let looked_at = reclaims.agents.iter().filter(|(id, _)| is_active(id) && !waits(id));
        looked_at.into_iter().find_map(|(id, asked)| {
            let mut holders = holders(id).into_iter();
            let overlooked = holders.find(|framework| {
                let key = self.keys.get(framework);
                key.is_some_and(|key| {
                    self.frameworks.get(key).is_some_and(|entry| entry.is_active)
                        && !asked.outstanding.contains(key)
                        && !asked.filters.contains_key(key)
                })
            });
            overlooked.map(|framework| (framework, id.clone()))
        })
    }

    /// Whether a framework was asked about an agent and has not answered.
    pub(crate) fn is_asked(&self, framework: &FrameworkId, agent: &AgentId) -> bool {
        let key = self.keys.get(framework);
        key.is_some_and(|key| self.reclaims.is_outstanding(agent, *key))
    }
}

//! What frameworks have refused, and for how long (row AL-09).
//!
//! A filter hides from one framework in one role what it refused of one agent, and anything less;
//! as soon as the agent has more to offer, the filter does not apply.

use std::collections::BTreeMap;

use mesos::ids::{AgentId, FrameworkId};
use mesos::resources::Resources;
use mesos::time::Time;

use super::Role;

/// How many filters one framework may hold in one role on one agent. Refusing for a year costs a
/// framework nothing and the master memory, so that there is a bound; the filter that ends first
/// makes room.
const MAX_FILTERS: usize = 16;

/// The filters on one agent.
#[derive(Debug, Default)]
pub struct Filters {
    by_framework: BTreeMap<FrameworkId, BTreeMap<Role, Vec<Filter>>>,
}

#[derive(Debug)]
struct Filter {
    number: u64,
    refused: Resources,
    expires: Time,
}

/// When which filter of the cluster ends.
#[derive(Debug, Default)]
pub struct Expiries {
    next: u64,
    queue: BTreeMap<(Time, u64), Key>,
}

/// Which agent's filter, whose, in which role.
pub type Key = (AgentId, FrameworkId, Role);

impl Filters {
    /// Hides `refused`, and anything less, until `expires`.
    pub fn add(&mut self, key: Key, refused: Resources, expires: Time, expiries: &mut Expiries) {
        let (_, framework, role) = &key;
        let filters = self
            .by_framework
            .entry(framework.clone())
            .or_default()
            .entry(role.clone())
            .or_default();
        filters.retain(|old| {
            let is_covered = old.expires <= expires && refused.contains(&old.refused);
            if is_covered {
                expiries.queue.remove(&(old.expires, old.number));
            }
            !is_covered
        });
        if filters.len() >= MAX_FILTERS
            && let Some(first) = (0..filters.len()).min_by_key(|&i| filters[i].expires)
        {
            let old = filters.swap_remove(first);
            expiries.queue.remove(&(old.expires, old.number));
        }
        let number = expiries.next;
        expiries.next += 1;
        expiries.queue.insert((expires, number), key);
        filters.push(Filter { number, refused, expires });
    }

    /// Whether the framework has refused this in this role.
    pub fn hide(&self, framework: &FrameworkId, role: &Role, offered: &Resources) -> bool {
        self.by_framework
            .get(framework)
            .and_then(|roles| roles.get(role))
            .is_some_and(|filters| filters.iter().any(|f| f.refused.contains(offered)))
    }

    /// Removes one filter, whose expiry is out of the queue already. Returns whether the
    /// framework has no filter left here.
    pub fn remove(&mut self, framework: &FrameworkId, role: &Role, number: u64) -> bool {
        let Some(roles) = self.by_framework.get_mut(framework) else { return true };
        if let Some(filters) = roles.get_mut(role) {
            filters.retain(|filter| filter.number != number);
            if filters.is_empty() {
                roles.remove(role);
            }
        }
        let is_done = roles.is_empty();
        if is_done {
            self.by_framework.remove(framework);
        }
        is_done
    }

    /// Removes a framework's filters, in one role or in all. Returns whether any are left.
    pub fn remove_framework(
        &mut self,
        _agent: &AgentId,
        framework: &FrameworkId,
        role: Option<&Role>,
        expiries: &mut Expiries,
    ) -> bool {
        let Some(roles) = self.by_framework.get_mut(framework) else { return false };
        roles.retain(|of, filters| {
            let is_kept = role.is_some_and(|role| role != of);
            if !is_kept {
                for filter in filters {
                    expiries.queue.remove(&(filter.expires, filter.number));
                }
            }
            is_kept
        });
        let any_left = !roles.is_empty();
        if !any_left {
            self.by_framework.remove(framework);
        }
        any_left
    }

    /// Removes all filters. Returns whose they were.
    pub fn clear(&mut self, expiries: &mut Expiries) -> Vec<FrameworkId> {
        let all = std::mem::take(&mut self.by_framework);
        for filter in all.values().flat_map(BTreeMap::values).flatten() {
            expiries.queue.remove(&(filter.expires, filter.number));
        }
        all.into_keys().collect()
    }
}

impl Expiries {
    /// Takes out the filters that have ended by `now`, with their numbers.
    pub fn take_expired(&mut self, now: Time) -> Vec<(AgentId, FrameworkId, Role, u64)> {
        let mut expired = Vec::new();
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= now
        {
            let ((_, number), (agent, framework, role)) = entry.remove_entry();
            expired.push((agent, framework, role, number));
        }
        expired
    }

    /// How many filters there are, by role.
    pub fn count_by_role(&self) -> BTreeMap<Role, usize> {
        let mut counts = BTreeMap::new();
        for (_, _, role) in self.queue.values() {
            *counts.entry(role.clone()).or_default() += 1;
        }
        counts
    }
}

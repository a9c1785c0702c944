//! What frameworks have refused, and for how long (row AL-09).
//!
//! A filter hides from one framework in one role what it refused of one agent, and anything less;
//! as soon as the agent has more to offer, the filter does not apply.

use std::collections::BTreeMap;

use mesos::ids::AgentId;
use mesos::resources::Resources;
use mesos::time::Time;

use super::{Key, Role};

/// How many filters one framework may hold in one role on one agent. Refusing for a year costs a
/// framework nothing and the master memory, so that there is a bound; the filter that ends first
/// makes room.
const MAX_FILTERS: usize = 16;

/// The filters on one agent.
#[derive(Debug, Default)]
pub(super) struct Filters {
    by_framework: BTreeMap<Key, Vec<Filter>>,
}

#[derive(Debug)]
struct Filter {
    number: u64,
    role: Role,
    refused: Resources,
    /// A generation of the agent's resources that is hidden whole: most looks meet the agent as
    /// it was when it was refused, and need not compare resources.
    covers: Option<u64>,
    expires: Time,
}

/// When which filter of the cluster ends.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    next: u64,
    queue: BTreeMap<(Time, u64), Place>,
    by_role: BTreeMap<Role, usize>,
}

/// Which agent's filter, whose, in which role.
pub(super) type Place = (AgentId, Key, Role);

impl Filters {
    /// Hides `refused`, and anything less, until `expires`. If the agent has no more than that in
    /// its present generation, `covers` is that.
    pub fn add(
        &mut self,
        place: Place,
        refused: Resources,
        covers: Option<u64>,
        expires: Time,
        expiries: &mut Expiries,
    ) {
        let role = place.2.clone();
        let filters = self.by_framework.entry(place.1).or_default();
        filters.retain(|old| {
            let is_covered =
                old.role == role && old.expires <= expires && refused.contains(&old.refused);
            if is_covered {
                expiries.remove(old);
            }
            !is_covered
        });
        let in_role = |filters: &[Filter]| filters.iter().filter(|f| f.role == role).count();
        if in_role(filters) >= MAX_FILTERS
            && let Some(first) = (0..filters.len())
                .filter(|&index| filters[index].role == role)
                .min_by_key(|&index| filters[index].expires)
        {
            expiries.remove(&filters.swap_remove(first));
        }
        let number = expiries.insert(expires, place);
        filters.push(Filter { number, role, refused, covers, expires });
    }

    /// Whether the framework has refused this in this role. If it is all that the agent has, or
    /// part of that, `generation` says of which state of the agent.
    pub fn hide(&self, framework: Key, role: &Role, offered: &Resources, generation: u64) -> bool {
        self.by_framework.get(&framework).is_some_and(|filters| {
            filters
                .iter()
                .filter(|filter| filter.role == *role)
                .any(|filter| filter.covers == Some(generation) || filter.refused.contains(offered))
        })
    }

    /// Removes one filter, whose expiry is out of the queue already. Returns whether the
    /// framework has no filter left here.
    pub fn remove(&mut self, framework: Key, role: &Role, number: u64) -> bool {
        let Some(filters) = self.by_framework.get_mut(&framework) else { return true };
        filters.retain(|filter| filter.role != *role || filter.number != number);
        let is_done = filters.is_empty();
        if is_done {
            self.by_framework.remove(&framework);
        }
        is_done
    }

    /// Removes a framework's filters, in one role or in all. Returns whether any are left.
    pub fn remove_framework(
        &mut self,
        framework: Key,
        role: Option<&Role>,
        expiries: &mut Expiries,
    ) -> bool {
        let Some(filters) = self.by_framework.get_mut(&framework) else { return false };
        filters.retain(|filter| {
            let is_kept = role.is_some_and(|role| *role != filter.role);
            if !is_kept {
                expiries.remove(filter);
            }
            is_kept
        });
        let any_left = !filters.is_empty();
        if !any_left {
            self.by_framework.remove(&framework);
        }
        any_left
    }

    /// Removes all filters. Returns whose they were.
    pub fn clear(&mut self, expiries: &mut Expiries) -> Vec<Key> {
        let all = std::mem::take(&mut self.by_framework);
        for filter in all.values().flatten() {
            expiries.remove(filter);
        }
        all.into_keys().collect()
    }
}

impl Expiries {
    fn insert(&mut self, expires: Time, place: Place) -> u64 {
        let number = self.next;
        self.next += 1;
        *self.by_role.entry(place.2.clone()).or_default() += 1;
        self.queue.insert((expires, number), place);
        number
    }

    fn remove(&mut self, filter: &Filter) {
        if let Some((_, _, role)) = self.queue.remove(&(filter.expires, filter.number)) {
            self.forget(&role);
        }
    }

    fn forget(&mut self, role: &Role) {
        if let Some(count) = self.by_role.get_mut(role) {
            *count -= 1;
            if *count == 0 {
                self.by_role.remove(role);
            }
        }
    }

    /// Takes out the filters that have ended by `now`, with their numbers.
    pub fn take_expired(&mut self, now: Time) -> Vec<(AgentId, Key, Role, u64)> {
        let mut expired = Vec::new();
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= now
        {
            let ((_, number), (agent, framework, role)) = entry.remove_entry();
            self.forget(&role);
            expired.push((agent, framework, role, number));
        }
        expired
    }

    /// How many filters there are, by role.
    pub fn count_by_role(&self) -> &BTreeMap<Role, usize> {
        &self.by_role
    }
}

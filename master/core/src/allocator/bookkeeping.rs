//! How the allocator takes note of what it is told: who is a client of which role, who wants
//! offers, and which agents are due.

use std::collections::BTreeSet;

use mesos::agent::AgentInfo;
use mesos::ids::AgentId;
use mesos::resources::{Quantities, Resources};

use super::{Allocator, FrameworkEntry, Key, Role, Scope, Sorter};

impl Allocator {
    /// Counts what a framework holds as its own and its roles'.
    pub(super) fn count(&mut self, framework: Key, resources: &Resources) {
        for (role, part) in resources.allocations() {
            let quantities = self.fair_quantities(&part);
            let role = Role::from(role.as_str());
            self.join(framework, &role);
            self.role_sorter.holds(&role, &quantities);
            if let Some(of) = self.roles.get_mut(&role) {
                of.holds(&framework, &quantities);
            }
        }
    }

    /// Makes a framework a client of a role.
    pub(super) fn join(&mut self, framework: Key, role: &Role) {
        let weight = self.weights.get(&**role).copied().unwrap_or(1.0);
        let total = &self.total;
        let of = self.roles.entry(role.clone()).or_insert_with(|| Sorter::new(total.clone()));
        of.add(&framework, 1.0);
        self.role_sorter.add(role, weight);
    }

    pub(super) fn leave(&mut self, framework: Key, role: &Role) {
        let Some(of) = self.roles.get_mut(role) else { return };
        of.remove(&framework);
        if of.is_empty() {
            self.roles.remove(role);
            self.role_sorter.remove(role);
        } else if !of.has_active() {
            self.role_sorter.deactivate(role);
        }
    }

    /// Lets a framework leave a role that it is no longer in, once it holds nothing there.
    pub(super) fn forget_if_done(&mut self, framework: Key, role: &Role) {
        let is_in =
            self.frameworks.get(&framework).is_some_and(|f| f.traits.roles.contains(&**role));
        let holds = self.roles.get(role).and_then(|of| of.allocation(&framework));
        if !is_in && holds.is_some_and(Quantities::is_empty) {
            self.leave(framework, role);
        }
    }

    /// Brings the sorters in line with which roles a framework wants offers in.
    pub(super) fn update_interest(&mut self, id: Key) {
        let Some(entry) = self.frameworks.get(&id) else { return };
        let (roles, suppressed) = (entry.traits.roles.clone(), entry.traits.suppressed.clone());
        let is_active = entry.is_active;
        for name in roles.iter() {
            let role = Role::from(name.as_str());
            if is_active && !suppressed.contains(name) {
                if let Some(of) = self.roles.get_mut(&role) {
                    of.activate(&id);
                }
                self.role_sorter.activate(&role);
            } else {
                self.lose_interest(id, &role);
            }
        }
    }

    pub(super) fn lose_interest(&mut self, id: Key, role: &Role) {
        let Some(of) = self.roles.get_mut(role) else { return };
        of.deactivate(&id);
        if !of.has_active() {
            self.role_sorter.deactivate(role);
        }
    }

    /// Finds out anew which agents a framework does not want offers from.
    pub(super) fn apply_constraints(&mut self, id: Key) {
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        framework.excluded.clear();
        if !framework.traits.constraints.is_empty() {
            for (agent, info) in &self.infos {
                framework.exclude(agent, info);
            }
        }
    }

    /// Voids a framework's filters, in one role or in all.
    pub(super) fn drop_filters(&mut self, id: Key, role: Option<&Role>) {
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        framework.filtered_agents.retain(|agent| {
            let Some(entry) = self.agents.get_mut(agent) else { return false };
            entry.filters.remove_framework(id, role, &mut self.expiries)
        });
    }

    /// A framework may want what it did not want before: asks it about all that is idle.
    pub(super) fn ask(&mut self, id: Key) {
        let Some(entry) = self.frameworks.get(&id) else { return };
        let is_active = |role: &String| self.roles.get(&**role).is_some_and(|of| of.is_active(&id));
        if entry.traits.roles.iter().any(is_active) {
            for agent in self.idle.clone() {
                self.make_due_for(&agent, id);
            }
        }
    }

    pub(super) fn make_due(&mut self, agent: &AgentId) {
        if self.update_idle(agent) {
            self.due.insert(agent.clone(), Scope::All);
        } else {
            self.due.remove(agent);
        }
    }

    pub(super) fn make_due_for(&mut self, agent: &AgentId, framework: Key) {
        /// Beyond this, asking all is as cheap as asking some.
        const MANY: usize = 16;
        let scope = self.due.entry(agent.clone()).or_insert(Scope::Only(BTreeSet::new()));
        if let Scope::Only(frameworks) = scope {
            frameworks.insert(framework);
            if frameworks.len() > MANY {
                *scope = Scope::All;
            }
        }
    }

    /// Whether an agent has anything to offer.
    pub(super) fn update_idle(&mut self, agent: &AgentId) -> bool {
        let is_idle =
            self.agents.get(agent).is_some_and(|a| a.is_active && !a.available.is_empty());
        if is_idle {
            self.idle.insert(agent.clone());
        } else {
            self.idle.remove(agent);
        }
        is_idle
    }

    pub(super) fn refresh_totals(&mut self) {
        self.role_sorter.set_total(self.total.clone());
        for of in self.roles.values_mut() {
            of.set_total(self.total.clone());
        }
    }

    /// What counts in shares.
    pub(super) fn fair_quantities(&self, resources: &Resources) -> Quantities {
        let all = resources.quantities();
        if self.excluded.is_empty() {
            return all;
        }
        all.iter().filter(|(name, _)| !self.excluded.contains(*name)).collect()
    }
}

impl FrameworkEntry {
    /// Finds out in which roles the framework does not want offers of an agent.
    pub(super) fn exclude(&mut self, agent: &AgentId, info: &AgentInfo) {
        let roles: BTreeSet<Role> =
            self.traits.constraints.excluded_roles(info).map(Role::from).collect();
        if roles.is_empty() {
            self.excluded.remove(agent);
        } else {
            self.excluded.insert(agent.clone(), roles);
        }
    }

    /// Whether the framework wants offers of an agent in a role at all.
    pub(super) fn is_open_to(&self, agent: &AgentId, role: &Role) -> bool {
        // Most frameworks exclude nothing.
        self.excluded.is_empty()
            || self.excluded.get(agent).is_none_or(|roles| !roles.contains(role))
    }
}

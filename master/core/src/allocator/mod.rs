//! Who is offered what: the allocator (rows AL-03 to AL-11, AL-16 to AL-19, AL-24,
//! AL-28).
//!
//! A plain struct with its own entry point: it is told what changes in the cluster, and
//! [`Allocator::allocate`] answers with [`Allocation`]s. It knows no offers, timers or effects.
//!
//! The cost of a pass follows what has changed since the last one. An agent is *due* when somebody
//! might want what it has: when it comes or gets resources back, or when a framework begins to
//! want what it did not want before (in the latter case only that framework is asked). An agent
//! that is not due has nothing that anybody wants. What is due is looked at by the end of the
//! step, or at the next batch; a pass that would hold up the master is cut, and goes on in the
//! next step.
//!
//! Reading order: [`sorter`] (who comes first), `filters` (who does not want what), `constraints`
//! (who does not want which agents), `cycle` (a pass), `inverse` (who is to let go of what); here
//! what the allocator is told, and `bookkeeping`, by which it takes note of that.
//!
//! Roles are flat, all quantities are fair share: quota and hierarchical roles come with
//! [`Sorter`]'s tree and a second stage in `cycle`.

mod bookkeeping;
mod constraints;
mod cycle;
mod filters;
mod inverse;
pub mod sorter;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesos::agent::AgentInfo;
use mesos::framework::FrameworkCapabilityType;
use mesos::ids::{AgentId, FrameworkId};
use mesos::resources::{Quantities, Resources};
use mesos::time::Time;
use mesos::value::Fixed;

use crate::config::Config;
pub use constraints::Constraints;
use filters::{Expiries, Filters};
use inverse::Reclaims;
pub use sorter::Sorter;

/// The name of a role, cheap to clone.
pub type Role = Arc<str>;

/// A framework, by the number that the allocator has given it: comparing numbers is what makes
/// looking at many frameworks cheap. Older frameworks have smaller numbers.
type Key = u32;

/// Resources of an agent that a framework is to be offered in a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Who is to be offered them.
    pub framework: FrameworkId,
    /// In which role.
    pub role: Role,
    /// Whose they are.
    pub agent: AgentId,
    /// The resources, allocated to the role.
    pub resources: Resources,
}

/// What of a framework matters here.
#[derive(Debug, Clone, Default)]
pub struct FrameworkTraits {
    /// The roles that it is in.
    pub roles: Arc<BTreeSet<String>>,
    /// The roles in which it wants no offers.
    pub suppressed: Arc<BTreeSet<String>>,
    /// Which agents it wants offers from.
    pub constraints: Arc<Constraints>,
    /// What it can deal with.
    pub capabilities: Arc<BTreeSet<FrameworkCapabilityType>>,
    /// What an offer must at least hold, by role, where that differs from the cluster's rule.
    pub min_allocatable: BTreeMap<String, Vec<Quantities>>,
}

/// What the metrics show of the allocator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// How many agents wait to be looked at.
    pub waiting: usize,
    /// The dominant share of each role, without its weight's effect being undone.
    pub shares: Vec<(Role, f64)>,
    /// How many filters are active, by role.
    pub filters: BTreeMap<Role, usize>,
}

/// What becomes of resources that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// They are on offer again by the end of the step: a task is over, a framework is gone.
    AtOnce,
    /// They are on offer again at the next batch: they were just refused without a filter, and
    /// offering them at once would start a ping-pong.
    AtNextBatch,
    /// They are on offer again by the end of the step, but not to the one who refused them, for
    /// as long as it said.
    Refused(Duration),
}

/// Whom an agent that is due is to be offered to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// To everybody.
    All,
    /// To these: the others have been asked, and nothing has changed for them.
    Only(BTreeSet<Key>),
}

#[derive(Debug)]
struct AgentEntry {
    total: Resources,
    /// What is offered or in use; without allocation. It may exceed the total, if the agent came
    /// back with less than it had.
    held: Resources,
    /// What is left of the total.
    available: Resources,
    /// Which state of `available` this is; the same number stands for the same resources.
    generation: u64,
    /// The generation in which nothing is held.
    idle_generation: u64,
    /// The last generation that was given out.
    last_generation: u64,
    is_active: bool,
    has_gpus: bool,
    filters: Filters,
}

impl AgentEntry {
    fn new(total: Resources, held: Resources, is_active: bool) -> Self {
        let mut entry = Self {
            total,
            held,
            available: Resources::default(),
            generation: 0,
            idle_generation: 0,
            last_generation: 0,
            is_active,
            has_gpus: false,
            filters: Filters::default(),
        };
        entry.recount(true);
        entry
    }

    /// Computes what is left.
    fn recount(&mut self, total_has_changed: bool) {
        self.available = self.total.clone() - &self.held;
        self.last_generation += 1;
        if total_has_changed {
            self.has_gpus = self.total.gpus().is_some_and(|gpus| gpus > 0.0);
            self.idle_generation = self.last_generation;
            self.last_generation += 1;
        }
        let is_idle = self.held.is_empty();
        self.generation = if is_idle { self.idle_generation } else { self.last_generation };
    }

    /// These are offered or in use from now on.
    fn hold(&mut self, resources: &Resources) {
        self.held += resources;
        self.recount(false);
    }

    /// These are no longer offered or in use.
    fn release(&mut self, resources: &Resources) {
        self.held -= resources;
        self.recount(false);
    }
}

#[derive(Debug)]
struct FrameworkEntry {
    id: FrameworkId,
    traits: FrameworkTraits,
    is_active: bool,
    /// The agents that hold filters of this framework.
    filtered_agents: BTreeSet<AgentId>,
    /// The agents that its constraints exclude, and in which roles: asking them anew at each look
    /// would cost too much.
    excluded: BTreeMap<AgentId, BTreeSet<Role>>,
}

/// The allocator's picture of the cluster.
#[derive(Debug)]
pub struct Allocator {
    min_allocatable: Vec<Quantities>,
    allocation_interval: Duration,
    filter_gpu_resources: bool,
    excluded: BTreeSet<String>,
    weights: BTreeMap<String, f64>,
    agents: BTreeMap<AgentId, AgentEntry>,
    /// What agents say of themselves.
    infos: BTreeMap<AgentId, Arc<AgentInfo>>,
    frameworks: BTreeMap<Key, FrameworkEntry>,
    keys: BTreeMap<FrameworkId, Key>,
    next_key: Key,
    /// By role, its frameworks.
    roles: BTreeMap<Role, Sorter<Key>>,
    role_sorter: Sorter<Role>,
    total: Quantities,
    /// Active agents that have anything available.
    idle: BTreeSet<AgentId>,
    due: BTreeMap<AgentId, Scope>,
    due_at_next_batch: BTreeSet<AgentId>,
    expiries: Expiries,
    reclaims: Reclaims,
}

impl Allocator {
    /// An allocator for an empty cluster.
    pub fn new(config: &Config) -> Self {
        let quantities = |set: &BTreeMap<String, f64>| {
            set.iter().map(|(name, value)| (name.as_str(), Fixed::from_f64(*value))).collect()
        };
        Self {
            min_allocatable: config.min_allocatable_resources.iter().map(quantities).collect(),
            allocation_interval: config.allocation_interval,
            filter_gpu_resources: config.filter_gpu_resources,
            excluded: config.fair_sharing_excluded_resource_names.clone(),
            weights: config.weights.clone(),
            agents: BTreeMap::new(),
            infos: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            keys: BTreeMap::new(),
            next_key: 0,
            roles: BTreeMap::new(),
            role_sorter: Sorter::new(Quantities::default()),
            total: Quantities::default(),
            idle: BTreeSet::new(),
            due: BTreeMap::new(),
            due_at_next_batch: BTreeSet::new(),
            expiries: Expiries::default(),
            reclaims: Reclaims::default(),
        }
    }

    /// A framework has appeared. What it uses already, by agent, is counted as its own; the
    /// agents know of it.
    pub fn add_framework(
        &mut self,
        id: &FrameworkId,
        traits: FrameworkTraits,
        is_active: bool,
        used: &BTreeMap<AgentId, Resources>,
    ) {
        let key = self.next_key;
        self.next_key += 1;
        let roles = traits.roles.clone();
        let entry = FrameworkEntry {
            id: id.clone(),
            traits,
            is_active: false,
            filtered_agents: BTreeSet::new(),
            excluded: BTreeMap::new(),
        };
        self.frameworks.insert(key, entry);
        self.keys.insert(id.clone(), key);
        self.apply_constraints(key);
        for role in roles.iter() {
            self.join(key, &Role::from(role.as_str()));
        }
        for (agent, resources) in used {
            self.count(key, resources);
            self.reclaims.touch(agent);
        }
        if is_active {
            self.activate_framework(id);
        }
    }

    /// A framework is gone. What it held must have been recovered before.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        self.deactivate_framework(id);
        let Some(key) = self.keys.remove(id) else { return };
        self.frameworks.remove(&key);
        let joined = self.roles.iter().filter(|(_, of)| of.contains(&key));
        let joined: Vec<Role> = joined.map(|(role, _)| role.clone()).collect();
        for role in joined {
            self.leave(key, &role);
        }
    }

    /// A framework wants offers from now on. Its old filters are void.
    pub fn activate_framework(&mut self, id: &FrameworkId) {
        let Some(&key) = self.keys.get(id) else { return };
        let Some(entry) = self.frameworks.get_mut(&key) else { return };
        entry.is_active = true;
        self.reclaims.touch_all();
        self.update_interest(key);
        self.ask(key);
    }

    /// A framework wants no offers for now; its filters are void (its scheduler is away).
    pub fn deactivate_framework(&mut self, id: &FrameworkId) {
        let Some(&key) = self.keys.get(id) else { return };
        let Some(entry) = self.frameworks.get_mut(&key) else { return };
        entry.is_active = false;
        self.update_interest(key);
        self.drop_filters(key, None);
        self.reclaims.drop_filters_of_framework(key);
    }

    /// A framework has other roles, capabilities or limits.
    pub fn update_framework(&mut self, id: &FrameworkId, traits: FrameworkTraits) {
        let Some(&key) = self.keys.get(id) else { return };
        let Some(entry) = self.frameworks.get_mut(&key) else { return };
        let old = std::mem::replace(&mut entry.traits, traits);
        let new = entry.traits.roles.clone();
        for role in new.difference(&old.roles) {
            self.join(key, &Role::from(role.as_str()));
        }
        for role in old.roles.difference(&new) {
            let role = Role::from(role.as_str());
            self.drop_filters(key, Some(&role));
            self.lose_interest(key, &role);
            // What it still holds in the role goes on counting there.
            let holds = self.roles.get(&role).and_then(|of| of.allocation(&key));
            if holds.is_none_or(Quantities::is_empty) {
                self.leave(key, &role);
            }
        }
        self.apply_constraints(key);
        self.update_interest(key);
        self.ask(key);
    }

    /// A framework wants offers in these roles again, whatever it has refused (row AL-10).
    pub fn revive(&mut self, id: &FrameworkId, roles: &BTreeSet<String>) {
        let Some(&key) = self.keys.get(id) else { return };
        let Some(entry) = self.frameworks.get_mut(&key) else { return };
        let suppressed = entry.traits.suppressed.difference(roles).cloned().collect();
        entry.traits.suppressed = Arc::new(suppressed);
        for role in roles {
            self.drop_filters(key, Some(&Role::from(role.as_str())));
        }
        self.reclaims.drop_filters_of_framework(key);
        self.update_interest(key);
        self.ask(key);
    }

    /// A framework wants no offers in these roles until it revives them (row AL-11).
    pub fn suppress(&mut self, id: &FrameworkId, roles: &BTreeSet<String>) {
        let Some(&key) = self.keys.get(id) else { return };
        let Some(entry) = self.frameworks.get_mut(&key) else { return };
        entry.traits.suppressed = Arc::new(entry.traits.suppressed.union(roles).cloned().collect());
        self.update_interest(key);
    }

    /// An agent has appeared, with what is in use on it by framework.
    pub fn add_agent(
        &mut self,
        id: &AgentId,
        total: Resources,
        used: &BTreeMap<FrameworkId, Resources>,
        is_active: bool,
    ) {
        let mut held = Resources::default();
        for (framework, resources) in used {
            held += &unallocated(resources);
            if let Some(&key) = self.keys.get(framework) {
                self.count(key, resources);
            }
        }
        self.total += &self.fair_quantities(&total);
        self.agents.insert(id.clone(), AgentEntry::new(total, held, is_active));
        self.refresh_totals();
        self.make_due(id);
    }

    /// An agent says this of itself: its attributes, its host, its domain. It may not be known yet.
    pub fn describe_agent(&mut self, id: &AgentId, info: &Arc<AgentInfo>) {
        self.infos.insert(id.clone(), info.clone());
        let choosy = self.frameworks.values_mut().filter(|of| !of.traits.constraints.is_empty());
        for framework in choosy {
            framework.exclude(id, info);
        }
        if self.agents.contains_key(id) {
            self.make_due(id);
        }
    }

    /// An agent is gone. What was held on it must have been recovered before.
    pub fn remove_agent(&mut self, id: &AgentId) {
        self.infos.remove(id);
        self.reclaims.forget(id);
        for framework in self.frameworks.values_mut() {
            framework.excluded.remove(id);
        }
        let Some(mut entry) = self.agents.remove(id) else { return };
        self.total -= &self.fair_quantities(&entry.total);
        self.idle.remove(id);
        self.due.remove(id);
        self.due_at_next_batch.remove(id);
        for framework in entry.filters.clear(&mut self.expiries) {
            if let Some(framework) = self.frameworks.get_mut(&framework) {
                framework.filtered_agents.remove(id);
            }
        }
        self.refresh_totals();
    }

    /// An agent has other resources. What is in use stays in use (row AG-14); refusals of what it
    /// had are void.
    pub fn update_agent(&mut self, id: &AgentId, total: Resources) {
        let Some(entry) = self.agents.get_mut(id) else { return };
        if entry.total == total {
            return;
        }
        let old = std::mem::replace(&mut entry.total, total);
        entry.recount(true);
        let new = entry.total.clone();
        self.reclaims.drop_filters_of_agent(id);
        let frameworks = entry.filters.clear(&mut self.expiries);
        for framework in frameworks {
            if let Some(framework) = self.frameworks.get_mut(&framework) {
                framework.filtered_agents.remove(id);
            }
        }
        self.total -= &self.fair_quantities(&old);
        self.total += &self.fair_quantities(&new);
        self.refresh_totals();
        self.make_due(id);
    }

    /// What an agent has may be offered from now on.
    pub fn activate_agent(&mut self, id: &AgentId) {
        if let Some(entry) = self.agents.get_mut(id) {
            entry.is_active = true;
            self.reclaims.touch(id);
            self.make_due(id);
        }
    }

    /// What an agent has may not be offered for now.
    pub fn deactivate_agent(&mut self, id: &AgentId) {
        if let Some(entry) = self.agents.get_mut(id) {
            entry.is_active = false;
            self.make_due(id);
        }
    }

    /// Tasks that were not known run on an agent: what they use is in use from now on.
    pub fn discover(&mut self, framework: &FrameworkId, agent: &AgentId, resources: &Resources) {
        if let Some(&key) = self.keys.get(framework) {
            self.count(key, resources);
        }
        if let Some(entry) = self.agents.get_mut(agent) {
            entry.hold(&unallocated(resources));
            self.reclaims.touch(agent);
            self.make_due(agent);
        }
    }

    /// Resources come back: refused, or no longer in use. They carry the role they were
    /// allocated to.
    pub fn recover(
        &mut self,
        framework: &FrameworkId,
        agent: &AgentId,
        resources: &Resources,
        recovery: Recovery,
        now: Time,
    ) {
        if resources.is_empty() {
            return;
        }
        let key = self.keys.get(framework).copied();
        let allocations = resources.allocations();
        for (role, part) in &allocations {
            let quantities = self.fair_quantities(part);
            let role = Role::from(role.as_str());
            let Some(key) = key else { continue };
            self.role_sorter.unallocated(&role, &quantities);
            if let Some(of) = self.roles.get_mut(&role) {
                of.unallocated(&key, &quantities);
            }
            self.forget_if_done(key, &role);
        }
        let Some(entry) = self.agents.get_mut(agent) else { return };
        entry.release(&unallocated(resources));
        if let (Recovery::Refused(span), Some(key)) = (recovery, key) {
            // A filter that ends before the next batch would filter nothing.
            let expires = now + span.max(self.allocation_interval);
            for (role, part) in allocations {
                let refused = unallocated(&part);
                let covers = refused.contains(&entry.available).then_some(entry.generation);
                let place = (agent.clone(), key, Role::from(role.as_str()));
                entry.filters.add(place, refused, covers, expires, &mut self.expiries);
            }
            if let Some(owner) = self.frameworks.get_mut(&key) {
                owner.filtered_agents.insert(agent.clone());
            }
        }
        match recovery {
            Recovery::AtNextBatch => {
                self.update_idle(agent);
                self.due_at_next_batch.insert(agent.clone());
            }
            Recovery::AtOnce | Recovery::Refused(_) => self.make_due(agent),
        }
    }

    /// The time for a batch has come: what was set aside for it is due, and so is what filters
    /// hid until now.
    pub fn begin_batch(&mut self, now: Time) {
        self.reclaims.begin_batch(now);
        for agent in std::mem::take(&mut self.due_at_next_batch) {
            self.make_due(&agent);
        }
        for (agent, framework, role, number) in self.expiries.take_expired(now) {
            let Some(entry) = self.agents.get_mut(&agent) else { continue };
            if entry.filters.remove(framework, &role, number)
                && let Some(framework) = self.frameworks.get_mut(&framework)
            {
                framework.filtered_agents.remove(&agent);
            }
            if self.idle.contains(&agent) {
                self.make_due_for(&agent, framework);
            }
        }
    }

    /// What the metrics show of it.
    pub fn reading(&self) -> Reading {
        let share = |role: &Role| (role.clone(), self.role_sorter.share(role));
        Reading {
            waiting: self.due.len(),
            shares: self.roles.keys().map(share).collect(),
            filters: self.expiries.count_by_role().clone(),
        }
    }

    /// Roles have these weights from now on, and the others 1.
    pub fn replace_weights(&mut self, weights: BTreeMap<String, f64>) {
        self.weights = weights;
        for role in self.roles.keys() {
            let weight = self.weights.get(&**role).copied().unwrap_or(1.0);
            self.role_sorter.set_weight(role, weight);
        }
    }

    /// What an agent has that is neither offered nor in use.
    pub fn available(&self, agent: &AgentId) -> Option<&Resources> {
        self.agents.get(agent).map(|entry| &entry.available)
    }
}

/// Resources without the role that they are allocated to.
fn unallocated(resources: &Resources) -> Resources {
    let mut resources = resources.clone();
    resources.unallocate();
    resources
}

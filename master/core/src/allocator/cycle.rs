//! One pass of the allocator.
//!
//! ```text
//!   for each agent that is due, in random order:
//!     for each role, the neediest first:
//!       for each framework of the role, the neediest first:
//!         what of the agent may it have?  hidden by a filter?  too little?  else: all of it
//! ```
//!
//! What one client takes is no longer there for the next. Shares move once the agent is done.

use mesos::framework::FrameworkCapabilityType;
use mesos::ids::AgentId;
use mesos::resources::{Quantities, Resources};

use super::{AgentEntry, Allocation, Allocator, FrameworkEntry, Key, Role, Scope};

/// How many clients one pass may look at before other events have their turn. A look costs about
/// a hundred nanoseconds, so that a pass stays in the order of ten milliseconds.
const MAX_LOOKS: usize = 50_000;

impl Allocator {
    /// Whether there is anything to look at.
    pub fn is_due(&self) -> bool {
        !self.due.is_empty() || self.reclaims.is_due()
    }

    /// An agent that has something which somebody wants, although it is not due: there must be
    /// none. Looks at everything, so that it is for tests.
    pub(crate) fn overlooked(&self) -> Option<&AgentId> {
        let waits = |id: &AgentId| self.due.contains_key(id) || self.due_at_next_batch.contains(id);
        self.agents.iter().filter(|(id, agent)| agent.is_active && !waits(id)).find_map(
            |(id, agent)| {
                let is_wanted = self.role_sorter.active().any(|role| {
                    let available = agent.available.allocatable_to(role);
                    let mut of = self.roles.get(role).into_iter().flat_map(|of| of.active());
                    of.any(|&key| self.share((id, agent), key, role, &available).is_some())
                });
                is_wanted.then_some(id)
            },
        )
    }

    /// Looks at up to `max_agents` of the agents that are due and appends what is to be offered.
    /// What it does not get to stays due.
    pub fn allocate(
        &mut self,
        rng: &mut fastrand::Rng,
        max_agents: usize,
        out: &mut Vec<Allocation>,
    ) {
        if !self.role_sorter.has_active() {
            // Nobody wants anything: whoever begins to is asked about everything.
            self.due.clear();
            return;
        }
        let mut agents: Vec<AgentId> = self.due.keys().cloned().collect();
        rng.shuffle(&mut agents);
        agents.truncate(max_agents);
        self.role_sorter.refresh();
        for of in self.roles.values_mut() {
            of.refresh();
        }
        let mut looks = 0;
        let mut shares = Vec::new();
        for agent in agents {
            if looks >= MAX_LOOKS {
                break;
            }
            let Some(scope) = self.due.remove(&agent) else { continue };
            looks += self.visit(&agent, &scope, &mut shares);
            out.extend(shares.drain(..).filter_map(|share| self.commit(&agent, share)));
        }
    }

    /// Shares out one agent. Returns how many clients it looked at.
    fn visit(&self, id: &AgentId, scope: &Scope, out: &mut Vec<Share>) -> usize {
        let Some(agent) = self.agents.get(id).filter(|agent| agent.is_active) else { return 0 };
        let mut available = agent.available.clone();
        let mut looks = 0;
        for role in self.role_sorter.iter() {
            if available.is_empty() {
                break;
            }
            let Some(of) = self.roles.get(role) else { continue };
            let mut for_role: Option<Resources> = None;
            for &framework in of.iter() {
                looks += 1;
                if let Scope::Only(asked) = scope
                    && !asked.contains(&framework)
                {
                    continue;
                }
                let for_role = for_role.get_or_insert_with(|| available.allocatable_to(role));
                if for_role.is_empty() {
                    break;
                }
                if let Some(resources) = self.share((id, agent), framework, role, for_role) {
                    available -= &resources;
                    *for_role -= &resources;
                    out.push(Share { framework, role: role.clone(), resources });
                }
            }
        }
        looks
    }

    /// What of `available` a framework is to be offered in a role, if anything.
    fn share(
        &self,
        (id, agent): (&AgentId, &AgentEntry),
        key: Key,
        role: &Role,
        available: &Resources,
    ) -> Option<Resources> {
        // What is available for a role now is part of what the agent had when the pass began.
        if agent.filters.hide(key, role, available, agent.generation) {
            return None;
        }
        let framework = self.frameworks.get(&key).filter(|of| of.is_open_to(id, role))?;
        let resources = self.usable(agent, framework, available);
        let rule = framework.traits.min_allocatable.get(&**role).unwrap_or(&self.min_allocatable);
        let is_worth_it = !resources.is_empty() && is_allocatable(&resources, rule);
        let hidden = || agent.filters.hide(key, role, &resources, agent.generation);
        (is_worth_it && !hidden()).then_some(resources)
    }

    /// What of `available` a framework can deal with.
    fn usable(
        &self,
        agent: &AgentEntry,
        framework: &FrameworkEntry,
        available: &Resources,
    ) -> Resources {
        use FrameworkCapabilityType::{
            GpuResources, ReservationRefinement, RevocableResources, SharedResources,
        };
        let can = |capability| framework.traits.capabilities.contains(&capability);
        let hides_gpus = self.filter_gpu_resources && agent.has_gpus && !can(GpuResources);
        available.filter(|resource| {
            (resource.revocable.is_none() || can(RevocableResources))
                && (resource.shared.is_none() || can(SharedResources))
                && (resource.reservations.len() < 2 || can(ReservationRefinement))
                // A role that has reserved something on a machine with GPUs gets at that.
                && (!hides_gpus || !resource.reservations.is_empty())
        })
    }

    /// Takes what is to be offered off the agent, and counts it.
    fn commit(&mut self, agent: &AgentId, share: Share) -> Option<Allocation> {
        let Share { framework: key, role, mut resources } = share;
        let quantities = self.fair_quantities(&resources);
        self.role_sorter.allocated(&role, &quantities);
        if let Some(of) = self.roles.get_mut(&role) {
            of.allocated(&key, &quantities);
        }
        self.agents.get_mut(agent)?.hold(&resources);
        self.update_idle(agent);
        self.reclaims.touch(agent);
        resources.allocate(&role);
        let framework = self.frameworks.get(&key)?.id.clone();
        Some(Allocation { framework, role, agent: agent.clone(), resources })
    }
}

/// Resources of an agent that a framework is to be offered in a role, without allocation.
struct Share {
    framework: Key,
    role: Role,
    resources: Resources,
}

/// Whether resources reach all quantities of one of the sets. No sets, no limit.
fn is_allocatable(resources: &Resources, sets: &[Quantities]) -> bool {
    let quantities = resources.quantities();
    sets.is_empty() || sets.iter().any(|set| quantities.contains(set))
}

//! Offers go out, come back, and are withdrawn (rows AL-01, AL-02, AL-09 to AL-14).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::offer::Filters;
use mesos::resources::Resources;
use mesos::v1::scheduler::{Decline, EventType, OffersEvent, Rescind};

use crate::allocator::{Allocation, Recovery};
use crate::context::Context;
use crate::effect::Measure;
use crate::master::Master;
use crate::state::Offer;
use crate::timers::Timer;

/// How long what was refused stays hidden, unless the framework says otherwise.
const DEFAULT_REFUSAL: Duration = Duration::from_secs(5);

/// The longest time that anything may be refused for.
const LONGEST_REFUSAL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Master {
    /// Offers what somebody might want.
    pub(crate) fn allocate(&mut self, cx: &mut Context<'_>) {
        cx.count("allocator/mesos/allocation_runs");
        let begin = self.elapsed();
        let due_since = self.due_since.take().unwrap_or(self.step_began);
        self.measure(cx, Measure::AllocationLatency, begin.saturating_sub(due_since));
        let mut allocations = Vec::new();
        let limit = self.config.max_agents_per_allocation;
        self.allocator.allocate(&mut self.rng, limit, &mut allocations);
        let end = self.elapsed();
        self.measure(cx, Measure::AllocationRun, end.saturating_sub(begin));
        let mut by_framework: BTreeMap<FrameworkId, Vec<Allocation>> = BTreeMap::new();
        for allocation in allocations {
            by_framework.entry(allocation.framework.clone()).or_default().push(allocation);
        }
        for (framework, allocations) in by_framework {
            self.make_offers(cx, &framework, allocations);
        }
        self.make_inverse_offers(cx);
        if self.allocator.is_due() {
            // Other events have their turn first.
            self.is_continuing_allocation = true;
            self.due_since = Some(end);
            cx.set_timer(&mut self.timers, Timer::ContinueAllocation, Duration::ZERO);
        }
    }

    fn make_offers(
        &mut self,
        cx: &mut Context<'_>,
        framework_id: &FrameworkId,
        allocations: Vec<Allocation>,
    ) {
        let mut made = Vec::with_capacity(allocations.len());
        for allocation in allocations {
            let id = self.new_offer_id();
            let timer = self.config.offer_timeout.map(|timeout| {
                cx.set_timer(&mut self.timers, Timer::OfferTimeout(id.clone()), timeout)
            });
            let offer = Offer {
                id: id.clone(),
                framework: allocation.framework,
                agent: allocation.agent,
                role: allocation.role,
                resources: allocation.resources,
                made: cx.now,
                timer,
            };
            self.state.add_offer(offer);
            made.push(id);
        }
        let Some(framework) = self.state.frameworks.get(framework_id) else { return };
        let shown = made.iter().filter_map(|id| {
            let offer = self.state.offers.get(id)?;
            Some(offer.to_v1(framework, self.state.agents.get(&offer.agent)?))
        });
        let offers = shown.collect();
        if let Some(stream) = &framework.stream {
            cx.event(stream.connection, EventType::Offers, |event| {
                event.offers = Some(OffersEvent { offers });
            });
        }
    }

    /// Takes back an offer, of which its framework need not be told.
    pub(crate) fn withdraw_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: &OfferId,
        recovery: Recovery,
    ) -> Option<Arc<Offer>> {
        let offer = self.take_offer(cx, id)?;
        let Offer { framework, agent, resources, .. } = &*offer;
        self.allocator.recover(framework, agent, resources, recovery, cx.now);
        Some(offer)
    }

    /// Takes back an offer and tells its framework.
    pub(crate) fn rescind_offer(&mut self, cx: &mut Context<'_>, id: &OfferId) {
        let Some(offer) = self.withdraw_offer(cx, id, Recovery::AtNextBatch) else { return };
        let framework = self.state.frameworks.get(&offer.framework);
        if let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) {
            cx.event(stream.connection, EventType::Rescind, |event| {
                event.rescind = Some(Rescind { offer_id: id.clone() });
            });
        }
    }

    /// Takes back all that is offered of an agent.
    pub(crate) fn rescind_offers_of_agent(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let Some(agent) = self.state.agents.get(id) else { return };
        let offers: Vec<OfferId> = agent.offers.iter().cloned().collect();
        for offer in offers {
            self.rescind_offer(cx, &offer);
        }
    }

    /// An offer has not been answered.
    pub(crate) fn offer_timed_out(&mut self, cx: &mut Context<'_>, id: &OfferId) {
        cx.debug(|| format!("Offer {id} was not answered in time"));
        self.rescind_offer(cx, id);
    }

    /// Removes an offer; what it holds is the caller's to account for.
    pub(super) fn take_offer(&mut self, cx: &mut Context<'_>, id: &OfferId) -> Option<Arc<Offer>> {
        let offer = self.state.remove_offer(id)?;
        cx.cancel_timer(&mut self.timers, offer.timer);
        Some(offer)
    }

    /// A framework does not want what it is offered.
    pub(super) fn decline(&mut self, cx: &mut Context<'_>, id: &FrameworkId, body: &Decline) {
        cx.count("master/messages_decline_offers");
        let recovery = refusal(body.filters.as_ref());
        for offer in &body.offer_ids {
            if self.owns(id, offer) {
                self.withdraw_offer(cx, offer, recovery);
                self.state.count(id, |counts| counts.offers_declined += 1);
            } else {
                cx.debug(|| format!("Framework {id} declined offer {offer}, which it has not"));
            }
        }
    }

    pub(super) fn owns(&self, framework: &FrameworkId, offer: &OfferId) -> bool {
        self.state.offers.get(offer).is_some_and(|offer| offer.framework == *framework)
    }

    /// Gives back what a framework did not use of its offers.
    pub(super) fn give_back(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        agent: &AgentId,
        rest: &Resources,
        filters: Option<&Filters>,
    ) {
        self.allocator.recover(framework, agent, rest, refusal(filters), cx.now);
    }

    /// A framework wants offers again, in these roles or in all of its roles.
    pub(super) fn revive(&mut self, cx: &mut Context<'_>, id: &FrameworkId, roles: Vec<String>) {
        cx.count("master/messages_revive_offers");
        let roles = self.own_roles(cx, id, roles, "revive");
        let Some(framework) = self.state.framework_mut(id) else { return };
        let suppressed = framework.suppressed_roles.difference(&roles).cloned().collect();
        framework.suppressed_roles = Arc::new(suppressed);
        self.allocator.revive(id, &roles);
    }

    /// A framework wants no more offers, in these roles or in all of its roles.
    pub(super) fn suppress(&mut self, cx: &mut Context<'_>, id: &FrameworkId, roles: Vec<String>) {
        cx.count("master/messages_suppress_offers");
        let roles = self.own_roles(cx, id, roles, "suppress");
        let Some(framework) = self.state.framework_mut(id) else { return };
        let suppressed = framework.suppressed_roles.union(&roles).cloned().collect();
        framework.suppressed_roles = Arc::new(suppressed);
        self.allocator.suppress(id, &roles);
    }

    /// The roles that a call is about: those it names, all if it names none. A call that names a
    /// role which the framework is not in is about nothing, as in Mesos.
    fn own_roles(
        &self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        named: Vec<String>,
        verb: &str,
    ) -> BTreeSet<String> {
        let Some(framework) = self.state.frameworks.get(id) else { return BTreeSet::new() };
        if named.is_empty() {
            return (*framework.roles).clone();
        }
        if let Some(stranger) = named.iter().find(|role| !framework.roles.contains(*role)) {
            cx.warn(format!("Framework {id} cannot {verb} role '{stranger}', which it is not in"));
            return BTreeSet::new();
        }
        named.into_iter().collect()
    }
}

/// What becomes of resources that a framework refuses with these filters (row AL-09).
fn refusal(filters: Option<&Filters>) -> Recovery {
    match filtered_for(filters) {
        Duration::ZERO => Recovery::AtNextBatch,
        span => Recovery::Refused(span),
    }
}

/// For how long a framework that answers with these filters is not to be asked the same again.
pub(crate) fn filtered_for(filters: Option<&Filters>) -> Duration {
    let seconds = filters.map_or(DEFAULT_REFUSAL.as_secs_f64(), |filters| filters.refuse_seconds);
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) => span.min(LONGEST_REFUSAL),
        Err(_) if seconds > 0.0 => LONGEST_REFUSAL,
        Err(_) => DEFAULT_REFUSAL,
    }
}

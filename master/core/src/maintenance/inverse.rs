//! Inverse offers: frameworks are asked to let go of machines that go away (rows AL-28, MT-05,
//! SC-05).
//!
//! ```text
//!              made, by the allocator           answered: remembered, filtered for a while
//!   (nothing) ────────────────────────▶ out ───────────────────────────────────────────────┐
//!       ▲                                │  rescinded: the schedule changes, its time is    │
//!       │                                │  over, its agent or its scheduler is away        │
//!       └────────────────────────────────┴──────────────────────────────────────────────────┘
//! ```
//!
//! They hold no resources: they are about whole machines. As long as a framework holds anything on
//! such a machine, the next inverse offer follows the answer to the last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::maintenance::{InverseOfferResponse, InverseOfferStatus};
use mesos::offer::Filters;
use mesos::v1::scheduler::{Call, CallType, EventType, InverseOffersEvent, RescindInverseOffer};

use crate::calls::filtered_for;
use crate::context::Context;
use crate::master::Master;
use crate::state::InverseOffer;
use crate::timers::Timer;
use crate::validation;

impl Master {
    /// Asks those frameworks to let go that were not asked yet.
    pub(crate) fn make_inverse_offers(&mut self, cx: &mut Context<'_>) {
        let mut claims = Vec::new();
        let state = &self.state;
        let holders = |agent: &AgentId| state.holders(agent);
        self.allocator.reclaim(self.config.max_agents_per_allocation, holders, &mut claims);
        let mut by_framework: BTreeMap<FrameworkId, Vec<AgentId>> = BTreeMap::new();
        for (framework, agent) in claims {
            by_framework.entry(framework).or_default().push(agent);
        }
        for (framework, agents) in by_framework {
            self.send_inverse_offers(cx, &framework, agents);
        }
    }

    fn send_inverse_offers(
        &mut self,
        cx: &mut Context<'_>,
        framework_id: &FrameworkId,
        agents: Vec<AgentId>,
    ) {
        let mut shown = Vec::with_capacity(agents.len());
        for agent_id in agents {
            let Some(agent) = self.state.agents.get(&agent_id).cloned() else { continue };
            let Some(unavailability) = agent.unavailability.clone() else { continue };
            let id = self.new_offer_id();
            let timer = self.config.offer_timeout.map(|timeout| {
                cx.set_timer(&mut self.timers, Timer::InverseOfferTimeout(id.clone()), timeout)
            });
            let framework = framework_id.clone();
            let offer = InverseOffer {
                id,
                framework,
                agent: agent_id,
                unavailability,
                made: cx.now,
                timer,
            };
            shown.push(offer.to_v1(&agent));
            self.state.add_inverse_offer(offer);
        }
        let framework = self.state.frameworks.get(framework_id);
        if let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) {
            cx.event(stream.connection, EventType::InverseOffers, |event| {
                event.inverse_offers = Some(InverseOffersEvent { inverse_offers: shown });
            });
        }
    }

    /// A framework lets go, or does not.
    pub(crate) fn answer_inverse_offers(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        kind: CallType,
        call: &Call,
    ) {
        match (kind, &call.accept_inverse_offers, &call.decline_inverse_offers) {
            (CallType::AcceptInverseOffers, Some(body), _) => {
                let (ids, filters) = (&body.inverse_offer_ids, body.filters.as_ref());
                self.note_answers(cx, framework, ids, filters, InverseOfferResponse::Accept);
            }
            (CallType::DeclineInverseOffers, _, Some(body)) => {
                let (ids, filters) = (&body.inverse_offer_ids, body.filters.as_ref());
                self.note_answers(cx, framework, ids, filters, InverseOfferResponse::Decline);
            }
            _ => {}
        }
    }

    /// Inverse offers that are no longer valid change nothing, and neither do those of others; the
    /// rest count all the same.
    fn note_answers(
        &mut self,
        cx: &mut Context<'_>,
        framework: &FrameworkId,
        ids: &[OfferId],
        filters: Option<&Filters>,
        status: InverseOfferResponse,
    ) {
        if let Err(why) = validation::offer::validate_inverse(ids, framework, &self.state) {
            cx.debug(|| format!("Framework {framework} answers inverse offers ({status}): {why}"));
        }
        let span = filtered_for(filters);
        for id in ids {
            let offer = self.state.inverse_offers.get(id);
            if offer.is_none_or(|offer| offer.framework != *framework) {
                continue;
            }
            let Some(offer) = self.take_inverse_offer(cx, id, Some(span)) else { continue };
            let status = InverseOfferStatus {
                status,
                framework_id: framework.clone(),
                timestamp: cx.now.into(),
            };
            self.remember_answer(&offer.agent, status);
        }
    }

    /// Frameworks come and go while a machine drains: answers of those that are forgotten go too.
    fn remember_answer(&mut self, agent: &AgentId, status: InverseOfferStatus) {
        let (frameworks, completed) = (self.state.frameworks.clone(), &self.completed);
        let Some(agent) = self.state.agent_mut(agent) else { return };
        let is_known = |id: &FrameworkId| frameworks.contains_key(id) || completed.contains(id);
        let forgotten = agent.inverse_answers.keys().filter(|id| !is_known(id)).cloned();
        let forgotten: Vec<FrameworkId> = forgotten.collect();
        for id in &forgotten {
            agent.inverse_answers.remove(id);
        }
        agent.inverse_answers.insert(status.framework_id.clone(), status);
    }

    /// Takes back all that a framework was asked, without a word: nobody is there to hear it.
    pub(crate) fn withdraw_inverse_offers(&mut self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        for offer in framework.inverse_offers.clone() {
            self.take_inverse_offer(cx, &offer, None);
        }
    }

    /// Takes back all that frameworks were asked about an agent, and tells them.
    pub(crate) fn rescind_inverse_offers_of_agent(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let Some(agent) = self.state.agents.get(id) else { return };
        for offer in agent.inverse_offers.clone() {
            self.rescind_inverse_offer(cx, &offer);
        }
    }

    /// An inverse offer has not been answered.
    pub(crate) fn inverse_offer_timed_out(&mut self, cx: &mut Context<'_>, id: &OfferId) {
        cx.debug(|| format!("Inverse offer {id} was not answered in time"));
        self.rescind_inverse_offer(cx, id);
    }

    fn rescind_inverse_offer(&mut self, cx: &mut Context<'_>, id: &OfferId) {
        let Some(offer) = self.take_inverse_offer(cx, id, None) else { return };
        let framework = self.state.frameworks.get(&offer.framework);
        if let Some(stream) = framework.and_then(|framework| framework.stream.as_ref()) {
            cx.event(stream.connection, EventType::RescindInverseOffer, |event| {
                let inverse_offer_id = id.clone();
                event.rescind_inverse_offer = Some(RescindInverseOffer { inverse_offer_id });
            });
        }
    }

    fn take_inverse_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: &OfferId,
        filter: Option<Duration>,
    ) -> Option<Arc<InverseOffer>> {
        let offer = self.state.remove_inverse_offer(id)?;
        cx.cancel_timer(&mut self.timers, offer.timer);
        self.allocator.reclaimed(&offer.framework, &offer.agent, filter, cx.now);
        Some(offer)
    }
}

impl crate::Snapshot {
    /// The frameworks that hold or are offered anything on an agent.
    pub(crate) fn holders(&self, agent: &AgentId) -> BTreeSet<FrameworkId> {
        let Some(agent) = self.agents.get(agent) else { return BTreeSet::new() };
        let offers = agent.offers.iter().filter_map(|id| self.offers.get(id));
        agent.used.keys().cloned().chain(offers.map(|offer| offer.framework.clone())).collect()
    }
}

//! Weights: which part of the cluster a role is to have, relative to others (row RO-05).
//!
//! They are in the registry. The flag `--weights` only says what they are as long as nothing is
//! there.

use std::collections::BTreeMap;

use mesos::ids::OfferId;
use mesos::master_info::WeightInfo;

use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::Operation;
use crate::validation;

impl Master {
    /// The weights of the flag, for a registry that has none.
    pub(crate) fn initial_weights(&self) -> Option<Operation> {
        let is_needed = self.state.registry.weights.is_empty() && !self.config.weights.is_empty();
        is_needed.then(|| Operation::UpdateWeights { weights: self.config.weights.clone() })
    }

    /// Tells the allocator what the registry says.
    pub(crate) fn recover_weights(&mut self) {
        let weights = &self.state.registry.weights;
        self.allocator.replace_weights(
            weights.iter().map(|(role, weight)| (role.clone(), *weight)).collect(),
        );
    }

    /// An operator sets weights.
    pub(crate) fn update_weights(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        infos: &[WeightInfo],
    ) {
        match validation::weights::validate(infos, self.config.roles.as_ref()) {
            Err(why) => cx.respond(request, Response::bad_request(why.to_string())),
            Ok(weights) => {
                let operation = Operation::UpdateWeights { weights: weights.clone() };
                let then = Then::Weigh { request, weights };
                self.registrar.store(vec![operation], then, cx.out);
            }
        }
    }

    /// Weights are durable. If they are those of anybody here, all offers are made anew, so that
    /// the shares soon follow.
    pub(crate) fn weighed(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        weights: &BTreeMap<String, f64>,
    ) {
        self.recover_weights();
        let mut frameworks = self.state.frameworks.values();
        let concerns = |role: &String| weights.contains_key(role);
        if frameworks.any(|framework| framework.roles.iter().any(concerns)) {
            let offers: Vec<OfferId> = self.state.offers.keys().cloned().collect();
            for offer in offers {
                self.rescind_offer(cx, &offer);
            }
        }
        cx.respond(request, Response::ok());
    }
}

//! What a scheduler says of its framework besides its description.

use std::collections::BTreeSet;

use mesos::framework::{FrameworkInfo, OfferConstraints};

use crate::allocator::Constraints;
use crate::config::Config;
use crate::validation::framework::validate_options;
use crate::validation::{Invalid, within};

/// What a scheduler says of its framework besides its description, each time that it subscribes
/// or changes it: what it does not say again is no longer so.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The roles in which it wants no offers.
    pub suppressed: BTreeSet<String>,
    /// Which agents it wants offers from, by role, as it says it.
    pub offer_constraints: Option<OfferConstraints>,
    /// The same, ready to be asked.
    pub constraints: Constraints,
}

impl Options {
    /// Checks what a scheduler says of the framework with this description.
    pub fn new(
        info: &FrameworkInfo,
        suppressed: Vec<String>,
        offer_constraints: Option<OfferConstraints>,
        config: &Config,
    ) -> Result<Self, Invalid> {
        validate_options(info, &suppressed, offer_constraints.as_ref())?;
        let constraints = match &offer_constraints {
            Some(said) => Constraints::new(said, config.offer_constraints_regex_size)
                .map_err(within("Offer constraints are not valid"))?,
            None => Constraints::default(),
        };
        let suppressed = suppressed.into_iter().collect();
        Ok(Self { suppressed, offer_constraints, constraints })
    }
}

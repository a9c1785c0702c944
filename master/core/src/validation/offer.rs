//! Which offers may be answered together (rows VA-08, AL-15).

use std::collections::BTreeSet;

use mesos::ids::{FrameworkId, OfferId};

use super::{Check, expect, invalid};
use crate::snapshot::Snapshot;

/// Checks that `framework` may accept these offers together.
pub fn validate(ids: &[OfferId], framework: &FrameworkId, state: &Snapshot) -> Check {
    expect(!ids.is_empty(), || "No offers specified".to_owned())?;
    let mut seen = BTreeSet::new();
    for id in ids {
        expect(seen.insert(id), || format!("Duplicate offer {id} in offer list"))?;
    }
    let mut offers = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(offer) = state.offers.get(id) else {
            return invalid(format!("Offer {id} is no longer valid"));
        };
        offers.push(offer);
    }
    for offer in &offers {
        expect(offer.framework == *framework, || {
            format!(
                "Offer {} has invalid framework {} while framework {framework} is expected",
                offer.id, offer.framework
            )
        })?;
    }
    let first = offers[0];
    for offer in &offers {
        // The quotes are Mesos's.
        expect(offer.role == first.role, || {
            format!(
                "Aggregated offers must be allocated to the same role. Offer {} uses role '{} but \
                 another is using role '{}",
                offer.id, offer.role, first.role
            )
        })?;
    }
    for offer in &offers {
        expect(offer.agent == first.agent, || {
            format!(
                "Aggregated offers must belong to one single agent. Offer {} uses agent {} and \
                 agent {}",
                offer.id, offer.agent, first.agent
            )
        })?;
    }
    Ok(())
}

/// Checks inverse offers that `framework` answers.
pub fn validate_inverse(ids: &[OfferId], framework: &FrameworkId, state: &Snapshot) -> Check {
    expect(!ids.is_empty(), || "No inverse offers specified".to_owned())?;
    let mut seen = BTreeSet::new();
    for id in ids {
        expect(seen.insert(id), || format!("Duplicate offer {id} in offer list"))?;
    }
    for id in ids {
        expect(state.inverse_offers.contains_key(id), || {
            format!("Inverse offer {id} is no longer valid")
        })?;
    }
    let mut offers = ids.iter().filter_map(|id| state.inverse_offers.get(id));
    offers.try_for_each(|offer| {
        expect(offer.framework == *framework, || {
            format!(
                "Offer {} has invalid framework {} while framework {framework} is expected",
                offer.id, offer.framework
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesos::offer::Unavailability;
    use mesos::resources::Resources;
    use mesos::time::Time;

    use super::*;
    use crate::state::{InverseOffer, Offer};
    use crate::validation::words;

    fn offer(id: &str, framework: &str, agent: &str, role: &str) -> Offer {
        Offer {
            id: id.into(),
            framework: framework.into(),
            agent: agent.into(),
            role: role.into(),
            resources: Resources::default(),
            made: Time::EPOCH,
            timer: None,
        }
    }

    /// Offer `o` and another one.
    fn says(other: Offer) -> String {
        let ids = ["o".into(), other.id.clone()];
        let mut state = Snapshot::default();
        state.offers.insert("o".into(), Arc::new(offer("o", "F", "A", "r")));
        state.offers.insert(other.id.clone(), Arc::new(other));
        words(validate(&ids, &"F".into(), &state))
    }

    #[test]
    fn offers_that_fit_together_pass() {
        assert_eq!(says(offer("p", "F", "A", "r")), "");
    }

    #[test]
    fn offers_are_there_once_and_still() {
        let state = Snapshot::default();
        let says = |ids: &[OfferId]| words(validate(ids, &"F".into(), &state));
        assert_eq!(says(&[]), "No offers specified");
        assert_eq!(says(&["o".into()]), "Offer o is no longer valid");
        assert_eq!(says(&["o".into(), "o".into()]), "Duplicate offer o in offer list");
    }

    #[test]
    fn offers_are_of_one_framework_role_and_agent() {
        assert_eq!(
            says(offer("p", "G", "A", "r")),
            "Offer p has invalid framework G while framework F is expected"
        );
        assert_eq!(
            says(offer("p", "F", "A", "q")),
            "Aggregated offers must be allocated to the same role. Offer p uses role 'q but \
             another is using role 'r"
        );
        assert_eq!(
            says(offer("p", "F", "B", "r")),
            "Aggregated offers must belong to one single agent. Offer p uses agent B and agent A"
        );
    }

    #[test]
    fn inverse_offers_are_there_once_and_of_the_framework() {
        let mut state = Snapshot::default();
        state.add_inverse_offer(InverseOffer {
            id: "i".into(),
            framework: "F".into(),
            agent: "A".into(),
            unavailability: Unavailability::default(),
            made: Time::EPOCH,
            timer: None,
        });
        let says = |framework: &str, ids: &[&str]| {
            let ids: Vec<OfferId> = ids.iter().map(|id| (*id).into()).collect();
            words(validate_inverse(&ids, &framework.into(), &state))
        };
        assert_eq!(says("F", &["i"]), "");
        assert_eq!(says("F", &[]), "No inverse offers specified");
        assert_eq!(says("F", &["i", "o"]), "Inverse offer o is no longer valid");
        assert_eq!(says("F", &["o", "o"]), "Duplicate offer o in offer list");
        assert_eq!(
            says("G", &["i"]),
            "Offer i has invalid framework F while framework G is expected"
        );
    }
}

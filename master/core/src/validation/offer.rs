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
    let mut first = None;
    for id in ids {
        let Some(offer) = state.offers.get(id) else {
            return invalid(format!("Offer {id} is no longer valid"));
        };
        expect(offer.framework == *framework, || {
            let owner = &offer.framework;
            format!(
                "Offer {id} has invalid framework {owner} while framework {framework} is expected"
            )
        })?;
        let Some(agent) = state.agents.get(&offer.agent) else {
            return invalid(format!("Offer {id} outlived agent {}", offer.agent));
        };
        expect(agent.connected, || {
            format!("Offer {id} outlived disconnected agent {}", offer.agent)
        })?;
        let first = first.get_or_insert(offer);
        expect(offer.agent == first.agent, || {
            format!(
                "Aggregated offers must belong to one single agent. Offer {id} uses agent {} and \
                 agent {}",
                offer.agent, first.agent
            )
        })?;
        expect(offer.role == first.role, || {
            format!(
                "Aggregated offers must be allocated to the same role. Offer {id} uses role {} but \
                 another is using role {}",
                offer.role, first.role
            )
        })?;
    }
    Ok(())
}

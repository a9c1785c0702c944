//! An offer belongs to a framework that is there and to an agent whose resources may be offered,
//! and both know of it.

use master_core::snapshot::Snapshot;

use super::violated;

pub fn check(snapshot: &Snapshot) -> Result<(), String> {
    for (id, offer) in &snapshot.offers {
        let framework = snapshot.frameworks.get(&offer.framework);
        if !framework.is_some_and(|f| f.is_connected() && f.offers.contains(id)) {
            let what = format!("{id} is offered to {}, which is not there", offer.framework);
            return violated("offers_are_anchored", what);
        }
        let agent = snapshot.agents.get(&offer.agent);
        if !agent.is_some_and(|a| a.connected && a.active && a.offers.contains(id)) {
            let what = format!("{id} is of {}, which is not to be offered", offer.agent);
            return violated("offers_are_anchored", what);
        }
    }
    let known = |id| snapshot.offers.contains_key(id);
    let all_known = snapshot.frameworks.values().all(|f| f.offers.iter().all(known))
        && snapshot.agents.values().all(|a| a.offers.iter().all(known));
    if all_known { Ok(()) } else { violated("offers_are_anchored", "an offer is unknown".into()) }
}

//! Offers in requests: a recorded session accepts the offers that it was sent, and the live one
//! those that it was sent, which together hold at least as much.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

/// The offers of a live session, and those of its recording.
#[derive(Default)]
pub struct Offers {
    /// Live offers that were named in a call.
    used: HashSet<String>,
    /// Recorded sets of offers, as they were named in calls, and the live ones named for them.
    replaced: BTreeMap<String, Value>,
}

impl Offers {
    /// The ids of the offers that a call names, and a place to put others.
    pub fn named(call: &mut Value) -> Option<&mut Value> {
        let kind = call["type"].as_str()?.to_lowercase();
        let ids = call.get_mut(kind)?.get_mut("offer_ids")?;
        (!ids.as_array()?.is_empty()).then_some(ids)
    }

    /// Live offers for the recorded ones that a call names; nothing if they have not come yet.
    pub fn replace(&mut self, ids: &Value, recorded: &[Value], live: &[Value]) -> Option<Value> {
        if let Some(live) = self.replaced.get(&ids.to_string()) {
            return Some(live.clone());
        }
        let wanted: Vec<&str> =
            ids.as_array()?.iter().filter_map(|id| id["value"].as_str()).collect();
        let wanted = offers(recorded).filter(|offer| wanted.contains(&id(offer)));
        let wanted = total(wanted);
        let gone = rescinded(live);
        let open: Vec<&Value> = offers(live)
            .filter(|offer| !gone.contains(id(offer)) && !self.used.contains(id(offer)))
            .collect();
        let here = total(open.iter().copied());
        let enough = wanted.iter().all(|(name, amount)| here.get(name) >= Some(amount));
        if !enough || open.is_empty() {
            return None;
        }
        let names: Value = open.iter().map(|offer| json!({"value": id(offer)})).collect();
        self.used.extend(open.into_iter().map(|offer| id(offer).to_owned()));
        self.replaced.insert(ids.to_string(), names.clone());
        Some(names)
    }
}

/// Whether a recording has offers with these ids: a call may name some that never were.
pub fn are_recorded(ids: &Value, recorded: &[Value]) -> bool {
    let known: HashSet<&str> = offers(recorded).map(id).collect();
    let ids = ids.as_array().into_iter().flatten();
    ids.filter_map(|id| id["value"].as_str()).all(|id| known.contains(id))
}

fn id(offer: &Value) -> &str {
    offer["id"]["value"].as_str().unwrap_or("")
}

fn offers(events: &[Value]) -> impl Iterator<Item = &Value> {
    events.iter().filter_map(|event| event["offers"]["offers"].as_array()).flatten()
}

fn rescinded(events: &[Value]) -> HashSet<&str> {
    events.iter().filter_map(|event| event["rescind"]["offer_id"]["value"].as_str()).collect()
}

/// The scalars of offers by name, in thousandths.
fn total<'a>(offers: impl Iterator<Item = &'a Value>) -> BTreeMap<String, i64> {
    let mut total = BTreeMap::new();
    for resource in offers.filter_map(|offer| offer["resources"].as_array()).flatten() {
        if let (Some(name), Some(value)) =
            (resource["name"].as_str(), resource["scalar"]["value"].as_f64())
        {
            *total.entry(name.to_owned()).or_default() += (value * 1000.0).round() as i64;
        }
    }
    total
}

#[test]
fn live_offers_stand_for_recorded_ones() {
    let event = |id: &str, cpus: f64| {
        let resource = json!({"name": "cpus", "scalar": {"value": cpus}});
        json!({"offers": {"offers": [{"id": {"value": id}, "resources": [resource]}]}})
    };
    let recorded = [event("O1", 1.0), event("O2", 3.0)];
    let ids = json!([{"value": "O1"}, {"value": "O2"}]);
    assert!(are_recorded(&ids, &recorded));
    assert!(!are_recorded(&json!([{"value": "O3"}]), &recorded));
    let mut offers = Offers::default();
    let rescind = json!({"rescind": {"offer_id": {"value": "a"}}});
    let mut live = vec![event("a", 4.0), rescind, event("b", 2.0)];
    assert_eq!(offers.replace(&ids, &recorded, &live), None);
    live.push(event("c", 2.0));
    let expected = json!([{"value": "b"}, {"value": "c"}]);
    assert_eq!(offers.replace(&ids, &recorded, &live), Some(expected.clone()));
    // Whoever names them again means the same.
    assert_eq!(offers.replace(&ids, &recorded, &live), Some(expected));
    // And they are not there for another.
    assert_eq!(offers.replace(&json!([{"value": "O1"}]), &recorded, &live), None);
}

//! `/roles`: what each role has (row OI-03).

use std::collections::{BTreeMap, BTreeSet};

use mesos::json;
use mesos::resources::{Quantities, Resources};
use mesos::value::Fixed;
use serde::{Serialize, Serializer};

use super::View;

/// What one role has, its subroles included.
#[derive(Default)]
pub(super) struct RoleTally {
    pub allocated: Quantities,
    pub offered: Quantities,
    pub reserved: Quantities,
    /// The frameworks that are in this very role.
    pub frameworks: BTreeSet<String>,
}

/// What each role has that is in use: that a framework is in, that something is reserved for, or
/// that has a weight, and the roles above these.
pub(super) fn tally(view: &View) -> BTreeMap<String, RoleTally> {
    let mut roles: BTreeMap<String, RoleTally> = BTreeMap::new();
    for framework in view.snapshot.frameworks.values() {
        for role in framework.roles.iter() {
            for name in with_ancestors(role) {
                roles.entry(name.to_owned()).or_default();
            }
            let tally = roles.entry(role.clone()).or_default();
            tally.frameworks.insert(framework.id.to_string());
        }
        add(&mut roles, &framework.used_in_total().allocations(), |tally| &mut tally.allocated);
        add(&mut roles, &framework.offered_in_total().allocations(), |tally| &mut tally.offered);
    }
    for agent in view.snapshot.agents.values() {
        add(&mut roles, &agent.total.reservations(), |tally| &mut tally.reserved);
    }
    for role in view.snapshot.registry.weights.keys() {
        roles.entry(role.clone()).or_default();
    }
    roles
}

fn add(
    roles: &mut BTreeMap<String, RoleTally>,
    parts: &BTreeMap<String, Resources>,
    which: impl Fn(&mut RoleTally) -> &mut Quantities,
) {
    for (role, resources) in parts {
        let quantities = quantities_of(resources);
        for name in with_ancestors(role) {
            *which(roles.entry(name.to_owned()).or_default()) += &quantities;
        }
    }
}

/// Amounts by name; of ranges and sets, how many items they have.
fn quantities_of(resources: &Resources) -> Quantities {
    let mut quantities = resources.quantities();
    for resource in resources.iter() {
        let ranges = resource.ranges.as_ref().map(|ranges| ranges.count() as f64);
        let set = resource.set.as_ref().map(|set| set.item.len() as f64);
        if let Some(count) = ranges.or(set) {
            quantities.add_to(&resource.name, Fixed::from_f64(count));
        }
    }
    quantities
}

/// `a/b/c`, then `a/b`, then `a`.
fn with_ancestors(role: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(role), |role| Some(role.rsplit_once('/')?.0))
}

#[derive(Serialize)]
struct Roles<'a> {
    roles: Vec<RoleView<'a>>,
}

#[derive(Serialize)]
struct RoleView<'a> {
    name: &'a str,
    weight: f64,
    quota: QuotaView<'a>,
    #[serde(serialize_with = "quantities")]
    resources: Quantities,
    #[serde(serialize_with = "quantities")]
    allocated: &'a Quantities,
    #[serde(serialize_with = "quantities")]
    offered: &'a Quantities,
    #[serde(serialize_with = "quantities")]
    reserved: &'a Quantities,
    frameworks: &'a BTreeSet<String>,
}

/// Quotas are a later issue's: none is set.
#[derive(Serialize)]
struct QuotaView<'a> {
    role: &'a str,
    #[serde(serialize_with = "quantities")]
    guarantee: Quantities,
    #[serde(serialize_with = "quantities")]
    limit: Quantities,
    #[serde(serialize_with = "quantities")]
    consumed: Quantities,
}

/// The JSON of `/roles`.
pub fn render(view: &View) -> Vec<u8> {
    let roles = tally(view);
    let shown = roles.iter().map(|(name, tally)| role_view(view, name, tally));
    json::to_vec(&Roles { roles: shown.collect() })
}

fn role_view<'a>(view: &View, name: &'a String, tally: &'a RoleTally) -> RoleView<'a> {
    let RoleTally { allocated, offered, reserved, frameworks } = tally;
    let mut resources = allocated.clone();
    resources += offered;
    let quota = QuotaView {
        role: name,
        guarantee: Quantities::default(),
        limit: Quantities::default(),
        consumed: allocated.clone(),
    };
    let weight = weight(view, name);
    RoleView { name, weight, quota, resources, allocated, offered, reserved, frameworks }
}

/// The weight of a role, 1 where none is set.
pub(super) fn weight(view: &View, role: &str) -> f64 {
    view.snapshot.registry.weights.get(role).copied().unwrap_or(1.0)
}

fn quantities<S: Serializer>(quantities: &Quantities, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(quantities.iter().map(|(name, amount)| (name, amount.to_f64())))
}

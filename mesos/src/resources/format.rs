//! The three ways to write a reservation, and how endpoints show resources.
//!
//! - *Refined* (ours, and of frameworks with `RESERVATION_REFINEMENT`): a stack `reservations`;
//!   neither `role` nor `reservation`.
//! - *Plain* (of all other frameworks): `role`, and `reservation` if it was made at run time. A
//!   stack of more than one cannot be written so.
//! - *Both* (of read endpoints): the stack, and besides it the plain form where there is one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ResourceError, Resources};
use crate::resource::{ReservationInfo, ReservationType, Resource};
use crate::role::DEFAULT_ROLE;
use crate::value::{Fixed, Ranges, Set};

/// Brings a resource in any format into the refined one.
pub fn upgrade(resource: &mut Resource) -> Result<(), ResourceError> {
    super::validate::validate_format(resource)?;
    let role = resource.role.take();
    let reservation = resource.reservation.take();
    if !resource.reservations.is_empty() {
        // The plain form beside a stack repeats it.
        return Ok(());
    }
    let Some(role) = role.filter(|role| role != DEFAULT_ROLE) else { return Ok(()) };
    let made = match reservation {
        Some(made) => ReservationInfo { r#type: Some(ReservationType::Dynamic), ..made },
        None => {
            ReservationInfo { r#type: Some(ReservationType::Static), ..ReservationInfo::default() }
        }
    };
    resource.reservations.push(ReservationInfo { role: Some(role), ..made });
    Ok(())
}

/// Brings a list in any formats into the refined one.
pub fn upgrade_all(list: &mut [Resource]) -> Result<(), ResourceError> {
    list.iter_mut().try_for_each(upgrade)
}

/// Brings a resource from the refined format into the plain one.
pub fn downgrade(resource: &mut Resource) -> Result<(), ResourceError> {
    if resource.reservations.len() > 1 {
        return Err(ResourceError::CannotDowngrade(resource.to_string()));
    }
    write_plain(resource);
    resource.reservations.clear();
    Ok(())
}

/// Brings a resource from the refined format into both.
pub fn to_endpoint_format(resource: &mut Resource) {
    if resource.reservations.len() <= 1 {
        write_plain(resource);
    }
}

fn write_plain(resource: &mut Resource) {
    let Some(made) = resource.reservations.last() else {
        resource.role = Some(DEFAULT_ROLE.to_owned());
        return;
    };
    resource.role.clone_from(&made.role);
    resource.reservation = (made.r#type == Some(ReservationType::Dynamic))
        .then(|| ReservationInfo { r#type: None, role: None, ..made.clone() });
}

impl Resources {
    /// As read endpoints show them: in both formats.
    pub fn to_endpoint_vec(&self) -> Vec<Resource> {
        let mut list = self.to_vec();
        list.iter_mut().for_each(to_endpoint_format);
        list
    }

    /// In the plain format; fails if any part has refined reservations.
    pub fn to_plain_vec(&self) -> Result<Vec<Resource>, ResourceError> {
        let mut list = self.to_vec();
        list.iter_mut().try_for_each(downgrade)?;
        Ok(list)
    }

    /// As an offer carries them to a framework with or without these two capabilities. Without
    /// `RESERVATION_REFINEMENT`, parts that cannot be written plainly are left out; the allocator
    /// does not offer them.
    pub fn to_offer_vec(&self, multi_role: bool, refinement: bool) -> Vec<Resource> {
        let mut list = self.to_vec();
        if !multi_role {
            list.iter_mut().for_each(|resource| resource.allocation_info = None);
        }
        if !refinement {
            list.retain_mut(|resource| downgrade(resource).is_ok());
        }
        list
    }

    /// As `/state` and its kin show them: one number or text a name. `cpus`, `gpus`, `mem` and
    /// `disk` are always there; revocable resources have names of their own.
    pub fn to_v0_object(&self) -> Map<String, Value> {
        let mut scalars: BTreeMap<String, Fixed> =
            ["cpus", "gpus", "mem", "disk"].map(|name| (name.to_owned(), Fixed::ZERO)).into();
        let mut ranges: BTreeMap<String, Ranges> = BTreeMap::new();
        let mut sets: BTreeMap<String, Set> = BTreeMap::new();
        for resource in self.iter() {
            let suffix = if resource.revocable.is_some() { "_revocable" } else { "" };
            let name = format!("{}{suffix}", resource.name);
            if let Some(scalar) = resource.scalar {
                *scalars.entry(name).or_default() += scalar.to_fixed();
            } else if let Some(more) = &resource.ranges {
                ranges.entry(name).or_default().add(more);
            } else if let Some(more) = &resource.set {
                sets.entry(name).or_default().add(more);
            }
        }
        let scalars = scalars.into_iter().map(|(name, sum)| (name, json!(sum.to_f64())));
        let ranges = ranges.into_iter().map(|(name, all)| (name, json!(all.to_string())));
        let sets = sets.into_iter().map(|(name, all)| (name, json!(all.to_string())));
        scalars.chain(ranges).chain(sets).collect()
    }
}

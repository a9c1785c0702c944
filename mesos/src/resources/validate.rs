//! What makes resources valid, in Mesos's words (rows VA-11, VA-12, VA-13).

use std::collections::{BTreeMap, BTreeSet};

use super::{is_persistent_volume, is_unreserved};
use crate::ids::{IdError, validate_id};
use crate::resource::{DiskSourceType, ReservationType, Resource};
use crate::role::{self, DEFAULT_ROLE, RoleError};
use crate::value::{Ranges, ValueError, ValueType};

/// Why resources were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ResourceError {
    #[error("Resource '{resource}' is invalid: {reason}")]
    Invalid { resource: String, reason: Box<ResourceError> },
    #[error("Empty resource name")]
    EmptyName,
    #[error("Invalid {0} resource")]
    Amount(&'static str),
    #[error("Invalid scalar resource: value < 0")]
    Negative,
    #[error("Invalid ranges resource: begin > end")]
    Inverted,
    #[error("Invalid ranges resource: overlapping ranges")]
    Overlapping,
    #[error("Invalid set resource: duplicated elements")]
    Duplicated,
    #[error("Unsupported resource type")]
    Text,
    #[error("DiskInfo should not be set for {0} resource")]
    DiskInfoOn(String),
    #[error("DiskInfo::Source 'type' set to '{kind}' but missing '{field}' data")]
    SourceData { kind: &'static str, field: &'static str },
    #[error("Unsupported 'DiskInfo.Source.Type' in 'DiskInfo.Source'")]
    SourceType,
    #[error("Invalid reservation: {0}")]
    Reservation(&'static str),
    #[error("Invalid reservation: role '{0}' cannot be reserved")]
    ReservedDefaultRole(String),
    #[error("Invalid refined reservation: A refined reservation cannot be STATIC")]
    RefinedStatic,
    #[error("Invalid refined reservation: role '{role}' is not a refinement of '{parent}'")]
    NotARefinement { role: String, parent: String },
    #[error("Invalid resource format: {0}")]
    Format(&'static str),
    #[error(
        "Invalid resource format: 'Resource.role' field with '{role}' does not match the role \
         '{reserved}' in 'Resource.reservations'"
    )]
    RoleMismatch { role: String, reserved: String },
    #[error(transparent)]
    Role(#[from] RoleError),
    #[error("Resource {0} cannot be shared")]
    CannotBeShared(String),
    #[error("Only persistent volumes can be shared")]
    OnlyVolumesAreShared,
    #[error("Cannot downgrade resources containing refined reservations: {0}")]
    CannotDowngrade(String),
    #[error("Bad value for resources, missing or extra ':' in {0}")]
    Pair(String),
    #[error("Bad value for resources, mismatched parentheses in {0}")]
    Parentheses(String),
    #[error("Failed to parse resource {name} value {value} error {reason}")]
    Value { name: String, value: String, reason: ValueError },
    #[error("Bad type for resource {name} value {value} type TEXT")]
    TextValue { name: String, value: String },
    #[error("{0}")]
    Json(String),
    #[error("Resources with the same name ('{0}') but different types are not allowed")]
    Types(String),
    #[error("The 'gpus' resource must be an unsigned integer")]
    Gpus,
    #[error("{0}")]
    Volume(&'static str),
    #[error("Invalid persistence ID for persistent volume: {0}")]
    PersistenceId(IdError),
    #[error("Persistence ID '{0}' is not unique")]
    PersistenceIdTwice(String),
    #[error("Cannot use both revocable and non-revocable '{0}' at the same time")]
    RevocableMix(String),
    #[error("Some resources have a resource provider and some do not")]
    ProviderMix,
    #[error("Resources from different resource providers cannot be used together")]
    Providers,
}

use ResourceError::*;

/// Checks resources in the refined format.
pub fn validate(resources: &[Resource]) -> Result<(), ResourceError> {
    resources.iter().try_for_each(|resource| {
        validate_one(resource)
            .map_err(|reason| Invalid { resource: resource.to_string(), reason: Box::new(reason) })
    })
}

/// Checks one resource in the refined format.
pub fn validate_one(resource: &Resource) -> Result<(), ResourceError> {
    if resource.name.is_empty() {
        return Err(EmptyName);
    }
    validate_amount(resource)?;
    validate_disk_source(resource)?;
    validate_format(resource)?;
    validate_reservations(resource)?;
    if resource.shared.is_some() {
        if resource.name != "disk" {
            return Err(CannotBeShared(resource.name.clone()));
        }
        if !is_persistent_volume(resource) {
            return Err(OnlyVolumesAreShared);
        }
    }
    Ok(())
}

/// The amount must be of the resource's type, and of no other.
fn validate_amount(resource: &Resource) -> Result<(), ResourceError> {
    match (resource.r#type, &resource.scalar, &resource.ranges, &resource.set) {
        (ValueType::Scalar, Some(scalar), None, None) => match scalar.value {
            value if value < 0.0 => Err(Negative),
            value if !value.is_finite() => Err(Amount("scalar")),
            _ => Ok(()),
        },
        (ValueType::Ranges, None, Some(ranges), None) => validate_ranges(ranges),
        (ValueType::Set, None, None, Some(set)) => {
            let distinct: BTreeSet<&String> = set.item.iter().collect();
            if distinct.len() < set.item.len() { Err(Duplicated) } else { Ok(()) }
        }
        (ValueType::Scalar, ..) => Err(Amount("scalar")),
        (ValueType::Ranges, ..) => Err(Amount("ranges")),
        (ValueType::Set, ..) => Err(Amount("set")),
        (ValueType::Text, ..) => Err(Text),
    }
}

fn validate_ranges(ranges: &Ranges) -> Result<(), ResourceError> {
    if ranges.range.iter().any(|range| range.begin > range.end) {
        return Err(Inverted);
    }
    let mut sorted = ranges.range.clone();
    sorted.sort_unstable_by_key(|range| range.begin);
    if sorted.windows(2).any(|pair| pair[1].begin <= pair[0].end) {
        return Err(Overlapping);
    }
    Ok(())
}

fn validate_disk_source(resource: &Resource) -> Result<(), ResourceError> {
    let Some(disk) = &resource.disk else { return Ok(()) };
    if resource.name != "disk" {
        return Err(DiskInfoOn(resource.name.clone()));
    }
    let Some(source) = &disk.source else { return Ok(()) };
    match source.r#type {
        DiskSourceType::Path if source.path.is_none() => {
            Err(SourceData { kind: "PATH", field: "path" })
        }
        DiskSourceType::Mount if source.mount.is_none() => {
            Err(SourceData { kind: "MOUNT", field: "mount" })
        }
        DiskSourceType::Unknown => Err(SourceType),
        _ => Ok(()),
    }
}

/// Checks that a resource is in one of the three formats (see `format.rs`).
pub(super) fn validate_format(resource: &Resource) -> Result<(), ResourceError> {
    let role = resource.role.as_deref();
    if let Some(role) = role {
        role::validate(role)?;
    }
    validate_both(resource)?;
    let Some(reservation) = &resource.reservation else { return Ok(()) };
    if reservation.r#type.is_some() {
        return Err(Format(
            "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
        ));
    }
    if reservation.role.is_some() {
        return Err(Format(
            "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field",
        ));
    }
    if role.is_none_or(|role| role == DEFAULT_ROLE) && resource.reservations.is_empty() {
        return Err(Reservation("role \"*\" cannot be dynamically reserved"));
    }
    Ok(())
}

/// Checks that the plain form beside a stack says the same as the stack.
fn validate_both(resource: &Resource) -> Result<(), ResourceError> {
    let (role, plain) = (resource.role.as_deref(), resource.reservation.as_ref());
    let stacked = match resource.reservations.as_slice() {
        [] => return Ok(()),
        [stacked] => stacked,
        _ if role.is_some() => {
            return Err(Format(
                "'Resource.role' must not be set if there is more than one reservation in \
                 'Resource.reservations'",
            ));
        }
        _ if plain.is_some() => {
            return Err(Format(
                "'Resource.reservation' must not be set if there is more than one reservation in \
                 'Resource.reservations'",
            ));
        }
        _ => return Ok(()),
    };
    if role.is_some() && role != stacked.role.as_deref() {
        return Err(RoleMismatch {
            role: role.unwrap_or_default().to_owned(),
            reserved: stacked.role.clone().unwrap_or_default(),
        });
    }
    match (stacked.r#type, plain) {
        (Some(ReservationType::Static), Some(_)) => Err(Format(
            "'Resource.reservation' must not be set if the single reservation in \
             'Resource.reservations' is STATIC",
        )),
        (Some(ReservationType::Dynamic), plain) if role.is_some() != plain.is_some() => {
            Err(Format(
                "'Resource.role' and 'Resource.reservation' must either be both set or both not \
                 set if the single reservation in 'Resource.reservations' is DYNAMIC",
            ))
        }
        (_, Some(plain)) if plain.principal != stacked.principal => Err(Format(
            "the principals in 'Resource.reservation' and 'Resource.reservations' differ",
        )),
        (_, Some(plain)) if plain.labels != stacked.labels => {
            Err(Format("the labels in 'Resource.reservation' and 'Resource.reservations' differ"))
        }
        _ => Ok(()),
    }
}

/// Checks a stack: every reservation names its type and role, and refines the one below.
fn validate_reservations(resource: &Resource) -> Result<(), ResourceError> {
    let mut below: Option<&str> = None;
    for reservation in &resource.reservations {
        match reservation.r#type {
            None | Some(ReservationType::Unknown) => {
                return Err(Reservation("'Resource.ReservationInfo.type' field must be set"));
            }
            Some(ReservationType::Static) if below.is_some() => return Err(RefinedStatic),
            Some(_) => {}
        }
        let Some(role) = reservation.role.as_deref() else {
            return Err(Reservation("'Resource.ReservationInfo.role' field must be set"));
        };
        role::validate(role)?;
        if role == DEFAULT_ROLE {
            return Err(ReservedDefaultRole(role.to_owned()));
        }
        if let Some(parent) = below
            && !role::is_strict_subrole_of(role, parent)
        {
            return Err(NotARefinement { role: role.to_owned(), parent: parent.to_owned() });
        }
        below = Some(role);
    }
    Ok(())
}

/// Checks that graphics processors are whole.
pub fn validate_gpus(resources: &[Resource]) -> Result<(), ResourceError> {
    let fractional = |resource: &Resource| {
        resource.scalar.is_some_and(|scalar| scalar.to_fixed().thousandths() % 1000 != 0)
    };
    match resources.iter().any(|resource| resource.name == "gpus" && fractional(resource)) {
        true => Err(Gpus),
        false => Ok(()),
    }
}

/// Checks that what has a `disk` says what it is: a sound persistent volume, or a source.
pub fn validate_disk_infos(resources: &[Resource]) -> Result<(), ResourceError> {
    for resource in resources {
        let Some(disk) = &resource.disk else { continue };
        let Some(persistence) = &disk.persistence else {
            if disk.volume.is_some() {
                return Err(Volume("Non-persistent volume not supported"));
            }
            if disk.source.is_none() {
                return Err(Volume("DiskInfo is set but empty"));
            }
            continue;
        };
        if resource.revocable.is_some() {
            return Err(Volume("Persistent volumes cannot be created from revocable resources"));
        }
        if is_unreserved(resource) {
            return Err(Volume("Persistent volumes cannot be created from unreserved resources"));
        }
        let Some(volume) = &disk.volume else {
            return Err(Volume("Expecting 'volume' to be set for persistent volume"));
        };
        if volume.host_path.is_some() {
            return Err(Volume("Expecting 'host_path' to be unset for persistent volume"));
        }
        validate_id(&persistence.id).map_err(PersistenceId)?;
    }
    Ok(())
}

/// Checks that no two volumes of a role have one persistence id.
pub fn validate_unique_persistence_ids(resources: &[Resource]) -> Result<(), ResourceError> {
    let mut seen = BTreeSet::new();
    for resource in resources.iter().filter(|one| one.shared.is_none()) {
        let id = resource.disk.as_ref().and_then(|disk| disk.persistence.as_ref());
        let Some(id) = id.map(|persistence| persistence.id.as_str()) else { continue };
        if !seen.insert((super::reservation_role(resource), id)) {
            return Err(PersistenceIdTwice(id.to_owned()));
        }
    }
    Ok(())
}

/// Checks that no name occurs both revocable and not.
pub fn validate_revocable_mixing(resources: &[Resource]) -> Result<(), ResourceError> {
    let mut revocable: BTreeMap<&str, bool> = BTreeMap::new();
    for resource in resources {
        let is = resource.revocable.is_some();
        if *revocable.entry(&resource.name).or_insert(is) != is {
            return Err(RevocableMix(resource.name.clone()));
        }
    }
    Ok(())
}

/// Checks that all resources come from one provider, or all from none.
pub fn validate_single_provider(resources: &[Resource]) -> Result<(), ResourceError> {
    let Some((first, rest)) = resources.split_first() else { return Ok(()) };
    for resource in rest {
        match (&first.provider_id, &resource.provider_id) {
            (Some(left), Some(right)) if left != right => return Err(Providers),
            (Some(_), None) | (None, Some(_)) => return Err(ProviderMix),
            _ => {}
        }
    }
    Ok(())
}

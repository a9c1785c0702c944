//! What makes resources valid, in Mesos's words (rows VA-11, VA-12, VA-13).

use std::collections::{BTreeMap, BTreeSet};

use super::{is_persistent_volume, is_unreserved};
use crate::ids::{IdError, validate_id};
use crate::resource::{DiskSourceType, ReservationInfo, ReservationType, Resource};
use crate::role::{self, DEFAULT_ROLE, RoleError};
use crate::value::{Fixed, Ranges, ValueError, ValueType};

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
    #[error("Invalid scalar resource: value <= 0")]
    NotPositive,
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
    #[error("{field} should not be set for {kind} disk source")]
    SourceData { field: &'static str, kind: DiskSourceType },
    #[error("Unsupported 'DiskInfo.Source.Type' in '{0}'")]
    SourceType(String),
    #[error("{0}")]
    Reservation(&'static str),
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
    #[error(
        "Invalid resource format: 'Resource.reservation.{field}' field with '{plain}' does not \
         match the {field} '{stacked}' in 'Resource.reservations'"
    )]
    Mismatch { field: &'static str, plain: String, stacked: String },
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
    #[error("The resources have multiple resource providers: {0}")]
    Providers(String),
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
            value if !value.is_finite() => Err(Amount("scalar")),
            // Neither less than nothing, nor what would be written as nothing.
            value if value != 0.0 && scalar.to_fixed() <= Fixed::default() => Err(NotPositive),
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
        kind @ (DiskSourceType::Block | DiskSourceType::Raw) => {
            if source.mount.is_some() {
                return Err(SourceData { field: "Mount", kind });
            }
            if source.path.is_some() {
                return Err(SourceData { field: "Path", kind });
            }
            Ok(())
        }
        DiskSourceType::Unknown => Err(SourceType(source.to_string())),
        DiskSourceType::Path | DiskSourceType::Mount => Ok(()),
    }
}

/// Checks that a resource is in one of the three formats (see `format.rs`), and how it is reserved.
pub(super) fn validate_format(resource: &Resource) -> Result<(), ResourceError> {
    if resource.reservations.is_empty() {
        return validate_plain(resource);
    }
    validate_stack(&resource.reservations)?;
    match resource.reservations.as_slice() {
        [stacked] => validate_both(resource, stacked),
        _ if resource.role.is_some() => Err(Format(
            "'Resource.role' must not be set if there is more than one reservation in \
             'Resource.reservations'",
        )),
        _ if resource.reservation.is_some() => Err(Format(
            "'Resource.reservation' must not be set if there is more than one reservation in \
             'Resource.reservations'",
        )),
        _ => Ok(()),
    }
}

/// Checks the plain form.
fn validate_plain(resource: &Resource) -> Result<(), ResourceError> {
    let role = resource.role.as_deref().unwrap_or(DEFAULT_ROLE);
    role::validate(role)?;
    let Some(reservation) = &resource.reservation else { return Ok(()) };
    if reservation.r#type.is_some() {
        return Err(Reservation(
            "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
        ));
    }
    if reservation.role.is_some() {
        return Err(Reservation(
            "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field",
        ));
    }
    if role == DEFAULT_ROLE {
        return Err(Reservation("Invalid reservation: role \"*\" cannot be dynamically reserved"));
    }
    Ok(())
}

/// Checks that the plain form beside a single reservation says the same as that.
fn validate_both(resource: &Resource, stacked: &ReservationInfo) -> Result<(), ResourceError> {
    let (role, plain) = (resource.role.as_deref(), resource.reservation.as_ref());
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
        (Some(ReservationType::Dynamic), Some(plain)) => same_maker(plain, stacked),
        (Some(ReservationType::Unknown), _) => {
            Err(Reservation("Unsupported 'Resource.ReservationInfo.Type'"))
        }
        _ => Ok(()),
    }
}

fn same_maker(plain: &ReservationInfo, stacked: &ReservationInfo) -> Result<(), ResourceError> {
    let text = |principal: &Option<String>| principal.clone().unwrap_or_default();
    if text(&plain.principal) != text(&stacked.principal) {
        let (plain, stacked) = (text(&plain.principal), text(&stacked.principal));
        return Err(Mismatch { field: "principal", plain, stacked });
    }
    if plain.labels != stacked.labels {
        let text = |of: &ReservationInfo| of.labels.clone().unwrap_or_default().to_string();
        return Err(Mismatch { field: "labels", plain: text(plain), stacked: text(stacked) });
    }
    Ok(())
}

/// Checks a stack: every reservation names its type and role, and refines the one below.
fn validate_stack(stack: &[ReservationInfo]) -> Result<(), ResourceError> {
    for reservation in stack {
        if reservation.r#type.is_none() {
            return Err(Reservation(
                "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
            ));
        }
        let Some(role) = reservation.role.as_deref() else {
            return Err(Reservation(
                "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.",
            ));
        };
        role::validate(role)?;
        if role == DEFAULT_ROLE {
            return Err(Reservation("Invalid reservation: role \"*\" cannot be reserved"));
        }
    }
    for pair in stack.windows(2) {
        if pair[1].r#type == Some(ReservationType::Static) {
            return Err(RefinedStatic);
        }
        let role = |of: &ReservationInfo| of.role.clone().unwrap_or_default();
        let (parent, role) = (role(&pair[0]), role(&pair[1]));
        if !role::is_strict_subrole_of(&role, &parent) {
            return Err(NotARefinement { role, parent });
        }
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
    let providers: BTreeSet<_> = resources.iter().map(|one| one.provider_id.as_ref()).collect();
    if providers.len() < 2 {
        return Ok(());
    }
    if providers.contains(&None) {
        return Err(ProviderMix);
    }
    let names: Vec<&str> = providers.iter().flatten().map(|id| id.as_str()).collect();
    Err(Providers(names.join(", ")))
}

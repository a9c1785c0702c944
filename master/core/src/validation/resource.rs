//! What may be used of an agent (rows VA-05, VA-11 to VA-13).

use std::collections::BTreeSet;

use mesos::resource::Resource;
use mesos::resources::{self, Resources, is_dynamically_reserved};

use super::{Check, Invalid, expect, invalid, within};

/// Checks resources in the refined format: each for itself, whole GPUs, disks, reservations.
pub fn validate(list: &[Resource]) -> Check {
    resources::validate(list).map_err(within("Invalid resources"))?;
    whole_gpus(list).map_err(within("Invalid 'gpus' resource"))?;
    resources::validate_disk_infos(list).map_err(within("Invalid DiskInfo"))?;
    steady_reservations(list).map_err(within("Invalid ReservationInfo"))
}

/// Nobody can use half of a GPU.
fn whole_gpus(list: &[Resource]) -> Check {
    let gpus = Resources::from(list).scalar("gpus").unwrap_or_default();
    expect(gpus.thousandths() % 1000 == 0, || {
        "The 'gpus' resource must be an unsigned integer".to_owned()
    })
}

/// What may be taken away at any time cannot be reserved.
fn steady_reservations(list: &[Resource]) -> Check {
    let shaky = list.iter().find(|one| is_dynamically_reserved(one) && one.revocable.is_some());
    match shaky {
        Some(shaky) => invalid(format!(
            "Dynamically reserved resource {shaky} cannot be created from revocable resources"
        )),
        None => Ok(()),
    }
}

/// Checks that no two volumes of a role have one persistence id. Copies of a shared volume are one.
pub fn unique_persistence_ids(resources: &Resources) -> Check {
    let mut seen = BTreeSet::new();
    for volume in resources.persistent_volumes().iter() {
        let persistence = volume.disk.as_ref().and_then(|disk| disk.persistence.as_ref());
        let id = persistence.map_or("", |persistence| &persistence.id);
        let role = resources::reservation_role(volume).map(str::to_owned);
        expect(seen.insert((role, id.to_owned())), || {
            format!("Persistence ID '{id}' is not unique")
        })?;
    }
    Ok(())
}

/// Checks that no name occurs both revocable and not: nobody could tell which part is taken away.
pub fn unmixed(list: &[Resource]) -> Check {
    resources::validate_revocable_mixing(list).map_err(|why| Invalid(why.to_string()))
}

/// Checks that all is allocated, to one role.
pub fn one_role(list: &[Resource]) -> Check {
    let mut first: Option<&str> = None;
    for resource in list {
        let role = resource.allocation_info.as_ref().and_then(|info| info.role.as_deref());
        let Some(role) = role else {
            return invalid("The resources are not allocated to a role");
        };
        let first = *first.get_or_insert(role);
        expect(role == first, || {
            format!(
                "The resources have multiple allocation roles ('{role}' and '{first}') but only \
                 one allocation role is allowed"
            )
        })?;
    }
    Ok(())
}

/// Whether a port, or another element of ranges or sets, occurs in more than one of the parts.
pub fn overlap(parts: &[&Resources]) -> bool {
    /// How many elements there are in ranges and sets.
    fn elements(resources: &Resources) -> u128 {
        let count = |resource: &Resource| {
            let ranges = resource.ranges.iter().flat_map(|ranges| &ranges.range);
            let sizes = ranges.map(|range| u128::from(range.end.saturating_sub(range.begin)) + 1);
            sizes.sum::<u128>() + resource.set.as_ref().map_or(0, |set| set.item.len() as u128)
        };
        resources.iter().map(count).sum()
    }
    let apart: u128 = parts.iter().map(|part| elements(part)).sum();
    let mut together = Resources::default();
    for part in parts {
        together += *part;
    }
    apart != elements(&together)
}

/// Resources as they read in messages.
pub(super) fn shown(list: &[Resource]) -> String {
    Resources::from(list).to_string()
}

#[cfg(test)]
mod tests {
    use mesos::resource::{
        AllocationInfo, DiskInfo, Persistence, ReservationInfo, ReservationType, RevocableInfo,
    };
    use mesos::volume::{Volume, VolumeMode};

    use super::*;
    use crate::validation::words;

    fn parse(text: &str) -> Resources {
        Resources::parse(text, "*").expect("test resources are valid")
    }

    fn reserved(resource: Resource) -> Resource {
        let reservation = ReservationInfo {
            r#type: Some(ReservationType::Dynamic),
            role: Some("r".to_owned()),
            ..ReservationInfo::default()
        };
        Resource { reservations: vec![reservation], ..resource }
    }

    fn volume(id: &str) -> Resource {
        let disk = DiskInfo {
            persistence: Some(Persistence { id: id.to_owned(), principal: None }),
            volume: Some(Volume {
                mode: VolumeMode::Rw,
                container_path: "data".to_owned(),
                ..Volume::default()
            }),
            source: None,
        };
        Resource { disk: Some(Box::new(disk)), ..reserved(Resource::of_scalar("disk", 1.0)) }
    }

    #[test]
    fn sound_resources_pass() {
        let mut list = parse("cpus:1.5;gpus:2;ports:[1-2]").to_vec();
        list.push(volume("v"));
        assert_eq!(validate(&list), Ok(()));
    }

    #[test]
    fn each_resource_must_be_valid_for_itself() {
        let negative = Resource::of_scalar("cpus", -1.0);
        assert_eq!(
            words(validate(&[negative])),
            "Invalid resources: Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
        );
    }

    #[test]
    fn gpus_are_whole() {
        assert_eq!(
            words(validate(&[Resource::of_scalar("gpus", 1.5)])),
            "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"
        );
        let halves = [Resource::of_scalar("gpus", 0.5), Resource::of_scalar("gpus", 0.5)];
        assert_eq!(validate(&halves), Ok(()), "two halves are one, as in Mesos");
    }

    #[test]
    fn volumes_say_where_they_are_mounted() {
        let mut unmounted = volume("v");
        if let Some(disk) = &mut unmounted.disk {
            disk.volume = None;
        }
        assert_eq!(
            words(validate(&[unmounted])),
            "Invalid DiskInfo: Expecting 'volume' to be set for persistent volume"
        );
        let mut of_the_host = volume("v");
        if let Some(volume) = of_the_host.disk.as_mut().and_then(|disk| disk.volume.as_mut()) {
            volume.host_path = Some("/tmp".to_owned());
        }
        assert_eq!(
            words(validate(&[of_the_host])),
            "Invalid DiskInfo: Expecting 'host_path' to be unset for persistent volume"
        );
    }

    #[test]
    fn volumes_are_reserved_and_for_good() {
        let unreserved = Resource { reservations: Vec::new(), ..volume("v") };
        assert_eq!(
            words(validate(&[unreserved])),
            "Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources"
        );
        let revocable = Resource { revocable: Some(RevocableInfo::default()), ..volume("v") };
        assert_eq!(
            words(validate(&[revocable])),
            "Invalid DiskInfo: Persistent volumes cannot be created from revocable resources"
        );
        assert_eq!(
            words(validate(&[volume("..")])),
            "Invalid DiskInfo: Invalid persistence ID for persistent volume: '..' is disallowed"
        );
    }

    #[test]
    fn revocable_resources_cannot_be_reserved() {
        let shaky = Resource {
            revocable: Some(RevocableInfo::default()),
            ..reserved(Resource::of_scalar("cpus", 1.0))
        };
        assert_eq!(
            words(validate(&[shaky])),
            "Invalid ReservationInfo: Dynamically reserved resource \
             cpus(reservations: [(DYNAMIC,r)]){REV}:1 cannot be created from revocable resources"
        );
    }

    #[test]
    fn persistence_ids_are_unique_in_their_role() {
        let two = |one, other| Resources::from(vec![one, other]);
        assert_eq!(unique_persistence_ids(&two(volume("a"), volume("b"))), Ok(()));
        let mut elsewhere = volume("a");
        elsewhere.reservations[0].role = Some("other".to_owned());
        assert_eq!(unique_persistence_ids(&two(volume("a"), elsewhere)), Ok(()));
        let mut larger = volume("a");
        larger.scalar = Some(2.0.into());
        assert_eq!(
            words(unique_persistence_ids(&two(volume("a"), larger))),
            "Persistence ID 'a' is not unique"
        );
    }

    #[test]
    fn revocable_and_other_resources_do_not_mix() {
        let cpus = Resource::of_scalar("cpus", 1.0);
        let revocable = Resource { revocable: Some(RevocableInfo::default()), ..cpus.clone() };
        assert_eq!(unmixed(&[revocable.clone(), Resource::of_scalar("mem", 1.0)]), Ok(()));
        assert_eq!(
            words(unmixed(&[cpus, revocable])),
            "Cannot use both revocable and non-revocable 'cpus' at the same time"
        );
    }

    #[test]
    fn all_is_allocated_to_one_role() {
        let allocated = |role: &str| Resource {
            allocation_info: Some(AllocationInfo { role: Some(role.to_owned()) }),
            ..Resource::of_scalar("cpus", 1.0)
        };
        assert_eq!(one_role(&[allocated("a"), allocated("a")]), Ok(()));
        assert_eq!(
            words(one_role(&[allocated("a"), allocated("b")])),
            "The resources have multiple allocation roles ('b' and 'a') but only one allocation \
             role is allowed"
        );
        assert_eq!(
            words(one_role(&[Resource::of_scalar("cpus", 1.0)])),
            "The resources are not allocated to a role"
        );
    }

    #[test]
    fn a_port_is_used_once() {
        let ports = |text: &str| parse(text);
        assert!(!overlap(&[&ports("ports:[1-5]"), &ports("ports:[6-9]")]));
        assert!(overlap(&[&ports("ports:[1-5]"), &ports("cpus:1"), &ports("ports:[5-9]")]));
        assert!(overlap(&[&ports("disks:{a,b}"), &ports("disks:{b,c}")]));
        assert!(!overlap(&[&ports("cpus:1;disks:{a}"), &ports("cpus:1;disks:{b}")]));
        // All ports that there can be are more than a counter holds.
        let all = ports(&format!("ports:[0-{}]", u64::MAX));
        assert!(!overlap(&[&all, &ports("cpus:1")]));
        assert!(overlap(&[&all, &all]));
    }
}

//! Parts of a sum, and sums with other reservations or allocations.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entry, Resources};
use crate::resource::{AllocationInfo, ReservationInfo, ReservationType, Resource};
use crate::role;

/// The role for which a resource is reserved: the innermost of the stack.
pub fn reservation_role(resource: &Resource) -> Option<&str> {
    resource.reservations.last()?.role.as_deref()
}

/// Whether a resource is not reserved.
pub fn is_unreserved(resource: &Resource) -> bool {
    resource.reservations.is_empty()
}

/// Whether a resource is reserved, for this role if one is given.
pub fn is_reserved(resource: &Resource, role: Option<&str>) -> bool {
    match role {
        None => !is_unreserved(resource),
        Some(role) => reservation_role(resource) == Some(role),
    }
}

/// Whether the innermost reservation was made at run time and can be undone.
pub fn is_dynamically_reserved(resource: &Resource) -> bool {
    resource
        .reservations
        .last()
        .is_some_and(|reservation| reservation.r#type == Some(ReservationType::Dynamic))
}

/// Whether a resource is a persistent volume.
pub fn is_persistent_volume(resource: &Resource) -> bool {
    resource.disk.as_ref().is_some_and(|disk| disk.persistence.is_some())
}

/// Whether a framework in this role may be offered a resource: it is unreserved, or reserved for
/// the role or one above it.
pub fn is_allocatable_to(resource: &Resource, role: &str) -> bool {
    match reservation_role(resource) {
        None => true,
        Some(owner) => role::is_subrole_of(role, owner),
    }
}

impl Resources {
    /// The parts that satisfy a predicate.
    pub fn filter(&self, predicate: impl Fn(&Resource) -> bool) -> Resources {
        let entries = self.entries.iter().filter(|entry| predicate(&entry.resource));
        Resources { entries: entries.cloned().collect() }
    }

    /// What is not reserved.
    pub fn unreserved(&self) -> Resources {
        self.filter(is_unreserved)
    }

    /// What is reserved, for this role if one is given.
    pub fn reserved(&self, role: Option<&str>) -> Resources {
        self.filter(|resource| is_reserved(resource, role))
    }

    /// What is reserved, by role.
    pub fn reservations(&self) -> BTreeMap<String, Resources> {
        self.group_by(reservation_role)
    }

    /// What is allocated, by role.
    pub fn allocations(&self) -> BTreeMap<String, Resources> {
        self.group_by(|resource| resource.allocation_info.as_ref()?.role.as_deref())
    }

    fn group_by(&self, key: impl Fn(&Resource) -> Option<&str>) -> BTreeMap<String, Resources> {
        let mut groups: BTreeMap<String, Resources> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(key) = key(&entry.resource) {
                match groups.get_mut(key) {
                    // The parts of a sum are apart already, and so are those of a group.
                    Some(group) => group.entries.push(entry.clone()),
                    None => {
                        let group = Resources { entries: vec![entry.clone()] };
                        groups.insert(key.to_owned(), group);
                    }
                }
            }
        }
        groups
    }

    /// What may be taken back at any time.
    pub fn revocable(&self) -> Resources {
        self.filter(|resource| resource.revocable.is_some())
    }

    /// What stays for as long as it is used.
    pub fn nonrevocable(&self) -> Resources {
        self.filter(|resource| resource.revocable.is_none())
    }

    /// What several tasks may use at once.
    pub fn shared(&self) -> Resources {
        self.filter(|resource| resource.shared.is_some())
    }

    /// What only one task may use.
    pub fn nonshared(&self) -> Resources {
        self.filter(|resource| resource.shared.is_none())
    }

    /// Persistent volumes.
    pub fn persistent_volumes(&self) -> Resources {
        self.filter(is_persistent_volume)
    }

    /// Scalars.
    pub fn scalars(&self) -> Resources {
        self.filter(|resource| resource.scalar.is_some())
    }

    /// What a framework in this role may be offered.
    pub fn allocatable_to(&self, role: &str) -> Resources {
        self.filter(|resource| is_allocatable_to(resource, role))
    }

    /// How many copies of a shared resource there are.
    pub fn copies_of(&self, resource: &Resource) -> u32 {
        let wanted = Resources::from(resource);
        let held = self.entries.iter().filter(|entry| {
            let one = Resources { entries: vec![Entry { copies: 1, ..(*entry).clone() }] };
            one == wanted
        });
        held.map(|entry| entry.copies).sum()
    }

    /// Everything allocated to this role.
    pub fn allocate(&mut self, role: &str) {
        for entry in &mut self.entries {
            let allocated =
                entry.resource.allocation_info.as_ref().and_then(|info| info.role.as_deref());
            if allocated != Some(role) {
                Arc::make_mut(&mut entry.resource).allocation_info =
                    Some(AllocationInfo { role: Some(role.to_owned()) });
            }
        }
        self.rejoin();
    }

    /// Everything without allocation.
    pub fn unallocate(&mut self) {
        if self.entries.iter().all(|entry| entry.resource.allocation_info.is_none()) {
            return;
        }
        self.change(|resource| resource.allocation_info = None);
    }

    /// Everything reserved once more, on top of the reservations that it has.
    pub fn push_reservation(&self, reservation: &ReservationInfo) -> Resources {
        self.changed(|resource| resource.reservations.push(reservation.clone()))
    }

    /// Everything without its innermost reservation; what is unreserved stays so.
    pub fn pop_reservation(&self) -> Resources {
        self.changed(|resource| {
            resource.reservations.pop();
        })
    }

    /// Everything without its reservations.
    pub fn to_unreserved(&self) -> Resources {
        self.changed(|resource| resource.reservations.clear())
    }

    /// The sum after a change to every part.
    pub(super) fn changed(&self, change: impl Fn(&mut Resource)) -> Resources {
        let mut changed = self.clone();
        changed.change(change);
        changed
    }

    fn change(&mut self, change: impl Fn(&mut Resource)) {
        for entry in &mut self.entries {
            change(Arc::make_mut(&mut entry.resource));
        }
        self.rejoin();
    }

    /// Joins parts that a change has made alike.
    fn rejoin(&mut self) {
        if self.entries.len() > 1 {
            let entries = std::mem::take(&mut self.entries);
            entries.iter().for_each(|entry| self.add_entry(entry));
        }
    }
}

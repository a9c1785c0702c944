//! Sums, differences and containment.
//!
//! A difference never goes below zero: what is taken away and is not there is not missed.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::Arc;

use super::{Entry, Resources};
use crate::discovery::{Label, Labels};
use crate::resource::{DiskInfo, DiskSource, DiskSourceType, ReservationInfo, Resource};
use crate::value::{Fixed, Ranges, Scalar, Set, ValueType};

impl Resources {
    /// Whether `other` could be taken from it whole.
    pub fn contains(&self, other: &Resources) -> bool {
        other.entries.iter().enumerate().all(|(index, wanted)| {
            let mut held = self.entries.iter().filter(|held| held.contains(wanted));
            if wanted.is_joinable() || wanted.is_shared() {
                return held.next().is_some();
            }
            // Exclusive parts stay apart even when equal, so that each needs one of its own.
            let earlier = other.entries[..index].iter().filter(|entry| entry.contains(wanted));
            held.nth(earlier.count()).is_some()
        })
    }

    /// Whether this one resource, in any format, could be taken from it whole.
    pub fn contains_resource(&self, other: &Resource) -> bool {
        let other = Resources::from(other);
        !other.is_empty() && self.contains(&other)
    }

    /// Adds a resource that is valid and has its reservations as a stack.
    pub(super) fn add_normal(&mut self, mut resource: Resource) {
        match resource.r#type {
            ValueType::Scalar => {
                resource.scalar = resource.scalar.map(|scalar| scalar.to_fixed().into());
            }
            ValueType::Ranges => {
                if let Some(ranges) = &mut resource.ranges {
                    ranges.coalesce();
                }
            }
            ValueType::Set | ValueType::Text => {}
        }
        self.add_entry(&Entry { resource: Arc::new(resource), copies: 1 });
    }

    pub(super) fn add_entry(&mut self, entry: &Entry) {
        if entry.is_empty() {
            return;
        }
        match self.entries.iter_mut().find(|held| held.takes(entry)) {
            Some(held) => held.add(entry),
            None => self.entries.push(entry.clone()),
        }
    }

    fn subtract_entry(&mut self, entry: &Entry) {
        if entry.is_empty() {
            return;
        }
        if let Some(index) = self.entries.iter().position(|held| held.gives(entry)) {
            let held = &mut self.entries[index];
            held.subtract(entry);
            if held.is_empty() {
                self.entries.remove(index);
            }
        }
    }
}

impl Entry {
    pub(super) fn is_shared(&self) -> bool {
        self.resource.shared.is_some()
    }

    fn is_joinable(&self) -> bool {
        !self.is_shared() && !is_exclusive(&self.resource)
    }

    fn is_empty(&self) -> bool {
        self.copies == 0 || is_empty(&self.resource)
    }

    /// Whether `other` can be added to it.
    fn takes(&self, other: &Entry) -> bool {
        match self.is_shared() {
            true => equal(&self.resource, &other.resource),
            false => self.is_joinable() && alike(&self.resource, &other.resource),
        }
    }

    /// Whether `other` can be subtracted from it.
    fn gives(&self, other: &Entry) -> bool {
        match self.is_joinable() {
            true => alike(&self.resource, &other.resource),
            false => equal(&self.resource, &other.resource),
        }
    }

    fn contains(&self, other: &Entry) -> bool {
        self.gives(other)
            && self.copies >= other.copies
            && amount_contains(&self.resource, &other.resource)
    }

    fn add(&mut self, other: &Entry) {
        if self.is_shared() {
            self.copies = self.copies.saturating_add(other.copies);
            return;
        }
        let resource = Arc::make_mut(&mut self.resource);
        if let (Some(own), Some(other)) = (&mut resource.scalar, &other.resource.scalar) {
            *own = (own.to_fixed() + other.to_fixed()).into();
        }
        if let (Some(own), Some(other)) = (&mut resource.ranges, &other.resource.ranges) {
            own.add(other);
        }
        if let (Some(own), Some(other)) = (&mut resource.set, &other.resource.set) {
            own.add(other);
        }
    }

    fn subtract(&mut self, other: &Entry) {
        if self.is_shared() {
            self.copies = self.copies.saturating_sub(other.copies);
            return;
        }
        let resource = Arc::make_mut(&mut self.resource);
        if let (Some(own), Some(other)) = (&mut resource.scalar, &other.resource.scalar) {
            *own = (own.to_fixed() - other.to_fixed()).max(Fixed::ZERO).into();
        }
        if let (Some(own), Some(other)) = (&mut resource.ranges, &other.resource.ranges) {
            own.subtract(other);
        }
        if let (Some(own), Some(other)) = (&mut resource.set, &other.resource.set) {
            own.subtract(other);
        }
    }
}

/// Whether the amount is nothing.
fn is_empty(resource: &Resource) -> bool {
    match resource.r#type {
        ValueType::Scalar => resource.scalar.is_none_or(|scalar| scalar.to_fixed() <= Fixed::ZERO),
        ValueType::Ranges => resource.ranges.as_ref().is_none_or(Ranges::is_empty),
        ValueType::Set => resource.set.as_ref().is_none_or(|set| set.item.is_empty()),
        ValueType::Text => true,
    }
}

/// Whether the resource is one thing that is neither joined with others nor split.
fn is_exclusive(resource: &Resource) -> bool {
    let Some(disk) = &resource.disk else { return false };
    let source_is = disk.source.as_ref().is_some_and(|source| match source.r#type {
        DiskSourceType::Mount | DiskSourceType::Block => true,
        DiskSourceType::Raw => source.id.is_some(),
        DiskSourceType::Path | DiskSourceType::Unknown => false,
    });
    source_is || disk.persistence.is_some()
}

/// Whether two resources are the same but for their amounts.
fn alike(left: &Resource, right: &Resource) -> bool {
    left.name == right.name
        && left.r#type == right.r#type
        && allocated_role(left) == allocated_role(right)
        && left.reservations.len() == right.reservations.len()
        && left.reservations.iter().zip(&right.reservations).all(|(l, r)| same_reservation(l, r))
        && same_disk(left.disk.as_deref(), right.disk.as_deref())
        && left.revocable.is_some() == right.revocable.is_some()
        && left.shared.is_some() == right.shared.is_some()
        && left.provider_id == right.provider_id
}

/// Whether two resources are the same, amounts included.
fn equal(left: &Resource, right: &Resource) -> bool {
    alike(left, right)
        && left.scalar.map(Scalar::to_fixed) == right.scalar.map(Scalar::to_fixed)
        && left.ranges == right.ranges
        && amount_contains(left, right)
        && amount_contains(right, left)
}

fn amount_contains(left: &Resource, right: &Resource) -> bool {
    fn both<T>(left: Option<T>, right: Option<T>, contains: impl Fn(T, T) -> bool) -> bool {
        left.zip(right).is_some_and(|(left, right)| contains(left, right))
    }
    match right.r#type {
        ValueType::Scalar => {
            both(left.scalar, right.scalar, |left, right| left.to_fixed() >= right.to_fixed())
        }
        ValueType::Ranges => both(left.ranges.as_ref(), right.ranges.as_ref(), Ranges::contains),
        ValueType::Set => both(left.set.as_ref(), right.set.as_ref(), Set::contains),
        ValueType::Text => false,
    }
}

fn allocated_role(resource: &Resource) -> Option<&str> {
    resource.allocation_info.as_ref()?.role.as_deref()
}

fn same_reservation(left: &ReservationInfo, right: &ReservationInfo) -> bool {
    left.r#type == right.r#type
        && left.role == right.role
        && left.principal == right.principal
        && same_labels(left.labels.as_deref(), right.labels.as_deref())
}

/// Labels are the same in whatever order they stand.
fn same_labels(left: Option<&Labels>, right: Option<&Labels>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return left.is_none() == right.is_none() };
    let sorted = |labels: &Labels| {
        let mut labels: Vec<Label> = labels.labels.clone();
        labels.sort_by(|l, r| (&l.key, &l.value).cmp(&(&r.key, &r.value)));
        labels
    };
    left == right || left.labels.len() == right.labels.len() && sorted(left) == sorted(right)
}

/// Whether two disks are one. How a task mounts a volume does not matter, nor who made it.
fn same_disk(left: Option<&DiskInfo>, right: Option<&DiskInfo>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return left.is_none() == right.is_none() };
    let persistence_id = |disk: &DiskInfo| disk.persistence.as_ref().map(|one| one.id.clone());
    same_source(left.source.as_ref(), right.source.as_ref())
        && persistence_id(left) == persistence_id(right)
}

fn same_source(left: Option<&DiskSource>, right: Option<&DiskSource>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return left.is_none() == right.is_none() };
    left.r#type == right.r#type
        && left.path == right.path
        && left.mount == right.mount
        && left.vendor == right.vendor
        && left.id == right.id
        && left.profile == right.profile
        && same_labels(left.metadata.as_deref(), right.metadata.as_deref())
}

impl PartialEq for Resources {
    /// The same parts, in whatever order.
    fn eq(&self, other: &Resources) -> bool {
        self.len() == other.len() && self.contains(other) && other.contains(self)
    }
}

impl Eq for Resources {}

impl AddAssign<&Resources> for Resources {
    fn add_assign(&mut self, other: &Resources) {
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        other.entries.iter().for_each(|entry| self.add_entry(entry));
    }
}

impl SubAssign<&Resources> for Resources {
    fn sub_assign(&mut self, other: &Resources) {
        other.entries.iter().for_each(|entry| self.subtract_entry(entry));
    }
}

impl AddAssign<&Resource> for Resources {
    /// Adds a resource in any format; an invalid one is nothing.
    fn add_assign(&mut self, other: &Resource) {
        self.extend([other.clone()]);
    }
}

impl SubAssign<&Resource> for Resources {
    /// Takes away a resource in any format; an invalid one is nothing.
    fn sub_assign(&mut self, other: &Resource) {
        *self -= &Resources::from(other);
    }
}

macro_rules! by_value {
    ($($right:ty),*) => {$(
        impl Add<$right> for Resources {
            type Output = Resources;

            fn add(mut self, other: $right) -> Resources {
                self += other;
                self
            }
        }

        impl Sub<$right> for Resources {
            type Output = Resources;

            fn sub(mut self, other: $right) -> Resources {
                self -= other;
                self
            }
        }

        impl Add<$right> for &Resources {
            type Output = Resources;

            fn add(self, other: $right) -> Resources {
                self.clone() + other
            }
        }

        impl Sub<$right> for &Resources {
            type Output = Resources;

            fn sub(self, other: $right) -> Resources {
                self.clone() - other
            }
        }
    )*};
}

by_value!(&Resources, &Resource, Resources);

impl AddAssign for Resources {
    fn add_assign(&mut self, other: Resources) {
        *self += &other;
    }
}

impl SubAssign for Resources {
    fn sub_assign(&mut self, other: Resources) {
        *self -= &other;
    }
}

impl std::iter::Sum for Resources {
    fn sum<I: Iterator<Item = Resources>>(all: I) -> Resources {
        all.fold(Resources::new(), Add::add)
    }
}

impl<'a> std::iter::Sum<&'a Resources> for Resources {
    fn sum<I: Iterator<Item = &'a Resources>>(all: I) -> Resources {
        all.fold(Resources::new(), Add::add)
    }
}

//! The algebra of resources (row OP-17): what offers, allocations and reservations are made of.
//!
//! [`Resources`] is a sum of [`Resource`]s in normal form: like is joined with like, nothing is
//! empty, scalars are rounded to thousandths, ranges are coalesced, and reservations are written as
//! a stack (`reservations`), never as `role` and `reservation`.
//!
//! Two resources are alike if everything but their amount is the same: name, type, allocation,
//! reservations, disk identity, revocability, provider. Some are never joined or split, alike or
//! not: persistent volumes, `MOUNT` and `BLOCK` disks, `RAW` disks with an id. Shared resources
//! are counted as copies.
//!
//! Reading order: this file (the type and what can be asked of it), `algebra` (sums, differences,
//! containment), `filter` (parts of a sum), `format` (the three ways to write a reservation, and
//! the ways in which endpoints show resources), `validate`, `parse`, `print`, `conversion` (what
//! operations do to resources), [`quantities`] (amounts by name, cheap, for the allocator).

mod algebra;
mod conversion;
mod filter;
mod format;
mod parse;
mod print;
pub mod quantities;
mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use conversion::{Conversion, ConversionError, conversions};
pub use filter::{
    is_allocatable_to, is_dynamically_reserved, is_persistent_volume, is_reserved, is_unreserved,
    reservation_role,
};
pub use format::{downgrade, to_endpoint_format, upgrade, upgrade_all};
pub use parse::{parse_list, parse_one};
pub use quantities::Quantities;
pub use validate::{
    ResourceError, validate, validate_disk_infos, validate_gpus, validate_one,
    validate_revocable_mixing, validate_single_provider, validate_unique_persistence_ids,
};

use crate::resource::Resource;
use crate::value::{Fixed, Ranges, Scalar, ValueType};

/// A sum of resources in normal form. Cheap to clone: the parts are shared until they change.
#[derive(Clone, Default)]
pub struct Resources {
    entries: Vec<Entry>,
}

/// One part of a sum.
#[derive(Clone)]
struct Entry {
    resource: Arc<Resource>,
    /// How many copies of a shared resource there are; 1 for any other.
    copies: u32,
}

impl Resources {
    /// No resources.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Parses `cpus:4;mem(role):1024;ports:[1-9]` or a JSON array of resources.
    pub fn parse(text: &str, default_role: &str) -> Result<Self, ResourceError> {
        let list = parse_list(text, default_role)?;
        Self::try_from_list(list)
    }

    /// The sum of a list in any format; refused if any of it is invalid.
    pub fn try_from_list(mut list: Vec<Resource>) -> Result<Self, ResourceError> {
        upgrade_all(&mut list)?;
        validate(&list)?;
        let mut sum = Self::new();
        list.into_iter().for_each(|resource| sum.add_normal(resource));
        Ok(sum)
    }

    /// The parts, a shared one once however many copies there are.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Resource> + Clone {
        self.entries.iter().map(|entry| &*entry.resource)
    }

    /// The parts, each shared one as often as there are copies of it.
    pub fn to_vec(&self) -> Vec<Resource> {
        let mut list = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            list.extend((0..entry.copies).map(|_| (*entry.resource).clone()));
        }
        list
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sum of all scalars of this name; nothing if there is none.
    pub fn scalar(&self, name: &str) -> Option<Fixed> {
        let mut amounts = self.iter().filter(|one| one.name == name).filter_map(|one| one.scalar);
        let first = amounts.next()?.to_fixed();
        Some(amounts.fold(first, |sum, scalar| sum + scalar.to_fixed()))
    }

    /// All ranges of this name together.
    pub fn ranges(&self, name: &str) -> Option<Ranges> {
        let mut ranges =
            self.iter().filter(|one| one.name == name).filter_map(|one| one.ranges.as_ref());
        let mut sum = ranges.next()?.clone();
        ranges.for_each(|more| sum.add(more));
        Some(sum)
    }

    /// Processors, in cores.
    pub fn cpus(&self) -> Option<f64> {
        self.scalar("cpus").map(Fixed::to_f64)
    }

    /// Memory, in megabytes.
    pub fn mem(&self) -> Option<f64> {
        self.scalar("mem").map(Fixed::to_f64)
    }

    /// Disk space, in megabytes.
    pub fn disk(&self) -> Option<f64> {
        self.scalar("disk").map(Fixed::to_f64)
    }

    /// Graphics processors.
    pub fn gpus(&self) -> Option<f64> {
        self.scalar("gpus").map(Fixed::to_f64)
    }

    /// Ports.
    pub fn ports(&self) -> Option<Ranges> {
        self.ranges("ports")
    }

    /// The names that occur.
    pub fn names(&self) -> BTreeSet<&str> {
        self.iter().map(|resource| resource.name.as_str()).collect()
    }

    /// How much there is of each scalar.
    pub fn quantities(&self) -> Quantities {
        Quantities::of(self)
    }
}

impl From<Vec<Resource>> for Resources {
    /// The sum of a list in any format. What is invalid is left out, as in Mesos; where it should
    /// be refused, use [`Resources::try_from_list`].
    fn from(list: Vec<Resource>) -> Self {
        list.into_iter().collect()
    }
}

impl From<&[Resource]> for Resources {
    fn from(list: &[Resource]) -> Self {
        list.iter().cloned().collect()
    }
}

impl From<&Vec<Resource>> for Resources {
    fn from(list: &Vec<Resource>) -> Self {
        Self::from(list.as_slice())
    }
}

impl From<Resource> for Resources {
    fn from(resource: Resource) -> Self {
        std::iter::once(resource).collect()
    }
}

impl From<&Resource> for Resources {
    fn from(resource: &Resource) -> Self {
        Self::from(resource.clone())
    }
}

impl From<Resources> for Vec<Resource> {
    fn from(resources: Resources) -> Self {
        resources.to_vec()
    }
}

impl From<&Resources> for Vec<Resource> {
    fn from(resources: &Resources) -> Self {
        resources.to_vec()
    }
}

impl FromIterator<Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = Resource>>(list: I) -> Self {
        let mut sum = Self::new();
        sum.extend(list);
        sum
    }
}

impl Extend<Resource> for Resources {
    fn extend<I: IntoIterator<Item = Resource>>(&mut self, list: I) {
        for mut resource in list {
            if upgrade(&mut resource).is_ok() && validate_one(&resource).is_ok() {
                self.add_normal(resource);
            }
        }
    }
}

impl Resource {
    /// An unreserved scalar.
    pub fn of_scalar(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            r#type: ValueType::Scalar,
            scalar: Some(Scalar { value }),
            ..Self::default()
        }
    }

    /// Unreserved ranges.
    pub fn of_ranges(
        name: impl Into<String>,
        ranges: impl IntoIterator<Item = (u64, u64)>,
    ) -> Self {
        Self {
            name: name.into(),
            r#type: ValueType::Ranges,
            ranges: Some(ranges.into_iter().collect()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;

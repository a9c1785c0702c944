//! Amounts of scalars by name: what quotas and fair shares are computed with.
//!
//! An allocator adds and compares these for every role and agent, so that the four usual names
//! have places of their own and cost no allocation.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::Arc;

use super::Resources;
use crate::value::{Fixed, Scalar};

/// The usual names, sorted.
const KNOWN: [&str; 4] = ["cpus", "disk", "gpus", "mem"];

/// Amounts by name. A name that is absent has none; amounts never are negative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quantities {
    known: [Fixed; 4],
    /// Other names, sorted, each with more than nothing.
    others: Vec<(Arc<str>, Fixed)>,
}

impl Quantities {
    /// Nothing.
    pub const fn new() -> Self {
        Self { known: [Fixed::ZERO; 4], others: Vec::new() }
    }

    /// The scalars of resources; a shared one counts once.
    pub fn of(resources: &Resources) -> Self {
        let mut sum = Self::new();
        for resource in resources.iter() {
            if let Some(scalar) = resource.scalar {
                sum.add_to(&resource.name, scalar.to_fixed());
            }
        }
        sum
    }

    /// How much there is of this name.
    pub fn get(&self, name: &str) -> Fixed {
        match KNOWN.iter().position(|known| *known == name) {
            Some(index) => self.known[index],
            None => self.position(name).map_or(Fixed::ZERO, |index| self.others[index].1),
        }
    }

    /// Sets how much there is of this name.
    pub fn set(&mut self, name: &str, amount: Fixed) {
        let amount = amount.max(Fixed::ZERO);
        if let Some(index) = KNOWN.iter().position(|known| *known == name) {
            self.known[index] = amount;
            return;
        }
        match self.position(name) {
            Ok(index) if amount.is_zero() => drop(self.others.remove(index)),
            Ok(index) => self.others[index].1 = amount,
            Err(_) if amount.is_zero() => {}
            Err(index) => self.others.insert(index, (name.into(), amount)),
        }
    }

    /// Adds to one name.
    pub fn add_to(&mut self, name: &str, amount: Fixed) {
        self.set(name, self.get(name) + amount);
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.others.binary_search_by(|(other, _)| (**other).cmp(name))
    }

    /// Names and amounts, sorted by name; only those of which there is something.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Fixed)> {
        let known = KNOWN.iter().copied().zip(self.known).filter(|(_, amount)| !amount.is_zero());
        let others = self.others.iter().map(|(name, amount)| (&**name, *amount));
        let mut all: Vec<_> = known.chain(others).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all.into_iter()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.known == [Fixed::ZERO; 4] && self.others.is_empty()
    }

    /// Whether there is as much of everything as in `other`.
    pub fn contains(&self, other: &Quantities) -> bool {
        self.known.iter().zip(other.known).all(|(own, other)| *own >= other)
            && other.others.iter().all(|(name, amount)| self.get(name) >= *amount)
    }

    /// The lesser amount of every name.
    pub fn min(&self, other: &Quantities) -> Quantities {
        let mut least = Quantities::new();
        for index in 0..KNOWN.len() {
            least.known[index] = self.known[index].min(other.known[index]);
        }
        for (name, amount) in &self.others {
            least.set(name, (*amount).min(other.get(name)));
        }
        least
    }
}

impl<'a> FromIterator<(&'a str, Fixed)> for Quantities {
    fn from_iter<I: IntoIterator<Item = (&'a str, Fixed)>>(amounts: I) -> Self {
        let mut sum = Self::new();
        amounts.into_iter().for_each(|(name, amount)| sum.add_to(name, amount));
        sum
    }
}

impl From<&BTreeMap<String, Scalar>> for Quantities {
    /// From the map of a `QuotaConfig` or of offer filters.
    fn from(amounts: &BTreeMap<String, Scalar>) -> Self {
        amounts.iter().map(|(name, scalar)| (name.as_str(), scalar.to_fixed())).collect()
    }
}

impl From<&Quantities> for BTreeMap<String, Scalar> {
    fn from(quantities: &Quantities) -> Self {
        quantities.iter().map(|(name, amount)| (name.to_owned(), amount.into())).collect()
    }
}

impl AddAssign<&Quantities> for Quantities {
    fn add_assign(&mut self, other: &Quantities) {
        for (own, other) in self.known.iter_mut().zip(other.known) {
            *own += other;
        }
        for (name, amount) in &other.others {
            match self.position(name) {
                Ok(index) => self.others[index].1 += *amount,
                Err(index) => self.others.insert(index, (Arc::clone(name), *amount)),
            }
        }
    }
}

impl SubAssign<&Quantities> for Quantities {
    /// Takes away; what is not there is not missed.
    fn sub_assign(&mut self, other: &Quantities) {
        for (own, other) in self.known.iter_mut().zip(other.known) {
            *own = (*own - other).max(Fixed::ZERO);
        }
        for (name, amount) in &other.others {
            self.set(name, self.get(name) - *amount);
        }
    }
}

impl Add<&Quantities> for Quantities {
    type Output = Quantities;

    fn add(mut self, other: &Quantities) -> Quantities {
        self += other;
        self
    }
}

impl Sub<&Quantities> for Quantities {
    type Output = Quantities;

    fn sub(mut self, other: &Quantities) -> Quantities {
        self -= other;
        self
    }
}

impl<'a> std::iter::Sum<&'a Quantities> for Quantities {
    fn sum<I: Iterator<Item = &'a Quantities>>(all: I) -> Quantities {
        all.fold(Quantities::new(), Add::add)
    }
}

impl fmt::Display for Quantities {
    /// As Mesos prints them: `cpus:4; mem:1024`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, (name, amount)) in self.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{name}:{amount}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities(text: &str) -> Quantities {
        Resources::parse(text, "*").unwrap().quantities()
    }

    #[test]
    fn absent_is_nothing() {
        let all = quantities("mem:1024;cpus:4;licenses:2;ports:[1-9]");
        assert_eq!(all.to_string(), "cpus:4; licenses:2; mem:1024");
        assert!(all.contains(&quantities("cpus:4;licenses:1")));
        assert!(!all.contains(&quantities("zebras:1")));
        assert!(all.contains(&Quantities::new()));
    }

    #[test]
    fn differences_stop_at_nothing() {
        let left = quantities("cpus:4;licenses:2") - &quantities("cpus:5;licenses:2;mem:1");
        assert!(left.is_empty());
        assert_eq!(left, Quantities::new());
        let sum = quantities("cpus:0.1;licenses:1") + &quantities("cpus:0.2;zebras:3");
        assert_eq!(sum.to_string(), "cpus:0.3; licenses:1; zebras:3");
        assert_eq!(sum.min(&quantities("cpus:9;zebras:1")).to_string(), "cpus:0.3; zebras:1");
    }
}

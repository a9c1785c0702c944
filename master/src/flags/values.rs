//! Types of values that only the master's flags have.

use std::collections::{BTreeMap, BTreeSet};

use libprocess::flags::{FlagValue, Kind};

/// A share, written as `50%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentage(
    /// The share, from 0 to 1.
    pub f64,
);

impl FlagValue for Percentage {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        let number = text
            .strip_suffix('%')
            .ok_or_else(|| format!("'{text}' does not end with '%'"))?
            .parse::<f64>()
            .map_err(|_| format!("Failed to convert '{text}' to number"))?;
        if !(0.0..=100.0).contains(&number) {
            return Err(format!("'{text}' is not between 0% and 100%"));
        }
        Ok(Self(number / 100.0))
    }

    fn print(&self) -> Option<String> {
        Some(format!("{}%", self.0 * 100.0))
    }
}

/// Names separated by commas, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameSet(
    /// The names.
    pub BTreeSet<String>,
);

impl FlagValue for NameSet {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }

    fn print(&self) -> Option<String> {
        Some(self.0.iter().map(String::as_str).collect::<Vec<_>>().join(","))
    }
}

/// Weights of roles, written as `role=weight,role=weight`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(
    /// The weights by role.
    pub BTreeMap<String, f64>,
);

impl FlagValue for Weights {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        let mut weights = BTreeMap::new();
        for token in text.split(',').filter(|token| !token.is_empty()) {
            let (role, weight) = token.split_once('=').ok_or_else(|| {
                format!("Invalid weight: '{token}'; weights should be of the form 'role=weight'")
            })?;
            let number = weight
                .parse::<f64>()
                .ok()
                .filter(|weight| weight.is_finite() && *weight > 0.0)
                .ok_or_else(|| format!("Invalid weight: '{weight}'; weights must be positive"))?;
            if weights.insert(role.to_owned(), number).is_some() {
                return Err(format!("Invalid weights: role '{role}' is given twice"));
            }
        }
        Ok(Self(weights))
    }

    fn print(&self) -> Option<String> {
        let one = |(role, weight): (&String, &f64)| format!("{role}={weight}");
        Some(self.0.iter().map(one).collect::<Vec<_>>().join(","))
    }
}

/// Sets of quantities of which one must be reached, written as `cpus:0.01|mem:32;disk:1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MinAllocatable {
    /// The sets: amounts by the name of the resource.
    pub sets: Vec<BTreeMap<String, f64>>,
    text: String,
}

impl FlagValue for MinAllocatable {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        let set = |text: &str| -> Result<BTreeMap<String, f64>, String> {
            text.split(';').filter(|part| !part.is_empty()).map(quantity).collect()
        };
        let sets =
            text.split('|').filter(|part| !part.is_empty()).map(set).collect::<Result<_, _>>()?;
        Ok(Self { sets, text: text.to_owned() })
    }

    fn print(&self) -> Option<String> {
        Some(self.text.clone())
    }
}

fn quantity(text: &str) -> Result<(String, f64), String> {
    let (name, amount) =
        text.split_once(':').ok_or_else(|| format!("'{text}' is not of the form 'name:amount'"))?;
    let number = amount
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| format!("'{amount}' of '{name}' is not an amount"))?;
    Ok((name.trim().to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_shares() {
        assert_eq!(Percentage::read("50%"), Ok(Percentage(0.5)));
        assert_eq!(Percentage::read("100%").unwrap().print().as_deref(), Some("100%"));
        assert!(Percentage::read("50").is_err());
        assert!(Percentage::read("101%").is_err());
        assert!(Percentage::read("x%").is_err());
    }

    #[test]
    fn weights_are_positive_and_given_once() {
        let weights = Weights::read("a=2,b/c=0.5").unwrap();
        assert_eq!(weights.0["b/c"], 0.5);
        assert_eq!(weights.print().as_deref(), Some("a=2,b/c=0.5"));
        for wrong in ["a", "a=0", "a=-1", "a=nan", "a=1,a=2"] {
            assert!(Weights::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_of_several_sets_must_be_reached() {
        let sets = MinAllocatable::read("cpus:0.01|mem:32;disk:1").unwrap().sets;
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[1]["disk"], 1.0);
        assert_eq!(MinAllocatable::read("").unwrap().sets.len(), 0);
        assert!(MinAllocatable::read("cpus").is_err());
        assert!(MinAllocatable::read("cpus:x").is_err());
    }
}

//! Which weights roles may have (row RO-05).

use std::collections::{BTreeMap, BTreeSet};

use mesos::master_info::WeightInfo;
use mesos::role;

use super::{Invalid, invalid, number};

/// Checks weights that an operator sets, where only these roles are known if there is a list.
/// Returns them by role; the last one counts if a role is named twice.
pub fn validate(
    infos: &[WeightInfo],
    known: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<String, f64>, Invalid> {
    let mut weights = BTreeMap::new();
    for info in infos {
        let role = info.role.as_deref().unwrap_or_default().trim();
        if let Err(why) = role::validate(role) {
            return invalid(format!(
                "Failed to validate update weights request JSON: Invalid role '{role}': {why}"
            ));
        }
        if known.is_some_and(|known| !known.contains(role)) {
            return invalid(format!(
                "Failed to validate update weights request JSON: Unknown role '{role}'"
            ));
        }
        // Neither may a weight be no number at all, which MessagePack can say.
        if !(info.weight > 0.0 && info.weight.is_finite()) {
            return invalid(format!(
                "Failed to validate update weights request JSON for role '{role}': Invalid weight \
                 '{}': Weights must be positive",
                number(info.weight)
            ));
        }
        weights.insert(role.to_owned(), info.weight);
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(role: &str, weight: f64, known: Option<&BTreeSet<String>>) -> String {
        let info = WeightInfo { weight, role: Some(role.to_owned()) };
        validate(&[info], known).err().map(|why| why.0).unwrap_or_default()
    }

    #[test]
    fn weights_are_positive_numbers_of_roles_that_may_be() {
        assert_eq!(says(" a ", 2.5, None), "");
        assert!(says("-a", 1.0, None).contains("Invalid role '-a'"));
        for (weight, shown) in [(0.0, "0"), (-1.5, "-1.5"), (f64::NAN, "NaN")] {
            let expected = format!(
                "Failed to validate update weights request JSON for role 'a': Invalid weight \
                 '{shown}': Weights must be positive"
            );
            assert_eq!(says("a", weight, None), expected);
        }
        let known = BTreeSet::from(["b".to_owned()]);
        assert_eq!(
            says("a", 1.0, Some(&known)),
            "Failed to validate update weights request JSON: Unknown role 'a'"
        );
        assert_eq!(says("b", 1.0, Some(&known)), "");
    }
}

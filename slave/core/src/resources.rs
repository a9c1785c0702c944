//! Sums of resources, as containers are given them.

use mesos::resource::Resource;

/// The sum: like scalars are added up, anything else is listed.
pub(crate) fn sum<'a>(parts: impl Iterator<Item = &'a Resource>) -> Vec<Resource> {
    let mut total: Vec<Resource> = Vec::new();
    for part in parts {
        let like = |known: &&mut Resource| {
            known.scalar.is_some()
                && Resource { scalar: None, ..(**known).clone() }
                    == Resource { scalar: None, ..part.clone() }
        };
        match (total.iter_mut().find(like), &part.scalar) {
            (Some(known), Some(more)) => {
                if let Some(scalar) = &mut known.scalar {
                    scalar.value += more.value;
                }
            }
            _ => total.push(part.clone()),
        }
    }
    total
}

/// Whether two lists mean the same.
pub(crate) fn equal(one: &[Resource], other: &[Resource]) -> bool {
    contains(one, other) && contains(other, one)
}

/// Whether all of `part` is in `whole`.
pub(crate) fn contains(whole: &[Resource], part: &[Resource]) -> bool {
    let like = |one: &Resource, other: &Resource| {
        Resource { scalar: None, ..one.clone() } == Resource { scalar: None, ..other.clone() }
    };
    let value = |resource: &Resource| resource.scalar.as_ref().map_or(0.0, |s| s.value);
    sum(part.iter())
        .iter()
        .all(|p| sum(whole.iter()).iter().any(|w| like(w, p) && value(w) >= value(p) - 1e-9))
}

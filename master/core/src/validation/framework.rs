//! What a framework may say of itself (rows VA-15, VA-16, FW-10).

use std::collections::BTreeSet;
use std::time::Duration;

use mesos::framework::{FrameworkCapabilityType, FrameworkInfo, OfferConstraints, OfferFilters};
use mesos::role;

use super::{Check, Invalid, expect, id, invalid, number, set, within};
use crate::config::Config;

/// Checks a framework's description, wherever it comes from.
pub fn validate(info: &FrameworkInfo) -> Check {
    validate_roles(info)?;
    if let Some(id) = info.id.as_ref().filter(|id| !id.as_str().is_empty()) {
        id::validate(id.as_str())?;
    }
    info.offer_filters.values().try_for_each(validate_offer_filters)?;
    failover_timeout(info).map(drop)
}

/// Checks whether this master lets in a framework with this description.
pub fn validate_admission(info: &FrameworkInfo, config: &Config, is_completed: bool) -> Check {
    validate(info)?;
    if let Some(allowed) = &config.roles {
        let roles = roles_of(info);
        let is_stranger = |role: &&str| *role != "*" && !allowed.contains(*role);
        let strangers: BTreeSet<&str> = roles.iter().map(|r| &**r).filter(is_stranger).collect();
        expect(strangers.is_empty(), || {
            format!("Roles {} are not present in the master's --roles", set(&strangers))
        })?;
    }
    expect(config.root_submissions || info.user != "root", || {
        "User 'root' is not allowed to run frameworks without --root_submissions set".to_owned()
    })?;
    expect(!is_completed, || "Framework has been removed".to_owned())
}

/// Checks that what a call says of roles is about the framework's own.
pub fn validate_options(
    info: &FrameworkInfo,
    suppressed: &[String],
    constraints: Option<&OfferConstraints>,
) -> Check {
    let roles = roles_of(info);
    let strangers: BTreeSet<&str> =
        suppressed.iter().map(String::as_str).filter(|role| !roles.contains(*role)).collect();
    expect(strangers.is_empty(), || {
        format!("Suppressed roles {} are not contained in the set of roles", set(&strangers))
    })?;
    let constrained = constraints.into_iter().flat_map(|of| of.role_constraints.keys());
    let mut strangers = constrained.filter(|role| !roles.contains(*role));
    match strangers.next() {
        // The missing space is Mesos's.
        Some(role) => invalid(format!(
            "Offer constraints specify `role_constraints` for a role '{role}'not contained in the \
             set of roles"
        )),
        None => Ok(()),
    }
}

/// The roles that a framework is in: those it lists, or the one of older releases.
pub fn roles_of(info: &FrameworkInfo) -> BTreeSet<String> {
    info.effective_roles()
}

/// How long the framework may be without a scheduler. Negative means none.
pub fn failover_timeout(info: &FrameworkInfo) -> Result<Duration, Invalid> {
    /// Mesos counts in nanoseconds of 64 bits.
    const LIMIT_SECONDS: f64 = i64::MAX as f64 / 1e9;
    let seconds = info.failover_timeout;
    if !seconds.is_finite() || seconds.abs() >= LIMIT_SECONDS {
        let shown = number(seconds);
        return invalid(format!("The framework failover_timeout ({shown}) is invalid"));
    }
    Ok(Duration::from_secs_f64(seconds.max(0.0)))
}

fn validate_roles(info: &FrameworkInfo) -> Check {
    if !info.has_capability(FrameworkCapabilityType::MultiRole) {
        expect(info.roles.is_empty(), || {
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
                .to_owned()
        })?;
        let role = info.role.as_deref().unwrap_or(role::DEFAULT_ROLE);
        return role::validate(role).map_err(within("'FrameworkInfo.role' is not a valid role"));
    }
    expect(info.role.is_none(), || {
        "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable".to_owned()
    })?;
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&str> =
        info.roles.iter().map(String::as_str).filter(|role| !seen.insert(*role)).collect();
    expect(twice.is_empty(), || {
        format!("'FrameworkInfo.roles' contains duplicate items: {}", set(&twice))
    })?;
    info.roles.iter().try_for_each(|role| {
        role::validate(role).map_err(within("'FrameworkInfo.roles' contains invalid role"))
    })
}

/// Checks the least that a framework wants to be offered in a role (row AL-24).
fn validate_offer_filters(filters: &OfferFilters) -> Check {
    let sets = filters.min_allocatable_resources.iter().flat_map(|rule| &rule.quantities);
    for set in sets {
        expect(!set.quantities.is_empty(), || {
            "Resource quantities must contain at least one quantity".to_owned()
        })?;
        for (name, quantity) in &set.quantities {
            amount(quantity.value)
                .map_err(within(&format!("Invalid resource quantity for '{name}'")))?;
        }
    }
    Ok(())
}

fn amount(value: f64) -> Check {
    match value {
        _ if value.is_infinite() => invalid("Infinite values not supported"),
        _ if value.is_nan() => invalid("NaN not supported"),
        _ if value.is_subnormal() => invalid("Subnormal values not supported"),
        _ if value < 0.0 => invalid("Negative values not supported"),
        _ => Ok(()),
    }
}

/// Checks what a running framework wants to be from now on (row FW-10).
pub fn validate_update(old: &FrameworkInfo, new: &FrameworkInfo) -> Check {
    // Whoever asks may not be who owns the framework: the words do not tell the old principal.
    expect(old.principal == new.principal, || {
        "Changing framework's principal is not allowed.".to_owned()
    })?;
    unchanged("user", &old.user, &new.user)?;
    unchanged("checkpoint", &old.checkpoint.to_string(), &new.checkpoint.to_string())
}

fn unchanged(field: &str, old: &str, new: &str) -> Check {
    expect(old == new, || {
        format!(
            "Updating 'FrameworkInfo.{field}' is unsupported; attempted to update from '{old}' to \
             '{new}'"
        )
    })
}

#[cfg(test)]
mod tests {
    use mesos::framework::{
        FrameworkCapability, MinAllocatableResources, OfferFilterQuantities, RoleConstraints,
    };

    use super::*;
    use crate::validation::words;

    fn info(roles: &[&str]) -> FrameworkInfo {
        let r#type = Some(FrameworkCapabilityType::MultiRole);
        FrameworkInfo {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            capabilities: vec![FrameworkCapability { r#type }],
            ..FrameworkInfo::default()
        }
    }

    fn says(info: &FrameworkInfo) -> String {
        words(validate(info))
    }

    #[test]
    fn sound_frameworks_pass() {
        assert_eq!(says(&info(&["a", "b/c", "*"])), "");
        assert_eq!(says(&FrameworkInfo::default()), "");
        assert_eq!(says(&FrameworkInfo { id: Some("".into()), ..info(&["a"]) }), "");
    }

    #[test]
    fn roles_stand_where_the_capability_says() {
        let role = Some("a".to_owned());
        assert_eq!(
            says(&FrameworkInfo { role: role.clone(), ..info(&["a"]) }),
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
        );
        assert_eq!(
            says(&FrameworkInfo { capabilities: Vec::new(), ..info(&["a"]) }),
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
        );
        assert_eq!(says(&FrameworkInfo { role, ..FrameworkInfo::default() }), "");
    }

    #[test]
    fn roles_are_names_and_different() {
        assert_eq!(
            says(&info(&["a", "b", "a"])),
            "'FrameworkInfo.roles' contains duplicate items: { a }"
        );
        assert_eq!(
            says(&info(&["-a"])),
            "'FrameworkInfo.roles' contains invalid role: Role component '-a' is invalid because \
             it starts with a dash"
        );
        let role = Some("a b".to_owned());
        assert_eq!(
            says(&FrameworkInfo { role, ..FrameworkInfo::default() }),
            "'FrameworkInfo.role' is not a valid role: Role component 'a b' is invalid because it \
             contains backspace or whitespace"
        );
    }

    #[test]
    fn ids_and_timeouts_make_sense() {
        assert_eq!(
            says(&FrameworkInfo { id: Some("a/b".into()), ..info(&["a"]) }),
            "'a/b' contains invalid characters"
        );
        let with = |failover_timeout| FrameworkInfo { failover_timeout, ..info(&["a"]) };
        assert_eq!(says(&with(1e300)), "The framework failover_timeout (1e+300) is invalid");
        assert_eq!(says(&with(-1.0)), "");
        assert_eq!(failover_timeout(&with(-1.0)), Ok(Duration::ZERO));
    }

    #[test]
    fn the_least_offer_is_an_amount() {
        let with = |quantities: &[(&str, f64)]| {
            let quantities = quantities.iter().map(|(name, v)| ((*name).to_owned(), (*v).into()));
            let set = OfferFilterQuantities { quantities: quantities.collect() };
            let rule = MinAllocatableResources { quantities: vec![set] };
            let filters = OfferFilters { min_allocatable_resources: Some(rule) };
            FrameworkInfo { offer_filters: [("a".to_owned(), filters)].into(), ..info(&["a"]) }
        };
        assert_eq!(says(&with(&[("cpus", 0.0)])), "");
        assert_eq!(says(&with(&[])), "Resource quantities must contain at least one quantity");
        for (value, why) in [
            (f64::INFINITY, "Infinite values not supported"),
            (f64::NAN, "NaN not supported"),
            (1e-310, "Subnormal values not supported"),
            (-1.0, "Negative values not supported"),
        ] {
            let expected = format!("Invalid resource quantity for 'cpus': {why}");
            assert_eq!(says(&with(&[("cpus", value)])), expected);
        }
    }

    #[test]
    fn calls_speak_of_the_frameworks_roles() {
        let suppressed = ["z".to_owned(), "a".to_owned()];
        assert_eq!(
            words(validate_options(&info(&["a"]), &suppressed, None)),
            "Suppressed roles { z } are not contained in the set of roles"
        );
        let constraints = OfferConstraints {
            role_constraints: [("z".to_owned(), RoleConstraints::default())].into(),
        };
        assert_eq!(
            words(validate_options(&info(&["a"]), &[], Some(&constraints))),
            "Offer constraints specify `role_constraints` for a role 'z'not contained in the set \
             of roles"
        );
        assert_eq!(validate_options(&info(&["z"]), &[], Some(&constraints)), Ok(()));
        let default = FrameworkInfo::default();
        assert_eq!(validate_options(&default, &["*".to_owned()], None), Ok(()));
    }

    #[test]
    fn this_master_may_refuse_roles_root_and_those_who_are_over() {
        let says =
            |config: &Config, info: &FrameworkInfo| words(validate_admission(info, config, false));
        let config = Config { roles: Some(["a".to_owned()].into()), ..Config::default() };
        assert_eq!(says(&config, &info(&["a", "*"])), "");
        assert_eq!(
            says(&config, &info(&["a", "c", "b"])),
            "Roles { b, c } are not present in the master's --roles"
        );
        let config = Config { root_submissions: false, ..Config::default() };
        assert_eq!(
            says(&config, &FrameworkInfo { user: "root".to_owned(), ..info(&["a"]) }),
            "User 'root' is not allowed to run frameworks without --root_submissions set"
        );
        let checked = validate_admission(&info(&["a"]), &Config::default(), true);
        assert_eq!(words(checked), "Framework has been removed");
    }

    #[test]
    fn some_things_never_change() {
        let old = info(&["a"]);
        let says = |new: FrameworkInfo| words(validate_update(&old, &new));
        assert_eq!(says(FrameworkInfo { name: "new".to_owned(), ..info(&["b"]) }), "");
        assert_eq!(
            says(FrameworkInfo { principal: Some("p".to_owned()), ..old.clone() }),
            "Changing framework's principal is not allowed."
        );
        assert_eq!(
            says(FrameworkInfo { user: "u".to_owned(), ..old.clone() }),
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update from '' to 'u'"
        );
        assert_eq!(
            says(FrameworkInfo { checkpoint: true, ..old.clone() }),
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from 'false' \
             to 'true'"
        );
    }
}

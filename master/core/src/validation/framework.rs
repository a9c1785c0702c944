//! What a framework may say of itself (rows VA-15, VA-16).

use std::collections::BTreeSet;
use std::time::Duration;

use mesos::framework::{FrameworkCapabilityType, FrameworkInfo};
use mesos::role;

use super::{Check, Invalid, expect, id, invalid};
use crate::config::Config;

/// Checks a framework's description and its suppressed roles, as SUBSCRIBE does.
pub fn validate(info: &FrameworkInfo, suppressed: &[String], config: &Config) -> Check {
    validate_roles(info)?;
    if let Some(id) = info.id.as_ref().filter(|id| !id.as_str().is_empty()) {
        id::validate(id.as_str())?;
    }
    failover_timeout(info)?;
    let roles = roles_of(info);
    let strangers: BTreeSet<&str> =
        suppressed.iter().map(String::as_str).filter(|role| !roles.contains(*role)).collect();
    expect(strangers.is_empty(), || {
        format!("Suppressed roles {} are not contained in the set of roles", set(&strangers))
    })?;
    if let Some(allowed) = &config.roles {
        for role in roles.iter().filter(|role| *role != "*") {
            expect(allowed.contains(role), || {
                format!("Role '{role}' is not present in the master's --roles")
            })?;
        }
    }
    expect(config.root_submissions || info.user != "root", || {
        "User 'root' is not allowed to run frameworks without --root_submissions set".to_owned()
    })
}

/// The roles that a framework is in: those it lists, or the one of older releases.
pub fn roles_of(info: &FrameworkInfo) -> BTreeSet<String> {
    if can(info, FrameworkCapabilityType::MultiRole) {
        info.roles.iter().cloned().collect()
    } else {
        BTreeSet::from([info.role.clone().unwrap_or_else(|| "*".to_owned())])
    }
}

/// Whether a framework has a capability.
pub fn can(info: &FrameworkInfo, capability: FrameworkCapabilityType) -> bool {
    info.capabilities.iter().any(|has| has.r#type == Some(capability))
}

/// How long the framework may be without a scheduler. Negative means none.
pub fn failover_timeout(info: &FrameworkInfo) -> Result<Duration, Invalid> {
    /// Mesos counts in nanoseconds of 64 bits.
    const LIMIT_SECONDS: f64 = i64::MAX as f64 / 1e9;
    let seconds = info.failover_timeout;
    if !seconds.is_finite() || seconds.abs() >= LIMIT_SECONDS {
        let shown = general_number(seconds);
        return invalid(format!("The framework failover_timeout ({shown}) is invalid"));
    }
    Ok(Duration::from_secs_f64(seconds.max(0.0)))
}

fn validate_roles(info: &FrameworkInfo) -> Check {
    if !can(info, FrameworkCapabilityType::MultiRole) {
        expect(info.roles.is_empty(), || {
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
                .to_owned()
        })?;
        return match info.role.as_deref() {
            Some(role) if role != "*" => role::validate(role)
                .map_err(|why| Invalid(format!("'FrameworkInfo.role' is not a valid role: {why}"))),
            _ => Ok(()),
        };
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
    for role in info.roles.iter().filter(|role| *role != "*") {
        role::validate(role).map_err(|why| {
            Invalid(format!("'FrameworkInfo.roles' contains invalid role: {why}"))
        })?;
    }
    Ok(())
}

/// Checks what a running framework wants to be from now on (row FW-10).
pub fn validate_update(old: &FrameworkInfo, new: &FrameworkInfo) -> Check {
    let principal = |info: &FrameworkInfo| info.principal.clone().unwrap_or_default();
    unchanged("principal", &principal(old), &principal(new))?;
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

fn set(items: &BTreeSet<&str>) -> String {
    let items: Vec<&str> = items.iter().copied().collect();
    format!("{{ {} }}", items.join(", "))
}

/// A number as C++ streams print it: six digits, an exponent when it is far from one.
fn general_number(value: f64) -> String {
    if !value.is_finite() || (1e-5..1e6).contains(&value.abs()) || value == 0.0 {
        return value.to_string();
    }
    let text = format!("{value:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

//! What the master refuses, in Mesos's order and in Mesos's words (rows VA-01 to VA-19).
//!
//! Everything here is a pure function of a message and of what it is checked against. The words
//! reach frameworks and operators, who match on them; that is why they do not follow this
//! project's rules for error messages. Each rule is shown by a test that breaks it and nothing
//! else.
//!
//! Reading order: `id`, `resource`, `command`, `container`, `check` (what descriptions are made
//! of); `executor`, `task`, `group` (what is launched); `offer`, `operation` (what an ACCEPT says);
//! `framework`, `scheduler` (what other calls say); `registration` (what agents say);
//! `maintenance`, `weights` (what operators say of machines and roles).

pub mod check;
pub mod command;
pub mod container;
pub mod executor;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod framework;
pub mod group;
pub mod id;
pub mod maintenance;
pub mod offer;
pub mod operation;
pub mod registration;
pub mod resource;
pub mod scheduler;
pub mod task;
pub mod weights;

use std::collections::BTreeSet;

use thiserror::Error;

/// Why something is refused, in Mesos's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// The result of a check.
pub type Check = Result<(), Invalid>;

/// A refusal with these words.
pub(crate) fn invalid<T>(words: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(words.into()))
}

/// Refuses with these words unless `condition` holds.
pub(crate) fn expect(condition: bool, words: impl FnOnce() -> String) -> Check {
    if condition { Ok(()) } else { Err(Invalid(words())) }
}

/// A refusal of a part, as one of the whole: `whole: part`.
pub(crate) fn within<E: ToString>(whole: &str) -> impl FnOnce(E) -> Invalid + '_ {
    move |part| Invalid(format!("{whole}: {}", part.to_string()))
}

/// A set as Mesos prints it.
pub(crate) fn set(items: &BTreeSet<&str>) -> String {
    let items: Vec<&str> = items.iter().copied().collect();
    format!("{{ {} }}", items.join(", "))
}

/// A number as C++ streams print it: six digits, an exponent when it is far from one.
pub(crate) fn number(value: f64) -> String {
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

/// What a check says, for tests; empty if it has no objection.
#[cfg(test)]
pub(crate) fn words(check: Check) -> String {
    check.err().map(|why| why.0).unwrap_or_default()
}

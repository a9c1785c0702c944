//! What the master refuses, in Mesos's order and in Mesos's words (rows VA-01 to VA-18).
//!
//! Everything here is a pure function of a message and of what it is checked against. The words
//! reach frameworks and operators, who match on them; that is why they do not follow this
//! project's rules for error messages.

pub mod executor;
pub mod framework;
pub mod id;
pub mod offer;
pub mod scheduler;
pub mod task;

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

//! Mesos's JSON: how messages are written as it, and read from it with Mesos's forgiveness.
//!
//! What is written is ASCII only: some clients slice event streams by characters, not octets.
//! What is read is first parsed into a tree, then [`conform`]ed to the schema of the message (null
//! is unset, numbers may be text, unknown fields are nothing, ...), and only then read by serde.
//! Errors have Mesos's words, since clients and their tests look at them.

mod conform;
mod parse;
mod write;

use serde::Serialize;
use serde_json::Value;

pub use conform::{MAX_DEPTH, conform};
pub use parse::parse;
pub use write::{to_string, to_vec};

use crate::schema::Message;

/// Why JSON was refused, in Mesos's words; the caller says what it was reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON.
    #[error("{0}")]
    Syntax(String),
    /// It is JSON, and not the message that was expected.
    #[error("{reason}")]
    Conversion {
        /// The message that was expected, as Mesos names it.
        expected: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl JsonError {
    /// What an endpoint answers whose whole body was to be one message.
    pub fn in_body(&self) -> String {
        match self {
            Self::Syntax(reason) => format!("Failed to parse body into JSON: {reason}"),
            Self::Conversion { expected, reason } => {
                format!("Failed to convert JSON into {expected} protobuf: {reason}")
            }
        }
    }
}

/// Reads one message; `name` is what it is called in errors, for example `Call`.
pub fn from_slice<T: Message>(octets: &[u8], name: &str) -> Result<T, JsonError> {
    from_value(parse(octets)?, name)
}

/// How many values a message from outside the cluster may have. An octet can become a value of some
/// hundred octets in memory, so that the length of a body alone is no bound. A call that launches
/// ten thousand tasks has less than half as many.
pub const MAX_VALUES: usize = 1_000_000;

/// Reads one message from outside the cluster, as [`from_slice`] does, if it does not have more
/// values than [`MAX_VALUES`].
pub fn from_stranger<T: Message>(octets: &[u8], name: &str) -> Result<T, JsonError> {
    from_value(parse_bounded(octets)?, name)
}

fn parse_bounded(octets: &[u8]) -> Result<Value, JsonError> {
    // Each value but the first follows one of these. Those in texts count as well: a bound need not
    // be exact.
    let marks = octets.iter().filter(|octet| matches!(octet, b',' | b'[' | b'{')).count();
    match marks <= MAX_VALUES {
        true => parse(octets),
        false => Err(JsonError::Syntax(format!("more than {MAX_VALUES} values"))),
    }
}

/// Reads a JSON array of messages from outside the cluster, such as the `resources` of `/reserve`.
pub fn list_from_slice<T: Message>(octets: &[u8], name: &str) -> Result<Vec<T>, JsonError> {
    match parse_bounded(octets)? {
        Value::Array(items) => items.into_iter().map(|item| from_value(item, name)).collect(),
        _ => Err(conversion(name, "Expecting a JSON array".to_owned())),
    }
}

/// Reads one message from a tree.
pub fn from_value<T: Message>(mut value: Value, name: &str) -> Result<T, JsonError> {
    conform(&mut value, T::schema()).map_err(|reason| conversion(name, reason))?;
    serde_json::from_value(value).map_err(|error| conversion(name, error.to_string()))
}

/// The tree that a message is written as.
pub fn to_value<T: Serialize + ?Sized>(message: &T) -> Value {
    serde_json::to_value(message).expect("messages have text keys and do not fail to be written")
}

fn conversion(name: &str, reason: String) -> JsonError {
    JsonError::Conversion { expected: name.to_owned(), reason }
}

#[cfg(test)]
mod tests;

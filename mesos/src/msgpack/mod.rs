//! MessagePack: maps with the names of JSON, enums by name, octets as `bin`.
//!
//! Unknown fields are ignored and missing ones defaulted, so that adjacent releases understand
//! each other; nil is unset. From strangers, [`from_stranger`] demands required fields as JSON
//! does.
//!
//! The messages that an OFFERS event is made of write short keys (`resources as "r"` in their
//! definition; long ones are read as well), and all messages are written and read by code that
//! [`message!`](crate::message) generates ([`Packed`]) and not by serde. Measured on the event of
//! 100 offers of `benches/codec.rs`, beside serde_json on the same types:
//!
//! | | octets | write and read |
//! |---|---|---|
//! | serde, long keys | 0.79 | 1.0 times as fast |
//! | `Packed`, short keys | 0.50 | 2.1 times as fast |
//!
//! What bounds it: a third of reading is allocation, which JSON pays as well.
//!
//! What libprocess carries between our own processes still goes by serde and its long keys.

mod check;
mod read;
mod write;

pub use check::from_stranger;
pub use read::{Reader, from_slice};
pub use write::{to_vec, write_map_length, write_text};

use crate::schema::Message;

/// Why MessagePack was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MsgpackError {
    /// It ends early, is nested too deeply, or holds something else than is expected there.
    #[error("failed to decode MessagePack at byte {offset}: {reason}")]
    Malformed {
        /// Where, in octets from the beginning.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// Required fields are missing; the words are those of JSON.
    #[error("Missing required fields: {0}")]
    Missing(String),
}

/// What can be written as MessagePack and read from it.
pub trait Packed: Sized {
    /// Appends the MessagePack of this value.
    fn pack(&self, to: &mut Vec<u8>);

    /// Reads a value.
    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError>;

    /// Reads a value that may be nil. Enums override it: to a reader of an older release, a
    /// variant that only newer ones know is an absent value and not a broken message.
    fn unpack_optional(from: &mut Reader<'_>) -> Result<Option<Self>, MsgpackError> {
        match from.take_nil() {
            true => Ok(None),
            false => Self::unpack(from).map(Some),
        }
    }
}

/// Reads a message's fields: `set` is given the index of each in the schema.
#[doc(hidden)]
pub fn unpack_fields<T: Message>(
    from: &mut Reader<'_>,
    mut set: impl FnMut(&mut T, usize, &mut Reader<'_>) -> Result<(), MsgpackError>,
) -> Result<T, MsgpackError> {
    let mut message = T::default();
    let schema = T::schema();
    let entries = from.enter_map()?;
    let mut expected = 0;
    for _ in 0..entries {
        let key = from.text_octets()?;
        match schema.position(key, expected) {
            Some(index) => {
                expected = index + 1;
                if !from.take_nil() {
                    set(&mut message, index, from)?;
                }
            }
            None => from.skip()?,
        }
    }
    from.leave();
    Ok(message)
}

#[cfg(test)]
mod tests;

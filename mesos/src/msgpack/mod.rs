//! MessagePack: maps with the names of JSON, enums by name, octets as `bin`.
//!
//! Unknown fields are ignored and missing ones defaulted, so that adjacent releases understand
//! each other; nil is unset. From strangers, [`from_stranger`] demands required fields as JSON
//! does.
//!
//! The messages that an OFFERS event is made of have short keys as well (`resources as "r"` in
//! their definition), which [`to_vec_short`] writes for those who ask for them; readers take both.
//! Messages are walked here without serde, which would visit every value through two more layers.
//! Measured on the event of 100 offers of `benches/codec.rs`, beside serde_json on the same types:
//!
//! | | octets | write and read |
//! |---|---|---|
//! | serde, names | 0.79 | 1.0 times as fast |
//! | the walk, names | 0.79 | 1.7 times as fast |
//! | the walk, short keys | 0.50 | 1.9 times as fast |
//!
//! What bounds it: a third of reading is allocation, which JSON pays as well.
//!
//! What libprocess carries between our own processes still goes by serde, with names.

mod check;
mod fill;
mod read;
mod write;

pub use check::from_stranger;
pub use fill::from_slice;
pub use write::{to_vec, to_vec_short};

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

#[cfg(test)]
mod tests;

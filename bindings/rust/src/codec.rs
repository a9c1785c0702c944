//! How calls and events are written: JSON or MessagePack, from the same types.

use mesos::v1::scheduler::{Call, Event};
use mesos::{json, msgpack};

/// How a driver and a master write to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Mesos's JSON, which every master of Mesos 1.x speaks.
    Json,
    /// MessagePack with short keys, smaller and faster to read; only masters of this project speak
    /// it.
    #[default]
    MessagePack,
}

/// An event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("cannot read an event in JSON: {0}")]
    Json(#[from] json::JsonError),
    #[error("cannot read an event in MessagePack: {0}")]
    MessagePack(#[from] msgpack::MsgpackError),
}

impl Encoding {
    /// The media type in headers.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::MessagePack => "application/vnd.mesos.short+msgpack",
        }
    }

    pub(crate) fn encode(self, call: &Call) -> Vec<u8> {
        match self {
            Encoding::Json => json::to_vec(call),
            Encoding::MessagePack => msgpack::to_vec_short(call),
        }
    }

    pub(crate) fn decode(self, record: &[u8]) -> Result<Event, CodecError> {
        match self {
            Encoding::Json => Ok(json::from_slice(record, "Event")?),
            Encoding::MessagePack => Ok(msgpack::from_slice(record)?),
        }
    }
}

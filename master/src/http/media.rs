//! Calls and events in the media types of the API: JSON, and MessagePack from the same types.

use libprocess::http::Response;
use mesos::schema::Message;
use mesos::{json, msgpack};

pub(crate) use libprocess::http::MediaType;

/// What a media type makes of messages.
pub(crate) trait Codec {
    /// Reads a call; the error has Mesos's words.
    fn read<T: Message>(self, body: &[u8]) -> Result<T, Box<Response>>;

    /// Writes an event or an answer.
    fn write<T: Message>(self, value: &T) -> Vec<u8>;
}

impl Codec for MediaType {
    fn read<T: Message>(self, body: &[u8]) -> Result<T, Box<Response>> {
        let call = match self {
            Self::Json => json::from_stranger(body, "Call").map_err(|error| error.in_body()),
            Self::Msgpack | Self::MsgpackShort => msgpack::from_stranger(body)
                .map_err(|error| format!("Failed to parse body into Call: {error}")),
        };
        call.map_err(|error| Box::new(Response::bad_request(error)))
    }

    fn write<T: Message>(self, value: &T) -> Vec<u8> {
        match self {
            Self::Json => json::to_vec(value),
            Self::Msgpack => msgpack::to_vec(value),
            Self::MsgpackShort => msgpack::to_vec_short(value),
        }
    }
}

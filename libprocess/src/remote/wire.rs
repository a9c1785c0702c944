//! The bytes between nodes.
//!
//! ```text
//!   connector                               acceptor
//!      | --- magic, length, hello --------->  |
//!      | <-- magic, length, hello ----------  |
//!      | --- message, link, unlink, ping -->  |
//!      | <-- exited, pong ------------------  |
//! ```
//!
//! A connection carries messages one way only, from the node that made it; what comes back are
//! answers about links. Numbers are big endian. A hello is a MessagePack map with field names: the
//! unknown is ignored, the missing has a default. A frame is four bytes of length and a MessagePack
//! array whose first element is its kind. Frames are arrays, not maps, since each message has one;
//! elements behind those that a reader knows are ignored, and so are kinds that it does not know.
//!
//! | frame   | elements                                                                 |
//! |---------|--------------------------------------------------------------------------|
//! | message | 0, to (id), from (nil, id at the connector, or `id@ip:port`), name, body |
//! | link    | 1, id, number of the link                                                |
//! | unlink  | 2, id, number of the link                                                |
//! | ping    | 3, number                                                                |
//! | exited  | 4, id, number of the link                                                |
//! | pong    | 5, number                                                                |

use crate::Upid;
use crate::message::CodecError;
use rmp::decode::{read_array_len, read_bin_len, read_int, read_str_len};
use rmp::encode::{write_array_len, write_nil, write_str, write_uint};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use thiserror::Error;

/// What a message connection begins with, in both directions. No HTTP request and no TLS handshake
/// begins with its first byte.
pub(crate) const MAGIC: [u8; 8] = *b"\xf1MESSAGE";

/// The protocol that this code speaks, and the oldest that it still understands.
pub(crate) const VERSION: u16 = 1;
pub(crate) const OLDEST: u16 = 1;

/// The longest hello, in bytes: room for credentials, and no more.
const HELLO_BYTES: usize = 64 << 10;

/// Bytes before a frame: its length.
pub(crate) const PREFIX: usize = 4;

/// Why bytes are not what this protocol says.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("the first bytes are not those of a message connection")]
    BadMagic,
    #[error("a hello of {0} bytes is longer than {HELLO_BYTES}")]
    LongHello(usize),
    #[error("the hello cannot be read: {0}")]
    BadHello(#[from] rmp_serde::decode::Error),
    #[error("the peer speaks versions {0} to {1}, this node {OLDEST} to {VERSION}")]
    Versions(u16, u16),
    #[error("the peer refuses: {0}")]
    Refused(String),
    #[error("a frame of {0} bytes is longer than the limit of {1}")]
    LongFrame(usize, usize),
    #[error("a frame of {0} bytes is malformed")]
    BadFrame(usize),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The first word of either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The newest version that the sender speaks; in the answer, the one that both will speak.
    #[serde(default)]
    pub version: u16,
    /// The oldest version that the sender speaks.
    #[serde(default)]
    pub oldest: u16,
    /// The sender's address as in its process names: `ip:port`.
    #[serde(with = "as_text")]
    pub address: SocketAddr,
    /// How often the sender probes an idle connection, in milliseconds.
    #[serde(default)]
    pub ping_interval_ms: u64,
    /// In an answer: why the connection is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Addresses as text, which any language can read.
mod as_text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;
    use std::net::SocketAddr;

    pub fn serialize<S: Serializer>(value: &SocketAddr, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not an `ip:port`")))
    }
}

impl Hello {
    pub fn new(address: SocketAddr, ping_interval_ms: u64) -> Self {
        Self { version: VERSION, oldest: OLDEST, address, ping_interval_ms, error: None }
    }

    /// With magic and length, as it goes over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([0; PREFIX]);
        // Writing numbers and texts to memory cannot fail.
        let _ = rmp_serde::encode::write_named(&mut out, self);
        let length = (out.len() - MAGIC.len() - PREFIX) as u32;
        out[MAGIC.len()..MAGIC.len() + PREFIX].copy_from_slice(&length.to_be_bytes());
        out
    }

    /// The length of the hello that follows these first bytes.
    pub fn length(head: &[u8; MAGIC.len() + PREFIX]) -> Result<usize, WireError> {
        let (magic, length) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(WireError::BadMagic);
        }
        let length = be_length(length);
        if length > HELLO_BYTES { Err(WireError::LongHello(length)) } else { Ok(length) }
    }

    /// Reads what follows magic and length.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        Ok(rmp_serde::from_slice(body)?)
    }

    /// The version that both sides speak.
    pub fn agree(&self) -> Result<u16, WireError> {
        let version = self.version.min(VERSION);
        if version < self.oldest || version < OLDEST {
            return Err(WireError::Versions(self.oldest, self.version));
        }
        Ok(version)
    }
}

/// Reads the length before a frame or hello; `bytes` begins with it.
pub(crate) fn be_length(bytes: &[u8]) -> usize {
    bytes.iter().take(PREFIX).fold(0, |length, byte| length << 8 | usize::from(*byte))
}

const MESSAGE: u8 = 0;
const LINK: u8 = 1;
const UNLINK: u8 = 2;
const PING: u8 = 3;
const EXITED: u8 = 4;
const PONG: u8 = 5;

/// A frame, as read. Texts and body point into what was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The texts are bytes: most are the same as in the message before, and known to be good.
    Message {
        to: &'a [u8],
        from: Option<&'a [u8]>,
        name: &'a [u8],
        body: &'a [u8],
    },
    Link {
        id: &'a str,
        number: u64,
    },
    Unlink {
        id: &'a str,
        number: u64,
    },
    Ping(u64),
    Exited {
        id: &'a str,
        number: u64,
    },
    Pong(u64),
    /// Of a kind that a later version may have added.
    Unknown,
}

impl<'a> Frame<'a> {
    /// Reads a frame without its length.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::read(bytes).ok_or(WireError::BadFrame(bytes.len()))
    }

    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let rest = &mut bytes;
        read_array_len(rest).ok().filter(|length| *length > 0)?;
        let kind: u64 = read_int(rest).ok()?;
        Some(match u8::try_from(kind) {
            Ok(MESSAGE) => {
                let to = raw_text(rest)?;
                let from = optional_text(rest)?;
                let name = raw_text(rest)?;
                let length = read_bin_len(rest).ok()? as usize;
                Self::Message { to, from, name, body: rest.get(..length)? }
            }
            Ok(LINK) => Self::Link { id: text(rest)?, number: read_int(rest).ok()? },
            Ok(UNLINK) => Self::Unlink { id: text(rest)?, number: read_int(rest).ok()? },
            Ok(PING) => Self::Ping(read_int(rest).ok()?),
            Ok(EXITED) => Self::Exited { id: text(rest)?, number: read_int(rest).ok()? },
            Ok(PONG) => Self::Pong(read_int(rest).ok()?),
            _ => Self::Unknown,
        })
    }
}

fn raw_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = read_str_len(rest).ok()? as usize;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(text)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(raw_text(rest)?).ok()
}

fn optional_text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    if rest.first() == Some(&rmp::Marker::Null.to_u8()) {
        *rest = &rest[1..];
        return Some(None);
    }
    raw_text(rest).map(Some)
}

/// Appends a frame whose elements `write` writes; on an error, or when it is too long, appends
/// nothing.
fn frame(
    out: &mut Vec<u8>,
    limit: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let start = out.len();
    out.extend([0; PREFIX]);
    let written = write(out).and_then(|()| {
        let length = out.len() - start - PREFIX;
        if length > limit { Err(WireError::LongFrame(length, limit)) } else { Ok(length as u32) }
    });
    match written {
        Ok(length) => {
            out[start..start + PREFIX].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Appends a message whose body `write_body` writes. `home` is the address of this node, which
/// is not repeated in each frame.
pub(crate) fn put_message(
    out: &mut Vec<u8>,
    limit: usize,
    (from, home): (&Upid, SocketAddr),
    (to, name): (&str, &str),
    write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), WireError> {
    frame(out, limit, |out| {
        // Writing to memory cannot fail, so these results say nothing.
        let _ = write_array_len(out, 5);
        let _ = write_uint(out, u64::from(MESSAGE));
        let _ = write_str(out, to);
        if from.is_nobody() {
            let _ = write_nil(out);
        } else if from.address() == home && !from.id().contains('@') {
            let _ = write_str(out, from.id());
        } else {
            let _ = write_str(out, &from.to_string());
        }
        let _ = write_str(out, name);
        // The longest form of the header: the length is known only after the body.
        out.push(rmp::Marker::Bin32.to_u8());
        let start = out.len();
        out.extend([0; 4]);
        write_body(out)?;
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    })
}

/// Appends a message whose body is bytes already.
pub(crate) fn put_raw_message(
    out: &mut Vec<u8>,
    limit: usize,
    from: (&Upid, SocketAddr),
    to: (&str, &str),
    body: &[u8],
) -> Result<(), WireError> {
    put_message(out, limit, from, to, |out| {
        out.extend_from_slice(body);
        Ok(())
    })
}

fn put_control(out: &mut Vec<u8>, kind: u8, id: Option<&str>, number: u64) {
    let _ = frame(out, usize::MAX, |out| {
        let _ = write_array_len(out, if id.is_some() { 3 } else { 2 });
        let _ = write_uint(out, u64::from(kind));
        if let Some(id) = id {
            let _ = write_str(out, id);
        }
        let _ = write_uint(out, number);
        Ok(())
    });
}

pub(crate) fn put_link(out: &mut Vec<u8>, id: &str, number: u64) {
    put_control(out, LINK, Some(id), number);
}

pub(crate) fn put_unlink(out: &mut Vec<u8>, id: &str, number: u64) {
    put_control(out, UNLINK, Some(id), number);
}

pub(crate) fn put_exited(out: &mut Vec<u8>, id: &str, number: u64) {
    put_control(out, EXITED, Some(id), number);
}

pub(crate) fn put_ping(out: &mut Vec<u8>, number: u64) {
    put_control(out, PING, None, number);
}

pub(crate) fn put_pong(out: &mut Vec<u8>, number: u64) {
    put_control(out, PONG, None, number);
}

#[cfg(test)]
mod tests;

//! Octets: base64 in JSON, `bin` in MessagePack.

use std::fmt;
use std::ops::Deref;

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine, alphabet};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Mesos decodes without looking at padding or at the bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why text is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// A character outside the alphabet; Mesos's words.
    #[error("Invalid character '{0}'")]
    Character(char),
    /// A last group of one character.
    #[error("Invalid length {0}")]
    Length(usize),
}

/// The value of a `bytes` field, cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(bytes::Bytes);

impl Bytes {
    /// The octets of a UUID that was just drawn.
    pub fn random_uuid() -> Self {
        Self::from(uuid::Uuid::new_v4().as_bytes().to_vec())
    }

    /// The text that JSON carries.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The octets behind base64 text: up to the first `=`, whitespace apart, as Mesos reads it.
    pub fn from_base64(text: &str) -> Result<Self, Base64Error> {
        let text = text.split('=').next().unwrap_or_default();
        let dense: String;
        let text = if text.contains(char::is_whitespace) {
            dense = text.split_whitespace().collect();
            &dense
        } else {
            text
        };
        LENIENT.decode(text).map(Self::from).map_err(|error| match error {
            DecodeError::InvalidByte(offset, _) => {
                Base64Error::Character(text[offset..].chars().next().unwrap_or_default())
            }
            _ => Base64Error::Length(text.len()),
        })
    }

    /// The octets, sharing their memory.
    pub fn into_inner(self) -> bytes::Bytes {
        self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

impl From<bytes::Bytes> for Bytes {
    fn from(octets: bytes::Bytes) -> Self {
        Self(octets)
    }
}

impl From<&[u8]> for Bytes {
    fn from(octets: &[u8]) -> Self {
        Self(bytes::Bytes::copy_from_slice(octets))
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0..=32 => write!(f, "Bytes({})", self.to_base64()),
            length => write!(f, "Bytes({length} octets)"),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.to_base64())
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Base64)
        } else {
            deserializer.deserialize_byte_buf(Octets)
        }
    }
}

struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Bytes::from_base64(text).map_err(E::custom)
    }
}

struct Octets;

impl<'de> Visitor<'de> for Octets {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("octets")
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::from(octets))
    }

    fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes::from(octets))
    }

    // Some MessagePack writers of the outside know only text.
    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Ok(Bytes::from(text))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = seq.next_element::<u8>()? {
            octets.push(octet);
        }
        Ok(Bytes::from(octets))
    }
}

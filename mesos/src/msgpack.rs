//! MessagePack: maps with the names of JSON, enums by name, octets as `bin`.
//!
//! It is what our own processes speak to each other, and what frameworks may speak instead of JSON.
//! Unknown fields are ignored and missing ones defaulted, so that adjacent releases understand
//! each other. From strangers, [`from_stranger`] demands required fields as JSON does.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::schema::{Field, Kind, Label, Message, Schema};

/// How deeply values may be nested: a stranger's message must not exhaust the stack.
const MAX_DEPTH: usize = 128;

/// How many missing fields an error lists before it says `...`.
const MAX_LISTED: usize = 64;

/// Why MessagePack was refused.
#[derive(Debug, thiserror::Error)]
pub enum MsgpackError {
    /// It is no MessagePack, or not of the type that was expected.
    #[error("failed to decode MessagePack: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// It ends early, or is nested too deeply, or has keys other than text.
    #[error("failed to decode MessagePack at byte {offset}: {reason}")]
    Malformed {
        /// Where, in octets from the beginning.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Required fields are missing; the words are those of JSON.
    #[error("Missing required fields: {0}")]
    Missing(String),
}

/// The MessagePack of a message.
///
/// # Panics
///
/// If the type cannot be written. All types of this crate can.
pub fn to_vec<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    let mut octets = Vec::with_capacity(256);
    write_to(&mut octets, message);
    octets
}

/// Appends the MessagePack of a message to a buffer; see [`to_vec`].
pub fn write_to<T: Serialize + ?Sized>(octets: &mut Vec<u8>, message: &T) {
    message
        .serialize(&mut rmp_serde::Serializer::new(octets).with_struct_map())
        .expect("messages can be written, and a vector takes every octet");
}

/// Reads a message from a process of our own, of this release or an adjacent one.
pub fn from_slice<T: DeserializeOwned>(octets: &[u8]) -> Result<T, MsgpackError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(octets);
    deserializer.set_max_depth(MAX_DEPTH);
    Ok(T::deserialize(&mut deserializer)?)
}

/// Reads a message from outside the cluster: its required fields must be there.
pub fn from_stranger<T: Message>(octets: &[u8]) -> Result<T, MsgpackError> {
    let mut walk = Walk { octets, offset: 0, missing: Vec::new() };
    walk.message(T::schema(), "", 0)?;
    if walk.offset != octets.len() {
        return Err(walk.malformed("octets follow the message"));
    }
    if walk.missing.is_empty() {
        return from_slice(octets);
    }
    if walk.missing.len() > MAX_LISTED {
        walk.missing.truncate(MAX_LISTED);
        walk.missing.push("...".to_owned());
    }
    Err(MsgpackError::Missing(walk.missing.join(", ")))
}

/// One pass over a message's octets that notes which required fields are not there.
struct Walk<'a> {
    octets: &'a [u8],
    offset: usize,
    missing: Vec<String>,
}

/// What stands before a value: its kind and its length in entries or octets.
enum Head {
    Nil,
    Map(usize),
    Array(usize),
    Text(usize),
    /// Anything else, with the octets that belong to it.
    Scalar(usize),
}

impl Walk<'_> {
    fn malformed(&self, reason: &'static str) -> MsgpackError {
        MsgpackError::Malformed { offset: self.offset, reason }
    }

    /// Walks over what should be a message of this schema. What is none is left to serde to
    /// refuse, which names the types.
    fn message(&mut self, schema: &Schema, path: &str, depth: usize) -> Result<(), MsgpackError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed("it is nested too deeply"));
        }
        let start = self.offset;
        let Head::Map(entries) = self.head()? else {
            self.offset = start;
            return self.skip(depth);
        };
        // Schemas have fewer fields than a word has bits; a test sees to it.
        let mut seen = 0_u64;
        let reported = self.missing.len();
        for _ in 0..entries {
            let key = self.text()?;
            match schema.fields.iter().position(|field| field.name.as_bytes() == key) {
                Some(index) => {
                    if self.field(&schema.fields[index], path, depth)? {
                        seen |= 1 << index;
                    }
                }
                None => self.skip(depth + 1)?,
            }
        }
        if self.missing.len() <= MAX_LISTED {
            let own = schema.fields.iter().enumerate().filter(|(index, field)| {
                field.label == Label::Required && seen & (1 << index) == 0
            });
            let own = own.map(|(_, field)| format!("{path}{}", field.name));
            // A message's own fields come before those of the messages within.
            self.missing.splice(reported..reported, own);
        }
        Ok(())
    }

    /// Walks over the value of a field; `false` if it is nil.
    fn field(&mut self, field: &Field, path: &str, depth: usize) -> Result<bool, MsgpackError> {
        let start = self.offset;
        let name = field.name;
        match (field.label, field.kind, self.head()?) {
            (_, _, Head::Nil) => return Ok(false),
            (Label::Repeated, Kind::Message(schema), Head::Array(items)) => {
                for index in 0..items {
                    self.message(schema(), &format!("{path}{name}[{index}]."), depth + 1)?;
                }
            }
            (Label::Map, Kind::Message(schema), Head::Map(entries)) => {
                for index in 0..entries {
                    self.text()?;
                    self.message(schema(), &format!("{path}{name}[{index}].value."), depth + 1)?;
                }
            }
            (Label::Required | Label::Optional, Kind::Message(schema), Head::Map(_)) => {
                self.offset = start;
                self.message(schema(), &format!("{path}{name}."), depth + 1)?;
            }
            _ => {
                self.offset = start;
                self.skip(depth + 1)?;
            }
        }
        Ok(true)
    }

    /// Walks over any value.
    fn skip(&mut self, depth: usize) -> Result<(), MsgpackError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed("it is nested too deeply"));
        }
        match self.head()? {
            Head::Nil => Ok(()),
            Head::Text(length) | Head::Scalar(length) => self.take(length).map(drop),
            Head::Array(items) => (0..items).try_for_each(|_| self.skip(depth + 1)),
            Head::Map(entries) => (0..entries).try_for_each(|_| {
                self.skip(depth + 1)?;
                self.skip(depth + 1)
            }),
        }
    }

    fn text(&mut self) -> Result<&[u8], MsgpackError> {
        match self.head()? {
            Head::Text(length) => self.take(length),
            _ => Err(self.malformed("a key is no text")),
        }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], MsgpackError> {
        let end = self.offset.checked_add(length).filter(|end| *end <= self.octets.len());
        let end = end.ok_or_else(|| self.malformed("it ends early"))?;
        let taken = &self.octets[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    /// A length of one, two or four octets.
    fn length(&mut self, octets: usize) -> Result<usize, MsgpackError> {
        let taken = self.take(octets)?;
        Ok(taken.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
    }

    fn head(&mut self) -> Result<Head, MsgpackError> {
        use rmp::Marker::*;
        let marker = rmp::Marker::from_u8(self.take(1)?[0]);
        Ok(match marker {
            Null => Head::Nil,
            FixMap(entries) => Head::Map(usize::from(entries)),
            Map16 => Head::Map(self.length(2)?),
            Map32 => Head::Map(self.length(4)?),
            FixArray(items) => Head::Array(usize::from(items)),
            Array16 => Head::Array(self.length(2)?),
            Array32 => Head::Array(self.length(4)?),
            FixStr(length) => Head::Text(usize::from(length)),
            Str8 => Head::Text(self.length(1)?),
            Str16 => Head::Text(self.length(2)?),
            Str32 => Head::Text(self.length(4)?),
            Bin8 => Head::Scalar(self.length(1)?),
            Bin16 => Head::Scalar(self.length(2)?),
            Bin32 => Head::Scalar(self.length(4)?),
            // An extension carries one more octet: its type.
            Ext8 => Head::Scalar(self.length(1)? + 1),
            Ext16 => Head::Scalar(self.length(2)? + 1),
            Ext32 => Head::Scalar(self.length(4)? + 1),
            FixExt1 => Head::Scalar(2),
            FixExt2 => Head::Scalar(3),
            FixExt4 => Head::Scalar(5),
            FixExt8 => Head::Scalar(9),
            FixExt16 => Head::Scalar(17),
            U8 | I8 => Head::Scalar(1),
            U16 | I16 => Head::Scalar(2),
            U32 | I32 | F32 => Head::Scalar(4),
            U64 | I64 | F64 => Head::Scalar(8),
            True | False | FixPos(_) | FixNeg(_) => Head::Scalar(0),
            Reserved => return Err(self.malformed("an octet is no MessagePack")),
        })
    }
}

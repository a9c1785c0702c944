//! Writing and reading: one walk for all messages, instantiated once per format.

use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserializer, Serialize, Serializer};

use super::{Items, Map, Open, Reflect, Seen, Slot, Variant};
use crate::bytes::Bytes;
use crate::schema::Schema;

/// Writes a message as serde's derived code would: a struct of the fields that are set.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(message: &dyn Reflect, to: S) -> Result<S::Ok, S::Error> {
    let schema = message.described();
    let mut set = 0;
    message.each(&mut |_, _| set += 1);
    let mut fields = to.serialize_struct(schema.name, set)?;
    let mut result = Ok(());
    message.each(&mut |index, value| {
        if result.is_ok() {
            result = fields.serialize_field(schema.fields[index].name, &value);
        }
    });
    result?;
    fields.end()
}

impl Serialize for Seen<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bool(value) => to.serialize_bool(value),
            Self::Int(value) => to.serialize_i64(value),
            Self::Uint(value) => to.serialize_u64(value),
            Self::Double(value) => serialize_double(value, to),
            Self::Text(value) => to.serialize_str(value),
            Self::Bytes(value) => value.serialize(to),
            Self::Message(value) => serialize(value, to),
            Self::List(value) => {
                let mut items = to.serialize_seq(Some(value.length()))?;
                for index in 0..value.length() {
                    items.serialize_element(&value.at(index))?;
                }
                items.end()
            }
            Self::Map(value) => serialize_map(value, to),
        }
    }
}

fn serialize_map<S: Serializer>(map: &dyn Map, to: S) -> Result<S::Ok, S::Error> {
    let mut entries = to.serialize_map(Some(map.length()))?;
    let mut result = Ok(());
    map.each(&mut |key, value| {
        if result.is_ok() {
            result = entries.serialize_entry(key, &value);
        }
    });
    result?;
    entries.end()
}

/// JSON has no infinity: Mesos writes it as text.
fn serialize_double<S: Serializer>(value: f64, to: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() || !to.is_human_readable() {
        to.serialize_f64(value)
    } else if value.is_nan() {
        to.serialize_str("NaN")
    } else if value > 0.0 {
        to.serialize_str("Infinity")
    } else {
        to.serialize_str("-Infinity")
    }
}

/// Fills a message, which the caller has made empty. Unknown fields are ignored.
///
/// # Errors
/// A value is of another type than its field, or the format is broken.
pub fn deserialize<'de, D: Deserializer<'de>>(
    message: &mut dyn Reflect,
    from: D,
) -> Result<(), D::Error> {
    let human = from.is_human_readable();
    from.deserialize_any(Fill { open: Open::Message(message), human })
}

/// Reads the name of a variant.
///
/// # Errors
/// There is no such variant, or the format is broken.
pub fn deserialize_variant<'de, D: Deserializer<'de>>(
    variant: &mut dyn Variant,
    from: D,
) -> Result<(), D::Error> {
    let human = from.is_human_readable();
    from.deserialize_any(Fill { open: Open::Variant(variant), human })
}

/// A slot that takes the next value.
struct Place<'a>(&'a mut dyn Slot);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let human = from.is_human_readable();
        from.deserialize_any(Settle { slot: self.0, human })
    }
}

/// A list that takes the next value behind its last.
struct Push<'a>(&'a mut dyn Items);

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        Place(self.0.push()).deserialize(from)
    }
}

/// Takes null and names of variants that nobody knows; gives everything else to [`Fill`].
struct Settle<'a> {
    slot: &'a mut dyn Slot,
    human: bool,
}

impl<'a> Settle<'a> {
    fn fill(self) -> Fill<'a> {
        Fill { open: self.slot.open(), human: self.human }
    }

    fn unset<E: Error>(self) -> Result<(), E> {
        match self.slot.unset() {
            true => Ok(()),
            false => Err(E::invalid_type(Unexpected::Unit, &self.fill())),
        }
    }
}

impl<'de> Visitor<'de> for Settle<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.unset()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.unset()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // To a reader of an older release, a variant that only newer ones know is an absent value
        // and not a broken message.
        if let Open::Variant(variant) = self.slot.open() {
            if variant.choose(text) {
                return Ok(());
            }
            if self.slot.unset() {
                return Ok(());
            }
        }
        self.fill().visit_str(text)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        match self.slot.open() {
            Open::Text(to) => {
                *to = text;
                Ok(())
            }
            _ => self.visit_str(&text),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.fill().visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.fill().visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.fill().visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.fill().visit_f64(value)
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<(), E> {
        self.fill().visit_bytes(octets)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.fill().visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.fill().visit_map(entries)
    }
}

/// An open place that takes a value.
struct Fill<'a> {
    open: Open<'a>,
    human: bool,
}

impl Fill<'_> {
    /// An integer of any width, if it fits. `i128` holds all of them.
    fn integer<E: Error>(mut self, value: i128, is: Unexpected<'_>) -> Result<(), E> {
        let fits = match &mut self.open {
            Open::Int32(to) => value.try_into().map(|value| **to = value).is_ok(),
            Open::Uint32(to) => value.try_into().map(|value| **to = value).is_ok(),
            Open::Int64(to) => value.try_into().map(|value| **to = value).is_ok(),
            Open::Uint64(to) => value.try_into().map(|value| **to = value).is_ok(),
            Open::Double(to) => {
                **to = value as f64;
                true
            }
            _ => return Err(E::invalid_type(is, &self)),
        };
        match fits {
            true => Ok(()),
            false => Err(E::invalid_value(is, &self)),
        }
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.open {
            Open::Bool(_) => "a boolean",
            Open::Int32(_) => "an integer of 32 bits",
            Open::Uint32(_) => "an unsigned integer of 32 bits",
            Open::Int64(_) => "an integer of 64 bits",
            Open::Uint64(_) => "an unsigned integer of 64 bits",
            Open::Double(_) => "a number",
            Open::Text(_) | Open::Shared(_) => "text",
            Open::Bytes(_) if self.human => "base64 text",
            Open::Bytes(_) => "octets",
            Open::Variant(variant) => return write!(f, "the name of a {}", variant.name()),
            Open::Message(message) => return write!(f, "a {}", message.described().name),
            Open::List(_) => "an array",
            Open::Map(_) => "a map",
        })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.open {
            Open::Bool(to) => {
                *to = value;
                Ok(())
            }
            _ => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value.into(), Unexpected::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(value.into(), Unexpected::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.open {
            Open::Double(to) => {
                *to = value;
                Ok(())
            }
            _ => Err(E::invalid_type(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.open {
            Open::Text(to) => text.clone_into(to),
            Open::Shared(to) => *to = text.into(),
            Open::Bytes(to) if self.human => *to = Bytes::from_base64(text).map_err(E::custom)?,
            // Some MessagePack writers of the outside know only text.
            Open::Bytes(to) => *to = Bytes::from(text),
            Open::Double(to) => {
                *to = text.parse().map_err(|_| E::custom(format_args!("'{text}' is no number")))?;
            }
            Open::Variant(variant) => {
                if !variant.choose(text) && !variant.choose("UNKNOWN") {
                    let name = variant.name();
                    return Err(E::custom(format_args!("{text:?} is no {name}")));
                }
            }
            _ => return Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
        Ok(())
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<(), E> {
        match self.open {
            Open::Bytes(to) if !self.human => {
                *to = Bytes::from(octets);
                Ok(())
            }
            _ => Err(E::invalid_type(Unexpected::Bytes(octets), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        match self.open {
            Open::List(list) => while items.next_element_seed(Push(&mut *list))?.is_some() {},
            Open::Bytes(to) if !self.human => {
                let mut octets = Vec::new();
                while let Some(octet) = items.next_element::<u8>()? {
                    octets.push(octet);
                }
                *to = Bytes::from(octets);
            }
            _ => return Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        match self.open {
            Open::Message(message) => fill_message(message, entries),
            Open::Map(map) => {
                while let Some(key) = entries.next_key::<String>()? {
                    entries.next_value_seed(Place(map.entry(key)))?;
                }
                Ok(())
            }
            _ => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }
}

fn fill_message<'de, A: MapAccess<'de>>(
    message: &mut dyn Reflect,
    mut entries: A,
) -> Result<(), A::Error> {
    let schema = message.described();
    let mut expected = 0;
    while let Some(found) = entries.next_key_seed(Name { schema, expected })? {
        match found.and_then(|index| message.slot(index)) {
            Some(slot) => entries.next_value_seed(Place(slot))?,
            None => drop(entries.next_value::<IgnoredAny>()?),
        }
        expected = found.map_or(expected, |index| index + 1);
    }
    Ok(())
}

/// Reads a key and finds its field. Fields mostly come in order.
struct Name {
    schema: &'static Schema,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<usize>, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a field of {}", self.schema.name)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.schema.position_of_name(name, self.expected))
    }
}

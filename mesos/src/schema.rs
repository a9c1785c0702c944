//! What a message type says of itself: its fields, their labels and their kinds.
//!
//! Mesos's types were protobuf messages, and its JSON inherits protobuf's rules: required and
//! optional fields, explicit defaults, `null` for unset, unknown fields ignored. One definition
//! with [`message!`](crate::message) yields the Rust struct, a way to see and fill its fields
//! ([`crate::reflect`], by which serde knows it) and a [`Schema`], a constant table by which
//! [`crate::json`] checks and normalises what strangers send before serde sees it. Serde alone
//! could neither name every missing field nor forgive what Mesos forgives.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::reflect::{Reflect, Seen, Slot};

/// The fields of a message, in the order in which they are written.
#[derive(Debug)]
pub struct Schema {
    /// The message's name, as Mesos spells it in errors.
    pub name: &'static str,
    /// The fields.
    pub fields: &'static [Field],
}

impl Schema {
    /// The index of the field with this short key or name. Fields mostly come in order: the search
    /// begins at the one that is `expected`.
    #[inline]
    pub fn position(&self, key: &[u8], expected: usize) -> Option<usize> {
        let (before, after) = self.fields.split_at(expected.min(self.fields.len()));
        // Short keys are one octet: comparing those needs no call.
        let is = |field: &Field| match key {
            [octet] => matches!(field.key.as_bytes(), [own] if own == octet),
            _ => field.name.as_bytes() == key,
        };
        match after.iter().position(is) {
            Some(index) => Some(before.len() + index),
            None => before.iter().position(is),
        }
    }

    /// The index of the field with this name. The search begins at the one that is `expected`.
    pub fn position_of_name(&self, name: &str, expected: usize) -> Option<usize> {
        let (before, after) = self.fields.split_at(expected.min(self.fields.len()));
        match after.iter().position(|field| field.name == name) {
            Some(index) => Some(before.len() + index),
            None => before.iter().position(|field| field.name == name),
        }
    }
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    /// The key in JSON.
    pub name: &'static str,
    /// The key in MessagePack with short keys: one octet, or the name (see [`crate::msgpack`]).
    pub key: &'static str,
    /// How often the field occurs.
    pub label: Label,
    /// What it holds.
    pub kind: Kind,
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Exactly once: a message without it is refused.
    Required,
    /// At most once.
    Optional,
    /// Any number of times; an array in JSON.
    Repeated,
    /// String keys to values; an object in JSON.
    Map,
}

/// What a field holds. Messages and enums are functions, since messages may contain themselves.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A signed integer of 32 bits.
    Int32,
    /// An unsigned integer of 32 bits.
    Uint32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 64 bits.
    Uint64,
    /// A floating-point number of 64 bits.
    Double,
    /// UTF-8 text.
    String,
    /// Octets: base64 in JSON, `bin` in MessagePack.
    Bytes,
    /// The name of a variant; the list holds all names with their protobuf numbers.
    Enum(&'static [(&'static str, i32)]),
    /// A nested message.
    Message(fn() -> &'static Schema),
}

/// A message type: it has a schema.
pub trait Message: serde::Serialize + DeserializeOwned + Reflect + Default {
    /// The schema of this type.
    fn schema() -> &'static Schema;
}

/// A type that a field may hold by itself.
pub trait Kinded: Slot + Default {
    /// Its kind.
    const KIND: Kind;

    /// The value, seen without its type.
    fn seen(&self) -> Seen<'_>;
}

/// A type that a field may have, with its label.
pub trait FieldType: Slot {
    /// How often values occur.
    const LABEL: Label;
    /// What they are.
    const KIND: Kind;
    /// What the field holds: nothing, if it is left out when the message is written.
    fn seen(&self) -> Option<Seen<'_>>;
}

impl<T: Kinded> FieldType for T {
    const LABEL: Label = Label::Required;
    const KIND: Kind = T::KIND;

    fn seen(&self) -> Option<Seen<'_>> {
        Some(Kinded::seen(self))
    }
}

impl<T: Kinded> FieldType for Option<T> {
    const LABEL: Label = Label::Optional;
    const KIND: Kind = T::KIND;

    fn seen(&self) -> Option<Seen<'_>> {
        self.as_ref().map(Kinded::seen)
    }
}

impl<T: Kinded> FieldType for Vec<T> {
    const LABEL: Label = Label::Repeated;
    const KIND: Kind = T::KIND;

    fn seen(&self) -> Option<Seen<'_>> {
        (!self.is_empty()).then_some(Seen::List(self))
    }
}

impl<T: Kinded> FieldType for BTreeMap<String, T> {
    const LABEL: Label = Label::Map;
    const KIND: Kind = T::KIND;

    fn seen(&self) -> Option<Seen<'_>> {
        (!self.is_empty()).then_some(Seen::Map(self))
    }
}

/// The label of a field that has an explicit default when `$default` is given, else its type's.
#[doc(hidden)]
#[macro_export]
macro_rules! __label {
    ($ty:ty) => {
        <$ty as $crate::schema::FieldType>::LABEL
    };
    ($ty:ty, $default:expr) => {
        $crate::schema::Label::Optional
    };
}

/// The value of a field before anything is read into it.
#[doc(hidden)]
#[macro_export]
macro_rules! __default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// The key of a field in MessagePack.
#[doc(hidden)]
#[macro_export]
macro_rules! __key {
    ($field:ident) => {
        $crate::schema::field_name(stringify!($field))
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

/// The name of a field without Rust's `r#`.
#[doc(hidden)]
pub const fn field_name(written: &'static str) -> &'static str {
    match written.as_bytes() {
        [b'r', b'#', ..] => written.split_at(2).1,
        _ => written,
    }
}

/// Defines message types.
///
/// A field's type gives its label: `T` is required, `Option<T>` optional, `Vec<T>` repeated,
/// `BTreeMap<String, T>` a map. `T = value` is an optional field with an explicit default, which
/// is always written, as Mesos does. Field names are Mesos's JSON keys; `name as "n"` gives a field
/// a key of one octet where MessagePack is written with short keys.
#[macro_export]
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        $(@$derive:ident)?
        pub struct $name:ident ($proto:literal) {
            $(
                $(#[$field_meta:meta])*
                $field:ident $(as $key:literal)? : $ty:ty $(= $default:expr)?
            ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[allow(missing_docs)]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                pub $field: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::__default!($($default)?),)* }
            }
        }

        impl $crate::schema::Message for $name {
            fn schema() -> &'static $crate::schema::Schema {
                static SCHEMA: $crate::schema::Schema = $crate::schema::Schema {
                    name: $proto,
                    fields: &[$(
                        $crate::schema::Field {
                            name: $crate::schema::field_name(stringify!($field)),
                            key: $crate::__key!($field $(, $key)?),
                            label: $crate::__label!($ty $(, $default)?),
                            kind: <$ty as $crate::schema::FieldType>::KIND,
                        },
                    )*],
                };
                &SCHEMA
            }
        }

        impl $crate::reflect::Reflect for $name {
            fn described(&self) -> &'static $crate::schema::Schema {
                <Self as $crate::schema::Message>::schema()
            }

            #[allow(unused_assignments, unused_mut, unused_variables)]
            fn each(&self, see: &mut dyn FnMut(usize, $crate::reflect::Seen<'_>)) {
                let mut field = 0;
                $(
                    if let Some(value) = $crate::schema::FieldType::seen(&self.$field) {
                        see(field, value);
                    }
                    field += 1;
                )*
            }

            #[allow(unused_assignments, unused_mut, unused_variables)]
            fn slot(&mut self, index: usize) -> Option<&mut dyn $crate::reflect::Slot> {
                let mut field = 0;
                $(
                    if index == field {
                        return Some(&mut self.$field);
                    }
                    field += 1;
                )*
                None
            }
        }

        $crate::message_value!($name);
    )*};
}

/// What makes a message the value of a field, and known to serde, by its [`Reflect`].
#[doc(hidden)]
#[macro_export]
macro_rules! message_value {
    ($name:ident) => {
        impl $crate::schema::Kinded for $name {
            const KIND: $crate::schema::Kind =
                $crate::schema::Kind::Message(<$name as $crate::schema::Message>::schema);

            fn seen(&self) -> $crate::reflect::Seen<'_> {
                $crate::reflect::Seen::Message(self)
            }
        }

        impl $crate::reflect::Slot for $name {
            fn open(&mut self) -> $crate::reflect::Open<'_> {
                $crate::reflect::Open::Message(self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::reflect::serialize(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let mut message = Self::default();
                $crate::reflect::deserialize(&mut message, from)?;
                Ok(message)
            }
        }
    };
}

/// Defines enums: variants with Mesos's name and number.
///
/// They are written by name. A name that is not known is no value where the field is optional,
/// reads as `UNKNOWN` where the enum has such a variant, and is an error otherwise (JSON from
/// strangers is normalised before, by Mesos's rules, which know no second case).
#[macro_export]
macro_rules! wire_enum {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(#[$first_meta:meta])*
            $first:ident = $first_text:literal ($first_number:literal)
            $(, $(#[$variant_meta:meta])* $variant:ident = $text:literal ($number:literal))* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[allow(missing_docs)]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
        )]
        pub enum $name {
            #[default]
            $(#[$first_meta])*
            $first = $first_number,
            $($(#[$variant_meta])* $variant = $number,)*
        }

        impl $name {
            /// Every variant, in the order of the definition.
            pub const ALL: &'static [$name] = &[$name::$first $(, $name::$variant)*];

            /// Mesos's name of this variant.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $name::$first => $first_text,
                    $($name::$variant => $text,)*
                }
            }

            /// The variant with this name of Mesos's.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.as_str() == name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let mut variant = Self::default();
                $crate::reflect::deserialize_variant(&mut variant, from)?;
                Ok(variant)
            }
        }

        impl $crate::reflect::Variant for $name {
            fn choose(&mut self, name: &str) -> bool {
                match Self::from_name(name) {
                    Some(variant) => {
                        *self = variant;
                        true
                    }
                    None => false,
                }
            }

            fn name(&self) -> &'static str {
                stringify!($name)
            }
        }

        impl $crate::reflect::Slot for $name {
            fn open(&mut self) -> $crate::reflect::Open<'_> {
                $crate::reflect::Open::Variant(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::schema::Kinded for $name {
            const KIND: $crate::schema::Kind = $crate::schema::Kind::Enum(&[
                ($first_text, $first_number) $(, ($text, $number))*
            ]);

            fn seen(&self) -> $crate::reflect::Seen<'_> {
                $crate::reflect::Seen::Text(self.as_str())
            }
        }
    )*};
}

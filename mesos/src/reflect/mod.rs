//! Messages seen without their types: how serde writes and reads them.
//!
//! There are 250 message types, four formats (JSON text and trees, MessagePack text and frames),
//! and a dozen crates that use them. Derived code for each of these pairs, again in each crate,
//! was two thirds of the program and most of its build. So a message only shows its fields, as
//! [`Seen`] to be written and as [`Open`] to be filled, and one walk per format does the rest.
//!
//! It deliberately knows no format: `walk` speaks serde, and [`crate::msgpack`] walks messages by
//! itself, to be fast. Nor does it check anything beyond types:
//! what strangers send is held against the [`Schema`] first (see [`crate::json`]).
//!
//! Reading order: this file, `values` (what fields may hold), `walk` (writing and reading).

mod values;
mod walk;

use std::sync::Arc;

pub use walk::{deserialize, deserialize_variant, serialize};

use crate::bytes::Bytes;
use crate::schema::Schema;

/// A message whose fields can be seen and filled.
pub trait Reflect {
    /// What the message says of itself.
    fn described(&self) -> &'static Schema;

    /// Shows every field that is set, with its index in the schema, in their order.
    fn each(&self, see: &mut dyn FnMut(usize, Seen<'_>));

    /// The place of the field with this index in the schema.
    fn slot(&mut self, index: usize) -> Option<&mut dyn Slot>;
}

/// What a field holds.
pub enum Seen<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    Uint(u64),
    /// A floating-point number. Infinite ones are text in JSON.
    Double(f64),
    /// Text, or the name of a variant.
    Text(&'a str),
    /// Octets.
    Bytes(&'a Bytes),
    /// A message.
    Message(&'a dyn Reflect),
    /// Values in order.
    List(&'a dyn List),
    /// Values by name.
    Map(&'a dyn Map),
}

/// A list that is seen.
pub trait List {
    /// How many items it has.
    fn length(&self) -> usize;
    /// One of them.
    fn at(&self, index: usize) -> Seen<'_>;
}

/// A map that is seen.
pub trait Map {
    /// How many entries it has.
    fn length(&self) -> usize;
    /// Shows every entry, in the order of the keys.
    fn each(&self, see: &mut dyn FnMut(&str, Seen<'_>));
}

/// A place that a value can be put into.
pub trait Slot {
    /// The place, ready to be filled. Lists and maps are emptied; fields of messages stay.
    fn open(&mut self) -> Open<'_>;

    /// Takes the value away. It is refused, with `false`, where a value must be.
    fn unset(&mut self) -> bool {
        false
    }
}

/// A place that waits to be filled.
pub enum Open<'a> {
    /// `true` or `false`.
    Bool(&'a mut bool),
    /// A signed integer of 32 bits.
    Int32(&'a mut i32),
    /// An unsigned integer of 32 bits.
    Uint32(&'a mut u32),
    /// A signed integer of 64 bits.
    Int64(&'a mut i64),
    /// An unsigned integer of 64 bits.
    Uint64(&'a mut u64),
    /// A floating-point number. Text may say it as well: `"Infinity"`.
    Double(&'a mut f64),
    /// Text.
    Text(&'a mut String),
    /// Text that is shared.
    Shared(&'a mut Arc<str>),
    /// Octets.
    Bytes(&'a mut Bytes),
    /// A variant, known by its name.
    Variant(&'a mut dyn Variant),
    /// A message.
    Message(&'a mut dyn Reflect),
    /// Values in order.
    List(&'a mut dyn Items),
    /// Values by name.
    Map(&'a mut dyn Entries),
}

/// An enum that is filled.
pub trait Variant {
    /// Becomes the variant with this name, if there is one.
    fn choose(&mut self, name: &str) -> bool;
    /// The name of the enum.
    fn name(&self) -> &'static str;
}

/// A list that is filled.
pub trait Items {
    /// Makes room for so many more.
    fn expect(&mut self, items: usize);
    /// A new last place.
    fn push(&mut self) -> &mut dyn Slot;
}

/// A map that is filled.
pub trait Entries {
    /// A new place under this key.
    fn entry(&mut self, key: String) -> &mut dyn Slot;
}

//! Values: scalars, ranges, sets and text, and the attributes made of them.
//!
//! [`fixed`] is the arithmetic of scalars, `ranges` that of ranges, `text` how values are
//! parsed and printed.

pub mod fixed;
mod ranges;
mod text;

use std::collections::BTreeSet;

pub use fixed::Fixed;
pub use text::{ValueError, attributes_to_v0, parse_attributes};

use crate::{message, wire_enum};

message! {
    /// A value of one of four types; only the field of its type is set.
    pub struct Value("Value") {
        r#type: ValueType,
        scalar: Option<Scalar>,
        ranges: Option<Ranges>,
        set: Option<Set>,
        text: Option<Text>,
    }

    /// A number, possibly infinite (limits of tasks). Resources count it in thousandths: see
    /// [`Fixed`].
    #[derive(Copy)]
    pub struct Scalar("Scalar") {
        value as "v": f64,
    }

    /// The integers from `begin` to `end`, both included.
    #[derive(Copy, Eq)]
    pub struct Range("Range") {
        begin as "b": u64,
        end as "e": u64,
    }

    /// Several ranges. What arithmetic yields is sorted and coalesced.
    #[derive(Eq)]
    pub struct Ranges("Ranges") {
        range as "r": Vec<Range>,
    }

    /// Distinct names, in no order that means anything.
    #[derive(Eq)]
    pub struct Set("Set") {
        item as "i": Vec<String>,
    }

    /// Text.
    #[derive(Eq)]
    pub struct Text("Text") {
        value as "v": String,
    }

    /// What an agent says of its machine, for frameworks to choose by.
    pub struct Attribute("Attribute") {
        name as "n": String,
        r#type as "t": ValueType,
        scalar as "s": Option<Scalar>,
        ranges as "g": Option<Ranges>,
        set as "e": Option<Set>,
        text as "x": Option<Text>,
    }
}

wire_enum! {
    /// What a [`Value`] holds.
    pub enum ValueType {
        Scalar = "SCALAR" (0),
        Ranges = "RANGES" (1),
        Set = "SET" (2),
        Text = "TEXT" (3),
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self { value }
    }
}

impl From<Fixed> for Scalar {
    fn from(value: Fixed) -> Self {
        Self { value: value.to_f64() }
    }
}

impl Scalar {
    /// The number as resources count it.
    pub fn to_fixed(self) -> Fixed {
        Fixed::from_f64(self.value)
    }
}

impl Set {
    /// Whether every item of `other` is in this set.
    pub fn contains(&self, other: &Set) -> bool {
        other.item.iter().all(|item| self.item.contains(item))
    }

    /// Adds the items that are not there yet.
    pub fn add(&mut self, other: &Set) {
        let present: BTreeSet<String> = self.item.iter().cloned().collect();
        self.item.extend(other.item.iter().filter(|item| !present.contains(*item)).cloned());
    }

    /// Takes items away.
    pub fn subtract(&mut self, other: &Set) {
        let gone: BTreeSet<&String> = other.item.iter().collect();
        self.item.retain(|item| !gone.contains(item));
    }
}

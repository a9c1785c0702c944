//! Values: scalars, ranges, sets and text, and the attributes made of them.

use crate::{message, wire_enum};

message! {
    /// Mesos's `Value`.
    pub struct Value("Value") {
        r#type: ValueType,
        scalar: Option<Scalar>,
        ranges: Option<Ranges>,
        set: Option<Set>,
        text: Option<Text>,
    }

    /// Mesos's `Value.Scalar`.
    pub struct Scalar("Scalar") {
        value: f64,
    }

    /// Mesos's `Value.Range`.
    pub struct Range("Range") {
        begin: u64,
        end: u64,
    }

    /// Mesos's `Value.Ranges`.
    pub struct Ranges("Ranges") {
        range: Vec<Range>,
    }

    /// Mesos's `Value.Set`.
    pub struct Set("Set") {
        item: Vec<String>,
    }

    /// Mesos's `Value.Text`.
    pub struct Text("Text") {
        value: String,
    }

    /// Mesos's `Attribute`.
    pub struct Attribute("Attribute") {
        name: String,
        r#type: ValueType,
        scalar: Option<Scalar>,
        ranges: Option<Ranges>,
        set: Option<Set>,
        text: Option<Text>,
    }
}

wire_enum! {
    /// Mesos's `Value.Type`.
    pub enum ValueType {
        Scalar = "SCALAR" (0),
        Ranges = "RANGES" (1),
        Set = "SET" (2),
        Text = "TEXT" (3),
    }
}

//! Values as text: `1.5`, `[31000-32000, 40000-40000]`, `{a, b}`, `rack-7`; attributes `k:v;k2:v2`.

use std::fmt;

use serde_json::{Map, json};

use super::{Attribute, Fixed, Range, Ranges, Scalar, Set, Text, Value, ValueType};

/// Why text is no value, in Mesos's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// There is nothing but spaces.
    #[error("Expecting non-empty string")]
    Empty,
    /// Brackets do not match.
    #[error("Mismatched brackets in '{0}'")]
    Brackets(String),
    /// A range lacks one of its ends.
    #[error("Expecting one or more \"ranges\"")]
    Ranges,
    /// An end of a range is no integer.
    #[error("Expecting non-negative integers in '{0}'")]
    Integer(String),
    /// A bracket stands in the midst of the text.
    #[error("Unexpected '{0}' found")]
    Unexpected(char),
    /// An attribute is no pair.
    #[error("Invalid attribute key:value pair '{0}'")]
    Pair(String),
}

impl Value {
    /// Parses a value. Spaces do not count; what is nothing else is text.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let dense: String = text.chars().filter(|char| *char != ' ').collect();
        if dense.is_empty() {
            return Err(ValueError::Empty);
        }
        if !['{', '[', '('].iter().all(|open| brackets_match(&dense, *open)) {
            return Err(ValueError::Brackets(dense));
        }
        match (dense.find('['), dense.find('{')) {
            (Some(0), _) => Ok(Self { ranges: Some(parse_ranges(&dense)?), ..typed("RANGES") }),
            (Some(_), _) => Err(ValueError::Unexpected('[')),
            (None, Some(0)) => Ok(Self { set: Some(parse_set(&dense)), ..typed("SET") }),
            (None, Some(_)) => Err(ValueError::Unexpected('{')),
            (None, None) => Ok(match parse_number(&dense) {
                Some(value) => Self { scalar: Some(Scalar { value }), ..typed("SCALAR") },
                None => Self { text: Some(Text { value: dense }), ..typed("TEXT") },
            }),
        }
    }
}

fn typed(name: &str) -> Value {
    Value { r#type: ValueType::from_name(name).unwrap_or_default(), ..Value::default() }
}

fn brackets_match(text: &str, open: char) -> bool {
    let close = match open {
        '{' => '}',
        '[' => ']',
        _ => ')',
    };
    let mut depth = 0_u32;
    for char in text.chars() {
        if char == open {
            depth += 1;
        } else if char == close {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            }
        }
    }
    depth == 0
}

/// A finite decimal number. `inf` and `nan` are words.
fn parse_number(text: &str) -> Option<f64> {
    let starts_like_one =
        text.starts_with(|char: char| char.is_ascii_digit() || "+-.".contains(char));
    text.parse().ok().filter(|number: &f64| starts_like_one && number.is_finite())
}

fn parse_ranges(dense: &str) -> Result<Ranges, ValueError> {
    let ends: Vec<&str> = tokens(dense, "[]-,\n").collect();
    let integer =
        |text: &str| text.parse::<u64>().map_err(|_| ValueError::Integer(text.to_owned()));
    let mut ranges = Ranges::default();
    for pair in ends.chunks(2) {
        let [begin, end] = pair else { return Err(ValueError::Ranges) };
        ranges.range.push(Range { begin: integer(begin)?, end: integer(end)? });
    }
    // What is inverted stays, for validation to name it.
    if ranges.range.iter().all(|range| range.begin <= range.end) {
        ranges.coalesce();
    }
    Ok(ranges)
}

fn parse_set(dense: &str) -> Set {
    Set { item: tokens(dense, "{},\n").map(str::to_owned).collect() }
}

/// The non-empty pieces between any of the delimiters.
pub(crate) fn tokens<'a>(text: &'a str, delimiters: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(move |char| delimiters.contains(char)).filter(|token| !token.is_empty())
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.is_finite() {
            true => fmt::Display::fmt(&Fixed::from_f64(self.value), f),
            false => write!(f, "{}", self.value),
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, Range { begin, end }) in self.range.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{begin}-{end}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.item.join(", "))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scalar) = &self.scalar {
            write!(f, "{scalar}")
        } else if let Some(ranges) = &self.ranges {
            write!(f, "{ranges}")
        } else if let Some(set) = &self.set {
            write!(f, "{set}")
        } else if let Some(text) = &self.text {
            write!(f, "{text}")
        } else {
            Ok(())
        }
    }
}

impl Attribute {
    /// An attribute with a value that is parsed from text.
    pub fn parse(name: &str, value: &str) -> Result<Self, ValueError> {
        let Value { r#type, scalar, ranges, set, text } = Value::parse(value)?;
        Ok(Self { name: name.trim().to_owned(), r#type, scalar, ranges, set, text })
    }

    /// Its value.
    pub fn value(&self) -> Value {
        Value {
            r#type: self.r#type,
            scalar: self.scalar,
            ranges: self.ranges.clone(),
            set: self.set.clone(),
            text: self.text.clone(),
        }
    }
}

/// Parses the `--attributes` of an agent: `rack:7;zone:[1-2];os:linux`.
pub fn parse_attributes(text: &str) -> Result<Vec<Attribute>, ValueError> {
    tokens(text, ";\n").filter(|token| !token.trim().is_empty()).map(parse_attribute).collect()
}

fn parse_attribute(token: &str) -> Result<Attribute, ValueError> {
    match token.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Attribute::parse(name, value)
        }
        _ => Err(ValueError::Pair(token.to_owned())),
    }
}

/// Attributes as `/state` shows them: numbers as numbers, everything else as text.
pub fn attributes_to_v0(attributes: &[Attribute]) -> Map<String, serde_json::Value> {
    let entry = |attribute: &Attribute| {
        let value = match &attribute.scalar {
            Some(scalar) if attribute.r#type == ValueType::Scalar => json!(scalar.value),
            _ => json!(attribute.value().to_string()),
        };
        (attribute.name.clone(), value)
    };
    attributes.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_prints_the_same() {
        for (text, printed) in [
            ("1.5", "1.5"),
            (" 10 ", "10"),
            ("[31000-32000]", "[31000-32000]"),
            ("[1-2, 3-4,10 - 20]", "[1-4, 10-20]"),
            ("{a,b , c}", "{a, b, c}"),
            ("rack-7", "rack-7"),
            ("inf", "inf"),
        ] {
            assert_eq!(Value::parse(text).unwrap().to_string(), printed);
        }
        assert_eq!(Value::parse("inf").unwrap().r#type, ValueType::Text);
    }

    #[test]
    fn bad_values_are_named() {
        let says = |text: &str| Value::parse(text).unwrap_err().to_string();
        assert_eq!(says("  "), "Expecting non-empty string");
        assert_eq!(says("[1-2"), "Mismatched brackets in '[1-2'");
        assert_eq!(says("[1-2-3]"), "Expecting one or more \"ranges\"");
        assert_eq!(says("[a-b]"), "Expecting non-negative integers in 'a'");
        assert_eq!(says("x[1-2]"), "Unexpected '[' found");
        assert_eq!(says("x{a}"), "Unexpected '{' found");
    }

    #[test]
    fn attributes_keep_their_order_and_types() {
        let attributes = parse_attributes("rack:7;zone:[1-2];url:http://a:80;").unwrap();
        assert_eq!(
            json!(attributes_to_v0(&attributes)),
            json!({"rack": 7.0, "zone": "[1-2]", "url": "http://a:80"})
        );
        assert_eq!(attributes[2].name, "url");
        for bad in ["rack", "rack:", ":7"] {
            assert_eq!(
                parse_attributes(bad).unwrap_err().to_string(),
                format!("Invalid attribute key:value pair '{bad}'")
            );
        }
    }
}

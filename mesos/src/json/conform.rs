//! Makes a JSON tree conform to a schema, by the rules with which Mesos reads JSON as protobuf.
//!
//! - `null` is unset at every depth; unknown fields are dropped.
//! - Numbers and booleans may be text; integers may be written as `2.0`.
//! - One value may stand where an array is expected.
//! - An unknown name of an enum is dropped where the field is optional, an error where required.
//! - What is required and missing is listed, all of it, with its path.

use serde_json::{Map, Number, Value};

use crate::bytes::Bytes;
use crate::schema::{Field, Kind, Label, Schema};

/// How deeply messages may be nested; no message of Mesos's comes near.
pub const MAX_DEPTH: usize = 100;

/// How many missing fields an error lists before it says `...`: a bound on what a body of empty
/// objects can make of itself.
const MAX_LISTED: usize = 64;

/// Makes `value` conform to `schema`, or says in Mesos's words why it cannot.
pub fn conform(value: &mut Value, schema: &Schema) -> Result<(), String> {
    let Value::Object(object) = value else {
        return Err("Expecting a JSON object".to_owned());
    };
    conform_object(object, schema, 0)?;
    let mut missing = Vec::new();
    list_missing(object, schema, "", &mut missing);
    if missing.is_empty() {
        return Ok(());
    }
    if missing.len() > MAX_LISTED {
        missing.truncate(MAX_LISTED);
        missing.push("...".to_owned());
    }
    Err(format!("Missing required fields: {}", missing.join(", ")))
}

fn conform_object(
    object: &mut Map<String, Value>,
    schema: &Schema,
    depth: usize,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("The JSON is nested more than {MAX_DEPTH} levels deep"));
    }
    let mut failure = None;
    object.retain(|name, value| {
        let Some(field) = schema.fields.iter().find(|field| field.name == name) else {
            return false;
        };
        match conform_field(value, field, depth) {
            Ok(keep) => keep,
            Err(reason) => {
                failure.get_or_insert(reason);
                false
            }
        }
    });
    failure.map_or(Ok(()), Err)
}

/// Conforms the value of a field; `false` if it is as good as unset.
fn conform_field(value: &mut Value, field: &Field, depth: usize) -> Result<bool, String> {
    match (field.label, &mut *value) {
        (_, Value::Null) => Ok(false),
        (Label::Repeated, Value::Array(items)) => conform_items(items, field, depth),
        (Label::Repeated, _) => {
            let mut items = vec![value.take()];
            let keep = conform_items(&mut items, field, depth)?;
            *value = Value::Array(items);
            Ok(keep)
        }
        (Label::Map, Value::Object(entries)) => conform_entries(entries, field, depth),
        (Label::Map, _) => Err(unexpected(value, field)),
        (Label::Required | Label::Optional, _) => conform_one(value, field, depth),
    }
}

fn conform_items(items: &mut Vec<Value>, field: &Field, depth: usize) -> Result<bool, String> {
    let mut failure = None;
    items.retain_mut(|item| match conform_one(item, field, depth) {
        Ok(keep) => keep,
        Err(reason) => {
            failure.get_or_insert(reason);
            false
        }
    });
    failure.map_or(Ok(!items.is_empty()), Err)
}

fn conform_entries(
    entries: &mut Map<String, Value>,
    field: &Field,
    depth: usize,
) -> Result<bool, String> {
    let mut failure = None;
    entries.retain(|_, entry| match conform_one(entry, field, depth) {
        Ok(keep) => keep,
        Err(reason) => {
            failure.get_or_insert(reason);
            false
        }
    });
    failure.map_or(Ok(!entries.is_empty()), Err)
}

/// Conforms one value; `false` if it is as good as unset.
fn conform_one(value: &mut Value, field: &Field, depth: usize) -> Result<bool, String> {
    match (field.kind, &mut *value) {
        (_, Value::Null) => return Ok(false),
        (Kind::Message(schema), Value::Object(object)) => {
            conform_object(object, schema(), depth + 1)?;
        }
        (Kind::String, Value::String(_)) | (Kind::Bool, Value::Bool(_)) => {}
        (Kind::Bytes, Value::String(text)) => check_base64(text, field)?,
        (Kind::Enum(names), Value::String(name)) => {
            if !names.iter().any(|(known, _)| known == name) {
                return match field.label {
                    Label::Required => Err(format!("Failed to find enum for '{name}'")),
                    _ => Ok(false),
                };
            }
        }
        (Kind::Bool, Value::String(text)) => {
            *value = Value::Bool(parse_as(text, field, "boolean", Value::as_bool)?);
        }
        (Kind::Double, Value::String(text)) if is_non_finite(text) => {}
        (kind, Value::String(text)) if is_number(kind) => {
            let number = parse_as(text, field, "number", |parsed| parsed.as_number().cloned())?;
            *value = Value::Number(convert(&number, field)?);
        }
        (kind, Value::Number(number)) if is_number(kind) => *number = convert(number, field)?,
        _ => return Err(unexpected(value, field)),
    }
    Ok(true)
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 | Kind::Double)
}

/// JSON has no number for these; a task's limits may be infinite all the same.
fn is_non_finite(text: &str) -> bool {
    matches!(text, "Infinity" | "-Infinity" | "NaN")
}

fn parse_as<T>(
    text: &str,
    field: &Field,
    what: &str,
    pick: impl Fn(&Value) -> Option<T>,
) -> Result<T, String> {
    let failed = |reason: String| {
        format!("Failed to parse '{text}' as a JSON {what} for field '{}': {reason}", field.name)
    };
    let parsed = super::parse(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    pick(&parsed).ok_or_else(|| failed("Unexpected JSON type parsed".to_owned()))
}

/// The number as the field's kind holds it: an integer without its fraction, in its range.
fn convert(number: &Number, field: &Field) -> Result<Number, String> {
    let (low, high) = match field.kind {
        Kind::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Kind::Uint32 => (0, i128::from(u32::MAX)),
        Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Kind::Uint64 => (0, i128::from(u64::MAX)),
        _ => return Ok(number.clone()),
    };
    let exact = number.as_i128().or_else(|| number.as_f64().map(|float| float as i128));
    exact
        .filter(|exact| (low..=high).contains(exact))
        .and_then(Number::from_i128)
        .ok_or_else(|| format!("The number {number} is out of range for field '{}'", field.name))
}

fn check_base64(text: &str, field: &Field) -> Result<(), String> {
    Bytes::from_base64(text)
        .map(drop)
        .map_err(|error| format!("Failed to base64 decode bytes field '{}': {error}", field.name))
}

fn unexpected(value: &Value, field: &Field) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("Not expecting a JSON {kind} for field '{}'", field.name)
}

/// Lists the paths of required fields that a conformed object lacks: its own first, then those of
/// the messages within, as protobuf does.
fn list_missing(
    object: &Map<String, Value>,
    schema: &Schema,
    path: &str,
    missing: &mut Vec<String>,
) {
    for field in schema.fields {
        if missing.len() > MAX_LISTED {
            return;
        }
        if field.label == Label::Required && !object.contains_key(field.name) {
            missing.push(format!("{path}{}", field.name));
        }
    }
    for field in schema.fields {
        let Kind::Message(schema) = field.kind else { continue };
        let mut descend = |value: &Value, path: String| {
            if let Value::Object(object) = value {
                list_missing(object, schema(), &path, missing);
            }
        };
        let name = field.name;
        match (field.label, object.get(name)) {
            (_, None) => {}
            (Label::Map, Some(Value::Object(entries))) => {
                for (index, entry) in entries.values().enumerate() {
                    descend(entry, format!("{path}{name}[{index}].value."));
                }
            }
            (_, Some(Value::Array(items))) => {
                for (index, item) in items.iter().enumerate() {
                    descend(item, format!("{path}{name}[{index}]."));
                }
            }
            (_, Some(value)) => descend(value, format!("{path}{name}.")),
        }
    }
}

//! Resources as text: `cpus:4;mem(prod):1024;ports:[31000-32000]`, or a JSON array.

use std::collections::BTreeMap;

use super::ResourceError::{self, Json, Pair, Parentheses, TextValue, Types};
use crate::json;
use crate::resource::{ReservationInfo, ReservationType, Resource};
use crate::role::DEFAULT_ROLE;
use crate::value::{Value, ValueType};

/// Parses a list of resources. Those that name no role are of `default_role`.
///
/// The list is as written: neither validated nor joined. JSON may use any format.
pub fn parse_list(text: &str, default_role: &str) -> Result<Vec<Resource>, ResourceError> {
    let list = match text.trim_start().starts_with('[') {
        true => parse_json(text, default_role)?,
        false => parse_pairs(text, default_role)?,
    };
    let mut types: BTreeMap<&str, ValueType> = BTreeMap::new();
    for resource in &list {
        if *types.entry(&resource.name).or_insert(resource.r#type) != resource.r#type {
            return Err(Types(resource.name.clone()));
        }
    }
    Ok(list)
}

/// Parses one resource; a role other than `*` reserves it statically.
pub fn parse_one(name: &str, value: &str, role: &str) -> Result<Resource, ResourceError> {
    let parsed = Value::parse(value).map_err(|reason| ResourceError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
        reason,
    })?;
    if parsed.r#type == ValueType::Text {
        return Err(TextValue { name: name.to_owned(), value: value.to_owned() });
    }
    let mut resource = Resource {
        name: name.to_owned(),
        r#type: parsed.r#type,
        scalar: parsed.scalar,
        ranges: parsed.ranges,
        set: parsed.set,
        ..Resource::default()
    };
    reserve(&mut resource, role);
    Ok(resource)
}

fn reserve(resource: &mut Resource, role: &str) {
    if role != DEFAULT_ROLE {
        resource.reservations.push(ReservationInfo {
            r#type: Some(ReservationType::Static),
            role: Some(role.to_owned()),
            ..ReservationInfo::default()
        });
    }
}

fn parse_pairs(text: &str, default_role: &str) -> Result<Vec<Resource>, ResourceError> {
    let tokens = text.split([';', '\n']).filter(|token| !token.trim().is_empty());
    tokens.map(|token| parse_pair(token, default_role)).collect()
}

fn parse_pair(token: &str, default_role: &str) -> Result<Resource, ResourceError> {
    let mut parts = token.split(':').filter(|part| !part.is_empty());
    let (Some(label), Some(value), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Pair(token.to_owned()));
    };
    let (name, role) = match label.find('(') {
        None => (label.trim(), default_role),
        Some(open) => match label.find(')') {
            Some(close) if close > open => (label[..open].trim(), label[open + 1..close].trim()),
            _ => return Err(Parentheses(token.to_owned())),
        },
    };
    parse_one(name, value, role)
}

fn parse_json(text: &str, default_role: &str) -> Result<Vec<Resource>, ResourceError> {
    let mut list: Vec<Resource> = json::list_from_slice(text.as_bytes(), "Resource")
        .map_err(|error| Json(error.to_string()))?;
    for resource in &mut list {
        if resource.role.is_none() && resource.reservations.is_empty() {
            match resource.reservation.is_some() {
                // What is dynamically reserved without a role is for the default one.
                true => resource.role = Some(default_role.to_owned()),
                false => reserve(resource, default_role),
            }
        }
    }
    Ok(list)
}

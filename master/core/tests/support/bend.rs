//! Bending: a sound message with something wrong in it.

use serde_json::{Value, json};

/// What is put where something else belongs: mostly of the same kind, so that it can be read.
fn odd(rng: &mut fastrand::Rng, instead_of: &Value) -> Value {
    let is_fitting = |value: &&Value| match instead_of {
        Value::String(_) => value.is_string(),
        Value::Number(_) => value.is_number(),
        _ => true,
    };
    let any = rng.u8(..5) == 0;
    let values = odd_values();
    let fitting: Vec<&Value> = values.iter().filter(|value| any || is_fitting(value)).collect();
    fitting[rng.usize(..fitting.len())].clone()
}

fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("*"),
        json!("../x"),
        json!("\u{0}"),
        json!("x".repeat(300)),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(-1e308),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!("Infinity"),
        json!("NaN"),
        json!(true),
        json!([]),
        json!({}),
        json!("SCALAR"),
        json!("RANGES"),
        json!("SET"),
        json!("DEFAULT"),
        json!("AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
}

/// Every place of a value, as a path.
fn places(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    out.push(path.clone());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        places(child, path, out);
        path.pop();
    }
}

/// Bends a value in one place: something is replaced, left out, said twice, or said elsewhere.
pub fn bend(rng: &mut fastrand::Rng, value: &mut Value) {
    let mut all = Vec::new();
    places(value, &mut Vec::new(), &mut all);
    let pointer = |path: &[String]| path.iter().map(|key| format!("/{key}")).collect::<String>();
    let target = all[rng.usize(..all.len())].clone();
    let Some((key, parent)) = target.split_last() else { return };
    let source = all[rng.usize(..all.len())].clone();
    let copy = value.pointer(&pointer(&source)).cloned().unwrap_or_default();
    let Some(parent) = value.pointer_mut(&pointer(parent)) else { return };
    match (rng.u8(..6), parent) {
        (0, Value::Object(fields)) => drop(fields.remove(key)),
        (0, Value::Array(items)) => drop(items.pop()),
        (1, Value::Array(items)) if items.len() < 8 => items.extend(items.first().cloned()),
        (2, Value::Object(fields)) => drop(fields.insert(key.clone(), copy)),
        (_, Value::Object(fields)) => {
            if let Some(field) = fields.get_mut(key) {
                *field = odd(rng, field);
            }
        }
        (_, Value::Array(items)) => {
            if let Some(item) = key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                *item = odd(rng, item);
            }
        }
        _ => {}
    }
}

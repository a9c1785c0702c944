//! Adjacent releases understand each other's internal messages.
//!
//! `frames/0.1.0.txt` holds one frame of every message as that release sent it (base64 of the
//! MessagePack that libprocess carries), beside the message in JSON. Files of older releases stay
//! for as long as nodes of theirs may be met.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mesos::internal::*;
use mesos::json;
use mesos::schema::{Kind, Label, Message, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

const RECORDED: &[(&str, &str)] = &[("0.1.0", include_str!("frames/0.1.0.txt"))];

/// How deep samples set what is optional.
const OPTIONAL_DEPTH: usize = 3;

/// What is known of one direction of a conversation.
struct Direction {
    name: &'static str,
    messages: Vec<(&'static str, &'static Schema)>,
    /// Checks a frame against the message that it should be.
    check: fn(&[u8], Value, &str),
    /// The frame of a message.
    frame: fn(Value) -> Vec<u8>,
}

macro_rules! direction {
    ($name:ident: $($message:ident),* $(,)?) => {{
        let messages = vec![$((stringify!($message), $message::schema())),*];
        let names: Vec<&str> = messages.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, $name::NAMES, "messages of {} without a sample", stringify!($name));
        let name = stringify!($name);
        Direction { name, messages, check: check::<$name>, frame: frame::<$name> }
    }};
}

fn directions() -> Vec<Direction> {
    vec![
        direction! { AgentToMaster:
            RegisterAgent, ReregisterAgent, UnregisterAgent, StatusUpdate, ExitedExecutor,
            ExecutorToFramework, UpdateAgent, UpdateOperationStatus, PongAgent,
        },
        direction! { MasterToAgent:
            AgentRegistered, AgentReregistered, RunTask, RunTaskGroup, KillTask,
            StatusUpdateAcknowledgement, ShutdownFramework, ShutdownExecutor, UpdateFramework,
            FrameworkToExecutor, PingAgent, ShutdownAgent, ApplyOperation,
            AcknowledgeOperationStatus, DrainAgent,
        },
        direction! { ExecutorToAgent:
            RegisterExecutor, ReregisterExecutor, StatusUpdate, ExecutorToFramework,
        },
        direction! { AgentToExecutor:
            ExecutorRegistered, ExecutorReregistered, ReconnectExecutor, RunTask, RunTaskGroup,
            KillTask, StatusUpdateAcknowledgement, FrameworkToExecutor, ShutdownExecutor,
        },
    ]
}

#[test]
fn recorded_frames_are_understood() {
    let directions = directions();
    for (release, lines) in RECORDED {
        for line in lines.lines() {
            let [direction, message, frame] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{release}: a line has three fields: {line}");
            };
            let direction = directions
                .iter()
                .find(|known| known.name == direction)
                .unwrap_or_else(|| panic!("{release}: direction {direction}"));
            let message = serde_json::from_str(message).expect("messages are JSON");
            let frame = STANDARD.decode(frame).expect("frames are base64");
            (direction.check)(&frame, message, release);
        }
    }
}

/// A message that is new needs a recorded frame; the failure shows the lines to add.
#[test]
fn every_message_has_a_recorded_frame() {
    let (release, lines) = RECORDED[RECORDED.len() - 1];
    let name = |direction: &str, message: &str| {
        let message: Value = serde_json::from_str(message).expect("messages are JSON");
        let name = message.as_object().and_then(|message| message.keys().next());
        (direction.to_owned(), name.expect("a message has a name").clone())
    };
    let recorded: BTreeSet<(String, String)> = lines
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| name(fields[0], fields[1]))
        .collect();
    let mut missing = String::new();
    for direction in directions() {
        for (message, schema) in &direction.messages {
            if !recorded.contains(&(direction.name.to_owned(), (*message).to_owned())) {
                let sample = json!({*message: sample(schema, 0, "AQID")});
                let frame = STANDARD.encode((direction.frame)(sample.clone()));
                missing += &format!("{}\t{sample}\t{frame}\n", direction.name);
            }
        }
    }
    assert!(missing.is_empty(), "add to tests/frames/{release}.txt:\n{missing}");
}

#[test]
fn fields_of_later_releases_are_ignored() {
    for direction in directions() {
        for (message, schema) in &direction.messages {
            let now = sample(schema, 0, "");
            let mut later = now.clone();
            add_unknown(&mut later);
            // The sender's schema is wider: its frame is made of the tree as it stands.
            let frame = rmp_serde::to_vec(&json!({*message: later})).expect("trees can be written");
            (direction.check)(&frame, json!({*message: now}), "the next release");
        }
    }
}

#[test]
fn fields_that_earlier_releases_lack_are_defaulted() {
    for direction in directions() {
        for (message, schema) in &direction.messages {
            let sparse = json!({*message: sample(schema, OPTIONAL_DEPTH, "")});
            let frame = rmp_serde::to_vec(&sparse).expect("trees can be written");
            (direction.check)(&frame, sparse, "the previous release");
        }
    }
}

fn check<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
    frame: &[u8],
    message: Value,
    release: &str,
) {
    let message: T = serde_json::from_value(message).expect("the message is of this direction");
    let served: T = rmp_serde::from_slice(frame).unwrap_or_else(|e| panic!("{release}: {e}"));
    assert_eq!(served, message, "{release}");
}

fn frame<T: DeserializeOwned + Serialize>(message: Value) -> Vec<u8> {
    let message: T = serde_json::from_value(message).expect("the message is of this direction");
    rmp_serde::to_vec_named(&message).expect("messages can be written")
}

/// A message with everything set that is required, and to some depth what is optional. Where it
/// becomes a frame as a tree, `octets` are empty: trees have none, but empty text reads as them.
fn sample(schema: &Schema, depth: usize, octets: &str) -> Value {
    let mut message = Map::new();
    for (index, field) in schema.fields.iter().enumerate() {
        if depth >= OPTIONAL_DEPTH && field.label != Label::Required {
            continue;
        }
        let value = match field.kind {
            Kind::Bool => json!(true),
            Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 => json!(index + 100),
            Kind::Double => json!(index as f64 + 0.5),
            Kind::String => json!(field.name),
            Kind::Bytes => json!(octets),
            Kind::Enum(names) => json!(names[names.len() - 1].0),
            Kind::Message(inner) => sample(inner(), depth + 1, octets),
        };
        let value = match field.label {
            Label::Repeated => json!([value]),
            Label::Map => json!({"key": value}),
            Label::Required | Label::Optional => value,
        };
        message.insert(field.name.to_owned(), value);
    }
    Value::Object(message)
}

/// Adds fields that no schema has, at every depth where they may be.
fn add_unknown(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // A map's values are all of one type; it has no fields that could be added to.
            let is_map = object.len() == 1 && object.contains_key("key");
            object.values_mut().for_each(add_unknown);
            if !is_map {
                object.insert("of_tomorrow".to_owned(), json!({"a": [1, "b", {"c": null}]}));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(add_unknown),
        _ => {}
    }
}

#[test]
fn samples_are_what_mesos_would_send() {
    for direction in directions() {
        for (name, schema) in &direction.messages {
            let mut sample = sample(schema, 0, "");
            json::conform(&mut sample, schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

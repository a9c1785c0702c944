//! What a real Mesos said and understood, read into our types and written again.
//!
//! `golden/*.jsonl` hold one message a line: events of schedulers, executors and operators, calls
//! and responses, recorded from Mesos 1.12. Each is read, written and compared; then the same again
//! by way of MessagePack. These differences are accepted:
//!
//! - Mesos's operator getters write empty arrays and maps; we leave them out.
//! - What Mesos was sent (calls) may lack fields with an explicit default, which we write, and
//!   numbers may be integers where the field is a double.

use std::collections::BTreeSet;
use std::fmt::Debug;

use mesos::json;
use mesos::msgpack;
use mesos::schema::Message;
use mesos::v1::{agent, executor, master, scheduler};
use serde_json::Value;

/// Reads and writes every message of a file; `calls` were written by clients and may be sparse.
fn round_trip<T: Message + PartialEq + Debug>(file: &str, lines: &str, calls: bool) {
    assert!(lines.lines().count() > 2, "{file} is nearly empty");
    for (number, line) in lines.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let message: T = json::from_slice(line.as_bytes(), "Message")
            .unwrap_or_else(|error| panic!("{place}: {}", error.in_body()));

        let written = json::to_string(&message);
        assert!(written.is_ascii(), "{place}");
        let golden: Value = serde_json::from_str(line).expect("the files are JSON");
        let ours: Value = serde_json::from_str(&written).expect("what we write is JSON");
        let mut differences = Vec::new();
        compare(&golden, &ours, calls, &mut String::new(), &mut differences);
        assert!(differences.is_empty(), "{place}:\n{}", differences.join("\n"));

        for packed in [msgpack::to_vec(&message), msgpack::to_vec_short(&message)] {
            assert_eq!(msgpack::from_slice::<T>(&packed).as_ref(), Ok(&message), "{place}");
            assert_eq!(msgpack::from_stranger::<T>(&packed).as_ref(), Ok(&message), "{place}");
        }
        match rmp_serde::from_slice::<Value>(&msgpack::to_vec(&message)) {
            Ok(packed) => assert_eq!(packed, ours, "{place}: MessagePack has the names of JSON"),
            // JSON has no octets, and nothing else is lacking.
            Err(error) => assert!(error.to_string().contains("byte array"), "{place}: {error}"),
        }
        let named = rmp_serde::to_vec_named(&message).expect("messages can be written");
        assert_eq!(msgpack::from_slice::<T>(&named).as_ref(), Ok(&message), "{place}");
        let served: T = rmp_serde::from_slice(&named).expect("it was just written");
        assert_eq!(served, message, "{place}");
    }
}

fn compare(golden: &Value, ours: &Value, calls: bool, path: &mut String, out: &mut Vec<String>) {
    match (golden, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let length = path.len();
                path.push('.');
                path.push_str(key);
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => compare(left, right, calls, path, out),
                    (Some(left), None) if is_empty(left) => {}
                    (Some(left), None) => out.push(format!("{path}: {left} was lost")),
                    (None, Some(_)) if calls => {}
                    (None, Some(right)) => out.push(format!("{path}: {right} was invented")),
                    (None, None) => {}
                }
                path.truncate(length);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                compare(left, right, calls, path, out);
            }
        }
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {
            if !calls && left.is_f64() != right.is_f64() {
                out.push(format!("{path}: {left} became {right}"));
            }
        }
        _ if golden == ours => {}
        _ => out.push(format!("{path}: {golden} became {ours}")),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

macro_rules! golden {
    ($($name:ident: $ty:ty, $calls:literal;)*) => {$(
        #[test]
        fn $name() {
            let file = concat!("golden/", stringify!($name), ".jsonl");
            let lines = include_str!(concat!("golden/", stringify!($name), ".jsonl"));
            round_trip::<$ty>(file, lines, $calls);
        }
    )*};
}

golden! {
    scheduler_calls: scheduler::Call, true;
    scheduler_events: scheduler::Event, false;
    executor_calls: executor::Call, true;
    executor_events: executor::Event, false;
    master_calls: master::Call, true;
    master_events: master::Event, false;
    master_responses: master::Response, false;
    agent_calls: agent::Call, true;
    agent_responses: agent::Response, false;
    agent_io: agent::ProcessIo, false;
}

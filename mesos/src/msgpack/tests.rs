//! Round trips of everything golden are in `tests/golden.rs`; here is what is refused or forgiven.

use serde_json::json;

use super::*;
use crate::ids::ContainerId;
use crate::offer::Offer;
use crate::schema::{Kind, Message as _, Schema};
use crate::task::{Reason, TaskState, TaskStatus};
use crate::v1::{agent, executor, master, resource_provider, scheduler};

/// MessagePack of any JSON: what a stranger might send.
fn packed(value: serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec(&value).unwrap()
}

#[test]
fn both_keys_are_read() {
    let body = json!({"i": {"v": "O1"}, "framework_id": {"value": "F"}, "a": {"value": "A"},
        "hostname": "h", "r": [{"n": "cpus", "type": "SCALAR", "s": {"value": 1}}]});
    let offer: Offer = from_stranger(&packed(body)).unwrap();
    assert_eq!(offer.id.as_str(), "O1");
    assert_eq!(offer.agent_id.as_str(), "A");
    assert_eq!(offer.resources[0].to_string(), "cpus:1");
    let keys = |octets: &[u8]| -> Vec<String> {
        let value: serde_json::Value = rmp_serde::from_slice(octets).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    };
    let named = ["agent_id", "framework_id", "hostname", "id", "resources"];
    assert_eq!(keys(&to_vec(&offer)), named);
    assert_eq!(keys(&to_vec_short(&offer)), ["a", "f", "h", "i", "r"]);
}

#[test]
fn unknown_fields_and_values_are_nothing() {
    let body = json!({"task_id": {"value": "t", "more": [1, {"x": null}]}, "state": "TASK_RUNNING",
        "reason": "REASON_OF_TOMORROW", "source": null, "new": {"deep": ["x"]}, "timestamp": 5});
    let status: TaskStatus = from_slice(&packed(body.clone())).unwrap();
    assert_eq!((status.state, status.reason, status.source), (TaskState::Running, None, None));
    assert_eq!(status.timestamp, Some(5.0));
    assert_eq!(rmp_serde::from_slice::<TaskStatus>(&packed(body)).unwrap(), status);

    let call = json!({"type": "OF_TOMORROW"});
    assert_eq!(from_slice::<scheduler::Call>(&packed(call)).unwrap().r#type, None);
    let error = from_slice::<TaskStatus>(&packed(json!({"state": "TASK_OF_TOMORROW"})));
    assert_eq!(
        error.unwrap_err().to_string(),
        "failed to decode MessagePack at byte 24: \"TASK_OF_TOMORROW\" is no TaskState"
    );
    assert_eq!(Reason::from_name("REASON_GC_ERROR"), Some(Reason::GcError));
}

#[test]
fn strangers_must_send_what_is_required() {
    let missing = |value| from_stranger::<scheduler::Call>(&packed(value)).unwrap_err().to_string();
    let launch = json!({"type": "LAUNCH", "launch": {"task_infos": [{"name": "x"}]}});
    assert_eq!(
        missing(json!({"accept": {"operations": [launch]}, "kill": {}})),
        "Missing required fields: accept.operations[0].launch.task_infos[0].task_id, \
         accept.operations[0].launch.task_infos[0].agent_id, kill.task_id"
    );
    assert_eq!(
        missing(json!({"type": "REVIVE", "framework_id": {"value": null}})),
        "Missing required fields: framework_id.value"
    );
    let many: Vec<_> = (0..1000).map(|_| json!({})).collect();
    let listed = missing(json!({"accept": {"offer_ids": many}}));
    assert!(listed.ends_with("accept.offer_ids[63].value, ..."), "{listed}");
}

#[test]
fn garbage_is_refused_with_its_place() {
    let refuse = |octets: &[u8]| from_stranger::<scheduler::Call>(octets).unwrap_err().to_string();
    assert_eq!(refuse(&[]), "failed to decode MessagePack at byte 0: it ends early");
    assert_eq!(
        refuse(&[0x80, 0x80]),
        "failed to decode MessagePack at byte 1: octets follow the message"
    );
    assert_eq!(
        refuse(&[0x90]),
        "failed to decode MessagePack at byte 1: expected a map, found an array"
    );
    assert!(refuse(&[0x81, 0x01, 0x01]).contains("expected text, found an integer"));
    assert!(refuse(&[0xc1]).contains("no MessagePack"));
    // Heads that promise more than there is.
    for head in [&[0xdf, 0xff, 0xff, 0xff, 0xff][..], &[0xdd, 0xff, 0xff, 0xff, 0xff]] {
        assert!(refuse(head).contains("it ends early"));
    }
    let wrong = packed(json!({"type": 5}));
    assert!(refuse(&wrong).contains("expected text, found an integer"));
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    let offer = Offer { hostname: "h".repeat(300), ..Offer::default() };
    let octets = to_vec(&offer);
    assert_eq!(from_slice::<Offer>(&octets).as_ref(), Ok(&offer));
    for end in 0..octets.len() {
        assert!(from_slice::<Offer>(&octets[..end]).is_err());
    }
}

#[test]
fn strangers_may_send_so_many_values() {
    let list = |items: u32| {
        let mut octets = b"\x81\xa6accept\x81\xaaoperations\xdd".to_vec();
        octets.extend(items.to_be_bytes());
        octets.extend(vec![0x80; items as usize]);
        octets
    };
    assert!(from_stranger::<scheduler::Call>(&list(10_000)).is_ok());
    let error = from_stranger::<scheduler::Call>(&list(1_000_000)).unwrap_err().to_string();
    assert!(error.ends_with("it has too many values"), "{error}");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let mut octets = b"\x82\xa5value\xa1c\xa6parent".repeat(depth);
        octets.extend(b"\x81\xa5value\xa1c");
        octets
    };
    assert!(from_stranger::<ContainerId>(&nested(90)).is_ok());
    for octets in [nested(200), nested(20_000), vec![0x91; 100_000]] {
        let error = from_stranger::<ContainerId>(&octets).unwrap_err().to_string();
        assert!(error.ends_with("it is nested too deeply"), "{error}");
        assert!(from_slice::<ContainerId>(&octets).is_err());
    }
}

#[test]
fn numbers_of_other_writers_are_read() {
    let status = |timestamp| {
        from_slice::<TaskStatus>(&packed(json!({"timestamp": timestamp}))).unwrap().timestamp
    };
    assert_eq!(status(json!(-3)), Some(-3.0));
    assert_eq!(status(json!(u64::MAX)), Some(u64::MAX as f64));
    let port = |port| from_slice::<crate::agent::AgentInfo>(&packed(json!({"port": port})));
    assert_eq!(port(json!(5051.0)).unwrap().port, 5051);
    assert!(port(json!(5_000_000_000_u64)).unwrap_err().to_string().contains("out of range"));
    assert!(port(json!(0.5)).is_err());
}

/// Keys are distinct within a message, and few enough for the check of strangers.
#[test]
fn schemas_are_sound() {
    fn visit(schema: &'static Schema, seen: &mut Vec<*const Schema>) {
        if seen.contains(&std::ptr::from_ref(schema)) {
            return;
        }
        seen.push(schema);
        assert!(schema.fields.len() <= 64, "{}", schema.name);
        for (index, field) in schema.fields.iter().enumerate() {
            for other in &schema.fields[..index] {
                let clash = [other.key, other.name]
                    .iter()
                    .any(|key| *key == field.key || *key == field.name);
                assert!(!clash, "{}: {} and {}", schema.name, other.name, field.name);
            }
            // `Schema::position` tells them from names by that.
            assert!(field.key == field.name || field.key.len() == 1, "{}", field.key);
            if let Kind::Message(inner) = field.kind {
                visit(inner(), seen);
            }
        }
    }
    let mut seen = Vec::new();
    for schema in [
        scheduler::Call::schema(),
        scheduler::Event::schema(),
        executor::Call::schema(),
        executor::Event::schema(),
        master::Call::schema(),
        master::Event::schema(),
        master::Response::schema(),
        agent::Call::schema(),
        agent::Response::schema(),
        agent::ProcessIo::schema(),
        resource_provider::Call::schema(),
        resource_provider::Event::schema(),
    ] {
        visit(schema, &mut seen);
    }
    assert!(seen.len() > 100, "only {} schemas", seen.len());
}

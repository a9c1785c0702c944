//! The words of `golden/malformed_*`, and what is forgiven.

use super::*;
use crate::v1::{executor, scheduler};

fn scheduler_error(text: &str) -> String {
    from_slice::<scheduler::Call>(text.as_bytes(), "Call").unwrap_err().in_body()
}

#[test]
fn syntax_errors_have_the_words_of_mesos() {
    for (body, words) in [
        ("", "syntax error at line 1 near: "),
        ("{", "syntax error at line 1 near: "),
        ("{bad json", "syntax error at line 1 near: bad json"),
        ("x", "syntax error at line 1 near: x"),
        ("{\"type\":\n  nope, 1}\nmore", "syntax error at line 2 near: ope, 1}"),
        (
            "{\"type\":\"REVIVE\"} xx",
            "Parsed JSON included non-whitespace trailing characters:  xx",
        ),
    ] {
        assert_eq!(scheduler_error(body), format!("Failed to parse body into JSON: {words}"));
    }
}

#[test]
fn conversion_errors_have_the_words_of_mesos() {
    for (body, words) in [
        ("[]", "Expecting a JSON object"),
        ("\"SUBSCRIBE\"", "Expecting a JSON object"),
        (r#"{"framework_id": 5}"#, "Not expecting a JSON number for field 'framework_id'"),
        (r#"{"framework_id": {}}"#, "Missing required fields: framework_id.value"),
        (
            r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"x"}}}"#,
            "Missing required fields: subscribe.framework_info.name",
        ),
        (
            r#"{"accept":{"operations":[{"launch":{"task_infos":[{"name":"x"}]}}]}}"#,
            "Missing required fields: accept.operations[0].launch.task_infos[0].task_id, \
             accept.operations[0].launch.task_infos[0].agent_id",
        ),
        (
            r#"{"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"!!"}}"#,
            "Failed to base64 decode bytes field 'uuid': Invalid character '!'",
        ),
    ] {
        let expected = format!("Failed to convert JSON into Call protobuf: {words}");
        assert_eq!(scheduler_error(body), expected);
    }
    let body = br#"{"update":{"status":{"task_id":{"value":"t"},"state":"TASK_NOPE"}}}"#;
    let error = from_slice::<executor::Call>(body, "Call").unwrap_err();
    assert_eq!(error.to_string(), "Failed to find enum for 'TASK_NOPE'");
    let error = from_slice::<executor::Call>(b"{}", "Call").unwrap_err();
    assert_eq!(error.to_string(), "Missing required fields: executor_id, framework_id");
}

#[test]
fn what_mesos_forgives_is_forgiven() {
    let call = |text: &str| from_slice::<scheduler::Call>(text.as_bytes(), "Call").unwrap();
    let nulls = call(
        r#"{"type":"ACCEPT","framework_id":null,"nonsense":{"a":[1]},
            "accept":{"offer_ids":[null,{"value":"o"}],"operations":null,
                      "filters":{"refuse_seconds":"0.5"}}}"#,
    );
    let accept = nulls.accept.unwrap();
    assert_eq!((nulls.framework_id, accept.offer_ids.len()), (None, 1));
    assert_eq!(accept.filters.unwrap().refuse_seconds, 0.5);

    assert_eq!(call(r#"{"type": "NO_SUCH"}"#).r#type, None);
    assert_eq!(call(r#"{"type": "revive"}"#).r#type, None);

    let info = call(
        r#"{"subscribe":{"framework_info":{"user":"u","name":"n","checkpoint":"true",
            "failover_timeout":5,"capabilities":{"type":"MULTI_ROLE"},"roles":"a"}}}"#,
    );
    let info = info.subscribe.unwrap().framework_info;
    assert!(info.checkpoint);
    assert_eq!(info.failover_timeout, 5.0);
    assert_eq!((info.capabilities.len(), info.roles.as_slice()), (1, &["a".to_owned()][..]));
}

#[test]
fn numbers_come_in_many_forms() {
    let port = |text: &str| {
        let body = format!(r#"{{"hostname":"h","port":{text}}}"#);
        from_slice::<crate::agent::AgentInfo>(body.as_bytes(), "AgentInfo")
    };
    for text in ["5051", "5051.0", "5.051e3", "\"5051\"", "5051.9"] {
        assert_eq!(port(text).unwrap().port, 5051, "{text}");
    }
    assert_eq!(port("null").unwrap().port, 5051, "its default");
    for (text, words) in [
        ("5000000000", "The number 5000000000 is out of range for field 'port'"),
        ("true", "Not expecting a JSON boolean for field 'port'"),
        ("[1]", "Not expecting a JSON array for field 'port'"),
        (
            "\"x\"",
            "Failed to parse 'x' as a JSON number for field 'port': \
             syntax error at line 1 near: x",
        ),
    ] {
        assert_eq!(port(text).unwrap_err().to_string(), words);
    }
    let large = r#"{"quantities":{"cpus":{"value":"Infinity"}}}"#;
    let quantities: crate::framework::OfferFilterQuantities =
        from_slice(large.as_bytes(), "ResourceQuantities").unwrap();
    assert_eq!(quantities.quantities["cpus"].value, f64::INFINITY);
    let time = r#"{"nanoseconds":9223372036854775807}"#;
    let time: crate::time::TimeInfo = from_slice(time.as_bytes(), "TimeInfo").unwrap();
    assert_eq!(time.nanoseconds, i64::MAX);
}

#[test]
fn nesting_and_complaints_are_bounded() {
    let nested = |depth: usize| {
        let open = r#"{"value":"c","parent":"#.repeat(depth);
        format!(r#"{open}{{"value":"c"}}{}"#, "}".repeat(depth))
    };
    let read = |text: String| from_slice::<crate::ids::ContainerId>(text.as_bytes(), "ContainerID");
    assert!(read(nested(90)).is_ok());
    for depth in [110, 100_000] {
        assert!(read(nested(depth)).is_err());
    }
    let many = format!(r#"{{"accept":{{"offer_ids":[{}]}}}}"#, vec!["{}"; 10_000].join(","));
    assert!(scheduler_error(&many).ends_with("accept.offer_ids[63].value, ..."));
    let long = format!("{{\"type\": {}", "x".repeat(10_000));
    assert!(scheduler_error(&long).len() < 400);
}

#[test]
fn what_is_written_is_ascii() {
    let label = crate::discovery::Label {
        key: "naïve \u{1f980} \"q\" \u{1}".to_owned(),
        value: Some("a/b".to_owned()),
    };
    let text = to_string(&label);
    assert_eq!(text, r#"{"key":"na\u00efve \ud83e\udd80 \"q\" \u0001","value":"a/b"}"#);
    assert_eq!(from_slice::<crate::discovery::Label>(text.as_bytes(), "Label").unwrap(), label);
}

/// Octets are no bound: what is empty in JSON is a struct in memory.
#[test]
fn strangers_may_send_so_many_values() {
    let list = |items: usize| {
        let items = vec!["{}"; items].join(",");
        format!(r#"{{"accept": {{"offer_ids": [], "operations": [{items}]}}}}"#)
    };
    let read = |text: String| from_stranger::<crate::v1::scheduler::Call>(text.as_bytes(), "Call");
    assert!(read(list(10_000)).is_ok());
    let error = read(list(MAX_VALUES)).unwrap_err().in_body();
    assert_eq!(error, "Failed to parse body into JSON: more than 1000000 values");
}

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

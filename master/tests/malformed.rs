//! What schedulers and operators get for broken requests: the words of a real Mesos, as recorded
//! in `golden/`.

mod common;

use std::path::Path;

use common::{TestMaster, exchange, framework_info, post};
use serde_json::json;

/// Where this master knowingly answers otherwise: it speaks MessagePack where Mesos speaks
/// protobuf, and says so.
fn adapted(text: &str) -> String {
    text.replace("application/x-protobuf", "application/msgpack")
}

/// A recorded exchange: the request, the answer's status, and its body.
fn recorded(path: &Path) -> (Vec<u8>, u16, String) {
    let octets = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&octets).into_owned();
    let request_at = text.find("=== REQUEST").unwrap();
    let (request, response) = text[request_at..].split_once("\n=== RESPONSE").unwrap();
    let request = request.split_once('\n').unwrap().1;
    let response = response.split_once('\n').unwrap().1;
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    let body = response.replace('\r', "");
    let body = body.split_once("\n\n").map_or("", |(_, body)| body);
    (request.as_bytes().to_vec(), status, body.trim_end_matches('\n').to_owned())
}

#[test]
fn schedulers_get_mesos_s_words() {
    let master = TestMaster::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/malformed_scheduler");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (request, status, body) = recorded(&path);
        let answer = exchange(master.address(), &request);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        if answer.header("Transfer-Encoding") == Some("chunked") {
            // The stream ended, so it held an error: its event is in the recorded body.
            let event = answer.text();
            let event = event.split_once('\n').unwrap().1;
            assert!(body.contains(event), "{name}: {event}");
        } else if !request.starts_with(b"HEAD") {
            assert_eq!(answer.text(), adapted(&body), "{name}");
        }
        seen += 1;
    }
    assert!(seen > 50, "only {seen} recordings");
}

#[test]
fn live_sessions_are_told_what_is_wrong() {
    let master = TestMaster::start();
    let mut events = master.subscribe(framework_info());
    let framework = events.expect("SUBSCRIBED")["subscribed"]["framework_id"].clone();
    let stream = events.stream_id();
    let id = framework["value"].as_str().unwrap();
    let revive = json!({"type": "REVIVE", "framework_id": framework});
    let said = |call: &serde_json::Value, stream: Option<&str>| {
        let answer = master.call(call, stream);
        (answer.status, answer.text())
    };
    assert_eq!(
        said(&revive, None),
        (400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header".to_owned())
    );
    let wrong = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        said(&revive, Some(wrong)),
        (
            400,
            format!(
                "The stream ID '{wrong}' included in this request didn't match the stream ID \
                 currently associated with framework ID {id}"
            )
        )
    );
    assert_eq!(said(&revive, Some(&stream)), (202, String::new()));
    assert_eq!(said(&revive, Some(&"x".repeat(200))).0, 400);
    let accept = json!({"type": "ACCEPT", "framework_id": framework, "accept": {
        "offer_ids": [{"value": "nosuch"}],
        "operations": [{"type": "LAUNCH", "launch": {"task_infos": [{"name": "x"}]}}]
    }});
    let missing = "Failed to convert JSON into Call protobuf: Missing required fields: \
                   accept.operations[0].launch.task_infos[0].task_id, \
                   accept.operations[0].launch.task_infos[0].agent_id";
    assert_eq!(said(&accept, Some(&stream)), (400, missing.to_owned()));
}

#[test]
fn operators_get_mesos_s_words() {
    let master = TestMaster::start();
    let said = |call: serde_json::Value| {
        let answer = master.operate(&call);
        (answer.status, answer.text())
    };
    let expecting =
        |what| format!("Failed to validate master::Call: Expecting '{what}' to be present");
    assert_eq!(said(json!({})), (400, expecting("type")));
    assert_eq!(said(json!({"type": "NO_SUCH"})), (400, expecting("type")));
    assert_eq!(said(json!({"type": "READ_FILE"})), (400, expecting("read_file")));
    assert_eq!(said(json!({"type": "TEARDOWN"})), (400, expecting("teardown")));
    assert_eq!(said(json!({"type": "UNKNOWN"})), (501, "501 Not Implemented.".to_owned()));
    let drain = json!({"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": "x"}}});
    assert_eq!(said(drain), (400, "Unknown agent".to_owned()));
    let weights = json!({"weight_infos": [{"role": "r", "weight": 0}]});
    let (status, text) = said(json!({"type": "UPDATE_WEIGHTS", "update_weights": weights}));
    assert_eq!(status, 400);
    assert!(text.ends_with("Invalid weight '0': Weights must be positive"), "{text}");
    let teardown = json!({"type": "TEARDOWN", "teardown": {"framework_id": {"value": "nosuch"}}});
    assert_eq!(said(teardown), (400, "No framework found with specified ID".to_owned()));
    for (headers, status) in [
        (&[("Content-Type", "application/json"), ("Accept", "text/html")][..], 406),
        (&[("Content-Type", "application/json; charset=utf-8")][..], 415),
        (&[][..], 400),
    ] {
        let answer = post(master.address(), "/api/v1", headers, b"{\"type\": \"GET_HEALTH\"}");
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(master.get("/api/v1").status, 405);
}

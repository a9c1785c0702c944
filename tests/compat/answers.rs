//! Answers without streams: the status, the headers that matter, the body.

use serde_json::Value;

use crate::compare::Comparison;
use crate::recording::{Answer, Body};

/// The headers that clients look at.
const HEADERS: [&str; 7] = [
    "Content-Type",
    "Allow",
    "Location",
    "Content-Disposition",
    "Content-Encoding",
    "Message-Content-Type",
    "WWW-Authenticate",
];

pub fn compare_heads(comparison: &mut Comparison, recorded: &Answer, live: &Answer) -> bool {
    if recorded.status() != live.status() {
        let what =
            format!("recorded {}, here {} {}", recorded.status(), live.status(), brief(live));
        comparison.differ("status", what);
        return false;
    }
    for name in HEADERS {
        let place = format!("header {name}");
        match (recorded.header(name), live.header(name)) {
            (Some(recorded), Some(live)) => comparison.text(&place, recorded, live),
            (Some(recorded), None) => comparison.differ(&place, format!("missing; `{recorded}`")),
            (None, Some(live)) => comparison.differ(&place, format!("not recorded; here `{live}`")),
            (None, None) => {}
        }
    }
    let chunked = |answer: &Answer| answer.header("Transfer-Encoding").is_some();
    if chunked(recorded) != chunked(live) {
        let what = format!("recorded {}, here {}", chunked(recorded), chunked(live));
        comparison.differ("header Transfer-Encoding", what);
    }
    match (recorded.header("Mesos-Stream-Id"), live.header("Mesos-Stream-Id")) {
        (Some(recorded), Some(live)) => comparison.text("header Mesos-Stream-Id", recorded, live),
        (None, None) => {}
        (recorded, _) => {
            let what = format!("recorded {}", recorded.is_some());
            comparison.differ("header Mesos-Stream-Id", what);
        }
    }
    true
}

/// Compares bodies, as JSON if they are.
pub fn compare_bodies(comparison: &mut Comparison, recorded: &[u8], live: &[u8]) {
    let (recorded, live) = (String::from_utf8_lossy(recorded), String::from_utf8_lossy(live));
    if recorded.starts_with("HTTP/1.1 ") {
        // The answer to a request that came with the first.
        let (recorded, live) = (second_answer(&recorded), second_answer(&live));
        if compare_heads(comparison, &recorded, &live) {
            compare_bodies(comparison, bytes(&recorded), bytes(&live));
        }
        return;
    }
    match (json(&recorded), json(&live)) {
        (Some((function, recorded)), Some((other, live))) => {
            comparison.text("function", function, other);
            comparison.value("$", &recorded, &live);
        }
        _ => comparison.text("body", &recorded, &live),
    }
}

fn second_answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let head = head.lines().map(str::to_owned).collect();
    Answer { head, body: Body::Bytes(body.as_bytes().to_vec()) }
}

/// A body as JSON, with the function around it if it is JSONP.
fn json(text: &str) -> Option<(&str, Value)> {
    if !text.starts_with(['{', '[']) {
        let (function, rest) = text.strip_suffix(')')?.split_once('(')?;
        return Some((function, serde_json::from_str(rest).ok()?));
    }
    Some(("", serde_json::from_str(text).ok()?))
}

/// The bytes of a body.
pub fn bytes(answer: &Answer) -> &[u8] {
    match &answer.body {
        Body::Bytes(bytes) => bytes,
        Body::Events(_) => &[],
    }
}

/// The beginning of an answer's text, for whoever looks for the cause of a difference.
pub fn brief(answer: &Answer) -> String {
    format!("`{}`", String::from_utf8_lossy(bytes(answer)).chars().take(160).collect::<String>())
}

//! A stream of events beside its recording.
//!
//! Which events come, with what in them, and in which order about one task or operation, must be
//! the same. Events about different things come in any order, and three kinds of events are told
//! apart from the rest because time decides on their number: heartbeats, repetitions of an update
//! that is not acknowledged yet, and offers, whose pieces depend on when resources come free.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use crate::compare::{Closeness, Comparison, Difference};
use crate::names::Names;
use crate::report::Accepted;
use crate::wire::Stream;

/// What is said of an event that does not come.
pub const MISSING: &str = "does not come";

/// Offers are of what is free when they are made.
const FREE_IN_OFFERS: [&str; 3] = ["offers", "resources", "executor_ids"];

/// A recorded event that is expected.
struct Expected {
    key: String,
    event: Value,
    heard: bool,
}

/// A live stream and what is expected of it.
pub struct Follow {
    pub name: String,
    stream: Stream,
    expected: Vec<Expected>,
    /// All recorded offers: later ones may be like any of them.
    offers: Vec<Value>,
    /// How many live events were looked at.
    taken: usize,
    /// Updates that have come, by key and uuid.
    updates: HashSet<String>,
    /// Where in the recording the last event of a subject was.
    last: BTreeMap<String, usize>,
    differences: Vec<Difference>,
}

impl Follow {
    pub fn new(name: &str, recorded: &[Value], stream: Stream) -> Self {
        let mut updates = HashSet::new();
        let mut expected: Vec<Expected> = Vec::new();
        for event in recorded {
            let key = key(event);
            let repeated = uuid(event).is_some_and(|uuid| !updates.insert(format!("{key} {uuid}")));
            let again = is_timed(&key) && expected.iter().any(|other| other.key == key);
            if !repeated && !again {
                expected.push(Expected { key, event: event.clone(), heard: false });
            }
        }
        Self {
            name: name.to_owned(),
            stream,
            expected,
            offers: recorded.iter().filter(|event| key(event) == "OFFERS").cloned().collect(),
            taken: 0,
            updates: HashSet::new(),
            last: BTreeMap::new(),
            differences: Vec::new(),
        }
    }

    /// The live events so far.
    pub fn events(&self) -> Vec<Value> {
        self.stream.events()
    }

    /// Looks at what has come since the last time.
    pub fn take(&mut self, names: &mut Names) {
        let events = self.stream.events();
        for event in &events[self.taken..] {
            self.take_event(event, names);
        }
        self.taken = events.len();
    }

    fn take_event(&mut self, event: &Value, names: &mut Names) {
        let key = key(event);
        let uuid = uuid(event).map(|uuid| format!("{key} {uuid}"));
        if uuid.is_some_and(|uuid| !self.updates.insert(uuid)) {
            return;
        }
        let place = format!("event {key}");
        let timed = is_timed(&key);
        let found = self.expected.iter_mut().enumerate();
        let mut found = found.filter(|(_, other)| other.key == key);
        let Some((at, expected)) = found.find(|(_, other)| timed || !other.heard) else {
            let mut text = event.to_string();
            text.truncate(text.char_indices().nth(300).map_or(text.len(), |(end, _)| end));
            return self.differ(&place, format!("not recorded; here {text}"));
        };
        // Only the first offers are of a cluster about which everything is known.
        let later = std::mem::replace(&mut expected.heard, true) && timed;
        let mut comparison = match later || key == "RESCIND" {
            true => Comparison::new(names, Closeness::Picture).with_free(&FREE_IN_OFFERS),
            false => Comparison::new(names, Closeness::Session),
        };
        let similar = self.offers.iter().min_by_key(|other| comparison.distance("$", other, event));
        let recorded = similar.filter(|_| later && key == "OFFERS").unwrap_or(&expected.event);
        comparison.value(&place, recorded, event);
        for difference in comparison.differences {
            if !self.differences.contains(&difference) {
                self.differences.push(difference);
            }
        }
        let subject = key.split(" TASK_").next().unwrap_or(&key).to_owned();
        let last = self.last.insert(subject, at);
        if !timed && last.is_some_and(|last| last > at) {
            self.differ(&place, "comes after what was recorded to follow it".to_owned());
        }
    }

    fn differ(&mut self, place: &str, what: String) {
        self.differences.push(Difference { place: place.to_owned(), what });
    }

    /// Whether an event with a key that starts like this has come.
    pub fn has(&self, start: &str) -> bool {
        self.stream.events().iter().any(|event| key(event).starts_with(start))
    }

    /// Whether everything has come that is expected, and not accepted to be missing.
    pub fn complete(&self, accepted: &[Accepted]) -> bool {
        let is_accepted = |expected: &Expected| {
            let place = format!("event {}", expected.key);
            accepted.iter().any(|line| line.is_about(&self.name, &place, MISSING))
        };
        self.expected.iter().all(|expected| expected.heard || is_accepted(expected))
    }

    /// Ends it: whatever has not come is missing.
    pub fn finish(mut self, patience: Duration) -> (String, Vec<Difference>) {
        let missing: Vec<_> = self.expected.iter().filter(|expected| !expected.heard).collect();
        let missing: Vec<_> = missing.iter().map(|expected| expected.key.clone()).collect();
        for key in missing {
            self.differ(&format!("event {key}"), MISSING.to_owned());
        }
        let ends = self.expected.last().is_some_and(|expected| expected.key == "ERROR");
        if ends {
            self.stream.wait(patience, |_| None::<()>);
            if !self.stream.closed() {
                self.differ("stream", "is not closed after ERROR".to_owned());
            }
        }
        (self.name, self.differences)
    }
}

/// What an event is about: its type, and the names and states in it.
fn key(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap_or("?");
    let mut key = kind.to_owned();
    let inside = &event[kind.to_lowercase()];
    for part in [inside, &inside["status"], &inside["task"]] {
        for name in ["task_id", "operation_id", "executor_id", "state", "reason", "data"] {
            let value = &part[name];
            // The executor of an update is that of its task.
            let said = name == "executor_id" && !inside["status"].is_null();
            if let Some(text) = value.as_str().or_else(|| value["value"].as_str())
                && !said
            {
                key.push(' ');
                key.push_str(text);
            }
        }
    }
    key
}

/// What identifies an update in all its repetitions.
fn uuid(event: &Value) -> Option<&str> {
    let kind = event["type"].as_str()?;
    if !kind.starts_with("UPDATE") {
        return None;
    }
    let uuid = &event[kind.to_lowercase()]["status"]["uuid"];
    uuid.as_str().or_else(|| uuid["value"].as_str())
}

/// Whether time decides how often an event comes.
fn is_timed(key: &str) -> bool {
    ["HEARTBEAT", "OFFERS", "RESCIND"].contains(&key)
}

//! Two JSON values, or two texts: the recorded and the live.
//!
//! Types, key sets, texts and enum values must be equal. What differs between any two clusters is
//! matched by pattern: ids, times, addresses, processes. Elements of arrays are matched by what
//! names them (`name`, `type`), and else each with the most similar, since their order says
//! nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::names::{Names, ids, is_offer, without_ids};

/// What is compared, and how closely.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// A step of a session: the same numbers, the same number of elements, the same ids throughout.
    Session,
    /// A picture of a cluster: its history and its sizes are its own.
    Picture,
}

/// Something that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `status`, `header Allow`, or a path such as `$.get_agents.agents[].active`.
    pub place: String,
    /// What was recorded, and what came.
    pub what: String,
}

/// A comparison under way.
pub struct Comparison<'a> {
    names: &'a mut Names,
    closeness: Closeness,
    /// Arrays, by their keys, that may have more or fewer elements.
    free: &'static [&'static str],
    /// Whether the values of texts and truths matter: those of a history do not.
    in_history: bool,
    pub differences: Vec<Difference>,
}

/// Arrays whose length depends on what a cluster did before, or on when it made offers: by their
/// keys, or by their paths.
const FREE_IN_PICTURES: [&str; 9] = [
    "$.tasks",
    "completed_executors",
    "completed_frameworks",
    "completed_tasks",
    "inverse_offers",
    "offered_resources",
    "offered_resources_full",
    "offers",
    "offers_full",
];

impl<'a> Comparison<'a> {
    pub fn new(names: &'a mut Names, closeness: Closeness) -> Self {
        let free: &[&str] = match closeness {
            Closeness::Session => &[],
            Closeness::Picture => &FREE_IN_PICTURES,
        };
        Self { names, closeness, free, in_history: false, differences: Vec::new() }
    }

    /// With arrays that may have more or fewer elements.
    pub fn with_free(self, free: &'static [&'static str]) -> Self {
        Self { free, ..self }
    }

    pub fn differ(&mut self, place: &str, what: String) {
        self.differences.push(Difference { place: place.to_owned(), what });
    }

    /// Compares two texts.
    pub fn text(&mut self, place: &str, recorded: &str, live: &str) {
        let live = self.names.to_recorded(live);
        if !self.in_history && without_ids(recorded) != without_ids(&live) {
            return self.differ(place, format!("recorded `{recorded}`, here `{live}`"));
        }
        self.bind(place, recorded, &live);
    }

    fn bind(&mut self, place: &str, recorded: &str, live: &str) {
        if self.closeness != Closeness::Session {
            return;
        }
        for (recorded, live) in ids(recorded).into_iter().zip(ids(live)) {
            // Offers come in other pieces and at other times; inverse ones are of whole machines.
            if !is_offer(recorded) || place.contains("inverse_offers") {
                self.bind_id(place, recorded, live);
            }
        }
    }

    fn bind_id(&mut self, place: &str, recorded: &str, live: &str) {
        if let Err(other) = self.names.bind(recorded, live) {
            self.differ(place, format!("recorded {recorded} was {other} before, is {live} now"));
        }
    }

    /// Compares two values. `path` is where they are.
    pub fn value(&mut self, path: &str, recorded: &Value, live: &Value) {
        match (recorded, live) {
            (Value::Object(recorded), Value::Object(live)) => self.object(path, recorded, live),
            (Value::Array(recorded), Value::Array(live)) => self.array(path, recorded, live),
            (Value::String(recorded), Value::String(live)) => self.string(path, recorded, live),
            (Value::Number(_), Value::Number(_)) => self.number(path, recorded, live),
            (Value::Null, Value::Null) => {}
            (Value::Bool(a), Value::Bool(b)) if a == b || self.in_history => {}
            _ => self.differ(path, format!("recorded {}, here {}", brief(recorded), brief(live))),
        }
    }

    fn object(&mut self, path: &str, recorded: &Map<String, Value>, live: &Map<String, Value>) {
        let key = |key: &String, names: &Names| without_ids(&names.to_recorded(key));
        let recorded: BTreeMap<_, _> =
            recorded.iter().map(|(name, value)| (key(name, self.names), value)).collect();
        let live: BTreeMap<_, _> =
            live.iter().map(|(name, value)| (key(name, self.names), value)).collect();
        for (name, value) in &recorded {
            let path = format!("{path}.{name}");
            match live.get(name) {
                Some(live) => self.value(&path, value, live),
                None => self.differ(&path, format!("missing; recorded {}", brief(value))),
            }
        }
        for (name, value) in &live {
            if !recorded.contains_key(name) {
                let path = format!("{path}.{name}");
                self.differ(&path, format!("not recorded; here {}", brief(value)));
            }
        }
    }

    fn array(&mut self, path: &str, recorded: &[Value], live: &[Value]) {
        let inside = format!("{path}[]");
        let key = path.rsplit('.').next().unwrap_or(path);
        let free = self.free.contains(&key) || self.free.contains(&path);
        if let (Some(recorded), Some(live)) = (by_name(recorded), by_name(live))
            && !(free && live.keys().any(|name| !recorded.contains_key(name)))
        {
            return self.named_elements(path, &recorded, &live, free);
        }
        if recorded.len() != live.len() && !free {
            let what = format!("recorded {} elements, here {}", recorded.len(), live.len());
            self.differ(path, what);
        }
        if recorded.is_empty() {
            return;
        }
        let in_history = self.in_history;
        self.in_history |= free && key.starts_with("completed_");
        // Each element with the most similar of those that are left, or of all if the length is
        // free.
        let mut left: Vec<&Value> = recorded.iter().collect();
        for element in live {
            if left.is_empty() {
                left = recorded.iter().collect();
            }
            let distance = |other: &&Value| self.distance(&inside, other, element);
            let distances: Vec<usize> = left.iter().map(distance).collect();
            let best = (0..left.len()).min_by_key(|&at| distances[at]).unwrap_or(0);
            let other = if free { left[best] } else { left.remove(best) };
            self.value(&inside, other, element);
        }
        self.in_history = in_history;
    }

    fn named_elements(
        &mut self,
        path: &str,
        recorded: &BTreeMap<String, &Value>,
        live: &BTreeMap<String, &Value>,
        free: bool,
    ) {
        for (name, value) in recorded {
            let path = format!("{path}[{name}]");
            match live.get(name) {
                Some(live) => self.value(&path, value, live),
                None if free => {}
                None => self.differ(&path, format!("missing; recorded {}", brief(value))),
            }
        }
        for (name, value) in live {
            if !recorded.contains_key(name) {
                let path = format!("{path}[{name}]");
                self.differ(&path, format!("not recorded; here {}", brief(value)));
            }
        }
    }

    /// How much two values differ. Nothing is bound by it.
    pub fn distance(&self, path: &str, recorded: &Value, live: &Value) -> usize {
        let mut names = Names::default();
        let mut trial = Comparison::new(&mut names, self.closeness).with_free(self.free);
        let live_text = self.names.to_recorded(&live.to_string());
        let live = serde_json::from_str(&live_text).unwrap_or(Value::Null);
        trial.value(path, recorded, &live);
        trial.differences.len()
    }

    fn string(&mut self, path: &str, recorded: &str, live: &str) {
        if path.ends_with("uuid") || path.ends_with("uuid.value") {
            // An executor hears of its updates before their scheduler does, who must wait for them.
            let binds = !path.contains(".acknowledged.") || self.names.knows(recorded);
            if self.closeness == Closeness::Session && binds {
                self.bind_id(path, recorded, live);
            }
            return;
        }
        if is_volatile(path) {
            return;
        }
        self.text(path, recorded, live);
    }

    fn number(&mut self, path: &str, recorded: &Value, live: &Value) {
        if recorded.is_f64() != live.is_f64() {
            let what = format!("recorded the {} {recorded}, here {live}", kind(recorded));
            return self.differ(path, what);
        }
        let live = match live.as_u64() {
            Some(port) if path.ends_with("port") => self.names.port_to_recorded(port).into(),
            _ => live.clone(),
        };
        let exact = self.closeness == Closeness::Session && !is_volatile(path);
        if exact && *recorded != live {
            self.differ(path, format!("recorded {recorded}, here {live}"));
        }
    }
}

/// Elements by what names them, if that is one of a kind.
fn by_name(array: &[Value]) -> Option<BTreeMap<String, &Value>> {
    if array.is_empty() {
        return None;
    }
    for key in ["name", "type"] {
        let named = array.iter().map(|value| Some((value.get(key)?.as_str()?.to_owned(), value)));
        if let Some(named) = named.collect::<Option<BTreeMap<_, _>>>()
            && named.len() == array.len()
        {
            return Some(named);
        }
    }
    None
}

/// Whether a value is one of times, processes and builds: it differs whenever it is asked for.
fn is_volatile(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    key.ends_with("time")
        || key.ends_with("time_secs")
        || key.starts_with("build_")
        || [
            "executor_pid",
            "git_sha",
            "mem_rss_bytes",
            "mtime",
            "nanoseconds",
            "nlink",
            "size",
            "timestamp",
        ]
        .contains(&key)
}

fn kind(value: &Value) -> &'static str {
    if value.is_f64() { "double" } else { "integer" }
}

/// A value in a few words.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(closeness: Closeness, recorded: Value, live: Value) -> Vec<String> {
        let mut names = Names::default();
        names.fix_port(16050, 4000);
        let mut comparison = Comparison::new(&mut names, closeness);
        comparison.value("$", &recorded, &live);
        comparison.differences.into_iter().map(|d| format!("{} {}", d.place, d.what)).collect()
    }

    const A: &str = "cb4ba888-e902-445e-8c94-1e742e067d42";
    const B: &str = "00000000-e902-445e-8c94-1e742e067d42";

    #[test]
    fn what_no_two_clusters_share_is_not_compared() {
        let recorded = json!({"id": A, "at": [A], "port": 16050, "timestamp": 1.5,
            "url": "http://127.0.0.1:16050/x", "uuid": "aaaa"});
        let live = json!({"id": B, "at": [B], "port": 4000, "timestamp": 2.5,
            "url": "http://127.0.0.1:4000/x", "uuid": "bbbb"});
        assert_eq!(differences(Closeness::Session, recorded, live), [""; 0]);
    }

    #[test]
    fn everything_else_is() {
        let recorded = json!({"a": 1, "b": "X", "c": 1.0, "d": [1], "e": {"f": true}, "g": A});
        let live = json!({"a": 2, "b": "Y", "c": 1, "d": [1, 1], "e": {}, "g": "h", "i": 1});
        let expected = [
            "$.a recorded 1, here 2",
            "$.b recorded `X`, here `Y`",
            "$.c recorded the double 1.0, here 1",
            "$.d recorded 1 elements, here 2",
            "$.e.f missing; recorded true",
            &format!("$.g recorded `{A}`, here `h`"),
            "$.i not recorded; here 1",
        ];
        assert_eq!(differences(Closeness::Session, recorded, live), expected);
    }

    #[test]
    fn an_id_stays_what_it_is() {
        let live = json!({"a": A, "b": B});
        let found = differences(Closeness::Session, json!({"a": A, "b": A}), live);
        assert_eq!(found, [format!("$.b recorded {A} was {A} before, is {B} now")]);
    }

    #[test]
    fn elements_are_matched_whatever_their_order() {
        let recorded = json!([{"name": "cpus", "v": 1}, {"name": "mem", "v": 2}]);
        let live = json!([{"name": "mem", "v": 2}, {"name": "cpus", "v": 3}]);
        let found = differences(Closeness::Session, recorded.clone(), live.clone());
        assert_eq!(found, ["$[cpus].v recorded 1, here 3"]);
        assert_eq!(differences(Closeness::Picture, recorded, live), [""; 0]);
        let found = differences(Closeness::Session, json!([[1], [2, 3]]), json!([[2, 3], [1]]));
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_picture_has_a_history_of_its_own() {
        let recorded = json!({"completed_tasks": [{"a": 1}], "agents": [1]});
        let live = json!({"completed_tasks": [{"a": 2}, {"b": 2}], "agents": []});
        let expected = [
            "$.agents recorded 1 elements, here 0",
            "$.completed_tasks[].a missing; recorded 1",
            "$.completed_tasks[].b not recorded; here 2",
        ];
        assert_eq!(differences(Closeness::Picture, recorded, live), expected);
    }
}

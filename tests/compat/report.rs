//! The table of a run, and the list of accepted differences against which it is held.
//!
//! `accepted.txt` has one difference a line: `exchange | place | what | reason`. The first three
//! are patterns in which `*` stands for anything. A line that nothing needs is an error, unless
//! its reason begins with `sometimes`: then chance decides whether there is a difference.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::compare::Difference;

/// What was found in one exchange.
pub struct Found {
    /// `folder/name`
    pub exchange: String,
    pub differences: Vec<Difference>,
}

/// A line of `accepted.txt`.
pub struct Accepted {
    exchange: String,
    place: String,
    what: String,
    reason: String,
    used: AtomicBool,
}

impl Accepted {
    /// Reads the list.
    pub fn parse_all(text: &str) -> Vec<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.splitn(4, " | ").map(str::trim).collect();
        let [exchange, place, what, reason] = fields[..] else {
            panic!("accepted.txt: `{line}` is not `exchange | place | what | reason`");
        };
        let [exchange, place, what, reason] = [exchange, place, what, reason].map(str::to_owned);
        Self { exchange, place, what, reason, used: false.into() }
    }

    fn covers(&self, exchange: &str, difference: &Difference) -> bool {
        let covers = self.is_about(exchange, &difference.place, &difference.what);
        self.used.fetch_or(covers, Ordering::Relaxed);
        covers
    }

    /// Whether it is about such a difference.
    pub fn is_about(&self, exchange: &str, place: &str, what: &str) -> bool {
        matches(&self.exchange, exchange)
            && matches(&self.place, place)
            && matches(&self.what, what)
    }

    /// The line, if nothing in these folders needed it, although it is about them.
    pub fn stale(&self, folders: &[&str]) -> Option<String> {
        let folder = self.exchange.split('/').next().unwrap_or(&self.exchange);
        let about = folders.iter().any(|name| matches(folder, name));
        let needed = self.used.load(Ordering::Relaxed) || self.reason.starts_with("sometimes");
        let line = format!("{} | {} | {}", self.exchange, self.place, self.what);
        (about && !needed).then_some(line)
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What a folder came to.
#[derive(Default)]
struct Row {
    same: usize,
    accepted: usize,
    differs: usize,
    /// Reason to count.
    reasons: BTreeMap<String, usize>,
    lines: Vec<String>,
}

/// The result of a run.
pub struct Report {
    rows: BTreeMap<String, Row>,
}

impl Report {
    /// Holds what was found against the list.
    pub fn new(found: &[Found], accepted: &[Accepted]) -> Self {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for Found { exchange, differences } in found {
            let folder = exchange.split('/').next().unwrap_or(exchange);
            rows.entry(folder.to_owned()).or_default().add(exchange, differences, accepted);
        }
        Self { rows }
    }

    /// The folders that took part.
    pub fn folders(&self) -> Vec<&str> {
        self.rows.keys().map(String::as_str).collect()
    }

    /// The table: exchanges that are the same, that differ and why that is accepted, that differ.
    pub fn table(&self) -> String {
        let mut table = format!("{:32} same accepted differs\n", "folder");
        for (folder, row) in &self.rows {
            let (same, accepted, differs) = (row.same, row.accepted, row.differs);
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{folder:32} {same:4} {accepted:8} {differs:7}");
            for (reason, count) in &row.reasons {
                let _ = writeln!(table, "    accepted {count:3}: {reason}");
            }
        }
        table
    }

    /// Every difference of a folder that is not accepted.
    pub fn differences(&self, folder: &str) -> &[String] {
        self.rows.get(folder).map_or(&[], |row| &row.lines)
    }
}

impl Row {
    fn add(&mut self, exchange: &str, differences: &[Difference], accepted: &[Accepted]) {
        let mut open = Vec::new();
        let mut reasons: Vec<&str> = Vec::new();
        for difference in differences {
            let covers: Vec<_> =
                accepted.iter().filter(|line| line.covers(exchange, difference)).collect();
            match covers.first() {
                Some(line) if !reasons.contains(&line.reason.as_str()) => {
                    reasons.push(&line.reason)
                }
                Some(_) => {}
                None => {
                    open.push(format!("{exchange} | {} | {}", difference.place, difference.what))
                }
            }
        }
        match (open.is_empty(), reasons.is_empty()) {
            (true, true) => self.same += 1,
            (true, false) => self.accepted += 1,
            (false, _) => self.differs += 1,
        }
        for reason in reasons {
            *self.reasons.entry(reason.to_owned()).or_default() += 1;
        }
        self.lines.append(&mut open);
    }
}

#[test]
fn patterns_match_whole_texts() {
    assert!(
        matches("a*c", "abc") && matches("*", "") && matches("a", "a") && matches("*b*", "abc")
    );
    assert!(!matches("a", "ab") && !matches("a*b", "abc") && !matches("a*b*c", "acb"));
}

#[test]
fn an_accepted_line_that_nothing_needs_is_stale() {
    let list = "# why\n\nf/a | $.x | *1* | no x\nf/* | $.y | * | no y\nf/a | * | 3 | sometimes\n";
    let accepted = Accepted::parse_all(list);
    let difference =
        |place: &str, what: &str| Difference { place: place.into(), what: what.into() };
    let found = [
        Found { exchange: "f/a".into(), differences: vec![difference("$.x", "is 1, was 2")] },
        Found { exchange: "f/b".into(), differences: vec![difference("$.x", "is 1, was 2")] },
        Found { exchange: "f/c".into(), differences: vec![] },
    ];
    let report = Report::new(&found, &accepted);
    assert_eq!(report.folders(), ["f"]);
    assert_eq!(report.differences("f"), ["f/b | $.x | is 1, was 2"]);
    let row = &report.rows["f"];
    assert_eq!((row.same, row.accepted, row.differs), (1, 1, 1));
    assert_eq!(accepted[0].stale(&["f"]), None);
    assert_eq!(accepted[1].stale(&["f"]).as_deref(), Some("f/* | $.y | *"));
    assert_eq!(accepted[1].stale(&["g"]), None);
    assert_eq!(accepted[2].stale(&["f"]), None);
}

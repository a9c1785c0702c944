//! Recorded names and live ones: ids that the cluster gives out, addresses, folders.
//!
//! A recorded id is bound to a live one where an answer shows both in the same place. Requests are
//! then sent with live ids for recorded ones, and a recorded id must go on to mean the same.

use std::collections::HashMap;

/// What recorded names are called here.
#[derive(Default)]
pub struct Names {
    /// Texts that are replaced wherever they stand: addresses, folders.
    fixed: Vec<(String, String)>,
    /// Ports by number.
    ports: Vec<(u64, u64)>,
    /// Ids.
    bound: HashMap<String, String>,
}

impl Names {
    /// A text that is another one here.
    pub fn fix(&mut self, recorded: &str, live: &str) {
        self.fixed.push((recorded.to_owned(), live.to_owned()));
    }

    /// A port that is another one here.
    pub fn fix_port(&mut self, recorded: u16, live: u16) {
        self.ports.push((recorded.into(), live.into()));
        self.fix(&format!("127.0.0.1:{recorded}"), &format!("127.0.0.1:{live}"));
    }

    /// Binds a recorded id to a live one. The error is the live one to which it is bound already.
    pub fn bind(&mut self, recorded: &str, live: &str) -> Result<(), String> {
        match self.bound.get(recorded) {
            Some(other) if other != live => Err(other.clone()),
            Some(_) => Ok(()),
            None => {
                self.bound.insert(recorded.to_owned(), live.to_owned());
                Ok(())
            }
        }
    }

    /// Whether a recorded id has its live one.
    pub fn knows(&self, recorded: &str) -> bool {
        self.bound.contains_key(recorded)
    }

    /// A recorded text with live names in it.
    pub fn to_live(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, live) in &self.fixed {
            text = text.replace(recorded, live);
        }
        // Longer ids first: the id of a framework begins with that of its master.
        let mut bound: Vec<_> = self.bound.iter().collect();
        bound.sort_by_key(|(recorded, _)| (std::cmp::Reverse(recorded.len()), *recorded));
        // In two steps, since a live id may look like a recorded one.
        for (at, (recorded, _)) in bound.iter().enumerate() {
            text = text.replace(recorded.as_str(), &format!("\u{1}{at}\u{2}"));
        }
        for (at, (_, live)) in bound.iter().enumerate() {
            text = text.replace(&format!("\u{1}{at}\u{2}"), live);
        }
        text
    }

    /// A live text with recorded addresses and folders in it; ids stay as they are.
    pub fn to_recorded(&self, text: &str) -> String {
        // A port by itself is a flag.
        if let Some((recorded, _)) = self.ports.iter().find(|(_, live)| live.to_string() == text) {
            return recorded.to_string();
        }
        let mut text = text.to_owned();
        for (recorded, live) in self.fixed.iter().rev() {
            text = text.replace(live, recorded);
        }
        text
    }

    /// A live number, or the recorded port for which it stands.
    pub fn port_to_recorded(&self, live: u64) -> u64 {
        self.ports.iter().find(|(_, port)| *port == live).map_or(live, |(recorded, _)| *recorded)
    }
}

/// The ids in a text, in order: UUIDs with what Mesos appends to a master's, such as `-S0`.
pub fn ids(text: &str) -> Vec<&str> {
    let mut ids = Vec::new();
    let mut at = 0;
    while at + UUID_LENGTH <= text.len() {
        if !is_uuid(&text.as_bytes()[at..at + UUID_LENGTH]) {
            at += 1;
            continue;
        }
        let end = at + UUID_LENGTH + suffix(&text[at + UUID_LENGTH..]);
        ids.push(&text[at..end]);
        at = end;
    }
    ids
}

/// The text with `<id>` for every id.
pub fn without_ids(text: &str) -> String {
    let mut text = text.to_owned();
    let mut found: Vec<String> = ids(&text).into_iter().map(str::to_owned).collect();
    found.sort_by_key(|id| std::cmp::Reverse(id.len()));
    for id in found {
        text = text.replace(&id, "<id>");
    }
    text
}

/// Whether an id is that of an offer: `…-O7`.
pub fn is_offer(id: &str) -> bool {
    id.get(UUID_LENGTH..).is_some_and(|suffix| suffix.starts_with("-O"))
}

const UUID_LENGTH: usize = 36;

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    })
}

/// The length of `-S0`, `-O12` or `-0001` at the start of a text; 0 if there is none.
fn suffix(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('-') else { return 0 };
    let letter = usize::from(rest.starts_with(['S', 'O']));
    let digits = rest[letter..].bytes().take_while(u8::is_ascii_digit).count();
    match (letter, digits) {
        (_, 0) => 0,
        // A framework's number has four digits.
        (0, ..4) => 0,
        _ => 1 + letter + digits,
    }
}

#[test]
fn ids_are_found_and_replaced() {
    let master = "cb4ba888-e902-445e-8c94-1e742e067d42";
    let text = format!("Offer {master}-O37 of {master}-0007, {master}");
    assert_eq!(ids(&text), [format!("{master}-O37"), format!("{master}-0007"), master.to_owned()]);
    assert_eq!(without_ids(&text), "Offer <id> of <id>, <id>");
    assert!(is_offer(ids(&text)[0]) && !is_offer(ids(&text)[1]));

    let other = "00000000-e902-445e-8c94-1e742e067d42";
    let mut names = Names::default();
    names.fix_port(16050, 4000);
    assert_eq!(names.bind(master, other), Ok(()));
    assert_eq!(names.bind(&format!("{master}-0007"), &format!("{other}-0000")), Ok(()));
    assert_eq!(names.bind(master, master), Err(other.to_owned()));
    let text = format!("127.0.0.1:16050 {master}-0007 {master}");
    assert_eq!(names.to_live(&text), format!("127.0.0.1:4000 {other}-0000 {other}"));
    assert_eq!(names.to_recorded("at 127.0.0.1:4000"), "at 127.0.0.1:16050");
}

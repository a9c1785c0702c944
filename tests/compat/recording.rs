//! The recordings: what a client sent, and what a real Mesos answered.
//!
//! A folder of recordings is one text file (`recorded/README.md` describes the format), so that a
//! reader sees requests and answers as they were, and a change to one shows in a diff.

use serde_json::Value;

/// The recordings of one folder.
pub struct Folder {
    pub name: String,
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Clone)]
pub struct Exchange {
    /// `folder/name`
    pub name: String,
    pub request: Request,
    pub answer: Answer,
}

/// A request as it was sent.
#[derive(Clone)]
pub struct Request {
    /// The request line and the headers; none if what was sent was not HTTP.
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

/// An answer, recorded or live.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status line and the headers; none if the connection was closed without an answer.
    pub head: Vec<String>,
    pub body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Vec<u8>),
    /// The records of a stream, whole or as far as they were read.
    Events(Vec<Value>),
}

impl Answer {
    /// The status: `HTTP/1.1 202 Accepted` gives `202`.
    pub fn status(&self) -> &str {
        self.head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("none")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// A header's value in a head.
pub fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = head.iter().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

impl Folder {
    /// Reads a folder's file. `earlier` are the folders that it may refer to.
    pub fn parse(name: &str, text: &str, earlier: &[Folder]) -> Self {
        let mut folder = Self { name: name.to_owned(), exchanges: Vec::new() };
        for block in blocks(text, "##### ") {
            let exchange = folder.parse_exchange(block, earlier);
            folder.exchanges.push(exchange);
        }
        folder
    }

    fn parse_exchange(&self, block: &str, earlier: &[Folder]) -> Exchange {
        let (name, rest) = block.split_once('\n').expect("an exchange has lines");
        let name = format!("{}/{name}", self.name);
        let mut request = None;
        let mut answer = None;
        for section in blocks(rest, "=== ") {
            let (title, text) = section.split_once('\n').unwrap_or((section, ""));
            let mut words = title.split(' ');
            let kind = words.next().expect("a title has a word");
            match (kind, words.next(), words.next()) {
                ("NOTE", ..) => {}
                ("REQUEST", escaped, _) => request = Some(parse_request(text, escaped.is_some())),
                ("RESPONSE", Some("as"), Some(other)) => {
                    let (folder, _) = other.split_once('/').expect("a reference names a folder");
                    let folder = earlier.iter().find(|f| f.name == folder).unwrap_or(self);
                    let same = folder.exchanges.iter().find(|e| e.name == other);
                    answer = Some(same.expect("a reference points back").answer.clone());
                }
                ("RESPONSE", escaped, _) => {
                    let (head, body) = head_and_body(text);
                    let body = Body::Bytes(plain(body, escaped.is_some()));
                    answer = Some(Answer { head, body });
                }
                ("EVENTS", ..) => {
                    let (head, body) = head_and_body(text);
                    let event = |line| serde_json::from_str(line).expect("an event is JSON");
                    let events = body.lines().filter(|line| !line.is_empty()).map(event);
                    answer = Some(Answer { head, body: Body::Events(events.collect()) });
                }
                (other, ..) => panic!("{name}: no section is called {other}"),
            }
        }
        let request = request.unwrap_or_else(|| panic!("{name} has no request"));
        Exchange { request, answer: answer.unwrap_or_else(|| panic!("{name}: no answer")), name }
    }
}

/// The parts that start with `mark` at the beginning of a line, without it.
fn blocks<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = text.match_indices(mark).map(|(at, _)| at);
    let starts: Vec<usize> =
        starts.filter(|&at| at == 0 || text.as_bytes()[at - 1] == b'\n').collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(move |(start, end)| &text[start + mark.len()..end])
}

fn head_and_body(text: &str) -> (Vec<String>, &str) {
    let (head, body) = match text.strip_prefix('\n') {
        Some(body) => ("", body),
        None => text.split_once("\n\n").unwrap_or((text, "")),
    };
    (head.lines().map(str::to_owned).collect(), body)
}

fn parse_request(text: &str, escaped: bool) -> Request {
    let (mut head, body) = head_and_body(text);
    if head == ["(raw)"] {
        head.clear();
    }
    Request { head, body: plain(body, escaped) }
}

/// A body as it was: the format adds one line break, and writes what is not text as `\xNN`.
fn plain(text: &str, escaped: bool) -> Vec<u8> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if !escaped {
        return text.as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = match after.strip_prefix('x') {
            Some(digits) => {
                bytes.push(u8::from_str_radix(&digits[..2], 16).expect("two hex digits"));
                &digits[2..]
            }
            None => {
                bytes.push(b'\\');
                &after[1..]
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn a_folder_is_read() {
    let text = "##### a\n=== NOTE x\n=== REQUEST escaped\nGET / HTTP/1.1\nHost: h\n\na\\x0d\\\\b\n\
                === RESPONSE\nHTTP/1.1 200 OK\nContent-Length: 2\n\nab\n\
                ##### b\n=== REQUEST\n(raw)\n\nno HTTP\n=== RESPONSE as f/a\n\
                ##### c\n=== REQUEST\nGET / HTTP/1.1\n\n\n=== EVENTS\nHTTP/1.1 200 OK\n\n{}\n1\n";
    let folder = Folder::parse("f", text, &[]);
    let [a, b, c] = &folder.exchanges[..] else { panic!("three exchanges") };
    assert_eq!(a.name, "f/a");
    assert_eq!(header(&a.request.head, "host"), Some("h"));
    assert_eq!(a.request.body, b"a\r\\b");
    assert_eq!(a.answer.status(), "200");
    assert!(matches!(&a.answer.body, Body::Bytes(bytes) if bytes == b"ab"));
    assert!(b.request.head.is_empty());
    assert_eq!(b.request.body, b"no HTTP");
    assert!(matches!(&b.answer.body, Body::Bytes(bytes) if bytes == b"ab"));
    assert!(matches!(&c.answer.body, Body::Events(events) if events.len() == 2));
}

//! Parsing: serde_json's parser, with Mesos's words where it fails.

use serde_json::{Deserializer, Value};

use super::JsonError;

/// How much of a bad body an error repeats, in characters.
const MAX_QUOTED: usize = 256;

/// Parses one JSON value that fills the text.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let mut values = Deserializer::from_slice(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let rest = &text[values.byte_offset()..];
            match rest.trim_ascii_end() {
                [] => Ok(value),
                rest => Err(JsonError::Syntax(format!(
                    "Parsed JSON included non-whitespace trailing characters: {}",
                    quote(rest)
                ))),
            }
        }
        Some(Err(error)) if error.is_eof() => Err(syntax_error(error.line(), b"")),
        Some(Err(error)) => Err(syntax_error(error.line(), rest_of_line(text, &error))),
        None => Err(syntax_error(1, b"")),
    }
}

fn syntax_error(line: usize, near: &[u8]) -> JsonError {
    JsonError::Syntax(format!("syntax error at line {line} near: {}", quote(near)))
}

/// What is on the line of an error from its column on.
fn rest_of_line<'a>(text: &'a [u8], error: &serde_json::Error) -> &'a [u8] {
    let line = text.split(|octet| *octet == b'\n').nth(error.line().saturating_sub(1));
    line.and_then(|line| line.get(error.column().saturating_sub(1)..)).unwrap_or_default()
}

fn quote(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(&octets[..octets.len().min(4 * MAX_QUOTED)]);
    text.chars().filter(|char| *char >= ' ').take(MAX_QUOTED).collect()
}

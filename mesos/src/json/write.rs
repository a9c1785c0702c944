//! Writing: compact, ASCII only.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// The JSON text of a message: ASCII only, without spaces, doubles as `2.0`.
///
/// # Panics
///
/// If a map has keys other than text. No type of this crate has.
pub fn to_string<T: Serialize + ?Sized>(message: &T) -> String {
    String::from_utf8(to_vec(message)).expect("the writer emits ASCII only")
}

/// The JSON text of a message, as octets; see [`to_string`].
pub fn to_vec<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    message
        .serialize(&mut Serializer::with_formatter(&mut text, Ascii))
        .expect("messages have text keys, and a vector takes every octet");
    text
}

/// serde_json's compact form, with everything outside ASCII escaped.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for char in fragment.chars() {
            if char.is_ascii() {
                writer.write_all(&[char as u8])?;
            } else {
                for unit in char.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

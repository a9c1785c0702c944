//! Writing.

use rmp::encode;

use crate::reflect::{Reflect, Seen};
use crate::schema::Message;

/// The MessagePack of a message.
pub fn to_vec<T: Message>(message: &T) -> Vec<u8> {
    let mut octets = Vec::with_capacity(256);
    write_message(&mut octets, message);
    octets
}

/// A length as MessagePack holds it. Nothing in memory is longer than that, frames being bounded.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Writing to a vector does not fail, which rmp's signatures cannot say.
fn infallible<T>(written: Result<T, encode::ValueWriteError>) {
    debug_assert!(written.is_ok(), "a vector takes every octet");
}

// Nearly everything is short, and written here without rmp's detour by way of `Write`.

fn write_message(to: &mut Vec<u8>, message: &dyn Reflect) {
    // How many fields are set is known when they are written; the head of few is one octet.
    let head = to.len();
    to.push(0x80);
    let mut set = 0;
    let fields = message.described().fields;
    message.each(&mut |index, value| {
        set += 1;
        write_text(to, fields[index].key);
        write_value(to, &value);
    });
    match set {
        0..16_u16 => to[head] |= set as u8,
        _ => {
            let [high, low] = set.to_be_bytes();
            to.splice(head..=head, [0xde, high, low]);
        }
    }
}

fn write_value(to: &mut Vec<u8>, value: &Seen<'_>) {
    match *value {
        Seen::Bool(value) => to.push(if value { 0xc3 } else { 0xc2 }),
        Seen::Int(value) => infallible(encode::write_sint(to, value)),
        Seen::Uint(value) => infallible(encode::write_uint(to, value)),
        Seen::Double(value) => {
            let mut octets = [0xcb; 9];
            octets[1..].copy_from_slice(&value.to_be_bytes());
            to.extend_from_slice(&octets);
        }
        Seen::Text(text) => write_text(to, text),
        Seen::Bytes(octets) => infallible(encode::write_bin(to, octets)),
        Seen::Message(message) => write_message(to, message),
        Seen::List(list) => {
            match list.length() {
                items @ 0..16 => to.push(0x90 | items as u8),
                items => infallible(encode::write_array_len(to, length(items))),
            }
            (0..list.length()).for_each(|index| write_value(to, &list.at(index)));
        }
        Seen::Map(map) => {
            infallible(encode::write_map_len(to, length(map.length())));
            map.each(&mut |key, value| {
                write_text(to, key);
                write_value(to, &value);
            });
        }
    }
}

/// Appends text.
#[inline]
fn write_text(to: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..32 => to.push(0xa0 | length as u8),
        length @ 32..256 => to.extend_from_slice(&[0xd9, length as u8]),
        _ => return infallible(encode::write_str(to, text)),
    }
    to.extend_from_slice(text.as_bytes());
}

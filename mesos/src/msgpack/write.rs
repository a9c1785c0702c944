//! Writing.

use rmp::encode;

use crate::reflect::{Reflect, Seen};
use crate::schema::{Field, Message};

/// The MessagePack of a message, with the names of JSON.
pub fn to_vec<T: Message>(message: &T) -> Vec<u8> {
    write(message, |field| field.name)
}

/// The MessagePack of a message, with the short keys of those fields that have one.
pub fn to_vec_short<T: Message>(message: &T) -> Vec<u8> {
    write(message, |field| field.key)
}
/// A length as MessagePack holds it. Nothing in memory is longer than that, frames being bounded.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Writing to a vector does not fail, which rmp's signatures cannot say.
fn infallible<T>(written: Result<T, encode::ValueWriteError>) {
    debug_assert!(written.is_ok(), "a vector takes every octet");
}

/// A message that is being written. Nearly everything in it is short, and written without rmp's
/// detour by way of `Write`.
struct Writer {
    octets: Vec<u8>,
    /// The key under which a field goes.
    key: fn(&Field) -> &'static str,
}

fn write<T: Message>(message: &T, key: fn(&Field) -> &'static str) -> Vec<u8> {
    let mut to = Writer { octets: Vec::with_capacity(1024), key };
    to.message(message);
    to.octets
}

impl Writer {
    fn message(&mut self, message: &dyn Reflect) {
        // How many fields are set is known when they are written; the head of few is one octet.
        let head = self.octets.len();
        self.octets.push(0x80);
        let mut set = 0;
        let fields = message.described().fields;
        message.each(&mut |index, value| {
            set += 1;
            self.text((self.key)(&fields[index]));
            self.value(&value);
        });
        match set {
            0..16_u16 => self.octets[head] |= set as u8,
            _ => {
                let [high, low] = set.to_be_bytes();
                self.octets.splice(head..=head, [0xde, high, low]);
            }
        }
    }

    fn value(&mut self, value: &Seen<'_>) {
        let to = &mut self.octets;
        match *value {
            Seen::Bool(value) => to.push(if value { 0xc3 } else { 0xc2 }),
            Seen::Int(value) => infallible(encode::write_sint(to, value)),
            Seen::Uint(value) => infallible(encode::write_uint(to, value)),
            Seen::Double(value) => {
                let mut octets = [0xcb; 9];
                octets[1..].copy_from_slice(&value.to_be_bytes());
                to.extend_from_slice(&octets);
            }
            Seen::Text(text) => self.text(text),
            Seen::Bytes(octets) => infallible(encode::write_bin(to, octets)),
            Seen::Message(message) => self.message(message),
            Seen::List(list) => {
                match list.length() {
                    items @ 0..16 => to.push(0x90 | items as u8),
                    items => infallible(encode::write_array_len(to, length(items))),
                }
                (0..list.length()).for_each(|index| self.value(&list.at(index)));
            }
            Seen::Map(map) => {
                infallible(encode::write_map_len(to, length(map.length())));
                map.each(&mut |key, value| {
                    self.text(key);
                    self.value(&value);
                });
            }
        }
    }

    #[inline]
    fn text(&mut self, text: &str) {
        let to = &mut self.octets;
        match text.len() {
            // Short keys.
            1 => return to.extend_from_slice(&[0xa1, text.as_bytes()[0]]),
            length @ 0..32 => to.push(0xa0 | length as u8),
            length @ 32..256 => to.extend_from_slice(&[0xd9, length as u8]),
            _ => return infallible(encode::write_str(to, text)),
        }
        to.extend_from_slice(text.as_bytes());
    }
}

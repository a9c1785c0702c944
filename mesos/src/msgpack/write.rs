//! Writing.

use std::collections::BTreeMap;

use rmp::encode;

use super::{MsgpackError, Packed, Reader};
use crate::bytes::Bytes;

/// The MessagePack of a message.
pub fn to_vec<T: Packed>(message: &T) -> Vec<u8> {
    let mut octets = Vec::with_capacity(256);
    message.pack(&mut octets);
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

/// Appends the head of a map with this many entries.
#[inline]
pub fn write_map_length(to: &mut Vec<u8>, entries: usize) {
    match entries {
        0..16 => to.push(0x80 | entries as u8),
        _ => infallible(encode::write_map_len(to, length(entries))),
    }
}

fn write_array_length(to: &mut Vec<u8>, items: usize) {
    match items {
        0..16 => to.push(0x90 | items as u8),
        _ => infallible(encode::write_array_len(to, length(items))),
    }
}

/// Appends text.
#[inline]
pub fn write_text(to: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..32 => to.push(0xa0 | length as u8),
        length @ 32..256 => to.extend_from_slice(&[0xd9, length as u8]),
        _ => return infallible(encode::write_str(to, text)),
    }
    to.extend_from_slice(text.as_bytes());
}

macro_rules! integers {
    ($($ty:ty: $write:ident as $wide:ty, $read:ident;)*) => {$(
        impl Packed for $ty {
            fn pack(&self, to: &mut Vec<u8>) {
                infallible(encode::$write(to, <$wide>::from(*self)));
            }

            fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
                let integer = from.$read()?;
                <$ty>::try_from(integer).map_err(|_| from.wrong("an integer out of range"))
            }
        }
    )*};
}

integers! {
    i32: write_sint as i64, integer;
    u32: write_uint as u64, integer;
    i64: write_sint as i64, integer;
    u64: write_uint as u64, integer;
}

impl Packed for bool {
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(if *self { 0xc3 } else { 0xc2 });
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        from.boolean()
    }
}

impl Packed for f64 {
    fn pack(&self, to: &mut Vec<u8>) {
        let mut octets = [0xcb; 9];
        octets[1..].copy_from_slice(&self.to_be_bytes());
        to.extend_from_slice(&octets);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        from.double()
    }
}

impl Packed for String {
    fn pack(&self, to: &mut Vec<u8>) {
        write_text(to, self);
    }

    #[inline]
    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        from.text().map(str::to_owned)
    }
}

impl Packed for Bytes {
    fn pack(&self, to: &mut Vec<u8>) {
        infallible(encode::write_bin(to, self));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        from.octets().map(Bytes::from)
    }
}

impl<T: Packed> Packed for Box<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        (**self).pack(to);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        T::unpack(from).map(Box::new)
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        match self {
            Some(value) => value.pack(to),
            None => to.push(0xc0),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        T::unpack_optional(from)
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        write_array_length(to, self.len());
        self.iter().for_each(|item| item.pack(to));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        // What a head promises need not follow: room is made for little before it does.
        const TRUSTED: usize = 64;
        let items = from.array()?;
        let mut list = Vec::with_capacity(items.min(TRUSTED));
        for _ in 0..items {
            list.push(T::unpack(from)?);
        }
        Ok(list)
    }
}

impl<T: Packed> Packed for BTreeMap<String, T> {
    fn pack(&self, to: &mut Vec<u8>) {
        write_map_length(to, self.len());
        for (key, value) in self {
            write_text(to, key);
            value.pack(to);
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        let entries = from.enter_map()?;
        let mut map = BTreeMap::new();
        for _ in 0..entries {
            let key = from.text()?.to_owned();
            map.insert(key, T::unpack(from)?);
        }
        from.leave();
        Ok(map)
    }
}

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

/// Appends the head of a map with this many entries.
pub fn write_map_length(to: &mut Vec<u8>, entries: usize) {
    infallible(encode::write_map_len(to, length(entries)));
}

/// Appends text.
pub fn write_text(to: &mut Vec<u8>, text: &str) {
    match text.len() {
        // Nearly all text is short, and this much faster than the general way.
        0..32 => {
            to.push(0xa0 | text.len() as u8);
            to.extend_from_slice(text.as_bytes());
        }
        _ => infallible(encode::write_str(to, text)),
    }
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
        infallible(encode::write_f64(to, *self));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, MsgpackError> {
        from.double()
    }
}

impl Packed for String {
    fn pack(&self, to: &mut Vec<u8>) {
        write_text(to, self);
    }

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
        infallible(encode::write_array_len(to, length(self.len())));
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

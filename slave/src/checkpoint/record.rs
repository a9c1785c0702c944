//! Records: octets with their length and their checksum.
//!
//! ```text
//!   length: u32, little-endian, at least 1
//!   checksum: u32, little-endian, CRC-32 of the payload
//!   payload: `length` octets, MessagePack with field names
//! ```
//!
//! A crash may leave the last record of a log half written: fewer octets than announced, or
//! octets that are not the ones written. Such a tail was never acknowledged to anybody, so it is
//! cut. A bad record that good ones follow is another matter: it was acknowledged once, and is
//! damage that the operator has to know of.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The octets before the payload.
const HEADER: usize = 8;

/// The longest payload that is believed. A longer length is damage.
pub const MAX_PAYLOAD: usize = 64 * 1024 * 1024;

/// Appends a record with `value` to `out`.
///
/// # Errors
/// A value that MessagePack cannot hold, or one longer than [`MAX_PAYLOAD`].
pub fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    value.serialize(&mut rmp_serde::Serializer::new(&mut *out).with_struct_map())?;
    let payload = &out[start + HEADER..];
    if payload.len() > MAX_PAYLOAD {
        let length = payload.len();
        out.truncate(start);
        return Err(rmp_serde::encode::Error::Syntax(format!(
            "record of {length} octets is longer than {MAX_PAYLOAD}"
        )));
    }
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = crc32fast::hash(payload).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + HEADER].copy_from_slice(&checksum);
    Ok(())
}

/// The records of a file.
#[derive(Debug, PartialEq)]
pub struct Scan<'a> {
    /// The payloads that are whole, in order.
    pub payloads: Vec<&'a [u8]>,
    /// How many octets hold them; what follows is not a record.
    pub valid: usize,
    /// What follows them.
    pub tail: Tail,
}

/// What follows the last whole record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// A record that was being written when the machine or the agent stopped.
    Torn,
    /// Octets that no crash explains.
    Damaged(String),
}

/// Finds the whole records at the start of `octets`.
pub fn scan(octets: &[u8]) -> Scan<'_> {
    let mut payloads = Vec::new();
    let mut at = 0;
    let tail = loop {
        let rest = &octets[at..];
        if rest.is_empty() {
            break Tail::Clean;
        }
        match first(rest) {
            Ok(payload) => {
                at += HEADER + payload.len();
                payloads.push(payload);
            }
            Err(tail) => break tail.at(at),
        }
    };
    Scan { payloads, valid: at, tail }
}

impl Tail {
    fn at(self, offset: usize) -> Self {
        match self {
            Self::Damaged(reason) => Self::Damaged(format!("{reason} at octet {offset}")),
            other => other,
        }
    }
}

fn first(rest: &[u8]) -> Result<&[u8], Tail> {
    let Some((header, body)) = rest.split_at_checked(HEADER) else { return Err(Tail::Torn) };
    // Blocks that were allocated and never written read as zeros.
    if rest.iter().all(|octet| *octet == 0) {
        return Err(Tail::Torn);
    }
    let (length, checksum) = header.split_at(4);
    let length = u32_from(length) as usize;
    if length == 0 || length > MAX_PAYLOAD {
        return Err(Tail::Damaged(format!("a record of {length} octets")));
    }
    let Some(payload) = body.get(..length) else { return Err(Tail::Torn) };
    if crc32fast::hash(payload) != u32_from(checksum) {
        let last = body.len() == length || body[length..].iter().all(|octet| *octet == 0);
        return Err(if last {
            Tail::Torn
        } else {
            Tail::Damaged("a record with a wrong checksum".to_owned())
        });
    }
    Ok(payload)
}

fn u32_from(octets: &[u8]) -> u32 {
    octets.iter().rev().fold(0, |value, octet| value << 8 | u32::from(*octet))
}

/// Reads the value of a payload. Unknown fields are ignored, missing ones take their default.
///
/// # Errors
/// Octets that are not a `T`.
pub fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(values: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            append(value, &mut out).unwrap();
        }
        out
    }

    fn values(scan: &Scan<'_>) -> Vec<String> {
        scan.payloads.iter().map(|payload| read(payload).unwrap()).collect()
    }

    #[test]
    fn records_come_back_in_order() {
        let octets = log(&["one", "two", "three"]);
        let scan = scan(&octets);
        assert_eq!(values(&scan), ["one", "two", "three"]);
        assert_eq!((scan.valid, scan.tail), (octets.len(), Tail::Clean));
    }

    #[test]
    fn a_log_cut_anywhere_keeps_its_whole_records() {
        let octets = log(&["one", "two"]);
        let first = log(&["one"]).len();
        for cut in 0..octets.len() {
            let scan = scan(&octets[..cut]);
            let whole = usize::from(cut >= first);
            assert_eq!(scan.payloads.len(), whole, "cut at {cut}");
            let clean = cut == 0 || cut == first;
            assert_eq!(scan.tail, if clean { Tail::Clean } else { Tail::Torn }, "cut at {cut}");
        }
    }

    #[test]
    fn a_last_record_that_was_not_written_through_is_torn() {
        let whole = log(&["one", "two"]);
        let mut scrambled = whole.clone();
        *scrambled.last_mut().unwrap() ^= 1;
        assert_eq!(scan(&scrambled).tail, Tail::Torn);
        let mut zeros = log(&["one"]);
        zeros.extend([0; 4096]);
        assert_eq!(scan(&zeros).tail, Tail::Torn);
        assert_eq!(values(&scan(&zeros)), ["one"]);
    }

    #[test]
    fn a_bad_record_that_good_ones_follow_is_damage() {
        let mut octets = log(&["one", "two"]);
        octets[HEADER] ^= 0x20;
        let found = scan(&octets);
        assert!(matches!(found.tail, Tail::Damaged(_)), "{found:?}");
        assert!(found.payloads.is_empty());
    }

    #[test]
    fn a_length_that_cannot_be_is_damage() {
        let mut octets = log(&["one"]);
        octets[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(scan(&octets).tail, Tail::Damaged(_)));
    }
}

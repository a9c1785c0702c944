//! RecordIO: records that arrive in pieces of any size.

use mesos::recordio::{Decoder, encode};

use crate::memory::bounded;

/// The buffer, twice while it grows, and the records.
const FACTOR: usize = 8;

/// The longest record that is taken.
const LIMIT: usize = 1 << 16;

/// The first octet says how long the pieces are; the rest is the stream.
pub fn check(input: &[u8]) {
    let Some((size, stream)) = input.split_first() else { return };
    bounded(input, FACTOR, || {
        let whole = records(stream, usize::MAX);
        let pieces = records(stream, usize::from(*size).max(1));
        assert_eq!(pieces, whole, "pieces do not matter");
    });
}

/// The records, and whether the stream broke. What was read is what is written again.
fn records(stream: &[u8], size: usize) -> (usize, bool) {
    let mut decoder = Decoder::new(LIMIT);
    let (mut count, mut at) = (0, 0);
    for piece in stream.chunks(size.min(stream.len()).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next_record() {
                Ok(Some(record)) => {
                    count += 1;
                    let rest = &stream[at..];
                    // A length may be written with zeros before it.
                    let zeros = rest.iter().take_while(|octet| **octet == b'0').count();
                    let zeros = zeros.min(rest.iter().position(|o| *o == b'\n').unwrap_or(0));
                    let framed = encode(&record);
                    let skip = if record.is_empty() { zeros.saturating_sub(1) } else { zeros };
                    assert!(rest[skip..].starts_with(&framed), "{framed:?} is not what came");
                    at += skip + framed.len();
                }
                Ok(None) => break,
                Err(_) => return (count, true),
            }
        }
    }
    assert_eq!(decoder.is_at_boundary(), at == stream.len());
    (count, false)
}

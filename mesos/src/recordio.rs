//! RecordIO: records in a stream of octets, each as `<length>\n<octets>`.
//!
//! Mesos frames events with it, and the input and output of attached containers.

use bytes::{Buf, Bytes, BytesMut};

/// The digits of the largest length.
const MAX_HEADER: usize = 20;

/// Why a stream is no RecordIO; it cannot be read on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// What stands before a newline is no length.
    #[error("failed to decode record length '{0}'")]
    Length(String),
    /// The record is longer than the reader allows.
    #[error("record of {length} bytes exceeds the limit of {limit} bytes")]
    TooLong {
        /// The length that was announced, in octets.
        length: u64,
        /// The limit, in octets.
        limit: usize,
    },
}

/// One record, framed.
pub fn encode(record: &[u8]) -> Bytes {
    let length = record.len().to_string();
    let mut framed = Vec::with_capacity(length.len() + 1 + record.len());
    framed.extend_from_slice(length.as_bytes());
    framed.push(b'\n');
    framed.extend_from_slice(record);
    framed.into()
}

/// Takes records out of a stream that arrives in pieces of any size.
///
/// It holds at most one piece and one record: take all records after each piece.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// The length of the record that is arriving, once its header has been read.
    length: Option<usize>,
    limit: usize,
    failure: Option<RecordError>,
}

impl Decoder {
    /// A decoder that refuses records of more than `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), length: None, limit, failure: None }
    }

    /// Adds a piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// The next record, if it is complete. An error is final.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.advance().inspect_err(|failure| {
            self.failure = Some(failure.clone());
            self.buffer = BytesMut::new();
        })
    }

    /// Whether the stream may end here: no record has begun.
    pub fn is_at_boundary(&self) -> bool {
        self.failure.is_none() && self.length.is_none() && self.buffer.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Bytes>, RecordError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.read_header()? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn read_header(&mut self) -> Result<Option<usize>, RecordError> {
        let window = &self.buffer[..self.buffer.len().min(MAX_HEADER + 1)];
        let bad = |text: &[u8]| RecordError::Length(String::from_utf8_lossy(text).into_owned());
        let Some(end) = window.iter().position(|octet| *octet == b'\n') else {
            // A header that cannot become one is refused without waiting for its newline.
            return match window.len() > MAX_HEADER || !window.iter().all(u8::is_ascii_digit) {
                true => Err(bad(window)),
                false => Ok(None),
            };
        };
        let text = &window[..end];
        let length = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| bad(text))?;
        self.buffer.advance(end + 1);
        match usize::try_from(length) {
            Ok(length) if length <= self.limit => Ok(Some(length)),
            _ => Err(RecordError::TooLong { length, limit: self.limit }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_arrive_in_any_pieces() {
        let mut stream = Vec::new();
        for record in [&b"{\"type\":\"HEARTBEAT\"}"[..], b"", b"a\nb", &[0xff; 300]] {
            stream.extend_from_slice(&encode(record));
        }
        for size in [1, 2, 3, 7, 64, stream.len()] {
            let mut decoder = Decoder::new(300);
            let mut records = Vec::new();
            for piece in stream.chunks(size) {
                decoder.push(piece);
                while let Some(record) = decoder.next_record().unwrap() {
                    records.push(record);
                }
            }
            assert_eq!(records.len(), 4, "pieces of {size}");
            assert_eq!(records[2], &b"a\nb"[..]);
            assert!(records[1].is_empty());
            assert!(decoder.is_at_boundary());
        }
    }

    #[test]
    fn the_frame_is_length_newline_record() {
        assert_eq!(encode(b"hello"), &b"5\nhello"[..]);
    }

    #[test]
    fn a_bad_length_is_final() {
        for text in ["x", "-1\n", "+1\nx", "\n", " 5\n", "184467440737095516160\n"] {
            let mut decoder = Decoder::new(10);
            decoder.push(text.as_bytes());
            let error = decoder.next_record().unwrap_err();
            assert!(matches!(error, RecordError::Length(_)), "{text:?}: {error}");
            decoder.push(b"1\na");
            assert_eq!(decoder.next_record(), Err(error));
        }
    }

    #[test]
    fn a_long_record_is_refused_at_its_header() {
        let mut decoder = Decoder::new(10);
        decoder.push(b"11\n");
        assert_eq!(
            decoder.next_record().unwrap_err().to_string(),
            "record of 11 bytes exceeds the limit of 10 bytes"
        );
    }
}

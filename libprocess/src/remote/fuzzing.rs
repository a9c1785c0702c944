//! What the fuzz targets of `tests/fuzz` may do with the bytes between nodes. It exists in their
//! builds only.

use super::inbound::whole_frames;
use super::wire::{self, Frame, Hello, MAGIC, PREFIX, be_length};
use crate::Upid;
use std::net::{Ipv4Addr, SocketAddr};

/// Reads the beginning of a connection; what can be read can be written, and is then the same.
pub fn hello(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<{ MAGIC.len() + PREFIX }>() else { return };
    let Ok(length) = Hello::length(head) else { return };
    let Ok(hello) = Hello::decode(&rest[..length.min(rest.len())]) else { return };
    let _ = hello.agree();
    let written = hello.encode();
    let body = &written[MAGIC.len() + PREFIX..];
    assert_eq!(Hello::decode(body).expect("what was written can be read"), hello);
}

/// Reads what follows: whole frames, up to the first that is broken or longer than `limit`.
pub fn frames(bytes: &[u8], limit: usize) {
    let Ok(whole) = whole_frames(bytes, limit) else { return };
    assert!(whole <= bytes.len());
    let mut at = 0;
    while at < whole {
        let start = at + PREFIX;
        let end = start + be_length(&bytes[at..]);
        assert!(end <= whole, "a frame that is not whole");
        match Frame::decode(&bytes[start..end]) {
            Ok(frame) => round_trip(&frame),
            Err(_) => return,
        }
        at = end;
    }
}

/// Writes a frame as a node would, and reads it again.
fn round_trip(frame: &Frame<'_>) {
    let home = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut out = Vec::new();
    match *frame {
        Frame::Message { to, from, name, body } => {
            let texts = (std::str::from_utf8(to), std::str::from_utf8(name));
            let (Ok(to), Ok(name)) = texts else { return };
            // A sender without an address is at this end of the connection.
            let from = match from.map(std::str::from_utf8) {
                None => Upid::nobody(),
                Some(Ok(text)) => text.parse().unwrap_or_else(|_| Upid::new(text, home)),
                Some(Err(_)) => return,
            };
            wire::put_raw_message(&mut out, usize::MAX, (&from, home), (to, name), body)
                .expect("a frame without a limit can be written");
            match Frame::decode(&out[PREFIX..]).expect("what was written can be read") {
                Frame::Message { to: to2, name: name2, body: body2, .. } => {
                    assert_eq!((to2, name2, body2), (to.as_bytes(), name.as_bytes(), body));
                }
                other => panic!("{frame:?} became {other:?}"),
            }
            return;
        }
        Frame::Link { id, number } => wire::put_link(&mut out, id, number),
        Frame::Unlink { id, number } => wire::put_unlink(&mut out, id, number),
        Frame::Ping(number) => wire::put_ping(&mut out, number),
        Frame::Exited { id, number } => wire::put_exited(&mut out, id, number),
        Frame::Pong(number) => wire::put_pong(&mut out, number),
        Frame::Unknown => return,
    }
    assert_eq!(be_length(&out) + PREFIX, out.len());
    assert_eq!(&Frame::decode(&out[PREFIX..]).expect("what was written can be read"), frame);
}

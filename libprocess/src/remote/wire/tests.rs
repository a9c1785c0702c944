//! Frames as they were recorded must read the same for ever: two adjacent releases talk.

use super::*;

/// What version 1 sends, in order: hello, answer, link, message, forwarded message without a body,
/// ping, unlink; and back: exited, pong.
const RECORDED: &str = include_str!("recorded_v1.txt");

fn recorded() -> Vec<(String, Vec<u8>)> {
    let unhex = |text: &str| {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
            .collect()
    };
    RECORDED
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            (name.to_owned(), unhex(hex))
        })
        .collect()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn written() -> Vec<(&'static str, Vec<u8>)> {
    let home = address("10.0.0.1:5050");
    let put = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        out
    };
    let master = Upid::new("master", home);
    let other = Upid::new("slave(1)", address("10.0.0.2:5051"));
    let mut answer = Hello::new(address("10.0.0.2:5051"), 15_000);
    answer.error = Some("no".into());
    let limit = 1 << 20;
    vec![
        ("hello", Hello::new(home, 15_000).encode()),
        ("answer", answer.encode()),
        ("link", put(&|out| put_link(out, "slave(1)", 7))),
        (
            "message",
            put(&|out| {
                put_raw_message(
                    out,
                    limit,
                    (&master, home),
                    ("slave(1)", "ping"),
                    b"\x81\xa1n\x01",
                )
                .unwrap();
            }),
        ),
        (
            "forwarded",
            put(&|out| put_raw_message(out, limit, (&other, home), ("", "x"), b"").unwrap()),
        ),
        ("ping", put(&|out| put_ping(out, 300))),
        ("unlink", put(&|out| put_unlink(out, "slave(1)", 7))),
        ("exited", put(&|out| put_exited(out, "slave(1)", 7))),
        ("pong", put(&|out| put_pong(out, 300))),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn version_1_is_written_as_recorded() {
    let written: Vec<_> =
        written().iter().map(|(name, bytes)| format!("{name} {}", hex(bytes))).collect();
    let recorded: Vec<_> =
        recorded().iter().map(|(name, bytes)| format!("{name} {}", hex(bytes))).collect();
    assert_eq!(written, recorded);
}

#[test]
fn version_1_is_read_as_recorded() {
    let recorded = recorded();
    let head = MAGIC.len() + PREFIX;
    let hello = |index: usize| {
        let (first, rest) = recorded[index].1.split_at(head);
        assert_eq!(Hello::length(first.try_into().unwrap()).unwrap(), rest.len());
        Hello::decode(rest).unwrap()
    };
    assert_eq!(hello(0), Hello::new(address("10.0.0.1:5050"), 15_000));
    assert_eq!(hello(0).agree().unwrap(), 1);
    assert_eq!(hello(1).error.as_deref(), Some("no"));
    let frame = |index: usize| {
        let (length, rest) = recorded[index].1.split_at(PREFIX);
        assert_eq!(be_length(length), rest.len());
        Frame::decode(rest).unwrap()
    };
    assert_eq!(frame(2), Frame::Link { id: "slave(1)", number: 7 });
    let body: &[u8] = b"\x81\xa1n\x01";
    let message = Frame::Message { to: b"slave(1)", from: Some(b"master"), name: b"ping", body };
    assert_eq!(frame(3), message);
    let from: Option<&[u8]> = Some(b"slave(1)@10.0.0.2:5051");
    assert_eq!(frame(4), Frame::Message { to: b"", from, name: b"x", body: b"" });
    assert_eq!(frame(5), Frame::Ping(300));
    assert_eq!(frame(6), Frame::Unlink { id: "slave(1)", number: 7 });
    assert_eq!(frame(7), Frame::Exited { id: "slave(1)", number: 7 });
    assert_eq!(frame(8), Frame::Pong(300));
}

#[test]
fn a_cut_or_changed_frame_never_panics() {
    for (_, bytes) in recorded() {
        for cut in 0..bytes.len() {
            let _ = Frame::decode(&bytes[..cut]);
            let _ = Frame::decode(&bytes[bytes.len().min(PREFIX)..cut.max(PREFIX)]);
            let _ = Hello::decode(&bytes[..cut]);
            let mut changed = bytes.clone();
            changed[cut] ^= 0xff;
            let _ = Frame::decode(&changed[PREFIX..]);
            let _ = Hello::decode(&changed[PREFIX..]);
        }
    }
}

#[test]
fn a_frame_that_is_too_long_leaves_no_trace() {
    let mut out = b"before".to_vec();
    let nobody = Upid::nobody();
    let home = address("10.0.0.1:5050");
    let error = put_raw_message(&mut out, 64, (&nobody, home), ("x", "y"), &[0; 100]).unwrap_err();
    assert_eq!(error.to_string(), "a frame of 112 bytes is longer than the limit of 64");
    assert_eq!(out, b"before");
}

#[test]
fn later_versions_agree_downwards() {
    let mut hello = Hello::new(address("10.0.0.1:5050"), 0);
    hello.version = 9;
    assert_eq!(hello.agree().unwrap(), VERSION);
    hello.oldest = 2;
    assert!(hello.agree().is_err());
}

//! MessagePack over HTTP: calls of strangers, and events as a framework's driver reads them.

use mesos::msgpack;
use mesos::schema::Message;
use mesos::v1::{agent, executor, master, scheduler};

use crate::memory::bounded;

/// What a message may take for an octet of MessagePack: an empty message in a list is one octet,
/// and a struct of some hundred.
const FACTOR: usize = 512;

/// Reads any octets as each kind of call and event.
pub fn check(input: &[u8]) {
    bounded(input, FACTOR, || {
        round_trip::<scheduler::Call>(input);
        round_trip::<scheduler::Event>(input);
        round_trip::<executor::Call>(input);
        round_trip::<executor::Event>(input);
        round_trip::<master::Call>(input);
        round_trip::<agent::Call>(input);
    });
}

/// What can be read can be written, and is then the same. Octets are compared: numbers may be
/// none. What strangers may say, friends may say too.
fn round_trip<T: Message>(input: &[u8]) {
    let strict = msgpack::from_stranger::<T>(input);
    let Ok(message) = msgpack::from_slice::<T>(input) else {
        assert!(strict.is_err(), "a stranger may say what a friend may not");
        return;
    };
    let written = msgpack::to_vec(&message);
    let again: T = msgpack::from_slice(&written).expect("what was written can be read");
    assert_eq!(msgpack::to_vec(&again), written);
    if let Ok(strict) = strict {
        assert_eq!(msgpack::to_vec(&strict), written);
    }
}

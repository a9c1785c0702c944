//! JSON: the calls of schedulers, executors and operators, and what they are told.

use mesos::schema::Message;
use mesos::v1::{agent, executor, master, scheduler};
use mesos::{json, msgpack};

use crate::memory::bounded;

/// What a tree may take for an octet of JSON: `{"":0},` is seven octets, and a map with room for
/// eleven entries.
const FACTOR: usize = 128;

/// Reads any octets as each kind of call.
pub fn check(input: &[u8]) {
    bounded(input, FACTOR, || {
        round_trip::<scheduler::Call>(input);
        round_trip::<scheduler::Event>(input);
        round_trip::<executor::Call>(input);
        round_trip::<executor::Event>(input);
        round_trip::<master::Call>(input);
        round_trip::<master::Event>(input);
        round_trip::<agent::Call>(input);
    });
}

/// What can be read can be written, and is then the same, in MessagePack too. Texts are compared,
/// as a number may be none (`"NaN"`).
fn round_trip<T: Message>(input: &[u8]) {
    let Ok(message) = json::from_slice::<T>(input, "Call") else { return };
    let written = json::to_vec(&message);
    assert!(written.is_ascii(), "{}", String::from_utf8_lossy(&written));
    let again: T = json::from_slice(&written, "Call").expect("what was written can be read");
    assert_eq!(json::to_string(&again), json::to_string(&message));
    let packed = msgpack::to_vec(&message);
    let unpacked: T = msgpack::from_stranger(&packed).expect("what was written can be read");
    assert_eq!(json::to_string(&unpacked), json::to_string(&message));
}

//! What agents, executors and masters say to each other: the bodies of libprocess's messages.

use mesos::internal::{AgentToExecutor, AgentToMaster, ExecutorToAgent, MasterToAgent};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::memory::bounded;

/// What a message may take for an octet of MessagePack, as in [`crate::msgpack`].
const FACTOR: usize = 512;

/// Reads any octets as messages of each direction.
pub fn check(input: &[u8]) {
    bounded(input, FACTOR, || {
        round_trip::<AgentToMaster>(input);
        round_trip::<MasterToAgent>(input);
        round_trip::<ExecutorToAgent>(input);
        round_trip::<AgentToExecutor>(input);
    });
}

fn round_trip<T: Serialize + DeserializeOwned>(input: &[u8]) {
    let Ok(message) = rmp_serde::from_slice::<T>(input) else { return };
    let written = rmp_serde::to_vec_named(&message).expect("messages can be written");
    let again: T = rmp_serde::from_slice(&written).expect("what was written can be read");
    assert_eq!(rmp_serde::to_vec_named(&again).expect("messages can be written"), written);
}

//! What comes on a connection from another node: a hello and frames.

use crate::memory::bounded;

/// The texts and bodies point into what was read; what is written again takes as much once more.
const FACTOR: usize = 16;

/// Reads any octets as a connection's beginning, and as what follows it.
pub fn check(input: &[u8]) {
    bounded(input, FACTOR, || {
        libprocess::fuzzing::hello(input);
        libprocess::fuzzing::frames(input, 1 << 20);
    });
}

//! What is fuzzed: everything that reads octets of strangers. Each module has one function,
//! `check`, which takes any input at all and panics where a promise is broken:
//!
//! - nothing panics, whatever is read;
//! - what was read can be written and read again, and is the same;
//! - no input makes a reader take more memory than a multiple of its own length (see [`memory`]):
//!   a length that is announced is not yet a length that has come.
//!
//! `scripts/fuzz.sh` runs every target for some seconds, `make fuzz` for as long as it is told.
//! `seeds/<target>/` holds inputs of our own, and every input that ever broke a promise; the
//! program `seeds` adds the messages of `mesos/tests/golden`, in JSON and in MessagePack.
//!
//! Reading order: [`memory`], [`json`], [`msgpack`], [`internal`], [`resources`], [`recordio`],
//! [`frames`], [`texts`].

#![warn(missing_docs)]

pub mod frames;
pub mod internal;
pub mod json;
pub mod memory;
pub mod msgpack;
pub mod recordio;
pub mod resources;
pub mod texts;

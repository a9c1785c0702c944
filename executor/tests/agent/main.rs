//! The command executor under a real agent, with a master that the test plays: real processes,
//! real sockets, real files.

mod checks;
mod endpoints;
mod life;
mod restart;
mod support;

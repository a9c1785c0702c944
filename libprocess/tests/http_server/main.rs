//! The HTTP server over real sockets, down to the bytes.

mod limits;
mod protocol;
mod site;
mod streams;

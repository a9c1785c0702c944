//! libprocess

pub mod http;

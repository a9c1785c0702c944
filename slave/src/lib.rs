//! slave

pub mod checkpoint;
pub mod containerizer;
pub mod flags;

//! slave

pub mod checkpoint;
pub mod containerizer;

//! master-core

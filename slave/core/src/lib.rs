//! slave-core

//! The v1 HTTP APIs: calls, events and responses, each with all the fields of Mesos 1.11.

pub mod agent;
pub mod executor;
pub mod master;
pub mod resource_provider;
pub mod scheduler;

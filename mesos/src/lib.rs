//! The vocabulary of the cluster: what masters, agents, executors and frameworks say to each other.
//!
//! It holds the ids, the messages of Mesos's v1 APIs with all their fields, resources and their
//! algebra, and the internal messages between masters, agents and executors. The same types are
//! written as Mesos's JSON ([`json`]) and as MessagePack ([`msgpack`]).
//!
//! It deliberately performs no I/O, reads no clock and takes no decision: rules about offers, tasks
//! and agents are in `master/core` and `slave/core`. It knows nothing of actors either.
//!
//! Reading order:
//!
//! - [`schema`]: how a message is defined, and what it says of itself; [`reflect`]: how its fields
//!   are seen and filled; [`bytes`]
//! - [`json`], [`msgpack`], [`recordio`]: how messages are written and read
//! - [`ids`], [`role`], [`time`]; [`value`], [`resource`], [`resources`] (the algebra)
//! - [`framework`], [`agent`], [`master_info`]: who takes part
//! - [`offer`], [`operation`], [`task`], [`executor_info`], [`check`], [`container`], [`volume`],
//!   [`discovery`]: what is offered, asked for and run
//! - [`quota`], [`maintenance`], [`provider`], [`driver`]: what operators deal with
//! - [`statistics`], [`network_statistics`], [`blkio`]: what containers use
//! - [`v1`]: calls and events of the HTTP APIs
//! - [`internal`]: messages between masters, agents and executors

pub mod agent;
pub mod blkio;
pub mod bytes;
pub mod check;
pub mod container;
pub mod discovery;
pub mod driver;
pub mod executor_info;
pub mod framework;
pub mod ids;
pub mod internal;
pub mod json;
pub mod maintenance;
pub mod master_info;
pub mod msgpack;
pub mod network_statistics;
pub mod offer;
pub mod operation;
pub mod provider;
pub mod quota;
pub mod recordio;
pub mod reflect;
pub mod resource;
pub mod resources;
pub mod role;
pub mod schema;
pub mod statistics;
pub mod task;
pub mod time;
pub mod v1;
pub mod value;
pub mod volume;

//! The master as a process: it listens, keeps the registry, and answers; it decides nothing.
//!
//! Messages, HTTP requests, timers and broken links become [`master_core::Event`]s, one after the
//! other; the [`master_core::Effect`]s that the core answers with are performed in order. What
//! only reads (`/state`, `GET_*`, gauges) works on a snapshot, off the master's thread.
//!
//! The crate deliberately does *not* know the rules of Mesos: who gets an offer, which call is
//! valid, what becomes of a task. They are in `master/core`.
//!
//! ```no_run
//! use libprocess::{Node, NodeConfig};
//!
//! let config = NodeConfig { delegate: Some(master::PROCESS_ID.into()), ..NodeConfig::default() };
//! let node = Node::start(config)?;
//! let master = master::start(&node, master::Config::default())?;
//! println!("master at {}", master.address());
//! master.stop();
//! node.shutdown();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order:
//!
//! - [`flags`], [`config`]: what an operator decides
//! - [`start`](mod@start): a master in a node, for the `mesos` binary, `mesos local` and tests
//! - [`process`]: the actor; [`election`] and [`info`] (who leads), [`registry`] (what survives)
//! - [`http`]: endpoints and streams, one file per kind
//! - [`render`]: what readers are shown
//! - [`metrics`]: counters and gauges

pub mod config;
pub mod election;
pub mod flags;
mod http;
pub mod info;
pub mod metrics;
mod process;
pub mod registry;
pub mod render;
pub mod start;

pub use config::{Config, ConfigError, RegistryKind};
pub use flags::Flags;
pub use start::{MasterHandle, StartError, start};

/// The id of the process: agents and frameworks find it under this name.
pub const PROCESS_ID: &str = "master";

/// The level of Mesos's API that is implemented, as clients compare it (spec `wire.md` 17).
pub const MESOS_VERSION: &str = "1.11.0";

/// The release of this product.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

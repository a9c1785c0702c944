//! The agent as a process: the machine that the decisions of `slave-core` act upon.
//!
//! It turns messages, broken links, timers, exits of processes and the operator's signals into
//! events, hands them to [`slave_core::Agent`], and carries the effects out: messages, files,
//! processes. It deliberately decides nothing: when to register, what to launch, when to give up
//! are in the core. There is no isolation beyond processes and sandboxes yet, no container
//! image, no terminals, and no authentication.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use libprocess::{Node, NodeConfig};
//!
//! let node = Node::start(NodeConfig {
//!     delegate: Some(slave::PROCESS_ID.to_owned()),
//!     ..NodeConfig::default()
//! })?;
//! let info = mesos::agent::AgentInfo {
//!     resources: slave::machine::resources(None, "*", "/var/lib/mesos".as_ref())?,
//!     ..Default::default()
//! };
//! let config = slave::Config::new("localhost:5050", "/var/lib/mesos", info)?;
//! let agent = slave::start(&node, config)?;
//! # Ok(()) }
//! ```
//!
//! # Reading order
//!
//! - [`flags`], [`config`], [`machine`]: what the operator says, and what the machine has
//! - [`start()`], [`process`], `shared`: the process itself
//! - [`detector`]: who the master is
//! - [`checkpoint`]: what is written down, and found again
//! - [`containerizer`]: sandboxes and processes
//! - [`fetcher`]: what comes into sandboxes from elsewhere
//! - [`isolators`]: what containers may use, see and do
//! - `http`, `metrics`: what others can see

pub mod checkpoint;
pub mod config;
pub mod containerizer;
pub mod detector;
pub mod fetcher;
pub mod flags;
mod http;
pub mod isolators;
pub mod machine;
mod metrics;
pub mod process;
mod shared;
mod start;

pub use config::{Config, ConfigError, node_config};
pub use flags::Flags;
pub use slave_core::event::Signal;
pub use start::{AgentHandle, StartError, start, start_with};

/// The id of the agent's process.
pub const PROCESS_ID: &str = "slave(1)";

/// The level of Mesos's API that the agent implements.
pub const MESOS_VERSION: &str = "1.11.0";

/// The release of the product.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

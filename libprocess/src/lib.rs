//! libprocess

mod cell;
mod clock;
mod config;
mod context;
mod event;
mod filter;
pub mod flags;
mod handlers;
pub mod http;
mod latch;
mod mailbox;
mod message;
pub mod metrics;
mod node;
mod process;
mod remote;
mod scheduler;
mod stats;
mod substrate;
mod table;
mod time;
pub mod units;
mod upid;

pub use clock::{Clock, Timer};
pub use config::{EnvError, Limits, NodeConfig};
pub use context::{Context, Deferred, LinkMode};
pub use event::{EventSummary, ProcessSnapshot};
pub use filter::{EventKind, Expected, FilterGuard, Filters, Matcher, Seen, Spied};
pub use latch::Wait;
pub use message::{CodecError, Envelope, Message};
pub use node::{Node, NodeError};
pub use process::Process;
pub use stats::{Count, Stats};
pub use table::{Route, RouteMatch};
pub use time::Time;
pub use upid::{Pid, Upid, UpidError};

//! An actor runtime in the manner of Mesos's libprocess: processes with queues, names that travel,
//! messages, links, timers, HTTP routes and metrics, on one port per node.
//!
//! ```
//! use libprocess::{Context, Node, NodeConfig, Process, Upid};
//!
//! struct Echo;
//!
//! impl Process for Echo {
//!     fn initialize(&mut self, context: &mut Context<Self>) {
//!         context.install("echo", |_: &mut Self, context, from: &Upid, text: String| {
//!             context.send(from, "echoed", text);
//!         });
//!     }
//! }
//!
//! struct Asker(Upid, std::sync::mpsc::Sender<String>);
//!
//! impl Process for Asker {
//!     fn initialize(&mut self, context: &mut Context<Self>) {
//!         context.install("echoed", |asker: &mut Self, _, _: &Upid, text: String| {
//!             let _ = asker.1.send(text);
//!         });
//!         context.send(&self.0, "echo", "hello".to_owned());
//!     }
//! }
//!
//! let (here, there) = (Node::start(NodeConfig::default())?, Node::start(NodeConfig::default())?);
//! let echo = there.spawn("echo", Echo)?;
//! let (answers, answer) = std::sync::mpsc::channel();
//! here.spawn("asker", Asker(echo.upid().clone(), answers))?;
//! assert_eq!(answer.recv()?, "hello");
//! here.shutdown();
//! there.shutdown();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - A process handles one event at a time, in the order in which they were queued.
//! - A message arrives at most once, and in order per sender and receiver, also when a link is made
//!   between two of them. What happens at once on two connections has no order: an `exited` may
//!   overtake the last words of the process that ended, when both are on another node.
//! - A link gives exactly one `exited`, whether the process ends, never was, or cannot be reached.
//! - A panic ends the process that had it, and no other.
//! - A node is a value. Many live in one program, side by side; `shutdown` leaves no thread behind.
//! - Whatever another node, or an HTTP client, can make this one keep has a bound in [`Limits`].
//!
//! # What this does not do, on purpose
//!
//! It retries nothing: who needs an answer asks again. It has no global state, and no process-wide
//! clock. Handlers are not asynchronous: waiting is an effect ([`Context::await_then`]) whose end
//! is an event. It knows nothing of masters, agents and frameworks.
//!
//! # Reading order
//!
//! | files | what |
//! |---|---|
//! | [`upid`](Upid), [`message`](Message), `event` | names, messages, what a queue holds |
//! | `mailbox`, `cell`, [`process`](Process), `handlers` | queue, life and calls of a process |
//! | [`context`](Context), [`node`](Node), `table`, [`config`](NodeConfig) | what is offered |
//! | `scheduler`, `spin`, `substrate` | who runs when; the threads: the only mention of actix |
//! | [`clock`](Clock), [`time`](Time), [`latch`](Wait), [`filter`](Filters) | time, tests |
//! | `remote/`: `wire`, `peer`, `outbound`, `inbound`, `listener` | other nodes |
//! | [`http`], [`metrics`], [`stats`](Stats), `web` | requests; numbers; a node as a site |
//! | [`sync`] | what waits in order: sequences, latches, limits |
//! | [`flags`], [`units`], [`subprocess`], [`logging`], [`build`] | what daemons need besides |

pub mod build;
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
pub mod logging;
mod mailbox;
mod message;
pub mod metrics;
mod node;
mod process;
mod remote;
mod scheduler;
mod spin;
mod stats;
pub mod subprocess;
mod substrate;
pub mod sync;
mod table;
mod time;
pub mod units;
mod upid;
mod web;

pub use clock::{Clock, Timer};
pub use config::{EnvError, Limits, NodeConfig};
pub use context::{Context, Deferred, LinkMode};
pub use event::{EventSummary, ProcessSnapshot};
pub use filter::{EventKind, Expected, FilterGuard, Filters, Matcher, Seen, Spied};
pub use latch::Wait;
pub use message::{CodecError, Envelope, Message};
pub use node::{Node, NodeError};
pub use process::Process;
pub use remote::HttpHandler;
#[cfg(fuzzing)]
pub use remote::fuzzing;
pub use stats::{Count, Stats};
pub use substrate::Runner;
pub use table::{Route, RouteMatch};
pub use time::Time;
pub use upid::{Pid, Upid, UpidError};

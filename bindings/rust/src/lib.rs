//! What the author of a framework imports.
//!
//! A framework implements [`Scheduler`] and runs it with [`Framework`]; callbacks get a [`Driver`]
//! through which they act. The driver finds the leading master, subscribes, keeps the
//! subscription alive over lost connections and changes of the leader, acknowledges updates, and
//! speaks Mesos's scheduler API over HTTP, in MessagePack or in JSON, so that it works with real
//! Mesos masters too.
//!
//! ```no_run
//! use mesos_framework::{Driver, DriverError, Framework, Offer, Room, Scheduler, Task, TaskStatus};
//!
//! struct Hello;
//!
//! impl Scheduler for Hello {
//!     fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
//!         for offer in offers {
//!             let task = Task::shell("hello-1", "echo hello").cpus(0.1).mem(32.0);
//!             let placed = Room::of(&offer).place(&task);
//!             driver.launch(&offer, placed.into_iter().collect());
//!         }
//!     }
//!
//!     fn update(&mut self, driver: &Driver, status: TaskStatus) {
//!         println!("{} is {}", status.task_id, status.state);
//!         if status.state.is_terminal() {
//!             driver.teardown();
//!         }
//!     }
//! }
//!
//! fn main() -> Result<(), DriverError> {
//!     Framework::new("hello").master("127.0.0.1:5050").run(Hello)?;
//!     Ok(())
//! }
//! ```
//!
//! It deliberately has no opinion about what to run where: which offers to take, what to retry and
//! what to store is the framework's. It needs no actors and no async code from its user: it keeps
//! one thread with a small runtime, and calls the scheduler on another.
//!
//! Reading order:
//!
//! - [`Framework`] (`framework.rs`): who one is, and how the driver behaves
//! - [`Scheduler`] (`scheduler.rs`) and [`Driver`] (`driver.rs`): what one hears and what one says
//! - [`Task`] (`task.rs`), [`Room`] (`room.rs`): tasks, and offers while they are filled
//! - [`Sandbox`] (`sandbox.rs`): files that tasks leave behind
//! - `runner.rs`: the threads; `session.rs`: the conversation with the masters, on `masters.rs`
//!   (whom to ask), `backoff.rs`, `queue.rs`, `codec.rs` and `transport.rs`
//! - [`DriverError`], [`SandboxError`] (`error.rs`)

mod backoff;
mod codec;
mod driver;
mod error;
mod framework;
mod masters;
mod queue;
mod room;
mod runner;
mod sandbox;
mod scheduler;
mod session;
mod task;
mod transport;

pub use codec::Encoding;
pub use driver::Driver;
pub use error::{DriverError, SandboxError};
pub use framework::{Framework, MASTER_VARIABLE};
pub use masters::master_addresses;
pub use room::Room;
pub use runner::Running;
pub use sandbox::Sandbox;
pub use scheduler::Scheduler;
pub use task::Task;

/// The whole vocabulary, for what the builders do not cover.
pub use mesos;
pub use mesos::framework::{FrameworkCapabilityType as Capability, FrameworkInfo};
pub use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
pub use mesos::offer::{Filters, InverseOffer, Offer};
pub use mesos::task::{KillPolicy, Reason, TaskInfo, TaskState, TaskStatus};
pub use mesos::v1::scheduler::SubscribedEvent;

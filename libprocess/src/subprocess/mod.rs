//! Processes of the operating system: starting them, learning how they end, ending them (LP-38).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use libprocess::subprocess::{Command, Stdio};
//! let child = Command::new("sh")
//!     .args(["-c", "exit 3"])
//!     .stdout(Stdio::path("/tmp/stdout"))
//!     .new_session()
//!     .spawn()?;
//! let status = child.wait().await?;
//! assert_eq!(status.code(), Some(3));
//! # Ok(())
//! # }
//! ```
//!
//! - A child borrows the memory of this process until its program runs, so that its cost does not
//!   grow with the size of the agent. Only another user, namespaces, and hooks that the child waits
//!   for, or that are code, need a copy.
//! - Hooks ([`Command::parent_hook`], [`ChildHook`]) and namespaces ([`Namespace`]) prepare the
//!   place in which a program runs, before it does.
//! - Ends are learnt from pidfds, which belong to one process for good: no thread waits, and no
//!   recycled pid is ever taken for the old process. Where there are no pidfds, pids are polled.
//! - [`tree::kill_tree`] ends a process with everything that it has started.
//!
//! Reading order: [`Command`], `hooks.rs`, `texts.rs`, `plan.rs` (what the child does), `spawn.rs`;
//! [`child`], [`reaper`], [`tree`].

pub mod child;
mod command;
mod hooks;
mod plan;
pub mod reaper;
mod spawn;
mod texts;
pub mod tree;

pub use child::{Child, Handle, async_reader, async_writer};
pub use command::{Command, Identity, SpawnError, Stdio};
pub use hooks::{ChildHook, CustomHook, Mount, Namespace};
pub use nix::sys::resource::Resource;
pub use nix::sys::signal::Signal;
pub use reaper::reap;
pub use tree::{ProcessInfo, kill_tree};

#[cfg(test)]
mod hook_tests;
#[cfg(test)]
mod tests;

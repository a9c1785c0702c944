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
//! - A child is started by `posix_spawn` where that can do what is asked: it copies no page tables,
//!   so its cost does not grow with the size of the agent. Only another user, or a signal on the
//!   parent's death, need a fork.
//! - Ends are learnt from pidfds, which belong to one process for good: no thread waits, and no
//!   recycled pid is ever taken for the old process. Where there are no pidfds, pids are polled.
//! - [`tree::kill_tree`] ends a process with everything that it has started.
//!
//! Reading order: [`Command`], `spawn.rs`, [`child`], [`reaper`], [`tree`].

pub mod child;
mod command;
pub mod reaper;
mod spawn;
pub mod tree;

pub use child::{Child, Handle, async_reader, async_writer};
pub use command::{Command, Identity, SpawnError, Stdio};
pub use nix::sys::signal::Signal;
pub use reaper::reap;
pub use tree::{ProcessInfo, kill_tree};

#[cfg(test)]
mod tests;

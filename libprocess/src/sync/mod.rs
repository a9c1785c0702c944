//! What an actor's author needs for waiting in order (row LP-11).
//!
//! Mesos's libprocess brings its own; here most is somebody else's, re-exported so that there is
//! one place to look:
//!
//! | libprocess | here |
//! |---|---|
//! | `Mutex` | [`Mutex`]: those who wait get it in the order in which they asked |
//! | `ReadWriteLock` | [`RwLock`]: fair, so that writers do not starve |
//! | `Queue` | [`channel`], or [`unbounded_channel`] where something else bounds it |
//! | `Future`, `Promise` | futures and [`oneshot`] |
//! | `Once` | [`OnceCell`]; `std::sync::Once` where nobody awaits |
//! | `Shared`, `Owned` | `Arc`, `Box`; `Arc::into_inner` gives back what nobody else holds |
//! | `Sequence` | [`Sequence`] |
//! | `Loop` | `loop` in an async block, which ends when it is dropped |
//! | `CountDownLatch` | [`CountDownLatch`] |
//! | `RateLimiter` | [`RateLimiter`], on a node's [`Clock`](crate::Clock) |
//! | `after`, `Future::after` | [`Clock::sleep`](crate::Clock::sleep) |
//!
//! None of these belongs in a handler, which does not wait: hand the future to
//! [`Context::await_then`](crate::Context::await_then).

mod countdown;
mod limiter;
mod sequence;

pub use countdown::CountDownLatch;
pub use limiter::{LimitError, RateLimiter};
pub use sequence::Sequence;
pub use tokio::sync::mpsc::{channel, unbounded_channel};
pub use tokio::sync::{Mutex, OnceCell, RwLock, Semaphore, oneshot};

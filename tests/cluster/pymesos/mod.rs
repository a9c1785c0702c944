//! `pymesos`, a client that others wrote for Mesos, unmodified, against real daemons.
//!
//! `scripts/setup-python.sh` installs it. The programs that use it are in `tests/python`; most
//! tests drive `scheduler.py`, which calls what it is told to call and says what it hears.
//!
//! - [`client`]: a Python program that is driven by lines
//! - [`scheduler`]: what a scheduler's tests need
//! - [`sessions`]: schedulers and their calls; [`failovers`]: schedulers that come and go
//! - [`executors`]: executors on pymesos
//! - [`failures`]: `kill -9` of master and agent
//! - [`operators`]: pymesos's clients of the operator API; [`redirects`]: at a master that does not
//!   lead

mod client;
mod executors;
mod failovers;
mod failures;
mod operators;
mod redirects;
mod scheduler;
mod sessions;

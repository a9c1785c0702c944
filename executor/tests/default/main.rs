//! The default executor and the checks, without a real agent.
//!
//! - [`decisions`]: the core, events in and effects out; [`endings`], [`checking`]: more of it
//! - [`probes`]: real commands, servers and ports
//! - [`agent`]: an agent that the test plays, with real processes for containers
//! - [`groups`]: the executor under that agent

mod agent;
mod checking;
mod decisions;
mod endings;
mod groups;
mod probes;

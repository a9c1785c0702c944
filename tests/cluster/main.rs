//! Real processes over real sockets, killed in the middle of their work.
//!
//! Each test owns its ports, directories and processes, and leaves none behind. `scripts/test.sh`
//! builds the binary `mesos` before it runs them.
//!
//! - [`daemons`]: a cluster of real daemons
//! - [`recorder`]: a scheduler that writes down what it hears
//! - [`jobs`]: tasks from their launch to their end
//! - [`groups`]: tasks that live and die together; [`checks`]: checks of tasks
//! - [`kills`]: `kill -9` of master, agent and executor
//! - [`maintenance`]: machines that go away and come back
//! - [`metrics`]: what daemons measure
//! - [`raw`]: HTTP without a client between; [`crowds`]: thousands of streams; [`hostile`]: clients
//!   that mean harm
//! - [`executors`]: executors that are not ours
//! - [`agent_api`]: the agent's operator API
//! - [`containers`]: nested and standalone containers
//! - [`isolation`]: containers that the kernel isolates, and what is fetched for them
//! - [`commands`]: the commands of the binary
//! - [`pymesos`]: a client that others wrote; [`strangers`]: what HTTP libraries do in their ways

mod agent_api;
// The same as in the tests of the core.
#[path = "../../master/core/tests/support/bend.rs"]
mod bend;
mod checks;
mod commands;
mod containers;
mod crowds;
mod daemons;
mod executors;
mod groups;
mod hostile;
mod isolation;
mod jobs;
mod kills;
mod maintenance;
mod metrics;
mod pymesos;
mod raw;
mod recorder;
mod strangers;

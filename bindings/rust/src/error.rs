//! What can go wrong for good. Whatever a driver can recover from, it does not report here.

use std::time::Duration;

/// Why a driver ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The text that names the masters cannot be used.
    #[error("cannot use '{text}' as the address of a master: {reason}")]
    Master {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The thread or the runtime of the driver cannot be started.
    #[error("cannot start the driver's thread: {0}")]
    Start(#[source] std::io::Error),
    /// No master accepted the framework within the time given by
    /// [`Framework::give_up_after`](crate::Framework::give_up_after).
    #[error("no master answered at {masters} within {waited:?}: {last}")]
    Unreachable {
        /// The addresses that were tried.
        masters: String,
        /// For how long.
        waited: Duration,
        /// What came of the last attempt.
        last: String,
    },
    /// The master refuses the subscription; asking again would not help.
    #[error("master {master} refused the subscription with {status}: {text}")]
    Refused {
        /// The master's `host:port`.
        master: String,
        /// The HTTP status.
        status: u16,
        /// The master's words.
        text: String,
    },
    /// The master ended the subscription, for example with `Framework failed over`.
    #[error("the master ended the framework: {0}")]
    Ended(String),
    /// Teardown was asked for, but no master could be told in time.
    #[error("no master could be told to tear the framework down within {waited:?}")]
    NotTornDown {
        /// For how long the driver tried.
        waited: Duration,
    },
    /// The driver's own thread panicked: a bug in this crate.
    #[error("the driver's thread panicked")]
    Panicked,
}

/// Why a file in a task's sandbox could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No offer of this agent was seen, so that its address is not known.
    #[error("the address of agent {agent} is not known: no offer of it was seen")]
    UnknownAgent {
        /// The agent's id.
        agent: String,
    },
    /// The driver is not subscribed yet, or has ended.
    #[error("the driver is not running")]
    NotRunning,
    /// The agent does not answer, or not in time.
    #[error("cannot read '{path}' from agent {agent}: {reason}")]
    Unreachable {
        /// The agent's `host:port`.
        agent: String,
        /// The path.
        path: String,
        /// What happened.
        reason: String,
    },
    /// The agent answers that it cannot.
    #[error("agent {agent} answered {status} for '{path}': {text}")]
    Refused {
        /// The agent's `host:port`.
        agent: String,
        /// The path.
        path: String,
        /// The HTTP status; 404 where there is no such file (yet).
        status: u16,
        /// The agent's words.
        text: String,
    },
    /// The file is longer than the caller allows.
    #[error("'{path}' is longer than {limit_bytes} bytes")]
    TooLong {
        /// The path.
        path: String,
        /// What the caller allows.
        limit_bytes: usize,
    },
}

//! Names of what the agent talks to and waits for.
//!
//! The core never sees an address, a connection or a file descriptor: peers, writes and timers are
//! ids that the shell maps to the real thing.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! peer {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The peer with this text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

peer! {
    /// A master, as the shell reaches it: the text of its UPID, such as `master@10.0.0.1:5050`.
    MasterPid;
    /// An executor, as the shell reaches it. For an executor that speaks with actor messages it is
    /// the text of its UPID, which the shell finds again in checkpoints after a restart; for one on
    /// the executor API it stands for one stream of events, and ends with it.
    ExecutorPid;
}

impl ExecutorPid {
    /// The executor at the other end of a stream of events. No UPID looks like this.
    pub fn over_http(stream: RequestId) -> Self {
        Self::new(format!("http({})", stream.0))
    }

    /// The stream of events, if that is how the executor is reached.
    pub fn stream(&self) -> Option<RequestId> {
        let number = self.as_str().strip_prefix("http(")?.strip_suffix(')')?;
        number.parse().ok().map(RequestId)
    }
}

macro_rules! counter_id {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    )*};
}

counter_id! {
    /// A write that the core has asked for; its outcome comes back under this id.
    WriteId;
    /// A request over HTTP, and the stream of events that it opens, if it opens one. Ids are not
    /// used twice in one run of the agent.
    RequestId;
    /// A timer. Every timer that is set gets a new id, so that one that fires while it is being
    /// cancelled is told apart from its successor.
    TimerId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_from_a_process() {
        let pid = ExecutorPid::over_http(RequestId(7));
        assert_eq!(pid.stream(), Some(RequestId(7)));
        for text in ["executor(1)@10.0.0.1:5051", "http(x)", "http(7", "http(7)@10.0.0.1:1"] {
            assert_eq!(ExecutorPid::new(text).stream(), None, "{text}");
        }
    }
}

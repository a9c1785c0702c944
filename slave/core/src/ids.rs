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
    /// the text of its UPID; for one on the HTTP executor API the shell makes one up per stream.
    /// It is opaque to the core, and the shell finds it again in checkpoints after a restart.
    ExecutorPid;
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
    /// A timer. Every timer that is set gets a new id, so that one that fires while it is being
    /// cancelled is told apart from its successor.
    TimerId;
}

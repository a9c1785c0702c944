//! What a node counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or a level that moves: an atomic.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! stats {
    ($($(#[doc = $doc:literal])+ $kind:ident $name:ident,)*) => {
        /// The counts of one node, live.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[doc = $doc])+ pub $name: Count,)*
        }

        impl Stats {
            /// Every count: its name, what it means, whether it is a level (not a counter), and
            /// how to read it.
            pub const ALL: &[(&str, &str, bool, fn(&Stats) -> u64)] = &[
                $((stringify!($name), concat!($($doc),+), stats!(@level $kind),
                   |stats| stats.$name.get()),)*
            ];
        }
    };
    (@level counter) => { false };
    (@level level) => { true };
}

stats! {
    /// Processes that live.
    level processes,
    /// Handlers that panicked; each ended its process.
    counter panics,
    /// Messages to processes of this node that do not exist.
    counter dropped_unknown_process,
    /// Messages under a name that their receiver did not install.
    counter dropped_unknown_message,
    /// Messages whose body did not fit the receiver's type.
    counter decode_failures,
    /// Messages whose body could not be encoded for the way.
    counter encode_failures,
    /// Messages to other nodes dropped because the peer's outbound queue was full.
    counter dropped_queue_full,
    /// Messages to other nodes dropped because the connection failed or broke.
    counter dropped_disconnected,
    /// Messages refused because the sender's address is not the address of the connection.
    counter refused_spoofed,
    /// Inbound message connections refused for a bad handshake or garbage.
    counter bad_handshakes,
    /// Connections closed because a frame was malformed.
    counter bad_frames,
    /// Connections closed because a frame was longer than the limit.
    counter oversize_frames,
    /// Connections closed because the peer was silent, or did not read, for too long.
    counter stuck_peers,
    /// Connections refused because there were too many.
    counter refused_connections,
    /// Connections to this node that are open.
    level inbound_connections,
    /// Message connections from this node that are open.
    level outbound_connections,
    /// Frames received from other nodes.
    counter frames_received,
    /// Frames queued for other nodes.
    counter frames_sent,
}

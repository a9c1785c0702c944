//! What happens to a master: everything that it can react to.
//!
//! Peers, connections, requests, timers and writes are ids here. The process around the core maps
//! them to sockets and clocks, and turns what arrives into one [`Event`] after the other.

use std::fmt;
use std::sync::Arc;

use mesos::internal::AgentToMaster;
use mesos::master_info::MasterInfo;
use mesos::v1;
use serde::{Deserialize, Serialize};

use crate::registry::Registry;

/// A streaming connection that a scheduler has opened. The process numbers them; a number is never
/// used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A request that wants exactly one [`Effect::Respond`](crate::effect::Effect::Respond). The
/// process numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A timer that the core has set. The core numbers them; a number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// A write to the registry that the core has asked for. The core numbers them in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub u64);

/// The address of an agent's process, in libprocess's form `slave(1)@ip:port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentPid(Arc<str>);

impl AgentPid {
    /// The pid with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text of this pid.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the process: what stands before the `@`.
    pub fn process(&self) -> &str {
        self.0.split_once('@').map_or(&*self.0, |(process, _)| process)
    }

    /// The address: what stands behind the `@`, as `ip:port`.
    pub fn address(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, address)| address)
    }

    /// The IP address, without the brackets of IPv6.
    pub fn ip(&self) -> &str {
        let ip = self.address().rsplit_once(':').map_or("", |(ip, _)| ip);
        ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip)
    }

    /// The port; zero if there is none.
    pub fn port(&self) -> u16 {
        self.address().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
    }
}

impl fmt::Display for AgentPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgentPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentPid({})", self.0)
    }
}

/// What happens to a master.
#[derive(Debug, Clone)]
// Events are built once and moved once: boxing the large ones would cost more than it saves.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// This master leads, and this is what the registry holds (rows MA-01, MA-08). Until the
    /// write that announces it is [`Event::Stored`], calls are answered with 503.
    Elected {
        /// What the registry holds.
        registry: Registry,
        /// This master; its `id` prefixes all ids that it gives out (row MA-07).
        info: MasterInfo,
    },
    /// This master no longer leads: it gives up at once (row MA-02).
    Deposed,
    /// An agent says something.
    AgentMessage {
        /// Who says it.
        from: AgentPid,
        /// What it says.
        message: AgentToMaster,
    },
    /// The link to an agent is broken. Exactly one of these follows each broken link.
    AgentExited {
        /// The agent at the other end.
        pid: AgentPid,
    },
    /// A scheduler sends SUBSCRIBE and waits for a stream of events. A response with status 200
    /// opens the stream, whose events then go to `connection`; any other response ends it.
    Subscribe {
        /// The stream of events, if it is opened.
        connection: ConnectionId,
        /// The request to respond to.
        request: RequestId,
        /// The value of the header `Mesos-Stream-Id`, which a SUBSCRIBE must not have.
        stream_id: Option<String>,
        /// Who the caller has proved to be.
        principal: Option<String>,
        /// The call; its type is SUBSCRIBE.
        call: v1::scheduler::Call,
    },
    /// A scheduler sends any other call.
    FrameworkCall {
        /// The request to respond to.
        request: RequestId,
        /// The value of the header `Mesos-Stream-Id`.
        stream_id: Option<String>,
        /// Who the caller has proved to be.
        principal: Option<String>,
        /// The call.
        call: v1::scheduler::Call,
    },
    /// A stream of events is gone, by whatever end closed it.
    ConnectionClosed {
        /// The stream.
        connection: ConnectionId,
    },
    /// An operator wants something changed. Getters do not come here: they read the
    /// [`Snapshot`](crate::snapshot::Snapshot).
    OperatorCall {
        /// The request to respond to.
        request: RequestId,
        /// Who the caller has proved to be.
        principal: Option<String>,
        /// The call.
        call: v1::master::Call,
    },
    /// How many operators listen to the stream of operator events. While there are none, no
    /// [`Effect::Publish`](crate::effect::Effect::Publish) is made. The process sends it before
    /// it takes the snapshot that a new stream begins with.
    OperatorsListening {
        /// The number of open streams.
        count: usize,
    },
    /// A write to the registry is done. Results come in the order of the writes.
    Stored {
        /// The write.
        store: StoreId,
        /// Why it failed, if it did: the master then aborts (row MA-10).
        result: Result<(), String>,
    },
    /// A timer has run out. One that was cancelled does nothing, however late this comes.
    TimerFired {
        /// The timer.
        timer: TimerId,
    },
}

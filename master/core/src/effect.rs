//! What a master wants done: the process around the core performs effects in order and decides
//! nothing.

use std::borrow::Cow;
use std::time::Duration;

use mesos::internal::MasterToAgent;
use mesos::v1;

use crate::event::{AgentPid, ConnectionId, RequestId, StoreId, TimerId};
use crate::registry;

/// The effects of one or several steps, in the order in which they are to be performed.
pub type Effects = Vec<Effect>;

/// One thing that a master wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a message to an agent, at most once and in order.
    Send {
        /// The receiver.
        to: AgentPid,
        /// The message.
        message: Box<MasterToAgent>,
    },
    /// Watch the connection to an agent, opening one if there is none. If there is one that
    /// may be half open, it is replaced (row LP-07).
    Link {
        /// The agent.
        pid: AgentPid,
    },
    /// Write an event to a scheduler's stream.
    SendEvent {
        /// The stream.
        connection: ConnectionId,
        /// The event.
        event: Box<v1::scheduler::Event>,
    },
    /// Close a scheduler's stream once what was written to it before is out. The core does not
    /// wait for [`Event::ConnectionClosed`](crate::event::Event::ConnectionClosed), and ignores
    /// it if it comes.
    CloseConnection {
        /// The stream.
        connection: ConnectionId,
    },
    /// Answer a request. Every request is answered exactly once.
    Respond {
        /// The request.
        request: RequestId,
        /// The answer.
        response: Response,
    },
    /// Apply operations to the registry, all or none, durably, and report
    /// [`Event::Stored`](crate::event::Event::Stored).
    Store {
        /// The number of this write.
        store: StoreId,
        /// The operations, to be applied in order with
        /// [`Registry::apply`](crate::registry::Registry::apply).
        operations: Vec<registry::Operation>,
    },
    /// Report [`Event::TimerFired`](crate::event::Event::TimerFired) after this time.
    SetTimer {
        /// The number of this timer.
        timer: TimerId,
        /// How long from now.
        after: Duration,
    },
    /// Forget a timer.
    CancelTimer {
        /// The timer.
        timer: TimerId,
    },
    /// Add to a counter of the metrics.
    Count {
        /// The counter.
        counter: Counter,
        /// How much to add.
        by: u64,
    },
    /// Record how long something took. Only a master that was given a stopwatch does so.
    Measure {
        /// What took so long.
        what: Measure,
        /// How long it took.
        took: Duration,
    },
    /// Tell the operators who listen (row OI-07).
    Publish {
        /// What happened.
        event: Box<v1::master::Event>,
    },
    /// Write a line to the log.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// What happened.
        text: String,
    },
    /// End this process: going on would break a promise (rows MA-02, MA-10, PK-09).
    Abort {
        /// Why, for people.
        reason: String,
    },
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something a developer may want to know.
    Debug,
    /// Something that happens in healthy clusters.
    Info,
    /// Something that an operator should look at.
    Warn,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// One pass of the allocator.
    AllocationRun,
    /// How long a pass was due before it began.
    AllocationLatency,
}

/// A counter of the metrics, by the name that Mesos gives it, such as `master/messages_kill_task`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter(pub Cow<'static, str>);

impl Counter {
    /// The counter of this name.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, plain text in Mesos's words; empty for none.
    pub body: String,
    /// The value of the header `Mesos-Stream-Id`. Present exactly when the response opens a
    /// stream of events.
    pub stream_id: Option<String>,
}

impl Response {
    /// 200 without a body.
    pub fn ok() -> Self {
        Self { status: 200, ..Self::default() }
    }

    /// 202 without a body: what was asked for is under way.
    pub fn accepted() -> Self {
        Self { status: 202, ..Self::default() }
    }

    /// 200, and the events follow.
    pub fn stream(stream_id: String) -> Self {
        Self { status: 200, body: String::new(), stream_id: Some(stream_id) }
    }

    /// 400: the caller's mistake.
    pub fn bad_request(body: impl Into<String>) -> Self {
        Self { status: 400, body: body.into(), stream_id: None }
    }

    /// 403: the caller may not do this, or not now.
    pub fn forbidden(body: impl Into<String>) -> Self {
        Self { status: 403, body: body.into(), stream_id: None }
    }

    /// 404: there is no such thing.
    pub fn not_found(body: impl Into<String>) -> Self {
        Self { status: 404, body: body.into(), stream_id: None }
    }

    /// 409: what is asked for contradicts the state of the cluster.
    pub fn conflict(body: impl Into<String>) -> Self {
        Self { status: 409, body: body.into(), stream_id: None }
    }

    /// 501: this master cannot do that yet.
    pub fn not_implemented(body: impl Into<String>) -> Self {
        Self { status: 501, body: body.into(), stream_id: None }
    }

    /// 503: this master does not lead, or does not lead yet.
    pub fn unavailable(body: impl Into<String>) -> Self {
        Self { status: 503, body: body.into(), stream_id: None }
    }
}

//! What the master waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos::ids::{AgentId, FrameworkId, OfferId};

use crate::effect::{Effect, Effects};
use crate::event::TimerId;

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Offer what has changed (row AL-03).
    Batch,
    /// Go on with an allocation that was cut to let other events have their turn.
    ContinueAllocation,
    /// Ping an agent (row AG-04).
    Ping(AgentId),
    /// A disconnected agent has not come back (row AG-06).
    AgentReregistration(AgentId),
    /// The agents of the registry have had their time to come back (row MA-14).
    Recovery,
    /// A framework's scheduler has not come back (row FW-05).
    Failover(FrameworkId),
    /// Tell a scheduler that its stream is alive (row FW-16).
    Heartbeat(FrameworkId),
    /// An offer has not been answered (row AL-13).
    OfferTimeout(OfferId),
    /// An inverse offer has not been answered.
    InverseOfferTimeout(OfferId),
    /// Trim the registry (row MA-17).
    RegistryGc,
}

/// The timers that run.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    next: u64,
    running: BTreeMap<TimerId, Timer>,
}

impl Timers {
    /// Starts a timer.
    pub fn set(&mut self, what: Timer, after: Duration, out: &mut Effects) -> TimerId {
        let timer = TimerId(self.next);
        self.next += 1;
        self.running.insert(timer, what);
        out.push(Effect::SetTimer { timer, after });
        timer
    }

    /// Stops a timer. Nothing happens if it has run out.
    pub fn cancel(&mut self, timer: TimerId, out: &mut Effects) {
        if self.running.remove(&timer).is_some() {
            out.push(Effect::CancelTimer { timer });
        }
    }

    /// What a timer that has run out was for; nothing if it was stopped.
    pub fn fired(&mut self, timer: TimerId) -> Option<Timer> {
        self.running.remove(&timer)
    }
}

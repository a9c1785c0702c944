//! What the agent waits for: timers that will fire, and writes that will be on disk.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::ids::{ContainerId, ExecutorId, FrameworkId, TaskId};

use crate::checkpoint::Checkpoint;
use crate::effect::Effect;
use crate::ids::{TimerId, WriteId};
use crate::step::Step;

/// What a timer is for. There is at most one timer for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next attempt to register with the master.
    Register,
    /// The master has not pinged for too long.
    Ping,
    /// The executor in this container has not registered.
    ExecutorRegistration(ContainerId),
    /// The executor in this container does not end by itself.
    ExecutorShutdown(ContainerId),
    /// The executor in this container lost its connection and has not come back.
    ExecutorReconnect(ContainerId),
    /// The executor in this container, which reads a stream of events, is due a sign of life.
    ExecutorHeartbeat(ContainerId),
    /// The executors of the last run have had their time to come back.
    Reregistration,
    /// The framework has not acknowledged the update of this task.
    Update(FrameworkId, TaskId),
    /// Directories are due for collection.
    Collect,
    /// It is time to see how full the disk is.
    WatchDisk,
}

/// The timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    next: u64,
    by_id: BTreeMap<TimerId, Timer>,
    by_purpose: BTreeMap<Timer, TimerId>,
}

impl Timers {
    /// Sets the timer for this purpose, in the place of one that is set.
    pub(crate) fn set(&mut self, io: &mut Step<'_>, purpose: Timer, after: Duration) {
        self.cancel(io, &purpose);
        self.next += 1;
        let timer = TimerId(self.next);
        self.by_id.insert(timer, purpose.clone());
        self.by_purpose.insert(purpose, timer);
        io.push(Effect::SetTimer { timer, after });
    }

    pub(crate) fn cancel(&mut self, io: &mut Step<'_>, purpose: &Timer) {
        if let Some(timer) = self.by_purpose.remove(purpose) {
            self.by_id.remove(&timer);
            io.push(Effect::CancelTimer(timer));
        }
    }

    pub(crate) fn is_set(&self, purpose: &Timer) -> bool {
        self.by_purpose.contains_key(purpose)
    }

    /// What a timer was for; nothing if it was cancelled while it fired.
    pub(crate) fn fired(&mut self, timer: TimerId) -> Option<Timer> {
        let purpose = self.by_id.remove(&timer)?;
        self.by_purpose.remove(&purpose);
        Some(purpose)
    }
}

/// What goes on once a write is on disk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Then {
    /// Nothing waits for it.
    Nothing,
    /// The executor in this container may be launched.
    Launch(ContainerId),
    /// The tasks that were queued with this one may be given to the executor in this container.
    Deliver(ContainerId, TaskId),
    /// The tasks of the executor in this container wait for one thing fewer.
    OpenGate(ContainerId),
    /// The update may be forwarded, and the executor that sent it may forget it.
    Forward { framework: FrameworkId, task: TaskId, uuid: Bytes, executor: Option<ExecutorId> },
    /// The acknowledged update may make room for the next.
    Advance { framework: FrameworkId, task: TaskId, uuid: Bytes },
}

/// The writes that are under way.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    next: u64,
    under_way: BTreeMap<WriteId, Then>,
}

impl Writes {
    pub(crate) fn write(&mut self, io: &mut Step<'_>, what: Checkpoint, then: Then) {
        self.next += 1;
        let id = WriteId(self.next);
        self.under_way.insert(id, then);
        io.push(Effect::Checkpoint { id, what });
    }

    /// What waited for a write; nothing if it is not under way.
    pub(crate) fn done(&mut self, id: WriteId) -> Option<Then> {
        self.under_way.remove(&id)
    }

    pub(crate) fn are_done(&self) -> bool {
        self.under_way.is_empty()
    }
}

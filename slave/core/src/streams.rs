//! Status updates on their way to frameworks: one stream per task, reliable and in order
//! (rows SU-01 to SU-08).
//!
//! ```text
//!               written                 sent                      acknowledged, written
//!   ARRIVED ─────────────▶ DURABLE ─────────────▶ FORWARDED ──────────────────────────▶ (done)
//!                                       head of      │  ▲
//!                                       its stream   └──┘ retry: 10 s, doubling to 10 min
//! ```
//!
//! Only the head of a stream is forwarded, and only while the agent is registered. The stream of
//! a task closes when its terminal update is acknowledged.
//!
//! The streams decide; the agent writes, sends and sets timers as they say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::ids::{ExecutorId, FrameworkId, TaskId};
use mesos::internal::StatusUpdate;

use crate::checkpoint::{RunId, UpdateRecord};

/// The wait before an update is first forwarded again.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// The longest wait between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(10 * 60);
/// How many updates of one task may wait. An executor that reports more often than its framework
/// acknowledges must not fill the agent's memory.
const MAX_WAITING: usize = 10_000;
/// How many of these places are kept for terminal updates.
const TERMINAL_RESERVE: usize = 16;
/// How many acknowledged uuids are remembered per task, to know duplicates by. An executor repeats
/// only what the agent has not confirmed, which is at the end of the stream.
const MAX_REMEMBERED: usize = 256;

/// The streams of all tasks.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: BTreeMap<(FrameworkId, TaskId), Stream>,
    paused: bool,
}

#[derive(Debug)]
struct Stream {
    /// The executor of the task, where it is known.
    executor: Option<ExecutorId>,
    /// Where the stream is logged, if it is checkpointed.
    run: Option<RunId>,
    /// Updates that are not acknowledged; only the head may be on its way.
    waiting: VecDeque<Waiting>,
    /// The uuids of those that wait.
    waiting_uuids: BTreeSet<Bytes>,
    /// The last acknowledged uuids, oldest first.
    acknowledged: VecDeque<Bytes>,
    /// The wait before the head is forwarded again.
    retry: Duration,
    /// Whether the acknowledgement of the head is being written.
    advancing: bool,
}

#[derive(Debug)]
struct Waiting {
    update: StatusUpdate,
    uuid: Bytes,
    durable: bool,
}

/// What became of an update that was handed in.
#[derive(Debug, PartialEq)]
pub(crate) enum Submitted {
    /// It waits, and must be written to the log of this run first if there is one.
    New(Option<RunId>),
    /// It is known. Whoever sent it may forget it if it is durable already.
    Duplicate { durable: bool },
    /// There are too many.
    Full,
}

/// What became of an acknowledgement.
#[derive(Debug, PartialEq)]
pub(crate) enum Acknowledged {
    /// It is for the head, and must be written to the log of this run first if there is one.
    Head(Option<RunId>),
    /// It is for an update that was acknowledged before.
    Duplicate,
    /// It is for an update that was not forwarded yet.
    Unexpected,
    /// The task has no stream.
    UnknownTask,
}

/// A step that a stream took.
#[derive(Debug, PartialEq)]
pub(crate) struct Advanced {
    /// The executor of the task.
    pub(crate) executor: Option<ExecutorId>,
    /// Whether the stream is closed: the update was terminal.
    pub(crate) closed: bool,
}

impl Streams {
    /// Takes an update in. `run` is where it is logged, if its task is checkpointed.
    pub(crate) fn submit(
        &mut self,
        update: StatusUpdate,
        executor: Option<ExecutorId>,
        run: Option<RunId>,
    ) -> Submitted {
        let Some(uuid) = update.uuid.clone() else { return Submitted::Full };
        let key = (update.framework_id.clone(), update.status.task_id.clone());
        let stream = self.streams.entry(key).or_insert_with(|| Stream::new(executor, run));
        if let Some(known) = stream.find(&uuid) {
            return Submitted::Duplicate { durable: known };
        }
        // There is room left for the update that ends the task.
        let reserve = if update.status.state.is_terminal() { 0 } else { TERMINAL_RESERVE };
        if stream.waiting.len() + reserve >= MAX_WAITING {
            return Submitted::Full;
        }
        let run = stream.run.clone();
        stream.push(Waiting { update, uuid, durable: run.is_none() });
        Submitted::New(run)
    }

    /// Whether an update was handed in before.
    pub(crate) fn knows(&self, framework: &FrameworkId, task: &TaskId, uuid: &Bytes) -> bool {
        self.stream(framework, task).is_some_and(|stream| stream.find(uuid).is_some())
    }

    /// Whether the update that ends a task waits.
    pub(crate) fn is_ending(&self, framework: &FrameworkId, task: &TaskId) -> bool {
        let over = |waiting: &Waiting| waiting.update.status.state.is_terminal();
        self.stream(framework, task).is_some_and(|stream| stream.waiting.iter().any(over))
    }

    /// Notes that an update is on disk.
    pub(crate) fn written(&mut self, framework: &FrameworkId, task: &TaskId, uuid: &Bytes) {
        if let Some(stream) = self.stream_mut(framework, task)
            // It is among the last that came.
            && let Some(waiting) = stream.waiting.iter_mut().rfind(|w| w.uuid == *uuid)
        {
            waiting.durable = true;
        }
    }

    /// The head of a stream, if it may be forwarded now, and when to try again.
    pub(crate) fn due(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
    ) -> Option<(StatusUpdate, Duration)> {
        if self.paused {
            return None;
        }
        let stream = self.stream_mut(framework, task)?;
        let head = stream.waiting.front().filter(|head| head.durable)?;
        if stream.advancing {
            return None;
        }
        let retry = stream.retry;
        stream.retry = (retry * 2).min(RETRY_MAX);
        Some((head.update.clone(), retry))
    }

    /// Takes an acknowledgement in.
    pub(crate) fn acknowledge(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
    ) -> Acknowledged {
        let Some(stream) = self.stream_mut(framework, task) else {
            return Acknowledged::UnknownTask;
        };
        if stream.acknowledged.contains(uuid) {
            return Acknowledged::Duplicate;
        }
        match stream.waiting.front() {
            Some(head) if head.uuid == *uuid && head.durable && !stream.advancing => {
                stream.advancing = true;
                Acknowledged::Head(stream.run.clone())
            }
            Some(head) if head.uuid == *uuid && stream.advancing => Acknowledged::Duplicate,
            _ => Acknowledged::Unexpected,
        }
    }

    /// Removes the head, whose acknowledgement is on disk.
    pub(crate) fn advance(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
    ) -> Option<Advanced> {
        let key = (framework.clone(), task.clone());
        let stream = self.streams.get_mut(&key)?;
        if !stream.advancing || stream.waiting.front()?.uuid != *uuid {
            return None;
        }
        let head = stream.pop()?;
        stream.advancing = false;
        stream.retry = RETRY_MIN;
        stream.remember(head.uuid);
        let executor = stream.executor.clone();
        let closed = head.update.status.state.is_terminal();
        if closed {
            self.streams.remove(&key);
        }
        Some(Advanced { executor, closed })
    }

    /// Restores a stream from its log. A stream whose terminal update was acknowledged is closed,
    /// and one without updates has not begun.
    pub(crate) fn restore(&mut self, run: &RunId, task: &TaskId, log: &[UpdateRecord]) {
        let mut stream = Stream::new(Some(run.executor.clone()), Some(run.clone()));
        for record in log {
            match record {
                UpdateRecord::Update(update) => {
                    let Some(uuid) = update.uuid.clone() else { continue };
                    if stream.find(&uuid).is_none() {
                        let update = (**update).clone();
                        stream.push(Waiting { update, uuid, durable: true });
                    }
                }
                UpdateRecord::Acknowledged(uuid) => {
                    if stream.waiting.front().is_none_or(|head| head.uuid != *uuid) {
                        continue;
                    }
                    let head = stream.pop();
                    stream.remember(uuid.clone());
                    if head.is_some_and(|head| head.update.status.state.is_terminal()) {
                        return;
                    }
                }
            }
        }
        if !stream.waiting.is_empty() || !stream.acknowledged.is_empty() {
            self.streams.insert((run.framework.clone(), task.clone()), stream);
        }
    }

    /// Stops forwarding: the master is gone (row SU-08).
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on, and forwards every head anew, with the shortest wait.
    pub(crate) fn resume(&mut self) {
        self.paused = false;
        for stream in self.streams.values_mut() {
            stream.retry = RETRY_MIN;
        }
    }

    /// Forgets every stream of a framework, and says whose they were.
    pub(crate) fn forget(&mut self, framework: &FrameworkId) -> Vec<TaskId> {
        let tasks = self.tasks_of(framework);
        for task in &tasks {
            self.streams.remove(&(framework.clone(), task.clone()));
        }
        tasks
    }

    /// Every task with a stream.
    pub(crate) fn keys(&self) -> Vec<(FrameworkId, TaskId)> {
        self.streams.keys().cloned().collect()
    }

    /// Whether updates of a framework wait for acknowledgement.
    pub(crate) fn any_waiting(&self, framework: &FrameworkId) -> bool {
        self.of(framework).any(|(_, stream)| !stream.waiting.is_empty())
    }

    fn tasks_of(&self, framework: &FrameworkId) -> Vec<TaskId> {
        self.of(framework).map(|((_, task), _)| task.clone()).collect()
    }

    fn of<'a>(
        &'a self,
        framework: &'a FrameworkId,
    ) -> impl Iterator<Item = (&'a (FrameworkId, TaskId), &'a Stream)> {
        self.streams
            .range((framework.clone(), TaskId::default())..)
            .take_while(move |((owner, _), _)| owner == framework)
    }

    fn stream(&self, framework: &FrameworkId, task: &TaskId) -> Option<&Stream> {
        self.streams.get(&(framework.clone(), task.clone()))
    }

    fn stream_mut(&mut self, framework: &FrameworkId, task: &TaskId) -> Option<&mut Stream> {
        self.streams.get_mut(&(framework.clone(), task.clone()))
    }
}

impl Stream {
    fn new(executor: Option<ExecutorId>, run: Option<RunId>) -> Self {
        Self {
            executor,
            run,
            waiting: VecDeque::new(),
            waiting_uuids: BTreeSet::new(),
            acknowledged: VecDeque::new(),
            retry: RETRY_MIN,
            advancing: false,
        }
    }

    /// Whether an update is known, and if so, whether it is durable.
    fn find(&self, uuid: &Bytes) -> Option<bool> {
        if self.acknowledged.contains(uuid) {
            return Some(true);
        }
        if !self.waiting_uuids.contains(uuid) {
            return None;
        }
        self.waiting.iter().find(|waiting| waiting.uuid == *uuid).map(|waiting| waiting.durable)
    }

    fn push(&mut self, waiting: Waiting) {
        self.waiting_uuids.insert(waiting.uuid.clone());
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let head = self.waiting.pop_front()?;
        self.waiting_uuids.remove(&head.uuid);
        Some(head)
    }

    fn remember(&mut self, uuid: Bytes) {
        if self.acknowledged.len() == MAX_REMEMBERED {
            self.acknowledged.pop_front();
        }
        self.acknowledged.push_back(uuid);
    }
}

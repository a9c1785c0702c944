//! What the default executor decides: events in, effects out.
//!
//! A task, in its container:
//!
//! ```text
//!   group arrives: TASK_STARTING
//!        │
//!        ▼          every launch of the group answered
//!   LAUNCHING ───────────────────────▶ RUNNING: TASK_RUNNING, checks begin
//!        │                               │ kill, shutdown, unhealthy, too old,
//!        │ refused                       │ or a task of its group failed:
//!        ▼                               ▼ SIGTERM, TASK_KILLING
//!   TASK_FAILED                       KILLING ──┐ grace period over: SIGKILL,
//!        │                               │ ▲    │ again every second until it ends
//!        │              container ended  │ └────┘
//!        │                               ▼
//!        └───▶ (gone) ◀── TASK_FINISHED, TASK_FAILED, TASK_KILLED
//! ```
//!
//! Nothing is asked of the agent while it is away. When the next one is there, every container is
//! waited for again. Of a launch that was not answered it is found out first whether it was done:
//! asking for it again could run a task twice that has ended already.
//!
//! The executor ends when it has no task, and the agent has every update; or a minute later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesos::ids::{ContainerId, TaskId};
use mesos::task::{TaskGroupInfo, TaskInfo, TaskState, TaskStatus};
use mesos::time::Time;
use mesos::v1::agent::{LaunchContainer, WaitNestedContainerResponse};

use crate::check::{self, Action, Finding, Outcome, Spec, TaskChecks, Ticket};

/// How long the acknowledgement of the last updates is waited for.
pub(super) const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// After which time the agent is asked again for what it could not do yet.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Names a task while it is here; never given to another one, also if that has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub(super) u64);

/// What the executor knows of its surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The executor's container.
    pub container: ContainerId,
    /// The address that tasks share with their executor.
    pub ip: String,
    /// Whether the framework knows `TASK_KILLING`.
    pub reports_killing: bool,
    /// How long the agent lets the executor shut down.
    pub shutdown_grace_period: Duration,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
// Boxing what is large would cost more than it saves: events are moved once.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// The agent knows the executor.
    Registered(Surroundings),
    /// The agent is gone, and another one is waited for.
    Disconnected,
    /// It is there.
    Reregistered,
    /// Run tasks together. There are as many ids for containers as there are tasks.
    Launch {
        /// The tasks.
        group: TaskGroupInfo,
        /// Ids that nobody has used.
        ids: Vec<String>,
    },
    /// Kill a task.
    Kill {
        /// The task.
        task: TaskId,
        /// How long it may take, if the kill says so.
        grace_period: Option<Duration>,
    },
    /// The agent has taken an update over.
    Acknowledged {
        /// How many updates it has not.
        left: usize,
    },
    /// End every task, then stop.
    Shutdown {
        /// Whether there is nobody to tell.
        orphaned: bool,
    },
    /// The answer to [`Effect::Launch`].
    Launched(Slot, Launched),
    /// The answer to [`Effect::Find`].
    Found(Slot, Found),
    /// The answer to [`Effect::Wait`], with its attempt.
    Waited(Slot, u32, Waited),
    /// The answer to [`Effect::Kill`].
    Killed {
        /// The task.
        slot: Slot,
        /// The signal.
        signal: i32,
        /// What became of it.
        signalled: Signalled,
    },
    /// The time of a timer has come.
    TimerFired(Timer),
    /// The answer to [`Effect::Probe`].
    Probed(Slot, Ticket, Outcome),
}

/// What became of the launch of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launched {
    /// It is there.
    Started,
    /// The agent will not have it.
    Refused(String),
    /// The agent is away or not ready, and has done nothing.
    Unavailable(String),
    /// There was no answer: it may be there.
    Lost(String),
}

/// What an agent knows of a container whose launch it did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there, or was there and has ended.
    There,
    /// It never was.
    Missing,
    /// The agent is away or not ready.
    Unavailable(String),
}

/// What became of the wait for a container.
#[derive(Debug, Clone, PartialEq)]
// It is made once per task.
#[allow(clippy::large_enum_variant)]
pub enum Waited {
    /// It has ended.
    Ended(WaitNestedContainerResponse),
    /// There is none.
    Missing,
    /// The agent is away or not ready.
    Unavailable(String),
    /// The agent will not tell.
    Refused(String),
}

/// What became of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signalled {
    /// It was sent.
    Sent,
    /// There is no such container, or it has ended.
    Missing,
    /// The agent is away, not ready or in trouble.
    Failed(String),
}

/// A timer of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Launch a container again.
    Launch(Slot),
    /// Wait for a container again.
    Wait(Slot),
    /// Send SIGTERM again.
    Terminate(Slot),
    /// Send SIGKILL.
    Escalate(Slot),
    /// A task has taken as long as it may.
    Completion(Slot),
    /// A check is due.
    Check(Slot, Ticket),
    /// Acknowledgements have taken too long.
    Acknowledgements,
}

impl Timer {
    /// The task that it belongs to.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Self::Launch(slot)
            | Self::Wait(slot)
            | Self::Terminate(slot)
            | Self::Escalate(slot)
            | Self::Completion(slot)
            | Self::Check(slot, _) => Some(slot),
            Self::Acknowledgements => None,
        }
    }
}

/// Something for the shell to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell the agent what became of a task. Counts as not acknowledged until the agent says so.
    Update(Box<TaskStatus>),
    /// Make a container.
    Launch(Slot, Box<LaunchContainer>),
    /// Find out whether there is a container, running or ended.
    Find(Slot, ContainerId),
    /// Wait for the end of a container.
    Wait {
        /// The task.
        slot: Slot,
        /// To be given back with the answer.
        attempt: u32,
        /// The container.
        container: ContainerId,
    },
    /// Send a signal to a container.
    Kill {
        /// The task.
        slot: Slot,
        /// The container.
        container: ContainerId,
        /// The signal.
        signal: i32,
    },
    /// Probe a task.
    Probe {
        /// The task.
        slot: Slot,
        /// To be given back with the answer.
        ticket: Ticket,
        /// What to probe.
        spec: Arc<Spec>,
        /// The container of the task.
        container: ContainerId,
    },
    /// Make the sandbox of a task known under the task's id.
    LinkSandbox {
        /// The task.
        task: TaskId,
        /// Its container.
        container: ContainerId,
    },
    /// Fire once, after this time. Replaces a timer of the same name.
    SetTimer(Timer, Duration),
    /// The task is gone: forget its timers.
    Forget(Slot),
    /// Note in the log.
    Log(String),
    /// End the executor.
    Stop,
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// The agent was asked for it, and has not answered; or is to be asked once it is there.
    Launching,
    /// The agent has answered, but not yet for the whole group.
    Settled(Launched),
    /// It runs.
    Running,
    /// It was told to end.
    Killing { since: Time, deadline: Time },
}

/// A task in its container.
#[derive(Debug)]
pub(super) struct Container {
    pub id: ContainerId,
    pub task: TaskInfo,
    pub group: u64,
    pub phase: Phase,
    pub checks: TaskChecks,
    /// What the framework was told last.
    pub last: Option<TaskStatus>,
    /// A kill that came before it ran: how long it may take.
    pub doom: Option<Duration>,
    /// Whether it took longer than it was allowed to.
    pub timed_out: bool,
    /// Which wait is the current one.
    pub attempt: u32,
    /// Whether it may have been launched, although nobody said so.
    pub lost: bool,
    /// How often the agent would not say what became of it.
    pub refusals: u32,
    /// Whether the agent was asked, and has not answered: for the launch or for the end.
    pub asked: bool,
}

/// Tasks that live and die together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Tasks that are here.
    pub members: Vec<Slot>,
    /// How many launches have no answer.
    pub unanswered: usize,
    /// Whether its tasks are killed because one has failed.
    pub killing: bool,
    /// Whether one was killed because it was unhealthy.
    pub unhealthy: bool,
}

/// The state of the executor.
#[derive(Debug, Default)]
pub struct Core {
    pub(super) surroundings: Surroundings,
    pub(super) connected: bool,
    pub(super) shutting_down: bool,
    /// Whether it ends although there may be tasks: the agent will not speak of them.
    pub(super) broken: bool,
    pub(super) containers: BTreeMap<Slot, Container>,
    pub(super) groups: BTreeMap<u64, Group>,
    pub(super) unacknowledged: usize,
    pub(super) next: u64,
}

impl Core {
    /// Whether this task is here.
    pub fn has(&self, slot: Slot) -> bool {
        self.containers.contains_key(&slot)
    }

    /// Takes one event in, and says what to do.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Registered(surroundings) => {
                self.surroundings = surroundings;
                self.connected = true;
            }
            Event::Disconnected => self.disconnected(),
            Event::Reregistered => self.reregistered(out),
            Event::Launch { group, ids } => self.launch(now, group, ids, out),
            Event::Kill { task, grace_period } => self.kill_task(now, &task, grace_period, out),
            Event::Acknowledged { left } => {
                self.unacknowledged = left;
                self.stop_if_done(out);
            }
            Event::Shutdown { orphaned } => self.shut_down(now, orphaned, out),
            Event::Launched(slot, launched) => self.launched(now, slot, launched, out),
            Event::Found(slot, found) => self.found(now, slot, found, out),
            Event::Waited(slot, attempt, waited) => self.waited(now, slot, attempt, waited, out),
            Event::Killed { slot, signal, signalled } => {
                self.killed(slot, signal, signalled, out);
            }
            Event::TimerFired(timer) => self.timer_fired(now, timer, out),
            Event::Probed(slot, ticket, outcome) => self.probed(now, slot, ticket, &outcome, out),
        }
    }

    fn disconnected(&mut self) {
        self.connected = false;
        for container in self.containers.values_mut() {
            container.checks.pause();
            // What the old agent was asked is not answered by the next one.
            container.attempt += 1;
            container.lost |= container.phase == Phase::Launching && container.asked;
            container.asked = false;
        }
    }

    fn reregistered(&mut self, out: &mut Vec<Effect>) {
        self.connected = true;
        let slots: Vec<Slot> = self.containers.keys().copied().collect();
        for slot in slots {
            self.ask_launch(slot, out);
            self.ask_wait(slot, out);
            if let Some(container) = self.containers.get_mut(&slot)
                && container.phase == Phase::Running
            {
                let actions = container.checks.resume();
                self.act(slot, actions, out);
            }
        }
    }

    fn timer_fired(&mut self, now: Time, timer: Timer, out: &mut Vec<Effect>) {
        match timer {
            Timer::Launch(slot) => self.ask_launch(slot, out),
            Timer::Wait(slot) => self.ask_wait(slot, out),
            Timer::Terminate(slot) => self.terminate(now, slot, out),
            Timer::Escalate(slot) => self.escalate(now, slot, out),
            Timer::Completion(slot) => self.take_too_long(now, slot, out),
            Timer::Check(slot, ticket) => {
                let container = self.containers.get_mut(&slot);
                let due = container.and_then(|container| container.checks.due(ticket));
                self.act(slot, due.into_iter().collect(), out);
            }
            Timer::Acknowledgements => self.acknowledgements_late(out),
        }
    }

    fn probed(
        &mut self,
        now: Time,
        slot: Slot,
        ticket: Ticket,
        outcome: &Outcome,
        out: &mut Vec<Effect>,
    ) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        let actions = container.checks.finished(now, ticket, outcome);
        let kills = actions
            .iter()
            .any(|action| matches!(action, Action::Report(Finding::Health { kill: true, .. })));
        self.act(slot, actions, out);
        if kills && !self.shutting_down {
            self.kill_unhealthy(now, slot, out);
        }
    }

    /// Does what the checks of a task ask for.
    pub(super) fn act(&mut self, slot: Slot, actions: Vec<Action>, out: &mut Vec<Effect>) {
        for action in actions {
            let Some(container) = self.containers.get(&slot) else { return };
            match action {
                Action::Wait { ticket, after } => {
                    out.push(Effect::SetTimer(Timer::Check(slot, ticket), after));
                }
                Action::Probe { ticket, spec } => {
                    let container = container.id.clone();
                    out.push(Effect::Probe { slot, ticket, spec, container });
                }
                Action::Report(finding) => {
                    let Some(last) = &container.last else { continue };
                    self.tell(slot, check::report(last, &finding), out);
                }
                Action::Warn(text) => {
                    let task = &container.task.task_id;
                    out.push(Effect::Log(format!("task '{task}': {text}")));
                }
            }
        }
    }

    /// A status of a task with what every status of it says.
    pub(super) fn status(&self, slot: Slot, state: TaskState) -> TaskStatus {
        let Some(container) = self.containers.get(&slot) else { return TaskStatus::default() };
        let container_status = mesos::container::ContainerStatus {
            container_id: Some(container.id.clone()),
            ..Default::default()
        };
        TaskStatus {
            task_id: container.task.task_id.clone(),
            state,
            check_status: check::empty_check_status(&container.task),
            container_status: Some(Box::new(container_status)),
            ..TaskStatus::default()
        }
    }

    pub(super) fn tell(&mut self, slot: Slot, status: TaskStatus, out: &mut Vec<Effect>) {
        if let Some(container) = self.containers.get_mut(&slot) {
            container.last = Some(status.clone());
        }
        self.unacknowledged += 1;
        out.push(Effect::Update(Box::new(status)));
    }

    /// The task with this id, if it is here.
    pub(super) fn find(&self, task: &TaskId) -> Option<Slot> {
        let mut found = self.containers.iter().filter(|(_, c)| c.task.task_id == *task);
        found.next().map(|(slot, _)| *slot)
    }
}

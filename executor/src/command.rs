//! The command executor: runs the one command of one task (rows EX-01 to EX-03, KP-01).
//!
//! ```text
//!   IDLE ── launch: TASK_STARTING ──▶ spawned: TASK_RUNNING ──▶ RUNNING
//!                                          │ not spawned           │ kill, shutdown, too old:
//!                                          │                       │ SIGTERM, TASK_KILLING
//!                                          ▼                       ▼
//!                  OVER ◀──────────────────┴────── exited ───── KILLING ──┐ grace period
//!                   │ TASK_FINISHED, TASK_FAILED, TASK_KILLED      ▲       │ over: SIGKILL
//!                   ▼ acknowledged, or nobody answers              └───────┘
//!                 (end)
//! ```
//!
//! Checks begin when the task runs, and end when it is killed or ends: they never tell of a task
//! that is on its way out. They go on while there is no agent.
//!
//! One that somebody else struck down with SIGKILL is over a moment later: see `STRUCK_DOWN`.
//!
//! The task leads a session of its own. Whatever it leaves behind is killed when it ends: the
//! executor is the reaper of its orphans, so it knows them, also those that have left the session.

use std::time::Duration;

use libprocess::{Time, Timer};
use mesos::bytes::Bytes;
use mesos::framework::FrameworkCapabilityType;
use mesos::ids::TaskId;
use mesos::task::{KillPolicy, Reason, TaskInfo, TaskState, TaskStatus};
use nix::libc::SIGKILL;
use nix::sys::signal::Signal;

use crate::check::{self, Action, Finding, TaskChecks, Ticket};
use crate::driver::{Driver, Executor};
use crate::task_process::{self, Exit, TaskProcess};

/// How long a task may take to end after SIGTERM, where nobody says otherwise.
pub const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(3);

/// How long the acknowledgement of the last update is waited for.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The same, when the agent has told the executor to end: it knows what becomes of the task.
const SHUTDOWN_ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_millis(250);

/// How long the end of a task is kept back that somebody killed with SIGKILL: if that was the
/// kernel, because the container has no memory left, then the agent ends the container, this
/// executor included, and says why. Nobody waits for the end of a task that is killed like that.
const STRUCK_DOWN: Duration = Duration::from_secs(1);

/// What is left of the executor's own grace period for the reaping and the last update.
pub(crate) const SHUTDOWN_RESERVE: Duration = Duration::from_secs(2);

/// Runs one command.
#[derive(Debug, Default)]
pub struct CommandExecutor {
    phase: Phase,
    task: Option<TaskInfo>,
    checks: TaskChecks,
    /// What the framework was told last.
    last: Option<TaskStatus>,
    /// Whether the task took longer than it was allowed to.
    timed_out: bool,
    /// Whether the task was killed because its health check failed.
    unhealthy: bool,
    /// Whether the executor ends when the task does, acknowledged or not, if nobody is there.
    shutting_down: bool,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Running {
        pid: i32,
    },
    Killing {
        pid: i32,
        since: Time,
        deadline: Time,
        timer: Timer,
    },
    /// The task was struck down, which is told in a moment.
    Struck,
    Over {
        /// The uuid of the last update.
        last: Bytes,
    },
}

impl Executor for CommandExecutor {
    fn launch(&mut self, driver: &mut Driver<'_, Self>, task: TaskInfo) {
        if !matches!(self.phase, Phase::Idle) {
            let message = "Attempted to run multiple tasks using a \"command\" executor";
            driver.update(status(&task.task_id, TaskState::Failed, Some(message.to_owned())));
            return;
        }
        let task = self.task.insert(task);
        let spawned = task_process::spawn(task, &driver.environment().directory);
        let limit = task.max_completion_time.as_ref().and_then(|limit| limit.to_duration());
        self.checks = TaskChecks::new(task).unwrap_or_else(|error| {
            tracing::error!("task '{}' is not checked: {error}", task.task_id);
            TaskChecks::default()
        });
        self.report(driver, TaskState::Starting);
        match spawned {
            Ok(process) => self.run(driver, process, limit),
            Err(error) => self.end(driver, TaskState::Failed, None, error.to_string()),
        }
    }

    fn kill(&mut self, driver: &mut Driver<'_, Self>, task: &TaskId, policy: Option<KillPolicy>) {
        let Some(own) = self.task.as_ref().filter(|own| own.task_id == *task) else {
            tracing::warn!("ignored the kill of task '{task}', which is not here");
            return;
        };
        let grace = grace_period(policy.as_ref(), own);
        self.end_task(driver, grace);
    }

    fn acknowledged(&mut self, driver: &mut Driver<'_, Self>, _task: &TaskId, uuid: &Bytes) {
        if matches!(&self.phase, Phase::Over { last } if last == uuid) {
            driver.stop();
        }
    }

    fn shutdown(&mut self, driver: &mut Driver<'_, Self>) {
        self.shutting_down = true;
        let grace = driver.environment().shutdown_grace_period;
        match self.phase {
            Phase::Idle => driver.stop(),
            Phase::Over { .. } if driver.is_orphaned() => driver.stop(),
            Phase::Over { .. } => {
                self.await_acknowledgement(driver, SHUTDOWN_ACKNOWLEDGEMENT_TIMEOUT);
            }
            Phase::Struck => {
                let message = "Command was killed".to_owned();
                self.end(driver, TaskState::Failed, None, message);
            }
            Phase::Running { .. } | Phase::Killing { .. } => {
                self.end_task(driver, grace.saturating_sub(SHUTDOWN_RESERVE));
            }
        }
    }
}

impl CommandExecutor {
    fn run(
        &mut self,
        driver: &mut Driver<'_, Self>,
        process: TaskProcess,
        limit: Option<Duration>,
    ) {
        self.phase = Phase::Running { pid: process.pid() };
        self.report(driver, TaskState::Running);
        driver.await_then(process.exit(), Self::exited);
        let actions = self.checks.start(now(driver));
        self.act(driver, actions);
        if let Some(limit) = limit {
            driver.delay(limit, |executor, driver| {
                if let Phase::Running { .. } = executor.phase {
                    executor.timed_out = true;
                    executor.end_task(driver, Duration::ZERO);
                }
            });
        }
    }

    /// Sends SIGTERM at once and SIGKILL after `grace`. A second call can only shorten that.
    fn end_task(&mut self, driver: &mut Driver<'_, Self>, grace: Duration) {
        let now = driver.now();
        match self.phase {
            Phase::Idle | Phase::Struck | Phase::Over { .. } => {}
            Phase::Running { pid } => {
                self.checks.pause();
                if reports_killing(driver) && !self.timed_out {
                    self.report(driver, TaskState::Killing);
                }
                task_process::signal_tree(pid, Signal::SIGTERM);
                self.escalate(driver, pid, now, now + grace);
            }
            Phase::Killing { pid, since, deadline, timer } => {
                let sooner = since + grace;
                if sooner < deadline {
                    driver.cancel(timer);
                    self.escalate(driver, pid, since, sooner);
                }
            }
        }
    }

    fn escalate(&mut self, driver: &mut Driver<'_, Self>, pid: i32, since: Time, deadline: Time) {
        let wait = deadline.since(driver.now());
        let timer = driver.delay(wait, |executor, _| {
            if let Phase::Killing { pid, .. } = executor.phase {
                task_process::signal_tree(pid, Signal::SIGKILL);
            }
        });
        self.phase = Phase::Killing { pid, since, deadline, timer };
    }

    fn exited(&mut self, driver: &mut Driver<'_, Self>, exit: Exit) {
        self.checks.pause();
        task_process::kill_orphans();
        let killed = match self.phase {
            Phase::Killing { timer, .. } => {
                driver.cancel(timer);
                true
            }
            _ => false,
        };
        let (state, reason) = if self.timed_out {
            (TaskState::Failed, Some(Reason::MaxCompletionTimeReached))
        } else if killed {
            (TaskState::Killed, None)
        } else if exit.success() {
            (TaskState::Finished, None)
        } else {
            (TaskState::Failed, None)
        };
        let message = format!("Command {exit}");
        let struck = exit.signal() == Some(SIGKILL) || exit.code() == Some(128 + SIGKILL);
        if struck && state == TaskState::Failed && reason.is_none() && !self.shutting_down {
            self.phase = Phase::Struck;
            driver.delay(STRUCK_DOWN, move |executor: &mut Self, driver| {
                if matches!(executor.phase, Phase::Struck) {
                    executor.end(driver, state, reason, message);
                }
            });
            return;
        }
        self.end(driver, state, reason, message);
    }

    fn end(
        &mut self,
        driver: &mut Driver<'_, Self>,
        state: TaskState,
        reason: Option<Reason>,
        message: String,
    ) {
        let Some(mut status) = self.status(state) else { return };
        status.message = Some(message);
        status.reason = reason;
        status.healthy = self.unhealthy.then_some(false);
        let last = driver.update(status);
        self.phase = Phase::Over { last };
        match (self.shutting_down, driver.is_orphaned()) {
            (true, true) => driver.stop(),
            (true, false) => {
                self.await_acknowledgement(driver, SHUTDOWN_ACKNOWLEDGEMENT_TIMEOUT);
            }
            (false, _) => self.await_acknowledgement(driver, ACKNOWLEDGEMENT_TIMEOUT),
        }
    }

    fn await_acknowledgement(&self, driver: &mut Driver<'_, Self>, timeout: Duration) {
        driver.delay(timeout, move |executor: &mut Self, driver| {
            // While the agent is gone the next one is waited for, and the driver bounds that.
            if driver.is_orphaned() && !executor.shutting_down {
                executor.await_acknowledgement(driver, timeout);
            } else {
                driver.stop();
            }
        });
    }

    fn report(&mut self, driver: &mut Driver<'_, Self>, state: TaskState) {
        if let Some(status) = self.status(state) {
            driver.update(status.clone());
            self.last = Some(status);
        }
    }

    /// A status with what every status of the task says.
    fn status(&self, state: TaskState) -> Option<TaskStatus> {
        let task = self.task.as_ref()?;
        let check_status = check::empty_check_status(task);
        Some(TaskStatus { check_status, ..status(&task.task_id, state, None) })
    }

    /// Does what the checks ask for.
    fn act(&mut self, driver: &mut Driver<'_, Self>, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Wait { ticket, after } => {
                    driver.delay(after, move |executor, driver| {
                        let due = executor.checks.due(ticket);
                        executor.act(driver, due.into_iter().collect());
                    });
                }
                Action::Probe { ticket, spec } => {
                    let probing = check::probe::run(&spec);
                    driver.await_then(probing, move |executor, driver, outcome| {
                        executor.probed(driver, ticket, &outcome);
                    });
                }
                Action::Report(finding) => self.found(driver, &finding),
                Action::Warn(text) => tracing::warn!("{text}"),
            }
        }
    }

    fn probed(&mut self, driver: &mut Driver<'_, Self>, ticket: Ticket, outcome: &check::Outcome) {
        let actions = self.checks.finished(now(driver), ticket, outcome);
        self.act(driver, actions);
    }

    fn found(&mut self, driver: &mut Driver<'_, Self>, finding: &Finding) {
        let Some(last) = &self.last else { return };
        let status = check::report(last, finding);
        driver.update(status.clone());
        self.last = Some(status);
        if let (Finding::Health { kill: true, .. }, Some(task)) = (finding, &self.task) {
            let grace = grace_period(None, task);
            self.unhealthy = true;
            self.end_task(driver, grace);
        }
    }
}

/// How long a task may take to end: what the kill says, or the task, or nobody.
pub(crate) fn grace_period(kill: Option<&KillPolicy>, task: &TaskInfo) -> Duration {
    let policies = [kill, task.kill_policy.as_ref()].into_iter().flatten();
    let mut periods = policies.filter_map(|policy| policy.grace_period.as_ref()?.to_duration());
    periods.next().unwrap_or(DEFAULT_GRACE_PERIOD)
}

/// The time, as the pure parts know it.
pub(crate) fn now<E: Executor>(driver: &Driver<'_, E>) -> mesos::time::Time {
    mesos::time::Time::from_nanos(driver.now().as_nanos())
}

fn status(task: &TaskId, state: TaskState, message: Option<String>) -> TaskStatus {
    TaskStatus { task_id: task.clone(), state, message, ..TaskStatus::default() }
}

/// Whether the framework knows `TASK_KILLING`.
pub(crate) fn reports_killing<E: Executor>(driver: &Driver<'_, E>) -> bool {
    driver.framework().is_some_and(|framework| {
        let kinds = framework.capabilities.iter().map(|capability| capability.r#type);
        kinds.flatten().any(|kind| kind == FrameworkCapabilityType::KillingState)
    })
}

//! Checks and health checks of tasks (rows HC-01, HC-02).
//!
//! What a task wants checked becomes a [`Spec`]. A [`Checker`] decides when to probe and what a
//! result means; it is pure, and its file opens with its states. Probes are what touches the
//! world: a command, a request, a connection.
//!
//! ```text
//!   TaskChecks ── Wait ───▶ executor: a timer ──────── due ──▶ TaskChecks
//!              ── Probe ──▶ executor: probe::run ─ finished ─▶ TaskChecks
//!              ── Report ─▶ executor: an update, and the kill of an unhealthy task
//! ```
//!
//! Probes never enter namespaces of tasks (row HC-03): tasks share the network of their executor.
//!
//! Reading order: [`spec`] (what to probe, how often), [`checker`] (when to probe), [`verdict`]
//! (what a result means), [`probe`] with [`http`] (probing), [`nested`] (commands beside tasks of
//! the default executor).

pub mod checker;
pub mod http;
pub mod nested;
pub mod probe;
pub mod spec;
pub mod verdict;

use std::sync::Arc;
use std::time::Duration;

use mesos::task::{Reason, TaskInfo, TaskStatus};
use mesos::time::Time;

pub use checker::Checker;
pub use spec::{CheckError, Probe, Spec};
pub use verdict::{Finding, empty_check_status};

/// Which of a task's two checks is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The one whose results are told and change nothing.
    Check,
    /// The one that kills.
    Health,
}

/// Names one wait or one probe: what comes back under an old ticket is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// Whose.
    pub kind: Kind,
    /// Which.
    pub round: u64,
}

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command exited with this code.
    Exited(i32),
    /// The server answered with this status.
    Answered(u32),
    /// Whether the connection was accepted.
    Connected(bool),
    /// It could not be found out, and that counts as a failure.
    Failed(String),
    /// It could not be found out, and that says nothing of the task.
    Unavailable(String),
}

/// What the executor does next for its checks, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Call [`TaskChecks::due`] after this time.
    Wait {
        /// With this ticket.
        ticket: Ticket,
        /// From now.
        after: Duration,
    },
    /// Probe, and call [`TaskChecks::finished`].
    Probe {
        /// With this ticket.
        ticket: Ticket,
        /// What to probe, and for how long at most.
        spec: Arc<Spec>,
    },
    /// Tell the framework.
    Report(Finding),
    /// Note in the log of the executor.
    Warn(String),
}

/// The checks of one task.
#[derive(Debug, Default)]
pub struct TaskChecks {
    check: Option<Checker>,
    health: Option<Checker>,
}

impl TaskChecks {
    /// What a task wants checked; nothing happens before [`TaskChecks::start`].
    ///
    /// # Errors
    /// The task wants what cannot be.
    pub fn new(task: &TaskInfo) -> Result<Self, CheckError> {
        let check = task.check.as_deref().map(Checker::for_check).transpose()?;
        let health = task.health_check.as_deref().map(Checker::for_health_check).transpose()?;
        Ok(Self { check, health })
    }

    /// The task runs.
    pub fn start(&mut self, now: Time) -> Vec<Action> {
        self.all().map(|checker| checker.start(now)).collect()
    }

    /// The time of a wait is over.
    pub fn due(&mut self, ticket: Ticket) -> Option<Action> {
        self.of(ticket.kind)?.due(ticket)
    }

    /// A probe has come to an end.
    pub fn finished(&mut self, now: Time, ticket: Ticket, outcome: &Outcome) -> Vec<Action> {
        match self.of(ticket.kind) {
            Some(checker) => checker.finished(now, ticket, outcome),
            None => Vec::new(),
        }
    }

    /// Probes no more, and does not listen to what is being probed.
    pub fn pause(&mut self) {
        self.all().for_each(Checker::pause);
    }

    /// Probes again, at once.
    pub fn resume(&mut self) -> Vec<Action> {
        self.all().filter_map(Checker::resume).collect()
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Checker> {
        self.check.iter_mut().chain(&mut self.health)
    }

    fn of(&mut self, kind: Kind) -> Option<&mut Checker> {
        match kind {
            Kind::Check => self.check.as_mut(),
            Kind::Health => self.health.as_mut(),
        }
    }
}

/// The update that tells of a finding: all that the last update said, and the finding. So health
/// stays in the updates of a check, and the result of a check in those of health.
pub fn report(last: &TaskStatus, finding: &Finding) -> TaskStatus {
    let mut status = last.clone();
    match finding {
        Finding::Check(result) => {
            status.check_status = Some(Box::new(result.clone()));
            status.reason = Some(Reason::TaskCheckStatusUpdated);
        }
        Finding::Health { healthy, .. } => {
            status.healthy = Some(*healthy);
            status.reason = Some(Reason::TaskHealthCheckStatusUpdated);
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos::check::{CheckInfo, CheckInfoTcp, CheckInfoType, HealthCheck, HealthCheckTcp};
    use mesos::check::{CheckStatusInfo, CheckStatusInfoTcp, HealthCheckType};
    use mesos::task::TaskState;

    fn both() -> TaskInfo {
        TaskInfo {
            check: Some(Box::new(CheckInfo {
                r#type: Some(CheckInfoType::Tcp),
                tcp: Some(CheckInfoTcp { port: 1 }),
                delay_seconds: 1.0,
                ..CheckInfo::default()
            })),
            health_check: Some(Box::new(HealthCheck {
                r#type: Some(HealthCheckType::Tcp),
                tcp: Some(HealthCheckTcp { port: 2, ..HealthCheckTcp::default() }),
                ..HealthCheck::default()
            })),
            ..TaskInfo::default()
        }
    }

    #[test]
    fn both_checks_go_their_own_way() {
        let mut checks = TaskChecks::new(&both()).unwrap();
        let started = checks.start(Time::EPOCH);
        let [
            Action::Wait { ticket: check, after: soon },
            Action::Wait { ticket: health, after: later },
        ] = started[..]
        else {
            panic!("{started:?}")
        };
        assert_eq!((check.kind, soon), (Kind::Check, Duration::from_secs(1)));
        assert_eq!((health.kind, later), (Kind::Health, Duration::from_secs(15)));
        let Some(Action::Probe { ticket, .. }) = checks.due(check) else { panic!() };
        let actions = checks.finished(Time::EPOCH, ticket, &Outcome::Connected(true));
        assert!(matches!(actions[0], Action::Report(Finding::Check(_))), "{actions:?}");
        checks.pause();
        assert_eq!(checks.due(health), None);
        assert_eq!(checks.resume().len(), 2);
    }

    #[test]
    fn a_task_without_checks_has_none() {
        let mut checks = TaskChecks::new(&TaskInfo::default()).unwrap();
        assert!(checks.start(Time::EPOCH).is_empty() && checks.resume().is_empty());
    }

    #[test]
    fn what_was_found_before_stays_in_later_updates() {
        let running = TaskStatus { state: TaskState::Running, ..TaskStatus::default() };
        let healthy = report(&running, &Finding::Health { healthy: true, kill: false });
        assert_eq!(healthy.reason, Some(Reason::TaskHealthCheckStatusUpdated));
        let result = CheckStatusInfo {
            r#type: Some(CheckInfoType::Tcp),
            tcp: Some(CheckStatusInfoTcp { succeeded: Some(true) }),
            ..CheckStatusInfo::default()
        };
        let both = report(&healthy, &Finding::Check(result.clone()));
        assert_eq!(both.reason, Some(Reason::TaskCheckStatusUpdated));
        assert_eq!((both.healthy, both.check_status.as_deref()), (Some(true), Some(&result)));
        assert_eq!(both.state, TaskState::Running);
    }
}

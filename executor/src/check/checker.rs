//! When to probe.
//!
//! ```text
//!          start: after the delay                 due: Probe
//!   IDLE ─────────────────────────▶ WAITING ───────────────────▶ PROBING
//!                                    ▲   ▲                          │
//!                  resume: at once   │   └──────────────────────────┘
//!                                    │     finished: after the interval
//!                                  PAUSED ◀── pause (from every state)
//! ```
//!
//! Every wait and every probe has a ticket of its own. A timer that was set, or a probe that was
//! begun, before a pause comes back with an old ticket and is not listened to: so there is never
//! more than one round of probes at a time.

use std::sync::Arc;
use std::time::Duration;

use mesos::check::{CheckInfo, HealthCheck};
use mesos::time::Time;

use super::spec::{CheckError, Spec};
use super::verdict::Verdict;
use super::{Action, Kind, Outcome, Ticket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Waiting,
    Probing,
    Paused,
}

/// One check of one task.
#[derive(Debug)]
pub struct Checker {
    kind: Kind,
    spec: Arc<Spec>,
    verdict: Verdict,
    phase: Phase,
    round: u64,
}

impl Checker {
    /// A check.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn for_check(info: &CheckInfo) -> Result<Self, CheckError> {
        Ok(Self::new(Kind::Check, Spec::of_check(info)?, Verdict::of_check(info)))
    }

    /// A health check.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn for_health_check(info: &HealthCheck) -> Result<Self, CheckError> {
        let spec = Spec::of_health_check(info)?;
        Ok(Self::new(Kind::Health, spec, Verdict::of_health_check(info)?))
    }

    fn new(kind: Kind, spec: Spec, verdict: Verdict) -> Self {
        Self { kind, spec: Arc::new(spec), verdict, phase: Phase::Idle, round: 0 }
    }

    /// The task runs.
    pub fn start(&mut self, now: Time) -> Action {
        self.verdict.begin(now);
        self.wait(self.spec.delay)
    }

    /// The time of a wait is over.
    pub fn due(&mut self, ticket: Ticket) -> Option<Action> {
        if self.phase != Phase::Waiting || ticket.round != self.round {
            return None;
        }
        self.phase = Phase::Probing;
        Some(Action::Probe { ticket, spec: self.spec.clone() })
    }

    /// A probe has come to an end.
    pub fn finished(&mut self, now: Time, ticket: Ticket, outcome: &Outcome) -> Vec<Action> {
        if self.phase != Phase::Probing || ticket.round != self.round {
            return Vec::new();
        }
        let judged = self.verdict.judge(now, outcome);
        let warning = judged.why.map(Action::Warn);
        let report = judged.finding.map(Action::Report);
        let next = self.wait(self.spec.interval);
        warning.into_iter().chain(report).chain([next]).collect()
    }

    /// Probes no more until it is resumed.
    pub fn pause(&mut self) {
        self.phase = Phase::Paused;
        self.round += 1;
    }

    /// Probes at once, if it was paused.
    pub fn resume(&mut self) -> Option<Action> {
        (self.phase == Phase::Paused).then(|| self.wait(Duration::ZERO))
    }

    fn wait(&mut self, after: Duration) -> Action {
        self.phase = Phase::Waiting;
        self.round += 1;
        Action::Wait { ticket: Ticket { kind: self.kind, round: self.round }, after }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::*;
    use mesos::check::{CheckInfoTcp, CheckInfoType};

    fn checker() -> Checker {
        Checker::for_check(&CheckInfo {
            r#type: Some(CheckInfoType::Tcp),
            tcp: Some(CheckInfoTcp { port: 1 }),
            delay_seconds: 1.0,
            interval_seconds: 2.0,
            ..CheckInfo::default()
        })
        .unwrap()
    }

    fn waits(action: Action, seconds: u64) -> Ticket {
        let Action::Wait { ticket, after } = action else { panic!("{action:?}") };
        assert_eq!(after, Duration::from_secs(seconds));
        ticket
    }

    fn probes(checker: &mut Checker, ticket: Ticket) -> Ticket {
        let Some(Action::Probe { ticket, .. }) = checker.due(ticket) else { panic!() };
        ticket
    }

    #[test]
    fn it_waits_probes_and_waits() {
        let mut checker = checker();
        let ticket = waits(checker.start(Time::EPOCH), 1);
        let ticket = probes(&mut checker, ticket);
        assert_eq!(checker.due(ticket), None, "it is probing already");
        let mut actions = checker.finished(Time::EPOCH, ticket, &Outcome::Connected(true));
        let next = waits(actions.pop().unwrap(), 2);
        assert!(matches!(actions[..], [Action::Report(Finding::Check(_))]));
        assert_eq!(checker.finished(Time::EPOCH, ticket, &Outcome::Connected(false)), []);
        probes(&mut checker, next);
    }

    #[test]
    fn what_was_begun_before_a_pause_is_not_listened_to() {
        let mut checker = checker();
        let old = waits(checker.start(Time::EPOCH), 1);
        checker.pause();
        assert_eq!(checker.due(old), None);
        let new = waits(checker.resume().unwrap(), 0);
        assert_eq!(checker.resume(), None, "it is not paused");
        assert_eq!(checker.due(old), None, "there is one round of probes, not two");
        let probe = probes(&mut checker, new);
        checker.pause();
        assert_eq!(checker.finished(Time::EPOCH, probe, &Outcome::Connected(true)), []);
        waits(checker.resume().unwrap(), 0);
    }

    #[test]
    fn what_says_nothing_of_the_task_is_tried_again() {
        let mut checker = checker();
        let ticket = waits(checker.start(Time::EPOCH), 1);
        let ticket = probes(&mut checker, ticket);
        let gone = Outcome::Unavailable("the agent is gone".to_owned());
        let actions = checker.finished(Time::EPOCH, ticket, &gone);
        let [Action::Warn(_), Action::Wait { .. }] = &actions[..] else { panic!("{actions:?}") };
    }
}

//! What the result of a probe means.
//!
//! A check tells of every change. A health check:
//!
//! ```text
//!                    failure within the grace period: nothing
//!                      ┌────┐
//!                      ▼    │        success: healthy
//!   (start) ──────▶ UNKNOWN ───────────────────────────────▶ HEALTHY ◀─┐
//!                      │                                     │    ▲    │ success: nothing
//!                      │ failure: unhealthy         failure: │    │    └───
//!                      │                           unhealthy │    │ success: healthy
//!                      ▼                                     ▼    │
//!                   UNHEALTHY ◀───────────────────────────────────┘
//!                    │      ▲ failure: unhealthy again, and from the
//!                    └──────┘ `consecutive_failures`th on the task is killed
//! ```

use std::time::Duration;

use mesos::check::{
    CheckInfo, CheckInfoType, CheckStatusInfo, CheckStatusInfoCommand, CheckStatusInfoHttp,
    CheckStatusInfoTcp, HealthCheck, HealthCheckType,
};
use mesos::task::TaskInfo;
use mesos::time::Time;

use super::Outcome;
use super::spec::{CheckError, seconds};

/// What the framework is told of.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The result of a check has changed.
    Check(CheckStatusInfo),
    /// The task is healthy, or is not.
    Health {
        /// Whether it is healthy.
        healthy: bool,
        /// Whether it has failed so often that it must be killed.
        kill: bool,
    },
}

/// A result, judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// What to tell the framework.
    pub finding: Option<Finding>,
    /// What to note in the log.
    pub why: Option<String>,
}

/// Judges the results of one check.
#[derive(Debug)]
pub struct Verdict {
    /// Such as `TCP health check`.
    name: String,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    Check { previous: CheckStatusInfo },
    Health { grace_period: Duration, limit: u32, begun: Time, was_healthy: bool, failures: u32 },
}

impl Verdict {
    /// Of a check.
    pub fn of_check(info: &CheckInfo) -> Self {
        let kind = info.r#type.unwrap_or_default();
        Self { name: format!("{kind} check"), rule: Rule::Check { previous: empty(kind) } }
    }

    /// Of a health check.
    ///
    /// # Errors
    /// Its grace period is none.
    pub fn of_health_check(info: &HealthCheck) -> Result<Self, CheckError> {
        let kind: HealthCheckType = info.r#type.unwrap_or_default();
        let rule = Rule::Health {
            grace_period: seconds("grace_period_seconds", info.grace_period_seconds)?,
            limit: info.consecutive_failures,
            begun: Time::EPOCH,
            was_healthy: false,
            failures: 0,
        };
        Ok(Self { name: format!("{kind} health check"), rule })
    }

    /// The task runs: the grace period begins.
    pub fn begin(&mut self, now: Time) {
        if let Rule::Health { begun, .. } = &mut self.rule {
            *begun = now;
        }
    }

    /// Judges one result.
    pub fn judge(&mut self, now: Time, outcome: &Outcome) -> Judged {
        if let Outcome::Unavailable(why) = outcome {
            let why = Some(format!("{} is not available: {why}", self.name));
            return Judged { finding: None, why };
        }
        match &mut self.rule {
            Rule::Check { previous } => {
                let result = check_status(previous.r#type.unwrap_or_default(), outcome);
                let why = match outcome {
                    Outcome::Failed(why) => Some(format!("{} failed: {why}", self.name)),
                    _ => None,
                };
                let changed = result != *previous;
                *previous = result.clone();
                Judged { finding: changed.then_some(Finding::Check(result)), why }
            }
            Rule::Health { .. } => match unhealthy(outcome) {
                Some(why) => self.failure(now, &why),
                None => self.success(),
            },
        }
    }

    fn failure(&mut self, now: Time, why: &str) -> Judged {
        let name = &self.name;
        let Rule::Health { grace_period, limit, begun, was_healthy, failures } = &mut self.rule
        else {
            return Judged::default();
        };
        let graced = !*was_healthy && !grace_period.is_zero();
        if graced && now.since(*begun) <= *grace_period {
            let why = format!("{name} failed within the grace period: {why}");
            return Judged { finding: None, why: Some(why) };
        }
        *failures = failures.saturating_add(1);
        let kill = *failures >= *limit;
        let why = format!("{name} failed {failures} times consecutively: {why}");
        Judged { finding: Some(Finding::Health { healthy: false, kill }), why: Some(why) }
    }

    fn success(&mut self) -> Judged {
        let Rule::Health { was_healthy, failures, .. } = &mut self.rule else {
            return Judged::default();
        };
        let news = !*was_healthy || *failures > 0;
        *was_healthy = true;
        *failures = 0;
        let finding = news.then_some(Finding::Health { healthy: true, kill: false });
        Judged { finding, why: None }
    }
}

/// Why a result means that the task is not healthy, if it does. The statuses that a health check
/// lists mean nothing, as in Mesos.
fn unhealthy(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Exited(0) | Outcome::Connected(true) | Outcome::Answered(200..=399) => None,
        Outcome::Exited(code) => Some(format!("Command exited with status {code}")),
        Outcome::Answered(status) => Some(format!("Unexpected HTTP response code: {status}")),
        Outcome::Connected(false) => Some("TCP connection failed".to_owned()),
        Outcome::Failed(why) | Outcome::Unavailable(why) => Some(why.clone()),
    }
}

fn check_status(kind: CheckInfoType, outcome: &Outcome) -> CheckStatusInfo {
    let mut status = empty(kind);
    match *outcome {
        Outcome::Exited(code) => {
            status.command = Some(CheckStatusInfoCommand { exit_code: Some(code) });
        }
        Outcome::Answered(code) => {
            status.http = Some(CheckStatusInfoHttp { status_code: Some(code) });
        }
        Outcome::Connected(succeeded) => {
            status.tcp = Some(CheckStatusInfoTcp { succeeded: Some(succeeded) });
        }
        Outcome::Failed(_) | Outcome::Unavailable(_) => {}
    }
    status
}

/// The result of a check before there is one: its type, with a body that says nothing.
fn empty(kind: CheckInfoType) -> CheckStatusInfo {
    let is = |wanted| kind == wanted;
    CheckStatusInfo {
        r#type: Some(kind),
        command: is(CheckInfoType::Command).then(CheckStatusInfoCommand::default),
        http: is(CheckInfoType::Http).then(CheckStatusInfoHttp::default),
        tcp: is(CheckInfoType::Tcp).then(CheckStatusInfoTcp::default),
    }
}

/// What every update of a task with a check says of it before there is a result.
pub fn empty_check_status(task: &TaskInfo) -> Option<Box<CheckStatusInfo>> {
    let check = task.check.as_ref()?;
    Some(Box::new(empty(check.r#type.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(grace: f64, limit: u32) -> Verdict {
        let info = HealthCheck {
            r#type: Some(HealthCheckType::Http),
            grace_period_seconds: grace,
            consecutive_failures: limit,
            ..HealthCheck::default()
        };
        let mut verdict = Verdict::of_health_check(&info).unwrap();
        verdict.begin(second(100));
        verdict
    }

    fn second(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn found(verdict: &mut Verdict, at: u64, outcome: Outcome) -> Option<(bool, bool)> {
        match verdict.judge(second(at), &outcome).finding {
            Some(Finding::Health { healthy, kill }) => Some((healthy, kill)),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    #[test]
    fn failures_count_from_the_end_of_the_grace_period() {
        let mut verdict = health(10.0, 2);
        assert_eq!(found(&mut verdict, 105, Outcome::Answered(500)), None);
        assert_eq!(found(&mut verdict, 110, Outcome::Answered(500)), None);
        assert_eq!(found(&mut verdict, 111, Outcome::Answered(500)), Some((false, false)));
        assert_eq!(found(&mut verdict, 112, Outcome::Answered(404)), Some((false, true)));
    }

    #[test]
    fn the_first_success_ends_the_grace_period() {
        let mut verdict = health(1000.0, 3);
        assert_eq!(found(&mut verdict, 101, Outcome::Answered(200)), Some((true, false)));
        let slow = Outcome::Failed("slow".to_owned());
        assert_eq!(found(&mut verdict, 102, slow), Some((false, false)));
    }

    #[test]
    fn only_changes_to_healthy_are_news_and_every_failure_is() {
        let mut verdict = health(0.0, 3);
        assert_eq!(found(&mut verdict, 100, Outcome::Answered(302)), Some((true, false)));
        assert_eq!(found(&mut verdict, 101, Outcome::Answered(399)), None);
        assert_eq!(found(&mut verdict, 102, Outcome::Answered(400)), Some((false, false)));
        assert_eq!(found(&mut verdict, 103, Outcome::Answered(199)), Some((false, false)));
        assert_eq!(found(&mut verdict, 104, Outcome::Answered(200)), Some((true, false)));
        for (at, kill) in [(105, false), (106, false), (107, true), (108, true)] {
            assert_eq!(found(&mut verdict, at, Outcome::Connected(false)), Some((false, kill)));
        }
    }

    #[test]
    fn what_is_not_available_says_nothing() {
        let mut verdict = health(0.0, 1);
        let judged = verdict.judge(second(100), &Outcome::Unavailable("agent gone".to_owned()));
        assert_eq!(judged.finding, None);
        assert_eq!(judged.why.as_deref(), Some("HTTP health check is not available: agent gone"));
    }

    #[test]
    fn a_check_tells_of_changes_only() {
        let kind = Some(CheckInfoType::Command);
        let mut verdict = Verdict::of_check(&CheckInfo { r#type: kind, ..CheckInfo::default() });
        let mut exit_code = |outcome| match verdict.judge(second(0), &outcome).finding {
            Some(Finding::Check(status)) => Some(status.command.unwrap().exit_code),
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        let slow = || Outcome::Failed("slow".to_owned());
        assert_eq!(exit_code(slow()), None, "there was no result before either");
        assert_eq!(exit_code(Outcome::Exited(0)), Some(Some(0)));
        assert_eq!(exit_code(Outcome::Exited(0)), None);
        assert_eq!(exit_code(Outcome::Exited(3)), Some(Some(3)));
        assert_eq!(exit_code(slow()), Some(None), "the result is gone");
        assert_eq!(exit_code(Outcome::Unavailable("gone".to_owned())), None);
    }
}

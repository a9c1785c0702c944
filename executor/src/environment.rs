//! What an executor learns from the agent through its environment (row EX-08).

use std::path::PathBuf;
use std::time::Duration;

use libprocess::Upid;
use libprocess::units::parse_duration;
use mesos::ids::{AgentId, ExecutorId, FrameworkId};

/// Why the environment does not make an executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is missing. Executors are started by agents, not by hand.
    #[error("{0} is not set in the environment; an executor is started by an agent")]
    Missing(&'static str),
    /// A variable holds something else than it should.
    #[error("{name}={value} in the environment: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The variables that an agent sets for its executors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The framework that the executor works for.
    pub framework_id: FrameworkId,
    /// The executor's own id.
    pub executor_id: ExecutorId,
    /// The agent's id.
    pub agent_id: AgentId,
    /// The agent.
    pub agent: Upid,
    /// The sandbox.
    pub directory: PathBuf,
    /// Whether the executor outlives its agent, and waits for the next.
    pub checkpoint: bool,
    /// How long it waits.
    pub recovery_timeout: Duration,
    /// How long it may take to shut down.
    pub shutdown_grace_period: Duration,
}

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// A variable is missing or holds something else than it should.
    pub fn from_process() -> Result<Self, EnvironmentError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables; `lookup` gives the value of one.
    ///
    /// # Errors
    /// A variable is missing or holds something else than it should.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let get = |name| lookup(name).ok_or(EnvironmentError::Missing(name));
        let duration = |name, default| match lookup(name) {
            None => Ok(default),
            Some(value) => parse_duration(&value).map_err(|error| EnvironmentError::Invalid {
                name,
                value,
                reason: error.to_string(),
            }),
        };
        let agent = get("MESOS_SLAVE_PID")?;
        Ok(Self {
            framework_id: get("MESOS_FRAMEWORK_ID")?.into(),
            executor_id: get("MESOS_EXECUTOR_ID")?.into(),
            agent_id: get("MESOS_SLAVE_ID")?.into(),
            agent: agent.parse().map_err(|error| EnvironmentError::Invalid {
                name: "MESOS_SLAVE_PID",
                value: agent.clone(),
                reason: format!("{error}"),
            })?,
            directory: get("MESOS_DIRECTORY")?.into(),
            checkpoint: lookup("MESOS_CHECKPOINT").is_some_and(|value| value == "1"),
            recovery_timeout: duration("MESOS_RECOVERY_TIMEOUT", Duration::from_secs(15 * 60))?,
            shutdown_grace_period: duration(
                "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
                Duration::from_secs(5),
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(changed: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let usual = [
                ("MESOS_FRAMEWORK_ID", "f"),
                ("MESOS_EXECUTOR_ID", "e"),
                ("MESOS_SLAVE_ID", "s"),
                ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
                ("MESOS_DIRECTORY", "/sandbox"),
            ];
            let mut all = changed.iter().chain(&usual);
            all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn what_the_agent_sets_is_read() {
        let read = Environment::read(lookup(&[
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_RECOVERY_TIMEOUT", "2mins"),
        ]))
        .unwrap();
        assert!(read.checkpoint);
        assert_eq!(read.recovery_timeout, Duration::from_secs(120));
        assert_eq!(read.shutdown_grace_period, Duration::from_secs(5));
        assert_eq!(read.agent.to_string(), "slave(1)@127.0.0.1:5051");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let missing = Environment::read(|_| None).unwrap_err();
        assert!(missing.to_string().contains("MESOS_SLAVE_PID"), "{missing}");
        let wrong = Environment::read(lookup(&[("MESOS_SLAVE_PID", "nobody")])).unwrap_err();
        assert!(wrong.to_string().starts_with("MESOS_SLAVE_PID=nobody"), "{wrong}");
        let wrong = Environment::read(lookup(&[("MESOS_RECOVERY_TIMEOUT", "soon")])).unwrap_err();
        assert!(wrong.to_string().starts_with("MESOS_RECOVERY_TIMEOUT=soon"), "{wrong}");
    }
}

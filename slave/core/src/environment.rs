//! The variables that an executor finds (rows EX-08, EX-09).

use std::time::Duration;

use mesos::executor_info::CommandInfo;

use crate::config::Config;
use crate::executor::Executor;

/// Where programs are looked for, if the operator does not say.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variable by which the processes of a container are found: its sandbox.
pub(crate) const MARKER: &str = "MESOS_DIRECTORY";

/// All variables of an executor, in order, the later winning: the operator's, the command's, then
/// the agent's own. Nothing else is inherited.
pub(crate) fn environment(
    config: &Config,
    agent_id: &str,
    executor: &Executor,
    command: &CommandInfo,
) -> Vec<(String, String)> {
    let mut variables = vec![("PATH".to_string(), PATH.to_string())];
    variables.extend(config.executor_environment.iter().cloned());
    if let Some(environment) = &command.environment {
        let plain = environment.variables.iter().filter_map(|variable| {
            // Secrets are resolved by the shell, which alone may see them.
            variable.value.clone().map(|value| (variable.name.clone(), value))
        });
        variables.extend(plain);
    }
    let directory = executor.directory.display().to_string();
    let grace = grace_period(config, executor);
    let mut own = |name: &str, value: String| variables.push((name.to_string(), value));
    own("LIBPROCESS_IP", config.ip.clone());
    own("LIBPROCESS_PORT", "0".to_string());
    own("MESOS_FRAMEWORK_ID", executor.framework_id.to_string());
    own("MESOS_EXECUTOR_ID", executor.id.to_string());
    own(MARKER, directory.clone());
    own("MESOS_SANDBOX", directory);
    own("MESOS_SLAVE_ID", agent_id.to_string());
    own("MESOS_SLAVE_PID", config.pid.clone());
    own("MESOS_AGENT_ENDPOINT", endpoint(config));
    own("MESOS_CHECKPOINT", u8::from(executor.checkpoint).to_string());
    own("MESOS_HTTP_COMMAND_EXECUTOR", "0".to_string());
    own("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_text(grace));
    if executor.checkpoint {
        own("MESOS_RECOVERY_TIMEOUT", duration_text(config.recovery_timeout));
        // Who waits longer between two attempts is given up before the second one.
        let longest = config.executor_reregistration_timeout;
        own("MESOS_SUBSCRIPTION_BACKOFF_MAX", duration_text(longest));
    }
    variables
}

/// How long an executor may take to shut down: its own word, or the operator's (row SL-16).
pub(crate) fn grace_period(config: &Config, executor: &Executor) -> Duration {
    let own = executor.info.shutdown_grace_period.as_ref().and_then(|period| period.to_duration());
    own.unwrap_or(config.executor_shutdown_grace_period)
}

/// The `ip:port` of the agent: what follows the `@` of its UPID.
fn endpoint(config: &Config) -> String {
    match config.pid.split_once('@') {
        Some((_, address)) => address.to_string(),
        None => format!("{}:{}", config.ip, config.port),
    }
}

/// A duration as Mesos prints it: the largest unit that it is at least one of.
pub(crate) fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 8] = [
        (7 * 24 * 3_600 * 1_000_000_000, "weeks"),
        (24 * 3_600 * 1_000_000_000, "days"),
        (3_600 * 1_000_000_000, "hrs"),
        (60 * 1_000_000_000, "mins"),
        (1_000_000_000, "secs"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let nanos = duration.as_nanos();
    let (unit, name) = UNITS.iter().find(|(unit, _)| nanos >= *unit).copied().unwrap_or((1, "ns"));
    if nanos.is_multiple_of(unit) {
        format!("{}{name}", nanos / unit)
    } else {
        format!("{}{name}", nanos as f64 / unit as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration_text(Duration::from_secs(5)), "5secs");
        assert_eq!(duration_text(Duration::from_secs(900)), "15mins");
        assert_eq!(duration_text(Duration::from_millis(1500)), "1.5secs");
        assert_eq!(duration_text(Duration::from_secs(7 * 24 * 3600)), "1weeks");
        assert_eq!(duration_text(Duration::ZERO), "0ns");
    }
}

//! Checks and health checks of tasks (row VA-14).

use mesos::check::{CheckInfo, CheckInfoType, HealthCheck, HealthCheckType};
use mesos::executor_info::CommandInfo;

use super::{Check, command, expect, invalid, within};

/// Checks a health check.
pub fn validate_health_check(check: &HealthCheck) -> Check {
    match check.r#type {
        None => return invalid("HealthCheck must specify 'type'"),
        Some(HealthCheckType::Command) => {
            let Some(command) = &check.command else {
                return invalid("Expecting 'command' to be set for COMMAND health check");
            };
            runnable(command, "Command health check must contain", "Health check's")?;
        }
        Some(HealthCheckType::Http) => {
            let Some(http) = &check.http else {
                return invalid("Expecting 'http' to be set for HTTP health check");
            };
            let scheme = http.scheme.as_deref().unwrap_or("http");
            expect(matches!(scheme, "http" | "https"), || {
                format!("Unsupported HTTP health check scheme: '{scheme}'")
            })?;
            absolute(http.path.as_deref(), "HTTP health check")?;
        }
        Some(HealthCheckType::Tcp) => expect(check.tcp.is_some(), || {
            "Expecting 'tcp' to be set for TCP health check".to_owned()
        })?,
        Some(HealthCheckType::Unknown) => {
            return invalid("'UNKNOWN' is not a valid health check type");
        }
    }
    not_negative(check.delay_seconds, "delay_seconds")?;
    not_negative(check.grace_period_seconds, "grace_period_seconds")?;
    not_negative(check.interval_seconds, "interval_seconds")?;
    not_negative(check.timeout_seconds, "timeout_seconds")
}

/// Checks a check whose results change nothing.
pub fn validate_check(check: &CheckInfo) -> Check {
    match check.r#type {
        None => return invalid("CheckInfo must specify 'type'"),
        Some(CheckInfoType::Command) => {
            let Some(body) = &check.command else {
                return invalid("Expecting 'command' to be set for COMMAND check");
            };
            runnable(&body.command, "Command check must contain", "Check's")?;
        }
        Some(CheckInfoType::Http) => {
            let Some(http) = &check.http else {
                return invalid("Expecting 'http' to be set for HTTP check");
            };
            absolute(http.path.as_deref(), "HTTP check")?;
        }
        Some(CheckInfoType::Tcp) => {
            expect(check.tcp.is_some(), || "Expecting 'tcp' to be set for TCP check".to_owned())?
        }
        Some(CheckInfoType::Unknown) => return invalid("'UNKNOWN' is not a valid check type"),
    }
    not_negative(check.delay_seconds, "delay_seconds")?;
    not_negative(check.interval_seconds, "interval_seconds")?;
    not_negative(check.timeout_seconds, "timeout_seconds")
}

/// A command that checks something says what to run.
fn runnable(command: &CommandInfo, must_contain: &str, whose: &str) -> Check {
    expect(command.value.is_some(), || {
        let what = if command.shell { "'shell command'" } else { "'executable path'" };
        format!("{must_contain} {what}")
    })?;
    command::validate(command).map_err(within(&format!("{whose} `CommandInfo` is invalid")))
}

fn absolute(path: Option<&str>, of: &str) -> Check {
    expect(path.is_none_or(|path| path.starts_with('/')), || {
        format!("The path '{}' of {of} must start with '/'", path.unwrap_or_default())
    })
}

fn not_negative(seconds: f64, field: &str) -> Check {
    // Not a number is none that is less than nothing, as in Mesos.
    expect(seconds.is_nan() || seconds >= 0.0, || format!("Expecting '{field}' to be non-negative"))
}

#[cfg(test)]
mod tests {
    use mesos::check::{
        CheckInfoCommand, CheckInfoHttp, CheckInfoTcp, HealthCheckHttp, HealthCheckTcp,
    };
    use mesos::executor_info::{Environment, EnvironmentVariable};

    use super::*;
    use crate::validation::words;

    fn run(text: &str) -> CommandInfo {
        CommandInfo { value: Some(text.to_owned()), ..CommandInfo::default() }
    }

    /// A command whose environment is wrong.
    fn odd() -> CommandInfo {
        let variable = EnvironmentVariable { name: "V".to_owned(), ..Default::default() };
        let environment = Some(Environment { variables: vec![variable] });
        CommandInfo { environment, ..run("true") }
    }

    fn health(kind: HealthCheckType) -> HealthCheck {
        HealthCheck {
            r#type: Some(kind),
            command: Some(Box::new(run("true"))),
            http: Some(HealthCheckHttp { port: 80, ..HealthCheckHttp::default() }),
            tcp: Some(HealthCheckTcp { port: 80, ..HealthCheckTcp::default() }),
            ..HealthCheck::default()
        }
    }

    fn check(kind: CheckInfoType) -> CheckInfo {
        CheckInfo {
            r#type: Some(kind),
            command: Some(CheckInfoCommand { command: run("true") }),
            http: Some(CheckInfoHttp { port: 80, path: None }),
            tcp: Some(CheckInfoTcp { port: 80 }),
            ..CheckInfo::default()
        }
    }

    #[test]
    fn sound_checks_pass() {
        use HealthCheckType::*;
        for kind in [Command, Http, Tcp] {
            assert_eq!(validate_health_check(&health(kind)), Ok(()));
        }
        for kind in [CheckInfoType::Command, CheckInfoType::Http, CheckInfoType::Tcp] {
            assert_eq!(validate_check(&check(kind)), Ok(()));
        }
    }

    #[test]
    fn a_health_check_has_what_its_type_says() {
        use HealthCheckType::*;
        let says = |check: HealthCheck| words(validate_health_check(&check));
        let untyped = HealthCheck { r#type: None, ..health(Tcp) };
        assert_eq!(says(untyped), "HealthCheck must specify 'type'");
        assert_eq!(says(health(Unknown)), "'UNKNOWN' is not a valid health check type");
        assert_eq!(
            says(HealthCheck { command: None, ..health(Command) }),
            "Expecting 'command' to be set for COMMAND health check"
        );
        assert_eq!(
            says(HealthCheck { http: None, ..health(Http) }),
            "Expecting 'http' to be set for HTTP health check"
        );
        assert_eq!(
            says(HealthCheck { tcp: None, ..health(Tcp) }),
            "Expecting 'tcp' to be set for TCP health check"
        );
    }

    #[test]
    fn a_health_check_by_command_says_what_to_run() {
        let says = |command: CommandInfo| {
            let command = Some(Box::new(command));
            let check = HealthCheck { command, ..health(HealthCheckType::Command) };
            words(validate_health_check(&check))
        };
        assert_eq!(
            says(CommandInfo::default()),
            "Command health check must contain 'shell command'"
        );
        assert_eq!(
            says(CommandInfo { shell: false, ..CommandInfo::default() }),
            "Command health check must contain 'executable path'"
        );
        assert_eq!(
            says(odd()),
            "Health check's `CommandInfo` is invalid: Environment variable 'V' of type 'VALUE' \
             must have a value set"
        );
    }

    #[test]
    fn a_health_check_by_http_has_a_scheme_and_a_path() {
        let says = |http: HealthCheckHttp| {
            let check = HealthCheck { http: Some(http), ..health(HealthCheckType::Http) };
            words(validate_health_check(&check))
        };
        let with = |scheme: &str, path: &str| HealthCheckHttp {
            scheme: Some(scheme.to_owned()),
            path: Some(path.to_owned()),
            ..HealthCheckHttp::default()
        };
        assert_eq!(says(with("https", "/ok")), "");
        assert_eq!(says(with("ftp", "/ok")), "Unsupported HTTP health check scheme: 'ftp'");
        assert_eq!(
            says(with("http", "ok")),
            "The path 'ok' of HTTP health check must start with '/'"
        );
    }

    #[test]
    fn times_are_not_negative() {
        let base = || health(HealthCheckType::Tcp);
        let says = |check: HealthCheck| words(validate_health_check(&check));
        let expected = |field: &str| format!("Expecting '{field}' to be non-negative");
        assert_eq!(says(HealthCheck { delay_seconds: -1.0, ..base() }), expected("delay_seconds"));
        assert_eq!(
            says(HealthCheck { grace_period_seconds: -1.0, ..base() }),
            expected("grace_period_seconds")
        );
        assert_eq!(
            says(HealthCheck { interval_seconds: -1.0, ..base() }),
            expected("interval_seconds")
        );
        assert_eq!(
            says(HealthCheck { timeout_seconds: -1.0, ..base() }),
            expected("timeout_seconds")
        );
        let base = || check(CheckInfoType::Tcp);
        let says = |check: CheckInfo| words(validate_check(&check));
        assert_eq!(says(CheckInfo { delay_seconds: -1.0, ..base() }), expected("delay_seconds"));
        assert_eq!(
            says(CheckInfo { interval_seconds: -1.0, ..base() }),
            expected("interval_seconds")
        );
        assert_eq!(
            says(CheckInfo { timeout_seconds: -1.0, ..base() }),
            expected("timeout_seconds")
        );
    }

    #[test]
    fn a_check_has_what_its_type_says() {
        use CheckInfoType::*;
        let says = |check: CheckInfo| words(validate_check(&check));
        assert_eq!(says(CheckInfo { r#type: None, ..check(Tcp) }), "CheckInfo must specify 'type'");
        assert_eq!(says(check(Unknown)), "'UNKNOWN' is not a valid check type");
        assert_eq!(
            says(CheckInfo { command: None, ..check(Command) }),
            "Expecting 'command' to be set for COMMAND check"
        );
        assert_eq!(
            says(CheckInfo { http: None, ..check(Http) }),
            "Expecting 'http' to be set for HTTP check"
        );
        assert_eq!(
            says(CheckInfo { tcp: None, ..check(Tcp) }),
            "Expecting 'tcp' to be set for TCP check"
        );
    }

    #[test]
    fn a_check_says_what_to_run_and_where_to_ask() {
        let says = |check: CheckInfo| words(validate_check(&check));
        let by = |command| CheckInfo {
            command: Some(CheckInfoCommand { command }),
            ..check(CheckInfoType::Command)
        };
        assert_eq!(says(by(CommandInfo::default())), "Command check must contain 'shell command'");
        assert_eq!(
            says(by(CommandInfo { shell: false, ..CommandInfo::default() })),
            "Command check must contain 'executable path'"
        );
        assert_eq!(
            says(by(odd())),
            "Check's `CommandInfo` is invalid: Environment variable 'V' of type 'VALUE' must have \
             a value set"
        );
        let http = Some(CheckInfoHttp { port: 1, path: Some("ok".to_owned()) });
        assert_eq!(
            says(CheckInfo { http, ..check(CheckInfoType::Http) }),
            "The path 'ok' of HTTP check must start with '/'"
        );
    }
}

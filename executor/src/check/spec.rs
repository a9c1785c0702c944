//! What to probe, how often, and for how long: the descriptions of frameworks, made ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use mesos::check::{
    CheckInfo, CheckInfoType, HealthCheck, HealthCheckHttp, HealthCheckTcp, HealthCheckType,
};
use mesos::container::IpProtocol;
use mesos::executor_info::CommandInfo;

/// Why a check cannot be made. Masters refuse such tasks (row VA-14), so that only those of other
/// releases bring them here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// It does not say what to probe.
    #[error("the check has no valid 'type'")]
    Type,
    /// It says what to probe, and not which.
    #[error("the check is of type {0} and does not say which")]
    Missing(&'static str),
    /// A span of time is none.
    #[error("{name}={value} is not a span of time")]
    Seconds {
        /// The field.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// Runs a command.
    Command(Box<CommandInfo>),
    /// Sends `GET` to this address, and follows where it leads.
    Http(String),
    /// Connects. A port that is too large is one that nobody listens on.
    Tcp {
        /// To this address.
        ip: IpAddr,
        /// And port.
        port: u32,
    },
}

/// What to probe, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// What.
    pub probe: Probe,
    /// From the start of the task to the first probe.
    pub delay: Duration,
    /// From the end of one probe to the start of the next.
    pub interval: Duration,
    /// How long a probe may take; without end if there is none.
    pub timeout: Option<Duration>,
}

impl Spec {
    /// What a check asks for.
    ///
    /// # Errors
    /// It cannot be.
    pub fn of_check(info: &CheckInfo) -> Result<Self, CheckError> {
        let probe = match info.r#type {
            Some(CheckInfoType::Command) => {
                let command = info.command.as_ref().ok_or(CheckError::Missing("COMMAND"))?;
                Probe::Command(Box::new(command.command.clone()))
            }
            Some(CheckInfoType::Http) => {
                let http = info.http.as_ref().ok_or(CheckError::Missing("HTTP"))?;
                http_probe("http", IpProtocol::IPv4, http.port, http.path.as_deref())
            }
            Some(CheckInfoType::Tcp) => {
                let tcp = info.tcp.as_ref().ok_or(CheckError::Missing("TCP"))?;
                Probe::Tcp { ip: loopback(IpProtocol::IPv4), port: tcp.port }
            }
            Some(CheckInfoType::Unknown) | None => return Err(CheckError::Type),
        };
        Self::timed(probe, info.delay_seconds, info.interval_seconds, info.timeout_seconds)
    }

    /// What a health check asks for.
    ///
    /// # Errors
    /// It cannot be.
    pub fn of_health_check(info: &HealthCheck) -> Result<Self, CheckError> {
        let probe = match info.r#type {
            Some(HealthCheckType::Command) => {
                let command = info.command.as_ref().ok_or(CheckError::Missing("COMMAND"))?;
                Probe::Command(command.clone())
            }
            Some(HealthCheckType::Http) => {
                let http: &HealthCheckHttp =
                    info.http.as_ref().ok_or(CheckError::Missing("HTTP"))?;
                let scheme = http.scheme.as_deref().unwrap_or("http");
                http_probe(scheme, http.protocol, http.port, http.path.as_deref())
            }
            Some(HealthCheckType::Tcp) => {
                let tcp: &HealthCheckTcp = info.tcp.as_ref().ok_or(CheckError::Missing("TCP"))?;
                Probe::Tcp { ip: loopback(tcp.protocol), port: tcp.port }
            }
            Some(HealthCheckType::Unknown) | None => return Err(CheckError::Type),
        };
        Self::timed(probe, info.delay_seconds, info.interval_seconds, info.timeout_seconds)
    }

    fn timed(probe: Probe, delay: f64, interval: f64, timeout: f64) -> Result<Self, CheckError> {
        let timeout = seconds("timeout_seconds", timeout)?;
        Ok(Self {
            probe,
            delay: seconds("delay_seconds", delay)?,
            interval: seconds("interval_seconds", interval)?,
            // In Mesos no time at all means any time.
            timeout: (!timeout.is_zero()).then_some(timeout),
        })
    }
}

/// A span of time that a framework gives as a number.
pub(super) fn seconds(name: &'static str, value: f64) -> Result<Duration, CheckError> {
    Duration::try_from_secs_f64(value).map_err(|_| CheckError::Seconds { name, value })
}

/// Tasks are reached at the loopback address by number: some images know no `localhost`.
fn loopback(protocol: IpProtocol) -> IpAddr {
    match protocol {
        IpProtocol::IPv4 => Ipv4Addr::LOCALHOST.into(),
        IpProtocol::IPv6 => Ipv6Addr::LOCALHOST.into(),
    }
}

fn http_probe(scheme: &str, protocol: IpProtocol, port: u32, path: Option<&str>) -> Probe {
    let path = path.unwrap_or_default();
    Probe::Http(match loopback(protocol) {
        IpAddr::V4(ip) => format!("{scheme}://{ip}:{port}{path}"),
        IpAddr::V6(ip) => format!("{scheme}://[{ip}]:{port}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos::check::{CheckInfoCommand, CheckInfoHttp, CheckInfoTcp};

    #[test]
    fn a_check_has_the_defaults_of_mesos() {
        let http = CheckInfoHttp { port: 80, path: None };
        let info = CheckInfo {
            r#type: Some(CheckInfoType::Http),
            http: Some(http),
            ..CheckInfo::default()
        };
        let spec = Spec::of_check(&info).unwrap();
        assert_eq!(spec.probe, Probe::Http("http://127.0.0.1:80".to_owned()));
        let times =
            (spec.delay.as_secs(), spec.interval.as_secs(), spec.timeout.unwrap().as_secs());
        assert_eq!(times, (15, 10, 20));
    }

    #[test]
    fn a_timeout_of_nothing_is_none() {
        let info = CheckInfo {
            r#type: Some(CheckInfoType::Tcp),
            tcp: Some(CheckInfoTcp { port: 80 }),
            timeout_seconds: 0.0,
            ..CheckInfo::default()
        };
        assert_eq!(Spec::of_check(&info).unwrap().timeout, None);
    }

    #[test]
    fn health_checks_know_schemes_and_protocols() {
        let mut info = HealthCheck {
            r#type: Some(HealthCheckType::Http),
            http: Some(HealthCheckHttp {
                protocol: IpProtocol::IPv6,
                scheme: Some("https".to_owned()),
                port: 8443,
                path: Some("/health?deep".to_owned()),
                ..HealthCheckHttp::default()
            }),
            tcp: Some(HealthCheckTcp { protocol: IpProtocol::IPv6, port: 7 }),
            ..HealthCheck::default()
        };
        let probe = |info: &HealthCheck| Spec::of_health_check(info).unwrap().probe;
        assert_eq!(probe(&info), Probe::Http("https://[::1]:8443/health?deep".to_owned()));
        info.r#type = Some(HealthCheckType::Tcp);
        assert_eq!(probe(&info), Probe::Tcp { ip: Ipv6Addr::LOCALHOST.into(), port: 7 });
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let command = CheckInfoCommand { command: CommandInfo::default() };
        let mut info = CheckInfo { command: Some(command), ..CheckInfo::default() };
        assert_eq!(Spec::of_check(&info), Err(CheckError::Type));
        info.r#type = Some(CheckInfoType::Tcp);
        assert_eq!(Spec::of_check(&info), Err(CheckError::Missing("TCP")));
        info.r#type = Some(CheckInfoType::Command);
        for (value, text) in [(-1.0, "-1"), (f64::NAN, "NaN"), (1e300, "1000")] {
            info.interval_seconds = value;
            let error = Spec::of_check(&info).unwrap_err().to_string();
            assert!(error.starts_with(&format!("interval_seconds={text}")), "{error}");
        }
        let health = HealthCheck { r#type: Some(HealthCheckType::Http), ..HealthCheck::default() };
        assert_eq!(Spec::of_health_check(&health), Err(CheckError::Missing("HTTP")));
    }
}

//! Checks and health checks, and their results.

use crate::container::IpProtocol;
use crate::executor_info::CommandInfo;
use crate::{message, wire_enum};

message! {
    /// Mesos's `CheckInfo`.
    pub struct CheckInfo("CheckInfo") {
        r#type: Option<CheckInfoType>,
        command: Option<CheckInfoCommand>,
        http: Option<CheckInfoHttp>,
        tcp: Option<CheckInfoTcp>,
        delay_seconds: f64 = 15.0,
        interval_seconds: f64 = 10.0,
        timeout_seconds: f64 = 20.0,
    }

    /// Mesos's `CheckInfo.Command`.
    pub struct CheckInfoCommand("Command") {
        command: CommandInfo,
    }

    /// Mesos's `CheckInfo.Http`.
    pub struct CheckInfoHttp("Http") {
        port: u32,
        path: Option<String>,
    }

    /// Mesos's `CheckInfo.Tcp`.
    pub struct CheckInfoTcp("Tcp") {
        port: u32,
    }

    /// Mesos's `HealthCheck`.
    pub struct HealthCheck("HealthCheck") {
        delay_seconds: f64 = 15.0,
        interval_seconds: f64 = 10.0,
        timeout_seconds: f64 = 20.0,
        consecutive_failures: u32 = 3,
        grace_period_seconds: f64 = 10.0,
        r#type: Option<HealthCheckType>,
        command: Option<Box<CommandInfo>>,
        http: Option<HealthCheckHttp>,
        tcp: Option<HealthCheckTcp>,
    }

    /// Mesos's `HealthCheck.HTTPCheckInfo`.
    pub struct HealthCheckHttp("HTTPCheckInfo") {
        protocol: IpProtocol = IpProtocol::IPv4,
        scheme: Option<String>,
        port: u32,
        path: Option<String>,
        statuses: Vec<u32>,
    }

    /// Mesos's `HealthCheck.TCPCheckInfo`.
    pub struct HealthCheckTcp("TCPCheckInfo") {
        protocol: IpProtocol = IpProtocol::IPv4,
        port: u32,
    }

    /// Mesos's `CheckStatusInfo`.
    pub struct CheckStatusInfo("CheckStatusInfo") {
        r#type: Option<CheckInfoType>,
        command: Option<CheckStatusInfoCommand>,
        http: Option<CheckStatusInfoHttp>,
        tcp: Option<CheckStatusInfoTcp>,
    }

    /// Mesos's `CheckStatusInfo.Command`.
    pub struct CheckStatusInfoCommand("Command") {
        exit_code: Option<i32>,
    }

    /// Mesos's `CheckStatusInfo.Http`.
    pub struct CheckStatusInfoHttp("Http") {
        status_code: Option<u32>,
    }

    /// Mesos's `CheckStatusInfo.Tcp`.
    pub struct CheckStatusInfoTcp("Tcp") {
        succeeded: Option<bool>,
    }
}

wire_enum! {
    /// Mesos's `CheckInfo.Type`.
    pub enum CheckInfoType {
        Unknown = "UNKNOWN" (0),
        Command = "COMMAND" (1),
        Http = "HTTP" (2),
        Tcp = "TCP" (3),
    }

    /// Mesos's `HealthCheck.Type`.
    pub enum HealthCheckType {
        Unknown = "UNKNOWN" (0),
        Command = "COMMAND" (1),
        Http = "HTTP" (2),
        Tcp = "TCP" (3),
    }
}

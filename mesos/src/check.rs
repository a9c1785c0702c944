//! Checks and health checks, and their results.

use crate::container::IpProtocol;
use crate::executor_info::CommandInfo;
use crate::{message, wire_enum};

message! {
    /// A check whose results are told and change nothing.
    pub struct CheckInfo("CheckInfo") {
        r#type: Option<CheckInfoType>,
        command: Option<CheckInfoCommand>,
        http: Option<CheckInfoHttp>,
        tcp: Option<CheckInfoTcp>,
        delay_seconds: f64 = 15.0,
        interval_seconds: f64 = 10.0,
        timeout_seconds: f64 = 20.0,
    }

    /// Its result is the command's exit code.
    pub struct CheckInfoCommand("Command") {
        command: CommandInfo,
    }

    /// Its result is the status of `GET` on a port of the task.
    pub struct CheckInfoHttp("Http") {
        port: u32,
        path: Option<String>,
    }

    /// Its result is whether a port of the task accepts connections.
    pub struct CheckInfoTcp("Tcp") {
        port: u32,
    }

    /// A check that kills the task once it has failed `consecutive_failures` times.
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

    /// Healthy if `GET` answers with one of the statuses, or 200 to 399 if there are none.
    pub struct HealthCheckHttp("HTTPCheckInfo") {
        protocol: IpProtocol = IpProtocol::IPv4,
        scheme: Option<String>,
        port: u32,
        path: Option<String>,
        statuses: Vec<u32>,
    }

    /// Healthy if the port accepts connections.
    pub struct HealthCheckTcp("TCPCheckInfo") {
        protocol: IpProtocol = IpProtocol::IPv4,
        port: u32,
    }

    /// The latest result of a check.
    pub struct CheckStatusInfo("CheckStatusInfo") {
        r#type: Option<CheckInfoType>,
        command: Option<CheckStatusInfoCommand>,
        http: Option<CheckStatusInfoHttp>,
        tcp: Option<CheckStatusInfoTcp>,
    }

    /// The exit code, if the command has run.
    pub struct CheckStatusInfoCommand("Command") {
        exit_code: Option<i32>,
    }

    /// The status, if there was an answer.
    pub struct CheckStatusInfoHttp("Http") {
        status_code: Option<u32>,
    }

    /// Whether the connection was accepted.
    pub struct CheckStatusInfoTcp("Tcp") {
        succeeded: Option<bool>,
    }
}

wire_enum! {
    /// What a [`CheckInfo`] does.
    pub enum CheckInfoType {
        Unknown = "UNKNOWN" (0),
        Command = "COMMAND" (1),
        Http = "HTTP" (2),
        Tcp = "TCP" (3),
    }

    /// What a [`HealthCheck`] does.
    pub enum HealthCheckType {
        Unknown = "UNKNOWN" (0),
        Command = "COMMAND" (1),
        Http = "HTTP" (2),
        Tcp = "TCP" (3),
    }
}

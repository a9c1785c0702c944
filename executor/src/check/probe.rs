//! Probing: what touches the world, and how long it may.
//!
//! A probe never waits for longer than its timeout, and leaves nothing behind: what it has started
//! is killed. Commands are started at once, on the thread of the caller, since they are to die
//! with it; all else happens in the future.

use std::future::Future;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;

use libprocess::subprocess::{self, Child, Signal, Stdio};
use libprocess::units::format_duration;
use mesos::executor_info::CommandInfo;

use super::spec::{Probe, Spec};
use super::{Outcome, http};
use crate::task_process::{self, Exit};

/// What comes out of a probe, once it has.
pub type Probing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Probes once. A command runs in the directory and with the variables of this process, and its
/// output goes to the errors of this process.
pub fn run(spec: &Spec) -> Probing {
    let timeout = spec.timeout;
    match &spec.probe {
        Probe::Command(command) => match start(command) {
            Ok(child) => Box::pin(command_outcome(child, timeout)),
            Err(why) => Box::pin(std::future::ready(Outcome::Failed(why))),
        },
        Probe::Http(url) => {
            let url = url.clone();
            Box::pin(async move {
                match within(timeout, http::status_of(&url)).await {
                    Some(Ok(status)) => Outcome::Answered(status.into()),
                    Some(Err(why)) => Outcome::Failed(why),
                    None => late("HTTP request", timeout),
                }
            })
        }
        Probe::Tcp { ip, port } => {
            let (ip, port) = (*ip, *port);
            Box::pin(async move {
                match within(timeout, connects(ip, port)).await {
                    Some(connected) => Outcome::Connected(connected),
                    None => late("TCP connection", timeout),
                }
            })
        }
    }
}

/// Waits for `future`, unless that takes too long.
pub(super) async fn within<T>(
    timeout: Option<Duration>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match timeout {
        None => Some(future.await),
        Some(timeout) => tokio::time::timeout(timeout, future).await.ok(),
    }
}

/// What a probe found out that took too long.
pub(super) fn late(what: &str, timeout: Option<Duration>) -> Outcome {
    let timeout = format_duration(timeout.unwrap_or_default());
    Outcome::Failed(format!("{what} timed out after {timeout}"))
}

fn start(info: &CommandInfo) -> Result<Child, String> {
    let command = task_process::command(info).ok_or("the command has no value")?;
    let errors = || std::io::stderr().as_fd().try_clone_to_owned().map(Stdio::Fd);
    let (Ok(out), Ok(err)) = (errors(), errors()) else {
        return Err("cannot duplicate the standard error stream".to_owned());
    };
    let child = command
        .env(std::env::vars_os().chain(task_process::variables(info)))
        .stdout(out)
        .stderr(err)
        .new_session()
        .parent_death_signal(Signal::SIGKILL)
        .spawn();
    child.map_err(|error| format!("Failed to create subprocess: {}", task_process::chain(&error)))
}

async fn command_outcome(child: Child, timeout: Option<Duration>) -> Outcome {
    match exit_within(child, timeout).await {
        Some(Ok(status)) => match status.code() {
            Some(code) => Outcome::Exited(code),
            None => Outcome::Failed(format!("Command {}", Exit::from_raw(status.into_raw()))),
        },
        Some(Err(why)) => Outcome::Failed(format!("Failed to reap the command process: {why}")),
        None => late("Command", timeout),
    }
}

/// Waits for the end of a process, and kills it with all below it if that takes too long.
pub(super) async fn exit_within(
    child: Child,
    timeout: Option<Duration>,
) -> Option<std::io::Result<ExitStatus>> {
    let pid = child.pid();
    let mut ended = std::pin::pin!(child.wait());
    let exit = within(timeout, &mut ended).await;
    if exit.is_none() {
        if let Err(error) = subprocess::kill_tree(pid, Signal::SIGKILL) {
            tracing::warn!("cannot kill process {pid}, which takes too long: {error}");
        }
        // It has been killed: what is left is to reap it.
        let _ = ended.await;
    }
    exit
}

async fn connects(ip: IpAddr, port: u32) -> bool {
    match u16::try_from(port) {
        Ok(port) => tokio::net::TcpStream::connect((ip, port)).await.is_ok(),
        Err(_) => false,
    }
}

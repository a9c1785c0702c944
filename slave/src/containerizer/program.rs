//! What an executor is run as: program, arguments, environment.

use std::path::PathBuf;

use libprocess::subprocess::Command;
use mesos::container::{ContainerInfo, ContainerInfoType};
use slave_core::effect::{ExecutorKind, LaunchSpec};

use super::LaunchError;

/// How to run the executors that are our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// The program: the `mesos` binary itself, or one that stands for it in tests.
    pub program: PathBuf,
    /// What comes before all else on the command line of a command executor.
    pub arguments: Vec<String>,
}

/// The name under which the program is the default executor.
const DEFAULT_EXECUTOR: &str = "mesos-default-executor";

/// The command that starts the executor of `spec`, without environment, sandbox, session and user.
///
/// # Errors
/// There is nothing to run.
pub fn command(spec: &LaunchSpec, built_in: &BuiltIn) -> Result<Command, LaunchError> {
    Ok(match spec.kind {
        ExecutorKind::Command => Command::new(&built_in.program).args(&built_in.arguments),
        ExecutorKind::Default => Command::new(&built_in.program).argv0(DEFAULT_EXECUTOR),
        ExecutorKind::Custom => custom(spec)?,
    })
}

fn custom(spec: &LaunchSpec) -> Result<Command, LaunchError> {
    let value = spec.command.value.as_deref().filter(|value| !value.is_empty());
    let value =
        value.ok_or_else(|| LaunchError::NoCommand(spec.executor.executor_id.to_string()))?;
    if spec.command.shell {
        return Ok(Command::new("/bin/sh").argv0("sh").args(["-c", value]));
    }
    let command = Command::new(value);
    Ok(match spec.command.arguments.split_first() {
        Some((name, rest)) => command.argv0(name).args(rest),
        None => command,
    })
}

/// Refuses what is not there yet.
///
/// # Errors
/// Says what.
pub fn check_supported(spec: &LaunchSpec) -> Result<(), LaunchError> {
    if let Some(uri) = spec.command.uris.first() {
        return Err(LaunchError::Unsupported(format!("fetching '{}'", uri.value)));
    }
    let task = spec.task.as_ref().and_then(|task| task.container.as_deref());
    match [spec.executor.container.as_deref(), task].into_iter().flatten().find_map(unsupported) {
        Some(what) => Err(LaunchError::Unsupported(what.to_owned())),
        None => Ok(()),
    }
}

/// What a description of a container asks for beyond a process.
fn unsupported(container: &ContainerInfo) -> Option<&'static str> {
    let image = container.mesos.as_ref().is_some_and(|mesos| mesos.image.is_some());
    match () {
        () if container.r#type == ContainerInfoType::Docker => Some("a Docker container"),
        () if image => Some("a container image"),
        () if !container.volumes.is_empty() => Some("a container with volumes"),
        () if !container.network_infos.is_empty() => Some("a container with networks"),
        () => None,
    }
}

//! What an executor is run as: program, arguments, environment.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use mesos::container::{ContainerInfo, ContainerInfoType};
use slave_core::effect::{ExecutorKind, LaunchSpec};

use super::LaunchError;

/// How to run the executors that are our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// The program: the `mesos` binary itself, or one that stands for it in tests.
    pub program: PathBuf,
    /// What comes before all else on its command line.
    pub arguments: Vec<String>,
}

/// The command that starts the executor of `spec`, without sandbox, session and user.
///
/// # Errors
/// There is nothing to run, or it needs something that is not there yet.
pub fn command(spec: &LaunchSpec, built_in: &BuiltIn) -> Result<Command, LaunchError> {
    check_supported(spec)?;
    let mut command = match spec.kind {
        ExecutorKind::Command => {
            let mut command = Command::new(&built_in.program);
            command.args(&built_in.arguments);
            command
        }
        ExecutorKind::Default => {
            return Err(LaunchError::Unsupported("a task group".to_owned()));
        }
        ExecutorKind::Custom => custom(spec)?,
    };
    command.env_clear();
    command.envs(spec.environment.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

fn custom(spec: &LaunchSpec) -> Result<Command, LaunchError> {
    let missing = || LaunchError::NoCommand(spec.executor.executor_id.to_string());
    let value = spec.command.value.as_deref().filter(|value| !value.is_empty());
    if spec.command.shell {
        let mut command = Command::new("/bin/sh");
        command.arg0("sh").arg("-c").arg(value.ok_or_else(missing)?);
        return Ok(command);
    }
    let mut command = Command::new(value.ok_or_else(missing)?);
    if let Some((name, rest)) = spec.command.arguments.split_first() {
        command.arg0(name).args(rest);
    }
    Ok(command)
}

fn check_supported(spec: &LaunchSpec) -> Result<(), LaunchError> {
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

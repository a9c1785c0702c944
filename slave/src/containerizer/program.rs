//! What an executor is run as: program, arguments, environment.

use std::path::PathBuf;

use libprocess::subprocess::Command;
use mesos::container::{ContainerInfo, ContainerInfoType};
use mesos::volume::{Volume, VolumeSourceType};
use slave_core::effect::{ExecutorKind, LaunchSpec};

use super::LaunchError;
use super::isolation::Isolation;
use crate::isolators::host_path;

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

/// Refuses what is not there.
///
/// # Errors
/// Says what.
pub fn check_supported(spec: &LaunchSpec, isolation: &Isolation) -> Result<(), LaunchError> {
    let task = spec.task.as_ref().and_then(|task| task.container.as_deref());
    let mut containers = [spec.executor.container.as_deref(), task].into_iter().flatten();
    containers.try_for_each(|container| check_container(container, isolation))
}

/// Refuses what a description of a container asks for, if nobody here can give it.
///
/// # Errors
/// Says what.
pub fn check_container(
    container: &ContainerInfo,
    isolation: &Isolation,
) -> Result<(), LaunchError> {
    let image = container.mesos.as_ref().is_some_and(|mesos| mesos.image.is_some());
    let refused = match () {
        () if container.r#type == ContainerInfoType::Docker => Some("a Docker container".into()),
        () if image => Some("a container image".into()),
        () if !container.network_infos.is_empty() => Some("a container with networks".into()),
        () => container.volumes.iter().find_map(|volume| unsupported(volume, isolation)),
    };
    refused.map_or(Ok(()), |what| Err(LaunchError::Unsupported(what)))
}

/// Says of a volume what is missing for it.
fn unsupported(volume: &Volume, isolation: &Isolation) -> Option<String> {
    let kind = volume.source.as_ref().and_then(|source| source.r#type);
    let isolator = match kind {
        None if volume.image.is_none() => host_path::NAME,
        Some(VolumeSourceType::HostPath) => host_path::NAME,
        // Without the isolator, links take its place.
        Some(VolumeSourceType::SandboxPath) => return None,
        _ => return Some("a volume of this kind".to_owned()),
    };
    (!isolation.has(isolator))
        .then(|| format!("a volume (which needs the isolator '{isolator}' in --isolation)"))
}

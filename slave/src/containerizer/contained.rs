//! How a nested or standalone container becomes processes.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use libprocess::subprocess::{Command, Identity, Stdio};
use mesos::container::RLimit;
use slave_core::containers::call::{ContainerSpec, Link};

use super::program::BuiltIn;
use super::{LaunchError, init, runtime, sandbox};

/// What a session writes, for whoever asked for the session.
#[derive(Debug)]
pub struct Output {
    /// The reading end of its stdout.
    pub stdout: OwnedFd,
    /// The reading end of its stderr.
    pub stderr: OwnedFd,
    /// The same is kept in its sandbox.
    pub copies: sandbox::Sandbox,
}

/// The command that starts the first process, without its streams and its environment, once its
/// sandbox has been made; `links` are made in it.
///
/// # Errors
/// See [`LaunchError`].
pub fn command(
    spec: &ContainerSpec,
    links: &[Link],
    init: &BuiltIn,
    owner: Option<Identity>,
) -> Result<Command, LaunchError> {
    let arguments = arguments(spec)?;
    for link in links {
        make_link(link, owner.as_ref())?;
    }
    let status = runtime::prepare(spec)?;
    let mut command = Command::new(&init.program)
        .args(&init.arguments)
        .args(arguments)
        .directory(&spec.working_directory)
        .stdin(Stdio::Fd(status.into()));
    if let Some(owner) = owner {
        command = command.identity(owner);
    }
    if !spec.survives {
        command = command.parent_death_signal(init::AGENT_DIED);
    }
    Ok(command)
}

/// The command line of the first process.
fn arguments(spec: &ContainerSpec) -> Result<Vec<String>, LaunchError> {
    let mut arguments = Vec::new();
    if !spec.survives {
        arguments.push(init::DIE_WITH_AGENT.to_owned());
    }
    for limit in &spec.rlimits {
        arguments.push(rlimit(limit)?);
    }
    arguments.push(init::SEPARATOR.to_owned());
    let command = &spec.command;
    let Some(value) = command.value.as_deref().filter(|value| !value.is_empty()) else {
        // It starts all the same, and ends badly, as in Mesos.
        return Ok(arguments);
    };
    if command.shell {
        arguments.extend(["/bin/sh", "sh", "-c", value].map(str::to_owned));
        return Ok(arguments);
    }
    arguments.push(value.to_owned());
    match command.arguments.as_slice() {
        [] => arguments.push(value.to_owned()),
        all => arguments.extend_from_slice(all),
    }
    Ok(arguments)
}

fn rlimit(limit: &RLimit) -> Result<String, LaunchError> {
    let name = limit.r#type.map_or("", |kind| kind.as_str());
    let (soft, hard) = match (limit.soft, limit.hard) {
        (Some(soft), Some(hard)) if soft <= hard => (soft, hard),
        (None, None) => (u64::MAX, u64::MAX),
        _ => return Err(LaunchError::Rlimit(name.to_owned())),
    };
    Ok(format!("{}{name}:{soft}:{hard}", init::RLIMIT))
}

/// Makes a directory if it is missing, and a link to it.
fn make_link(link: &Link, owner: Option<&Identity>) -> Result<(), LaunchError> {
    let fail = |what, path: &Path| {
        let path = path.to_owned();
        move |source| LaunchError::Sandbox { what, path, source }
    };
    if !link.target.exists() {
        fs::create_dir_all(&link.target).map_err(fail("create", &link.target))?;
        sandbox::give(&link.target, owner)?;
    }
    if let Some(parent) = link.path.parent() {
        fs::create_dir_all(parent).map_err(fail("create", parent))?;
    }
    match fs::read_link(&link.path) {
        Ok(target) if target == link.target => Ok(()),
        _ => std::os::unix::fs::symlink(&link.target, &link.path).map_err(fail("link", &link.path)),
    }
}

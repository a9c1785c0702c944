//! How a container becomes processes: its sandbox, what isolators want, its first process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use libprocess::subprocess::{Child, Command, Stdio};
use mesos::ids::ContainerId;
use nix::sys::signal::Signal;
use slave_core::containers::call::ContainerSpec;
use slave_core::effect::{ExecutorKind, LaunchSpec};

use super::contained::{self, Output};
use super::isolation::Isolation;
use super::launcher::Launcher;
use super::mesos::{Programs, Wanted};
use super::{LaunchError, forked, program, runtime, sandbox};
use crate::fetcher::FetchOrder;
use crate::isolators::sandbox_path::NAME as SANDBOX_PATH;
use crate::isolators::{Class, Container};

/// A container whose first process can be born.
#[derive(Debug)]
pub struct Prepared {
    /// What is to be fetched before, if anything is.
    pub fetch: Option<FetchOrder>,
    command: Command,
    /// Where its leader is written down.
    pid_path: Option<PathBuf>,
    /// Where a session's output is kept, besides going to whoever asked for it.
    copies: Option<sandbox::Sandbox>,
}

/// Makes the sandbox, and has isolators make ready. `parent_pid` leads the container above, where
/// there is one.
///
/// # Errors
/// See [`LaunchError`]. What was prepared until then is for the isolators to clean up.
pub fn prepare(
    wanted: &Wanted,
    programs: &Programs,
    isolation: &Isolation,
    parent_pid: Option<u32>,
) -> Result<Prepared, LaunchError> {
    match wanted {
        Wanted::Executor(spec) => executor(spec, programs, isolation),
        Wanted::Contained(spec) => other(spec, programs, isolation, parent_pid),
    }
}

fn executor(
    spec: &LaunchSpec,
    programs: &Programs,
    isolation: &Isolation,
) -> Result<Prepared, LaunchError> {
    program::check_supported(spec, isolation)?;
    let owner = sandbox::owner(spec.user.as_deref())?;
    let sandbox = sandbox::create(&spec.directory, owner.as_ref())?;
    let of_task = spec.task.as_ref().and_then(|task| task.container.clone());
    let container = Container {
        id: spec.container.clone(),
        class: Class::Executor,
        sandbox: spec.directory.clone(),
        user: owner.clone(),
        command: spec.command.clone(),
        info: of_task.or_else(|| spec.executor.container.clone()),
        executor: Some(spec.executor.clone()),
        task: spec.task.clone(),
        resources: spec.resources.clone(),
        limits: spec.limits.clone(),
        parent_pid: None,
    };
    let fetch = fetch(&container, spec.user.as_deref(), &sandbox)?;
    let preparation = isolation.prepare(&container)?;
    let variables = unique(&spec.environment, &preparation.environment);
    let mut command = program::command(spec, &programs.executor)?
        .env(variables)
        .directory(&spec.directory)
        .stdout(Stdio::Fd(sandbox.stdout.into()))
        .stderr(Stdio::Fd(sandbox.stderr.into()));
    if let Some(owner) = owner {
        command = command.identity(owner);
    }
    if spec.kind == ExecutorKind::Custom && spec.forked_pid_path.is_none() {
        command = command.parent_death_signal(Signal::SIGKILL);
    }
    let pid_path = spec.forked_pid_path.clone();
    Ok(Prepared { fetch, command: preparation.equip(command), pid_path, copies: None })
}

fn other(
    spec: &ContainerSpec,
    programs: &Programs,
    isolation: &Isolation,
    parent_pid: Option<u32>,
) -> Result<Prepared, LaunchError> {
    if let Some(info) = &spec.info {
        program::check_container(info, isolation)?;
    }
    let owner = sandbox::owner(spec.user.as_deref())?;
    let sandbox = sandbox::make(&spec.sandbox, owner.as_ref())?;
    let container = Container {
        id: spec.container.clone(),
        class: class(&spec.container, spec.session),
        sandbox: spec.sandbox.clone(),
        user: owner.clone(),
        command: spec.command.clone(),
        info: spec.info.clone(),
        executor: None,
        task: None,
        resources: spec.resources.iter().cloned().collect(),
        limits: BTreeMap::new(),
        parent_pid,
    };
    let fetch = fetch(&container, spec.user.as_deref(), &sandbox)?;
    let preparation = isolation.prepare(&container)?;
    let variables = unique(&spec.environment, &preparation.environment);
    // What an isolator shares with the container needs no link.
    let links = if isolation.has(SANDBOX_PATH) { &[][..] } else { &spec.links };
    let command = contained::command(spec, links, &programs.init, owner)?.env(variables);
    let (command, copies) = match spec.session {
        false => {
            let (stdout, stderr) = (sandbox.stdout.into(), sandbox.stderr.into());
            (command.stdout(Stdio::Fd(stdout)).stderr(Stdio::Fd(stderr)), None)
        }
        true => (command.stdout(Stdio::Pipe).stderr(Stdio::Pipe), Some(sandbox)),
    };
    let pid_path = Some(runtime::pid_path(&spec.runtime));
    Ok(Prepared { fetch, command: preparation.equip(command), pid_path, copies })
}

/// What a container's command needs from elsewhere.
fn fetch(
    container: &Container,
    user: Option<&str>,
    sandbox: &sandbox::Sandbox,
) -> Result<Option<FetchOrder>, LaunchError> {
    if container.command.uris.is_empty() {
        return Ok(None);
    }
    let copy = |file: &File| {
        let path = container.sandbox.clone();
        file.try_clone().map_err(|source| LaunchError::Sandbox { what: "use", path, source })
    };
    Ok(Some(FetchOrder {
        container: container.id.clone(),
        uris: container.command.uris.clone(),
        sandbox: container.sandbox.clone(),
        user: user.map(str::to_owned),
        identity: container.user.clone(),
        stdout: copy(&sandbox.stdout)?,
        stderr: copy(&sandbox.stderr)?,
    }))
}

/// What a container that is not an executor's is there for.
pub fn class(container: &ContainerId, session: bool) -> Class {
    match container.parent {
        None => Class::Standalone,
        Some(_) if session => Class::Session,
        Some(_) => Class::Nested,
    }
}

/// Of several values for one variable the last counts.
fn unique<'a>(
    first: &'a [(String, String)],
    then: &'a [(String, String)],
) -> BTreeMap<&'a str, &'a str> {
    first.iter().chain(then).map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Gives birth to the first process, and lets it go once it is isolated and written down.
///
/// # Errors
/// See [`LaunchError`]. No process is left.
pub fn start(
    container: &ContainerId,
    prepared: Prepared,
    launcher: &mut dyn Launcher,
    isolation: &Isolation,
) -> Result<(Child, Option<Output>), LaunchError> {
    let Prepared { command, pid_path, copies, .. } = prepared;
    let mut command = launcher.equip(container, command)?;
    let waits = launcher.waits() || isolation.holds(container);
    let settle = {
        let (container, isolation) = (container.clone(), isolation.clone());
        move |pid: u32| -> Result<(), LaunchError> {
            if let Some(path) = pid_path {
                forked::write(&path, pid)?;
            }
            Ok(isolation.isolate(&container, pid)?)
        }
    };
    let mut child;
    if waits {
        command = command.parent_hook("isolate it", move |pid| {
            settle(pid.cast_unsigned()).map_err(|error| io::Error::other(error.to_string()))
        });
        child = command.spawn()?;
    } else {
        // Nothing depends on its waiting, which would cost a copy of this program's memory.
        child = command.spawn()?;
        if let Err(error) = settle(child.pid().cast_unsigned()) {
            // Nobody else has heard of it; if it is gone already, so much the better.
            let _ = child.handle().signal(Signal::SIGKILL);
            tokio::spawn(child.wait());
            return Err(error);
        }
    }
    let pipes = (child.take_stdout(), child.take_stderr());
    let output = match (copies, pipes) {
        (Some(copies), (Some(stdout), Some(stderr))) => Some(Output { stdout, stderr, copies }),
        // A session has pipes, nothing else has.
        _ => None,
    };
    Ok((child, output))
}

//! How a container is made below another one, or alone.

use std::path::{Path, PathBuf};

use mesos::container::{ContainerInfo, ContainerInfoType};
use mesos::executor_info::CommandInfo;
use mesos::ids::ContainerId;
use mesos::volume::{SandboxPathType, Volume, VolumeSourceType};

use super::call::{
    ContainerAnswer, ContainerEffect, ContainerLaunch, ContainerRequest, ContainerSpec, Link,
};
use super::{Container, ContainerState, depth_of};
use crate::agent::Agent;
use crate::effect::Effect;
use crate::environment::{MARKER, PATH, environment};
use crate::step::Step;

/// How deep containers may be nested, the root included.
const MAX_DEPTH: usize = 32;
/// How many containers that are not executors' an agent keeps, ended ones included. Each costs
/// memory here and directories on the disk; whoever launches them is expected to remove them.
const MAX_CONTAINERS: usize = 16_384;

/// What a container takes over from the one that it is below.
struct Heritage {
    sandbox: PathBuf,
    user: Option<String>,
    environment: Vec<(String, String)>,
    working_directory: PathBuf,
    survives: bool,
}

impl Agent {
    pub(super) fn launch_contained(
        &mut self,
        io: &mut Step<'_>,
        request: ContainerRequest,
        launch: ContainerLaunch,
    ) {
        let id = launch.container.clone();
        if self.is_container(&id) {
            return io.answer_container_call(request, ContainerAnswer::AlreadyLaunched);
        }
        let spec = match self.specify(launch) {
            Ok(spec) => spec,
            Err(error) => {
                io.warn(format!("not launching container {id}: {error}"));
                return io.answer_container_call(request, ContainerAnswer::Refused(error));
            }
        };
        io.info(format!("launching container {id}"));
        if spec.session {
            self.contained.sessions.insert(request, id.clone());
        }
        self.contained.launches.insert(id.clone(), request);
        // An id may be used anew: what is known of a container that has ended goes.
        self.contained.forget(&id);
        self.contained.insert(Container {
            spec: spec.clone().into(),
            state: ContainerState::Starting,
            pid: None,
            termination: None,
            failed: false,
        });
        io.push(Effect::Container(ContainerEffect::Launch(Box::new(spec))));
    }

    /// What a container is to be made from, or why it cannot be made.
    fn specify(&self, launch: ContainerLaunch) -> Result<ContainerSpec, String> {
        let ContainerLaunch { container: id, command, info, resources, session } = launch;
        check_supported(info.as_deref())?;
        if self.contained.removals.contains_key(&id) {
            return Err(format!("Container {id} is being removed"));
        }
        if depth_of(&id) > MAX_DEPTH {
            return Err(format!("Container {id} is nested deeper than {MAX_DEPTH} levels"));
        }
        if self.contained.known.len() >= MAX_CONTAINERS {
            return Err(format!(
                "The agent has {MAX_CONTAINERS} containers already: remove those that have ended"
            ));
        }
        let parent = id.parent.as_deref().map(|parent| self.heritage(parent)).transpose()?;
        let sandbox = match &parent {
            Some(parent) => crate::paths::nested_sandbox(&parent.sandbox, &id.value),
            None => self.paths.standalone_sandbox(&id),
        };
        let volumes = info.as_ref().map(|info| info.volumes.as_slice()).unwrap_or_default();
        let above = parent.as_ref().map(|parent| parent.sandbox.as_path());
        let links = links(volumes, &sandbox, above)?;
        let own_user = command.user.clone().filter(|_| self.config.switch_user);
        let survives = !session && parent.as_ref().is_none_or(|parent| parent.survives);
        let user = own_user.or_else(|| parent.as_ref()?.user.clone());
        let inherited = parent.filter(|_| session);
        let working_directory = match &inherited {
            Some(parent) => parent.working_directory.clone(),
            None => sandbox.clone(),
        };
        let environment = variables(inherited.map(|parent| parent.environment), &command, &sandbox);
        Ok(ContainerSpec {
            runtime: self.paths.runtime(&id),
            container: id,
            command,
            environment,
            user: user.filter(|user| !user.is_empty()),
            sandbox,
            working_directory,
            resources,
            rlimits: info
                .as_ref()
                .and_then(|info| info.rlimit_info.clone())
                .unwrap_or_default()
                .rlimits,
            info,
            links,
            session,
            survives,
        })
    }

    /// What a container below this one takes over from it.
    fn heritage(&self, parent: &ContainerId) -> Result<Heritage, String> {
        let ending = || format!("Parent container {parent} is in 'DESTROYING' state");
        if !self.is_container(parent) {
            return Err(format!("Parent container {parent} does not exist"));
        }
        if let Some(container) = self.contained.get(parent) {
            if container.state == ContainerState::Destroying {
                return Err(ending());
            }
            let spec = &container.spec;
            return Ok(Heritage {
                sandbox: spec.sandbox.clone(),
                user: spec.user.clone(),
                environment: spec.environment.clone(),
                working_directory: spec.working_directory.clone(),
                survives: spec.survives,
            });
        }
        let Some(executor) = self.executor_in(parent) else { return Err(ending()) };
        let held = self.contained.ending.contains_key(parent);
        if executor.doom.is_some() || held || self.contained.doomed.contains(parent) {
            return Err(ending());
        }
        let command = executor.info.command.as_deref().cloned().unwrap_or_default();
        let framework = self.frameworks.get(&executor.framework_id);
        let user = command.user.clone().or_else(|| Some(framework?.info.user.clone()));
        Ok(Heritage {
            sandbox: executor.directory.clone(),
            user: user.filter(|_| self.config.switch_user),
            environment: environment(&self.config, self.id().as_str(), executor, &command),
            working_directory: executor.directory.clone(),
            survives: executor.checkpoint,
        })
    }
}

/// The variables of a container: what a session inherits, what every container has, and the
/// command's own.
fn variables(
    inherited: Option<Vec<(String, String)>>,
    command: &CommandInfo,
    sandbox: &Path,
) -> Vec<(String, String)> {
    let directory = sandbox.display().to_string();
    let mut variables = inherited.unwrap_or_else(|| {
        let own = [("PATH", PATH), ("MESOS_SANDBOX", directory.as_str())];
        own.map(|(name, value)| (name.to_string(), value.to_string())).into()
    });
    let environment = command.environment.iter().flat_map(|environment| &environment.variables);
    variables.extend(environment.filter_map(|variable| {
        // Secrets are resolved by the shell, which alone may see them.
        Some((variable.name.clone(), variable.value.clone()?))
    }));
    // By this the processes of a container are found, so that nobody may change it.
    variables.push((MARKER.to_string(), directory));
    variables
}

/// Whether this agent can make a container that is like this.
fn check_supported(info: Option<&ContainerInfo>) -> Result<(), String> {
    let unsupported = |what: &str| Err(format!("{what} is not supported by this agent"));
    if let Some(info) = info {
        if info.r#type != ContainerInfoType::Mesos {
            return Err("The provided ContainerInfo is not supported".to_string());
        }
        match () {
            () if info.mesos.as_ref().is_some_and(|mesos| mesos.image.is_some()) => {
                return unsupported("a container image");
            }
            () if !info.network_infos.is_empty() => {
                return unsupported("a container with networks of its own");
            }
            () if info.tty_info.is_some() => return unsupported("a container with a terminal"),
            () => {}
        }
    }
    Ok(())
}

/// The links that make volumes out of directories in sandboxes.
fn links(volumes: &[Volume], sandbox: &Path, parent: Option<&Path>) -> Result<Vec<Link>, String> {
    // What is not of a sandbox is mounted, or refused, by isolators.
    let of_sandboxes = volumes.iter().filter(|volume| {
        let kind = volume.source.as_ref().and_then(|source| source.r#type);
        kind == Some(VolumeSourceType::SandboxPath)
    });
    of_sandboxes.map(|volume| link(volume, sandbox, parent)).collect()
}

fn link(volume: &Volume, sandbox: &Path, parent: Option<&Path>) -> Result<Link, String> {
    let shared = volume.source.as_ref().and_then(|source| source.sandbox_path.as_ref());
    let Some(shared) = shared else {
        let path = &volume.container_path;
        return Err(format!("the volume at '{path}' does not say of which sandbox it is"));
    };
    let root = match shared.r#type {
        Some(SandboxPathType::Own) => sandbox,
        Some(SandboxPathType::Parent) => {
            parent.ok_or("PARENT type only works for nested container")?
        }
        _ => return Err("Unknown type of a SANDBOX_PATH volume".to_string()),
    };
    Ok(Link { path: below(sandbox, &volume.container_path)?, target: below(root, &shared.path)? })
}

/// A path that a client names within a directory.
fn below(root: &Path, path: &str) -> Result<PathBuf, String> {
    use std::path::Component::{CurDir, Normal};
    let is_within = Path::new(path).components().all(|part| matches!(part, Normal(_) | CurDir));
    if path.is_empty() || path.contains('\0') || !is_within {
        return Err(format!("Path '{path}' of a SANDBOX_PATH volume leads out of the sandbox"));
    }
    Ok(root.join(path))
}

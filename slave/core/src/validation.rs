//! Whether a call of the agent's operator API makes sense, in Mesos's words (row AA-02).
//!
//! It looks at the call alone, not at what the agent knows.

use mesos::container::{ContainerInfo, ContainerInfoType, LinuxInfo};
use mesos::executor_info::{CommandInfo, EnvironmentVariable, EnvironmentVariableType};
use mesos::ids::{ContainerId, validate_id};
use mesos::resource::Resource;
use mesos::resources;
use mesos::v1::agent::{AttachContainerInputType, Call, CallType, LaunchContainer};
use mesos::volume::{Volume, VolumeSourceType};

/// How long the id of a container may be: it becomes part of names of files and of cgroups.
const MAX_CONTAINER_ID: usize = 242;

type Checked = Result<(), String>;

/// Checks a call, and says which it is.
///
/// # Errors
/// What is wrong with it.
pub fn validate_call(call: &Call) -> Result<CallType, String> {
    let kind = call.r#type.ok_or("Expecting 'type' to be present")?;
    match kind {
        CallType::GetMetrics => present(&call.get_metrics, kind).map(drop),
        CallType::SetLoggingLevel => present(&call.set_logging_level, kind).map(drop),
        CallType::ListFiles => present(&call.list_files, kind).map(drop),
        CallType::ReadFile => present(&call.read_file, kind).map(drop),
        CallType::LaunchNestedContainer => {
            let body = present(&call.launch_nested_container, kind)?;
            nested(kind, &body.container_id)?;
            launchable(kind, body.command.as_deref(), body.container.as_deref())?;
            cgroups_of_nested(&body.container_id, linux(body.container.as_deref()))
        }
        CallType::LaunchNestedContainerSession => {
            let body = present(&call.launch_nested_container_session, kind)?;
            nested(kind, &body.container_id)?;
            launchable(kind, body.command.as_deref(), body.container.as_deref())?;
            cgroups_of_session(linux(body.container.as_deref()))
        }
        CallType::LaunchContainer => launch(present(&call.launch_container, kind)?),
        CallType::WaitNestedContainer => {
            nested(kind, &present(&call.wait_nested_container, kind)?.container_id)
        }
        CallType::KillNestedContainer => {
            nested(kind, &present(&call.kill_nested_container, kind)?.container_id)
        }
        CallType::RemoveNestedContainer => {
            nested(kind, &present(&call.remove_nested_container, kind)?.container_id)
        }
        CallType::WaitContainer => {
            container(kind, &present(&call.wait_container, kind)?.container_id)
        }
        CallType::KillContainer => {
            container(kind, &present(&call.kill_container, kind)?.container_id)
        }
        CallType::RemoveContainer => {
            container(kind, &present(&call.remove_container, kind)?.container_id)
        }
        CallType::AttachContainerOutput => {
            container(kind, &present(&call.attach_container_output, kind)?.container_id)
        }
        CallType::AttachContainerInput => attach_input(call),
        CallType::AddResourceProviderConfig => {
            let info = &present(&call.add_resource_provider_config, kind)?.info;
            without_id(kind, info.id.is_some())
        }
        CallType::UpdateResourceProviderConfig => {
            let info = &present(&call.update_resource_provider_config, kind)?.info;
            without_id(kind, info.id.is_some())
        }
        CallType::RemoveResourceProviderConfig => {
            present(&call.remove_resource_provider_config, kind).map(drop)
        }
        CallType::MarkResourceProviderGone => {
            present(&call.mark_resource_provider_gone, kind).map(drop)
        }
        _ => Ok(()),
    }?;
    Ok(kind)
}

/// The name of the body that goes with a type.
fn body_of(kind: CallType) -> String {
    kind.as_str().to_ascii_lowercase()
}

fn present<T>(body: &Option<T>, kind: CallType) -> Result<&T, String> {
    body.as_ref().ok_or_else(|| format!("Expecting '{}' to be present", body_of(kind)))
}

fn container(kind: CallType, id: &ContainerId) -> Checked {
    container_id(id)
        .map_err(|error| format!("'{}.container_id' is invalid: {error}", body_of(kind)))
}

fn nested(kind: CallType, id: &ContainerId) -> Checked {
    container(kind, id)?;
    match id.parent {
        Some(_) => Ok(()),
        None => Err(format!("Expecting '{}.container_id.parent' to be present", body_of(kind))),
    }
}

/// Checks the id of a container, and those of all above it (row CT-16).
fn container_id(id: &ContainerId) -> Checked {
    let value = &id.value;
    validate_id(value).map_err(|error| error.to_string())?;
    if value.len() > MAX_CONTAINER_ID {
        return Err(format!(
            "'ContainerID.value' '{value}' exceeds the maximum length ({MAX_CONTAINER_ID})"
        ));
    }
    if value.contains(['.', ' ']) {
        return Err(format!("'ContainerID.value' '{value}' contains invalid characters"));
    }
    match &id.parent {
        None => Ok(()),
        Some(parent) => container_id(parent)
            .map_err(|error| format!("'ContainerID.parent' is invalid: {error}")),
    }
}

fn launchable(
    kind: CallType,
    command: Option<&CommandInfo>,
    info: Option<&ContainerInfo>,
) -> Checked {
    let of = |part: &str, error| format!("'{}.{part}' is invalid: {error}", body_of(kind));
    command.map_or(Ok(()), command_info).map_err(|error| of("command", error))?;
    info.map_or(Ok(()), container_info).map_err(|error| of("container", error))
}

fn command_info(command: &CommandInfo) -> Checked {
    let environment = command.environment.iter().flat_map(|environment| &environment.variables);
    environment.into_iter().try_for_each(variable)
}

fn variable(variable: &EnvironmentVariable) -> Checked {
    use EnvironmentVariableType::{Secret, Value};
    let must = |what: &str| {
        let (name, kind) = (&variable.name, variable.r#type);
        Err(format!("Environment variable '{name}' of type '{kind}' must {what}"))
    };
    match (variable.r#type, &variable.value, &variable.secret) {
        (Value, None, _) => must("have a value set"),
        (Value, Some(_), Some(_)) => must("not have a secret set"),
        (Secret, _, None) => must("have a secret set"),
        (Secret, Some(_), Some(_)) => must("not have a value set"),
        (Value, Some(_), None) | (Secret, None, Some(_)) => Ok(()),
        _ => Err("Environment variable of type 'UNKNOWN' is not allowed".to_string()),
    }
}

fn container_info(info: &ContainerInfo) -> Checked {
    info.volumes.iter().try_for_each(volume).map_err(|error| format!("Invalid volume: {error}"))?;
    if info.r#type != ContainerInfoType::Docker {
        return Ok(());
    }
    let Some(docker) = &info.docker else {
        let text = "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo";
        return Err(text.to_string());
    };
    match docker.parameters.iter().any(|parameter| parameter.key == "name") {
        true => Err("Parameter in DockerInfo must not be 'name'".to_string()),
        false => Ok(()),
    }
}

fn volume(volume: &Volume) -> Checked {
    let set = [volume.host_path.is_some(), volume.image.is_some(), volume.source.is_some()];
    if set.into_iter().filter(|set| *set).count() != 1 {
        let text = "Only one of them should be set: 'host_path', 'image' and 'source'";
        return Err(text.to_string());
    }
    let Some(source) = &volume.source else { return Ok(()) };
    let (is_set, field, kind) = match source.r#type {
        Some(VolumeSourceType::DockerVolume) => {
            (source.docker_volume.is_some(), "docker_volume", "DOCKER_VOLUME")
        }
        Some(VolumeSourceType::HostPath) => (source.host_path.is_some(), "host_path", "HOST_PATH"),
        Some(VolumeSourceType::SandboxPath) => {
            (source.sandbox_path.is_some(), "sandbox_path", "SANDBOX_PATH")
        }
        Some(VolumeSourceType::Secret) => (source.secret.is_some(), "secret", "SECRET"),
        Some(VolumeSourceType::CsiVolume) => (source.csi_volume.is_some(), "csi_volume", "CSI"),
        _ => return Err("'source.type' is unknown".to_string()),
    };
    match is_set {
        true => Ok(()),
        false => Err(format!("'source.{field}' is not set for {kind} volume")),
    }
}

fn linux(info: Option<&ContainerInfo>) -> Option<&LinuxInfo> {
    info.and_then(|info| info.linux_info.as_deref())
}

/// Whether a container is to have cgroups of its own.
fn own_cgroups(linux: Option<&LinuxInfo>) -> bool {
    linux.is_some_and(|linux| linux.share_cgroups == Some(false))
}

/// Whether there are two containers above this one.
fn is_twice_nested(id: &ContainerId) -> bool {
    id.parent.as_ref().is_some_and(|parent| parent.parent.is_some())
}

fn cgroups_of_nested(id: &ContainerId, linux: Option<&LinuxInfo>) -> Checked {
    match own_cgroups(linux) && is_twice_nested(id) {
        true => Err("'launch_nested_container' is invalid: containers nested at the second level \
                     or greater cannot set 'share_cgroups' to 'false'"
            .to_string()),
        false => Ok(()),
    }
}

fn cgroups_of_session(linux: Option<&LinuxInfo>) -> Checked {
    match own_cgroups(linux) {
        true => Err("'launch_nested_container_session.container.linux_info' is invalid: \
                     'share_cgroups' cannot be set to 'false' for nested container sessions"
            .to_string()),
        false => Ok(()),
    }
}

fn launch(body: &LaunchContainer) -> Checked {
    let kind = CallType::LaunchContainer;
    let id = &body.container_id;
    container(kind, id)?;
    let mut wanted = body.resources.clone();
    let invalid = |error| format!("Invalid resources: {error}");
    // Reservations come in the old format, too.
    wanted.iter_mut().try_for_each(resources::upgrade).map_err(invalid)?;
    resources::validate(&wanted).map_err(invalid)?;
    resources::validate_gpus(&wanted).map_err(|error| format!("Invalid GPU resources: {error}"))?;
    if id.parent.is_none() {
        wanted.iter().try_for_each(for_standalone)?;
    }
    launchable(kind, body.command.as_deref(), body.container.as_deref())?;
    if is_twice_nested(id) {
        let cannot = |what: &str| {
            Err(format!(
                "'launch_container' is invalid: containers nested at the second level or greater \
                 cannot {what}"
            ))
        };
        match () {
            () if !body.resources.is_empty() => return cannot("specify resources"),
            () if !body.limits.is_empty() => return cannot("specify resource limits"),
            () if own_cgroups(linux(body.container.as_deref())) => {
                return cannot("set 'share_cgroups' to 'false'");
            }
            () => {}
        }
    }
    let shares = linux(body.container.as_deref()).and_then(|linux| linux.share_cgroups);
    if id.parent.is_none() && shares == Some(true) {
        let text = "'launch_container' is invalid: containers without a parent cannot set \
                    'share_cgroups' to 'true'";
        return Err(text.to_string());
    }
    Ok(())
}

/// A container that stands alone uses what the agent does not offer: nothing that is anybody's.
fn for_standalone(resource: &Resource) -> Checked {
    let error = if resources::is_reserved(resource, None) {
        "'launch_container.resources' must be unreserved"
    } else if resources::is_persistent_volume(resource) {
        "'launch_container.resources' may not use persistent volumes"
    } else if resource.revocable.is_some() {
        "'launch_container.resources' must be non-revocable"
    } else {
        return Ok(());
    };
    Err(error.to_string())
}

fn attach_input(call: &Call) -> Checked {
    let kind = CallType::AttachContainerInput;
    let body = present(&call.attach_container_input, kind)?;
    match body.r#type {
        None => Err("Expecting 'attach_container_input.type' to be present".to_string()),
        Some(AttachContainerInputType::Unknown) => {
            Err("'attach_container_input.type' is unknown".to_string())
        }
        Some(AttachContainerInputType::ContainerId) => {
            container(kind, &body.container_id.clone().unwrap_or_default())
        }
        Some(AttachContainerInputType::ProcessIo) => Ok(()),
    }
}

fn without_id(kind: CallType, has_id: bool) -> Checked {
    match has_id {
        true => Err(format!("Expecting '{}.info.id' to be unset", body_of(kind))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos::json;
    use serde_json::{Value, json};

    fn says(call: Value) -> String {
        let call: Call = json::from_value(call, "Call").unwrap();
        validate_call(&call).map_or_else(|error| error, |kind| kind.to_string())
    }

    fn launch(container_id: Value, more: Value) -> Value {
        let mut body = json!({"container_id": container_id});
        let fields = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(fields);
        json!({"type": "LAUNCH_CONTAINER", "launch_container": body})
    }

    fn wait(container_id: Value) -> Value {
        let body = json!({"container_id": container_id});
        json!({"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": body})
    }

    #[test]
    fn a_call_has_its_body() {
        assert_eq!(says(json!({})), "Expecting 'type' to be present");
        assert_eq!(says(json!({"type": "GET_HEALTH"})), "GET_HEALTH");
        for kind in ["SET_LOGGING_LEVEL", "READ_FILE", "LAUNCH_CONTAINER", "GET_METRICS"] {
            let body = kind.to_ascii_lowercase();
            assert_eq!(says(json!({"type": kind})), format!("Expecting '{body}' to be present"));
        }
    }

    #[test]
    fn containers_have_names_that_fit_paths() {
        let parent = |value: &str| json!({"value": "n", "parent": {"value": value}});
        assert_eq!(says(wait(parent("p"))), "WAIT_NESTED_CONTAINER");
        assert_eq!(
            says(wait(json!({"value": "n"}))),
            "Expecting 'wait_nested_container.container_id.parent' to be present"
        );
        let bad = "'wait_nested_container.container_id' is invalid: 'ContainerID.parent' is \
                   invalid: ";
        assert_eq!(says(wait(parent(""))), format!("{bad}ID must not be empty"));
        let text = format!("{bad}'ContainerID.value' 'a.b' contains invalid characters");
        assert_eq!(says(wait(parent("a.b"))), text);
        let long = "x".repeat(243);
        let text = format!("{bad}'ContainerID.value' '{long}' exceeds the maximum length (242)");
        assert_eq!(says(wait(parent(&long))), text);
        assert_eq!(says(wait(parent("../x"))), format!("{bad}'../x' contains invalid characters"));
    }

    #[test]
    fn a_container_alone_uses_nothing_of_anybody() {
        let alone = json!({"value": "c"});
        let cpus = |more: Value| {
            let mut cpus = json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}});
            cpus.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
            json!({"resources": [cpus]})
        };
        assert_eq!(says(launch(alone.clone(), cpus(json!({})))), "LAUNCH_CONTAINER");
        assert_eq!(
            says(launch(alone.clone(), cpus(json!({"role": "r"})))),
            "'launch_container.resources' must be unreserved"
        );
        assert_eq!(
            says(launch(alone, cpus(json!({"revocable": {}})))),
            "'launch_container.resources' must be non-revocable"
        );
    }

    #[test]
    fn deep_containers_share_what_those_above_have() {
        let deep = json!({"value": "c", "parent": {"value": "b", "parent": {"value": "a"}}});
        let cpus = json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}});
        let error = |what: &str| {
            format!(
                "'launch_container' is invalid: containers nested at the second level or greater \
                 cannot {what}"
            )
        };
        let says = |more| says(launch(deep.clone(), more));
        assert_eq!(says(json!({"resources": [cpus]})), error("specify resources"));
        let limits = json!({"limits": {"cpus": {"value": 1.0}}});
        assert_eq!(says(limits), error("specify resource limits"));
        let linux = json!({"type": "MESOS", "linux_info": {"share_cgroups": false}});
        let expected = error("set 'share_cgroups' to 'false'");
        assert_eq!(says(json!({"container": linux})), expected);
    }

    #[test]
    fn variables_and_volumes_are_whole() {
        let id = json!({"value": "c"});
        let command = json!({"environment": {"variables": [{"name": "A"}]}});
        assert_eq!(
            says(launch(id.clone(), json!({"command": command}))),
            "'launch_container.command' is invalid: Environment variable 'A' of type 'VALUE' \
             must have a value set"
        );
        let volume = json!({"mode": "RW", "container_path": "v"});
        let info = json!({"type": "MESOS", "volumes": [volume]});
        assert_eq!(
            says(launch(id, json!({"container": info}))),
            "'launch_container.container' is invalid: Invalid volume: Only one of them should be \
             set: 'host_path', 'image' and 'source'"
        );
    }
}

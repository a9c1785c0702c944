//! The containers that tasks and executors ask for (row VA-18).

use mesos::container::{ContainerInfo, ContainerInfoType};
use mesos::volume::{Volume, VolumeSource, VolumeSourceType};

use super::{Check, expect, invalid, within};

/// Checks a container.
pub fn validate(container: &ContainerInfo) -> Check {
    container
        .volumes
        .iter()
        .try_for_each(|volume| validate_volume(volume).map_err(within("Invalid volume")))?;
    if container.r#type != ContainerInfoType::Docker {
        return Ok(());
    }
    let Some(docker) = &container.docker else {
        return invalid("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
    };
    // The agent finds its containers by the names that it gave them.
    expect(docker.parameters.iter().all(|parameter| parameter.key != "name"), || {
        "Parameter in DockerInfo must not be 'name'".to_owned()
    })
}

/// Whether a container says that its cgroups are its parent's, or that they are not; nothing said
/// counts as the former.
pub fn share_cgroups(container: Option<&ContainerInfo>) -> Option<bool> {
    container?.linux_info.as_ref()?.share_cgroups
}

/// Checks a volume: it comes from one place, and says what is needed to find that.
fn validate_volume(volume: &Volume) -> Check {
    let places = [volume.host_path.is_some(), volume.image.is_some(), volume.source.is_some()];
    expect(places.iter().filter(|is_set| **is_set).count() == 1, || {
        "Only one of them should be set: 'host_path', 'image' and 'source'".to_owned()
    })?;
    volume.source.as_deref().map_or(Ok(()), validate_source)
}

fn validate_source(source: &VolumeSource) -> Check {
    let expected = |is_set: bool, field: &str, kind: &str| {
        expect(is_set, || format!("'source.{field}' is not set for {kind} volume"))
    };
    match source.r#type {
        Some(VolumeSourceType::DockerVolume) => {
            expected(source.docker_volume.is_some(), "docker_volume", "DOCKER_VOLUME")
        }
        Some(VolumeSourceType::HostPath) => {
            expected(source.host_path.is_some(), "host_path", "HOST_PATH")
        }
        Some(VolumeSourceType::SandboxPath) => {
            expected(source.sandbox_path.is_some(), "sandbox_path", "SANDBOX_PATH")
        }
        Some(VolumeSourceType::Secret) => expected(source.secret.is_some(), "secret", "SECRET"),
        Some(VolumeSourceType::CsiVolume) => {
            let volume = source.csi_volume.as_ref();
            expected(volume.is_some(), "csi_volume", "CSI")?;
            let is_provided = volume.is_some_and(|csi| csi.static_provisioning.is_some());
            expected(is_provided, "csi_volume.static_provisioning", "CSI")
        }
        Some(VolumeSourceType::Unknown) | None => invalid("'source.type' is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use mesos::container::DockerInfo;
    use mesos::executor_info::Parameter;
    use mesos::volume::{CsiVolume, HostPath};

    use super::*;
    use crate::validation::words;

    fn mounting(volume: Volume) -> ContainerInfo {
        ContainerInfo {
            r#type: ContainerInfoType::Mesos,
            volumes: vec![volume],
            ..ContainerInfo::default()
        }
    }

    fn of_the_host() -> Volume {
        Volume {
            host_path: Some("/data".to_owned()),
            container_path: "data".to_owned(),
            ..Volume::default()
        }
    }

    fn sourced(r#type: Option<VolumeSourceType>) -> Volume {
        let source = VolumeSource { r#type, ..VolumeSource::default() };
        Volume { host_path: None, source: Some(Box::new(source)), ..of_the_host() }
    }

    #[test]
    fn a_volume_comes_from_one_place() {
        assert_eq!(validate(&mounting(of_the_host())), Ok(()));
        let says = "Invalid volume: Only one of them should be set: 'host_path', 'image' and \
                    'source'";
        let nowhere = Volume { host_path: None, ..of_the_host() };
        let twice = Volume { source: sourced(None).source, ..of_the_host() };
        for volume in [nowhere, twice] {
            assert_eq!(words(validate(&mounting(volume))), says);
        }
    }

    #[test]
    fn a_source_has_what_its_type_says() {
        use VolumeSourceType::*;
        let says = |kind| words(validate(&mounting(sourced(kind))));
        let missing = |field: &str, kind: &str| {
            format!("Invalid volume: 'source.{field}' is not set for {kind} volume")
        };
        assert_eq!(says(Some(DockerVolume)), missing("docker_volume", "DOCKER_VOLUME"));
        assert_eq!(says(Some(HostPath)), missing("host_path", "HOST_PATH"));
        assert_eq!(says(Some(SandboxPath)), missing("sandbox_path", "SANDBOX_PATH"));
        assert_eq!(says(Some(Secret)), missing("secret", "SECRET"));
        assert_eq!(says(Some(CsiVolume)), missing("csi_volume", "CSI"));
        assert_eq!(says(Some(Unknown)), "Invalid volume: 'source.type' is unknown");
        assert_eq!(says(None), "Invalid volume: 'source.type' is unknown");
    }

    #[test]
    fn sources_that_say_enough_pass() {
        let mut volume = sourced(Some(VolumeSourceType::HostPath));
        let path = HostPath { path: "/x".to_owned(), mount_propagation: None };
        volume.source.as_mut().expect("it has one").host_path = Some(path);
        assert_eq!(validate(&mounting(volume)), Ok(()));
        let mut volume = sourced(Some(VolumeSourceType::CsiVolume));
        let source = volume.source.as_mut().expect("it has one");
        source.csi_volume = Some(CsiVolume { plugin_name: "p".to_owned(), ..Default::default() });
        assert_eq!(
            words(validate(&mounting(volume))),
            "Invalid volume: 'source.csi_volume.static_provisioning' is not set for CSI volume"
        );
    }

    #[test]
    fn docker_containers_are_described_and_not_named() {
        let nothing = ContainerInfo {
            r#type: ContainerInfoType::Docker,
            docker: None,
            ..ContainerInfo::default()
        };
        assert_eq!(
            words(validate(&nothing)),
            "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
        );
        let with = |key: &str| {
            let parameters = vec![Parameter { key: key.to_owned(), value: "x".to_owned() }];
            let docker = DockerInfo { image: "i".to_owned(), parameters, ..Default::default() };
            ContainerInfo { docker: Some(Box::new(docker)), ..nothing.clone() }
        };
        assert_eq!(validate(&with("env")), Ok(()));
        assert_eq!(words(validate(&with("name"))), "Parameter in DockerInfo must not be 'name'");
    }
}

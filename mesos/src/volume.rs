//! Volumes of a container.

use std::collections::BTreeMap;

use crate::container::Image;
use crate::executor_info::{Parameters, Secret};
use crate::{message, wire_enum};

message! {
    /// Whether mounts in a volume are seen on the other side.
    pub struct MountPropagation("MountPropagation") {
        mode: Option<MountPropagationMode>,
    }

    /// A folder in a container, and where it comes from.
    pub struct Volume("Volume") {
        mode: VolumeMode,
        container_path: String,
        host_path: Option<String>,
        image: Option<Box<Image>>,
        source: Option<Box<VolumeSource>>,
    }

    /// Where a volume comes from, if not from a path of the host.
    pub struct VolumeSource("Source") {
        r#type: Option<VolumeSourceType>,
        docker_volume: Option<DockerVolume>,
        host_path: Option<HostPath>,
        sandbox_path: Option<SandboxPath>,
        secret: Option<Box<Secret>>,
        csi_volume: Option<CsiVolume>,
    }

    /// A volume of a Docker volume driver.
    pub struct DockerVolume("DockerVolume") {
        driver: Option<String>,
        name: String,
        driver_options: Option<Parameters>,
    }

    /// A path of the host.
    pub struct HostPath("HostPath") {
        path: String,
        mount_propagation: Option<MountPropagation>,
    }

    /// A path in the sandbox of the container or of its parent.
    pub struct SandboxPath("SandboxPath") {
        r#type: Option<SandboxPathType>,
        path: String,
    }

    /// A volume of a storage plug-in.
    pub struct CsiVolume("CSIVolume") {
        plugin_name: String,
        static_provisioning: Option<StaticProvisioning>,
    }

    /// How a volume of a storage plug-in is used.
    pub struct VolumeCapability("VolumeCapability") {
        access_mode: CsiAccessMode,
        block: Option<VolumeCapabilityBlockVolume>,
        mount: Option<VolumeCapabilityMountVolume>,
    }

    /// As a block device.
    pub struct VolumeCapabilityBlockVolume("BlockVolume") {
    }

    /// As a mounted file system.
    pub struct VolumeCapabilityMountVolume("MountVolume") {
        fs_type: Option<String>,
        mount_flags: Vec<String>,
    }

    /// Who may use a volume of a storage plug-in.
    pub struct CsiAccessMode("AccessMode") {
        mode: CsiAccessModeMode,
    }

    /// A volume that exists in the storage system already.
    pub struct StaticProvisioning("StaticProvisioning") {
        volume_id: String,
        volume_capability: VolumeCapability,
        node_stage_secrets: BTreeMap<String, Secret>,
        node_publish_secrets: BTreeMap<String, Secret>,
        volume_context: BTreeMap<String, String>,
    }
}

wire_enum! {
    /// Which way mounts are seen.
    pub enum MountPropagationMode {
        Unknown = "UNKNOWN" (0),
        HostToContainer = "HOST_TO_CONTAINER" (1),
        Bidirectional = "BIDIRECTIONAL" (2),
    }

    /// Whether a container may write to a volume.
    pub enum VolumeMode {
        Rw = "RW" (1),
        Ro = "RO" (2),
    }

    /// What a [`VolumeSource`] is.
    pub enum VolumeSourceType {
        Unknown = "UNKNOWN" (0),
        DockerVolume = "DOCKER_VOLUME" (1),
        HostPath = "HOST_PATH" (4),
        SandboxPath = "SANDBOX_PATH" (2),
        Secret = "SECRET" (3),
        CsiVolume = "CSI_VOLUME" (5),
    }

    /// Whose sandbox is meant.
    pub enum SandboxPathType {
        Unknown = "UNKNOWN" (0),
        Own = "SELF" (1),
        Parent = "PARENT" (2),
    }

    /// How many nodes may use a volume, and how.
    pub enum CsiAccessModeMode {
        Unknown = "UNKNOWN" (0),
        SingleNodeWriter = "SINGLE_NODE_WRITER" (1),
        SingleNodeReaderOnly = "SINGLE_NODE_READER_ONLY" (2),
        MultiNodeReaderOnly = "MULTI_NODE_READER_ONLY" (3),
        MultiNodeSingleWriter = "MULTI_NODE_SINGLE_WRITER" (4),
        MultiNodeMultiWriter = "MULTI_NODE_MULTI_WRITER" (5),
    }
}

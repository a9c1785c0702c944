//! Volumes of a container.

use std::collections::BTreeMap;

use crate::container::Image;
use crate::executor_info::{Parameters, Secret};
use crate::{message, wire_enum};

message! {
    /// Mesos's `MountPropagation`.
    pub struct MountPropagation("MountPropagation") {
        mode: Option<MountPropagationMode>,
    }

    /// Mesos's `Volume`.
    pub struct Volume("Volume") {
        mode: VolumeMode,
        container_path: String,
        host_path: Option<String>,
        image: Option<Box<Image>>,
        source: Option<Box<VolumeSource>>,
    }

    /// Mesos's `Volume.Source`.
    pub struct VolumeSource("Source") {
        r#type: Option<VolumeSourceType>,
        docker_volume: Option<DockerVolume>,
        host_path: Option<HostPath>,
        sandbox_path: Option<SandboxPath>,
        secret: Option<Box<Secret>>,
        csi_volume: Option<CsiVolume>,
    }

    /// Mesos's `Volume.Source.DockerVolume`.
    pub struct DockerVolume("DockerVolume") {
        driver: Option<String>,
        name: String,
        driver_options: Option<Parameters>,
    }

    /// Mesos's `Volume.Source.HostPath`.
    pub struct HostPath("HostPath") {
        path: String,
        mount_propagation: Option<MountPropagation>,
    }

    /// Mesos's `Volume.Source.SandboxPath`.
    pub struct SandboxPath("SandboxPath") {
        r#type: Option<SandboxPathType>,
        path: String,
    }

    /// Mesos's `Volume.Source.CSIVolume`.
    pub struct CsiVolume("CSIVolume") {
        plugin_name: String,
        static_provisioning: Option<StaticProvisioning>,
    }

    /// Mesos's `Volume.Source.CSIVolume.VolumeCapability`.
    pub struct VolumeCapability("VolumeCapability") {
        access_mode: CsiAccessMode,
        block: Option<VolumeCapabilityBlockVolume>,
        mount: Option<VolumeCapabilityMountVolume>,
    }

    /// Mesos's `Volume.Source.CSIVolume.VolumeCapability.BlockVolume`.
    pub struct VolumeCapabilityBlockVolume("BlockVolume") {
    }

    /// Mesos's `Volume.Source.CSIVolume.VolumeCapability.MountVolume`.
    pub struct VolumeCapabilityMountVolume("MountVolume") {
        fs_type: Option<String>,
        mount_flags: Vec<String>,
    }

    /// Mesos's `Volume.Source.CSIVolume.VolumeCapability.AccessMode`.
    pub struct CsiAccessMode("AccessMode") {
        mode: CsiAccessModeMode,
    }

    /// Mesos's `Volume.Source.CSIVolume.StaticProvisioning`.
    pub struct StaticProvisioning("StaticProvisioning") {
        volume_id: String,
        volume_capability: VolumeCapability,
        node_stage_secrets: BTreeMap<String, Secret>,
        node_publish_secrets: BTreeMap<String, Secret>,
        volume_context: BTreeMap<String, String>,
    }
}

wire_enum! {
    /// Mesos's `MountPropagation.Mode`.
    pub enum MountPropagationMode {
        Unknown = "UNKNOWN" (0),
        HostToContainer = "HOST_TO_CONTAINER" (1),
        Bidirectional = "BIDIRECTIONAL" (2),
    }

    /// Mesos's `Volume.Mode`.
    pub enum VolumeMode {
        Rw = "RW" (1),
        Ro = "RO" (2),
    }

    /// Mesos's `Volume.Source.Type`.
    pub enum VolumeSourceType {
        Unknown = "UNKNOWN" (0),
        DockerVolume = "DOCKER_VOLUME" (1),
        HostPath = "HOST_PATH" (4),
        SandboxPath = "SANDBOX_PATH" (2),
        Secret = "SECRET" (3),
        CsiVolume = "CSI_VOLUME" (5),
    }

    /// Mesos's `Volume.Source.SandboxPath.Type`.
    pub enum SandboxPathType {
        Unknown = "UNKNOWN" (0),
        Own = "SELF" (1),
        Parent = "PARENT" (2),
    }

    /// Mesos's `Volume.Source.CSIVolume.VolumeCapability.AccessMode.Mode`.
    pub enum CsiAccessModeMode {
        Unknown = "UNKNOWN" (0),
        SingleNodeWriter = "SINGLE_NODE_WRITER" (1),
        SingleNodeReaderOnly = "SINGLE_NODE_READER_ONLY" (2),
        MultiNodeReaderOnly = "MULTI_NODE_READER_ONLY" (3),
        MultiNodeSingleWriter = "MULTI_NODE_SINGLE_WRITER" (4),
        MultiNodeMultiWriter = "MULTI_NODE_MULTI_WRITER" (5),
    }
}

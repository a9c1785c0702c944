//! Resource providers and the storage plug-ins behind them.

use crate::container::ContainerInfo;
use crate::executor_info::CommandInfo;
use crate::ids::ResourceProviderId;
use crate::resource::{ReservationInfo, Resource};
use crate::value::Attribute;
use crate::{message, wire_enum};

message! {
    /// Mesos's `CSIPluginContainerInfo`.
    pub struct CsiPluginContainerInfo("CSIPluginContainerInfo") {
        services: Vec<CsiService>,
        command: Option<Box<CommandInfo>>,
        resources: Vec<Resource>,
        container: Option<Box<ContainerInfo>>,
    }

    /// Mesos's `CSIPluginEndpoint`.
    pub struct CsiPluginEndpoint("CSIPluginEndpoint") {
        csi_service: CsiService,
        endpoint: String,
    }

    /// Mesos's `CSIPluginInfo`.
    pub struct CsiPluginInfo("CSIPluginInfo") {
        r#type: String,
        name: String = "default".to_owned(),
        containers: Vec<CsiPluginContainerInfo>,
        endpoints: Vec<CsiPluginEndpoint>,
        target_path_root: Option<String>,
        target_path_exists: Option<bool>,
    }

    /// Mesos's `ResourceProviderInfo`.
    pub struct ResourceProviderInfo("ResourceProviderInfo") {
        id: Option<ResourceProviderId>,
        attributes: Vec<Attribute>,
        r#type: String,
        name: String,
        default_reservations: Vec<ReservationInfo>,
        storage: Option<ResourceProviderStorage>,
    }

    /// Mesos's `ResourceProviderInfo.Storage`.
    pub struct ResourceProviderStorage("Storage") {
        plugin: CsiPluginInfo,
        reconciliation_interval_seconds: Option<f64>,
    }
}

wire_enum! {
    /// Mesos's `CSIPluginContainerInfo.Service`.
    pub enum CsiService {
        Unknown = "UNKNOWN" (0),
        ControllerService = "CONTROLLER_SERVICE" (1),
        NodeService = "NODE_SERVICE" (2),
    }
}

//! Resource providers and the storage plug-ins behind them.

use crate::container::ContainerInfo;
use crate::executor_info::CommandInfo;
use crate::ids::ResourceProviderId;
use crate::resource::{ReservationInfo, Resource};
use crate::value::Attribute;
use crate::{message, wire_enum};

message! {
    /// A container that runs a storage plug-in, and the services that it offers.
    pub struct CsiPluginContainerInfo("CSIPluginContainerInfo") {
        services: Vec<CsiService>,
        command: Option<Box<CommandInfo>>,
        resources: Vec<Resource>,
        container: Option<Box<ContainerInfo>>,
    }

    /// Where a service of a storage plug-in listens.
    pub struct CsiPluginEndpoint("CSIPluginEndpoint") {
        csi_service: CsiService,
        endpoint: String,
    }

    /// A storage plug-in (Container Storage Interface).
    pub struct CsiPluginInfo("CSIPluginInfo") {
        r#type: String,
        name: String = "default".to_owned(),
        containers: Vec<CsiPluginContainerInfo>,
        endpoints: Vec<CsiPluginEndpoint>,
        target_path_root: Option<String>,
        target_path_exists: Option<bool>,
    }

    /// A provider of resources that an agent would not have by itself.
    pub struct ResourceProviderInfo("ResourceProviderInfo") {
        id: Option<ResourceProviderId>,
        attributes: Vec<Attribute>,
        r#type: String,
        name: String,
        default_reservations: Vec<ReservationInfo>,
        storage: Option<ResourceProviderStorage>,
    }

    /// A provider of storage: the plug-in behind it.
    pub struct ResourceProviderStorage("Storage") {
        plugin: CsiPluginInfo,
        reconciliation_interval_seconds: Option<f64>,
    }
}

wire_enum! {
    /// The services that storage plug-ins have.
    pub enum CsiService {
        Unknown = "UNKNOWN" (0),
        ControllerService = "CONTROLLER_SERVICE" (1),
        NodeService = "NODE_SERVICE" (2),
    }
}

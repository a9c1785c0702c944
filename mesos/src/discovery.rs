//! Labels, and how services are found.

use crate::{message, wire_enum};

message! {
    /// Mesos's `Labels`.
    pub struct Labels("Labels") {
        labels: Vec<Label>,
    }

    /// Mesos's `Label`.
    pub struct Label("Label") {
        key: String,
        value: Option<String>,
    }

    /// Mesos's `Port`.
    pub struct Port("Port") {
        number: u32,
        name: Option<String>,
        protocol: Option<String>,
        visibility: Option<Visibility>,
        labels: Option<Box<Labels>>,
    }

    /// Mesos's `Ports`.
    pub struct Ports("Ports") {
        ports: Vec<Port>,
    }

    /// Mesos's `DiscoveryInfo`.
    pub struct DiscoveryInfo("DiscoveryInfo") {
        visibility: Visibility,
        name: Option<String>,
        environment: Option<String>,
        location: Option<String>,
        version: Option<String>,
        ports: Option<Ports>,
        labels: Option<Box<Labels>>,
    }
}

wire_enum! {
    /// Mesos's `DiscoveryInfo.Visibility`.
    pub enum Visibility {
        Framework = "FRAMEWORK" (0),
        Cluster = "CLUSTER" (1),
        External = "EXTERNAL" (2),
    }
}

//! Labels, and how services are found.

use crate::{message, wire_enum};

message! {
    /// Labels, in order; a key may occur twice.
    pub struct Labels("Labels") {
        labels: Vec<Label>,
    }

    /// A free key, with a value or without.
    pub struct Label("Label") {
        key: String,
        value: Option<String>,
    }

    /// A port that a service listens on.
    pub struct Port("Port") {
        number: u32,
        name: Option<String>,
        protocol: Option<String>,
        visibility: Option<Visibility>,
        labels: Option<Box<Labels>>,
    }

    /// The ports of a service.
    pub struct Ports("Ports") {
        ports: Vec<Port>,
    }

    /// What service discovery should say of a task or executor.
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
    /// Who should see a service.
    pub enum Visibility {
        Framework = "FRAMEWORK" (0),
        Cluster = "CLUSTER" (1),
        External = "EXTERNAL" (2),
    }
}

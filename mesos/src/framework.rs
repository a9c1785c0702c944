//! What a framework says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::discovery::Labels;
use crate::ids::FrameworkId;
use crate::role::DEFAULT_ROLE;
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// Mesos's `FrameworkInfo`.
    pub struct FrameworkInfo("FrameworkInfo") {
        user: String,
        name: String,
        id: Option<FrameworkId>,
        failover_timeout: f64 = 0.0,
        checkpoint: bool = false,
        role: Option<String>,
        roles: Vec<String>,
        hostname: Option<String>,
        principal: Option<String>,
        webui_url: Option<String>,
        capabilities: Vec<FrameworkCapability>,
        labels: Option<Box<Labels>>,
        offer_filters: BTreeMap<String, OfferFilters>,
    }

    /// Mesos's `FrameworkInfo.Capability`.
    pub struct FrameworkCapability("Capability") {
        r#type: Option<FrameworkCapabilityType>,
    }

    /// Mesos's `OfferFilters`.
    pub struct OfferFilters("OfferFilters") {
        min_allocatable_resources: Option<MinAllocatableResources>,
    }

    /// Mesos's `OfferFilters.ResourceQuantities`.
    pub struct OfferFilterQuantities("ResourceQuantities") {
        quantities: BTreeMap<String, Scalar>,
    }

    /// Mesos's `OfferFilters.MinAllocatableResources`.
    pub struct MinAllocatableResources("MinAllocatableResources") {
        quantities: Vec<OfferFilterQuantities>,
    }

    /// Mesos's `AttributeConstraint`.
    pub struct AttributeConstraint("AttributeConstraint") {
        selector: ConstraintSelector,
        predicate: ConstraintPredicate,
    }

    /// Mesos's `AttributeConstraint.Selector`.
    pub struct ConstraintSelector("Selector") {
        pseudoattribute_type: Option<PseudoattributeType>,
        attribute_name: Option<String>,
    }

    /// Mesos's `AttributeConstraint.Predicate`.
    pub struct ConstraintPredicate("Predicate") {
        exists: Option<Exists>,
        not_exists: Option<NotExists>,
        text_equals: Option<TextEquals>,
        text_not_equals: Option<TextNotEquals>,
        text_matches: Option<TextMatches>,
        text_not_matches: Option<TextNotMatches>,
    }

    /// Mesos's `AttributeConstraint.Predicate.Exists`.
    pub struct Exists("Exists") {
    }

    /// Mesos's `AttributeConstraint.Predicate.NotExists`.
    pub struct NotExists("NotExists") {
    }

    /// Mesos's `AttributeConstraint.Predicate.TextEquals`.
    pub struct TextEquals("TextEquals") {
        value: String,
    }

    /// Mesos's `AttributeConstraint.Predicate.TextNotEquals`.
    pub struct TextNotEquals("TextNotEquals") {
        value: String,
    }

    /// Mesos's `AttributeConstraint.Predicate.TextMatches`.
    pub struct TextMatches("TextMatches") {
        regex: String,
    }

    /// Mesos's `AttributeConstraint.Predicate.TextNotMatches`.
    pub struct TextNotMatches("TextNotMatches") {
        regex: String,
    }

    /// Mesos's `OfferConstraints`.
    pub struct OfferConstraints("OfferConstraints") {
        role_constraints: BTreeMap<String, RoleConstraints>,
    }

    /// Mesos's `OfferConstraints.RoleConstraints`.
    pub struct RoleConstraints("RoleConstraints") {
        groups: Vec<ConstraintGroup>,
    }

    /// Mesos's `OfferConstraints.RoleConstraints.Group`.
    pub struct ConstraintGroup("Group") {
        attribute_constraints: Vec<AttributeConstraint>,
    }
}

wire_enum! {
    /// Mesos's `FrameworkInfo.Capability.Type`.
    pub enum FrameworkCapabilityType {
        Unknown = "UNKNOWN" (0),
        RevocableResources = "REVOCABLE_RESOURCES" (1),
        KillingState = "TASK_KILLING_STATE" (2),
        GpuResources = "GPU_RESOURCES" (3),
        SharedResources = "SHARED_RESOURCES" (4),
        PartitionAware = "PARTITION_AWARE" (5),
        MultiRole = "MULTI_ROLE" (6),
        ReservationRefinement = "RESERVATION_REFINEMENT" (7),
        RegionAware = "REGION_AWARE" (8),
    }

    /// Mesos's `AttributeConstraint.Selector.PseudoattributeType`.
    pub enum PseudoattributeType {
        Unknown = "UNKNOWN" (0),
        Hostname = "HOSTNAME" (1),
        Region = "REGION" (2),
        Zone = "ZONE" (3),
    }
}

impl FrameworkInfo {
    /// Whether the framework has declared a capability.
    pub fn has_capability(&self, capability: FrameworkCapabilityType) -> bool {
        self.capabilities.iter().any(|declared| declared.r#type == Some(capability))
    }

    /// The roles that the framework is in: `roles` if it is `MULTI_ROLE`, else the one `role`.
    pub fn effective_roles(&self) -> BTreeSet<String> {
        if self.has_capability(FrameworkCapabilityType::MultiRole) {
            self.roles.iter().cloned().collect()
        } else {
            [self.role.clone().unwrap_or_else(|| DEFAULT_ROLE.to_owned())].into()
        }
    }

    /// How long a disconnected framework keeps its tasks; `None` if the number makes no sense.
    pub fn failover_timeout(&self) -> Option<Duration> {
        // Mesos counts nanoseconds in 63 bits.
        let representable = (0.0..=i64::MAX as f64 / 1e9).contains(&self.failover_timeout);
        representable.then(|| Duration::from_secs_f64(self.failover_timeout))
    }
}

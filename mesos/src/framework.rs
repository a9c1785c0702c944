//! What a framework says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::discovery::Labels;
use crate::ids::FrameworkId;
use crate::role::DEFAULT_ROLE;
use crate::value::Scalar;
use crate::{message, wire_enum};

message! {
    /// A framework. `failover_timeout` is in seconds.
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

    /// Something that a framework declares it can deal with.
    pub struct FrameworkCapability("Capability") {
        r#type: Option<FrameworkCapabilityType>,
    }

    /// What offers in a role must have to be made at all.
    pub struct OfferFilters("OfferFilters") {
        min_allocatable_resources: Option<MinAllocatableResources>,
    }

    /// Amounts that an offer must have, all of them.
    pub struct OfferFilterQuantities("ResourceQuantities") {
        quantities: BTreeMap<String, Scalar>,
    }

    /// Alternatives, one of which an offer must have.
    pub struct MinAllocatableResources("MinAllocatableResources") {
        quantities: Vec<OfferFilterQuantities>,
    }

    /// A condition on one attribute of an agent.
    pub struct AttributeConstraint("AttributeConstraint") {
        selector: ConstraintSelector,
        predicate: ConstraintPredicate,
    }

    /// Which attribute: a real one by name, or one that every agent has.
    pub struct ConstraintSelector("Selector") {
        pseudoattribute_type: Option<PseudoattributeType>,
        attribute_name: Option<String>,
    }

    /// What is demanded of the attribute; one field is set.
    pub struct ConstraintPredicate("Predicate") {
        exists: Option<Exists>,
        not_exists: Option<NotExists>,
        text_equals: Option<TextEquals>,
        text_not_equals: Option<TextNotEquals>,
        text_matches: Option<TextMatches>,
        text_not_matches: Option<TextNotMatches>,
    }

    /// The agent has the attribute.
    pub struct Exists("Exists") {
    }

    /// The agent lacks the attribute.
    pub struct NotExists("NotExists") {
    }

    /// The attribute is this text. Attributes that are no text pass.
    pub struct TextEquals("TextEquals") {
        value: String,
    }

    /// The attribute is not this text.
    pub struct TextNotEquals("TextNotEquals") {
        value: String,
    }

    /// The attribute matches this regular expression (RE2's dialect) as a whole.
    pub struct TextMatches("TextMatches") {
        regex: String,
    }

    /// The attribute does not match this regular expression as a whole.
    pub struct TextNotMatches("TextNotMatches") {
        regex: String,
    }

    /// Which agents a framework wants offers from, by role.
    pub struct OfferConstraints("OfferConstraints") {
        role_constraints: BTreeMap<String, RoleConstraints>,
    }

    /// Alternatives, one of which an agent must satisfy.
    pub struct RoleConstraints("RoleConstraints") {
        groups: Vec<ConstraintGroup>,
    }

    /// Conditions, all of which an agent must satisfy.
    pub struct ConstraintGroup("Group") {
        attribute_constraints: Vec<AttributeConstraint>,
    }
}

wire_enum! {
    /// What a framework can deal with.
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

    /// Attributes that every agent has.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_the_capability() {
        let mut info = FrameworkInfo { role: Some("a".to_owned()), ..FrameworkInfo::default() };
        assert_eq!(info.effective_roles(), ["a".to_owned()].into());
        info.role = None;
        assert_eq!(info.effective_roles(), ["*".to_owned()].into());
        info.roles = vec!["b".to_owned(), "c".to_owned()];
        let r#type = Some(FrameworkCapabilityType::MultiRole);
        info.capabilities.push(FrameworkCapability { r#type });
        assert_eq!(info.effective_roles(), ["b".to_owned(), "c".to_owned()].into());
    }

    #[test]
    fn senseless_timeouts_are_none() {
        let timeout = |failover_timeout| {
            FrameworkInfo { failover_timeout, ..FrameworkInfo::default() }.failover_timeout()
        };
        assert_eq!(timeout(0.5), Some(Duration::from_millis(500)));
        for bad in [-1.0, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(timeout(bad), None);
        }
    }
}

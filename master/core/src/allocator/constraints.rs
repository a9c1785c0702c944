//! Which agents a framework wants offers from (row AL-25).
//!
//! By role, a framework gives groups of constraints: an agent is offered if it satisfies all
//! constraints of any group, or if nothing is said of the role. A constraint is about an attribute
//! of the agent, or about its host name, region or zone. What is demanded of a text is satisfied
//! by an attribute that is no text, as in Mesos: whoever cares must look at the offer.

use std::collections::BTreeMap;

use mesos::agent::AgentInfo;
use mesos::framework::{
    AttributeConstraint, ConstraintPredicate, ConstraintSelector, OfferConstraints,
    PseudoattributeType,
};
use mesos::value::ValueType;
use regex_lite::{Regex, RegexBuilder};

use crate::validation::{Invalid, expect, invalid, within};

/// Which agents a framework wants offers from, by role.
#[derive(Debug, Default)]
pub struct Constraints {
    by_role: BTreeMap<String, Vec<Group>>,
}

/// Constraints that an agent must satisfy all of.
type Group = Vec<Constraint>;

#[derive(Debug)]
struct Constraint {
    selector: Selector,
    predicate: Predicate,
}

/// What of an agent is looked at.
#[derive(Debug)]
enum Selector {
    Hostname,
    Region,
    Zone,
    Attribute(String),
}

/// What is demanded of it.
#[derive(Debug)]
enum Predicate {
    Exists,
    NotExists,
    Equals(String),
    NotEquals(String),
    Matches(Regex),
    NotMatches(Regex),
}

/// What an agent has where it is looked at.
enum Found<'a> {
    Nothing,
    Text(&'a str),
    Other,
}

impl Constraints {
    /// Makes what a framework says ready to be asked; refuses what makes no sense, in Mesos's
    /// words. No regular expression may need more than `regex_size` octets.
    pub fn new(said: &OfferConstraints, regex_size: usize) -> Result<Self, Invalid> {
        let mut by_role = BTreeMap::new();
        for (role, constraints) in &said.role_constraints {
            expect(!constraints.groups.is_empty(), || {
                format!(
                    "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' \
                     for role {role}"
                )
            })?;
            let mut groups = Vec::with_capacity(constraints.groups.len());
            for group in &constraints.groups {
                // The missing space is Mesos's.
                expect(!group.attribute_constraints.is_empty(), || {
                    format!(
                        "'OfferConstraints::RoleConstraints::groups' for role {role}contains an \
                         empty RoleConstraints::Group"
                    )
                })?;
                let what = format!("A role {role} has an invalid 'AttributeConstraint'");
                let constraints = group.attribute_constraints.iter().map(|constraint| {
                    Constraint::new(constraint, regex_size).map_err(within(&what))
                });
                groups.push(constraints.collect::<Result<Group, Invalid>>()?);
            }
            by_role.insert(role.clone(), groups);
        }
        Ok(Self { by_role })
    }

    /// Whether nothing is demanded of any agent.
    pub fn is_empty(&self) -> bool {
        self.by_role.is_empty()
    }

    /// The roles in which offers of this agent are not wanted.
    pub fn excluded_roles(&self, agent: &AgentInfo) -> impl Iterator<Item = &str> {
        let excludes = |groups: &[Group]| {
            !groups.iter().any(|group| group.iter().all(|one| one.is_satisfied_by(agent)))
        };
        let excluding = self.by_role.iter().filter(move |(_, groups)| excludes(groups));
        excluding.map(|(role, _)| role.as_str())
    }
}

impl Constraint {
    fn new(said: &AttributeConstraint, regex_size: usize) -> Result<Self, Invalid> {
        Ok(Self {
            selector: Selector::new(&said.selector)?,
            predicate: Predicate::new(&said.predicate, regex_size)?,
        })
    }

    fn is_satisfied_by(&self, agent: &AgentInfo) -> bool {
        self.predicate.holds(&self.selector.find(agent))
    }
}

impl Selector {
    fn new(said: &ConstraintSelector) -> Result<Self, Invalid> {
        match (said.pseudoattribute_type, &said.attribute_name) {
            (Some(PseudoattributeType::Hostname), None) => Ok(Self::Hostname),
            (Some(PseudoattributeType::Region), None) => Ok(Self::Region),
            (Some(PseudoattributeType::Zone), None) => Ok(Self::Zone),
            (Some(PseudoattributeType::Unknown), None) => invalid("Unknown pseudoattribute type"),
            (None, Some(name)) => Ok(Self::Attribute(name.clone())),
            (None, None) | (Some(_), Some(_)) => invalid(
                "Exactly one of 'AttributeConstraint::Selector::name' or \
                 'AttributeConstraint::Selector::pseudoattribute_type' must be set",
            ),
        }
    }

    fn find<'a>(&self, agent: &'a AgentInfo) -> Found<'a> {
        let domain = agent.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
        match self {
            Self::Hostname => Found::Text(&agent.hostname),
            Self::Region => domain.map_or(Found::Nothing, |of| Found::Text(&of.region.name)),
            Self::Zone => domain.map_or(Found::Nothing, |of| Found::Text(&of.zone.name)),
            Self::Attribute(name) => {
                let attribute = agent.attributes.iter().find(|one| one.name == *name);
                let Some(attribute) = attribute else { return Found::Nothing };
                match &attribute.text {
                    Some(text) if attribute.r#type == ValueType::Text => Found::Text(&text.value),
                    _ => Found::Other,
                }
            }
        }
    }
}

impl Predicate {
    fn new(said: &ConstraintPredicate, regex_size: usize) -> Result<Self, Invalid> {
        let ConstraintPredicate {
            exists,
            not_exists,
            text_equals,
            text_not_equals,
            text_matches,
            text_not_matches,
        } = said;
        if exists.is_some() {
            Ok(Self::Exists)
        } else if not_exists.is_some() {
            Ok(Self::NotExists)
        } else if let Some(text) = text_equals {
            Ok(Self::Equals(text.value.clone()))
        } else if let Some(text) = text_not_equals {
            Ok(Self::NotEquals(text.value.clone()))
        } else if let Some(text) = text_matches {
            regex(&text.regex, regex_size).map(Self::Matches)
        } else if let Some(text) = text_not_matches {
            regex(&text.regex, regex_size).map(Self::NotMatches)
        } else {
            invalid("Unknown predicate type")
        }
    }

    fn holds(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (Self::Exists, Found::Nothing) => false,
            (Self::Exists, Found::Text(_) | Found::Other) => true,
            (Self::NotExists, found) => matches!(found, Found::Nothing),
            (Self::Equals(_) | Self::Matches(_), Found::Nothing) => false,
            (Self::NotEquals(_) | Self::NotMatches(_), Found::Nothing) => true,
            (_, Found::Other) => true,
            (Self::Equals(wanted), Found::Text(text)) => text == wanted,
            (Self::NotEquals(wanted), Found::Text(text)) => text != wanted,
            (Self::Matches(regex), Found::Text(text)) => regex.is_match(text),
            (Self::NotMatches(regex), Found::Text(text)) => !regex.is_match(text),
        }
    }
}

/// A regular expression that matches texts as a whole.
fn regex(pattern: &str, size: usize) -> Result<Regex, Invalid> {
    let build = |pattern: &str| {
        let built = RegexBuilder::new(pattern).size_limit(size).build();
        let what = format!("Failed to construct regex from pattern '{pattern}'");
        built.map_err(within(&what))
    };
    // It must be one for itself, so that it cannot break out of the frame around it.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

#[cfg(test)]
mod tests {
    use mesos::agent::{DomainInfo, FaultDomain, RegionInfo, ZoneInfo};
    use mesos::framework::{
        ConstraintGroup, Exists, NotExists, RoleConstraints, TextEquals, TextMatches,
        TextNotEquals, TextNotMatches,
    };
    use mesos::value::{Attribute, Scalar, Text};

    use super::*;

    const SIZE: usize = 64 * 1024;

    fn attribute(name: &str) -> ConstraintSelector {
        let attribute_name = Some(name.to_owned());
        ConstraintSelector { attribute_name, pseudoattribute_type: None }
    }

    fn pseudo(kind: PseudoattributeType) -> ConstraintSelector {
        ConstraintSelector { pseudoattribute_type: Some(kind), attribute_name: None }
    }

    fn exists() -> ConstraintPredicate {
        ConstraintPredicate { exists: Some(Exists {}), ..ConstraintPredicate::default() }
    }

    fn equals(value: &str) -> ConstraintPredicate {
        let text_equals = Some(TextEquals { value: value.to_owned() });
        ConstraintPredicate { text_equals, ..ConstraintPredicate::default() }
    }

    fn matches(regex: &str) -> ConstraintPredicate {
        let text_matches = Some(TextMatches { regex: regex.to_owned() });
        ConstraintPredicate { text_matches, ..ConstraintPredicate::default() }
    }

    type Said = (ConstraintSelector, ConstraintPredicate);

    /// Groups of constraints for role `r`.
    fn said(groups: Vec<Vec<Said>>) -> OfferConstraints {
        let group = |constraints: Vec<Said>| ConstraintGroup {
            attribute_constraints: constraints
                .into_iter()
                .map(|(selector, predicate)| AttributeConstraint { selector, predicate })
                .collect(),
        };
        let groups = groups.into_iter().map(group).collect();
        OfferConstraints { role_constraints: [("r".to_owned(), RoleConstraints { groups })].into() }
    }

    fn agent() -> AgentInfo {
        let text = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            r#type: ValueType::Text,
            text: Some(Text { value: value.to_owned() }),
            ..Attribute::default()
        };
        let number = Attribute {
            name: "level".to_owned(),
            r#type: ValueType::Scalar,
            scalar: Some(Scalar { value: 1.0 }),
            ..Attribute::default()
        };
        let fault_domain = FaultDomain {
            region: RegionInfo { name: "eu".to_owned() },
            zone: ZoneInfo { name: "a".to_owned() },
        };
        AgentInfo {
            hostname: "node-1".to_owned(),
            attributes: vec![text("rack", "abc"), number],
            domain: Some(Box::new(DomainInfo { fault_domain: Some(fault_domain) })),
            ..AgentInfo::default()
        }
    }

    fn offers(groups: Vec<Vec<Said>>) -> bool {
        let constraints = Constraints::new(&said(groups), SIZE).expect("they make sense");
        constraints.excluded_roles(&agent()).next().is_none()
    }

    fn holds(selector: ConstraintSelector, predicate: ConstraintPredicate) -> bool {
        offers(vec![vec![(selector, predicate)]])
    }

    #[test]
    fn attributes_are_looked_at() {
        assert!(holds(attribute("rack"), exists()));
        assert!(!holds(attribute("shelf"), exists()));
        let not_exists =
            ConstraintPredicate { not_exists: Some(NotExists {}), ..Default::default() };
        assert!(!holds(attribute("rack"), not_exists.clone()));
        assert!(holds(attribute("shelf"), not_exists));
        assert!(holds(attribute("rack"), equals("abc")));
        assert!(!holds(attribute("rack"), equals("ab")));
        assert!(!holds(attribute("shelf"), equals("")));
        let text_not_equals = Some(TextNotEquals { value: "abc".to_owned() });
        let differs = ConstraintPredicate { text_not_equals, ..Default::default() };
        assert!(!holds(attribute("rack"), differs.clone()));
        assert!(holds(attribute("shelf"), differs));
    }

    #[test]
    fn texts_match_as_a_whole() {
        assert!(holds(attribute("rack"), matches("a.c")));
        assert!(holds(attribute("rack"), matches("x|abc|y")));
        assert!(!holds(attribute("rack"), matches("b")));
        assert!(!holds(attribute("rack"), matches("a|b")));
        let text_not_matches = Some(TextNotMatches { regex: "a.*".to_owned() });
        let differs = ConstraintPredicate { text_not_matches, ..Default::default() };
        assert!(!holds(attribute("rack"), differs.clone()));
        assert!(holds(attribute("shelf"), differs));
    }

    #[test]
    fn what_is_no_text_passes_every_test_of_text() {
        for predicate in [equals("1"), matches("never")] {
            assert!(holds(attribute("level"), predicate));
        }
    }

    #[test]
    fn where_an_agent_is_counts_too() {
        use PseudoattributeType::{Hostname, Region, Zone};
        assert!(holds(pseudo(Hostname), matches("node-[0-9]+")));
        assert!(holds(pseudo(Region), equals("eu")));
        assert!(holds(pseudo(Zone), equals("a")));
        let nowhere = AgentInfo { domain: None, ..agent() };
        let constraints = said(vec![vec![(pseudo(Region), exists())]]);
        let constraints = Constraints::new(&constraints, SIZE).expect("they make sense");
        assert_eq!(constraints.excluded_roles(&nowhere).collect::<Vec<_>>(), ["r"]);
    }

    #[test]
    fn any_group_will_do_and_all_of_it() {
        let (yes, no) = ((attribute("rack"), exists()), (attribute("shelf"), exists()));
        assert!(offers(vec![vec![no.clone()], vec![yes.clone()]]));
        assert!(!offers(vec![vec![no.clone(), yes]]));
        assert!(!offers(vec![vec![no.clone()], vec![no]]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_mesos_words() {
        let says = |said: OfferConstraints| Constraints::new(&said, SIZE).unwrap_err().0;
        assert_eq!(
            says(said(Vec::new())),
            "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role \
             r"
        );
        assert_eq!(
            says(said(vec![Vec::new()])),
            "'OfferConstraints::RoleConstraints::groups' for role rcontains an empty \
             RoleConstraints::Group"
        );
        let one = |selector, predicate| says(said(vec![vec![(selector, predicate)]]));
        let prefix = "A role r has an invalid 'AttributeConstraint': ";
        assert_eq!(
            one(attribute("a"), ConstraintPredicate::default()),
            format!("{prefix}Unknown predicate type")
        );
        assert_eq!(
            one(pseudo(PseudoattributeType::Unknown), exists()),
            format!("{prefix}Unknown pseudoattribute type")
        );
        assert_eq!(
            one(ConstraintSelector::default(), exists()),
            format!(
                "{prefix}Exactly one of 'AttributeConstraint::Selector::name' or \
                 'AttributeConstraint::Selector::pseudoattribute_type' must be set"
            )
        );
        for pattern in ["(", ")(", "a{1000}{1000}"] {
            let said = one(attribute("a"), matches(pattern));
            let start = format!("{prefix}Failed to construct regex from pattern '{pattern}'");
            assert!(said.starts_with(&start), "{said}");
        }
    }
}

//! Whether an agent with these flags may go on as the one that was before (row RC-06).

use mesos::agent::AgentInfo;

use crate::config::ReconfigurationPolicy;

/// What differs between the last run and this one, and must not.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Incompatible {
    /// The hostname.
    #[error("the hostname was '{was}' and is '{is}'")]
    Hostname {
        /// The last run's.
        was: String,
        /// This run's.
        is: String,
    },
    /// The port.
    #[error("the port was {was} and is {is}")]
    Port {
        /// The last run's.
        was: i32,
        /// This run's.
        is: i32,
    },
    /// The resources.
    #[error("the resources have changed")]
    Resources,
    /// The attributes.
    #[error("the attributes have changed")]
    Attributes,
    /// The fault domain.
    #[error("the domain has changed")]
    Domain,
}

/// Compares the last run's description with this one's, whose id is not looked at.
pub fn check_compatible(
    was: &AgentInfo,
    is: &AgentInfo,
    policy: ReconfigurationPolicy,
) -> Result<(), Incompatible> {
    let additive = policy == ReconfigurationPolicy::Additive;
    if was.hostname != is.hostname {
        let (was, is) = (was.hostname.clone(), is.hostname.clone());
        return Err(Incompatible::Hostname { was, is });
    }
    if was.port != is.port {
        return Err(Incompatible::Port { was: was.port, is: is.port });
    }
    let resources = match additive {
        true => is.resources().contains(&was.resources()),
        false => is.resources() == was.resources(),
    };
    if !resources {
        return Err(Incompatible::Resources);
    }
    let kept = was.attributes.iter().all(|attribute| is.attributes.contains(attribute));
    if !kept || (!additive && was.attributes.len() != is.attributes.len()) {
        return Err(Incompatible::Attributes);
    }
    if was.domain != is.domain && !(additive && was.domain.is_none()) {
        return Err(Incompatible::Domain);
    }
    Ok(())
}

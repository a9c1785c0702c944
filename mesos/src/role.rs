//! Roles: names of the parties that share a cluster, in a hierarchy (`eng/web/prod`).

/// The role of whoever has none.
pub const DEFAULT_ROLE: &str = "*";

/// Why text is no role, in Mesos's words (row VA-15).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The text is empty.
    #[error("Empty role name is invalid")]
    Empty,
    /// It starts with the separator.
    #[error("Role '{0}' cannot start with a slash")]
    LeadingSlash(String),
    /// It ends with the separator.
    #[error("Role '{0}' cannot end with a slash")]
    TrailingSlash(String),
    /// A component is empty.
    #[error("Role '{0}' cannot contain two adjacent slashes")]
    AdjacentSlashes(String),
    /// A component is `.`, `..` or `*`, which stand for something else.
    #[error("Role '{role}' cannot include '{component}' as a component")]
    Component {
        /// The role.
        role: String,
        /// The component.
        component: String,
    },
    /// A component looks like a command line option.
    #[error("Role component '{0}' is invalid because it starts with a dash")]
    LeadingDash(String),
    /// A component holds what a terminal would not show.
    #[error("Role component '{0}' is invalid because it contains backspace or whitespace")]
    Whitespace(String),
}

/// Checks that text names a role. `*` does.
pub fn validate(role: &str) -> Result<(), RoleError> {
    if role == DEFAULT_ROLE {
        return Ok(());
    }
    if role.is_empty() {
        return Err(RoleError::Empty);
    }
    if role.starts_with('/') {
        return Err(RoleError::LeadingSlash(role.to_owned()));
    }
    if role.ends_with('/') {
        return Err(RoleError::TrailingSlash(role.to_owned()));
    }
    role.split('/').try_for_each(|component| validate_component(role, component))
}

fn validate_component(role: &str, component: &str) -> Result<(), RoleError> {
    const UNSEEN: [char; 7] = ['\x08', '\t', '\n', '\x0b', '\x0c', '\r', ' '];
    match component {
        "" => Err(RoleError::AdjacentSlashes(role.to_owned())),
        "." | ".." | DEFAULT_ROLE => {
            Err(RoleError::Component { role: role.to_owned(), component: component.to_owned() })
        }
        _ if component.starts_with('-') => Err(RoleError::LeadingDash(component.to_owned())),
        _ if component.contains(UNSEEN) => Err(RoleError::Whitespace(component.to_owned())),
        _ => Ok(()),
    }
}

/// Whether `role` is below `ancestor` in the hierarchy; no role is below itself.
pub fn is_strict_subrole_of(role: &str, ancestor: &str) -> bool {
    role.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `role` is `ancestor` or below it.
pub fn is_subrole_of(role: &str, ancestor: &str) -> bool {
    role == ancestor || is_strict_subrole_of(role, ancestor)
}

/// The roles above `role`, nearest first: `a/b/c` is below `a/b` and `a`.
pub fn ancestors(role: &str) -> impl Iterator<Item = &str> {
    role.rmatch_indices('/').map(|(end, _)| &role[..end])
}

/// The role directly above, if there is one.
pub fn parent(role: &str) -> Option<&str> {
    ancestors(role).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_mesos() {
        let says = |role: &str| validate(role).unwrap_err().to_string();
        assert_eq!(says("."), "Role '.' cannot include '.' as a component");
        assert_eq!(says("a/.."), "Role 'a/..' cannot include '..' as a component");
        assert_eq!(says("a/*"), "Role 'a/*' cannot include '*' as a component");
        assert_eq!(
            says("a b"),
            "Role component 'a b' is invalid because it contains backspace or whitespace"
        );
        assert_eq!(says("/a"), "Role '/a' cannot start with a slash");
        assert_eq!(says("a/"), "Role 'a/' cannot end with a slash");
        assert_eq!(says("a//b"), "Role 'a//b' cannot contain two adjacent slashes");
        assert_eq!(says("-x"), "Role component '-x' is invalid because it starts with a dash");
        assert_eq!(says(""), "Empty role name is invalid");
        for good in ["*", "a", "a-b", "eng/web/prod", "..."] {
            validate(good).unwrap();
        }
    }

    #[test]
    fn the_hierarchy_is_by_component() {
        assert!(is_strict_subrole_of("a/b", "a"));
        assert!(!is_strict_subrole_of("ab", "a"));
        assert!(!is_strict_subrole_of("a", "a"));
        assert!(is_subrole_of("a", "a"));
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(parent("a"), None);
    }
}

//! Ids, each a type of its own, written as Mesos writes them: `{"value": "…"}`.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::reflect::{Reflect, Seen, Slot};
use crate::schema::{Field, Kind, Label, Message, Schema};
use crate::{message, message_value};

/// The longest id that may be a file name.
const MAX_ID: usize = 255;

/// Why text may not be the id of a task, executor, framework or volume, in Mesos's words (row
/// VA-01).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is empty.
    #[error("ID must not be empty")]
    Empty,
    /// It would not fit into a file name.
    #[error("ID must not be greater than {MAX_ID} characters")]
    TooLong,
    /// It means another directory.
    #[error("'{0}' is disallowed")]
    Dots(String),
    /// It holds a separator of paths or a control character.
    #[error("'{0}' contains invalid characters")]
    Characters(String),
}

/// Checks an id that strangers chose: it becomes part of paths.
pub fn validate_id(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        "." | ".." => Err(IdError::Dots(id.to_owned())),
        _ if id.len() > MAX_ID => Err(IdError::TooLong),
        _ if id.chars().any(|char| char.is_ascii_control() || char == '/' || char == '\\') => {
            Err(IdError::Characters(id.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The text of ids that are being read: messages are made empty first, and thousands of times a
/// second an allocation for that would tell.
static EMPTY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident ($proto:literal);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            value: Arc<str>,
        }

        impl $name {
            /// The id with this text.
            pub fn new(value: impl Into<Arc<str>>) -> Self {
                Self { value: value.into() }
            }

            /// The text of this id.
            pub fn as_str(&self) -> &str {
                &self.value
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { value: Arc::clone(&EMPTY) }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self::new(value)
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::new(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.value)
            }
        }

        impl Message for $name {
            fn schema() -> &'static Schema {
                static SCHEMA: Schema = Schema {
                    name: $proto,
                    fields: &[Field {
                        name: "value",
                        key: "v",
                        label: Label::Required,
                        kind: Kind::String,
                    }],
                };
                &SCHEMA
            }
        }

        impl Reflect for $name {
            fn described(&self) -> &'static Schema {
                <Self as Message>::schema()
            }

            fn each(&self, see: &mut dyn FnMut(usize, Seen<'_>)) {
                see(0, Seen::Text(&self.value));
            }

            fn slot(&mut self, index: usize) -> Option<&mut dyn Slot> {
                (index == 0).then_some(&mut self.value)
            }
        }

        message_value!($name);
    )*};
}

id! {
    /// A framework, as the master named it: `<master id>-NNNN`, or as a scheduler brought it.
    FrameworkId("FrameworkID");
    /// An offer: `<master id>-O<n>`.
    OfferId("OfferID");
    /// An agent: `<master id>-S<n>`.
    AgentId("AgentID");
    /// A task, named by its framework and unique within it.
    TaskId("TaskID");
    /// An executor, unique within its framework on one agent.
    ExecutorId("ExecutorID");
    /// A resource provider.
    ResourceProviderId("ResourceProviderID");
    /// An offer operation whose framework wants feedback.
    OperationId("OperationID");
}

message! {
    /// A container, possibly nested in another.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct ContainerId("ContainerID") {
        value: String,
        parent: Option<Box<ContainerId>>,
    }
}

impl ContainerId {
    /// A container at the root, with this text.
    pub fn root(value: impl Into<String>) -> Self {
        Self { value: value.into(), parent: None }
    }
}

impl fmt::Display for ContainerId {
    /// The ids from the root down, joined by dots, as Mesos prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = &self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_break_paths_are_refused() {
        let says = |id: &str| validate_id(id).unwrap_err().to_string();
        assert_eq!(says(""), "ID must not be empty");
        assert_eq!(says(".."), "'..' is disallowed");
        assert_eq!(says(&"x".repeat(256)), "ID must not be greater than 255 characters");
        for bad in ["a/b", "a\\b", "a\nb", "a\0"] {
            assert!(says(bad).ends_with("contains invalid characters"));
        }
        validate_id("a b.c:d-é").unwrap();
    }

    #[test]
    fn nested_containers_print_from_the_root() {
        let id =
            ContainerId { value: "b".to_owned(), parent: Some(Box::new(ContainerId::root("a"))) };
        assert_eq!(id.to_string(), "a.b");
    }
}

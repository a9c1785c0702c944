//! Flags that a daemon knows but cannot follow yet. None of them is ignored in silence: where going
//! on without the effect would be unsafe or wrong, the flag is refused; elsewhere the daemon says
//! so and goes on. Which flags these are is the daemon's to say, in a table of its own.

use super::FlagSet;
use crate::units::parse_duration;
use std::collections::BTreeMap;

/// Why a daemon does not start with its flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("flag '{name}' with value '{value}' is not supported yet: {why}; leave it out")]
pub struct Unsupported {
    /// The flag.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What is missing.
    pub why: &'static str,
}

/// The flags whose values differ from their defaults.
#[derive(Debug)]
pub struct Changed(BTreeMap<&'static str, String>);

impl Changed {
    /// Those of `flags`.
    pub fn of<F: FlagSet>(flags: &F) -> Self {
        let mut values = flags.values();
        let changed = F::specs().into_iter().filter_map(|spec| {
            let value = values.remove(spec.name)?;
            let same = spec.default.is_some_and(|default| same(default, &value));
            (!same).then_some((spec.name, value))
        });
        Self(changed.collect())
    }

    /// The value of a flag, if it is neither the default nor among the values that are `fine`.
    pub fn value(&self, name: &str, fine: &[&str]) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !fine.contains(value))
    }

    /// Refuses any value but the default and those that are `fine`.
    ///
    /// # Errors
    /// With what is missing, when the flag has another value.
    pub fn refuse(
        &self,
        name: &'static str,
        why: &'static str,
        fine: &[&str],
    ) -> Result<(), Unsupported> {
        match self.value(name, fine) {
            None => Ok(()),
            Some(value) => Err(Unsupported { name, value: value.to_owned(), why }),
        }
    }
}

/// Whether two spellings of a value are one: `60secs` prints as `1mins`.
fn same(default: &str, value: &str) -> bool {
    default == value
        || matches!((parse_duration(default), parse_duration(value)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Invocation;
    use std::time::Duration;

    crate::flags! {
        /// Of the test.
        struct TestFlags {
            /// How long.
            patience: Duration = "60secs";
            /// What.
            kind: String = "plain";
            /// Whose.
            owner: Option<String>;
        }
    }

    fn changed(arguments: &[&str]) -> Changed {
        match TestFlags::parse("MESOS_", arguments.iter().copied(), []).unwrap() {
            Invocation::Run(parsed) => Changed::of(&parsed.flags),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_no_changes_however_they_are_spelt() {
        let changed = changed(&["--patience=1mins", "--kind=plain"]);
        assert!(changed.0.is_empty(), "{changed:?}");
    }

    #[test]
    fn other_values_are_refused_unless_they_are_fine() {
        let changed = changed(&["--kind=fancy", "--owner=me"]);
        assert_eq!(changed.value("owner", &[]), Some("me"));
        assert_eq!(changed.refuse("kind", "there is one kind", &["fancy"]), Ok(()));
        assert_eq!(changed.refuse("patience", "nobody waits", &[]), Ok(()));
        let refused = changed.refuse("kind", "there is one kind", &[]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "flag 'kind' with value 'fancy' is not supported yet: there is one kind; leave it out"
        );
    }
}

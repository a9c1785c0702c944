//! Ids that strangers choose (row VA-01): they become names of folders.

use mesos::ids::validate_id;

use super::{Check, Invalid};

/// Checks that an id can be the name of a folder.
pub fn validate(id: &str) -> Check {
    validate_id(id).map_err(|why| Invalid(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::validate;
    use crate::validation::words;

    #[test]
    fn names_of_folders_pass() {
        for id in ["a", "a b", "...", "task.1-2_3", &"x".repeat(255)] {
            assert_eq!(validate(id), Ok(()), "{id}");
        }
    }

    #[test]
    fn what_would_leave_the_folder_does_not() {
        assert_eq!(words(validate("")), "ID must not be empty");
        let long = words(validate(&"x".repeat(256)));
        assert_eq!(long, "ID must not be greater than 255 characters");
        for id in [".", ".."] {
            assert_eq!(words(validate(id)), format!("'{id}' is disallowed"));
        }
        for id in ["a/b", "a\\b", "a\nb", "\u{7f}"] {
            assert_eq!(words(validate(id)), format!("'{id}' contains invalid characters"));
        }
    }
}

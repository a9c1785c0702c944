//! Ids that strangers choose (row VA-01): they become names of folders.

use super::{Check, expect};

/// The longest name that common file systems take, in octets.
const MAX_LENGTH: usize = 255;

/// Checks that an id can be the name of a folder.
pub fn validate(id: &str) -> Check {
    expect(!id.is_empty(), || "ID must not be empty".to_owned())?;
    expect(id.len() <= MAX_LENGTH, || {
        format!("ID must not be greater than {MAX_LENGTH} characters")
    })?;
    expect(id != "." && id != "..", || format!("'{id}' is disallowed"))?;
    let forbidden = |c: char| c.is_control() || c == '/' || c == '\\';
    expect(!id.contains(forbidden), || format!("'{id}' contains invalid characters"))
}

#[cfg(test)]
mod tests {
    use super::validate;

    #[test]
    fn names_of_folders_pass() {
        for id in ["a", "a b", "...", "task.1-2_3", &"x".repeat(255)] {
            assert_eq!(validate(id), Ok(()), "{id}");
        }
    }

    #[test]
    fn what_would_leave_the_folder_does_not() {
        for id in ["", ".", "..", "a/b", "a\\b", "a\nb", "\u{7f}", &"x".repeat(256)] {
            assert!(validate(id).is_err(), "{id}");
        }
    }
}

//! Docker's format of profiles.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The largest file that is read as a profile, in octets.
const MAX_SIZE: u64 = 1 << 20;

/// Why a file is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("Failed to read Seccomp profile file '{}': {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not in the format.
    #[error("Failed to parse Seccomp profile '{}': {text}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// What happens to calls that no rule is about.
    pub default_action: Action,
    /// The error that a call then fails with.
    #[serde(default)]
    pub default_errno_ret: Option<u16>,
    /// The rules.
    pub syscalls: Vec<Rule>,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Action {
    /// The thread, or for the kernel's newer name the process, ends.
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    Kill,
    /// The process ends.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The process gets a signal, SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// The call fails.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// The call is made, and logged.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// The call is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
}

/// What happens to some calls.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Their names.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// The error that they fail with.
    #[serde(default)]
    pub errno_ret: Option<u16>,
    /// What their arguments have to be like, all of them.
    #[serde(default)]
    pub args: Option<Vec<Argument>>,
    /// For whom the rule holds.
    #[serde(default)]
    pub includes: Option<Filter>,
    /// For whom it does not.
    #[serde(default)]
    pub excludes: Option<Filter>,
}

/// What an argument has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Argument {
    /// Which: 0 to 5.
    pub index: u32,
    /// What it is compared with; for a masked comparison the mask.
    pub value: u64,
    /// What a masked argument is compared with.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

/// A comparison, without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Operator {
    /// Not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    Ne,
    /// Less.
    #[serde(rename = "SCMP_CMP_LT")]
    Lt,
    /// Less or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    Le,
    /// Equal.
    #[serde(rename = "SCMP_CMP_EQ")]
    Eq,
    /// Greater or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    Ge,
    /// Greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Gt,
    /// Equal where the mask has bits.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEq,
}

/// Some containers, on some machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Names of architectures, one of which the machine has.
    #[serde(default)]
    pub arches: BTreeSet<String>,
    /// Names of capabilities, such as `CAP_SYS_ADMIN`.
    #[serde(default)]
    pub caps: BTreeSet<String>,
    /// The oldest kernel, such as `4.8`.
    #[serde(default)]
    pub min_kernel: Option<String>,
}

impl Profile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no profile.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let failed = |source| ProfileError::Read { path: path.to_owned(), source };
        let wrong = |text| ProfileError::Parse { path: path.to_owned(), text };
        if fs::metadata(path).map_err(failed)?.len() > MAX_SIZE {
            return Err(wrong(format!("it is larger than {MAX_SIZE} octets")));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text).map_err(wrong)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is no profile; the text says why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for rule in &profile.syscalls {
            if rule.names.is_empty() {
                return Err("Syscall 'names' list is empty".to_owned());
            }
            let arguments = rule.args.iter().flatten();
            if let Some(wrong) = arguments.into_iter().find(|argument| argument.index > 5) {
                return Err(format!("there is no argument with the index {}", wrong.index));
            }
            let filters = [&rule.includes, &rule.excludes];
            let caps = filters.into_iter().flatten().flat_map(|filter| &filter.caps);
            for name in caps {
                if super::Set::default().with(name).is_none() {
                    return Err(format!("Unknown capability: '{name}'"));
                }
            }
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_s_format_is_read() {
        let profile = Profile::parse(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": null,
                 "comment": "", "includes": {}, "excludes": {}},
                {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
                 "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
                 "includes": {"caps": ["CAP_SYS_ADMIN"], "minKernel": "4.8"},
                 "excludes": {"arches": ["s390"]}}]}"#,
        )
        .unwrap();
        assert_eq!(profile.default_action, Action::Errno);
        let rule = &profile.syscalls[1];
        let argument = rule.args.as_ref().unwrap()[0];
        assert_eq!((argument.value, argument.op), (8, Operator::Eq));
        assert!(rule.includes.as_ref().unwrap().caps.contains("CAP_SYS_ADMIN"));
        assert!(rule.excludes.as_ref().unwrap().arches.contains("s390"));
    }

    #[test]
    fn other_texts_say_why() {
        let error = |syscalls: &str| {
            let text =
                format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{syscalls}]}}"#);
            Profile::parse(&text).unwrap_err()
        };
        assert!(Profile::parse("{}").unwrap_err().contains("defaultAction"));
        let text = error(r#"{"names": [], "action": "SCMP_ACT_ALLOW"}"#);
        assert_eq!(text, "Syscall 'names' list is empty");
        let text = error(r#"{"names": ["read"], "action": "nonsense"}"#);
        assert!(text.contains("nonsense"), "{text}");
        let text = error(
            r#"{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"caps": ["CAP_X"]}}"#,
        );
        assert_eq!(text, "Unknown capability: 'CAP_X'");
        let text = error(
            r#"{"names": ["read"], "action": "SCMP_ACT_LOG",
                "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}"#,
        );
        assert_eq!(text, "there is no argument with the index 6");
    }
}

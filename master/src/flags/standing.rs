//! Flags that do nothing yet, and which of them are refused; see [`libprocess::flags::standing`].

use libprocess::flags::standing::{Changed, Unsupported};

use super::Flags;

/// What becomes of a flag that does nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The master goes on and says so.
    NoEffect,
    /// The master does not start: what the flag asks for cannot be done without.
    Refused,
}

use Standing::{NoEffect, Refused};

/// The flags that do nothing yet, with what is missing, and values that are fine all the same.
const UNFINISHED: &[(&str, Standing, &str, &[&str])] = &[
    ("zk", Refused, "masters cannot elect a leader through ZooKeeper yet", &[]),
    ("master_contender", Refused, "there are no modules", &[]),
    ("master_detector", Refused, "there are no modules", &[]),
    ("modules", Refused, "there are no modules", &[]),
    ("modules_dir", Refused, "there are no modules", &[]),
    ("hooks", Refused, "there are no modules", &[]),
    ("authenticate_frameworks", Refused, "nobody would be authenticated", &[]),
    ("authenticate_agents", Refused, "nobody would be authenticated", &[]),
    ("authenticate_http_readwrite", Refused, "nobody would be authenticated", &[]),
    ("authenticate_http_readonly", Refused, "nobody would be authenticated", &[]),
    ("authenticate_http_frameworks", Refused, "nobody would be authenticated", &[]),
    ("acls", Refused, "nobody would be authorized", &[]),
    ("authenticators", Refused, "there are no modules", &["crammd5"]),
    ("authorizers", Refused, "there are no modules", &["local"]),
    ("http_authenticators", Refused, "there are no modules", &["basic", "jwt"]),
    ("http_framework_authenticators", Refused, "there are no modules", &["basic", "jwt"]),
    ("allocator", Refused, "there is one allocator", &["hierarchical", "HierarchicalDRF"]),
    ("role_sorter", Refused, "roles are sorted by 'drf' only", &["drf"]),
    ("framework_sorter", Refused, "frameworks are sorted by 'drf' only", &["drf"]),
    ("whitelist", Refused, "all agents would be offered", &["*"]),
    ("require_agent_domain", Refused, "agents without a domain would be admitted", &[]),
    ("registry_strict", Refused, "it is no longer supported, in Mesos either", &[]),
    ("credentials", NoEffect, "nobody is authenticated", &[]),
    ("authentication_v0_timeout", NoEffect, "nobody is authenticated", &[]),
    ("rate_limits", NoEffect, "calls are not limited", &[]),
    ("quorum", NoEffect, "one master keeps the registry by itself", &["1"]),
    ("zk_session_timeout", NoEffect, "ZooKeeper is not used", &[]),
    ("log_auto_initialize", NoEffect, "the registry is always initialised", &[]),
    ("agent_removal_rate_limit", NoEffect, "removals are not limited", &[]),
    ("allocator_agent_recovery_factor", NoEffect, "there is no quota", &[]),
    ("allocator_recovery_timeout", NoEffect, "there is no quota", &[]),
    ("max_executors_per_agent", NoEffect, "executors are not limited", &[]),
    ("offer_constraints_re2_max_mem", NoEffect, "regular expressions are bounded by 64 KB", &[]),
    (
        "offer_constraints_re2_max_program_size",
        NoEffect,
        "regular expressions are bounded by 64 KB",
        &[],
    ),
    ("webui_dir", NoEffect, "there is no web UI", &[]),
    ("external_log_file", NoEffect, "there is no web UI", &[]),
    ("memory_profiling", NoEffect, "memory cannot be profiled", &[]),
    ("logbufsecs", NoEffect, "log lines are not buffered", &[]),
    ("initialize_driver_logging", NoEffect, "it concerns no master", &[]),
];

/// Looks at the flags that differ from their defaults. What may be gone on without is returned as
/// sentences for the user.
///
/// # Errors
/// The first flag that must not be gone on without.
pub fn check(flags: &Flags) -> Result<Vec<String>, Unsupported> {
    let changed = Changed::of(flags);
    let mut warnings = Vec::new();
    for (name, standing, why, fine) in UNFINISHED {
        match standing {
            Refused => changed.refuse(name, why, fine)?,
            NoEffect if changed.value(name, fine).is_some() => {
                warnings.push(format!("accepted, has no effect yet: --{name} ({why})"));
            }
            NoEffect => {}
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::flags::{FlagSet, Invocation};
    use std::collections::BTreeMap;

    fn flags(arguments: &[&str]) -> Flags {
        match Flags::parse("MESOS_", arguments.iter().copied(), []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_row_names_a_flag() {
        let specs = Flags::specs();
        for (name, ..) in UNFINISHED {
            assert!(specs.iter().any(|spec| spec.name == *name), "{name}");
        }
    }

    #[test]
    fn the_table_is_mesos_s() {
        // Rows FM-01 to FM-77, `help`, and one of our own.
        assert_eq!(Flags::specs().len(), 77 + 2);
    }

    #[test]
    fn values_are_shown_as_mesos_shows_them() {
        let recorded = include_str!("../../tests/golden/state/custom_executor.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let mut recorded: BTreeMap<String, String> =
            serde_json::from_value(recorded["flags"].clone()).unwrap();
        // A path of the recorded installation; ours has no such folder.
        recorded.remove("webui_dir");
        let flags = flags(&[
            "--hostname=127.0.0.1",
            "--no-hostname_lookup",
            "--ip=127.0.0.1",
            "--port=16050",
            "--registry=in_memory",
            "--work_dir=/var/lib/mesos/m",
        ]);
        let mut values = flags.values();
        assert_eq!(values.remove("allocate_on_recovery").as_deref(), Some("true"));
        assert_eq!(values, recorded);
    }

    #[test]
    fn defaults_are_fine() {
        assert_eq!(check(&flags(&[])), Ok(vec![]));
        assert_eq!(check(&flags(&["--allocator=HierarchicalDRF", "--whitelist=*"])), Ok(vec![]));
    }

    #[test]
    fn nothing_is_ignored_in_silence() {
        let warnings = check(&flags(&["--quorum=2", "--no-log_auto_initialize"])).unwrap();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].starts_with("accepted, has no effect yet: --quorum"), "{warnings:?}");
        let refused = check(&flags(&["--authenticate_agents"])).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "flag 'authenticate_agents' with value 'true' is not supported yet: \
             nobody would be authenticated; leave it out"
        );
        assert!(check(&flags(&["--role_sorter=random"])).is_err());
        assert!(check(&flags(&["--zk=zk://localhost/mesos"])).is_err());
    }

    #[test]
    fn old_names_still_work() {
        let flags = flags(&["--slave_ping_timeout=3secs", "--authenticate=false"]);
        assert_eq!(flags.agent_ping_timeout.as_secs(), 3);
        assert!(!flags.authenticate_frameworks);
    }
}

//! Flags that do nothing yet, and which of them are refused; see [`libprocess::flags::standing`].

use libprocess::flags::FlagSet;
use libprocess::flags::standing::{Changed, Unsupported};

use super::Flags;
use super::unfinished::Unfinished;

/// Flags that are refused, with what is missing, and values that are fine all the same.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("containerizers", "there is one containerizer, 'mesos'", &["mesos"]),
    ("image_providers", "there are no container images", &[]),
    ("authenticate_http_readwrite", "nobody would be authenticated", &[]),
    ("authenticate_http_readonly", "nobody would be authenticated", &[]),
    ("authenticate_http_executors", "nobody would be authenticated", &[]),
    ("acls", "nobody would be authorized", &[]),
    ("authorizer", "there are no modules", &["local"]),
    ("authenticatee", "there are no modules", &["crammd5"]),
    ("http_authenticators", "there are no modules", &["basic", "jwt"]),
    ("modules", "there are no modules", &[]),
    ("modules_dir", "there are no modules", &[]),
    ("hooks", "there are no modules", &[]),
    ("master_detector", "there are no modules", &[]),
    ("container_logger", "there are no modules", &[]),
    ("secret_resolver", "there are no modules", &[]),
    ("resource_estimator", "there are no modules", &[]),
    ("qos_controller", "there are no modules", &[]),
    ("disk_profile_adaptor", "there are no modules", &[]),
    ("resource_provider_config_dir", "there are no resource providers", &[]),
    ("csi_plugin_config_dir", "there are no volumes of CSI plugins", &[]),
    ("xfs_kill_containers", "it would not be enforced", &[]),
    ("default_container_info", "containers would be made without it", &[]),
    ("default_container_dns", "containers would be made without it", &[]),
    ("http_command_executor", "the command executor speaks with messages", &[]),
    ("http_executor_domain_sockets", "executors find no such socket", &[]),
    ("agent_features", "the agent's capabilities cannot be chosen", &[]),
];

/// Looks at the flags that differ from their defaults. What may be gone on without is returned as
/// sentences for the user.
///
/// # Errors
/// The first flag that must not be gone on without.
pub fn check(flags: &Flags) -> Result<Vec<String>, Unsupported> {
    let changed = Changed::of(flags);
    for (name, why, fine) in REFUSED {
        changed.refuse(name, why, fine)?;
    }
    let mut warnings = Vec::new();
    for spec in Unfinished::specs() {
        let name = spec.name;
        let refused = REFUSED.iter().any(|(refused, ..)| *refused == name);
        if let Some(value) = changed.value(name, &[])
            && !refused
        {
            warnings.push(format!("accepted, has no effect yet: --{name}={value}"));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::flags::Invocation;

    fn flags(arguments: &[&str]) -> Flags {
        let required = ["--master=localhost:5050", "--work_dir=/w"];
        let arguments = required.iter().chain(arguments).copied();
        match Flags::parse("MESOS_", arguments, []).unwrap() {
            Invocation::Run(parsed) => parsed.flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_row_names_a_flag() {
        let specs = Flags::specs();
        for (name, ..) in REFUSED {
            assert!(specs.iter().any(|spec| spec.name == *name), "{name}");
        }
    }

    #[test]
    fn the_table_is_mesos_s() {
        // Rows FA-01 to FA-166, and `help`.
        assert_eq!(Flags::specs().len(), 166 + 1);
    }

    #[test]
    fn defaults_are_fine() {
        assert_eq!(check(&flags(&[])), Ok(vec![]));
        assert_eq!(check(&flags(&["--isolation=posix/mem,posix/cpu"])), Ok(vec![]));
        assert_eq!(check(&flags(&["--cgroups_root=x", "--launcher=linux"])), Ok(vec![]));
    }

    #[test]
    fn nothing_is_ignored_in_silence() {
        let warnings = check(&flags(&["--docker_remove_delay=1hrs", "--docker=podman"])).unwrap();
        assert_eq!(
            warnings,
            [
                "accepted, has no effect yet: --docker=podman",
                "accepted, has no effect yet: --docker_remove_delay=1hrs"
            ]
        );
        for refused in ["--containerizers=docker", "--acls={}"] {
            let error = check(&flags(&[refused])).unwrap_err();
            assert!(error.to_string().contains("is not supported yet"), "{error}");
        }
    }
}

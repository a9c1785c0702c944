//! What the binary says without a cluster.

mod support;

use support::{mesos, run};

#[test]
fn help_lists_the_commands_and_explains_each() {
    let help = run(mesos().arg("help"));
    assert_eq!(help.code, Some(0));
    for name in ["local", "run", "status", "execute", "master", "agent", "completion"] {
        assert!(help.stdout.contains(&format!("  {name} ")), "{name}");
        let one = run(mesos().args(["help", name]));
        assert_eq!(one.code, Some(0), "{name}");
        assert!(one.stdout.contains(&format!("Usage: mesos {name}")), "{}", one.stdout);
    }
    assert!(run(mesos().args(["run", "--help"])).stdout.contains("--cpus=VALUE"));
    let nothing = run(&mut mesos());
    assert_eq!((nothing.code, nothing.stdout), (Some(1), help.stdout));
}

#[test]
fn the_version_is_that_of_the_product_and_of_the_api() {
    for arguments in [&["version"][..], &["--version"], &["master", "--version"]] {
        let ended = run(mesos().args(arguments));
        let expected = format!("mesos {} (Mesos API 1.11.0)\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((ended.code, ended.stdout), (Some(0), expected), "{arguments:?}");
    }
}

#[test]
fn the_binary_acts_as_the_program_under_whose_name_it_is_called() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, flag) in [
        ("mesos-master", "--work_dir="),
        ("mesos-agent", "--attributes="),
        ("mesos-slave", "--attributes="),
        ("mesos-local", "--agents="),
        ("mesos-execute", "--kill_after="),
    ] {
        let link = directory.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mesos"), &link).expect("a link");
        let ended = run(std::process::Command::new(&link).arg("--help"));
        assert_eq!(ended.code, Some(0), "{name}");
        assert!(ended.stdout.contains(&format!("Usage: {name} ")), "{}", ended.stdout);
        assert!(ended.stdout.contains(flag), "{name}: {}", ended.stdout);
    }
}

#[test]
fn mistakes_are_named_with_what_to_do_next() {
    let cases: [(&[&str], &str, &str); 8] = [
        (&["rum"], "there is no command 'rum'", "'mesos help' lists"),
        (&["run"], "no command was given", "-- echo hello"),
        (&["run", "--cpu=1", "--", "x"], "unknown flag 'cpu'", "'--cpus'"),
        (&["run", "--cpus=many", "--", "x"], "'many'", "--cpus=5"),
        (&["run", "--master=zk://a/b", "--", "x"], "'zk://a/b'", "MESOS_MASTER"),
        (&["status", "--master=a:b"], "'a:b'", "--master=HOST:PORT"),
        (&["completion", "tcsh"], "'tcsh'", "bash, zsh, fish"),
        (&["execute", "--name=x"], "Flag 'command' is required", "--command=VALUE"),
    ];
    for (arguments, what, next) in cases {
        let ended = run(mesos().args(arguments));
        assert_ne!(ended.code, Some(0), "{arguments:?}");
        assert!(ended.stderr.contains(what), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(next), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_master_that_is_not_there_is_named() {
    // A port that was free a moment ago, and that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let ended = run(mesos().arg("status").env("MESOS_MASTER", &address));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    assert!(ended.stderr.contains("Connection refused"), "{}", ended.stderr);
    assert!(ended.stderr.contains("'mesos local'"), "{}", ended.stderr);
}

#[test]
fn completion_knows_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(mesos().args(["completion", shell]));
        assert_eq!(ended.code, Some(0));
        for word in ["local", "work_dir", "kill_after", "registry"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
    }
    let script = run(mesos().args(["completion", "bash"])).stdout;
    let checked = run(std::process::Command::new("bash").args(["-n", "-c", &script]));
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
}

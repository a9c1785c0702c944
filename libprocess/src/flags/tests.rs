use super::completion::{Command, Shell, script};
use super::*;
use crate::units::Bytes;
use std::path::PathBuf;
use std::time::Duration;

crate::flags! {
    /// Shared by the daemons of the test.
    struct BasicFlags {
        /// Prints help.
        help: bool = "false";
        /// Prints the version.
        version: bool = "false";
    }
}

crate::flags! {
    /// The daemon of the test.
    struct TestFlags {
        include { basic: BasicFlags }
        /// Port to listen on.
        port: u16 = "5050";
        /// How long to wait.
        ///
        /// In all.
        reregister_timeout: Duration = "10mins" { deprecated_names: &["slave_timeout"] };
        /// Where to keep files.
        work_dir: PathBuf;
        /// Whether to say nothing.
        quiet: bool = "false" { names: &["silent"] };
        /// Name of the cluster.
        cluster: Option<String>;
        /// Size of the cache.
        cache_size: Bytes = "2GB";
        /// What to check.
        policy: String = "equal" { choices: &["equal", "additive"] };
        /// Old.
        weights: Option<String> { deprecated: Some("use the weights endpoint") };
    }
}

fn parse(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Parsed<TestFlags>, FlagError> {
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let arguments = arguments.iter().map(|argument| argument.to_string());
    match TestFlags::parse("MESOS_", arguments, environment)? {
        Invocation::Run(parsed) => Ok(*parsed),
        other => panic!("unexpected {other:?}"),
    }
}

fn message(arguments: &[&str]) -> String {
    parse(arguments, &[]).unwrap_err().to_string()
}

#[test]
fn defaults_fill_what_is_not_given() {
    let flags = parse(&["--work_dir=/w"], &[]).unwrap().flags;
    assert_eq!(flags.port, 5050);
    assert_eq!(flags.reregister_timeout, Duration::from_secs(600));
    assert_eq!(flags.work_dir, PathBuf::from("/w"));
    assert!(!flags.quiet);
    assert_eq!(flags.cluster, None);
    assert_eq!(flags.cache_size, Bytes(2 * Bytes::GIGABYTE));
    assert!(!flags.basic.help && !flags.basic.version);
}

#[test]
fn values_print_as_the_flags_endpoint_shows_them() {
    let flags = parse(&["--work_dir=/w", "--reregister_timeout=90mins", "--quiet"], &[]);
    let values = flags.unwrap().flags.values();
    let printed: Vec<String> =
        values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        printed.join(" "),
        "cache_size=2GB help=false policy=equal port=5050 quiet=true \
         reregister_timeout=90mins version=false work_dir=/w"
    );
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let environment = [("MESOS_PORT", "1"), ("MESOS_WORK_DIR", "/e"), ("MESOS_QUIET", "1")];
    let flags = parse(&["--port=2"], &environment).unwrap().flags;
    assert_eq!((flags.port, flags.work_dir, flags.quiet), (2, PathBuf::from("/e"), true));
}

#[test]
fn foreign_variables_are_ignored() {
    parse(&["--work_dir=/w"], &[("MESOS_NATIVE_LIBRARY", "x"), ("PORT", "y")]).unwrap();
}

#[test]
fn booleans_in_all_forms() {
    for (argument, quiet) in [
        ("--quiet", true),
        ("--no-quiet", false),
        ("--quiet=true", true),
        ("--quiet=0", false),
        ("--quiet=", true),
        ("--silent", true),
        ("--no-silent", false),
        ("--QUIET", true),
    ] {
        let flags = parse(&["--work_dir=/w", argument], &[]).unwrap().flags;
        assert_eq!(flags.quiet, quiet, "{argument}");
    }
}

#[test]
fn errors_are_in_the_words_of_mesos() {
    assert_eq!(message(&["--prot=1"]), "Failed to load unknown flag 'prot'");
    assert_eq!(message(&["--no-x"]), "Failed to load unknown flag 'x' via 'no-x'");
    assert_eq!(message(&["--port=1", "--port=2"]), "Duplicate flag 'port' on command line");
    assert_eq!(message(&["--quiet", "--no-quiet"]), "Duplicate flag 'no-quiet' on command line");
    assert_eq!(
        message(&["--quiet", "--silent"]),
        "Flag 'quiet' is already loaded via name 'quiet'"
    );
    assert_eq!(
        message(&["--work_dir", "/w"]),
        "Failed to load non-boolean flag 'work_dir': Missing value"
    );
    assert_eq!(message(&["--no-port"]), "Failed to load non-boolean flag 'port' via 'no-port'");
    assert_eq!(
        message(&["--no-quiet=1"]),
        "Failed to load boolean flag 'quiet' via 'no-quiet' with value '1'"
    );
    assert_eq!(
        message(&["--work_dir=/w", "--port=x"]),
        "Failed to load flag 'port': Failed to load value 'x': Failed to convert 'x' to number"
    );
    assert_eq!(message(&[]), "Flag 'work_dir' is required, but it was not provided");
}

#[test]
fn hints_say_what_to_do() {
    let hint = |arguments: &[&str]| parse(arguments, &[]).unwrap_err().hint();
    assert_eq!(hint(&["--work-dir=/w"]), "Did you mean '--work_dir'? '--help' lists all flags.");
    assert_eq!(hint(&["--zzz=/w"]), "'--help' lists all flags.");
    assert_eq!(
        hint(&["--work_dir", "/w"]),
        "Write it as '--work_dir=VALUE', with the equals sign."
    );
    assert!(hint(&["--work_dir=/", "--reregister_timeout=5"]).contains("10secs"));
    assert_eq!(hint(&["--work_dir=/", "--policy=x"]), "Choose one of: equal, additive.");
}

#[test]
fn deprecated_names_and_flags_warn() {
    let arguments = ["--work_dir=/w", "--slave_timeout=1secs", "--weights=a=1"];
    let parsed = parse(&arguments, &[]).unwrap();
    assert_eq!(parsed.flags.reregister_timeout, Duration::from_secs(1));
    assert_eq!(
        parsed.warnings,
        [
            "Loaded deprecated flag 'slave_timeout', please use 'reregister_timeout' instead",
            "Loaded deprecated flag 'weights': use the weights endpoint"
        ]
    );
}

#[test]
fn file_values_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster");
    std::fs::write(&file, "east\n").unwrap();
    let cluster = format!("--cluster=file://{}", file.display());
    let work_dir = format!("--work_dir=file://{}", file.display());
    let flags = parse(&[&cluster, &work_dir], &[]).unwrap().flags;
    assert_eq!(flags.cluster.as_deref(), Some("east"));
    assert_eq!(flags.work_dir, file);

    let missing = message(&["--work_dir=/w", "--cluster=file:///nonexistent/x"]);
    assert!(missing.contains("Error reading file '/nonexistent/x'"), "{missing}");
}

#[test]
fn positional_arguments_and_what_follows_two_dashes() {
    let parsed = parse(&["a", "--work_dir=/w", "b", "--", "--port=x", "c"], &[]).unwrap();
    assert_eq!(parsed.positional, ["a", "b", "--port=x", "c"]);
}

#[test]
fn help_wins_over_errors() {
    let ask = |arguments: &[&str]| TestFlags::parse("", arguments.to_vec(), []);
    assert!(matches!(ask(&["--nonsense", "--help"]), Ok(Invocation::Help)));
    assert!(matches!(ask(&["--version"]), Ok(Invocation::Version)));
    assert!(ask(&["--work_dir=/w", "--", "--help"]).is_ok());
}

#[test]
fn usage_lists_flags_by_name() {
    let usage = TestFlags::usage("mesos-test");
    assert!(usage.starts_with("Usage: mesos-test [options]\n\n  --cache_size=VALUE "), "{usage}");
    assert!(usage.contains("--[no-]quiet"), "{usage}");
    assert!(usage.contains("Port to listen on. (default: 5050)"), "{usage}");
    assert!(usage.contains("Where to keep files. (required)"), "{usage}");
    assert!(usage.contains("What to check. (one of: equal, additive) (default: equal)"), "{usage}");
    let timeout = usage.find("How long to wait.").unwrap();
    assert!(usage[timeout..].contains("In all. (default: 10mins)"), "{usage}");
}

#[test]
fn completion_names_every_flag() {
    let command = Command { name: "test", about: "Runs it's [test]", flags: TestFlags::specs() };
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let text = script(shell, "mesos", std::slice::from_ref(&command));
        for spec in TestFlags::specs() {
            assert!(text.contains(spec.name), "{shell:?} lacks {}", spec.name);
        }
    }
    assert_eq!("bash".parse(), Ok(Shell::Bash));
    assert!("csh".parse::<Shell>().is_err());
}

#[test]
fn bash_takes_the_script() {
    let command = Command { name: "test", about: "Runs it's", flags: TestFlags::specs() };
    let text = script(Shell::Bash, "mesos", &[command]);
    let check = format!(
        "{text}\nCOMP_WORDS=(mesos test --po); COMP_CWORD=2; compopt() {{ :; }}; _mesos; \
         echo \"${{COMPREPLY[*]}}\""
    );
    let output = std::process::Command::new("bash").args(["-c", &check]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.trim(), "--port= --policy=", "{output:?}");
}

#[test]
fn no_word_panics() {
    use proptest::prelude::*;
    proptest!(|(words in proptest::collection::vec("(--)?(no-)?\\PC{0,12}", 0..6))| {
        let _ = TestFlags::parse("MESOS_", words, []);
    });
}

//! Local files, names, permissions, users, and the client of Hadoop.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use libprocess::subprocess::Identity;
use mesos::executor_info::Uri;
use nix::unistd::{User, geteuid};

use crate::bench::{Bench, uri};

#[test]
fn local_files_are_copied_by_path_and_by_uri() {
    let bench = Bench::with(|config| {
        config.frameworks_home = config.cache_dir.with_file_name("home").display().to_string();
    });
    let home = bench.dir.path().join("home/sub");
    fs::create_dir_all(&home).unwrap();
    for name in ["one", "two", "three", "four"] {
        fs::write(home.join(name), name).unwrap();
    }
    let at = |name: &str| home.join(name).display().to_string();
    let uris = [
        uri(at("one")),
        uri(format!("file://{}", at("two"))),
        uri(format!("file://localhost{}", at("three"))),
        uri("  sub/four"),
    ];
    assert_eq!(bench.fetched("c", &uris), Ok(()));
    for name in ["one", "two", "three", "four"] {
        assert_eq!(bench.read("c", name), name);
    }
    let log = bench.log("c");
    assert!(log.contains("Successfully fetched all URIs into"), "{log}");
    assert!(log.contains("] Fetching URI '"), "{log}");
    assert_eq!((bench.stats.succeeded(), bench.stats.failed()), (1, 0));
}

#[test]
fn what_is_not_there_or_no_file_is_refused() {
    let bench = Bench::new();
    let fifo = bench.dir.path().join("pipe");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let missing = bench.dir.path().join("missing").display().to_string();
    for (container, value, expected) in [
        ("missing", missing.as_str(), "cannot open"),
        ("directory", "/tmp", "`source` was not a regular file"),
        ("endless", "/dev/zero", "`source` was not a regular file"),
        ("pipe", fifo.to_str().unwrap(), "`source` was not a regular file"),
        ("relative", "a/b", "A relative path was passed for the resource"),
        ("host", "file://a/b", "File URI only supports absolute paths"),
    ] {
        let log = bench.refused(container, uri(value));
        assert!(log.contains(&format!("Failed to fetch '{value}': ")), "{log}");
        assert!(log.contains(expected), "{container}: {log}");
    }
    assert_eq!((bench.stats.succeeded(), bench.stats.failed()), (0, 6));
    let error = bench.fetched("nonsense", &[uri("http://host")]).unwrap_err();
    assert_eq!(error, "Could not fetch: Malformed URI (missing path): http://host");
    let outside = Uri { output_file: Some("../x".to_owned()), ..uri("/etc/passwd") };
    let error = bench.fetched("outside", &[outside]).unwrap_err();
    assert_eq!(error, "Could not fetch: URI output file must be within the sandbox directory");
}

#[test]
fn the_first_failure_ends_it() {
    let bench = Bench::new();
    fs::write(bench.dir.path().join("a"), "a").unwrap();
    let a = bench.dir.path().join("a").display().to_string();
    let renamed = |name: &str| Uri { output_file: Some(name.to_owned()), ..uri(a.clone()) };
    let uris = [renamed("before"), uri("/no/such/file"), renamed("after")];
    assert!(bench.fetched("c", &uris).is_err());
    assert!(bench.path("c", "before").exists() && !bench.path("c", "after").exists());
}

#[test]
fn files_get_the_names_and_permissions_that_are_asked_for() {
    let bench = Bench::new();
    let script = bench.dir.path().join("script.tar");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o640)).unwrap();
    let script = script.display().to_string();
    let run = Uri {
        executable: Some(true),
        output_file: Some("bin/deep/run".to_owned()),
        ..uri(script.clone())
    };
    let plain = Uri { extract: false, ..uri(script) };
    assert_eq!(bench.fetched("c", &[run, plain]), Ok(()));
    let mode = |name: &str| fs::metadata(bench.path("c", name)).unwrap().permissions().mode();
    assert_eq!(mode("bin/deep/run") & 0o777, 0o755);
    assert_eq!(mode("script.tar") & 0o111, 0, "and it is not unpacked");
}

#[test]
fn nothing_is_written_through_links_that_lead_out() {
    let bench = Bench::new();
    let precious = bench.dir.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::create_dir_all(bench.sandbox("c")).unwrap();
    std::os::unix::fs::symlink(&precious, bench.path("c", "out")).unwrap();
    let file = Uri { output_file: Some("out/x".to_owned()), ..uri("/etc/passwd") };
    let log = bench.refused("c", file);
    assert!(log.contains("leads out of"), "{log}");
    assert_eq!(fs::read_dir(precious).unwrap().count(), 0);
}

/// Needs root, as an agent does that runs tasks of several users.
#[test]
fn files_are_read_and_owned_by_the_user() {
    let Ok(Some(nobody)) = User::from_name("nobody") else { return };
    if !geteuid().is_root() {
        return;
    }
    let identity = Identity { uid: nobody.uid.as_raw(), gid: nobody.gid.as_raw(), groups: vec![] };
    let user = || Some(("nobody", identity.clone()));
    let bench = Bench::new();
    let source = bench.dir.path().join("source");
    fs::write(&source, "text").unwrap();
    let file = |cache: bool| Uri { cache: Some(cache), ..uri(source.display().to_string()) };
    for (container, cache) in [("plain", false), ("cached", true)] {
        fs::set_permissions(&source, fs::Permissions::from_mode(0o644)).unwrap();
        bench.fetch_as(container, &[file(cache)], user());
        assert_eq!(bench.end(), (container.to_owned(), Ok(())), "{}", bench.log(container));
        let status = fs::metadata(bench.path(container, "source")).unwrap();
        assert_eq!((status.uid(), status.gid()), (identity.uid, identity.gid));
    }
    let folder = fs::metadata(bench.dir.path().join("cache/nobody")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700, "nobody else may look");
    assert_eq!(folder.uid(), identity.uid);
    fs::set_permissions(&source, fs::Permissions::from_mode(0o600)).unwrap();
    bench.fetch_as("secret", &[file(false)], user());
    assert!(bench.end().1.is_err(), "root may read it, and nobody may not");
    let log = bench.log("secret");
    assert!(log.contains("Permission denied"), "{log}");
}

#[test]
fn other_schemes_go_to_the_client_of_hadoop() {
    let bench = Bench::with(|config| {
        let home = config.cache_dir.with_file_name("hadoop");
        config.hadoop_home = Some(home.display().to_string());
    });
    let bin = bench.dir.path().join("hadoop/bin");
    fs::create_dir_all(&bin).unwrap();
    let client = r#"#!/bin/sh
case "$*" in
version) echo Hadoop 3;;
"fs -du hdfs://h:9/a/data") echo "WARN something"; echo "4  12  hdfs://h:9/a/data";;
"fs -copyToLocal hdfs://h:9/a/data "*) echo data > "$4" && echo copied >> "$(dirname "$0")/log";;
*) echo "no such file"; exit 2;;
esac
"#;
    fs::write(bin.join("hadoop"), client).unwrap();
    fs::set_permissions(bin.join("hadoop"), fs::Permissions::from_mode(0o755)).unwrap();
    let data = uri("hdfs://h:9/a/data");
    assert_eq!(bench.fetched("c", std::slice::from_ref(&data)), Ok(()), "{}", bench.log("c"));
    assert_eq!(bench.read("c", "data"), "data\n");
    let cached = Uri { cache: Some(true), ..data };
    for container in ["d", "e"] {
        let grown = bench.fetched(container, std::slice::from_ref(&cached));
        assert_eq!(grown, Ok(()), "{}", bench.log(container));
    }
    // It said 4 and brought 5, so that it could not stay in the cache.
    assert_eq!(bench.cached(), [""; 0]);
    let log = bench.refused("f", uri("s3://bucket/b"));
    let error = "HDFS copyToLocal failed: Unexpected result from the subprocess: \
                 status='exited with status 2', stdout='no such file\n'";
    assert!(log.contains(error), "{log}");
    let missing = Bench::with(|config| config.hadoop_home = Some("/no/such/place".to_owned()));
    let log = missing.refused("g", uri("hdfs://h/a"));
    assert!(log.contains("Failed to create HDFS client: Failed to exec hadoop"), "{log}");
}

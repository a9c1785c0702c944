//! Archives on their way through the fetcher. What they may hold is tested where they are unpacked.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use mesos::executor_info::Uri;

use crate::bench::{Bench, cached, uri};

/// Makes `name` in `dir` by `script`, and says whether the system had the programs for it.
fn make(dir: &Path, script: &str) -> bool {
    Command::new("sh").args(["-c", script]).current_dir(dir).status().unwrap().success()
}

#[test]
fn what_the_system_s_own_programs_pack_is_unpacked() {
    let bench = Bench::new();
    let dir = bench.dir.path().join("source");
    fs::create_dir_all(dir.join("app")).unwrap();
    fs::write(dir.join("app/data"), "data").unwrap();
    let mut made = 0;
    for (name, script) in [
        ("a.tar", "tar cf a.tar app"),
        ("a.tar.gz", "tar czf a.tar.gz app"),
        ("a.tgz", "tar czf a.tgz app"),
        ("a.tar.bz2", "tar cjf a.tar.bz2 app"),
        ("a.tbz2", "tar cjf a.tbz2 app"),
        ("a.tar.xz", "tar cJf a.tar.xz app"),
        ("a.txz", "tar cJf a.txz app"),
        ("a.zip", "zip -qr a.zip app"),
    ] {
        if !make(&dir, &format!("{script} 2>/dev/null")) {
            continue;
        }
        made += 1;
        let value = dir.join(name).display().to_string();
        let (direct, through) = (format!("direct-{name}"), format!("cached-{name}"));
        assert_eq!(bench.fetched(&direct, &[uri(value.as_str())]), Ok(()), "{name}");
        assert_eq!(bench.read(&direct, "app/data"), "data", "{name}");
        assert!(bench.path(&direct, name).exists(), "the archive stays beside it");
        assert_eq!(bench.fetched(&through, &[cached(value)]), Ok(()), "{name}");
        assert_eq!(bench.read(&through, "app/data"), "data", "{name}");
        assert!(!bench.path(&through, name).exists(), "the archive stays in the cache");
    }
    assert!(made >= 3, "there is tar at least");
}

#[test]
fn one_packed_file_is_named_after_itself_also_from_the_cache() {
    let bench = Bench::new();
    let path = bench.dir.path().join("notes.txt.gz");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(b"hello").unwrap();
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let value = path.display().to_string();
    for (container, uri) in [("a", uri(value.as_str())), ("b", cached(value.as_str()))] {
        assert_eq!(bench.fetched(container, &[uri]), Ok(()));
        assert_eq!(bench.read(container, "notes.txt"), "hello");
    }
}

#[test]
fn the_ending_of_output_file_counts_where_the_uri_has_none() {
    let bench = Bench::new();
    let dir = bench.dir.path();
    fs::write(dir.join("data"), "data").unwrap();
    assert!(make(dir, "tar cf package data"));
    let package = dir.join("package").display().to_string();
    assert_eq!(bench.fetched("plain", &[uri(package.as_str())]), Ok(()));
    assert!(!bench.path("plain", "data").exists());
    let log = bench.log("plain");
    assert!(log.contains("does not seem to be an archive"), "{log}");
    let named = Uri { output_file: Some("package.tar".to_owned()), ..uri(package) };
    assert_eq!(bench.fetched("named", &[named]), Ok(()));
    assert_eq!(bench.read("named", "data"), "data");
}

#[test]
fn hostile_archives_fail_the_task_and_say_why() {
    let bench = Bench::new();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("in")).unwrap();
    fs::write(dir.join("evil"), "evil").unwrap();
    assert!(make(&dir.join("in"), "tar cPf ../up.tar ../evil && tar cPf ../abs.tar /etc/passwd"));
    assert!(make(&dir.join("in"), "ln -s /etc out && tar cf ../link.tar out"));
    for (container, name) in [("up", "up.tar"), ("abs", "abs.tar"), ("link", "link.tar")] {
        let path = dir.join(name).display().to_string();
        let log = bench.refused(container, uri(path.as_str()));
        let start = format!("Failed to fetch '{path}': Failed to extract archive '");
        assert!(log.contains(&start) && log.contains("out of"), "{log}");
        assert!(!bench.dir.path().join("sandboxes/evil").exists());
    }
}

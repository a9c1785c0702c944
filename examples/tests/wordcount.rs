//! The counts of `wordcount` against counts made by other means.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WORDCOUNT: &str = env!("CARGO_BIN_EXE_wordcount");

type Counts = BTreeMap<String, u64>;

/// The text files of a small tree: words that straddle every boundary, long lines, no final
/// newline, empty files, names with colons and blanks.
fn write_corpus(folder: &Path) -> Vec<PathBuf> {
    let words = ["the", "The", "quick", "brown", "fox", "x1", "42", "jumps", "over", "a"];
    let mut random = 7_u32;
    let mut text = |lines: usize, longest: usize| {
        let mut out = String::new();
        for _ in 0..lines {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for number in 0..random as usize % longest {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                out.push_str(words[(random >> 16) as usize % words.len()]);
                out.push_str([" ", ", ", "--", "_"][number % 4]);
            }
            out.push('\n');
        }
        out
    };
    let files = [
        ("plain.txt", text(3_000, 12)),
        ("deep/er/long lines", text(20, 4_000)),
        ("odd:name", text(50, 9)),
        ("no-newline", "last word".to_owned()),
        ("empty", String::new()),
    ];
    let mut paths = Vec::new();
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, content).expect("a file");
        paths.push(path);
    }
    paths
}

/// What is there and must not be counted.
fn write_decoys(folder: &Path) {
    for directory in [".git", "target"] {
        fs::create_dir_all(folder.join(directory)).expect("a directory");
        fs::write(folder.join(directory).join("f"), "decoy decoy").expect("a file");
    }
    fs::write(folder.join("binary"), b"decoy\0decoy").expect("a file");
    std::os::unix::fs::symlink(folder.join("plain.txt"), folder.join("link")).expect("a link");
}

/// Counts with the tools of the system; the corpus is ASCII.
fn counted_by_others(files: &[PathBuf]) -> Counts {
    let script = "for file; do cat \"$file\"; echo; done | tr -cs A-Za-z0-9 '\\n' | tr A-Z a-z \
                  | grep . | LC_ALL=C sort | uniq -c";
    let output = Command::new("sh").args(["-c", script, "sh"]).args(files).output().expect("sh");
    assert!(output.status.success());
    read_counts(&output.stdout)
}

fn read_counts(octets: &[u8]) -> Counts {
    let text = std::str::from_utf8(octets).expect("text");
    let pair = |line: &str| {
        let (count, word) = line.trim().split_once(' ').expect("COUNT WORD");
        (word.trim().to_owned(), count.parse().expect("a number"))
    };
    text.lines().map(pair).collect()
}

#[test]
fn pieces_cut_anywhere_add_up_to_the_whole() {
    let folder = tempfile::tempdir().expect("a directory");
    let files = write_corpus(folder.path());
    for size in [1, 7, 100, 4_096, 1_000_000] {
        // Tiny pieces would be too many for the large files.
        let files = if size < 100 { &files[2..] } else { &files };
        let mut pieces = Vec::new();
        for file in files {
            let length = fs::metadata(file).expect("a file").len() as usize;
            for start in (0..length).step_by(size) {
                let end = (start + size).min(length);
                pieces.push(format!("{}:{start}:{end}", file.display()));
            }
        }
        let mut total = Counts::new();
        for (number, some) in pieces.chunks(1_000).enumerate() {
            let sandbox = folder.path().join(format!("sandbox-{size}-{number}"));
            fs::create_dir(&sandbox).expect("a directory");
            let status = Command::new(WORDCOUNT)
                .arg("--count")
                .args(some)
                .current_dir(&sandbox)
                .status()
                .expect("wordcount");
            assert!(status.success());
            let counts = read_counts(&fs::read(sandbox.join("words")).expect("a result"));
            counts.into_iter().for_each(|(word, count)| *total.entry(word).or_default() += count);
        }
        assert_eq!(total, counted_by_others(files), "pieces of {size}");
    }
}

#[test]
fn what_is_no_utf_8_separates_words_and_letters_of_all_scripts_count() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("f");
    fs::write(&file, b"\xc3\x9cber \xc3\xbcber one\xfftwo \xd0\xbc\xd0\xb8\xd1\x80")
        .expect("a file");
    let piece = format!("{}:0:100", file.display());
    let status = Command::new(WORDCOUNT).args(["--count", &piece]).current_dir(&folder).status();
    assert!(status.expect("wordcount").success());
    let counts = read_counts(&fs::read(folder.path().join("words")).expect("a result"));
    let expected = [("one", 1), ("two", 1), ("über", 2), ("мир", 1)];
    assert_eq!(counts, expected.map(|(word, count)| (word.to_owned(), count)).into());
}

#[test]
fn wrong_input_is_named() {
    let failure = |arguments: &[&str]| {
        let Output { status, stderr, .. } =
            Command::new(WORDCOUNT).args(arguments).output().expect("wordcount");
        assert_eq!(status.code(), Some(1));
        String::from_utf8(stderr).expect("text")
    };
    assert!(failure(&[]).contains("usage: wordcount"));
    assert!(failure(&["/nowhere"]).contains("'/nowhere': No such file"));
    assert!(failure(&["--count", "/nowhere:0:1"]).contains("/nowhere:0:1: No such file"));
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("f"), "word").expect("a file");
    let folder = folder.path().to_str().expect("text");
    assert!(failure(&["--master=zk://a", folder]).contains("'zk://a'"));
}

/// The `mesos` binary beside the example's own.
fn mesos() -> PathBuf {
    let mesos = Path::new(WORDCOUNT).with_file_name("mesos");
    assert!(mesos.exists(), "{} is missing: cargo build -p mesos-cli", mesos.display());
    mesos
}

#[test]
fn a_local_cluster_counts_as_others_do() {
    let folder = tempfile::tempdir().expect("a directory");
    let files = write_corpus(folder.path());
    write_decoys(folder.path());
    let expected = counted_by_others(&files);
    let output = Command::new(mesos())
        .args(["local", "--agents=2", "--resources=cpus:2;mem:512", "--", WORDCOUNT])
        .arg(folder.path())
        .output()
        .expect("mesos local");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let (words, summary) = lines.split_at(lines.len() - 2);
    assert_eq!(read_counts(words.join("\n").as_bytes()), expected);
    let total: u64 = expected.values().sum();
    let sentence = format!("{total} words, {} different, in 5 files", expected.len());
    assert_eq!(summary[0], sentence);
    assert!(summary[1].contains(" tasks on "), "{stdout}");
    assert!(stderr.contains(" tasks, "), "progress is shown: {stderr}");
}

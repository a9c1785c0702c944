//! A fetcher with sandboxes, and what it reports.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use libprocess::subprocess::Identity;
use mesos::executor_info::Uri;
use mesos::ids::ContainerId;
use slave::containerizer::program::BuiltIn;
use slave::fetcher::{FetchOrder, Fetcher, FetcherConfig, Stats};
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a fetch ended.
pub type End = (String, Result<(), String>);

pub struct Bench {
    pub dir: TempDir,
    pub fetcher: Fetcher,
    pub stats: Arc<Stats>,
    ends: Receiver<End>,
}

/// The configuration of a fetcher below `dir`.
pub fn config(dir: &Path) -> FetcherConfig {
    FetcherConfig {
        cache_bytes: 1 << 20,
        cache_dir: dir.join("cache"),
        stall_timeout: Duration::from_secs(60),
        frameworks_home: String::new(),
        hadoop_home: None,
        // Whoever runs the tests may need a proxy; our servers do not.
        program: BuiltIn {
            program: "env".into(),
            arguments: ["-u", "http_proxy", "-u", "all_proxy", "-u", "ALL_PROXY"]
                .into_iter()
                .chain([env!("CARGO_BIN_EXE_mesos"), "fetcher"])
                .map(str::to_owned)
                .collect(),
        },
        max_processes: 16,
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(adjust: impl FnOnce(&mut FetcherConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Other users have to get at their sandboxes.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut config = config(dir.path());
        adjust(&mut config);
        let stats = Stats::new(config.cache_bytes);
        let (sender, ends) = channel();
        let report = Arc::new(move |container: &ContainerId, result: Result<(), _>| {
            let result = result.map_err(|error: slave::fetcher::FetchError| error.to_string());
            // The test may be over.
            let _ = sender.send((container.to_string(), result));
        });
        let fetcher = Fetcher::start(config, stats.clone(), report).unwrap();
        Self { dir, fetcher, stats, ends }
    }

    pub fn sandbox(&self, container: &str) -> PathBuf {
        self.dir.path().join("sandboxes").join(container)
    }

    pub fn path(&self, container: &str, name: &str) -> PathBuf {
        self.sandbox(container).join(name)
    }

    pub fn read(&self, container: &str, name: &str) -> String {
        fs::read_to_string(self.path(container, name)).unwrap()
    }

    /// The fetcher's log in a sandbox.
    pub fn log(&self, container: &str) -> String {
        self.read(container, "stderr")
    }

    pub fn fetch(&self, container: &str, uris: &[Uri]) {
        self.fetch_as(container, uris, None);
    }

    pub fn fetch_as(&self, container: &str, uris: &[Uri], user: Option<(&str, Identity)>) {
        let sandbox = self.sandbox(container);
        fs::create_dir_all(&sandbox).unwrap();
        let open = |name: &str| -> File {
            OpenOptions::new().append(true).create(true).open(sandbox.join(name)).unwrap()
        };
        let (stdout, stderr) = (open("stdout"), open("stderr"));
        if let Some((_, identity)) = &user {
            std::os::unix::fs::chown(&sandbox, Some(identity.uid), Some(identity.gid)).unwrap();
        }
        let (user, identity) = user.map(|(name, identity)| (name.to_owned(), identity)).unzip();
        self.fetcher.fetch(FetchOrder {
            container: ContainerId::root(container),
            uris: uris.to_vec(),
            sandbox,
            user,
            identity,
            stdout,
            stderr,
        });
    }

    /// The next end.
    pub fn end(&self) -> End {
        self.ends.recv_timeout(PATIENCE).expect("a fetch ends")
    }

    /// Fetches, and waits for that.
    pub fn fetched(&self, container: &str, uris: &[Uri]) -> Result<(), String> {
        self.fetch(container, uris);
        let (ended, result) = self.end();
        assert_eq!(ended, container);
        result
    }

    /// Fetches one file that cannot be had, and gives the log.
    pub fn refused(&self, container: &str, uri: Uri) -> String {
        let error = self.fetched(container, &[uri]).unwrap_err();
        let expected =
            format!("Failed to fetch all URIs for container '{container}': exited with status 1");
        assert_eq!(error, expected);
        self.log(container)
    }

    /// The names of the files in the cache, sorted.
    pub fn cached(&self) -> Vec<String> {
        names(&self.dir.path().join("cache"))
    }
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn uri(value: impl Into<String>) -> Uri {
    Uri { value: value.into(), ..Uri::default() }
}

pub fn cached(value: impl Into<String>) -> Uri {
    Uri { cache: Some(true), ..uri(value) }
}

/// Runs the process itself, with these variables, to fetch one URI into `sandbox`. Gives its log.
pub fn run(sandbox: &Path, uri: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let info = serde_json::json!({
        "sandbox_directory": sandbox,
        "items": [{"uri": {"value": uri}, "action": "BYPASS_CACHE"}],
        "stall_timeout": {"nanoseconds": 60_000_000_000_u64},
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos"));
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    for name in ["no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    let output = command
        .arg("fetcher")
        .env("MESOS_FETCHER_INFO", info.to_string())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

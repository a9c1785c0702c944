//! The thread that starts the processes that fetch, and hears of their ends.
//!
//! What is to be done is decided by [`core::Fetcher`]; this carries it out. A process is the leader
//! of a session, so that it is killed with all that it has started, and it dies with the agent.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libprocess::subprocess::{self, Command, Handle, Signal, Stdio};
use mesos::executor_info::Uri;
use mesos::ids::ContainerId;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Gid, Uid, chown};
use slave_core::fetcher as core;
use slave_core::fetcher::cache::{CacheFile, EntryId};
use slave_core::fetcher::{Effect, Event, Measured};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::end::describe;
use super::info::{FetcherInfo, Item, ItemUri, SIZES, Size};
use super::{FetchOrder, FetcherConfig, Report, Stats};

/// How long the sizes of the files of one container may be, as text.
const MAX_SIZES_BYTES: u64 = 4 * 1024 * 1024;

/// How long processes that were killed are waited for at the end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What the thread hears.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody wants files.
    Fetch(Box<FetchOrder>),
    /// Somebody wants them no more.
    Cancel(ContainerId),
    /// A process has ended.
    Ended(Ended),
    /// The agent ends.
    Stop,
}

/// A process has ended.
#[derive(Debug)]
pub(super) struct Ended {
    container: ContainerId,
    result: Result<(), String>,
    /// What it wrote, where that is read.
    output: Vec<u8>,
}

struct Job {
    order: FetchOrder,
    process: Option<Handle>,
    /// The files of the cache that the process has to do with; none while it finds out sizes.
    files: Option<Vec<(EntryId, CacheFile)>>,
}

/// The state of the thread.
pub(super) struct Worker {
    config: FetcherConfig,
    core: core::Fetcher,
    stats: Arc<Stats>,
    report: Report,
    /// To ourselves.
    orders: UnboundedSender<Order>,
    jobs: HashMap<ContainerId, Job>,
    environment: Vec<(String, String)>,
}

impl Worker {
    pub fn new(
        config: FetcherConfig,
        stats: Arc<Stats>,
        report: Report,
        orders: UnboundedSender<Order>,
    ) -> Self {
        let core = core::Fetcher::new(config.cache_bytes, config.max_processes);
        let environment = environment(config.hadoop_home.as_deref());
        Self { config, core, stats, report, orders, jobs: HashMap::new(), environment }
    }

    pub async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            match orders.recv().await {
                Some(Order::Fetch(order)) => self.take(*order),
                Some(Order::Cancel(container)) => self.step(Event::Cancel { container }),
                Some(Order::Ended(end)) => self.end(end),
                Some(Order::Stop) | None => break,
            }
        }
        for job in self.jobs.values() {
            kill(job.process.as_ref());
        }
        // So that none is left behind as a zombie; one that the system cannot end is.
        let _ = tokio::time::timeout(LAST_WAIT, self.last_ends(&mut orders)).await;
    }

    async fn last_ends(&mut self, orders: &mut UnboundedReceiver<Order>) {
        while self.jobs.values().any(|job| job.process.is_some()) {
            if let Some(Order::Ended(end)) = orders.recv().await
                && let Some(job) = self.jobs.get_mut(&end.container)
            {
                job.process = None;
            }
        }
    }

    fn take(&mut self, order: FetchOrder) {
        let container = order.container.clone();
        if self.jobs.contains_key(&container) {
            (self.report)(&container, Err(core::FetchError::Twice(container.clone())));
            return;
        }
        let (user, uris) = (order.user.clone(), order.uris.clone());
        let job = Job { order, process: None, files: None };
        self.jobs.insert(container.clone(), job);
        self.step(Event::Fetch { container, user, uris });
    }

    fn end(&mut self, end: Ended) {
        let Some(job) = self.jobs.get_mut(&end.container) else { return };
        job.process = None;
        let container = end.container;
        let event = match job.files.take() {
            None => Event::Sized { container, sizes: sizes(&end.output, &end.result) },
            Some(files) => {
                let measured = files.iter().map(|(id, file)| Measured {
                    id: *id,
                    size_bytes: self.cache_path(file).and_then(|path| measure(&path)),
                });
                Event::Ended { container, result: end.result, measured: measured.collect() }
            }
        };
        self.step(event);
    }

    fn step(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.core.step(event, &mut effects);
        self.stats.measure(self.core.cache());
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::FindSizes { container, uris } => {
                let started = self.find_sizes(&container, uris);
                self.started(container, started);
            }
            Effect::Run { container, user, items } => {
                let started = self.fetch(&container, user, items);
                self.started(container, started);
            }
            Effect::Kill { container } => {
                kill(self.jobs.get(&container).and_then(|job| job.process.as_ref()));
            }
            Effect::Remove(file) => {
                if let Some(path) = self.cache_path(&file) {
                    remove(&path);
                }
            }
            Effect::Bypassed { uri, why } => {
                tracing::warn!(
                    "Reverting to fetching directly into the sandbox for '{}', due to failure to \
                     fetch through the cache, with error: {why}",
                    super::retrieve::plain(&uri)
                );
            }
            Effect::Finished { container, result } => {
                self.stats.count(result.is_ok());
                self.stats.measure(self.core.cache());
                if let (Err(error), Some(job)) = (&result, self.jobs.get(&container)) {
                    let sandbox = job.order.sandbox.display();
                    tracing::warn!("{error}; the fetcher's log is '{sandbox}/stderr'");
                }
                self.jobs.remove(&container);
                (self.report)(&container, result);
            }
        }
    }

    /// A process that could not be started has ended.
    fn started(&self, container: ContainerId, started: Result<(), String>) {
        if let Err(why) = started {
            let end = Ended { container, result: Err(why), output: Vec::new() };
            // Whoever receives it is this thread.
            let _ = self.orders.send(Order::Ended(end));
        }
    }

    fn find_sizes(&mut self, container: &ContainerId, uris: Vec<String>) -> Result<(), String> {
        let item = |value| {
            let uri = ItemUri::from(&Uri { value, ..Uri::default() });
            Item { uri, ..Item::default() }
        };
        let items = uris.into_iter().map(item).collect();
        let info = FetcherInfo { items, ..self.info() };
        self.spawn(container, &info, true)
    }

    fn fetch(
        &mut self,
        container: &ContainerId,
        user: Option<String>,
        items: Vec<core::Item>,
    ) -> Result<(), String> {
        let files: Vec<_> = items.iter().filter_map(|item| item.file.clone()).collect();
        let uses_cache = !files.is_empty();
        let Some(job) = self.jobs.get_mut(container) else { return Ok(()) };
        job.files = Some(files);
        let mut info = FetcherInfo {
            items: items
                .into_iter()
                .map(|item| Item {
                    uri: ItemUri::from(&item.uri),
                    action: item.action.into(),
                    cache_filename: item.file.map(|(_, file)| file.name),
                })
                .collect(),
            sandbox_directory: job.order.sandbox.clone(),
            user: user.clone(),
            ..self.info()
        };
        if uses_cache {
            info.cache_directory = Some(self.make_cache(container, user.as_deref())?);
        }
        self.spawn(container, &info, false)
    }

    /// What all processes are told.
    fn info(&self) -> FetcherInfo {
        FetcherInfo {
            frameworks_home: self.config.frameworks_home.clone(),
            stall_timeout: Some(self.config.stall_timeout.into()),
            ..FetcherInfo::default()
        }
    }

    /// Makes the folder of a user's files, which nobody else can look into.
    fn make_cache(&self, container: &ContainerId, user: Option<&str>) -> Result<PathBuf, String> {
        let fail =
            |error: io::Error| format!("Could not create the fetcher cache directory: {error}");
        let base = &self.config.cache_dir;
        DirBuilder::new().recursive(true).mode(0o711).create(base).map_err(fail)?;
        let Some(user) = user else { return Ok(base.clone()) };
        let path = self.user_cache(user).ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(fail)?,
        }
        if let Some(identity) = self.jobs.get(container).and_then(|job| job.order.identity.as_ref())
        {
            let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
            chown(&path, Some(uid), Some(gid)).map_err(|error| fail(error.into()))?;
        }
        Ok(path)
    }

    /// Where a user's files lie. Names of users come from frameworks.
    fn user_cache(&self, user: &str) -> Option<PathBuf> {
        let mut parts = Path::new(user).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) if name == user => {
                Some(self.config.cache_dir.join(name))
            }
            _ => None,
        }
    }

    fn cache_path(&self, file: &CacheFile) -> Option<PathBuf> {
        let directory = match &file.user {
            None => self.config.cache_dir.clone(),
            Some(user) => self.user_cache(user)?,
        };
        Some(directory.join(&file.name))
    }

    /// Starts a process, and has its end told.
    fn spawn(
        &mut self,
        container: &ContainerId,
        info: &FetcherInfo,
        sizes: bool,
    ) -> Result<(), String> {
        let Some(job) = self.jobs.get_mut(container) else { return Ok(()) };
        let fail = |error: &dyn std::error::Error| {
            let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            format!("Failed to execute mesos-fetcher: {error}{cause}")
        };
        let input = input(info).map_err(|error| fail(&error))?;
        let clone = |file: &File| file.try_clone().map_err(|error| fail(&error));
        let stdout = match sizes {
            true => Stdio::Pipe,
            false => Stdio::Fd(clone(&job.order.stdout)?.into()),
        };
        let mut command = Command::new(&self.config.program.program)
            .args(&self.config.program.arguments)
            .env(self.environment.iter().map(|(name, value)| (name, value)))
            .directory("/")
            .stdin(Stdio::Fd(input.into()))
            .stdout(stdout)
            .stderr(Stdio::Fd(clone(&job.order.stderr)?.into()))
            .new_session()
            .parent_death_signal(Signal::SIGKILL);
        if sizes {
            command = command.arg(SIZES);
        }
        if let Some(identity) = &job.order.identity {
            command = command.identity(identity.clone());
        }
        let mut child = command.spawn().map_err(|error| fail(&error))?;
        job.process = Some(child.handle());
        let output = child.take_stdout();
        let (orders, container) = (self.orders.clone(), container.clone());
        tokio::spawn(async move {
            let mut text = Vec::new();
            if let Some(reader) = output.and_then(|fd| subprocess::async_reader(fd).ok()) {
                // What is cut off, or cannot be read, is a size that was not found out.
                let _ = reader.take(MAX_SIZES_BYTES).read_to_end(&mut text).await;
            }
            let result = match child.wait().await {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(describe(status)),
                Err(error) => Err(format!("No status available from mesos-fetcher: {error}")),
            };
            // The thread may be ending.
            let _ = orders.send(Order::Ended(Ended { container, result, output: text }));
        });
        Ok(())
    }
}

/// Kills a process and all that it has started. It cannot have been reaped without our knowing,
/// unless it has just ended by itself.
fn kill(process: Option<&Handle>) {
    let Some(process) = process else { return };
    if process.signal(Signal::SIGSTOP).is_ok()
        && let Err(error) = subprocess::kill_tree(process.pid(), Signal::SIGKILL)
    {
        tracing::warn!("cannot kill the fetcher with pid {}: {error}", process.pid());
    }
}

/// A file without a name that holds what the process is told.
fn input(info: &FetcherInfo) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"fetcher-info", MFdFlags::MFD_CLOEXEC)?);
    serde_json::to_writer(&mut file, info)?;
    file.flush()?;
    file.rewind()?;
    Ok(file)
}

/// The variables of a process: the agent's, without those that are about the agent.
fn environment(hadoop_home: Option<&str>) -> Vec<(String, String)> {
    let own = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !name.starts_with("MESOS_") && !name.starts_with("LIBPROCESS_"))
        .filter(|(name, _)| hadoop_home.is_none() || name != "HADOOP_HOME");
    let hadoop = hadoop_home.map(|home| ("HADOOP_HOME".to_owned(), home.to_owned()));
    own.chain(hadoop).collect()
}

fn sizes(output: &[u8], result: &Result<(), String>) -> Vec<Result<u64, String>> {
    if let Err(why) = result {
        // One for all of them: what is missing counts as not found out.
        return vec![Err(why.clone())];
    }
    let lines = output.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    let size = |line| match serde_json::from_slice::<Size>(line) {
        Ok(size) => size.into(),
        Err(error) => Err(format!("it was not told: {error}")),
    };
    lines.map(size).collect()
}

fn measure(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().filter(|status| status.is_file()).map(|status| status.len())
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!("Could not delete fetcher cache file '{}': {error}", path.display());
        }
        _ => {}
    }
}

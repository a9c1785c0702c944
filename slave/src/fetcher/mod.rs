//! Fetching what containers want from elsewhere into their sandboxes (rows FE-01 to FE-06).
//!
//! A [`Fetcher`] belongs to the agent. It keeps the books (what is in the cache, who waits for
//! whom: decisions of [`slave_core::fetcher`]) and starts processes; it touches no byte of what is
//! fetched. A process of its own, this same program as `mesos fetcher`, downloads and unpacks, as
//! the user of the task.
//!
//! ```text
//!  containerizer ─ fetch, cancel ─▶ Fetcher ─ FetcherInfo ─▶ mesos fetcher ─▶ sandbox, cache
//!        ▲                             │                          │
//!        └────────── report ───────────┘◀──── exit status ────────┘
//! ```
//!
//! It deliberately neither retries nor checks what comes: a framework that cares names a checksum
//! in its command.
//!
//! # Reading order
//!
//! - this file, `worker` (the thread that starts processes), [`stats`], [`info`] (what a process
//!   is told)
//! - in the process: [`program`], [`retrieve`] (one URI), [`net`], [`hadoop`], [`place`] (files in
//!   the sandbox and nowhere else), [`unpack`]
//! - `end`: how processes ended, in words

mod end;
pub mod hadoop;
pub mod info;
pub mod net;
pub mod place;
pub mod program;
pub mod retrieve;
pub mod stats;
pub mod unpack;
mod worker;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use libprocess::subprocess::Identity;
use mesos::executor_info::Uri;
use mesos::ids::ContainerId;
pub use slave_core::fetcher::FetchError;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::containerizer::program::BuiltIn;
pub use stats::Stats;
use worker::{Order, Worker};

/// Takes the end of each fetch to whoever wanted it. It is called from the fetcher's thread.
pub type Report = Arc<dyn Fn(&ContainerId, Result<(), FetchError>) + Send + Sync>;

/// What the operator decides about fetching.
#[derive(Debug, Clone)]
pub struct FetcherConfig {
    /// The room in the cache; with 0 there is none.
    pub cache_bytes: u64,
    /// Where the cache lies. All that is in it is removed when the agent starts.
    pub cache_dir: PathBuf,
    /// For how long a download may stand still.
    pub stall_timeout: Duration,
    /// What relative paths are below; without it they are refused.
    pub frameworks_home: String,
    /// Where the client of Hadoop is; without it, it is on the `PATH`.
    pub hadoop_home: Option<String>,
    /// How the process that fetches is run.
    pub program: BuiltIn,
    /// How many processes run at once.
    pub max_processes: usize,
}

/// What a container wants.
#[derive(Debug)]
pub struct FetchOrder {
    /// The container.
    pub container: ContainerId,
    /// The files, in order.
    pub uris: Vec<Uri>,
    /// The sandbox, which is there and belongs to the user.
    pub sandbox: PathBuf,
    /// The name of the user, if the framework named one: users share nothing in the cache.
    pub user: Option<String>,
    /// As whom the process runs, if that is not the agent's own user.
    pub identity: Option<Identity>,
    /// The sandbox's stdout.
    pub stdout: File,
    /// The sandbox's stderr, which gets the log.
    pub stderr: File,
}

/// Why there is no fetcher.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// What the last agent left cannot be removed.
    #[error("Could not delete fetcher cache directory '{}': {source}", path.display())]
    Cache {
        /// The directory, or what is in it.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system has no thread for it.
    #[error("cannot start the fetcher: {0}")]
    Thread(#[source] io::Error),
}

/// Fetches. When it is dropped, its processes are killed and nothing is reported any more.
#[derive(Debug)]
pub struct Fetcher {
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Fetcher {
    /// Empties the cache, and is ready.
    ///
    /// # Errors
    /// See [`FetcherError`].
    pub fn start(
        config: FetcherConfig,
        stats: Arc<Stats>,
        report: Report,
    ) -> Result<Self, FetcherError> {
        empty(&config.cache_dir)?;
        let (orders, incoming) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(FetcherError::Thread)?;
        let worker = Worker::new(config, stats, report, orders.clone());
        let thread = std::thread::Builder::new()
            .name("fetcher".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || runtime.block_on(worker.run(incoming)))
            .map_err(FetcherError::Thread)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Fetches what a container wants. Returns at once; the end is reported exactly once, also for
    /// a container that wants nothing.
    pub fn fetch(&self, order: FetchOrder) {
        self.order(Order::Fetch(Box::new(order)));
    }

    /// Gives up what a container wants, if it is still being fetched; that is then reported as
    /// [`FetchError::Cancelled`], once no process is left.
    pub fn cancel(&self, container: &ContainerId) {
        self.order(Order::Cancel(container.clone()));
    }

    fn order(&self, order: Order) {
        // The thread ends only once it is told to, by `drop`.
        let _ = self.orders.send(order);
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

/// Removes all that is in a directory. The directory itself may be where a disk is mounted.
fn empty(directory: &std::path::Path) -> Result<(), FetcherError> {
    let fail = |path: PathBuf| move |source| FetcherError::Cache { path, source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(fail(directory.to_owned()))?,
    };
    for entry in entries {
        let entry = entry.map_err(fail(directory.to_owned()))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(fail(path.clone()))?;
        let removed =
            if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(fail(path))?;
    }
    Ok(())
}

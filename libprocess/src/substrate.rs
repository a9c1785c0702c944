//! The threads below: the one file that names actix.
//!
//! A node has one actix `System`. Its thread is worker 0; every further worker is an `Arbiter`. So
//! a node of one worker is one thread, which may be the caller's own ([`Runner`]). Each worker's
//! thread runs a single-threaded tokio runtime that carries its sockets and timers, and one task
//! that runs processes.

use actix_rt::{Arbiter, ArbiterHandle, System, SystemRunner};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle, ThreadId};
use tokio::runtime::Handle;

/// The threads of one node.
pub(crate) struct Substrate {
    system: System,
    workers: Vec<WorkerThread>,
    /// None where the first worker is the thread of whoever started the node.
    thread: Option<JoinHandle<()>>,
}

/// Makes this thread the only worker of a node: see
/// [`Node::on_this_thread`](crate::Node::on_this_thread).
#[must_use = "the node does nothing until this runs"]
pub struct Runner(SystemRunner);

impl Runner {
    /// Runs the node's processes until the node is shut down.
    ///
    /// # Errors
    /// When the system has none of what a worker needs.
    pub fn run(self) -> io::Result<()> {
        self.0.run()
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runner")
    }
}

/// How to reach one worker's thread.
pub(crate) struct WorkerThread {
    /// Spawns futures that are `Send`.
    pub runtime: Handle,
    /// Spawns futures that make some that are not: they may use `spawn_local` there.
    pub arbiter: ArbiterHandle,
    /// Which thread it is.
    pub id: ThreadId,
}

pub(crate) type LocalFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Substrate {
    /// Starts `count` workers, the main task of each made by `work`. Returns once all run.
    pub fn start(
        name: String,
        count: usize,
        work: impl Fn(usize) -> LocalFuture + Send + 'static,
    ) -> io::Result<Self> {
        let (ready, started) = mpsc::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            match set_up(count) {
                Ok((runner, arbiters, workers)) => {
                    for (index, worker) in workers.iter().enumerate() {
                        worker.arbiter.spawn(work(index));
                    }
                    let system = System::current();
                    // The starter waits for this; if it died, the system ends with its senders.
                    let _ = ready.send(Ok((system, workers)));
                    if let Err(error) = runner.run() {
                        tracing::error!("the system of a node failed: {error}");
                    }
                    for arbiter in arbiters {
                        arbiter.stop();
                        let _ = arbiter.join();
                    }
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        match started.recv() {
            Ok(Ok((system, workers))) => Ok(Self { system, workers, thread: Some(thread) }),
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            Err(_) => {
                let _ = thread.join();
                Err(io::Error::other("the first worker died while it was set up"))
            }
        }
    }

    /// Makes the calling thread the only worker, once it runs what this returns.
    pub fn here(work: impl Fn(usize) -> LocalFuture) -> io::Result<(Self, Runner)> {
        let (runner, _, workers) = set_up(1)?;
        for (index, worker) in workers.iter().enumerate() {
            worker.arbiter.spawn(work(index));
        }
        let system = System::current();
        Ok((Self { system, workers, thread: None }, Runner(runner)))
    }

    /// The workers' threads, by index.
    pub fn workers(&self) -> &[WorkerThread] {
        &self.workers
    }

    /// Stops all threads and joins them. On a worker's own thread it only asks them to stop.
    pub fn stop(self) {
        let own = self.workers.iter().any(|worker| worker.id == thread::current().id());
        self.system.stop();
        if let Some(thread) = self.thread.filter(|_| !own) {
            let _ = thread.join();
        }
    }
}

type Parts = (SystemRunner, Vec<Arbiter>, Vec<WorkerThread>);

fn set_up(count: usize) -> io::Result<Parts> {
    let runtime = new_runtime()?;
    let runner = System::with_tokio_rt(move || runtime);
    let mut arbiters = Vec::new();
    let mut workers = vec![WorkerThread {
        runtime: runner.block_on(async { Handle::current() }),
        arbiter: System::current().arbiter().clone(),
        id: thread::current().id(),
    }];
    for _ in 1..count {
        let arbiter = Arbiter::try_with_tokio_rt(new_runtime)?;
        let (sender, receiver) = mpsc::channel();
        arbiter.spawn(async move {
            let _ = sender.send((Handle::current(), thread::current().id()));
        });
        let (runtime, id) = receiver.recv().map_err(|_| io::Error::other("a worker died"))?;
        workers.push(WorkerThread { runtime, arbiter: arbiter.handle(), id });
        arbiters.push(arbiter);
    }
    Ok((runner, arbiters, workers))
}

fn new_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

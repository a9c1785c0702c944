//! The thread that writes checkpoints, many at a time.
//!
//! One durable write costs a flush of the disk, milliseconds. Whatever has queued up during a
//! flush is therefore written as one batch, and pays for two flushes together (files, then
//! directories) however many writes it holds:
//!
//! 1. temporary files are written beside their targets, logs are appended to;
//! 2. all of their contents are sent on their way to the disk, then waited for;
//! 3. temporary files, links and removals take effect, in the order that was asked for;
//! 4. the directories that have changed are flushed;
//! 5. the outcome of every write is reported, in order.
//!
//! The queue holds what the core waits for, and the core bounds that: it writes nothing for a
//! task before what it wrote last for it is done.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use slave_core::checkpoint::Checkpoint;
use slave_core::ids::WriteId;
use slave_core::paths::Paths;

use super::CheckpointError;
use super::operation::{Operation, operations};

/// The most writes in one batch, so that the first of them does not wait for ever.
const MAX_BATCH: usize = 256;

/// The outcome of a write, as the core takes it.
pub type Outcome = (WriteId, Result<(), String>);

/// Writes checkpoints on a thread of its own. Dropping it finishes what was asked for.
#[derive(Debug)]
pub struct Writer {
    queue: Option<Sender<(WriteId, Checkpoint)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `report` is called on it, once per batch.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(paths: Paths, report: impl Fn(Vec<Outcome>) + Send + 'static) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || run(&paths, &jobs, &report))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Asks for a write. Its outcome is reported under `id`.
    pub fn write(&self, id: WriteId, what: Checkpoint) {
        if let Some(queue) = &self.queue {
            // The thread ends only once the queue is closed, by `drop`.
            let _ = queue.send((id, what));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

fn run(paths: &Paths, jobs: &Receiver<(WriteId, Checkpoint)>, report: &impl Fn(Vec<Outcome>)) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        let planned = batch.iter().map(|(_, what)| operations(paths, what)).collect();
        let results = write_batch(planned);
        let ids = batch.into_iter().map(|(id, _)| id);
        report(ids.zip(results.into_iter().map(|r| r.map_err(|e| e.to_string()))).collect());
    }
}

type Planned = Result<Vec<Operation>, CheckpointError>;

/// Performs the operations of several writes, and says how each write went.
pub fn write_batch(planned: Vec<Planned>) -> Vec<Result<(), CheckpointError>> {
    let mut batch = Batch::default();
    let mut staged: Vec<Result<Vec<Staged>, CheckpointError>> = planned
        .into_iter()
        .map(|operations| operations?.into_iter().map(|one| batch.stage(one)).collect())
        .collect();
    start_writeback(&staged);
    for write in &mut staged {
        settle(write, |staged| staged.flush());
    }
    for write in &mut staged {
        settle(write, |staged| staged.commit());
    }
    let flushed = batch.flush_directories();
    staged
        .into_iter()
        .map(|write| {
            write?;
            match &flushed {
                Ok(()) => Ok(()),
                Err((path, error)) => Err(CheckpointError::Io {
                    what: "flush",
                    path: path.clone(),
                    source: io::Error::new(error.kind(), error.to_string()),
                }),
            }
        })
        .collect()
}

/// Takes every step of a write, unless one before has failed.
fn settle(
    write: &mut Result<Vec<Staged>, CheckpointError>,
    step: impl Fn(&mut Staged) -> Result<(), CheckpointError>,
) {
    if let Ok(steps) = write
        && let Err(error) = steps.iter_mut().try_for_each(step)
    {
        *write = Err(error);
    }
}

/// An operation on its way.
enum Staged {
    Temporary { file: File, temporary: PathBuf, path: PathBuf },
    Appended { file: File, path: PathBuf, before: u64 },
    Link { temporary: PathBuf, path: PathBuf },
    Remove(PathBuf),
    Done,
}

impl Staged {
    fn flush(&mut self) -> Result<(), CheckpointError> {
        match self {
            Self::Temporary { file, path, .. } => {
                file.sync_all().map_err(CheckpointError::io("flush", path.as_path()))
            }
            Self::Appended { file, path, before } => file.sync_data().map_err(|error| {
                // Nobody may find half of what was reported as failed.
                let _ = file.set_len(*before);
                CheckpointError::io("flush", path.as_path())(error)
            }),
            Self::Link { .. } | Self::Remove(_) | Self::Done => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), CheckpointError> {
        match std::mem::replace(self, Self::Done) {
            Self::Temporary { temporary, path, .. } | Self::Link { temporary, path } => {
                fs::rename(&temporary, &path).map_err(CheckpointError::io("replace", path))
            }
            Self::Remove(path) => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(CheckpointError::io("remove", path)(error))
                }
                _ => Ok(()),
            },
            Self::Appended { .. } | Self::Done => Ok(()),
        }
    }

    fn file(&self) -> Option<&File> {
        match self {
            Self::Temporary { file, .. } | Self::Appended { file, .. } => Some(file),
            Self::Link { .. } | Self::Remove(_) | Self::Done => None,
        }
    }
}

/// Sends the contents of all files on their way to the disk at once. Without this every flush
/// would be a transaction of the file system's journal of its own.
fn start_writeback(staged: &[Result<Vec<Staged>, CheckpointError>]) {
    let steps: Vec<&Staged> = staged.iter().flatten().flatten().collect();
    if steps.len() < 2 {
        return;
    }
    for file in steps.into_iter().filter_map(Staged::file) {
        // SAFETY: the descriptor is open for as long as `file` is borrowed, and the call touches
        // no memory of ours.
        // It is a hint: the flush that follows does the work, and reports what fails.
        unsafe {
            nix::libc::sync_file_range(file.as_raw_fd(), 0, 0, nix::libc::SYNC_FILE_RANGE_WRITE);
        }
    }
}

#[derive(Default)]
struct Batch {
    /// Makes the names of temporary files differ within the batch.
    temporaries: u32,
    directories: BTreeSet<PathBuf>,
}

impl Batch {
    fn stage(&mut self, operation: Operation) -> Result<Staged, CheckpointError> {
        match operation {
            Operation::Replace { path, octets } => self.stage_file(path, &octets),
            Operation::Append { path, octets } => self.append(path, &octets),
            Operation::MakeDirectory(path) => {
                self.make_directory(&path)?;
                Ok(Staged::Done)
            }
            Operation::Link { path, target } => {
                let temporary = self.temporary(&path)?;
                let _ = fs::remove_file(&temporary);
                std::os::unix::fs::symlink(target, &temporary)
                    .map_err(CheckpointError::io("link", path.as_path()))?;
                Ok(Staged::Link { temporary, path })
            }
            Operation::Remove(path) => {
                if let Some(parent) = path.parent().filter(|parent| parent.is_dir()) {
                    self.directories.insert(parent.to_owned());
                }
                Ok(Staged::Remove(path))
            }
        }
    }

    fn stage_file(&mut self, path: PathBuf, octets: &[u8]) -> Result<Staged, CheckpointError> {
        let temporary = self.temporary(&path)?;
        let mut file =
            File::create(&temporary).map_err(CheckpointError::io("create", &temporary))?;
        file.write_all(octets).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            CheckpointError::io("write", path.as_path())(error)
        })?;
        Ok(Staged::Temporary { file, temporary, path })
    }

    fn append(&mut self, path: PathBuf, octets: &[u8]) -> Result<Staged, CheckpointError> {
        self.make_parent(&path)?;
        let fail = |what| CheckpointError::io(what, path.as_path());
        let mut file =
            OpenOptions::new().append(true).create(true).open(&path).map_err(fail("open"))?;
        let before = file.metadata().map_err(fail("examine"))?.len();
        file.write_all(octets).map_err(|error| {
            // What follows half a record could not be read again.
            let _ = file.set_len(before);
            fail("append to")(error)
        })?;
        if before == 0
            && let Some(parent) = path.parent()
        {
            self.directories.insert(parent.to_owned());
        }
        Ok(Staged::Appended { file, path, before })
    }

    /// A name beside `path`, in a directory that exists.
    fn temporary(&mut self, path: &Path) -> Result<PathBuf, CheckpointError> {
        let parent = self.make_parent(path)?;
        self.temporaries += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = parent.join(format!(".{name}.{}.tmp", self.temporaries));
        self.directories.insert(parent);
        Ok(temporary)
    }

    fn make_parent(&mut self, path: &Path) -> Result<PathBuf, CheckpointError> {
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        self.make_directory(&parent)?;
        Ok(parent)
    }

    fn make_directory(&mut self, path: &Path) -> Result<(), CheckpointError> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_directory(parent)?;
            self.directories.insert(parent.to_owned());
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(CheckpointError::io("create", path)(error))
            }
            _ => Ok(()),
        }
    }

    fn flush_directories(&self) -> Result<(), (PathBuf, io::Error)> {
        for path in &self.directories {
            File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| (path.clone(), e))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(path: &Path, text: &str) -> Operation {
        Operation::Replace { path: path.to_owned(), octets: text.into() }
    }

    fn append(path: &Path, text: &str) -> Operation {
        Operation::Append { path: path.to_owned(), octets: text.into() }
    }

    #[test]
    fn a_batch_takes_effect_in_order_and_leaves_no_temporary_files() {
        let dir = tempfile::tempdir().unwrap();
        let (file, log, link) =
            (dir.path().join("a/b/file"), dir.path().join("a/log"), dir.path().join("a/latest"));
        let to = |target: &str| Operation::Link { path: link.clone(), target: target.into() };
        let results = write_batch(vec![
            Ok(vec![replace(&file, "first"), to("x")]),
            Ok(vec![append(&log, "one,")]),
            Ok(vec![replace(&file, "second"), to("b")]),
            Ok(vec![append(&log, "two")]),
        ]);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(fs::read_to_string(&log).unwrap(), "one,two");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("b"));
        let names: Vec<_> = fs::read_dir(dir.path().join("a/b")).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn a_write_that_fails_does_not_fail_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let in_the_way = dir.path().join("file");
        fs::write(&in_the_way, "not a directory").unwrap();
        let good = dir.path().join("good");
        let results = write_batch(vec![
            Ok(vec![replace(&in_the_way.join("x"), "never")]),
            Ok(vec![replace(&good, "there")]),
            Ok(vec![Operation::Remove(dir.path().join("nothing"))]),
        ]);
        assert!(results[0].is_err());
        assert!(results[1].is_ok() && results[2].is_ok(), "{results:?}");
        assert_eq!(fs::read_to_string(good).unwrap(), "there");
    }
}

//! One cgroup: a folder of the kernel's, whose files are settings, counters and lists of processes.
//! Versions 1 and 2 have these in common.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::isolators::IsolatorError;

/// The file with the processes of a cgroup; writing a pid to it moves a process there.
pub const PROCESSES: &str = "cgroup.procs";

/// How often the end of what has been killed is looked for, and removal is tried: a process leaves
/// its cgroups a moment after it has died.
const ROUNDS: u32 = 200;

/// The wait between two of these rounds.
const PAUSE: Duration = Duration::from_millis(5);

/// A cgroup, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    path: PathBuf,
}

impl Node {
    /// The cgroup with this folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A cgroup below it.
    pub fn child(&self, name: impl AsRef<Path>) -> Self {
        Self { path: self.path.join(name) }
    }

    /// Whether it exists.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Whether it has a file.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Makes its folder; that above it exists.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn make(&self) -> Result<(), IsolatorError> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(self.failed("create the cgroup at", &self.path, error))
            }
            _ => Ok(()),
        }
    }

    /// What a file says, without the line's end.
    ///
    /// # Errors
    /// There is no such file.
    pub fn read(&self, name: &str) -> Result<String, IsolatorError> {
        let path = self.file(name);
        let text = fs::read_to_string(&path).map_err(|error| self.failed("read", &path, error))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Writes to a file, at once: the kernel takes each write for itself.
    ///
    /// # Errors
    /// The kernel refuses the value.
    pub fn write(&self, name: &str, value: impl AsRef<str>) -> Result<(), IsolatorError> {
        let path = self.file(name);
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .and_then(|mut file| file.write_all(value.as_ref().as_bytes()))
            .map_err(|error| self.failed("write to", &path, error))
    }

    /// The number in a file; `max`, which stands for no limit, is the largest one.
    ///
    /// # Errors
    /// There is no such file, or no number in it.
    pub fn number(&self, name: &str) -> Result<u64, IsolatorError> {
        let text = self.read(name)?;
        parse_number(&text).ok_or_else(|| {
            let error = io::Error::new(io::ErrorKind::InvalidData, format!("'{text}'"));
            self.failed("find a number in", &self.file(name), error)
        })
    }

    /// The lines `name number` of a file; others are left out.
    ///
    /// # Errors
    /// There is no such file.
    pub fn table(&self, name: &str) -> Result<BTreeMap<String, u64>, IsolatorError> {
        Ok(parse_table(&self.read(name)?))
    }

    /// The pids in a file such as [`PROCESSES`], without those in cgroups below.
    ///
    /// # Errors
    /// There is no such file.
    pub fn pids(&self, name: &str) -> Result<Vec<u32>, IsolatorError> {
        let text = self.read(name)?;
        Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
    }

    /// The processes in it and in the cgroups below it.
    pub fn all_processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        self.each(&mut |node| found.extend(node.pids(PROCESSES).unwrap_or_default()));
        found
    }

    /// Moves a process there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn assign(&self, pid: u32) -> Result<(), IsolatorError> {
        self.write(PROCESSES, pid.to_string())
    }

    /// The cgroups right below it.
    pub fn children(&self) -> Vec<Node> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut found: Vec<Node> = folders.map(|entry| Node::new(entry.path())).collect();
        found.sort();
        found
    }

    /// Visits the cgroups below it, the lowest first, and then itself.
    pub fn each(&self, visit: &mut dyn FnMut(&Node)) {
        for child in self.children() {
            child.each(visit);
        }
        visit(self);
    }

    /// Kills what is in it one by one, until nothing is; see [`super::v1`] and [`super::v2`] for
    /// better ways.
    pub fn kill_one_by_one(&self) {
        for round in 0..ROUNDS {
            let pids = self.all_processes();
            if pids.is_empty() {
                return;
            }
            for pid in pids {
                // It may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            if round > 0 {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Waits a moment for its last process to be gone. Whether that has happened.
    pub fn wait_until_empty(&self) -> bool {
        for _ in 0..ROUNDS {
            if self.all_processes().is_empty() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    /// Removes it and the cgroups below it, which have no processes.
    ///
    /// # Errors
    /// There are processes after all.
    pub fn remove(&self) -> Result<(), IsolatorError> {
        let mut result = Ok(());
        self.each(&mut |node| {
            if let Err(error) = node.remove_folder() {
                result = Err(self.failed("remove the cgroup at", &node.path, error));
            }
        });
        result
    }

    fn remove_folder(&self) -> io::Result<()> {
        for _ in 0..ROUNDS {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                // Its last process is on its way out.
                Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
        fs::remove_dir(&self.path)
    }

    fn failed(&self, what: &'static str, path: &Path, source: io::Error) -> IsolatorError {
        IsolatorError::Io { what, path: path.to_owned(), source }
    }
}

fn parse_number(text: &str) -> Option<u64> {
    match text.trim() {
        "max" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn parse_table(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.split_once([' ', '\t']));
    lines.filter_map(|(name, number)| Some((name.to_owned(), parse_number(number)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> (tempfile::TempDir, Node) {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path());
        (folder, node)
    }

    #[test]
    fn numbers_and_tables_are_read() {
        let (_folder, node) = node();
        fs::write(node.file("memory.max"), "max\n").unwrap();
        fs::write(node.file("memory.current"), "4096\n").unwrap();
        fs::write(node.file("memory.stat"), "anon 12\nfile x\nsock 7\nodd\n").unwrap();
        assert_eq!(node.number("memory.max").unwrap(), u64::MAX);
        assert_eq!(node.number("memory.current").unwrap(), 4096);
        let table = node.table("memory.stat").unwrap();
        assert_eq!(table, BTreeMap::from([("anon".to_owned(), 12), ("sock".to_owned(), 7)]));
        let error = node.number("memory.stat").unwrap_err().to_string();
        assert!(error.starts_with("failed to find a number in '"), "{error}");
        let error = node.read("memory.peak").unwrap_err().to_string();
        assert!(error.contains("memory.peak"), "{error}");
    }

    #[test]
    fn only_files_that_exist_are_written() {
        let (_folder, node) = node();
        assert!(node.write("cpu.max", "max").is_err());
        assert!(!node.has("cpu.max"), "the kernel makes the files");
        fs::write(node.file("cpu.max"), "").unwrap();
        node.write("cpu.max", "1000 100000").unwrap();
        assert_eq!(node.read("cpu.max").unwrap(), "1000 100000");
    }

    #[test]
    fn everything_below_is_removed_from_the_bottom() {
        let (_folder, node) = node();
        let top = node.child("mesos");
        top.child("a").child("b");
        for path in ["mesos/a/b", "mesos/c"] {
            fs::create_dir_all(node.file(path)).unwrap();
        }
        let names = |nodes: Vec<Node>| {
            let name = |node: &Node| node.path().file_name().map(|name| name.to_owned());
            nodes.iter().filter_map(name).collect::<Vec<_>>()
        };
        assert_eq!(names(top.children()), ["a", "c"]);
        let mut order = Vec::new();
        top.each(&mut |node| order.push(node.clone()));
        assert_eq!(names(order), ["b", "a", "c", "mesos"]);
        top.remove().unwrap();
        assert!(!top.exists());
        top.remove().unwrap();
        top.make().unwrap();
        top.make().unwrap();
    }
}

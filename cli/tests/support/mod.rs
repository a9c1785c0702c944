//! Programs under test: run to their end, or until the test has seen enough.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nothing in these tests takes this long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test, without anything of the caller's environment that it would read.
pub fn mesos() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MESOS_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("a program");
    Ended {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// A program that runs beside the test. It is killed if the test fails before it ends, and what it
/// said on its standard error is shown then.
pub struct Background {
    child: Child,
    lines: Receiver<String>,
    complaints: Arc<Mutex<String>>,
}

impl Background {
    /// Starts it; its standard output is read line by line.
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program");
        let stdout = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = child.stderr.take().expect("a pipe");
        let complaints = Arc::<Mutex<String>>::default();
        let heard = complaints.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self { child, lines, complaints }
    }

    /// The next line that holds `text`.
    pub fn line_with(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no '{text}'"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.expect("kill").success());
    }

    /// Waits for its end; gives the exit code.
    pub fn wait(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        eventually("the program ends", || {
            assert!(Instant::now() < deadline);
            self.child.try_wait().expect("a child").is_some()
        });
        self.child.wait().expect("a child").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let heard = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("--- standard error of the program\n{heard}");
        }
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never happened that {what}");
        // Polls `is_so` until PATIENCE is over.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many processes have `text` in their command line, the test itself aside.
pub fn processes_with(text: &str) -> usize {
    let own = std::process::id().to_string();
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let is_own = entry.file_name().to_str() == Some(&own);
        let command_line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        count += usize::from(!is_own && String::from_utf8_lossy(&command_line).contains(text));
    }
    count
}

pub fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).expect("a directory").next().is_none()
}

//! Logging in the form that operators of Mesos know, on `tracing`.
//!
//! ```text
//! I1122 17:30:01.123456  1234 registrar.rs:12] Recovered the registry agents=3
//! ^^ ^  ^                ^    ^                ^
//! || |  time             |    file and line    message, then fields
//! || day                 thread
//! |month
//! I, W, E: information, warning, error
//! ```
//!
//! A program calls [`init`] once; libraries only use the macros of `tracing`. There is one log per
//! program, as `tracing` itself has one, so this file is the one place with state that all nodes
//! share. Verbosity 0 shows `info`, 1 and 2 `debug`, from 3 on `trace`; [`toggle`] raises it for a
//! while, as `/logging/toggle` asks (LP-29).
//!
//! Lines go to the standard error stream, and into a file below `log_dir` whose name is glog's
//! (`mesos-master.host.user.log.INFO.20261122-173001.1234`), with a link `mesos-master.INFO` to it.

mod file;
mod format;

use file::LogFile;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::reload;

/// The least severe lines that are shown, as `--logging_level` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Everything.
    #[default]
    Info,
    /// Warnings and errors.
    Warning,
    /// Errors.
    Error,
}

impl Level {
    /// Every level, as flags name them.
    pub const NAMES: &[&str] = &["INFO", "WARNING", "ERROR"];

    /// The name of this level, as flags have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "INFO" => Ok(Self::Info),
            "WARNING" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            _ => Err(format!("unknown logging level '{text}', choose INFO, WARNING or ERROR")),
        }
    }
}

/// How to log.
#[derive(Clone, Debug, Default)]
pub struct LogConfig {
    /// The name of the program, for names of files: `mesos-master`.
    pub program: String,
    /// The least severe lines that are shown.
    pub level: Level,
    /// More detail than `info`; see the module.
    pub verbosity: u32,
    /// Whether nothing is written to the standard error stream.
    pub quiet: bool,
    /// The folder for log files; without it there are none.
    pub log_dir: Option<PathBuf>,
}

/// Why logging could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file cannot be made.
    #[error("cannot write logs to {}", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something in this program logs already.
    #[error("logging was set up before")]
    Twice,
    /// Nothing was set up that could be changed.
    #[error("logging was not set up")]
    NotSetUp,
    /// Lines of that verbosity are shown already.
    #[error("'{level}' < original level '{original}'")]
    BelowOriginal {
        /// The verbosity that was asked for.
        level: u32,
        /// The verbosity that the program was started with.
        original: u32,
    },
}

/// What [`init`] leaves for [`toggle`].
struct Control {
    level: Level,
    original: u32,
    filter: reload::Handle<LevelFilter, Registry>,
    state: Mutex<State>,
    changed: Condvar,
    path: Option<PathBuf>,
}

#[derive(Debug)]
struct State {
    verbosity: u32,
    /// When to go back to the original verbosity; a thread waits for it while it is set.
    until: Option<Instant>,
}

static CONTROL: OnceLock<Control> = OnceLock::new();

/// Sends the log of this program where `config` says.
///
/// # Errors
/// When the file cannot be made, or something logs already.
pub fn init(config: LogConfig) -> Result<(), LogError> {
    let file = match &config.log_dir {
        None => None,
        Some(folder) => Some(
            LogFile::create(folder, &config.program)
                .map_err(|source| LogError::File { path: folder.clone(), source })?,
        ),
    };
    let path = file.as_ref().map(|file| file.link().to_owned());
    let (filter, handle) = reload::Layer::new(filter(config.level, config.verbosity));
    let lines = Lines { stderr: !config.quiet, file: file.map(Mutex::new) };
    let subscriber = Registry::default().with(filter).with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    let state = Mutex::new(State { verbosity: config.verbosity, until: None });
    let control = Control {
        level: config.level,
        original: config.verbosity,
        filter: handle,
        state,
        changed: Condvar::new(),
        path,
    };
    CONTROL.set(control).map_err(|_| LogError::Twice)
}

/// The link to the present log file, if there is one: what `/master/log` shows.
pub fn log_file() -> Option<&'static Path> {
    CONTROL.get()?.path.as_deref()
}

/// The present verbosity.
pub fn verbosity() -> u32 {
    CONTROL.get().map_or(0, |control| lock(&control.state).verbosity)
}

/// Raises the verbosity for `duration`; a later call replaces an earlier one.
///
/// # Errors
/// When nothing was set up, or `level` is below the verbosity that the program started with.
pub fn toggle(level: u32, duration: Duration) -> Result<(), LogError> {
    let control = CONTROL.get().ok_or(LogError::NotSetUp)?;
    if level < control.original {
        return Err(LogError::BelowOriginal { level, original: control.original });
    }
    let mut state = lock(&control.state);
    let waits = state.until.is_some();
    // A duration beyond the end of time is as good as a century.
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    state.until = Instant::now().checked_add(duration.min(century));
    set(control, &mut state, level);
    control.changed.notify_all();
    if !waits {
        let waiting = std::thread::Builder::new().name("logging".to_owned()).spawn(revert);
        if let Err(error) = waiting {
            state.until = None;
            set(control, &mut state, control.original);
            drop(state);
            tracing::error!("cannot raise the verbosity for a while: {error}");
        }
    }
    Ok(())
}

fn revert() {
    let Some(control) = CONTROL.get() else { return };
    let mut state = lock(&control.state);
    while let Some(until) = state.until {
        let now = Instant::now();
        if until <= now {
            state.until = None;
            set(control, &mut state, control.original);
            return;
        }
        state = match control.changed.wait_timeout(state, until - now) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
    }
}

fn set(control: &Control, state: &mut State, verbosity: u32) {
    state.verbosity = verbosity;
    // Fails only when the subscriber is gone, which is when nobody logs.
    let _ = control.filter.reload(filter(control.level, verbosity));
}

fn filter(level: Level, verbosity: u32) -> LevelFilter {
    match (level, verbosity) {
        (_, 3..) => LevelFilter::TRACE,
        (_, 1..) => LevelFilter::DEBUG,
        (Level::Info, 0) => LevelFilter::INFO,
        (Level::Warning, 0) => LevelFilter::WARN,
        (Level::Error, 0) => LevelFilter::ERROR,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes events as lines.
struct Lines {
    stderr: bool,
    file: Option<Mutex<LogFile>>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = format::line(event);
        // A log that cannot be written has nobody to tell.
        if self.stderr {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
        if let Some(file) = &self.file {
            let _ = lock(file).write(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_verbosity_make_a_filter() {
        assert_eq!(filter(Level::Info, 0), LevelFilter::INFO);
        assert_eq!(filter(Level::Error, 0), LevelFilter::ERROR);
        assert_eq!(filter(Level::Warning, 1), LevelFilter::DEBUG);
        assert_eq!(filter(Level::Info, 9), LevelFilter::TRACE);
        assert_eq!("WARNING".parse(), Ok(Level::Warning));
        assert!("LOUD".parse::<Level>().is_err());
    }
}

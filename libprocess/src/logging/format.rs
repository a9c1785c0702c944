//! One event as one line.

use nix::libc;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// What is longer is cut: a line is for reading.
const LINE_LIMIT_BYTES: usize = 30_000;

/// The local time, taken apart.
pub(super) struct LocalTime {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub micros: u32,
}

impl LocalTime {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = libc::time_t::try_from(since.as_secs()).unwrap_or(libc::time_t::MAX);
        // SAFETY: `tm` is a struct of integers and a pointer, for which zeros are valid.
        let mut tm: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the right types, and nothing is kept.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
        Self {
            year: tm.tm_year + 1900,
            month: tm.tm_mon + 1,
            day: tm.tm_mday,
            hour: tm.tm_hour,
            minute: tm.tm_min,
            second: tm.tm_sec,
            micros: since.subsec_micros(),
        }
    }
}

/// The line of an event, with its line break.
pub(super) fn line(event: &Event<'_>) -> String {
    let metadata = event.metadata();
    let now = LocalTime::now();
    let file = metadata.file().and_then(|path| Path::new(path).file_name()?.to_str());
    let mut line = String::with_capacity(160);
    let _ = write!(
        line,
        "{}{:02}{:02} {:02}:{:02}:{:02}.{:06} {:>5} {}:{}] ",
        letter(*metadata.level()),
        now.month,
        now.day,
        now.hour,
        now.minute,
        now.second,
        now.micros,
        nix::unistd::gettid(),
        file.unwrap_or("unknown"),
        metadata.line().unwrap_or(0),
    );
    let mut fields = Fields::default();
    event.record(&mut fields);
    line.push_str(&fields.message);
    line.push_str(&fields.rest);
    if line.len() > LINE_LIMIT_BYTES {
        let fits = (0..=LINE_LIMIT_BYTES).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(fits.unwrap_or(0));
        line.push_str("...");
    }
    line.push('\n');
    line
}

fn letter(level: Level) -> char {
    match level {
        Level::ERROR => 'E',
        Level::WARN => 'W',
        _ => 'I',
    }
}

/// The message, and the other fields as ` name=value`.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let _ = write!(self.rest, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.rest, " {}={value:?}", field.name())
        };
    }
}

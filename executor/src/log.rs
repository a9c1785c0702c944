//! Lines for the sandbox's stderr.
//!
//! The executor has no logging framework: it is one process per task, and everything that it maps
//! is paid for as often as there are tasks.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Prints warnings and errors to stderr, one line each.
#[derive(Debug, Default)]
pub struct StderrLog {
    spans: AtomicU64,
}

/// Prints warnings and errors of this process from now on.
pub fn to_stderr() {
    // Somebody who has installed another logger wants that one.
    let _ = tracing::subscriber::set_global_default(StderrLog::default());
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
        // Writing to a string does not fail.
        debug_assert!(written.is_ok());
    }
}

impl Subscriber for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        eprintln!("executor: {}: {}", event.metadata().level(), message.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

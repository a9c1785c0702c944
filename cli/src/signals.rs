//! Ctrl-C and SIGTERM, as events on a thread of their own.

use std::io;
use std::thread::Builder;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;

/// One SIGINT or SIGTERM.
#[derive(Debug, Clone, Copy)]
pub struct Interrupt {
    /// Which of the two.
    pub signal: Signal,
    /// How many there have been, this one included.
    pub count: u32,
}

/// Calls `handle` for each SIGINT and SIGTERM from now on. They no longer end the program by
/// themselves.
pub fn on_interrupt(mut handle: impl FnMut(Interrupt) + Send + 'static) -> Result<(), CliError> {
    let error = |source: io::Error| CliError::System { what: "watch for signals", source };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(error)?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(error)?,
            signal(SignalKind::terminate()).map_err(error)?,
        )
    };
    let watch = async move {
        let mut count = 0;
        loop {
            let signal = tokio::select! {
                _ = interrupt.recv() => Signal::SIGINT,
                _ = terminate.recv() => Signal::SIGTERM,
            };
            count += 1;
            handle(Interrupt { signal, count });
        }
    };
    Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(watch))
        .map(drop)
        .map_err(error)
}

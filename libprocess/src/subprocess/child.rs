//! A process that we have started.

use super::reaper::{self, PidFd};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::net::unix::pipe;

/// A process that we have started, and must reap.
///
/// Dropping it does not end the process, but sees to its being reaped as long as there is a tokio
/// runtime to do so.
#[derive(Debug)]
pub struct Child {
    handle: Handle,
    stdio: [Option<OwnedFd>; 3],
    /// Whether the duty to reap has passed to somebody else.
    passed_on: bool,
}

/// A way to signal a process that never hits another one, even after its pid was given away.
#[derive(Clone, Debug)]
pub struct Handle {
    pid: i32,
    fd: Option<Arc<PidFd>>,
}

impl Child {
    pub(super) fn new(pid: i32, stdio: [Option<OwnedFd>; 3]) -> Self {
        // Nobody has reaped it yet, so the pid is still its own.
        let fd = PidFd::open(pid).ok().map(Arc::new);
        Self { handle: Handle { pid, fd }, stdio, passed_on: false }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.handle.pid
    }

    /// A way to signal it while it is being waited for.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Our end of its input, once, if that is a pipe.
    pub fn take_stdin(&mut self) -> Option<OwnedFd> {
        self.stdio[0].take()
    }

    /// Our end of its output, once, if that is a pipe.
    pub fn take_stdout(&mut self) -> Option<OwnedFd> {
        self.stdio[1].take()
    }

    /// Our end of its error stream, once, if that is a pipe.
    pub fn take_stderr(&mut self) -> Option<OwnedFd> {
        self.stdio[2].take()
    }

    /// Waits for its end on a tokio runtime with I/O. Closes our ends of its pipes first, unless
    /// they were taken, so that it cannot wait for us.
    ///
    /// # Errors
    /// When somebody else has reaped it.
    pub fn wait(mut self) -> impl Future<Output = io::Result<ExitStatus>> + Send + 'static {
        self.passed_on = true;
        self.stdio = [None, None, None];
        let handle = self.handle.clone();
        async move {
            let status = reaper::reap_with(handle.pid, handle.fd.as_deref()).await;
            status.ok_or_else(|| {
                io::Error::other(format!("process {} was reaped by somebody else", handle.pid))
            })
        }
    }

    /// Waits for its end and blocks this thread.
    ///
    /// # Errors
    /// When somebody else has reaped it.
    pub fn wait_blocking(mut self) -> io::Result<ExitStatus> {
        self.passed_on = true;
        self.stdio = [None, None, None];
        reaper::wait_blocking(self.handle.pid)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.passed_on || reaper::try_reap(self.handle.pid).is_some() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let Handle { pid, fd } = self.handle.clone();
            runtime.spawn(async move { reaper::reap_with(pid, fd.as_deref()).await });
        }
    }
}

impl Handle {
    /// The pid.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `ESRCH` when the process is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.fd {
            Some(fd) => fd.signal(signal),
            None => Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), signal)?),
        }
    }
}

/// The reading end of a pipe for async code.
///
/// # Errors
/// When it is no pipe, or there is no tokio runtime with I/O.
pub fn async_reader(fd: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(non_blocking(fd)?)
}

/// The writing end of a pipe for async code.
///
/// # Errors
/// When it is no pipe, or there is no tokio runtime with I/O.
pub fn async_writer(fd: OwnedFd) -> io::Result<pipe::Sender> {
    pipe::Sender::from_owned_fd(non_blocking(fd)?)
}

fn non_blocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    debug_assert!(fd.as_raw_fd() >= 0);
    Ok(fd)
}

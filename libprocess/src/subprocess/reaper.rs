//! How processes end: children with their status, others with the bare fact.
//!
//! ```text
//!   pidfd_open --ok--> wait until readable ----.
//!      |--no such process --------------------+--> waitpid: status of a child, else none
//!      `--not possible--> poll, 100 ms to 1 s -'
//! ```

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor of a process, readable once that process has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has this pid now.
    ///
    /// # Errors
    /// When there is none, or the system cannot do it.
    pub fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: a system call with two integers; it touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the system has just made this descriptor, for nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// `ESRCH` when it is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let info: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: a null info is allowed and means the same as for `kill`.
        let result = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal as i32, info, 0)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Waits for the end of any process, on a tokio runtime with I/O and time.
///
/// Gives the exit status when it was our child, and `None` when it was not, or when there is no
/// such process. A pid that may have been given away should be compared by its start time first,
/// see [`tree::find`](super::tree::find).
pub async fn reap(pid: i32) -> Option<ExitStatus> {
    match PidFd::open(pid) {
        Ok(fd) => reap_with(pid, Some(&fd)).await,
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => try_reap(pid),
        Err(_) => reap_with(pid, None).await,
    }
}

pub(super) async fn reap_with(pid: i32, fd: Option<&PidFd>) -> Option<ExitStatus> {
    if let Some(fd) = fd
        && readable(fd).await.is_ok()
    {
        return try_reap(pid);
    }
    poll(pid).await
}

async fn readable(fd: &PidFd) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed, so it stays open longer than what is made of it.
    let fd = unsafe { AsyncFd::register_with_interest(fd.0.as_fd(), Interest::READABLE) }?;
    let _ready = fd.readable().await?;
    Ok(())
}

/// How many pids are polled; the more, the less often each.
static POLLED: AtomicUsize = AtomicUsize::new(0);

struct Polled;

impl Drop for Polled {
    fn drop(&mut self) {
        POLLED.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn poll(pid: i32) -> Option<ExitStatus> {
    POLLED.fetch_add(1, Ordering::Relaxed);
    let _polled = Polled;
    loop {
        if let Some(status) = try_reap(pid) {
            return Some(status);
        }
        // A zombie still exists for `kill`, but a zombie child was reaped just now.
        if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
            return None;
        }
        tokio::time::sleep(poll_interval(POLLED.load(Ordering::Relaxed))).await;
    }
}

/// From 100 ms for up to 50 pids to a second for 500 and more.
fn poll_interval(count: usize) -> Duration {
    let count = count.clamp(50, 500) as u64;
    Duration::from_millis(100 + (count - 50) * 900 / 450)
}

/// The status of a child that has ended, which is then gone; `None` for all others.
pub(super) fn try_reap(pid: i32) -> Option<ExitStatus> {
    wait_for(pid, libc::WNOHANG).ok().flatten()
}

/// Blocks until a child ends.
pub(super) fn wait_blocking(pid: i32) -> io::Result<ExitStatus> {
    // Without WNOHANG it returns only with a status or an error.
    let none = || io::Error::other(format!("process {pid} has no status"));
    wait_for(pid, 0)?.ok_or_else(none)
}

fn wait_for(pid: i32, flags: libc::c_int) -> io::Result<Option<ExitStatus>> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live integer. A pid of 0 or below would mean other children.
        let result = unsafe { libc::waitpid(pid.max(1), &raw mut status, flags) };
        if result == 0 {
            return Ok(None);
        }
        if result > 0 {
            return Ok(Some(ExitStatus::from_raw(status)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Whether a child has ended and waits to be reaped; it still does so afterwards.
pub fn is_zombie_child(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(Pid::from_raw(pid)), flags)
        .is_ok_and(|status| status.pid() == Some(Pid::from_raw(pid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_slows_down_with_the_number_of_pids() {
        assert_eq!(poll_interval(1), Duration::from_millis(100));
        assert_eq!(poll_interval(275), Duration::from_millis(550));
        assert_eq!(poll_interval(100_000), Duration::from_secs(1));
    }
}

//! Learns from the kernel that something has happened to a cgroup, on a thread of its own.
//!
//! ```text
//!   watch ──▶ watched ── the kernel says so ──▶ action ── false ──▶ (forgotten)
//!               │  ▲                               │ true
//!   forget ◀────┘  └───────────────────────────────┘
//! ```

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::node::Node;
use crate::isolators::IsolatorError;

/// The number that stands for the end of the thread.
const END: u64 = 0;

/// The file by which version 1 takes orders to tell something.
const CONTROL: &str = "cgroup.event_control";

/// What happens then. Whether it is to happen again.
pub type Action = Box<dyn FnMut() -> bool + Send>;

/// What says that something has happened.
pub enum Source {
    /// A counter that the kernel adds to (version 1).
    Counter(EventFd),
    /// A file that changes (version 2).
    File(File),
}

impl Source {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Counter(counter) => counter.as_fd(),
            Self::File(file) => file.as_fd(),
        }
    }

    /// Reads it, without which the kernel would go on saying so.
    fn take(&self) {
        match self {
            Self::Counter(counter) => drop(counter.read()),
            Self::File(file) => drop(file.read_at(&mut [0; 1024], 0)),
        }
    }
}

/// A counter of events that version 1 has about one of a cgroup's files: their number since it was
/// last read.
///
/// # Errors
/// The kernel knows no such events.
pub fn counter(node: &Node, file: &str, arguments: &str) -> Result<EventFd, IsolatorError> {
    let failed =
        |source| IsolatorError::Io { what: "listen for events of", path: node.file(file), source };
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let counter = EventFd::from_value_and_flags(0, flags).map_err(|errno| failed(errno.into()))?;
    let opened = File::open(node.file(file)).map_err(failed)?;
    let (ours, theirs) = (raw(&counter), raw(&opened));
    node.write(CONTROL, format!("{ours} {theirs} {arguments}").trim_end())?;
    Ok(counter)
}

fn raw(fd: &impl AsFd) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd())
}

/// The file of version 2 that changes with something.
///
/// # Errors
/// There is none.
pub fn file(node: &Node, name: &str) -> Result<File, IsolatorError> {
    let path = node.file(name);
    let opened = File::open(&path);
    // Only changes after the first time that it is read are told.
    let read = opened.and_then(|file| file.read_at(&mut [0; 1024], 0).map(|_| file));
    read.map_err(|source| IsolatorError::Io { what: "listen for changes of", path, source })
}

/// The number by which something watched is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// The thread.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    epoll: Epoll,
    end: EventFd,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    next: u64,
    entries: HashMap<u64, Entry>,
}

struct Entry {
    source: Source,
    /// Away while it runs.
    action: Option<Action>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry")
    }
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread or no descriptors to give.
    pub fn start() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let end = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC)?;
        epoll.add(&end, EpollEvent::new(EpollFlags::EPOLLIN, END))?;
        let watched = Mutex::new(Watched { next: END + 1, entries: HashMap::new() });
        let shared = Arc::new(Shared { epoll, end, watched });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("cgroup-events".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || theirs.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has the thread act whenever something happens.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn watch(&self, source: Source, action: Action) -> io::Result<Ticket> {
        let mut watched = self.shared.lock();
        let ticket = watched.next;
        watched.next += 1;
        let flags = match &source {
            Source::Counter(_) => EpollFlags::EPOLLIN,
            Source::File(_) => EpollFlags::EPOLLPRI,
        };
        self.shared.epoll.add(source.as_fd(), EpollEvent::new(flags, ticket))?;
        watched.entries.insert(ticket, Entry { source, action: Some(action) });
        Ok(Ticket(ticket))
    }

    /// Stops that. An action that runs already runs to its end.
    pub fn forget(&self, ticket: Ticket) {
        self.shared.remove(ticket.0);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It can only fail where it has been written to 2^64 times.
        let _ = self.shared.end.write(1);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, ticket: u64) {
        if let Some(entry) = self.lock().entries.remove(&ticket) {
            // It fails only for what is not watched.
            let _ = self.epoll.delete(entry.source.as_fd());
        }
    }

    fn run(&self) {
        let mut events = [EpollEvent::empty(); 16];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => {
                    return tracing::error!("cannot wait for events of cgroups: {error}");
                }
            };
            for event in &events[..count] {
                match event.data() {
                    END => return,
                    ticket => self.act(ticket),
                }
            }
        }
    }

    fn act(&self, ticket: u64) {
        let action = self.lock().entries.get_mut(&ticket).and_then(|entry| {
            entry.source.take();
            entry.action.take()
        });
        let Some(mut action) = action else { return };
        if !action() {
            return self.remove(ticket);
        }
        if let Some(entry) = self.lock().entries.get_mut(&ticket) {
            entry.action = Some(action);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::v2;
    use super::*;
    use crate::isolators::testing::{Fork, own_cgroup};
    use std::collections::BTreeSet;
    use std::sync::mpsc;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn actions_follow_events_until_they_say_no_or_are_forgotten() {
        let watcher = Watcher::start().unwrap();
        let make = || {
            let counter = EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK).unwrap();
            let ours = counter.as_fd().try_clone_to_owned().unwrap();
            (counter, std::fs::File::from(ours))
        };
        let tell = |file: &std::fs::File| {
            std::io::Write::write_all(&mut &*file, &1_u64.to_ne_bytes()).unwrap();
        };
        let (send, receive) = mpsc::channel();
        let (theirs, ours) = make();
        let twice = send.clone();
        let mut left = 2;
        let action = move || {
            left -= 1;
            twice.send(("twice", left)).unwrap();
            left > 0
        };
        watcher.watch(Source::Counter(theirs), Box::new(action)).unwrap();
        tell(&ours);
        assert_eq!(receive.recv_timeout(PATIENCE).unwrap(), ("twice", 1));
        tell(&ours);
        assert_eq!(receive.recv_timeout(PATIENCE).unwrap(), ("twice", 0));
        let (theirs, forgotten) = make();
        let never = send.clone();
        let action = move || never.send(("never", 0)).is_ok();
        let ticket = watcher.watch(Source::Counter(theirs), Box::new(action)).unwrap();
        watcher.forget(ticket);
        watcher.forget(ticket);
        tell(&ours);
        tell(&forgotten);
        let (theirs, last) = make();
        let action = move || send.send(("last", 0)).is_ok();
        watcher.watch(Source::Counter(theirs), Box::new(action)).unwrap();
        tell(&last);
        assert_eq!(receive.recv_timeout(PATIENCE).unwrap(), ("last", 0));
        drop(watcher);
        assert!(receive.recv().is_err(), "nothing else was sent");
    }

    #[test]
    fn changes_of_files_of_version_2_are_told() {
        let Some(mount) = crate::isolators::testing::v2("events of version 2") else { return };
        let root = own_cgroup(&mount);
        let node = v2::create(&mount, root.relative(), &BTreeSet::new()).unwrap();
        let watcher = Watcher::start().unwrap();
        let (send, receive) = mpsc::channel();
        let seen = node.clone();
        let action = move || send.send(v2::is_populated(&seen).unwrap()).is_ok();
        let source = Source::File(file(&node, v2::EVENTS).unwrap());
        watcher.watch(source, Box::new(action)).unwrap();
        let fork = Fork::sleeping();
        v2::leaf(&node).assign(fork.pid()).unwrap();
        assert!(receive.recv_timeout(PATIENCE).unwrap());
        v2::kill(&node).unwrap();
        assert_eq!(fork.signal(), Some(9));
        assert!(!receive.recv_timeout(PATIENCE).unwrap());
    }
}

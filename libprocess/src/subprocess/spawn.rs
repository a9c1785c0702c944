//! How a [`Command`] becomes a process: its streams, its birth, the parent's hooks.
//!
//! A child is born by `clone`. Where it has little to do before its program runs, it borrows the
//! memory of its parent, which waits for that moment: nothing is copied, so that the cost does not
//! grow with the parent. Where hooks are to run meanwhile, or as another user, it gets a copy.

use super::child::Child;
use super::command::{Command, SpawnError, Stdio};
use super::hooks::{Namespace, names};
use super::plan::{Pipe, Plan, REPORT, Stage};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::path::Path;

const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// The stack of a child until its program has one, in units of 16 octets.
const STACK: usize = 64 * 1024 / 16;

pub(super) fn spawn(command: Command) -> Result<Child, SpawnError> {
    let mut command = command;
    let stdio = std::mem::take(&mut command.stdio);
    let mut theirs: [Option<OwnedFd>; 3] = [None, None, None];
    let mut ours: [Option<OwnedFd>; 3] = [None, None, None];
    for (index, stream) in stdio.into_iter().enumerate() {
        (theirs[index], ours[index]) = open(index, stream)?;
    }
    let program = command.program.clone();
    let start = |source| SpawnError::Start { program: program.clone(), source };
    let hooks: Vec<String> = {
        let hooks = command.child_hooks.iter().chain(&command.last_hooks);
        hooks.map(|hook| hook.what()).collect()
    };
    let joined: Vec<Namespace> =
        command.joined_namespaces.iter().map(|(namespace, _)| *namespace).collect();
    let all: Vec<Namespace> = command.new_namespaces.iter().chain(&joined).copied().collect();
    let namespaces = |source| {
        let (program, namespaces) = (program.clone(), names(&all));
        SpawnError::Namespaces { program, namespaces, source }
    };
    let of_pids = JoinedPids::join(&command).map_err(namespaces)?;
    let mut plan = Plan::new(&mut command, theirs, || pipe("errors"))?;
    let flags = command.new_namespaces.iter().fold(0, |all, one| all | one.flag());
    let unborn = |source| if flags == 0 { start(source) } else { namespaces(source) };
    let borrows = flags == 0 && of_pids.is_none() && plan.may_borrow();
    let memory = if borrows { libc::CLONE_VM | libc::CLONE_VFORK } else { 0 };
    let pid = clone(&mut plan, flags | memory).map_err(unborn)?;
    drop(of_pids);
    let child = Child::new(pid, ours);
    let (gate, errors) = plan.into_pipes();
    for hook in command.parent_hooks {
        if let Err(source) = (hook.run)(pid) {
            end(child);
            let program = program.clone();
            return Err(SpawnError::ParentHook { hook: hook.name, program, source });
        }
    }
    match release(gate).and_then(|()| failure(errors)) {
        Ok(None) => Ok(child),
        Ok(Some((stage, source))) => {
            end(child);
            Err(match stage {
                Stage::Start => start(source),
                Stage::Namespaces => namespaces(source),
                Stage::Hook(index) => {
                    let hook = hooks.into_iter().nth(index as usize).unwrap_or_default();
                    SpawnError::ChildHook { hook, program: program.clone(), source }
                }
            })
        }
        Err(source) => {
            end(child);
            Err(start(source))
        }
    }
}

/// Both ends of a stream: the child's, `None` to inherit, and for pipes ours.
fn open(index: usize, stream: Stdio) -> Result<(Option<OwnedFd>, Option<OwnedFd>), SpawnError> {
    let name = STREAMS[index];
    let file = |path: &Path| {
        let opened = if index == 0 {
            File::open(path)
        } else {
            OpenOptions::new().append(true).create(true).open(path)
        };
        let opened = opened.map(OwnedFd::from).and_then(above_streams);
        let path = path.to_owned();
        opened.map_err(|source| SpawnError::Stream { path, stream: name, source })
    };
    match stream {
        Stdio::Inherit => Ok((None, None)),
        Stdio::Fd(fd) => {
            let fd = above_streams(fd);
            Ok((Some(fd.map_err(|source| SpawnError::Pipe { stream: name, source })?), None))
        }
        Stdio::Path(path) => Ok((Some(file(&path)?), None)),
        Stdio::Null => Ok((Some(file(Path::new("/dev/null"))?), None)),
        Stdio::Pipe => {
            let Pipe { read, write } = pipe(name)?;
            Ok(if index == 0 { (Some(read), Some(write)) } else { (Some(write), Some(read)) })
        }
    }
}

fn pipe(stream: &'static str) -> Result<Pipe, SpawnError> {
    let made = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from);
    let made = made.and_then(|(read, write)| {
        Ok(Pipe { read: above_streams(read)?, write: above_streams(write)? })
    });
    made.map_err(|source| SpawnError::Pipe { stream, source })
}

/// In a program that has closed its own streams a descriptor may stand where the child's streams
/// will be.
fn above_streams(fd: OwnedFd) -> io::Result<OwnedFd> {
    const FIRST: RawFd = 3;
    if fd.as_raw_fd() >= FIRST {
        return Ok(fd);
    }
    let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(FIRST))?;
    // SAFETY: the system has just made this descriptor, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// Makes the child, with all signals blocked: a handler of ours must not run in it.
fn clone(plan: &mut Plan, flags: libc::c_int) -> io::Result<libc::pid_t> {
    extern "C" fn born(plan: *mut libc::c_void) -> libc::c_int {
        // SAFETY: what was handed to `clone` below. The parent waits, or has a copy of its own.
        unsafe { &mut *plan.cast::<Plan>() }.run()
    }
    let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity(STACK);
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    // SAFETY: the stack grows down from its end, and is aligned by its type. It and the plan live
    // until the child has stopped using this memory: at once, where it has a copy; else it has
    // become a program, or ended, before this returns.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(STACK);
        libc::clone(born, top.cast(), flags | libc::SIGCHLD, std::ptr::from_mut(plan).cast())
    };
    let result = if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) };
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    result
}

/// Lets the child go on, if it waits.
fn release(gate: Option<Pipe>) -> io::Result<()> {
    let Some(Pipe { read, write }) = gate else { return Ok(()) };
    let written = File::from(write).write_all(&[1]);
    // Until now: where the child has ended already, nobody else would have it.
    drop(read);
    written
}

/// What the child says about its start: nothing, when its program runs.
fn failure(errors: OwnedFd) -> io::Result<Option<(Stage, io::Error)>> {
    let mut report = [0; REPORT];
    match File::from(errors).read_exact(&mut report) {
        Ok(()) => Ok(Some(Stage::from_report(report))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends a child that does not run its program.
fn end(child: Child) {
    // It may have ended by itself. Either way it is reaped, or was by somebody else.
    let _ = child.handle().signal(Signal::SIGKILL);
    let _ = child.wait_blocking();
}

/// As long as this lives, children of this thread are born into another namespace of pids.
struct JoinedPids(File);

impl JoinedPids {
    fn join(command: &Command) -> io::Result<Option<Self>> {
        let joined = &command.joined_namespaces;
        let Some((_, fd)) = joined.iter().find(|(kind, _)| *kind == Namespace::Pid) else {
            return Ok(None);
        };
        let own = File::open("/proc/thread-self/ns/pid_for_children")?;
        set_pids(fd.as_raw_fd())?;
        Ok(Some(Self(own)))
    }
}

impl Drop for JoinedPids {
    fn drop(&mut self) {
        if let Err(error) = set_pids(self.0.as_raw_fd()) {
            tracing::error!("children of this thread stay in another namespace of pids: {error}");
        }
    }
}

fn set_pids(fd: RawFd) -> io::Result<()> {
    // SAFETY: a system call with two integers; it touches no memory.
    let result = unsafe { libc::setns(fd, libc::CLONE_NEWPID) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

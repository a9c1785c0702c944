//! What a child does between its birth and its program.
//!
//! ```text
//!   born ──▶ streams, session ──▶ waits for the parent ──▶ namespaces ──▶ hooks
//!                                                                           │
//!            program ◀── last hooks ◀── signals ◀── user ◀── folder ◀───────┘
//! ```
//!
//! The parent has threads, and any of them may have held any lock when the child was born; some
//! children even borrow the parent's memory. So everything is prepared, and nothing here allocates,
//! frees, locks or panics. Of libc only what wraps a system call is used.

use super::command::{Command, Identity, SpawnError};
use super::hooks::{ChildHook, CustomHook, Mount, Namespace};
use super::texts::{Texts, c_path, c_string, candidates};
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::Resource;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::ptr;

/// Everything that a child needs.
pub(super) struct Plan {
    programs: Vec<CString>,
    arguments: Texts,
    shell_arguments: Texts,
    environment: Texts,
    directory: Option<CString>,
    stdio: [Option<OwnedFd>; 3],
    new_session: bool,
    identity: Option<Identity>,
    death_signal: Option<libc::c_int>,
    /// The parent's pid, where the child can see it.
    parent: Option<libc::pid_t>,
    namespaces: Vec<(OwnedFd, libc::c_int)>,
    steps: Vec<Step>,
    last_steps: Vec<Step>,
    /// The child waits for an octet before it does anything that the parent's hooks may affect.
    gate: Option<Pipe>,
    errors: Pipe,
}

/// A pipe whose ends close themselves when a program starts.
pub(super) struct Pipe {
    pub read: OwnedFd,
    pub write: OwnedFd,
}

/// A hook, prepared.
enum Step {
    Rlimit(Resource, u64, u64),
    Umask(libc::mode_t),
    Mount(MountTexts),
    Chroot(CString),
    KeepOpen(OwnedFd),
    Custom(CustomHook),
}

struct MountTexts {
    source: Option<CString>,
    target: CString,
    kind: Option<CString>,
    flags: libc::c_ulong,
    data: Option<CString>,
}

/// Where a child failed, as it says through the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Namespaces,
    Hook(u32),
}

/// A failure on its way through the pipe.
pub(super) const REPORT: usize = 8;

/// The exit status of a child that never ran its program. Nobody sees it.
const NOT_STARTED: libc::c_int = 127;

/// The last signal of Linux.
const LAST_SIGNAL: libc::c_int = 64;

impl Plan {
    /// Prepares a command; `pipe` makes pipes.
    pub fn new(
        command: &mut Command,
        stdio: [Option<OwnedFd>; 3],
        pipe: impl Fn() -> Result<Pipe, SpawnError>,
    ) -> Result<Self, SpawnError> {
        let joined = std::mem::take(&mut command.joined_namespaces).into_iter();
        let of_pids = command.new_namespaces.contains(&Namespace::Pid)
            || joined.as_slice().iter().any(|(namespace, _)| *namespace == Namespace::Pid);
        let steps = |hooks: Vec<ChildHook>| -> Result<Vec<Step>, SpawnError> {
            hooks.into_iter().map(Step::new).collect()
        };
        let hooks = std::mem::take(&mut command.child_hooks);
        let last_hooks = std::mem::take(&mut command.last_hooks);
        Ok(Self {
            programs: candidates(command)?,
            arguments: Texts::arguments(command)?,
            shell_arguments: Texts::shell_arguments(command)?,
            environment: Texts::environment(command)?,
            directory: command.directory.as_deref().map(c_path).transpose()?,
            stdio,
            new_session: command.new_session,
            identity: command.identity.clone(),
            death_signal: command.parent_death_signal.map(|signal| signal as libc::c_int),
            parent: (!of_pids).then(|| nix::unistd::getpid().as_raw()),
            // That of pids holds for children only: the parent joins it, see `spawn.rs`.
            namespaces: joined
                .filter(|(namespace, _)| *namespace != Namespace::Pid)
                .map(|(namespace, fd)| (fd, namespace.flag()))
                .collect(),
            steps: steps(hooks)?,
            last_steps: steps(last_hooks)?,
            gate: if command.parent_hooks.is_empty() { None } else { Some(pipe()?) },
            errors: pipe()?,
        })
    }

    /// Whether the child may borrow the parent's memory, which is many times as fast as a copy. Not
    /// where the parent has to go on meanwhile, or where somebody else could look into it.
    pub fn may_borrow(&self) -> bool {
        self.gate.is_none()
            && self.identity.is_none()
            && self.namespaces.is_empty()
            && !self.all_steps().any(|step| matches!(step, Step::Custom(_)))
    }

    fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.last_steps)
    }

    /// What the parent keeps: the gate, and the end that tells of errors.
    pub fn into_pipes(self) -> (Option<Pipe>, OwnedFd) {
        (self.gate, self.errors.read)
    }

    /// What the child does.
    pub fn run(&mut self) -> ! {
        let (stage, errno) = self.prepare();
        let errno = if errno == Errno::UnknownErrno { Errno::EIO } else { errno };
        let mut report = [0; REPORT];
        let (first, second) = report.split_at_mut(REPORT / 2);
        first.copy_from_slice(&stage.number().to_ne_bytes());
        second.copy_from_slice(&(errno as i32).to_ne_bytes());
        // SAFETY: the pointer and length are those of one live array. Ending is what is left.
        unsafe {
            libc::write(self.errors.write.as_raw_fd(), report.as_ptr().cast(), REPORT);
            libc::_exit(NOT_STARTED)
        }
    }

    /// Ends only when something fails.
    fn prepare(&mut self) -> (Stage, Errno) {
        if let Err(errno) = self.begin() {
            return (Stage::Start, errno);
        }
        for (fd, flag) in &self.namespaces {
            // SAFETY: a system call with two integers; it touches no memory.
            if let Err(errno) = Errno::result(unsafe { libc::setns(fd.as_raw_fd(), *flag) }) {
                return (Stage::Namespaces, errno);
            }
        }
        for (index, step) in self.steps.iter_mut().enumerate() {
            if let Err(errno) = step.take() {
                return (Stage::Hook(index as u32), errno);
            }
        }
        if let Err(errno) = self.finish() {
            return (Stage::Start, errno);
        }
        for (index, step) in self.last_steps.iter_mut().enumerate() {
            if let Err(errno) = step.take() {
                return (Stage::Hook((self.steps.len() + index) as u32), errno);
            }
        }
        (Stage::Start, self.execute())
    }

    fn begin(&self) -> Result<(), Errno> {
        // Without these the ends of the pipes could not tell of the parent's death.
        close(&self.errors.read);
        if let Some(gate) = &self.gate {
            close(&gate.write);
            // Ends the child with its parent as long as it waits.
            set_death_signal(libc::SIGKILL)?;
        }
        for (target, source) in self.stdio.iter().enumerate() {
            if let Some(source) = source {
                // SAFETY: a system call with two integers; the target is one of the streams.
                Errno::result(unsafe { libc::dup2(source.as_raw_fd(), target as RawFd) })?;
            }
        }
        if self.new_session {
            nix::unistd::setsid()?;
        }
        self.gate.as_ref().map_or(Ok(()), wait)
    }

    fn finish(&self) -> Result<(), Errno> {
        if let Some(directory) = &self.directory {
            nix::unistd::chdir(directory.as_c_str())?;
        }
        if let Some(identity) = &self.identity {
            become_user(identity)?;
        }
        if self.death_signal.is_some() || self.gate.is_some() {
            // After the change of user, which takes the setting back.
            set_death_signal(self.death_signal.unwrap_or(0))?;
        }
        if self.death_signal.is_some() && !self.parent_lives() {
            // It ended before the setting took effect.
            return Err(Errno::ESRCH);
        }
        reset_signals();
        Ok(())
    }

    fn parent_lives(&self) -> bool {
        if let Some(parent) = self.parent {
            return nix::unistd::getppid().as_raw() == parent;
        }
        let mut look = libc::pollfd { fd: self.errors.write.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: the pointer is to one live value.
        unsafe { libc::poll(&raw mut look, 1, 0) };
        look.revents & libc::POLLERR == 0
    }

    /// Becomes the program; ends only when there is none that can be run.
    fn execute(&mut self) -> Errno {
        let mut found = Errno::ENOENT;
        for program in &self.programs {
            match execve(program, &self.arguments, &self.environment) {
                Errno::ENOEXEC => {
                    if let Some(place) = self.shell_arguments.pointers.get_mut(1) {
                        *place = program.as_ptr();
                    }
                    return execve(c"/bin/sh", &self.shell_arguments, &self.environment);
                }
                Errno::ENOENT | Errno::ENOTDIR => {}
                // There may be another one that can be run.
                Errno::EACCES => found = Errno::EACCES,
                other => return other,
            }
        }
        found
    }
}

impl Step {
    fn new(hook: ChildHook) -> Result<Self, SpawnError> {
        let text = |text: Option<String>| text.map(|text| c_string(text.as_ref())).transpose();
        Ok(match hook {
            ChildHook::Rlimit { resource, soft, hard } => Self::Rlimit(resource, soft, hard),
            ChildHook::Umask(mask) => Self::Umask(mask),
            ChildHook::Mount(Mount { source, target, kind, flags, data }) => {
                Self::Mount(MountTexts {
                    source: source.as_deref().map(c_path).transpose()?,
                    target: c_path(&target)?,
                    kind: text(kind)?,
                    flags,
                    data: text(data)?,
                })
            }
            ChildHook::Chroot(path) => Self::Chroot(c_path(&path)?),
            ChildHook::KeepOpen(fd) => Self::KeepOpen(fd),
            ChildHook::Custom(hook) => Self::Custom(hook),
        })
    }

    fn take(&mut self) -> Result<(), Errno> {
        match self {
            Self::Rlimit(resource, soft, hard) => {
                nix::sys::resource::setrlimit(*resource, *soft, *hard)
            }
            Self::Umask(mask) => {
                // SAFETY: a system call with one integer, which never fails.
                unsafe { libc::umask(*mask) };
                Ok(())
            }
            Self::Mount(mount) => mount.mount(),
            Self::Chroot(path) => nix::unistd::chroot(path.as_c_str()),
            Self::KeepOpen(fd) => {
                // SAFETY: a system call with integers; it touches no memory.
                let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) };
                Errno::result(result).map(drop)
            }
            Self::Custom(hook) => (hook.run)().map_err(|error| {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                // Dropping it might free memory.
                std::mem::forget(error);
                Errno::from_raw(errno)
            }),
        }
    }
}

impl MountTexts {
    fn mount(&self) -> Result<(), Errno> {
        let pointer =
            |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: every pointer is to a live text, or null, which the call allows but for the
        // target.
        let result = unsafe {
            libc::mount(
                pointer(&self.source),
                self.target.as_ptr(),
                pointer(&self.kind),
                self.flags,
                pointer(&self.data).cast(),
            )
        };
        Errno::result(result).map(drop)
    }
}

impl Stage {
    const HOOKS: u32 = 2;

    fn number(self) -> u32 {
        match self {
            Self::Start => 0,
            Self::Namespaces => 1,
            Self::Hook(index) => Self::HOOKS + index,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Start,
            1 => Self::Namespaces,
            _ => Self::Hook(number - Self::HOOKS),
        }
    }

    /// Reads what a child said.
    pub fn from_report(report: [u8; REPORT]) -> (Self, io::Error) {
        let [a, b, c, d, e, f, g, h] = report;
        let stage = Self::from_number(u32::from_ne_bytes([a, b, c, d]));
        (stage, io::Error::from_raw_os_error(i32::from_ne_bytes([e, f, g, h])))
    }
}

fn close(fd: &OwnedFd) {
    // SAFETY: the child never drops the owner: it becomes a program, or ends.
    unsafe { libc::close(fd.as_raw_fd()) };
}

/// Waits until the parent lets the child go; an end without that is the parent's own.
fn wait(gate: &Pipe) -> Result<(), Errno> {
    let mut octet = 0_u8;
    loop {
        // SAFETY: the pointer and length are those of one live octet.
        let read = unsafe { libc::read(gate.read.as_raw_fd(), (&raw mut octet).cast(), 1) };
        match Errno::result(read) {
            Ok(1) => return Ok(()),
            Ok(_) => return Err(Errno::ESRCH),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn set_death_signal(signal: libc::c_int) -> Result<(), Errno> {
    // SAFETY: a system call with two integers; it touches no memory.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) }).map(drop)
}

/// Gives up every right that `identity` does not have; the order matters, since the last step also
/// gives up the right to do the others. The C library's own functions would tell all threads of
/// the parent, which the child has not got.
fn become_user(identity: &Identity) -> Result<(), Errno> {
    // SAFETY: the pointer and length are those of one live slice; the others take integers.
    unsafe {
        let groups = &identity.groups;
        Errno::result(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()))?;
        Errno::result(libc::syscall(libc::SYS_setgid, identity.gid))?;
        Errno::result(libc::syscall(libc::SYS_setuid, identity.uid))?;
    }
    Ok(())
}

/// Signals are handled, blocked or ignored for the parent's reasons, which are not the program's.
/// Rust ignores SIGPIPE; what else is ignored was so before the parent began.
fn reset_signals() {
    // SAFETY: C structs of integers, for which zeros are valid: the default action, no signals.
    let (mut old, default): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: the pointers are to live values, or null where that is allowed. Those that the C
        // library keeps for itself are refused.
        unsafe {
            if libc::sigaction(signal, ptr::null(), &raw mut old) != 0 {
                continue;
            }
            let ignored = old.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
            if old.sa_sigaction != libc::SIG_DFL && !ignored {
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
        }
    }
    // SAFETY: the pointers are to live values, or null where that is allowed.
    unsafe {
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

fn execve(program: &CStr, arguments: &Texts, environment: &Texts) -> Errno {
    // SAFETY: the texts are live, and both arrays end in null.
    unsafe {
        libc::execve(program.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr());
    }
    Errno::last()
}

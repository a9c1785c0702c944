//! How a [`Command`] becomes a process: by `posix_spawn`, or by a fork where that is not enough.

use super::child::Child;
use super::command::{Command, Identity, SpawnError, Stdio};
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::Signal;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process;
use std::ptr;

const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

pub(super) fn spawn(command: Command) -> Result<Child, SpawnError> {
    let mut command = command;
    let stdio = std::mem::take(&mut command.stdio);
    let mut theirs: [Option<OwnedFd>; 3] = [None, None, None];
    let mut ours: [Option<OwnedFd>; 3] = [None, None, None];
    for (index, stream) in stdio.into_iter().enumerate() {
        (theirs[index], ours[index]) = open(index, stream)?;
    }
    let start = |source| SpawnError::Start { program: command.program.clone(), source };
    let forks = command.identity.is_some() || command.parent_death_signal.is_some();
    let pid = if forks { fork(&command, theirs) } else { posix_spawn(&command, &theirs)? };
    Ok(Child::new(pid.map_err(start)?, ours))
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
        let path = path.to_owned();
        opened.map(OwnedFd::from).map_err(|source| SpawnError::Stream {
            path,
            stream: name,
            source,
        })
    };
    match stream {
        Stdio::Inherit => Ok((None, None)),
        Stdio::Fd(fd) => Ok((Some(fd), None)),
        Stdio::Path(path) => Ok((Some(file(&path)?), None)),
        Stdio::Null => Ok((Some(file(Path::new("/dev/null"))?), None)),
        Stdio::Pipe => {
            let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)
                .map_err(|error| SpawnError::Pipe { stream: name, source: error.into() })?;
            Ok(if index == 0 { (Some(read), Some(write)) } else { (Some(write), Some(read)) })
        }
    }
}

/// Texts as the system wants them, and the array of pointers to them.
struct Texts {
    _texts: Vec<CString>,
    pointers: Vec<*mut libc::c_char>,
}

impl Texts {
    fn new(texts: impl IntoIterator<Item = OsString>) -> Result<Self, SpawnError> {
        let texts: Vec<CString> =
            texts.into_iter().map(|text| c_string(&text)).collect::<Result<_, _>>()?;
        let pointers =
            texts.iter().map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect();
        Ok(Self { _texts: texts, pointers })
    }
}

fn c_string(text: &OsStr) -> Result<CString, SpawnError> {
    CString::new(text.as_bytes()).map_err(|_| SpawnError::Zero(text.to_owned()))
}

/// The variables as `NAME=value`; `None` for the command stands for those of this process.
fn environment(command: &Command) -> Vec<OsString> {
    let join = |name: &OsStr, value: &OsStr| {
        let mut text = name.as_bytes().to_vec();
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
        OsString::from_vec(text)
    };
    match &command.env {
        Some(variables) => variables.iter().map(|(name, value)| join(name, value)).collect(),
        None => std::env::vars_os().map(|(name, value)| join(&name, &value)).collect(),
    }
}

fn posix_spawn(
    command: &Command,
    stdio: &[Option<OwnedFd>; 3],
) -> Result<io::Result<libc::pid_t>, SpawnError> {
    let program = c_string(command.program.as_os_str())?;
    let directory =
        command.directory.as_ref().map(|path| c_string(path.as_os_str())).transpose()?;
    let argv0 = command.argv0.clone().unwrap_or_else(|| command.program.clone().into_os_string());
    let argv = Texts::new([argv0].into_iter().chain(command.args.iter().cloned()))?;
    let envp = Texts::new(environment(command))?;
    let sources: [Option<RawFd>; 3] =
        [0, 1, 2].map(|index: usize| stdio[index].as_ref().map(AsRawFd::as_raw_fd));
    let spawned = (|| {
        let mut actions = Actions::new()?;
        if let Some(directory) = &directory {
            actions.chdir(directory)?;
        }
        for (target, source) in sources.iter().enumerate() {
            if let Some(source) = source {
                actions.dup(*source, target as RawFd)?;
            }
        }
        let attributes = Attributes::new(command.new_session)?;
        let mut pid = 0;
        // SAFETY: every pointer is to a live value: the texts and arrays are owned above and end
        // in null, the actions and attributes are initialized.
        check(unsafe {
            libc::posix_spawnp(
                &raw mut pid,
                program.as_ptr(),
                &raw const actions.0,
                &raw const attributes.0,
                argv.pointers.as_ptr(),
                envp.pointers.as_ptr(),
            )
        })?;
        Ok(pid)
    })();
    Ok(spawned)
}

/// These functions return their error instead of setting `errno`.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// What the child does before it runs the program.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        // SAFETY: a C struct of integers and pointers, for which zeros are valid; `init` fills it.
        let mut actions = Self(unsafe { std::mem::zeroed() });
        // SAFETY: the pointer is to a live value, which `init` is there to initialize.
        check(unsafe { libc::posix_spawn_file_actions_init(&raw mut actions.0) })?;
        Ok(actions)
    }

    fn chdir(&mut self, directory: &CString) -> io::Result<()> {
        // SAFETY: initialized by `new`; the text is copied.
        check(unsafe {
            libc::posix_spawn_file_actions_addchdir_np(&raw mut self.0, directory.as_ptr())
        })
    }

    fn dup(&mut self, source: RawFd, target: RawFd) -> io::Result<()> {
        // SAFETY: initialized by `new`; bad descriptors are reported, not used.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, source, target) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialized by `new`, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// The state in which the child starts.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new(new_session: bool) -> io::Result<Self> {
        // SAFETY: as for `Actions::new`.
        let mut attributes = Self(unsafe { std::mem::zeroed() });
        // SAFETY: the pointer is to a live value, which `init` is there to initialize.
        check(unsafe { libc::posix_spawnattr_init(&raw mut attributes.0) })?;
        // Signals are blocked or ignored for our own reasons, which are not the child's.
        let mut flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        let none = nix::sys::signal::SigSet::empty();
        let mut defaults = nix::sys::signal::SigSet::empty();
        defaults.add(Signal::SIGPIPE);
        if new_session {
            flags |= i32::from(libc::POSIX_SPAWN_SETSID);
        }
        // SAFETY: initialized above; the signal sets are copied.
        unsafe {
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ref()))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, defaults.as_ref()))?;
            // The flags are small, the parameter is a short for reasons of history.
            check(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags as libc::c_short))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialized by `new`, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

fn fork(command: &Command, stdio: [Option<OwnedFd>; 3]) -> io::Result<libc::pid_t> {
    let mut std_command = process::Command::new(&command.program);
    std_command.args(&command.args);
    if let Some(name) = &command.argv0 {
        std_command.arg0(name);
    }
    if let Some(variables) = &command.env {
        std_command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    }
    if let Some(directory) = &command.directory {
        std_command.current_dir(directory);
    }
    let [stdin, stdout, stderr] =
        stdio.map(|stream| stream.map_or_else(process::Stdio::inherit, process::Stdio::from));
    std_command.stdin(stdin).stdout(stdout).stderr(stderr);
    let new_session = command.new_session;
    let death_signal = command.parent_death_signal;
    let identity = command.identity.clone();
    let parent = nix::unistd::getpid();
    // SAFETY: the closure only makes system calls and allocates nothing, as is needed between fork
    // and exec in a program with threads.
    unsafe {
        std_command.pre_exec(move || {
            if new_session {
                nix::unistd::setsid()?;
            }
            if let Some(identity) = &identity {
                become_user(identity)?;
            }
            if let Some(signal) = death_signal {
                // After the change of user, which takes the setting back.
                nix::sys::prctl::set_pdeathsig(signal)?;
                // The parent may have ended before the setting took effect.
                if nix::unistd::getppid() != parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
            }
            Ok(())
        });
    }
    // Dropping the standard library's handle neither kills nor reaps; `Child` does that.
    let child = std_command.spawn()?;
    libc::pid_t::try_from(child.id()).map_err(io::Error::other)
}

/// Gives up every right that `identity` does not have; the order matters, since the last step also
/// gives up the right to do the others.
fn become_user(identity: &Identity) -> io::Result<()> {
    // SAFETY: the pointer and length are those of one live slice.
    let result = unsafe { libc::setgroups(identity.groups.len(), identity.groups.as_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    nix::unistd::setgid(identity.gid.into())?;
    nix::unistd::setuid(identity.uid.into())?;
    Ok(())
}

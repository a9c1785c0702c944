//! The first process of a nested or standalone container: `mesos container-init`.
//!
//! ```text
//!   start the command ──▶ pass signals on, reap orphans ──▶ the command ends
//!                              write its wait status ◀──────────┘
//!                              kill what it left behind, exit
//! ```
//!
//! It exists because the wait status of the command must outlive the agent: the agent that starts
//! it may be gone when the command ends (row CT-14). The status goes to the file that is its
//! standard input, which the agent has opened: it may run as a user that could not open it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode, ExitStatus};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

use super::tree;

/// The argument after which the container's own command line begins: the program, its own name,
/// its arguments.
pub const SEPARATOR: &str = "--";
/// The argument that has everything killed when [`AGENT_DIED`] comes, and the command when this
/// program is killed.
pub const DIE_WITH_AGENT: &str = "--die-with-agent";
/// The signal by which the system says that the agent is no more. Nobody else has a use for it.
pub const AGENT_DIED: Signal = Signal::SIGPWR;
/// The argument that limits a resource: `--rlimit=NAME:SOFT:HARD`.
pub const RLIMIT: &str = "--rlimit=";

/// The wait status of a command that could not be started: it exited with 1.
const FAILED: i32 = 1 << 8;
/// How often what is left of a container is searched for survivors.
const ROUNDS: usize = 100;

/// What the command line says.
#[derive(Debug, Default)]
struct Options {
    die_with_agent: bool,
    rlimits: Vec<(Resource, rlim_t, rlim_t)>,
    command: Vec<OsString>,
}

/// The whole of `mesos container-init`. `arguments` are those that follow that word.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let status = take_status_file();
    let ended = parse(arguments).and_then(run);
    let raw = match ended {
        Ok(status) => status.into_raw(),
        Err(error) => {
            eprintln!("{error}");
            FAILED
        }
    };
    match status.and_then(|mut file| write!(file, "{raw}")) {
        Ok(()) => {}
        Err(error) => eprintln!("cannot write down how the container ended: {error}"),
    }
    kill_the_rest();
    let ended = ExitStatus::from_raw(raw);
    let code = ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Takes the status file from the place of the standard input, which the command must not find it
/// in.
fn take_status_file() -> io::Result<File> {
    let status: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let nothing = File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&nothing)?;
    Ok(File::from(status))
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments;
    for argument in arguments.by_ref() {
        match argument.to_str() {
            Some(SEPARATOR) => break,
            Some(DIE_WITH_AGENT) => options.die_with_agent = true,
            Some(text) if text.starts_with(RLIMIT) => {
                options.rlimits.push(rlimit(&text[RLIMIT.len()..])?);
            }
            _ => return Err(format!("unknown argument {argument:?} of container-init")),
        }
    }
    options.command = arguments.collect();
    Ok(options)
}

fn rlimit(text: &str) -> Result<(Resource, rlim_t, rlim_t), String> {
    let wrong = || format!("'{text}' is not the limit of a resource");
    let mut parts = text.split(':');
    let mut next = || parts.next().ok_or_else(wrong);
    let resource = resource(next()?).ok_or_else(wrong)?;
    let (soft, hard) =
        (next()?.parse().map_err(|_| wrong())?, next()?.parse().map_err(|_| wrong())?);
    Ok((resource, soft, hard))
}

/// The resource with Mesos's name.
fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "RLMT_AS" => Resource::RLIMIT_AS,
        "RLMT_CORE" => Resource::RLIMIT_CORE,
        "RLMT_CPU" => Resource::RLIMIT_CPU,
        "RLMT_DATA" => Resource::RLIMIT_DATA,
        "RLMT_FSIZE" => Resource::RLIMIT_FSIZE,
        "RLMT_LOCKS" => Resource::RLIMIT_LOCKS,
        "RLMT_MEMLOCK" => Resource::RLIMIT_MEMLOCK,
        "RLMT_MSGQUEUE" => Resource::RLIMIT_MSGQUEUE,
        "RLMT_NICE" => Resource::RLIMIT_NICE,
        "RLMT_NOFILE" => Resource::RLIMIT_NOFILE,
        "RLMT_NPROC" => Resource::RLIMIT_NPROC,
        "RLMT_RSS" => Resource::RLIMIT_RSS,
        "RLMT_RTPRIO" => Resource::RLIMIT_RTPRIO,
        "RLMT_RTTIME" => Resource::RLIMIT_RTTIME,
        "RLMT_SIGPENDING" => Resource::RLIMIT_SIGPENDING,
        "RLMT_STACK" => Resource::RLIMIT_STACK,
        _ => return None,
    })
}

/// Runs the command to its end.
fn run(options: Options) -> Result<ExitStatus, String> {
    let [program, name, arguments @ ..] = options.command.as_slice() else {
        return Err("the container has no command".to_owned());
    };
    // Whatever the command starts and leaves behind comes to us, to be reaped and killed.
    prctl::set_child_subreaper(true)
        .map_err(|error| format!("cannot become the reaper of the container: {error}"))?;
    let signals = SigSet::all();
    signals.thread_block().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let mut command = Command::new(program);
    command.arg0(name).args(arguments);
    let (rlimits, die) = (options.rlimits.clone(), options.die_with_agent);
    // SAFETY: the closure only makes system calls and allocates nothing, as is needed between fork
    // and exec.
    unsafe {
        command.pre_exec(move || {
            // The command is not the one that waits for signals.
            SigSet::empty().thread_set_mask()?;
            for (resource, soft, hard) in &rlimits {
                setrlimit(*resource, *soft, *hard)?;
            }
            if die {
                prctl::set_pdeathsig(Signal::SIGKILL)?;
            }
            Ok(())
        });
    }
    let child = command
        .spawn()
        .map_err(|error| format!("Failed to execute '{}': {error}", program.to_string_lossy()))?;
    let child = Pid::from_raw(child.id().cast_signed());
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(status) = reap(Some(child)) {
                    return Ok(status);
                }
            }
            Ok(AGENT_DIED) if options.die_with_agent => {
                // Its end brings the end of everything else.
                let _ = kill(child, Signal::SIGKILL);
            }
            Ok(signal) => {
                // It may have ended; the next signal says so.
                let _ = kill(child, signal);
            }
            // A signal without a name is nothing that we could pass on.
            Err(_) => {}
        }
    }
}

/// Reaps whoever has ended. The wait status of `wanted`, if it is among them.
fn reap(wanted: Option<Pid>) -> Option<ExitStatus> {
    let mut found = None;
    loop {
        let mut raw = 0;
        // SAFETY: the pointer is to a live value.
        let pid = unsafe { nix::libc::waitpid(-1, &raw mut raw, nix::libc::WNOHANG) };
        if pid <= 0 {
            return found;
        }
        if wanted == Some(Pid::from_raw(pid)) {
            found = Some(ExitStatus::from_raw(raw));
        }
    }
}

/// Kills what the command has left behind, and waits for its end.
fn kill_the_rest() {
    for _ in 0..ROUNDS {
        let rest = tree::descendants(getpid().as_raw().cast_unsigned());
        if rest.is_empty() {
            return;
        }
        for pid in rest {
            // It may have ended meanwhile.
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        // Whoever is left becomes our child when its parent dies.
        while !matches!(waitpid(None, None::<WaitPidFlag>), Err(Errno::ECHILD)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_follows_the_separator() {
        let arguments =
            ["--rlimit=RLMT_NOFILE:10:20", "--die-with-agent", "--", "/bin/sh", "sh", "--x"];
        let options = parse(arguments.iter().map(OsString::from)).unwrap();
        assert!(options.die_with_agent);
        assert_eq!(options.rlimits, [(Resource::RLIMIT_NOFILE, 10, 20)]);
        assert_eq!(options.command, ["/bin/sh", "sh", "--x"]);
        assert!(parse(["-x"].iter().map(OsString::from)).is_err());
        assert!(parse(["--rlimit=RLMT_NOFILE:x:1"].iter().map(OsString::from)).is_err());
    }
}

//! Texts and lists of texts as the system takes them: prepared before the fork.

use super::command::{Command, SpawnError};
use nix::libc;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::ptr;

/// Where programs are searched when nobody says.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Texts as the system wants them, and the array of pointers to them, which ends in null.
pub(super) struct Texts {
    _texts: Vec<CString>,
    pub pointers: Vec<*const libc::c_char>,
}

impl Texts {
    fn new(texts: impl IntoIterator<Item = OsString>) -> Result<Self, SpawnError> {
        let texts: Vec<CString> =
            texts.into_iter().map(|text| c_string(&text)).collect::<Result<_, _>>()?;
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { _texts: texts, pointers })
    }

    /// The command line: the name that the program sees, and its arguments.
    pub fn arguments(command: &Command) -> Result<Self, SpawnError> {
        let program = || command.program.clone().into_os_string();
        let argv0 = command.argv0.clone().unwrap_or_else(program);
        Self::new([argv0].into_iter().chain(command.args.iter().cloned()))
    }

    /// The same for a shell that runs the program; the second place is for the program's path.
    pub fn shell_arguments(command: &Command) -> Result<Self, SpawnError> {
        let shell = ["/bin/sh".into(), OsString::new()];
        Self::new(shell.into_iter().chain(command.args.iter().cloned()))
    }

    /// The variables as `NAME=value`; without any of its own the command gets this process's.
    pub fn environment(command: &Command) -> Result<Self, SpawnError> {
        let join = |name: &OsStr, value: &OsStr| {
            let mut text = name.as_bytes().to_vec();
            text.push(b'=');
            text.extend_from_slice(value.as_bytes());
            OsString::from_vec(text)
        };
        match &command.env {
            Some(variables) => Self::new(variables.iter().map(|(name, value)| join(name, value))),
            None => Self::new(std::env::vars_os().map(|(name, value)| join(&name, &value))),
        }
    }
}

pub(super) fn c_string(text: &OsStr) -> Result<CString, SpawnError> {
    CString::new(text.as_bytes()).map_err(|_| SpawnError::Zero(text.to_owned()))
}

pub(super) fn c_path(path: &Path) -> Result<CString, SpawnError> {
    c_string(path.as_os_str())
}

/// The paths at which the program may be, in the order in which they are tried.
pub(super) fn candidates(command: &Command) -> Result<Vec<CString>, SpawnError> {
    let program = c_path(&command.program)?;
    if program.as_bytes().is_empty() || program.as_bytes().contains(&b'/') {
        return Ok(vec![program]);
    }
    let given = command.env.iter().flatten().rev().find(|(name, _)| name == "PATH");
    let path = given.map(|(_, value)| value.clone()).or_else(|| std::env::var_os("PATH"));
    let path = path.unwrap_or_else(|| DEFAULT_PATH.into());
    // An empty entry is the folder in which the program starts.
    std::env::split_paths(&path).map(|folder| c_path(&folder.join(&command.program))).collect()
}

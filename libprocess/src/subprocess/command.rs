//! What to start, and how.

use super::child::Child;
use super::hooks::{ChildHook, Namespace, ParentHook};
use super::spawn;
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where one of the three standard streams leads.
#[derive(Debug, Default)]
pub enum Stdio {
    /// Nowhere: reading ends at once, writing is forgotten.
    #[default]
    Null,
    /// Where this process's own leads.
    Inherit,
    /// A pipe; its other end is in [`Child`].
    Pipe,
    /// A file: read from for the input, appended to for outputs, which make it if it is missing.
    Path(PathBuf),
    /// A descriptor that is open already.
    Fd(OwnedFd),
}

impl Stdio {
    /// A file.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }
}

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The supplementary groups; all others are given up.
    pub groups: Vec<u32>,
}

/// Why a process was not started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// A stream could not be opened.
    #[error("cannot open {path} for {stream}")]
    Stream {
        /// The file.
        path: PathBuf,
        /// `stdin`, `stdout` or `stderr`.
        stream: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A pipe could not be made.
    #[error("cannot make a pipe for {stream}")]
    Pipe {
        /// `stdin`, `stdout` or `stderr`.
        stream: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A text holds a zero byte, which ends texts for the system.
    #[error("{0:?} holds a zero byte")]
    Zero(OsString),
    /// The system did not start it.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The child did not get into its namespaces.
    #[error("cannot start {program} in other namespaces ({namespaces})")]
    Namespaces {
        /// The program.
        program: PathBuf,
        /// Their names.
        namespaces: String,
        /// The cause.
        source: io::Error,
    },
    /// A hook in the parent failed; the child is gone.
    #[error("cannot {hook} before {program} starts")]
    ParentHook {
        /// What the hook was there for.
        hook: &'static str,
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A hook in the child failed.
    #[error("cannot {hook} before {program} starts")]
    ChildHook {
        /// What the hook was there for.
        hook: String,
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A process to be started.
#[derive(Debug)]
#[must_use = "a command does nothing until it is spawned"]
pub struct Command {
    pub(super) program: PathBuf,
    pub(super) argv0: Option<OsString>,
    pub(super) args: Vec<OsString>,
    /// `None` is the environment of this process.
    pub(super) env: Option<Vec<(OsString, OsString)>>,
    pub(super) directory: Option<PathBuf>,
    pub(super) stdio: [Stdio; 3],
    pub(super) new_session: bool,
    pub(super) identity: Option<Identity>,
    pub(super) parent_death_signal: Option<Signal>,
    pub(super) parent_hooks: Vec<ParentHook>,
    pub(super) child_hooks: Vec<ChildHook>,
    pub(super) last_hooks: Vec<ChildHook>,
    pub(super) new_namespaces: Vec<Namespace>,
    pub(super) joined_namespaces: Vec<(Namespace, OwnedFd)>,
}

impl Command {
    /// Starts `program` with this process's environment, and with streams that lead nowhere. When
    /// it holds no slash, it is searched in the `PATH` of the environment that it is given, or of
    /// this process where that has none. A file without a header is run by `/bin/sh`.
    pub fn new(program: impl AsRef<Path>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            argv0: None,
            args: Vec::new(),
            env: None,
            directory: None,
            stdio: [Stdio::Null, Stdio::Null, Stdio::Null],
            new_session: false,
            identity: None,
            parent_death_signal: None,
            parent_hooks: Vec::new(),
            child_hooks: Vec::new(),
            last_hooks: Vec::new(),
            new_namespaces: Vec::new(),
            joined_namespaces: Vec::new(),
        }
    }

    /// What the process sees as its own name, instead of the program.
    pub fn argv0(mut self, name: impl AsRef<OsStr>) -> Self {
        self.argv0 = Some(name.as_ref().to_owned());
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Starts with exactly these variables instead of this process's.
    pub fn env<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let owned = |(name, value): (N, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.env = Some(variables.into_iter().map(owned).collect());
        self
    }

    /// Starts in this folder.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Where the input comes from.
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.stdio[0] = stdin;
        self
    }

    /// Where the output goes.
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.stdio[1] = stdout;
        self
    }

    /// Where errors go.
    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.stdio[2] = stderr;
        self
    }

    /// Makes the process the leader of a new session and process group, away from the terminal.
    pub fn new_session(mut self) -> Self {
        self.new_session = true;
        self
    }

    /// Runs as somebody else; needs to be root.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sends the process a signal when the thread that starts it ends, which is why it should be
    /// started from a thread that lasts as long as the program.
    pub fn parent_death_signal(mut self, signal: Signal) -> Self {
        self.parent_death_signal = Some(signal);
        self
    }

    /// Runs `hook` in this process with the pid of the child, which waits: neither its child hooks
    /// nor its program have run. `name` says what for, in a form that fits behind "cannot". Hooks
    /// run in the order in which they were added; when one fails, the child is killed, and that is
    /// the error of [`Command::spawn`].
    pub fn parent_hook(
        mut self,
        name: &'static str,
        hook: impl FnOnce(i32) -> io::Result<()> + Send + 'static,
    ) -> Self {
        self.parent_hooks.push(ParentHook { name, run: Box::new(hook) });
        self
    }

    /// Has the child do something before it changes to its folder and its user, in the order in
    /// which hooks were added.
    pub fn child_hook(mut self, hook: ChildHook) -> Self {
        self.child_hooks.push(hook);
        self
    }

    /// Has the child do something once it is its user and in its folder, right before its program,
    /// in the order in which hooks were added: what only holds from then on, such as capabilities,
    /// or would keep the child from getting there.
    pub fn last_hook(mut self, hook: ChildHook) -> Self {
        self.last_hooks.push(hook);
        self
    }

    /// Starts it in namespaces of its own; needs to be root, but for those of users.
    pub fn new_namespaces(mut self, namespaces: impl IntoIterator<Item = Namespace>) -> Self {
        self.new_namespaces.extend(namespaces);
        self
    }

    /// Starts it in a namespace that exists; `fd` is an open file of `/proc/<pid>/ns`. Needs to be
    /// root.
    pub fn join_namespace(mut self, namespace: Namespace, fd: OwnedFd) -> Self {
        self.joined_namespaces.push((namespace, fd));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// See [`SpawnError`]. That the program does not exist or may not be run is an error here, not
    /// an exit status later.
    pub fn spawn(self) -> Result<Child, SpawnError> {
        spawn::spawn(self)
    }
}

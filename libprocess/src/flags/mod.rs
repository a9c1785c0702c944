//! Flags in the manner of Mesos: one declaration per program feeds the parser, `--help`, `/flags`
//! and shell completion (LP-36).
//!
//! ```
//! use libprocess::flags::{FlagSet, Invocation};
//! use std::time::Duration;
//!
//! libprocess::flags! {
//!     /// What the example understands.
//!     pub struct ExampleFlags {
//!         /// Port to listen on.
//!         port: u16 = "5050";
//!         /// How long to wait for a reply.
//!         reply_timeout: Duration = "10secs" { deprecated_names: &["answer_timeout"] };
//!         /// Name of the cluster.
//!         cluster: Option<String>;
//!     }
//! }
//!
//! let invocation = ExampleFlags::parse("MESOS_", ["--port=0"], []).unwrap();
//! let Invocation::Run(parsed) = invocation else { panic!("no help was asked for") };
//! assert_eq!(parsed.flags.port, 0);
//! assert_eq!(parsed.flags.reply_timeout, Duration::from_secs(10));
//! assert_eq!(parsed.flags.cluster, None);
//! ```
//!
//! A flag is given as `--name=value`, a boolean as `--name` or `--no-name`, or in the environment
//! as `MESOS_NAME=value`; the command line wins. A value `file:///path` stands for the content of
//! that file. Unknown flags, flags given twice and values that do not parse are errors, in the
//! words of Mesos, since scripts match them; [`FlagError::hint`] adds what to do next.
//!
//! Reading order: [`spec`] (what is known about a flag), [`value`] (types of values), [`parser`],
//! [`usage`] (`--help`), [`completion`], [`daemon`] (the flags of every daemon), [`standing`] (what
//! a daemon cannot follow yet).

pub mod completion;
pub mod daemon;
mod macros;
pub mod parser;
pub mod spec;
pub mod standing;
pub mod usage;
pub mod value;

pub use daemon::{DaemonError, DaemonFlags};
pub use parser::{FlagError, Loaded};
pub use spec::{Extra, Kind, Spec};
pub use value::FlagValue;

use std::collections::BTreeMap;

/// What a command line asks for.
#[derive(Debug)]
pub enum Invocation<T> {
    /// To run with these flags.
    Run(Box<Parsed<T>>),
    /// To print help (`--help`); asked for even where other flags are wrong.
    Help,
    /// To print the version (`--version`), where the program has that flag.
    Version,
}

/// Flags, and what else the command line held.
#[derive(Debug)]
pub struct Parsed<T> {
    /// The flags.
    pub flags: T,
    /// What the user should know, for example that a name is deprecated.
    pub warnings: Vec<String>,
    /// Arguments that are no flags, in order; everything after `--` is among them.
    pub positional: Vec<String>,
}

/// A set of flags; made by [`flags!`](crate::flags!).
pub trait FlagSet: Sized {
    /// Every flag of the set, in the order of declaration.
    fn specs() -> Vec<Spec>;

    /// Takes the values out of what was loaded.
    ///
    /// # Errors
    /// A value that does not parse, or a flag that is required and missing.
    fn from_loaded(loaded: &Loaded) -> Result<Self, FlagError>;

    /// Puts name and printed value of every flag that has a value into `values`.
    fn print_into(&self, values: &mut BTreeMap<String, String>);

    /// The values as `/flags` shows them.
    fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        self.print_into(&mut values);
        values
    }

    /// Reads a command line (without the program's name) and an environment.
    ///
    /// Only variables that start with `prefix` and continue with a known name in upper case count.
    ///
    /// # Errors
    /// See [`FlagError`].
    fn parse<A, E>(
        prefix: &str,
        arguments: A,
        environment: E,
    ) -> Result<Invocation<Self>, FlagError>
    where
        A: IntoIterator,
        A::Item: Into<String>,
        E: IntoIterator<Item = (String, String)>,
    {
        let specs = Self::specs();
        let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
        if parser::asks_for(&specs, &arguments, "help") {
            return Ok(Invocation::Help);
        }
        if parser::asks_for(&specs, &arguments, "version") {
            return Ok(Invocation::Version);
        }
        let mut loaded = parser::load(&specs, prefix, arguments, environment)?;
        let flags = Self::from_loaded(&loaded)?;
        let warnings = std::mem::take(&mut loaded.warnings);
        let positional = std::mem::take(&mut loaded.positional);
        Ok(Invocation::Run(Box::new(Parsed { flags, warnings, positional })))
    }

    /// Reads the command line and the environment of this process.
    ///
    /// # Errors
    /// See [`FlagError`].
    fn parse_process(prefix: &str) -> Result<Invocation<Self>, FlagError> {
        let arguments = std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned());
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            // A name or value that is not text cannot be a flag of ours.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::parse(prefix, arguments, environment)
    }

    /// The text of `--help`.
    fn usage(program: &str) -> String {
        usage::usage(program, &Self::specs())
    }
}

#[cfg(test)]
mod tests;

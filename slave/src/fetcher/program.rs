//! The process that fetches: `mesos fetcher`, or `mesos-fetcher`.
//!
//! The agent runs it as the task's user, so that nobody gets to read what is not theirs, and so
//! that what strangers send is taken apart without the rights of the agent. Its log is for the
//! task's owner and goes to the sandbox's stderr. It exits with 0 if it did everything, otherwise
//! with 1, at the first URI that fails.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::process::ExitCode;

use libprocess::logging::{self, LogConfig};

use super::info::{FetcherInfo, SIZES, Size, VARIABLE};
use super::retrieve::{Retriever, plain};

/// The argument by which the own program is this process.
pub const COMMAND: &str = "fetcher";
/// The name under which the own program is this process.
pub const NAME: &str = "mesos-fetcher";

/// The longest orders.
const MAX_INFO_BYTES: u64 = 64 * 1024 * 1024;

/// Why nothing is fetched.
#[derive(Debug, thiserror::Error)]
enum ProgramError {
    #[error("unknown argument {0:?} of {NAME}")]
    Argument(OsString),
    #[error("cannot read the fetcher info: {0}")]
    Read(#[source] io::Error),
    #[error("Failed to parse {VARIABLE}: {0}")]
    Parse(#[source] serde_json::Error),
    #[error("Missing sandbox directory")]
    NoSandbox,
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    #[error("cannot use the sandbox: {0}")]
    Sandbox(#[source] super::place::PlaceError),
    #[error("Failed to fetch '{uri}': {source}")]
    Fetch { uri: String, source: super::retrieve::RetrieveError },
}

/// The whole of `mesos fetcher`. `arguments` are those that follow that word.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let logging = LogConfig { program: NAME.to_owned(), ..LogConfig::default() };
    if let Err(error) = logging::init(logging) {
        eprintln!("{NAME}: {error}");
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), ProgramError> {
    let mut sizes = false;
    for argument in arguments {
        match argument.to_str() {
            Some(SIZES) => sizes = true,
            _ => return Err(ProgramError::Argument(argument)),
        }
    }
    let text = match std::env::var(VARIABLE) {
        Ok(text) => text,
        Err(_) => {
            let mut text = String::new();
            let mut input = io::stdin().lock().take(MAX_INFO_BYTES);
            input.read_to_string(&mut text).map_err(ProgramError::Read)?;
            text
        }
    };
    let info: FetcherInfo = serde_json::from_str(&text).map_err(ProgramError::Parse)?;
    let retriever = Retriever::new(&info).map_err(ProgramError::Start)?;
    if sizes {
        tell_sizes(&info, &retriever);
        return Ok(());
    }
    tracing::info!("Fetcher Info: {}", shown(info.clone()));
    fetch_all(&info, &retriever)
}

/// What is to be done, without passwords.
fn shown(mut info: FetcherInfo) -> String {
    for item in &mut info.items {
        item.uri.value = plain(&item.uri.value);
    }
    // It is made of texts and numbers: there is nothing that could fail.
    serde_json::to_string(&info).unwrap_or_default()
}

/// One line per item.
fn tell_sizes(info: &FetcherInfo, retriever: &Retriever) {
    for item in &info.items {
        let size = match retriever.size(&item.uri.value) {
            Ok(bytes) => Size::Bytes(bytes),
            Err(error) => Size::Error(error.to_string()),
        };
        // It is made of a number or a text: there is nothing that could fail.
        println!("{}", serde_json::to_string(&size).unwrap_or_default());
    }
}

fn fetch_all(info: &FetcherInfo, retriever: &Retriever) -> Result<(), ProgramError> {
    if info.sandbox_directory.as_os_str().is_empty() {
        return Err(ProgramError::NoSandbox);
    }
    let sandbox = super::place::Place::open(&info.sandbox_directory);
    let sandbox = sandbox.map_err(ProgramError::Sandbox)?;
    for item in &info.items {
        let uri = &item.uri.value;
        tracing::info!("Fetching URI '{}'", plain(uri));
        let path = retriever
            .fetch(item, info, &sandbox)
            .map_err(|source| ProgramError::Fetch { uri: plain(uri), source })?;
        tracing::info!("Fetched '{}' to '{}'", plain(uri), path.display());
    }
    let directory = info.sandbox_directory.display();
    tracing::info!("Successfully fetched all URIs into '{directory}'");
    Ok(())
}

//! Files that only the client of Hadoop can get (row FE-01): `hdfs://`, `s3://` and whatever it has
//! been set up for.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use libprocess::subprocess::{Child, Command, Signal, SpawnError, Stdio};

use super::end::describe;

/// What is kept of the client's output; the rest is read and forgotten.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

/// Why the client did not get a file. The words are Mesos's.
#[derive(Debug, thiserror::Error)]
pub enum HadoopError {
    /// It cannot be run.
    #[error("Failed to create HDFS client: Failed to exec hadoop subprocess: {0}")]
    Missing(#[source] SpawnError),
    /// It does not work.
    #[error("Failed to create HDFS client: Hadoop client is not available, {0}")]
    NotAvailable(String),
    /// It failed.
    #[error(
        "{what} failed: Unexpected result from the subprocess: status='{status}', stdout='{stdout}'"
    )]
    Failed {
        /// What it was to do.
        what: &'static str,
        /// How it ended.
        status: String,
        /// What it said.
        stdout: String,
    },
    /// It says something that makes no sense.
    #[error("Hadoop client could not determine size: Unexpected output format: '{0}'")]
    Output(String),
    /// It cannot be waited for.
    #[error("cannot wait for the hadoop subprocess: {0}")]
    Wait(#[source] std::io::Error),
}

/// The client.
#[derive(Debug)]
pub struct Hadoop {
    program: PathBuf,
}

impl Hadoop {
    /// The client of `HADOOP_HOME`, or the one that is on the `PATH`.
    ///
    /// # Errors
    /// It does not even tell its version.
    pub fn find() -> Result<Self, HadoopError> {
        let home = std::env::var_os("HADOOP_HOME").filter(|home| !home.is_empty());
        let program = match home {
            Some(home) => Path::new(&home).join("bin/hadoop"),
            None => PathBuf::from("hadoop"),
        };
        let hadoop = Self { program };
        let child = hadoop.start(&["version"]).map_err(HadoopError::Missing)?;
        let (status, _) = finish(child)?;
        if status.success() { Ok(hadoop) } else { Err(HadoopError::NotAvailable(describe(status))) }
    }

    /// Copies a file here; there must be none of this name.
    ///
    /// # Errors
    /// See [`HadoopError`].
    pub fn copy_to_local(&self, uri: &str, path: &Path) -> Result<(), HadoopError> {
        let path = path.to_string_lossy();
        self.run("HDFS copyToLocal", &["fs", "-copyToLocal", uri, &path]).map(drop)
    }

    /// How large a file is.
    ///
    /// # Errors
    /// See [`HadoopError`].
    pub fn size(&self, uri: &str) -> Result<u64, HadoopError> {
        let output = self.run("HDFS du", &["fs", "-du", uri])?;
        size_in(&output, uri).ok_or(HadoopError::Output(output))
    }

    fn run(&self, what: &'static str, arguments: &[&str]) -> Result<String, HadoopError> {
        let child = self.start(arguments).map_err(HadoopError::Missing)?;
        let (status, stdout) = finish(child)?;
        if status.success() {
            return Ok(stdout);
        }
        Err(HadoopError::Failed { what, status: describe(status), stdout })
    }

    /// Its complaints go where ours go. It dies with us.
    fn start(&self, arguments: &[&str]) -> Result<Child, SpawnError> {
        Command::new(&self.program)
            .argv0("hadoop")
            .args(arguments)
            .stdout(Stdio::Pipe)
            .stderr(Stdio::Inherit)
            .parent_death_signal(Signal::SIGKILL)
            .spawn()
    }
}

fn finish(mut child: Child) -> Result<(ExitStatus, String), HadoopError> {
    let mut kept = Vec::new();
    if let Some(stdout) = child.take_stdout() {
        let mut stdout = File::from(stdout);
        stdout.by_ref().take(MAX_OUTPUT_BYTES).read_to_end(&mut kept).map_err(HadoopError::Wait)?;
        std::io::copy(&mut stdout, &mut std::io::sink()).map_err(HadoopError::Wait)?;
    }
    let status = child.wait_blocking().map_err(HadoopError::Wait)?;
    Ok((status, String::from_utf8_lossy(&kept).into_owned()))
}

/// The size in the output of `du`: the line ends with the URI and starts with the number; warnings
/// may stand around it, and some versions have a further number between.
fn size_in(output: &str, uri: &str) -> Option<u64> {
    output.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = matches!(fields.len(), 2 | 3) && fields.last() == Some(&uri);
        is_it.then(|| fields.first()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_among_warnings() {
        let output = "WARN util.NativeCodeLoader: unable\n12 36  hdfs://h/a\n7 hdfs://h/b\n";
        assert_eq!(size_in(output, "hdfs://h/a"), Some(12));
        assert_eq!(size_in(output, "hdfs://h/b"), Some(7));
        assert_eq!(size_in(output, "hdfs://h/c"), None);
        assert_eq!(size_in("x hdfs://h/c", "hdfs://h/c"), None);
    }
}

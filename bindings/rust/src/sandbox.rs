//! Files in the sandboxes of tasks, read through the files API of their agents.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::SandboxError;
use crate::transport::Http;

/// How long reading one file may take in all.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The working directory of a task, on whichever machine it is.
///
/// Reading blocks, and may be done in callbacks.
#[derive(Debug, Clone)]
pub struct Sandbox {
    runtime: Handle,
    http: Http,
    agent: String,
    directory: String,
}

impl Sandbox {
    pub(crate) fn new(
        runtime: Handle,
        http: Http,
        agent: &str,
        framework: &str,
        executor: &str,
    ) -> Self {
        let directory = format!("/frameworks/{framework}/executors/{executor}/runs/latest");
        Self { runtime, http, agent: agent.to_owned(), directory }
    }

    /// A whole file, for example `stdout`, of at most `limit_bytes`.
    ///
    /// # Errors
    /// See [`SandboxError`]; an agent that has no such file answers 404.
    pub fn read(&self, name: &str, limit_bytes: usize) -> Result<Vec<u8>, SandboxError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let sandbox = self.clone();
        let path = format!("{}/{name}", self.directory);
        self.runtime.spawn(async move {
            let read = tokio::time::timeout(TIMEOUT, sandbox.fetch(&path, limit_bytes)).await;
            let result = read.unwrap_or_else(|_| {
                Err(sandbox.unreachable(&path, format!("not done within {TIMEOUT:?}")))
            });
            // Nobody waits any more if this fails.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(SandboxError::NotRunning))
    }

    async fn fetch(&self, path: &str, limit_bytes: usize) -> Result<Vec<u8>, SandboxError> {
        let unreachable = |reason| self.unreachable(path, reason);
        let mut answer = self.http.download(&self.agent, path).await.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(SandboxError::Refused {
                agent: self.agent.clone(),
                path: path.to_owned(),
                status: answer.status().as_u16(),
                text: answer.text(TIMEOUT).await,
            });
        }
        let too_long = || SandboxError::TooLong { path: path.to_owned(), limit_bytes };
        answer.bytes(limit_bytes).await.map_err(unreachable)?.ok_or_else(too_long)
    }

    fn unreachable(&self, path: &str, reason: String) -> SandboxError {
        SandboxError::Unreachable { agent: self.agent.clone(), path: path.to_owned(), reason }
    }
}

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
        let content = self.read_from(name, 0, limit_bytes.saturating_add(1))?;
        if content.len() > limit_bytes {
            return Err(SandboxError::TooLong { path: self.path(name), limit_bytes });
        }
        Ok(content)
    }

    /// What a file holds from `offset` on, at most `limit_bytes` of it; nothing where the file
    /// is not longer than `offset`. A caller that comes again with a growing offset follows the
    /// file.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn read_from(
        &self,
        name: &str,
        offset: u64,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, SandboxError> {
        if limit_bytes == 0 {
            return Ok(Vec::new());
        }
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let (sandbox, path) = (self.clone(), self.path(name));
        self.runtime.spawn(async move {
            let fetch = sandbox.fetch(&path, offset, limit_bytes);
            let result = tokio::time::timeout(TIMEOUT, fetch).await.unwrap_or_else(|_| {
                Err(sandbox.unreachable(&path, format!("not done within {TIMEOUT:?}")))
            });
            // Nobody waits any more if this fails.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or(Err(SandboxError::NotRunning))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    async fn fetch(
        &self,
        path: &str,
        offset: u64,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, SandboxError> {
        let unreachable = |reason| self.unreachable(path, reason);
        let last = offset.saturating_add(limit_bytes as u64 - 1);
        let answer = self.http.download(&self.agent, path, offset..=last).await;
        let mut answer = answer.map_err(unreachable)?;
        let skip = match answer.status().as_u16() {
            206 => 0,
            200 => offset,
            416 => return Ok(Vec::new()),
            status => {
                return Err(SandboxError::Refused {
                    agent: self.agent.clone(),
                    path: path.to_owned(),
                    status,
                    text: answer.text(TIMEOUT).await,
                });
            }
        };
        answer.bytes(skip, limit_bytes).await.map_err(unreachable)
    }

    fn unreachable(&self, path: &str, reason: String) -> SandboxError {
        SandboxError::Unreachable { agent: self.agent.clone(), path: path.to_owned(), reason }
    }
}

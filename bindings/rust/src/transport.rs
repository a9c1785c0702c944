//! HTTP requests to masters and agents, on `libprocess`'s client.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::{Buf, Bytes};
use libprocess::http::StatusCode;
use libprocess::http::client::{Client, ClientConfig, ClientError, RequestBuilder, Streaming};

use crate::codec::Encoding;

/// How much of an error's text is read.
const ERROR_TEXT_LIMIT_BYTES: usize = 64 * 1024;

/// Keeps connections and makes requests on them; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    inner: Streaming,
}

impl Http {
    /// Every request must be answered within `timeout`; the body of the answer may take longer.
    pub(crate) fn new(timeout: Duration) -> Self {
        let config = ClientConfig {
            connect_timeout: timeout,
            timeout: Some(timeout),
            ..ClientConfig::default()
        };
        Self { client: Client::with_config(config) }
    }

    /// Sends a call to a master.
    pub(crate) async fn post(
        &self,
        authority: &str,
        encoding: Encoding,
        stream_id: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let request = self
            .client
            .post(&format!("http://{authority}/api/v1/scheduler"))
            .header("Accept", encoding.media_type())
            .body(encoding.media_type(), body);
        send(match stream_id {
            Some(stream_id) => request.header("Mesos-Stream-Id", stream_id),
            None => request,
        })
        .await
    }

    /// Reads a part of a file by its path in an agent's files API. An agent that knows no ranges
    /// sends the whole file, with status 200 rather than 206.
    pub(crate) async fn download(
        &self,
        authority: &str,
        path: &str,
        part: RangeInclusive<u64>,
    ) -> Result<Answer, String> {
        let url = format!("http://{authority}/files/download");
        let range = format!("bytes={}-{}", part.start(), part.end());
        send(self.client.get(&url).query("path", path).header("Range", &range)).await
    }
}

async fn send(request: RequestBuilder) -> Result<Answer, String> {
    request.stream().await.map(|inner| Answer { inner }).map_err(|error| explain(&error))
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// A header of the answer, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.inner.header(name)
    }

    /// The next piece of the body, or none at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        self.inner.body.next().await.transpose().map_err(|error| explain(&error))
    }

    /// At most `limit_bytes` of the body, after the first `skip_bytes`.
    pub(crate) async fn bytes(
        &mut self,
        mut skip_bytes: u64,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, String> {
        let mut read = Vec::new();
        while let Some(mut piece) = self.next().await? {
            let skipped = usize::try_from(skip_bytes).unwrap_or(usize::MAX).min(piece.len());
            skip_bytes -= skipped as u64;
            piece.advance(skipped);
            piece.truncate(limit_bytes - read.len());
            read.extend_from_slice(&piece);
            if read.len() == limit_bytes {
                break;
            }
        }
        Ok(read)
    }

    /// The body of an error, as text. Failing to read it leaves it empty: the status says enough.
    pub(crate) async fn text(&mut self, timeout: Duration) -> String {
        let body = tokio::time::timeout(timeout, self.bytes(0, ERROR_TEXT_LIMIT_BYTES)).await;
        let octets = body.ok().and_then(Result::ok).unwrap_or_default();
        String::from_utf8_lossy(&octets).trim().to_owned()
    }
}

/// What really happened: the last of an error's causes. Callers say who was asked for what.
fn explain(error: &ClientError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

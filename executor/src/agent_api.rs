//! Calls to the agent's operator API: how the default executor makes containers.

use std::time::Duration;

use bytes::Bytes;
use libprocess::Upid;
use libprocess::http::client::{Client, ClientConfig, ClientError, ReceivedBody, RequestBuilder};
use mesos::json::{self, JsonError};
use mesos::v1::agent::{Call, Response};

/// The largest answer that is read.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There was no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The answer is no success.
    #[error("the agent answered {status}: {text}")]
    Status {
        /// The status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The answer is not what it should be.
    #[error("the agent's answer is not understood: {0}")]
    Answer(#[from] JsonError),
}

impl ApiError {
    /// Whether what the call was about is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// What an agent answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a success, empty if there is none.
    ///
    /// # Errors
    /// The answer is no success, or not to be understood.
    pub fn success(&self) -> Result<Response, ApiError> {
        match self.status {
            200..=299 if self.body.is_empty() => Ok(Response::default()),
            200..=299 => Ok(json::from_slice(&self.body, "Response")?),
            status => Err(ApiError::Status { status, text: self.text() }),
        }
    }
}

/// The operator API of one agent; cheap to clone.
#[derive(Debug, Clone)]
pub struct AgentApi {
    client: Client,
    url: String,
    authorization: Option<String>,
}

impl AgentApi {
    /// The API of this agent. The token is that of an executor, if agents demand one.
    pub fn new(agent: &Upid, token: Option<&str>) -> Self {
        let client = Client::with_config(ClientConfig {
            body_limit_bytes: ANSWER_BYTES,
            ..ClientConfig::default()
        });
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut api = Self { client, url: String::new(), authorization };
        api.follow(agent);
        api
    }

    /// Speaks to another agent from now on.
    pub fn follow(&mut self, agent: &Upid) {
        self.url = format!("http://{}/{}/api/v1", agent.address(), agent.id());
    }

    /// Makes a call. Any status is an answer; without a timeout it is waited for without end.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn call(
        &self,
        call: &Call,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(call).header("Accept", "application/json").timeout(timeout);
        let received = request.send().await?;
        Ok(Answer { status: received.status.as_u16(), body: received.body })
    }

    /// Makes a call that is answered with a stream of records, each JSON. The timeout is for the
    /// begin of the answer.
    ///
    /// # Errors
    /// There was no answer, or it is no success.
    pub async fn stream(&self, call: &Call, timeout: Duration) -> Result<ReceivedBody, ApiError> {
        let request = self
            .request(call)
            .header("Accept", "application/recordio")
            .header("Message-Accept", "application/json")
            .timeout(timeout);
        let answer = request.stream().await?;
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let body = answer.body.collect(ANSWER_BYTES).await?;
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(ApiError::Status { status, text });
        }
        Ok(answer.body)
    }

    fn request(&self, call: &Call) -> RequestBuilder {
        let request = self.client.post(&self.url).body("application/json", json::to_vec(call));
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_agent() {
        let mut api = AgentApi::new(&"slave(1)@127.0.0.1:5051".parse().unwrap(), Some("secret"));
        assert_eq!(api.url, "http://127.0.0.1:5051/slave(1)/api/v1");
        assert_eq!(api.authorization.as_deref(), Some("Bearer secret"));
        api.follow(&"slave(1)@[::1]:5052".parse().unwrap());
        assert_eq!(api.url, "http://[::1]:5052/slave(1)/api/v1");
    }

    #[test]
    fn answers_are_read() {
        let answer = |status, body: &'static str| Answer { status, body: Bytes::from(body) };
        assert_eq!(answer(202, "").success().unwrap(), Response::default());
        let error = answer(404, "nobody").success().unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "the agent answered 404: nobody");
        assert!(matches!(answer(200, "{").success(), Err(ApiError::Answer(_))));
        let read = answer(
            200,
            r#"{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":15}}"#,
        );
        let read = read.success().unwrap().wait_nested_container.unwrap();
        assert_eq!(read.exit_status, Some(15));
    }
}

//! What the agent's answers mean.

use super::core::{Found, Launched, Signalled, Waited};
use crate::agent_api::{Answer, ApiError};
use libprocess::http::client::ClientError;

/// An answer, or why there is none.
pub type Answered = Result<Answer, ClientError>;

/// An agent that recovers, or has just come up, answers so.
const NOT_READY: u16 = 503;

/// What became of a launch. 202 says that the container was there already: an earlier call has
/// made it whose answer was lost.
pub fn launched(answered: Answered) -> Launched {
    match answered {
        Ok(answer) if answer.status == NOT_READY => Launched::Unavailable(answer.text()),
        Ok(Answer { status: 200..=299, .. }) => Launched::Started,
        Ok(answer) => Launched::Refused(answer.text()),
        Err(error) if error.is_connect() => Launched::Unavailable(error.to_string()),
        Err(error) => Launched::Lost(error.to_string()),
    }
}

/// What the answer to a wait says that was not to be waited for: one that takes too long is that
/// the container runs.
pub fn found(answered: Answered) -> Found {
    match answered {
        Err(ClientError::Timeout { .. }) => Found::There,
        answered => match waited(answered) {
            Waited::Ended(_) => Found::There,
            Waited::Missing => Found::Missing,
            Waited::Unavailable(why) | Waited::Refused(why) => Found::Unavailable(why),
        },
    }
}

/// What became of a wait.
pub fn waited(answered: Answered) -> Waited {
    let answer = match answered {
        Ok(answer) if answer.status == NOT_READY => return Waited::Unavailable(answer.text()),
        Ok(answer) => answer,
        Err(error) => return Waited::Unavailable(error.to_string()),
    };
    match answer.success() {
        Ok(response) => Waited::Ended(response.wait_nested_container.unwrap_or_default()),
        Err(error) if error.is_not_found() => Waited::Missing,
        Err(error) => Waited::Refused(error.to_string()),
    }
}

/// What became of a signal.
pub fn signalled(answered: Answered) -> Signalled {
    match answered.map_err(ApiError::from).and_then(|answer| answer.success()) {
        Ok(_) => Signalled::Sent,
        Err(error) if error.is_not_found() => Signalled::Missing,
        Err(error) => Signalled::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, body: &'static str) -> Answered {
        Ok(Answer { status, body: Bytes::from(body) })
    }

    fn nobody() -> Answered {
        Err(ClientError::Header("x".to_owned()))
    }

    #[test]
    fn a_container_that_is_there_already_was_launched() {
        assert_eq!(launched(answer(200, "")), Launched::Started);
        assert_eq!(launched(answer(202, "")), Launched::Started);
        assert_eq!(launched(answer(400, "no")), Launched::Refused("no".to_owned()));
        assert_eq!(launched(answer(503, "wait")), Launched::Unavailable("wait".to_owned()));
        assert!(matches!(launched(nobody()), Launched::Lost(_)));
    }

    #[test]
    fn a_wait_that_takes_long_has_found_a_container() {
        let limit = std::time::Duration::from_secs(1);
        let late = Err(ClientError::Timeout { url: String::new(), limit });
        assert_eq!(found(late), Found::There);
        assert_eq!(found(answer(200, "{}")), Found::There);
        assert_eq!(found(answer(404, "")), Found::Missing);
        assert!(matches!(found(answer(503, "")), Found::Unavailable(_)));
        assert!(matches!(found(answer(500, "")), Found::Unavailable(_)));
        assert!(matches!(found(nobody()), Found::Unavailable(_)));
    }

    #[test]
    fn only_an_agent_that_is_ready_knows_the_end() {
        let body = r#"{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":9}}"#;
        let Waited::Ended(response) = waited(answer(200, body)) else { panic!() };
        assert_eq!(response.exit_status, Some(9));
        assert_eq!(waited(answer(404, "")), Waited::Missing);
        assert!(matches!(waited(answer(500, "oh")), Waited::Refused(_)));
        assert!(matches!(waited(answer(200, "{")), Waited::Refused(_)));
        assert!(matches!(waited(answer(503, "")), Waited::Unavailable(_)));
        assert!(matches!(waited(nobody()), Waited::Unavailable(_)));
    }

    #[test]
    fn a_signal_is_sent_or_not() {
        assert_eq!(signalled(answer(200, "")), Signalled::Sent);
        assert_eq!(signalled(answer(404, "gone")), Signalled::Missing);
        let failed = Signalled::Failed("the agent answered 503: later".to_owned());
        assert_eq!(signalled(answer(503, "later")), failed);
        assert!(matches!(signalled(nobody()), Signalled::Failed(_)));
    }
}

//! How calls come and answers go: one message, or a sequence of them framed as RecordIO.

use libprocess::http::{MediaType, Request, Response, header};

/// The media type of a sequence of messages.
pub(super) const RECORDIO: &str = "application/recordio";
/// Where requests and answers that are sequences say what their messages are.
pub(super) const MESSAGE_CONTENT_TYPE: &str = "Message-Content-Type";
/// Where a client says which messages it takes in a sequence.
const MESSAGE_ACCEPT: &str = "Message-Accept";

/// An answer, in a box: answers are large, and errors are rare.
pub(super) type Refusal = Box<Response>;

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It is one message.
    One(MediaType),
    /// It is a sequence of messages.
    Many(MediaType),
}

impl Content {
    /// How the body of this request is written.
    pub fn of(request: &Request) -> Result<Self, Refusal> {
        let expected = "application/json or application/msgpack";
        let content = request
            .header(header::CONTENT_TYPE)
            .ok_or_else(|| Response::bad_request("Expecting 'Content-Type' to be present"))?;
        let messages = request.header(MESSAGE_CONTENT_TYPE);
        if content != RECORDIO {
            let media = MediaType::named(content).ok_or_else(|| {
                Response::unsupported_media_type(format!(
                    "Expecting 'Content-Type' of {expected} or {RECORDIO}"
                ))
            })?;
            return match messages {
                None => Ok(Self::One(media)),
                Some(_) => Err(Box::new(Response::unsupported_media_type(format!(
                    "Expecting '{MESSAGE_CONTENT_TYPE}' to be not set for non-streaming requests"
                )))),
            };
        }
        let messages = messages.ok_or_else(|| {
            Response::bad_request(format!(
                "Expecting '{MESSAGE_CONTENT_TYPE}' to be set for streaming requests"
            ))
        })?;
        let media = MediaType::named(messages).ok_or_else(|| {
            Response::unsupported_media_type(format!(
                "Expecting '{MESSAGE_CONTENT_TYPE}' of {expected}"
            ))
        })?;
        Ok(Self::Many(media))
    }
}

/// How a client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accept {
    /// How messages are written.
    pub media: MediaType,
    /// Whether it asked for a sequence in so many words.
    pub many: bool,
}

impl Accept {
    /// How this client wants its answer; in JSON if it does not care.
    pub fn of(request: &Request) -> Result<Self, Refusal> {
        if let Some(media) = MediaType::preferred(request) {
            if request.headers.contains_key(MESSAGE_ACCEPT) {
                return Err(Box::new(Response::not_acceptable(format!(
                    "Expecting '{MESSAGE_ACCEPT}' to be not set for non-streaming responses"
                ))));
            }
            return Ok(Self { media, many: false });
        }
        let expected = "application/json or application/msgpack";
        if request.quality(RECORDIO) <= 0.0 {
            return Err(Box::new(Response::not_acceptable(format!(
                "Expecting 'Accept' to allow {expected} or {RECORDIO}"
            ))));
        }
        match request.header(MESSAGE_ACCEPT) {
            None => Ok(Self { media: MediaType::Json, many: true }),
            Some(text) => {
                let mut wanted = text.split(',').map(|one| one.split(';').next().unwrap_or(one));
                let media = wanted.find_map(|one| match one.trim() {
                    "*/*" | "application/*" => Some(MediaType::Json),
                    name => MediaType::named(name),
                });
                let refusal = || {
                    let text = format!("Expecting '{MESSAGE_ACCEPT}' to allow {expected}");
                    Box::new(Response::not_acceptable(text))
                };
                Ok(Self { media: media.ok_or_else(refusal)?, many: true })
            }
        }
    }

    /// The headers of an answer that is a sequence.
    pub fn stream_headers(self, response: Response) -> Response {
        match self.many {
            true => response
                .header(header::CONTENT_TYPE, RECORDIO)
                .header("message-content-type", self.media.name()),
            false => response.header(header::CONTENT_TYPE, self.media.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::http::Method;
    use libprocess::http::header::{HeaderName, HeaderValue};

    fn request(headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(Method::POST, "/api/v1");
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers.insert(name, HeaderValue::from_static(value));
        }
        request
    }

    #[test]
    fn a_body_is_one_message_or_many() {
        let of = |headers: &[_]| Content::of(&request(headers)).map_err(|refusal| refusal.status);
        let json = ("content-type", "application/json");
        assert_eq!(of(&[json]), Ok(Content::One(MediaType::Json)));
        let msgpack = ("content-type", "application/msgpack");
        assert_eq!(of(&[msgpack]), Ok(Content::One(MediaType::Msgpack)));
        let charset = ("content-type", "application/json; charset=utf-8");
        assert_eq!(of(&[charset]).unwrap_err().as_u16(), 415);
        assert_eq!(of(&[]).unwrap_err().as_u16(), 400);
        let messages = ("message-content-type", "application/json");
        assert_eq!(of(&[json, messages]).unwrap_err().as_u16(), 415);
        let many = ("content-type", "application/recordio");
        assert_eq!(of(&[many, messages]), Ok(Content::Many(MediaType::Json)));
        assert_eq!(of(&[many]).unwrap_err().as_u16(), 400);
    }

    #[test]
    fn the_client_chooses_how_it_is_answered() {
        let of = |headers: &[_]| Accept::of(&request(headers)).map_err(|refusal| refusal.status);
        let plain = |media| Ok(Accept { media, many: false });
        let accept = |value| ("accept", value);
        assert_eq!(of(&[]), plain(MediaType::Json));
        assert_eq!(of(&[accept("*/*")]), plain(MediaType::Json));
        assert_eq!(of(&[accept("application/msgpack")]), plain(MediaType::Msgpack));
        let list = accept("text/html,application/json;q=0.5");
        assert_eq!(of(&[list]), plain(MediaType::Json));
        assert_eq!(of(&[accept("text/html")]).unwrap_err().as_u16(), 406);
        let many = accept("application/recordio");
        let stream = |media| Ok(Accept { media, many: true });
        assert_eq!(of(&[many]), stream(MediaType::Json));
        let messages = |value| ("message-accept", value);
        let packed = messages("application/msgpack");
        assert_eq!(of(&[many, packed]), stream(MediaType::Msgpack));
        assert_eq!(of(&[many, messages("text/html")]).unwrap_err().as_u16(), 406);
        let json = accept("application/json");
        assert_eq!(of(&[json, packed]).unwrap_err().as_u16(), 406);
    }
}
